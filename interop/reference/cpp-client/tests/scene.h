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

inline std::uint32_t posix_cksum_of(const std::string& text) {
    Cksum cksum(Checksum::posix);
    cksum.update(Bytes(text.begin(), text.end()));
    return cksum.value();
}

struct Scene : SessionRun {
    explicit Scene(const Dialect& dialect_spoken) : SessionRun(dialect_spoken) {}
    explicit Scene(const char* dialect_name) : Scene(load_test_dialect(dialect_name)) {}

    void known() { identity = std::make_unique<Identity>(Identity{client_name, alice_id, known_key}); }

    FileJob file(const std::string& name, const std::string& content = "some content") {
        return FileJob{folder.write(name, content), name};
    }

    void registers(Peer& peer) const {
        const Peer::RequestSeen seen = peer.expect(Request::register_client);
        if (decode_client_name(dialect, seen.payload) != client_name || seen.header.client_id != ClientId{}) {
            throw std::runtime_error("1100 with another name, or with a client ID");
        }
        peer.respond(Response::registered, encode_client_id(alice_id));
    }

    Bytes reads_key(Peer& peer) const {
        const Peer::RequestSeen seen = peer.expect(Request::send_public_key);
        if (seen.header.client_id != alice_id) {
            throw std::runtime_error("1101 under another client ID");
        }
        return decode_send_public_key(dialect, seen.payload).public_key;
    }

    Bytes exchanges_key(Peer& peer) const {
        const Bytes key = reads_key(peer);
        peer.respond(Response::aes_key, wrapped_for(key));
        return key;
    }

    // The payload of 2102 and 2105.
    Bytes wrapped_for(const Bytes& public_key) const {
        return encode(dialect, AesKeyMessage{alice_id, wrap_key(public_key, aes_key)});
    }

    // Reads the reconnect of a client that is known.
    void reads_reconnect(Peer& peer) const {
        const Peer::RequestSeen seen = peer.expect(Request::reconnect);
        if (decode_client_name(dialect, seen.payload) != client_name || seen.header.client_id != alice_id) {
            throw std::runtime_error("1102 with another name or client ID");
        }
    }

    void reconnects(Peer& peer) const {
        reads_reconnect(peer);
        peer.respond(Response::reconnected, wrapped_for(known_key.public_key()));
    }

    // What a known client of the dialect begins with.
    void lets_in(Peer& peer) const {
        if (dialect.has(Request::reconnect)) {
            reconnects(peer);
        } else {
            exchanges_key(peer);
        }
    }

    // Reads 1103 and returns what a right answer is.
    FileReceived reads_file(Peer& peer) const {
        const Peer::FileSeen file = peer.expect_file();
        const Bytes plain = decrypt_content(aes_key, file.content);
        const std::uint32_t echoed = dialect.echoed_size == EchoedSize::plain
                                         ? static_cast<std::uint32_t>(plain.size())
                                         : file.message.content_size;
        return FileReceived{alice_id, echoed, file.message.name, right_cksum(plain, file.content)};
    }

    // That of the dialect, over what the dialect takes it of.
    std::uint32_t right_cksum(const Bytes& plain, const Bytes& content) const {
        Cksum cksum(dialect.checksum);
        if (dialect.checksum_input == ChecksumInput::content) {
            cksum.update(content);
            return cksum.value();
        }
        cksum.update(plain);
        if (dialect.checksum_input == ChecksumInput::padded) {
            const std::size_t padding = content.size() - plain.size();
            cksum.update(Bytes(padding, static_cast<Byte>(padding)));
        }
        return cksum.value();
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

    // 2101, or 2107 where the dialect has it.
    void refuse(Peer& peer) const {
        if (dialect.has(Response::general_error)) {
            peer.respond(Response::general_error, Bytes());
        } else {
            peer.respond(Response::refused, encode_refused(dialect, alice_id));
        }
    }

    void answers(Peer& peer, VerdictAnswer answer) const {
        switch (answer) {
            case VerdictAnswer::none:
                break;
            case VerdictAnswer::refused:
                peer.respond(Response::refused, encode_refused(dialect, alice_id));
                break;
            case VerdictAnswer::acknowledged:
                peer.respond(Response::acknowledged, Bytes());
                break;
            case VerdictAnswer::acknowledged_with_id:
                peer.respond(Response::acknowledged, encode_client_id(alice_id));
                break;
            case VerdictAnswer::general_error:
                peer.respond(Response::general_error, Bytes());
                break;
        }
    }

    // Reads a verdict and does what the dialect has after it.
    void takes_verdict(Peer& peer, Request verdict) const {
        peer.expect(verdict);
        answers(peer, dialect.after(verdict).answer);
        if (dialect.after(verdict).close) {
            peer.end_sending();
            peer.expect_end();
        }
    }

    // The end of a dialect that closes after 1104.
    void is_right_and_closes(Peer& peer) const {
        peer.expect(Request::cksum_right);
        peer.end_sending();
        peer.expect_end();
    }

    TemporaryFolder folder;
    // The pair of an earlier run. Making one takes a while, so that all scenes share it.
    RsaKeyPair known_key = shared_key(short_public_key, 1);
    Bytes aes_key = Bytes(dialect.aes_key_size, 0x5a);
};

}  // namespace tests
}  // namespace backup

#endif
