#include "requests.h"

#include <algorithm>

#include "errors.h"
#include "fields.h"

namespace backup {

namespace {

constexpr std::size_t payload_size_width = 4;
// Original size, packet number and total (10.7).
constexpr std::size_t packet_fields_size = 4 + 2 + 2;

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

void check_content_size(const Dialect& dialect, const RequestHeader& header, std::uint32_t content_size) {
    // A packet may hold any part of the content: only without packet fields the payload size tells all of it.
    if (!dialect.packets &&
        header.payload_size != send_file_fixed_size(dialect) + std::uint64_t{content_size}) {
        throw ProtocolError("content-size-mismatch", "payload size and content size contradict each other");
    }
    if (content_size == 0 || content_size % block_size != 0) {
        throw ProtocolError("content-not-blocks", "the content is not one or more whole blocks");
    }
}

void take_packet_fields(Reader& reader, const Dialect& dialect, SendFile& message) {
    message.original_size = reader.u32();
    if (content_size_of(message.original_size) != message.content_size) {
        throw ProtocolError("content-size-mismatch", "original and content size contradict each other");
    }
    message.packet = reader.u16(dialect.packet_byte_order);
    message.total = reader.u16(dialect.packet_byte_order);
    if (message.packet == 0 || message.packet > message.total) {
        throw ProtocolError("packet-number", "packet " + std::to_string(message.packet) + " of " +
                                                 std::to_string(message.total));
    }
}

ProtocolError bad_payload_size(std::uint64_t size) {
    return ProtocolError("payload-size",
                         "no request with this code has a payload of " + std::to_string(size) + " bytes");
}

}  // namespace

// --- Headers and whole requests ---

std::size_t request_header_size(const Dialect& dialect) {
    return header_size(dialect, client_id_size, payload_size_width);
}

Bytes encode(const Dialect& dialect, const RequestHeader& header) {
    return Writer(dialect)
        .raw(header.client_id)
        .header_number(header.version, 1)
        .header_number(header.code, 2)
        .header_number(header.payload_size, payload_size_width)
        .take();
}

RequestHeader decode_request_header(const Dialect& dialect, const Bytes& bytes) {
    Reader reader(dialect, bytes);
    RequestHeader header{};
    header.client_id = reader.client_id();
    header.version = static_cast<std::uint8_t>(reader.header_number(1));
    header.code = static_cast<std::uint16_t>(reader.header_number(2));
    header.payload_size = reader.header_number(payload_size_width);
    reader.finish();
    return header;
}

void check_payload_size(const Dialect& dialect, Request kind, std::uint32_t size) {
    bool possible = false;
    switch (kind) {
        case Request::register_client:
        case Request::reconnect:
            possible = size == dialect.name_width;
            break;
        case Request::send_public_key:
            possible = size > dialect.name_width && dialect.accepts_public_key_of(size - dialect.name_width);
            break;
        case Request::send_file:
            possible = size >= send_file_fixed_size(dialect);
            break;
        case Request::cksum_right:
        case Request::cksum_wrong:
        case Request::give_up:
            possible = size == id_in_payload(dialect) + dialect.name_width;
            break;
    }
    if (!possible) {
        throw bad_payload_size(size);
    }
}

std::size_t request_padding(const Dialect& dialect, Request kind, std::uint32_t payload_size) {
    const std::uint64_t size = request_header_size(dialect) + std::uint64_t{payload_size};
    if (kind == Request::send_file || size >= dialect.request_padding) {
        return 0;
    }
    return static_cast<std::size_t>(dialect.request_padding - size);
}

Bytes encode_request(const Dialect& dialect, Request kind, const ClientId& client_id, const Bytes& payload,
                     std::uint32_t content_size) {
    const std::uint64_t payload_size = payload.size() + std::uint64_t{content_size};
    if (payload_size > UINT32_MAX) {
        throw bad_payload_size(payload_size);
    }
    RequestHeader header{};
    header.client_id = client_id;
    header.version = protocol_version;
    header.code = dialect.code(kind);
    header.payload_size = static_cast<std::uint32_t>(payload_size);
    return Writer(dialect)
        .raw(encode(dialect, header))
        .raw(payload)
        .zeros(request_padding(dialect, kind, header.payload_size))
        .take();
}

// --- Payloads ---

Bytes encode_client_name(const Dialect& dialect, const std::string& name) {
    return encode_name(dialect, name);
}

std::string decode_client_name(const Dialect& dialect, const Bytes& payload) {
    Reader reader(dialect, payload);
    const std::string name = reader.name();
    reader.finish();
    return name;
}

Bytes encode(const Dialect& dialect, const SendPublicKey& message) {
    return Writer(dialect).name(message.name).raw(message.public_key).take();
}

SendPublicKey decode_send_public_key(const Dialect& dialect, const Bytes& payload) {
    Reader reader(dialect, payload);
    SendPublicKey message;
    message.name = reader.name();
    // Which sizes there are is told by the payload size, and checked with it.
    message.public_key = reader.raw(std::max(reader.rest(), dialect.public_key_sizes.front()));
    reader.finish();
    return message;
}

Bytes encode(const Dialect& dialect, const SendFile& message) {
    Writer writer(dialect);
    if (dialect.client_id_in_payload) {
        writer.raw(message.client_id);
    }
    writer.number(message.content_size, 4);
    if (dialect.packets) {
        writer.number(message.original_size, 4)
            .number(message.packet, 2, dialect.packet_byte_order)
            .number(message.total, 2, dialect.packet_byte_order);
    }
    return writer.name(message.name).take();
}

SendFile decode_send_file(const Dialect& dialect, const RequestHeader& header, const Bytes& fixed) {
    Reader reader(dialect, fixed);
    SendFile message;
    message.client_id = take_client_id(reader, dialect, header);
    message.content_size = reader.u32();
    check_content_size(dialect, header, message.content_size);
    if (dialect.packets) {
        take_packet_fields(reader, dialect, message);
    }
    message.name = reader.name();
    reader.finish();
    return message;
}

Bytes encode(const Dialect& dialect, const Verdict& message) {
    Writer writer(dialect);
    if (dialect.client_id_in_payload) {
        writer.raw(message.client_id);
    }
    return writer.name(message.name).take();
}

Verdict decode_verdict(const Dialect& dialect, const RequestHeader& header, const Bytes& payload) {
    Reader reader(dialect, payload);
    Verdict message;
    message.client_id = take_client_id(reader, dialect, header);
    message.name = reader.name();
    reader.finish();
    return message;
}

// --- Sizes of 1103 ---

std::size_t send_file_fixed_size(const Dialect& dialect) {
    return id_in_payload(dialect) + 4 + (dialect.packets ? packet_fields_size : 0) + dialect.name_width;
}

std::uint64_t content_size_of(std::uint64_t file_size) {
    return file_size - file_size % block_size + block_size;
}

std::uint64_t largest_packet(const Dialect& dialect) {
    std::uint64_t room = UINT32_MAX - send_file_fixed_size(dialect);
    if (dialect.packet_size != 0) {
        room = std::min<std::uint64_t>(room, dialect.packet_size);
    }
    return room - room % block_size;
}

std::uint64_t largest_content(const Dialect& dialect) {
    if (dialect.packet_size == 0) {
        return largest_packet(dialect);
    }
    // The total is an integer of 2 bytes, the content size one of 4.
    const std::uint64_t most = std::min<std::uint64_t>(largest_packet(dialect) * UINT16_MAX, UINT32_MAX);
    return most - most % block_size;
}

std::uint64_t largest_file(const Dialect& dialect) {
    return largest_content(dialect) - 1;
}

}  // namespace backup
