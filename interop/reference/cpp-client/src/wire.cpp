#include "wire.h"

#include <algorithm>

#include "errors.h"
#include "text.h"

namespace backup {

namespace {

// Appends fields one after the other.
class Writer {
  public:
    Writer& number(std::uint64_t value, std::size_t width) {
        for (std::size_t i = 0; i < width; ++i) {
            bytes_.push_back(static_cast<Byte>(value & 0xFFU));
            value >>= 8U;
        }
        return *this;
    }

    template <typename Container>
    Writer& raw(const Container& bytes) {
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
        return *this;
    }

    Writer& name(const std::string& text) { return raw(encode_name(text)); }

    Bytes take() { return std::move(bytes_); }

  private:
    Bytes bytes_;
};

// Takes fields one after the other and never reads past the end.
class Reader {
  public:
    explicit Reader(const Bytes& bytes) : bytes_(bytes) {}

    Bytes raw(std::size_t size) {
        if (bytes_.size() - at_ < size) {
            throw ProtocolError("truncated", "the bytes end inside a field of " + std::to_string(size));
        }
        const auto from = bytes_.begin() + static_cast<std::ptrdiff_t>(at_);
        at_ += size;
        return Bytes(from, from + static_cast<std::ptrdiff_t>(size));
    }

    // At most 8 bytes.
    std::uint64_t number(std::size_t width) {
        const Bytes field = raw(width);
        std::uint64_t value = 0;
        for (std::size_t i = field.size(); i > 0; --i) {
            value = (value << 8U) | field[i - 1];
        }
        return value;
    }

    std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
    std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }

    ClientId client_id() {
        const Bytes field = raw(client_id_size);
        ClientId id{};
        std::copy(field.begin(), field.end(), id.begin());
        return id;
    }

    // 1.8: what follows the first NUL is ignored.
    std::string name() {
        const Bytes field = raw(name_field_size);
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

    std::size_t rest() const { return bytes_.size() - at_; }

    void finish() const {
        if (rest() != 0) {
            throw ProtocolError("trailing-data", std::to_string(rest()) + " bytes follow the last field");
        }
    }

  private:
    const Bytes& bytes_;
    std::size_t at_ = 0;
};

std::size_t id_in_payload(const Dialect& dialect) {
    return dialect.client_id_in_payload ? client_id_size : 0;
}

// 2.2: the client ID of a payload repeats that of its header. Without one the header's is the client's.
ClientId take_client_id(Reader& reader, const Dialect& dialect, const RequestHeader& header) {
    if (!dialect.client_id_in_payload) {
        return header.client_id;
    }
    const ClientId id = reader.client_id();
    if (id != header.client_id) {
        throw ProtocolError("client-id-mismatch", "the client IDs of header and payload differ");
    }
    return id;
}

ProtocolError bad_payload_size(std::uint32_t size) {
    return ProtocolError("payload-size",
                         "no message with this code has a payload of " + std::to_string(size) + " bytes");
}

}  // namespace

// --- Headers ---

std::size_t response_header_size(const Dialect& dialect) {
    return 1 + 2 + dialect.response_size_width;
}

Bytes encode(const RequestHeader& header) {
    return Writer()
        .raw(header.client_id)
        .number(header.version, 1)
        .number(header.code, 2)
        .number(header.payload_size, 4)
        .take();
}

RequestHeader decode_request_header(const Bytes& bytes) {
    Reader reader(bytes);
    RequestHeader header{};
    header.client_id = reader.client_id();
    header.version = reader.u8();
    header.code = reader.u16();
    header.payload_size = reader.u32();
    reader.finish();
    return header;
}

Bytes encode(const Dialect& dialect, const ResponseHeader& header) {
    return Writer()
        .number(header.version, 1)
        .number(header.code, 2)
        .number(header.payload_size, dialect.response_size_width)
        .take();
}

ResponseHeader decode_response_header(const Dialect& dialect, const Bytes& bytes) {
    Reader reader(bytes);
    ResponseHeader header{};
    header.version = reader.u8();
    header.code = reader.u16();
    header.payload_size = static_cast<std::uint32_t>(reader.number(dialect.response_size_width));
    reader.finish();
    return header;
}

void check_payload_size(const Dialect& dialect, Request kind, std::uint32_t size) {
    bool possible = false;
    switch (kind) {
        case Request::register_client:
            possible = size == name_field_size;
            break;
        case Request::send_public_key:
            possible = size == name_field_size + public_key_size;
            break;
        case Request::send_file:
            possible = size >= send_file_fixed_size(dialect);
            break;
        case Request::cksum_right:
        case Request::cksum_wrong:
        case Request::give_up:
            possible = size == id_in_payload(dialect) + name_field_size;
            break;
    }
    if (!possible) {
        throw bad_payload_size(size);
    }
}

void check_payload_size(const Dialect& dialect, Response kind, std::uint32_t size) {
    bool possible = false;
    switch (kind) {
        case Response::registered:
            possible = size == client_id_size;
            break;
        case Response::refused:
        case Response::acknowledged:
            possible = size == 0 || size == client_id_size;
            break;
        case Response::aes_key:
            possible = size == client_id_size + wrapped_key_size;
            break;
        case Response::file_received:
            possible = size == client_id_size + 4 + name_field_size + dialect.cksum_width;
            break;
    }
    if (!possible) {
        throw bad_payload_size(size);
    }
}

// --- Request payloads ---

std::size_t send_file_fixed_size(const Dialect& dialect) {
    return id_in_payload(dialect) + 4 + name_field_size;
}

std::uint64_t largest_content(const Dialect& dialect) {
    const std::uint64_t room = UINT32_MAX - send_file_fixed_size(dialect);
    return room - room % block_size;
}

std::uint64_t largest_file(const Dialect& dialect) {
    return largest_content(dialect) - 1;
}

std::uint64_t content_size_of(std::uint64_t file_size) {
    return file_size - file_size % block_size + block_size;
}

Bytes encode_register(const std::string& name) {
    return encode_name(name);
}

std::string decode_register(const Bytes& payload) {
    Reader reader(payload);
    const std::string name = reader.name();
    reader.finish();
    return name;
}

Bytes encode(const SendPublicKey& message) {
    return Writer().name(message.name).raw(message.public_key).take();
}

SendPublicKey decode_send_public_key(const Bytes& payload) {
    Reader reader(payload);
    SendPublicKey message;
    message.name = reader.name();
    message.public_key = reader.raw(public_key_size);
    reader.finish();
    return message;
}

Bytes encode(const Dialect& dialect, const SendFile& message) {
    Writer writer;
    if (dialect.client_id_in_payload) {
        writer.raw(message.client_id);
    }
    return writer.number(message.content_size, 4).name(message.name).take();
}

SendFile decode_send_file(const Dialect& dialect, const RequestHeader& header, const Bytes& fixed) {
    Reader reader(fixed);
    SendFile message;
    message.client_id = take_client_id(reader, dialect, header);
    message.content_size = reader.u32();
    if (header.payload_size != send_file_fixed_size(dialect) + std::uint64_t{message.content_size}) {
        throw ProtocolError("content-size-mismatch", "payload size and content size contradict each other");
    }
    if (message.content_size == 0 || message.content_size % block_size != 0) {
        throw ProtocolError("content-not-blocks", "the content is not one or more whole blocks");
    }
    message.name = reader.name();
    reader.finish();
    return message;
}

Bytes encode(const Dialect& dialect, const Verdict& message) {
    Writer writer;
    if (dialect.client_id_in_payload) {
        writer.raw(message.client_id);
    }
    return writer.name(message.name).take();
}

Verdict decode_verdict(const Dialect& dialect, const RequestHeader& header, const Bytes& payload) {
    Reader reader(payload);
    Verdict message;
    message.client_id = take_client_id(reader, dialect, header);
    message.name = reader.name();
    reader.finish();
    return message;
}

Bytes encode_request(const Dialect& dialect, Request kind, const ClientId& client_id, const Bytes& payload,
                     std::uint32_t content_size) {
    const std::uint64_t payload_size = payload.size() + std::uint64_t{content_size};
    if (payload_size > UINT32_MAX) {
        throw bad_payload_size(UINT32_MAX);
    }
    RequestHeader header{};
    header.client_id = client_id;
    header.version = protocol_version;
    header.code = dialect.code(kind);
    header.payload_size = static_cast<std::uint32_t>(payload_size);
    return Writer().raw(encode(header)).raw(payload).take();
}

// --- Response payloads ---

Bytes encode_registered(const ClientId& client_id) {
    return Bytes(client_id.begin(), client_id.end());
}

ClientId decode_registered(const Bytes& payload) {
    Reader reader(payload);
    const ClientId id = reader.client_id();
    reader.finish();
    return id;
}

Bytes encode(const Dialect& dialect, const RefusedMessage& message) {
    if (dialect.refused_payload == RefusedPayload::empty) {
        return Bytes();
    }
    return Bytes(message.client_id.begin(), message.client_id.end());
}

RefusedMessage decode_refused(const Bytes& payload) {
    Reader reader(payload);
    RefusedMessage message{};
    if (reader.rest() != 0) {
        message.has_client_id = true;
        message.client_id = reader.client_id();
    }
    reader.finish();
    return message;
}

Bytes encode(const AesKeyMessage& message) {
    return Writer().raw(message.client_id).raw(message.wrapped_key).take();
}

AesKeyMessage decode_aes_key(const Bytes& payload) {
    Reader reader(payload);
    AesKeyMessage message;
    message.client_id = reader.client_id();
    message.wrapped_key = reader.raw(wrapped_key_size);
    reader.finish();
    return message;
}

Bytes encode(const Dialect& dialect, const FileReceived& message) {
    // 2.7: the checksum is the first four bytes of its field, whatever its width; zeros fill the rest.
    return Writer()
        .raw(message.client_id)
        .number(message.content_size, 4)
        .name(message.name)
        .number(message.cksum, dialect.cksum_width)
        .take();
}

FileReceived decode_file_received(const Dialect& dialect, const Bytes& payload) {
    Reader reader(payload);
    FileReceived message;
    message.client_id = reader.client_id();
    message.content_size = reader.u32();
    message.name = reader.name();
    message.cksum = reader.u32();
    const Bytes padding = reader.raw(dialect.cksum_width - 4);
    if (std::any_of(padding.begin(), padding.end(), [](Byte byte) { return byte != 0; })) {
        throw ProtocolError("cksum-padding", "the bytes after the checksum are not zero");
    }
    reader.finish();
    return message;
}

// --- Name fields ---

Bytes encode_name(const std::string& name) {
    if (name.empty()) {
        throw ProtocolError("empty-name", "a name is empty");
    }
    if (name.size() > name_limit || name.find('\0') != std::string::npos) {
        throw ProtocolError("unterminated-name",
                            "a name has a NUL or more than " + std::to_string(name_limit) + " bytes");
    }
    if (!is_utf8(name)) {
        throw ProtocolError("name-not-utf8", "a name is not UTF-8");
    }
    Bytes field(name.begin(), name.end());
    field.resize(name_field_size, 0);
    return field;
}

}  // namespace backup
