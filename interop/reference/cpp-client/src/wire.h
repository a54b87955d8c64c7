// The messages of PROTOCOL.md 1 and 2 as bytes, in both directions: the client encodes requests and decodes
// responses; the tests hold the other half against the golden vectors as well.
//
// Encoders and decoders work on whole fields. Every decoder checks in the order of the bytes and throws
// ProtocolError with the slug of PROTOCOL.md 11. All integers are little-endian (1.2).

#ifndef BACKUP_WIRE_H
#define BACKUP_WIRE_H

#include <cstddef>
#include <cstdint>
#include <string>

#include "bytes.h"
#include "dialect.h"

namespace backup {

constexpr std::uint8_t protocol_version = 3;
constexpr std::size_t request_header_size = 23;
constexpr std::size_t name_field_size = 255;
constexpr std::size_t name_limit = name_field_size - 1;  // bytes of text; one NUL follows
constexpr std::size_t public_key_size = 160;
constexpr std::size_t wrapped_key_size = 128;
constexpr std::size_t block_size = 16;

struct RequestHeader {
    ClientId client_id;
    std::uint8_t version;
    std::uint16_t code;
    std::uint32_t payload_size;
};

struct ResponseHeader {
    std::uint8_t version;
    std::uint16_t code;
    std::uint32_t payload_size;
};

// 1101. The key is checked for its size only; crypto.h looks inside.
struct SendPublicKey {
    std::string name;
    Bytes public_key;
};

// What precedes the content of 1103.
struct SendFile {
    ClientId client_id;
    std::uint32_t content_size;
    std::string name;
};

// 1104, 1105, 1106.
struct Verdict {
    ClientId client_id;
    std::string name;
};

struct RefusedMessage {
    bool has_client_id;
    ClientId client_id;
};

struct AesKeyMessage {
    ClientId client_id;
    Bytes wrapped_key;
};

struct FileReceived {
    ClientId client_id;
    std::uint32_t content_size;
    std::string name;
    std::uint32_t cksum;
};

// --- Headers (1.5, 1.6) ---

std::size_t response_header_size(const Dialect& dialect);

Bytes encode(const RequestHeader& header);
RequestHeader decode_request_header(const Bytes& bytes);
Bytes encode(const Dialect& dialect, const ResponseHeader& header);
ResponseHeader decode_response_header(const Dialect& dialect, const Bytes& bytes);

// Throws `payload-size` if no message of this kind can have this payload size (2.10), so that a reader never
// makes room for more than the largest message.
void check_payload_size(const Dialect& dialect, Request kind, std::uint32_t size);
void check_payload_size(const Dialect& dialect, Response kind, std::uint32_t size);

// --- Request payloads ---

// The bytes before the content of 1103: 275 where the payload begins with the client ID.
std::size_t send_file_fixed_size(const Dialect& dialect);
// 2.3: the largest content and the largest file that fit the payload size of 1103.
std::uint64_t largest_content(const Dialect& dialect);
std::uint64_t largest_file(const Dialect& dialect);
// The size of the content of a file: padded to whole blocks, by at least one byte (4.3).
std::uint64_t content_size_of(std::uint64_t file_size);

Bytes encode_register(const std::string& name);
std::string decode_register(const Bytes& payload);
Bytes encode(const SendPublicKey& message);
SendPublicKey decode_send_public_key(const Bytes& payload);
Bytes encode(const Dialect& dialect, const SendFile& message);
// `fixed` are the bytes before the content; `header` is what they must agree with (2.2, 2.3).
SendFile decode_send_file(const Dialect& dialect, const RequestHeader& header, const Bytes& fixed);
Bytes encode(const Dialect& dialect, const Verdict& message);
Verdict decode_verdict(const Dialect& dialect, const RequestHeader& header, const Bytes& payload);

// Header and payload of a request in one string (1.4), with room for `content_size` bytes to follow.
Bytes encode_request(const Dialect& dialect, Request kind, const ClientId& client_id, const Bytes& payload,
                     std::uint32_t content_size = 0);

// --- Response payloads ---

Bytes encode_registered(const ClientId& client_id);
ClientId decode_registered(const Bytes& payload);
Bytes encode(const Dialect& dialect, const RefusedMessage& message);
// Accepts both payloads in every dialect: some servers that are otherwise `seed` send the ID (2.13).
RefusedMessage decode_refused(const Bytes& payload);
Bytes encode(const AesKeyMessage& message);
AesKeyMessage decode_aes_key(const Bytes& payload);
Bytes encode(const Dialect& dialect, const FileReceived& message);
FileReceived decode_file_received(const Dialect& dialect, const Bytes& payload);

// --- Name fields (1.8) ---

Bytes encode_name(const std::string& name);

}  // namespace backup

#endif
