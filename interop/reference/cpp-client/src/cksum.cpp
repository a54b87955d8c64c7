#include "cksum.h"

#include <array>

namespace backup {

namespace {

// The CRC of each byte value, most significant bit first, polynomial 0x04C11DB7.
std::array<std::uint32_t, 256> make_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
        std::uint32_t crc = byte << 24U;
        for (int bit = 0; bit < 8; ++bit) {
            const bool carry = (crc & 0x80000000U) != 0;
            crc <<= 1U;
            if (carry) {
                crc ^= 0x04C11DB7U;
            }
        }
        table[byte] = crc;
    }
    return table;
}

std::uint32_t step(std::uint32_t crc, Byte byte) {
    static const std::array<std::uint32_t, 256> table = make_table();
    return (crc << 8U) ^ table[(crc >> 24U) ^ byte];
}

}  // namespace

void Cksum::update(const Byte* data, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
        crc_ = step(crc_, data[i]);
    }
    length_ += size;
}

std::uint32_t Cksum::value() const {
    // The length follows the data, least significant byte first, in as few bytes as it takes.
    std::uint32_t crc = crc_;
    for (std::uint64_t rest = length_; rest != 0; rest >>= 8U) {
        crc = step(crc, static_cast<Byte>(rest & 0xFFU));
    }
    return ~crc;
}

}  // namespace backup
