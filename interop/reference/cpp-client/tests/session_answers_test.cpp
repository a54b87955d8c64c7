// Answers that are wrong, late, cut or missing, and the habits that show in reading and writing.

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "scene.h"

namespace backup {
namespace tests {

TEST_CASE("6.2: a 2103 that does not repeat its request") {
    const std::vector<std::function<void(FileReceived&)>> changes = {
        [](FileReceived& answer) { answer.client_id = other_id; },
        [](FileReceived& answer) { answer.content_size += 16; },
        [](FileReceived& answer) { answer.name = "g"; }};
    for (const auto& change : changes) {
        Scene scene("seed");
        scene.known();
        scene.go({[&](Peer& peer) {
                     scene.exchanges_key(peer);
                     FileReceived answer = scene.reads_file(peer);
                     change(answer);
                     peer.respond(Response::file_received, encode(scene.dialect, answer));
                     peer.expect_end();
                 }},
                 {scene.file("f")});
        CHECK(scene.exit_code == ExitCode::violation);
        CHECK(scene.out.empty());
    }
}

TEST_CASE("a 2102 that is not for this client") {
    const Bytes key_of_other = RsaKeyPair::generate(short_public_key).public_key();
    for (const bool other_owner : {true, false}) {
        Scene scene("seed");
        scene.known();
        scene.go({[&](Peer& peer) {
                     const Bytes key = scene.reads_key(peer);
                     const Bytes wrapped = wrap_key(other_owner ? key : key_of_other, scene.aes_key);
                     peer.respond(
                         Response::aes_key,
                         encode(scene.dialect, AesKeyMessage{other_owner ? other_id : alice_id, wrapped}));
                     peer.expect_end();
                 }},
                 {scene.file("f")});
        CHECK(scene.exit_code == ExitCode::violation);
    }
}

TEST_CASE("responses that no server sends there") {
    const std::vector<std::function<void(Scene&, Peer&)>> answers = {
        [](Scene& scene, Peer& peer) {  // unknown code
            peer.send(encode(scene.dialect, ResponseHeader{3, 2999, 0}));
        },
        [](Scene& scene, Peer& peer) {  // a size that is not waited for
            peer.send(encode(scene.dialect, ResponseHeader{3, 2103, 0xFFFFFFFFU}));
        },
        [](Scene&, Peer& peer) {  // an answer to another request
            peer.respond(Response::registered, encode_client_id(alice_id));
        },
        [](Scene&, Peer& peer) {  // the end inside a response
            peer.send(Bytes{3, 0x36});
            peer.end_sending();
        }};
    for (const bool habits : {true, false}) {
        for (const auto& answer : answers) {
            Scene scene("seed");
            scene.known();
            scene.options.habits = habits ? Habits() : Habits::none();
            scene.go({[&](Peer& peer) {
                         scene.reads_key(peer);
                         answer(scene, peer);
                         peer.expect_end();
                     }},
                     {scene.file("f")});
            CHECK(scene.exit_code == ExitCode::violation);
        }
    }
}

TEST_CASE("lost connections and silence") {
    for (const bool silence : {true, false}) {
        Scene scene("seed");
        scene.known();
        scene.options.timeout = Milliseconds(silence ? 100 : 10000);
        scene.go({[&](Peer& peer) {
                     scene.reads_key(peer);
                     if (silence) {
                         peer.expect_end();
                     } else {
                         peer.reset();
                     }
                 }},
                 {scene.file("f")});
        CHECK(scene.exit_code == ExitCode::connection);
    }
    const Dialect dialect = load_test_dialect("seed");
    Endpoint nobody;
    {
        ScriptedServer closed(dialect, {});
        nobody = closed.endpoint();
        closed.finish();
    }
    CHECK_THROWS_AS(Connection(nobody, Milliseconds(1000)), ConnectionError);
}

TEST_CASE("1.4: a response in two pieces is read without the habit of one read") {
    for (const bool habits : {true, false}) {
        Scene scene("seed");
        scene.known();
        scene.options.habits = habits ? Habits() : Habits::none();
        scene.go({[&](Peer& peer) {
                     const Bytes key = scene.reads_key(peer);
                     const Bytes payload = scene.wrapped_for(key);
                     if (habits) {
                         // The rest never comes: the client must not even wait for it.
                         peer.send(encode(scene.dialect, ResponseHeader{3, 2102, 144}));
                         peer.expect_end();
                     } else {
                         peer.respond_in_two_pieces(Response::aes_key, payload);
                         scene.receives(peer);
                         scene.is_right_and_closes(peer);
                     }
                 }},
                 {scene.file("f")});
        CHECK(scene.exit_code == (habits ? ExitCode::violation : ExitCode::done));
    }
}

TEST_CASE("3.1: 1105 and the beginning of the next 1103 come in one write") {
    Scene scene("seed");
    scene.known();
    std::size_t first_read = 0;
    scene.go({[&](Peer& peer) {
                 scene.exchanges_key(peer);
                 scene.receives_wrong(peer);
                 first_read = peer.read_once().size();
                 peer.end_sending();
             }},
             {scene.file("f")});
    CHECK(first_read >= 23 + 271 + 23 + 275);
}

TEST_CASE("1.7: another version is accepted and told once") {
    Scene scene("seed");
    scene.known();
    scene.go({[&](Peer& peer) {
                 const Bytes key = scene.reads_key(peer);
                 const Bytes payload = scene.wrapped_for(key);
                 Bytes response = encode(scene.dialect, ResponseHeader{1, 2102, 144});
                 response.insert(response.end(), payload.begin(), payload.end());
                 peer.send(response);
                 scene.receives(peer);
                 scene.is_right_and_closes(peer);
             }},
             {scene.file("f")});
    CHECK(scene.exit_code == ExitCode::done);
    CHECK(count(scene.error_text, "version 1") == 1);
}

}  // namespace tests
}  // namespace backup
