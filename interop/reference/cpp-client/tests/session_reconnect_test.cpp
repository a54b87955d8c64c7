// 10.4: a client that has an identity begins with a reconnect where the dialect has it.

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "scene.h"

namespace backup {
namespace tests {

TEST_CASE("10.4: the key of the reconnect is for the first file, the next one gets another") {
    for (const char* const reconnect_key : {"new", "same"}) {
        Scene scene(modified_dialect("2023a", {{"reconnect_key", reconnect_key}}));
        scene.known();
        Bytes key_seen;
        scene.go({[&](Peer& peer) {
                     scene.reconnects(peer);
                     scene.receives(peer);
                     scene.takes_verdict(peer, Request::cksum_right);
                     key_seen = scene.exchanges_key(peer);
                     scene.receives(peer);
                     scene.takes_verdict(peer, Request::cksum_right);
                     peer.expect_end();
                 }},
                 {scene.file("a"), scene.file("b")});
        INFO(scene.error_text);
        CHECK(scene.exit_code == ExitCode::done);
        CHECK(count(scene.out, "\tverified\n") == 2);
        CHECK((key_seen == scene.known_key.public_key()));
        CHECK(scene.saved.empty());
        CHECK(scene.error_text.empty());
    }
}

TEST_CASE("10.4: a client that is not known any more registers anew, with a new key pair") {
    Scene scene("2024c");
    scene.known();
    Bytes key_seen;
    scene.go({[&](Peer& peer) {
                 scene.reads_reconnect(peer);
                 peer.respond(Response::reconnect_refused, encode_client_id(alice_id));
                 const Peer::RequestSeen seen = peer.expect(Request::register_client);
                 if (seen.header.client_id != ClientId{}) {
                     throw std::runtime_error("1100 with the ID that was refused");
                 }
                 peer.respond(Response::registered, encode_client_id(other_id));
                 const Peer::RequestSeen key = peer.expect(Request::send_public_key);
                 if (key.header.client_id != other_id) {
                     throw std::runtime_error("1101 under the ID that was refused");
                 }
                 key_seen = decode_send_public_key(scene.dialect, key.payload).public_key;
                 peer.end_sending();
             }},
             {scene.file("f")});
    CHECK(scene.exit_code == ExitCode::connection);
    CHECK((key_seen == scene.new_key.public_key()));
    REQUIRE(scene.saved.size() == 1);
    CHECK((scene.saved[0].client_id == other_id));
    CHECK((scene.saved[0].key.pkcs8() == scene.new_key.pkcs8()));
    CHECK(count(scene.error_text, error_line) == 1);
    CHECK(contains(scene.error_text, "registers anew"));
}

TEST_CASE("10.4: the old identity stays until the new one is granted") {
    Scene scene("2023a");
    scene.known();
    scene.go({[&](Peer& peer) {
                 scene.reads_reconnect(peer);
                 peer.respond(Response::reconnect_refused, encode_client_id(alice_id));
                 peer.expect(Request::register_client);
                 peer.end_sending();
             }},
             {scene.file("f")});
    CHECK(scene.exit_code == ExitCode::connection);
    CHECK(scene.saved.empty());
}

TEST_CASE("10.4, 2.9: refused and the name taken: 1101 under the stored ID, with the stored key") {
    Scene scene("2023a");
    scene.known();
    Bytes key_seen;
    scene.go({[&](Peer& peer) {
                 scene.reads_reconnect(peer);
                 peer.respond(Response::reconnect_refused, encode_client_id(alice_id));
                 peer.expect(Request::register_client);
                 peer.respond(Response::refused, Bytes());
                 key_seen = scene.exchanges_key(peer);
                 scene.receives(peer);
                 scene.takes_verdict(peer, Request::cksum_right);
                 peer.expect_end();
             }},
             {scene.file("f")});
    INFO(scene.error_text);
    CHECK(scene.exit_code == ExitCode::done);
    CHECK((key_seen == scene.known_key.public_key()));
    CHECK(scene.saved.empty());
}

TEST_CASE("10.6: a general error after a reconnect is no reason to register anew") {
    for (const unsigned errors : {2U, 3U}) {
        Scene scene("2023c");
        scene.known();
        scene.go({[&](Peer& peer) {
                     for (unsigned i = 0; i < errors; ++i) {
                         scene.reads_reconnect(peer);
                         peer.respond(Response::general_error, Bytes());
                     }
                     if (errors < 3) {
                         scene.reconnects(peer);
                         scene.receives(peer);
                         scene.takes_verdict(peer, Request::cksum_right);
                     }
                     peer.expect_end();
                 }},
                 {scene.file("f")});
        CHECK(scene.exit_code == (errors < 3 ? ExitCode::done : ExitCode::refused));
        CHECK(count(scene.error_text, error_line) == errors);
        CHECK(scene.saved.empty());
    }
}

TEST_CASE("10.6: a general error after 1100 is not a name that is taken") {
    for (const bool is_known : {true, false}) {
        Scene scene("2023a");
        if (is_known) {
            scene.known();
            scene.options.register_again = true;
        }
        scene.go({[&](Peer& peer) {
                     peer.expect(Request::register_client);
                     peer.respond(Response::general_error, Bytes());
                     peer.expect_end();
                 }},
                 {scene.file("f")});
        CHECK(scene.exit_code == ExitCode::refused);
        CHECK(scene.saved.empty());
        CHECK_FALSE(contains(scene.error_text, "is taken"));
    }
}

TEST_CASE("3.1: --register-again leaves the reconnect out") {
    Scene scene("2024a");
    scene.known();
    scene.options.register_again = true;
    scene.go({[&](Peer& peer) {
                 scene.registers(peer);
                 scene.exchanges_key(peer);
                 scene.receives(peer);
                 scene.takes_verdict(peer, Request::cksum_right);
                 peer.expect_end();
             }},
             {scene.file("f")});
    CHECK(scene.exit_code == ExitCode::done);
}

TEST_CASE("answers to a reconnect that no server gives") {
    const std::vector<std::function<void(Scene&, Peer&)>> answers = {
        [](Scene&, Peer& peer) { peer.respond(Response::reconnect_refused, encode_client_id(other_id)); },
        [](Scene& scene, Peer& peer) {
            const Bytes wrapped = wrap_key(scene.known_key.public_key(), scene.aes_key);
            peer.respond(Response::reconnected, encode(scene.dialect, AesKeyMessage{other_id, wrapped}));
        },
        [](Scene& scene, Peer& peer) {
            peer.respond(Response::reconnected, scene.wrapped_for(scene.new_key.public_key()));
        },
        [](Scene& scene, Peer& peer) {
            peer.respond(Response::aes_key, scene.wrapped_for(scene.known_key.public_key()));
        },
        [](Scene&, Peer& peer) { peer.respond(Response::registered, encode_client_id(alice_id)); }};
    for (const auto& answer : answers) {
        Scene scene("2023a");
        scene.known();
        scene.go({[&](Peer& peer) {
                     scene.reads_reconnect(peer);
                     answer(scene, peer);
                     peer.expect_end();
                 }},
                 {scene.file("f")});
        INFO(scene.error_text);
        CHECK(scene.exit_code == ExitCode::violation);
        CHECK(scene.saved.empty());
    }
}

TEST_CASE("2106 answers a reconnect and nothing else") {
    Scene scene("2023a");
    scene.go({[&](Peer& peer) {
                 peer.expect(Request::register_client);
                 peer.respond(Response::reconnect_refused, encode_client_id(alice_id));
                 peer.expect_end();
             }},
             {scene.file("f")});
    CHECK(scene.exit_code == ExitCode::violation);
}

}  // namespace tests
}  // namespace backup
