#include "fields.h"

#include <algorithm>

#include "errors.h"
#include "text.h"

namespace backup {

namespace {

// The zero bytes before an integer of a header (10.2, `alignment`).
std::size_t gap(const Dialect& dialect, std::size_t at, std::size_t width) {
    if (dialect.alignment == Alignment::packed) {
        return 0;
    }
    return (width - at % width) % width;
}

}  // namespace

std::size_t name_limit(const Dialect& dialect) {
    return dialect.name_width - 1;
}

Bytes encode_name(const Dialect& dialect, const std::string& name) {
    if (name.empty()) {
        throw ProtocolError("empty-name", "a name is empty");
    }
    if (name.size() > name_limit(dialect) || name.find('\0') != std::string::npos) {
        throw ProtocolError("unterminated-name", "a name has a NUL or more than " +
                                                     std::to_string(name_limit(dialect)) + " bytes");
    }
    if (!is_utf8(name)) {
        throw ProtocolError("name-not-utf8", "a name is not UTF-8");
    }
    Bytes field(name.begin(), name.end());
    field.resize(dialect.name_width, 0);
    return field;
}

std::size_t header_size(const Dialect& dialect, std::size_t before, std::size_t size_width) {
    std::size_t size = before;
    for (const std::size_t width : {std::size_t{1}, std::size_t{2}, size_width}) {
        size += gap(dialect, size, width) + width;
    }
    return size;
}

// --- Writer ---

Writer& Writer::number(std::uint64_t value, std::size_t width, ByteOrder order) {
    for (std::size_t i = 0; i < width; ++i) {
        const std::size_t place = order == ByteOrder::little ? i : width - 1 - i;
        bytes_.push_back(static_cast<Byte>(value >> (8U * place)));
    }
    return *this;
}

Writer& Writer::header_number(std::uint64_t value, std::size_t width) {
    return zeros(gap(dialect_, bytes_.size(), width)).number(value, width);
}

Writer& Writer::zeros(std::size_t count) {
    bytes_.resize(bytes_.size() + count, 0);
    return *this;
}

// --- Reader ---

Bytes Reader::raw(std::size_t size) {
    if (rest() < size) {
        throw ProtocolError("truncated", "the bytes end inside a field of " + std::to_string(size));
    }
    const auto from = bytes_.begin() + static_cast<std::ptrdiff_t>(at_);
    at_ += size;
    return Bytes(from, from + static_cast<std::ptrdiff_t>(size));
}

// At most 8 bytes.
std::uint64_t Reader::number(std::size_t width, ByteOrder order) {
    const Bytes field = raw(width);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < width; ++i) {
        const std::size_t place = order == ByteOrder::big ? i : width - 1 - i;
        value = (value << 8U) | field[place];
    }
    return value;
}

std::uint32_t Reader::header_number(std::size_t width) {
    raw(gap(dialect_, at_, width));
    return static_cast<std::uint32_t>(number(width, dialect_.byte_order));
}

ClientId Reader::client_id() {
    const Bytes field = raw(client_id_size);
    ClientId id{};
    std::copy(field.begin(), field.end(), id.begin());
    return id;
}

std::string Reader::name() {
    const Bytes field = raw(dialect_.name_width);
    const auto end = std::find(field.begin(), field.end(), Byte{0});
    if (end == field.end()) {
        throw ProtocolError("unterminated-name", "a name field has no NUL");
    }
    const std::string text(field.begin(), end);
    if (text.empty()) {
        throw ProtocolError("empty-name", "a name field begins with its NUL");
    }
    if (!is_utf8(text)) {
        throw ProtocolError("name-not-utf8", "the text of a name field is not UTF-8");
    }
    return text;
}

void Reader::finish() const {
    if (rest() != 0) {
        throw ProtocolError("trailing-data", std::to_string(rest()) + " bytes follow the last field");
    }
}

}  // namespace backup
