// The requests of PROTOCOL.md 1.5, 2, 10.4 and 10.7 as bytes. The client encodes them; the decoders are for
// the tests, which hold both directions against the golden vectors.
//
// Encoders and decoders work on whole fields. Every decoder checks in the order of the bytes and throws
// ProtocolError with the slug of PROTOCOL.md 11.

#ifndef BACKUP_REQUESTS_H
#define BACKUP_REQUESTS_H

#include <cstddef>
#include <cstdint>
#include <string>

#include "bytes.h"
#include "dialect.h"

namespace backup {

struct RequestHeader {
    ClientId client_id;
    std::uint8_t version;
    std::uint16_t code;
    std::uint32_t payload_size;
};

// 1101. The key is checked for its size only; crypto.h looks inside.
struct SendPublicKey {
    std::string name;
    Bytes public_key;
};

// What precedes the content of 1103. The last three are on the wire in a dialect with packet fields alone.
struct SendFile {
    ClientId client_id;
    std::uint32_t content_size;  // of the whole file's content, in every packet
    std::string name;
    std::uint32_t original_size = 0;  // of the whole plaintext
    std::uint16_t packet = 1;         // from 1 to the total
    std::uint16_t total = 1;

    SendFile() = default;
    SendFile(const ClientId& id, std::uint32_t size, const std::string& file_name)
        : client_id(id), content_size(size), name(file_name) {}
};

// 1104, 1105, 1106.
struct Verdict {
    ClientId client_id;
    std::string name;
};

std::size_t request_header_size(const Dialect& dialect);
Bytes encode(const Dialect& dialect, const RequestHeader& header);
RequestHeader decode_request_header(const Dialect& dialect, const Bytes& bytes);

// Throws `payload-size` if no request of this kind can have this payload size (2.10).
void check_payload_size(const Dialect& dialect, Request kind, std::uint32_t size);

// The zero bytes after a request of this kind and payload size (10.3).
std::size_t request_padding(const Dialect& dialect, Request kind, std::uint32_t payload_size);

// A whole request in one string (1.4): header, payload and padding. For 1103 the payload is the fixed fields,
// and `content_size` bytes are to follow.
Bytes encode_request(const Dialect& dialect, Request kind, const ClientId& client_id, const Bytes& payload,
                     std::uint32_t content_size = 0);

// --- Payloads ---

// 1100 and the reconnect have the client name alone.
Bytes encode_client_name(const Dialect& dialect, const std::string& name);
std::string decode_client_name(const Dialect& dialect, const Bytes& payload);
Bytes encode(const Dialect& dialect, const SendPublicKey& message);
SendPublicKey decode_send_public_key(const Dialect& dialect, const Bytes& payload);
Bytes encode(const Dialect& dialect, const SendFile& message);
// `fixed` are the bytes before the content; `header` is what they must agree with (2.2, 2.3, 10.7).
SendFile decode_send_file(const Dialect& dialect, const RequestHeader& header, const Bytes& fixed);
Bytes encode(const Dialect& dialect, const Verdict& message);
Verdict decode_verdict(const Dialect& dialect, const RequestHeader& header, const Bytes& payload);

// --- Sizes of 1103 ---

// The bytes before the content: 275 where the payload begins with the client ID.
std::size_t send_file_fixed_size(const Dialect& dialect);
// The size of the content of a file: padded to whole blocks, by at least one byte (4.3).
std::uint64_t content_size_of(std::uint64_t file_size);
// The most content that goes into one 1103, in whole blocks.
std::uint64_t largest_packet(const Dialect& dialect);
// 2.3: the largest content and the largest file, in as many packets as there may be.
std::uint64_t largest_content(const Dialect& dialect);
std::uint64_t largest_file(const Dialect& dialect);

}  // namespace backup

#endif
