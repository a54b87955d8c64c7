// What the tests of requests and of responses share: bytes cut up, checks of a whole message, hex.

#ifndef BACKUP_TESTS_MESSAGE_PARTS_H
#define BACKUP_TESTS_MESSAGE_PARTS_H

#include <algorithm>

#include "errors.h"
#include "vectors.h"

namespace backup {
namespace tests {

// One decoded message: its fields as the vectors have them, and what its fields encode to.
struct Decoded {
    json fields;
    Bytes encoded;
};

// The first `count` bytes, which must be there: check 1 of a whole message.
inline Bytes head_of(const Bytes& bytes, std::size_t count) {
    if (bytes.size() < count) {
        throw ProtocolError("truncated", "the header is not there");
    }
    return Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
}

// As much of a part as is there.
inline Bytes slice(const Bytes& bytes, std::size_t from, std::uint64_t size) {
    const std::size_t end = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), from + size));
    return Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(std::min(from, end)),
                 bytes.begin() + static_cast<std::ptrdiff_t>(end));
}

inline Bytes joined(Bytes first, const Bytes& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

inline void check_size(const Bytes& input, std::uint64_t message_size) {
    if (input.size() < message_size) {
        throw ProtocolError("truncated", "the message is not all there");
    }
    if (input.size() > message_size) {
        throw ProtocolError("trailing-data", "something follows the message");
    }
}

}  // namespace tests
}  // namespace backup

#endif
