// A dialect (PROTOCOL.md 10): one consistent set of answers where the text and the programs of the family
// disagree. It is data, read from a JSON file; nothing in this program asks for a dialect by its name.

#ifndef BACKUP_DIALECT_H
#define BACKUP_DIALECT_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace backup {

// The requests of PROTOCOL.md 2. The values are indexes; the codes on the wire are the dialect's.
enum class Request { register_client, send_public_key, send_file, cksum_right, cksum_wrong, give_up };
constexpr std::size_t request_count = 6;

enum class Response { registered, refused, aes_key, file_received, acknowledged };
constexpr std::size_t response_count = 5;

enum class RefusedPayload { empty, client_id };
enum class VerdictAnswer { none, refused };

// What follows a verdict that the server honours (PROTOCOL.md 2.11).
struct AfterVerdict {
    VerdictAnswer answer;
    bool close;
};

struct Dialect {
    std::string name;
    std::array<std::uint16_t, request_count> request_codes;
    std::array<std::uint16_t, response_count> response_codes;
    std::size_t response_size_width;  // 2 or 4 bytes
    bool client_id_in_payload;
    RefusedPayload refused_payload;
    std::size_t cksum_width;   // 4 or 16 bytes
    std::size_t aes_key_size;  // what a server makes; a client accepts 16, 24 and 32 (4.3)
    unsigned transmissions;
    AfterVerdict after_right;
    AfterVerdict after_wrong;
    AfterVerdict after_give_up;
    std::uint16_t default_port;

    std::uint16_t code(Request request) const { return request_codes[static_cast<std::size_t>(request)]; }
    std::uint16_t code(Response response) const { return response_codes[static_cast<std::size_t>(response)]; }

    // False if no message has this code.
    bool find(std::uint16_t code, Request& request) const;
    bool find(std::uint16_t code, Response& response) const;

    // What follows this verdict; only for cksum_right, cksum_wrong and give_up.
    const AfterVerdict& after(Request verdict) const;
};

// Reads a dialect from its JSON text. `origin` names the file in error messages. Missing, unknown and
// ill-typed parameters are refused with a LocalError: a misread dialect would fail much later, on the wire.
Dialect parse_dialect(const std::string& json_text, const std::string& origin);

// `name_or_file` is a file if it has a slash or ends in .json, else the name of a file in `folder`.
Dialect load_dialect(const std::string& name_or_file, const std::string& folder);

}  // namespace backup

#endif
