// The responses of PROTOCOL.md 1.6, 2 and 10.3 to 10.6 as bytes. The client decodes them; the encoders are
// for the tests, which hold both directions against the golden vectors.
//
// Every decoder checks in the order of the bytes and throws ProtocolError with the slug of PROTOCOL.md 11.

#ifndef BACKUP_RESPONSES_H
#define BACKUP_RESPONSES_H

#include <cstddef>
#include <cstdint>
#include <string>

#include "bytes.h"
#include "dialect.h"

namespace backup {

struct ResponseHeader {
    std::uint8_t version;
    std::uint16_t code;
    std::uint32_t stated_size;  // as it stands: what it counts is the dialect's (10.2, `size_counts`)
};

// 2101 and 2104: empty, or with a client ID, in every dialect (2.6, 10.5).
struct PerhapsId {
    bool has_client_id;
    ClientId client_id;
};

// 2102 and 2105.
struct AesKeyMessage {
    ClientId client_id;
    Bytes wrapped_key;
};

// 2103. What the dialect's layout leaves out is not on the wire.
struct FileReceived {
    ClientId client_id;
    std::uint32_t content_size;  // or that of the plaintext (10.2, `echoed_size`)
    std::string name;
    std::uint32_t cksum;
};

std::size_t response_header_size(const Dialect& dialect);
Bytes encode(const Dialect& dialect, const ResponseHeader& header);
ResponseHeader decode_response_header(const Dialect& dialect, const Bytes& bytes);

// The size of a response with its padding (10.3).
std::size_t response_size(const Dialect& dialect, std::size_t payload_size);

// The payload size behind the size that a header states. Throws `payload-size` if no response of this kind
// can have it, so that a reader never makes room for more than the largest one.
std::size_t payload_size_of(const Dialect& dialect, Response kind, std::uint32_t stated_size);

// A whole response: header, payload and padding.
Bytes encode_response(const Dialect& dialect, Response kind, const Bytes& payload, std::uint8_t version);

// --- Payloads ---

// 2100, and 2106 with the client ID of the request.
Bytes encode_client_id(const ClientId& client_id);
ClientId decode_client_id(const Dialect& dialect, const Bytes& payload);
// 2101 with an ID where the dialect says so.
Bytes encode_refused(const Dialect& dialect, const ClientId& client_id);
PerhapsId decode_perhaps_id(const Dialect& dialect, const Bytes& payload);
Bytes encode(const Dialect& dialect, const AesKeyMessage& message);
AesKeyMessage decode_aes_key(const Dialect& dialect, const Bytes& payload);
Bytes encode(const Dialect& dialect, const FileReceived& message);
FileReceived decode_file_received(const Dialect& dialect, const Bytes& payload);

}  // namespace backup

#endif
