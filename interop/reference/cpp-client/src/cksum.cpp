#include "cksum.h"

#include <array>

namespace backup {

namespace {

using Table = std::array<std::uint32_t, 256>;

// The CRC of each byte value, most significant bit first, in a register of `width` bits.
Table make_table(unsigned width, std::uint32_t polynomial) {
    const std::uint32_t top = 1U << (width - 1);
    const std::uint32_t mask = top | (top - 1);
    Table table{};
    for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
        std::uint32_t crc = byte << (width - 8);
        for (int bit = 0; bit < 8; ++bit) {
            const bool carry = (crc & top) != 0;
            crc = (crc << 1U) & mask;
            if (carry) {
                crc ^= polynomial;
            }
        }
        table[byte] = crc;
    }
    return table;
}

// The same, least significant bit first; the polynomial is reflected too.
Table make_reflected_table(std::uint32_t polynomial) {
    Table table{};
    for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
        std::uint32_t crc = byte;
        for (int bit = 0; bit < 8; ++bit) {
            const bool carry = (crc & 1U) != 0;
            crc >>= 1U;
            if (carry) {
                crc ^= polynomial;
            }
        }
        table[byte] = crc;
    }
    return table;
}

std::uint32_t posix_step(std::uint32_t crc, Byte byte) {
    static const Table table = make_table(32, 0x04C11DB7U);
    return (crc << 8U) ^ table[(crc >> 24U) ^ byte];
}

std::uint32_t zlib_step(std::uint32_t crc, Byte byte) {
    static const Table table = make_reflected_table(0xEDB88320U);
    return (crc >> 8U) ^ table[(crc ^ byte) & 0xFFU];
}

std::uint32_t crc8_step(std::uint32_t crc, Byte byte) {
    static const Table table = make_table(8, 0x07U);
    return table[crc ^ byte];
}

template <typename Step>
std::uint32_t run(std::uint32_t crc, const Byte* data, std::size_t size, const Step& step) {
    for (std::size_t i = 0; i < size; ++i) {
        crc = step(crc, data[i]);
    }
    return crc;
}

}  // namespace

Cksum::Cksum(Checksum kind) : kind_(kind), crc_(kind == Checksum::zlib ? UINT32_MAX : 0) {}

void Cksum::update(const Byte* data, std::size_t size) {
    length_ += size;
    switch (kind_) {
        case Checksum::posix:
            crc_ = run(crc_, data, size, posix_step);
            break;
        case Checksum::zlib:
            crc_ = run(crc_, data, size, zlib_step);
            break;
        case Checksum::crc8:
            crc_ = run(crc_, data, size, crc8_step);
            break;
    }
}

std::uint32_t Cksum::value() const {
    switch (kind_) {
        case Checksum::posix: {
            // The length follows the data, least significant byte first, in as few bytes as it takes.
            std::uint32_t crc = crc_;
            for (std::uint64_t rest = length_; rest != 0; rest >>= 8U) {
                crc = posix_step(crc, static_cast<Byte>(rest & 0xFFU));
            }
            return ~crc;
        }
        case Checksum::zlib:
            return ~crc_;
        case Checksum::crc8:
            return crc_;
    }
    return crc_;
}

}  // namespace backup
