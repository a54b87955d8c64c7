#include "responses.h"

#include <algorithm>
#include <vector>

#include "errors.h"
#include "fields.h"

namespace backup {

namespace {

std::size_t width_of(const Dialect& dialect, ReceivedField field) {
    switch (field) {
        case ReceivedField::client_id:
            return client_id_size;
        case ReceivedField::content_size:
            return 4;
        case ReceivedField::file_name:
            return dialect.name_width;
        case ReceivedField::cksum:
            return dialect.cksum_width;
    }
    return 0;
}

bool acknowledges_with_id(const Dialect& dialect) {
    const auto has_id = [](const AfterVerdict& after) {
        return after.answer == VerdictAnswer::acknowledged_with_id;
    };
    return has_id(dialect.after_right) || has_id(dialect.after_wrong) || has_id(dialect.after_give_up);
}

// With an ID or without: both are accepted, and what the dialect says is taken for it where the stated size
// leaves it open.
std::vector<std::size_t> perhaps_id_sizes(bool dialect_has_id) {
    if (dialect_has_id) {
        return {client_id_size, 0};
    }
    return {0, client_id_size};
}

std::vector<std::size_t> possible_payload_sizes(const Dialect& dialect, Response kind) {
    switch (kind) {
        case Response::registered:
        case Response::reconnect_refused:
            return {client_id_size};
        case Response::refused:
            return perhaps_id_sizes(dialect.refused_payload == RefusedPayload::client_id);
        case Response::acknowledged:
            return perhaps_id_sizes(acknowledges_with_id(dialect));
        case Response::aes_key:
        case Response::reconnected:
            return {client_id_size + wrapped_key_size};
        case Response::general_error:
            return {0};
        case Response::file_received: {
            std::size_t size = 0;
            for (const ReceivedField field : dialect.file_received_fields) {
                size += width_of(dialect, field);
            }
            return {size};
        }
    }
    return {};
}

std::size_t stated_size(const Dialect& dialect, std::size_t payload_size) {
    switch (dialect.size_counts) {
        case SizeCounts::payload:
            return payload_size;
        case SizeCounts::message:
            return response_header_size(dialect) + payload_size;
        case SizeCounts::padded:
            return response_size(dialect, payload_size) - response_header_size(dialect);
    }
    return payload_size;
}

std::uint32_t take_cksum(Reader& reader, const Dialect& dialect) {
    const std::uint32_t cksum = reader.u32();
    const Bytes padding = reader.raw(dialect.cksum_width - cksum_size);
    if (std::any_of(padding.begin(), padding.end(), [](Byte byte) { return byte != 0; })) {
        throw ProtocolError("cksum-padding", "the bytes after the checksum are not zero");
    }
    return cksum;
}

}  // namespace

// --- Headers and whole responses ---

std::size_t response_header_size(const Dialect& dialect) {
    return header_size(dialect, 0, dialect.response_size_width);
}

Bytes encode(const Dialect& dialect, const ResponseHeader& header) {
    return Writer(dialect)
        .header_number(header.version, 1)
        .header_number(header.code, 2)
        .header_number(header.stated_size, dialect.response_size_width)
        .take();
}

ResponseHeader decode_response_header(const Dialect& dialect, const Bytes& bytes) {
    Reader reader(dialect, bytes);
    ResponseHeader header{};
    header.version = static_cast<std::uint8_t>(reader.header_number(1));
    header.code = static_cast<std::uint16_t>(reader.header_number(2));
    header.stated_size = reader.header_number(dialect.response_size_width);
    reader.finish();
    return header;
}

std::size_t response_size(const Dialect& dialect, std::size_t payload_size) {
    return std::max(response_header_size(dialect) + payload_size, dialect.response_padding);
}

std::size_t payload_size_of(const Dialect& dialect, Response kind, std::uint32_t stated) {
    for (const std::size_t size : possible_payload_sizes(dialect, kind)) {
        if (stated == stated_size(dialect, size)) {
            return size;
        }
    }
    throw ProtocolError("payload-size",
                        "no response with this code states a size of " + std::to_string(stated) + " bytes");
}

Bytes encode_response(const Dialect& dialect, Response kind, const Bytes& payload, std::uint8_t version) {
    const auto stated = static_cast<std::uint32_t>(stated_size(dialect, payload.size()));
    Bytes bytes = encode(dialect, ResponseHeader{version, dialect.code(kind), stated});
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    bytes.resize(response_size(dialect, payload.size()), 0);
    return bytes;
}

// --- Payloads ---

Bytes encode_client_id(const ClientId& client_id) {
    return Bytes(client_id.begin(), client_id.end());
}

ClientId decode_client_id(const Dialect& dialect, const Bytes& payload) {
    Reader reader(dialect, payload);
    const ClientId id = reader.client_id();
    reader.finish();
    return id;
}

Bytes encode_refused(const Dialect& dialect, const ClientId& client_id) {
    return dialect.refused_payload == RefusedPayload::empty ? Bytes() : encode_client_id(client_id);
}

PerhapsId decode_perhaps_id(const Dialect& dialect, const Bytes& payload) {
    Reader reader(dialect, payload);
    PerhapsId message{};
    if (reader.rest() != 0) {
        message.has_client_id = true;
        message.client_id = reader.client_id();
    }
    reader.finish();
    return message;
}

Bytes encode(const Dialect& dialect, const AesKeyMessage& message) {
    return Writer(dialect).raw(message.client_id).raw(message.wrapped_key).take();
}

AesKeyMessage decode_aes_key(const Dialect& dialect, const Bytes& payload) {
    Reader reader(dialect, payload);
    AesKeyMessage message;
    message.client_id = reader.client_id();
    message.wrapped_key = reader.raw(wrapped_key_size);
    reader.finish();
    return message;
}

Bytes encode(const Dialect& dialect, const FileReceived& message) {
    Writer writer(dialect);
    for (const ReceivedField field : dialect.file_received_fields) {
        switch (field) {
            case ReceivedField::client_id:
                writer.raw(message.client_id);
                break;
            case ReceivedField::content_size:
                writer.number(message.content_size, 4);
                break;
            case ReceivedField::file_name:
                writer.name(message.name);
                break;
            case ReceivedField::cksum:
                // 2.7: zeros follow the checksum in a wider field.
                writer.number(message.cksum, cksum_size).zeros(dialect.cksum_width - cksum_size);
                break;
        }
    }
    return writer.take();
}

FileReceived decode_file_received(const Dialect& dialect, const Bytes& payload) {
    Reader reader(dialect, payload);
    FileReceived message{};
    for (const ReceivedField field : dialect.file_received_fields) {
        switch (field) {
            case ReceivedField::client_id:
                message.client_id = reader.client_id();
                break;
            case ReceivedField::content_size:
                message.content_size = reader.u32();
                break;
            case ReceivedField::file_name:
                message.name = reader.name();
                break;
            case ReceivedField::cksum:
                message.cksum = take_cksum(reader, dialect);
                break;
        }
    }
    reader.finish();
    return message;
}

}  // namespace backup
