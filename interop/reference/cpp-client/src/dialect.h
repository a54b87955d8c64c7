// A dialect (PROTOCOL.md 10): one consistent set of answers where the text and the programs of the family
// disagree. It is data, read from a JSON file; nothing in this program asks for a dialect by its name.

#ifndef BACKUP_DIALECT_H
#define BACKUP_DIALECT_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace backup {

// The requests of PROTOCOL.md 2 and 10.4. The values are indexes; the codes on the wire are the dialect's.
enum class Request {
    register_client,
    send_public_key,
    reconnect,
    send_file,
    cksum_right,
    cksum_wrong,
    give_up
};
constexpr std::size_t request_count = 7;

enum class Response {
    registered,
    refused,
    aes_key,
    file_received,
    acknowledged,
    reconnected,
    reconnect_refused,
    general_error
};
constexpr std::size_t response_count = 8;

// The values of the parameters, named as in PROTOCOL.md 10.2.
enum class ByteOrder { little, big };
enum class Alignment { packed, natural };
enum class SizeCounts { payload, message, padded };
enum class RefusedPayload { empty, client_id };
enum class ReceivedField { client_id, content_size, file_name, cksum };
enum class EchoedSize { content, plain };
enum class Checksum { posix, zlib, crc8 };
enum class ChecksumInput { plaintext, padded, content };
enum class ConnectionUse { session, request };
enum class ReconnectKey { made_new, same };
enum class VerdictAnswer { none, refused, acknowledged, acknowledged_with_id, general_error };

// What follows a verdict that the server honours (2.11, 10.5).
struct AfterVerdict {
    VerdictAnswer answer;
    bool close;
};

// The parameters of PROTOCOL.md 10.2. Sizes are in bytes.
struct Dialect {
    std::string name;
    std::array<std::uint16_t, request_count> request_codes;    // 0: the dialect has no such request
    std::array<std::uint16_t, response_count> response_codes;  // 0: the dialect has no such response
    ByteOrder byte_order;
    ByteOrder packet_byte_order;      // of packet number and total alone
    Alignment alignment;              // of the two headers
    std::size_t name_width;           // 255 or 256
    std::size_t response_size_width;  // 2 or 4
    SizeCounts size_counts;           // in responses
    std::size_t response_padding;     // 0: none
    std::size_t request_padding;      // 0: none
    bool client_id_in_payload;
    RefusedPayload refused_payload;
    std::vector<ReceivedField> file_received_fields;  // in the order of the bytes
    EchoedSize echoed_size;
    Checksum checksum;
    ChecksumInput checksum_input;
    std::size_t cksum_width;   // 4 or 16
    std::size_t aes_key_size;  // what a server makes; a client accepts 16, 24 and 32 (4.3)
    std::vector<std::size_t> public_key_sizes;
    ConnectionUse connection;
    bool packets;
    std::uint32_t packet_size;  // the most content in one packet; 0: all of it
    ReconnectKey reconnect_key;
    unsigned transmissions;
    AfterVerdict after_right;
    AfterVerdict after_wrong;
    AfterVerdict after_give_up;
    std::uint16_t default_port;

    std::uint16_t code(Request request) const { return request_codes[static_cast<std::size_t>(request)]; }
    std::uint16_t code(Response response) const { return response_codes[static_cast<std::size_t>(response)]; }
    bool has(Request request) const { return code(request) != 0; }
    bool has(Response response) const { return code(response) != 0; }

    // False if no message of the dialect has this code.
    bool find(std::uint16_t code, Request& request) const;
    bool find(std::uint16_t code, Response& response) const;

    // What follows this verdict; only for cksum_right, cksum_wrong and give_up.
    const AfterVerdict& after(Request verdict) const;

    bool accepts_public_key_of(std::size_t size) const;
    bool echoes(ReceivedField field) const;
};

}  // namespace backup

#endif
