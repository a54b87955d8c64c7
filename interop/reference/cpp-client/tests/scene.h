// A session with a folder of its own, and the usual moves of a server.

#ifndef BACKUP_TESTS_SCENE_H
#define BACKUP_TESTS_SCENE_H

#include <stdexcept>
#include <string>

#include "receiver_crypto.h"
#include "session_run.h"
#include "temporary_folder.h"
#include "vectors.h"

namespace backup {
namespace tests {

const ClientId alice_id = {{0x3f, 0x2a, 0x9c, 0x5e, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};
const ClientId other_id = {{0x77}};
const Bytes aes_key(16, 0x5a);
const char* const error_line = "server responded with an error\n";

inline unsigned count(const std::string& text, const std::string& part) {
    unsigned found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) {
        ++found;
    }
    return found;
}

inline bool contains(const std::string& text, const std::string& part) {
    return count(text, part) != 0;
}

inline std::uint32_t cksum_of(const Bytes& bytes) {
    Cksum cksum;
    cksum.update(bytes.data(), bytes.size());
    return cksum.value();
}

struct Scene : SessionRun {
    explicit Scene(const char* dialect_name) : SessionRun(load_test_dialect(dialect_name)) {}

    void known() { identity = std::make_unique<Identity>(Identity{client_name, alice_id, known_key}); }

    FileJob file(const std::string& name, const std::string& content = "some content") {
        return FileJob{folder.write(name, content), name};
    }

    void registers(Peer& peer) const {
        const Peer::RequestSeen seen = peer.expect(Request::register_client);
        if (decode_register(seen.payload) != client_name || seen.header.client_id != ClientId{}) {
            throw std::runtime_error("1100 with another name, or with a client ID");
        }
        peer.respond(Response::registered, encode_registered(alice_id));
    }

    Bytes reads_key(Peer& peer) const {
        const Peer::RequestSeen seen = peer.expect(Request::send_public_key);
        if (seen.header.client_id != alice_id) {
            throw std::runtime_error("1101 under another client ID");
        }
        return decode_send_public_key(seen.payload).public_key;
    }

    Bytes exchanges_key(Peer& peer) const {
        const Bytes key = reads_key(peer);
        peer.respond(Response::aes_key, encode(AesKeyMessage{alice_id, wrap_key(key, aes_key)}));
        return key;
    }

    // Reads 1103 and returns what a right answer is.
    FileReceived reads_file(Peer& peer) const {
        const Peer::RequestSeen seen = peer.expect(Request::send_file);
        const auto split = seen.payload.begin() + static_cast<std::ptrdiff_t>(send_file_fixed_size(dialect));
        const SendFile sent = decode_send_file(dialect, seen.header, Bytes(seen.payload.begin(), split));
        const Bytes plain = decrypt_content(aes_key, Bytes(split, seen.payload.end()));
        return FileReceived{alice_id, sent.content_size, sent.name, cksum_of(plain)};
    }

    void receives(Peer& peer) const {
        peer.respond(Response::file_received, encode(dialect, reads_file(peer)));
    }

    void receives_wrong(Peer& peer) const {
        FileReceived answer = reads_file(peer);
        answer.cksum ^= 1U;
        peer.respond(Response::file_received, encode(dialect, answer));
    }

    void refuses_file(Peer& peer) const {
        reads_file(peer);
        refuse(peer);
    }

    void refuse(Peer& peer) const {
        peer.respond(Response::refused, encode(dialect, RefusedMessage{true, alice_id}));
    }

    // The end of a dialect that closes after 1104.
    void is_right_and_closes(Peer& peer) const {
        peer.expect(Request::cksum_right);
        peer.end_sending();
        peer.expect_end();
    }

    TemporaryFolder folder;
    RsaKeyPair known_key = RsaKeyPair::generate();
};

}  // namespace tests
}  // namespace backup

#endif
