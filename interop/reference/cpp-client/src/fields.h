// What messages are made of (PROTOCOL.md 1): integers in the byte order of the dialect, client IDs, name
// fields.

#ifndef BACKUP_FIELDS_H
#define BACKUP_FIELDS_H

#include <cstddef>
#include <cstdint>
#include <string>

#include "bytes.h"
#include "dialect.h"

namespace backup {

constexpr std::uint8_t protocol_version = 3;
constexpr std::size_t wrapped_key_size = 128;
constexpr std::size_t block_size = 16;
constexpr std::size_t cksum_size = 4;  // of the integer; its field may be wider (2.7)

// The most bytes of text in a name field: one NUL follows (1.8).
std::size_t name_limit(const Dialect& dialect);

// A name field, padded with zeros. ProtocolError `empty-name`, `unterminated-name`, `name-not-utf8` if the
// text fits none.
Bytes encode_name(const Dialect& dialect, const std::string& name);

// The size of a header of so many bytes before its version, and of its payload size in so many bytes.
std::size_t header_size(const Dialect& dialect, std::size_t before, std::size_t size_width);

// Appends fields one after the other.
class Writer {
  public:
    explicit Writer(const Dialect& dialect) : dialect_(dialect) {}

    Writer& number(std::uint64_t value, std::size_t width) {
        return number(value, width, dialect_.byte_order);
    }
    Writer& number(std::uint64_t value, std::size_t width, ByteOrder order);
    // An integer of a header: at a multiple of its size, where the alignment is natural.
    Writer& header_number(std::uint64_t value, std::size_t width);
    Writer& name(const std::string& text) { return raw(encode_name(dialect_, text)); }
    Writer& zeros(std::size_t count);

    template <typename Container>
    Writer& raw(const Container& bytes) {
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
        return *this;
    }

    std::size_t size() const { return bytes_.size(); }
    Bytes take() { return std::move(bytes_); }

  private:
    const Dialect& dialect_;
    Bytes bytes_;
};

// Takes fields one after the other and never reads past the end: ProtocolError `truncated` instead.
class Reader {
  public:
    Reader(const Dialect& dialect, const Bytes& bytes) : dialect_(dialect), bytes_(bytes) {}

    Bytes raw(std::size_t size);
    std::uint8_t u8() { return static_cast<std::uint8_t>(number(1, dialect_.byte_order)); }
    std::uint16_t u16() { return u16(dialect_.byte_order); }
    std::uint16_t u16(ByteOrder order) { return static_cast<std::uint16_t>(number(2, order)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(number(4, dialect_.byte_order)); }
    // An integer of a header. What stands before it for the alignment is not looked at.
    std::uint32_t header_number(std::size_t width);
    ClientId client_id();
    // The text before the first NUL; what follows is ignored (1.8).
    std::string name();

    std::size_t rest() const { return bytes_.size() - at_; }
    // ProtocolError `trailing-data` if anything is left.
    void finish() const;

  private:
    std::uint64_t number(std::size_t width, ByteOrder order);

    const Dialect& dialect_;
    const Bytes& bytes_;
    std::size_t at_ = 0;
};

}  // namespace backup

#endif
