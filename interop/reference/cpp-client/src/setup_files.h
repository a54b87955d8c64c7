// The small text files beside the client (PROTOCOL.md 8): transfer.info and me.info.

#ifndef BACKUP_SETUP_FILES_H
#define BACKUP_SETUP_FILES_H

#include <cstdint>
#include <memory>
#include <string>

#include "bytes.h"
#include "crypto.h"

namespace backup {

struct Endpoint {
    std::string host;  // a name or an address, without brackets
    std::uint16_t port;
};

struct TransferInfo {
    Endpoint server;
    std::string client_name;
    std::string path;  // empty if the file has no third line
};

// What a client keeps between runs (4.5).
struct Identity {
    std::string client_name;
    ClientId client_id;
    RsaKeyPair key;
};

// `host:port`, with brackets around an IPv6 address. LocalError otherwise.
Endpoint parse_endpoint(const std::string& text);

TransferInfo parse_transfer_info(const std::string& text);

// transfer.info of the working folder, else the one beside the executable (8.2).
TransferInfo load_transfer_info();

// The text of me.info: accepts CRLF, and a key that is wrapped over many lines (8.3). Where it has no key,
// that of `key_text` is taken, which is priv.key (8.4).
Identity parse_identity(const std::string& text, const std::string& key_text = std::string());
std::string format_identity(const Identity& identity);

// The identity from `me.info`, or else `Me.info`, of the working folder, with the key in `priv.key` if it is
// not there; null if there is neither.
std::unique_ptr<Identity> load_identity();

// Writes `me.info` of the working folder, with mode 0600 and the key on one line.
void save_identity(const Identity& identity);

}  // namespace backup

#endif
