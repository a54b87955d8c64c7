#include "text.h"

#include <cstdint>

namespace backup {

namespace {

// The length of the sequence that starts with this byte, 0 if none does.
std::size_t sequence_length(unsigned char first) {
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xC2 && first <= 0xDF) {
        return 2;
    }
    if (first >= 0xE0 && first <= 0xEF) {
        return 3;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        return 4;
    }
    return 0;
}

}  // namespace

bool is_utf8(const std::string& text) {
    std::size_t at = 0;
    while (at < text.size()) {
        const auto first = static_cast<unsigned char>(text[at]);
        const std::size_t length = sequence_length(first);
        if (length == 0 || text.size() - at < length) {
            return false;
        }
        std::uint32_t point = length == 1 ? first : first & (0x7FU >> length);
        for (std::size_t i = 1; i < length; ++i) {
            const auto next = static_cast<unsigned char>(text[at + i]);
            if ((next & 0xC0U) != 0x80U) {
                return false;
            }
            point = (point << 6U) | (next & 0x3FU);
        }
        const bool overlong = (length == 3 && point < 0x800U) || (length == 4 && point < 0x10000U);
        const bool surrogate = point >= 0xD800U && point <= 0xDFFFU;
        if (overlong || surrogate || point > 0x10FFFFU) {
            return false;
        }
        at += length;
    }
    return true;
}

std::size_t count_characters(const std::string& text) {
    std::size_t count = 0;
    for (const char c : text) {
        if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) {
            ++count;
        }
    }
    return count;
}

std::string printable(const std::string& text) {
    static const char* const digits = "0123456789abcdef";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7F) {
            out += "\\x";
            out += digits[byte >> 4U];
            out += digits[byte & 0x0FU];
        } else {
            out += c;
        }
    }
    return out;
}

}  // namespace backup
