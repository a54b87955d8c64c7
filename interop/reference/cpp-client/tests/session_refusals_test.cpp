// Who the client is, and what it does when the server refuses.

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "scene.h"

namespace backup {
namespace tests {

TEST_CASE("2.9: a name that is taken, without an identity") {
    Scene scene("seed");
    scene.go({[&](Peer& peer) {
                 peer.expect(Request::register_client);
                 scene.refuse(peer);
                 peer.expect_end();
             }},
             {scene.file("f")});
    CHECK(scene.exit_code == ExitCode::refused);
    CHECK(count(scene.error_text, error_line) == 1);
    CHECK(contains(scene.error_text, "choose another name"));
    CHECK(scene.saved.empty());
}

TEST_CASE("4.5: ID and key are stored before 1101") {
    Scene scene("seed");
    scene.go({[&](Peer& peer) {
                 scene.registers(peer);
                 peer.end_sending();
                 peer.expect(Request::send_public_key);
             }},
             {scene.file("f")});
    CHECK(scene.exit_code == ExitCode::connection);
    REQUIRE(scene.saved.size() == 1);
    CHECK((scene.saved[0].client_id == alice_id));
    CHECK((scene.saved[0].key.pkcs8() == scene.new_key.pkcs8()));
}

TEST_CASE("3.1: --register-again goes on after a 2101, under the stored ID and with a new pair") {
    Scene scene("seed");
    scene.known();
    scene.options.register_again = true;
    Bytes key_seen;
    scene.go({[&](Peer& peer) {
                 peer.expect(Request::register_client);
                 scene.refuse(peer);
                 key_seen = scene.exchanges_key(peer);
                 scene.receives(peer);
                 scene.is_right_and_closes(peer);
             }},
             {scene.file("f")});
    CHECK(scene.exit_code == ExitCode::done);
    CHECK((key_seen == scene.new_key.public_key()));
    REQUIRE(scene.saved.size() == 1);
    CHECK((scene.saved[0].client_id == alice_id));
    CHECK((scene.saved[0].key.pkcs8() == scene.new_key.pkcs8()));
}

TEST_CASE("6.3: a refused 1101 is sent three times") {
    Scene scene("seed");
    scene.known();
    scene.go({[&](Peer& peer) {
                 for (int i = 0; i < 3; ++i) {
                     scene.reads_key(peer);
                     scene.refuse(peer);
                 }
                 peer.expect_end();
             }},
             {scene.file("f")});
    CHECK(scene.exit_code == ExitCode::refused);
    CHECK(count(scene.error_text, error_line) == 3);
    CHECK(scene.out.empty());
}

TEST_CASE("6.3: a refused try is not a transmission, and no 1105 goes between") {
    Scene scene("seed");
    scene.known();
    scene.go({[&](Peer& peer) {
                 scene.reads_key(peer);
                 scene.refuse(peer);
                 scene.exchanges_key(peer);
                 for (int i = 0; i < 2; ++i) {
                     scene.refuses_file(peer);
                     scene.refuses_file(peer);
                     scene.receives_wrong(peer);
                     peer.expect(Request::cksum_wrong);
                 }
                 scene.receives(peer);
                 scene.is_right_and_closes(peer);
             }},
             {scene.file("f")});
    CHECK(scene.exit_code == ExitCode::done);
    CHECK(count(scene.error_text, error_line) == 5);
    CHECK(contains(scene.out, "\tverified\n"));
}

TEST_CASE("a file that is refused three times does not keep the next one from being sent") {
    for (const bool habits : {true, false}) {
        Scene scene("seed");
        scene.known();
        scene.options.habits = habits ? Habits() : Habits::none();
        scene.go({[&](Peer& peer) {
                     scene.exchanges_key(peer);
                     for (int i = 0; i < 3; ++i) {
                         scene.refuses_file(peer);
                     }
                     // The connection is as good as before.
                     scene.exchanges_key(peer);
                     scene.receives(peer);
                     scene.is_right_and_closes(peer);
                 }},
                 {scene.file("a"), scene.file("b")});
        CHECK(scene.exit_code == ExitCode::refused);
        CHECK(scene.out ==
              "a\t12\t-\trefused\nb\t12\t" + std::to_string(posix_cksum_of("some content")) + "\tverified\n");
    }
}

TEST_CASE("2.10: a refusal in the middle of the content, and the connection with it") {
    for (const bool habits : {true, false}) {
        Scene scene("seed");
        scene.known();
        scene.options.habits = habits ? Habits() : Habits::none();
        scene.go({[&](Peer& peer) {
                      scene.exchanges_key(peer);
                      peer.read(request_header_size(scene.dialect));
                      scene.refuse(peer);
                      peer.end_sending();
                      peer.discard(1024 * 1024);
                      peer.reset();
                  },
                  [&](Peer& peer) {
                      scene.receives(peer);
                      scene.is_right_and_closes(peer);
                  }},
                 {scene.file("f", std::string(32 * 1024 * 1024, 'x'))});
        INFO(scene.error_text);
        CHECK(scene.exit_code == ExitCode::done);
        CHECK(count(scene.error_text, error_line) == 1);
    }
}

TEST_CASE("2.10: a refusal and a reset while the client is held in a write") {
    Scene scene("seed");
    scene.known();
    scene.go({[&](Peer& peer) {
                  scene.exchanges_key(peer);
                  peer.read(request_header_size(scene.dialect));
                  peer.pause();
                  scene.refuse(peer);
                  peer.reset();
              },
              [&](Peer& peer) {
                  scene.receives(peer);
                  scene.is_right_and_closes(peer);
              }},
             {scene.file("f", std::string(32 * 1024 * 1024, 'x'))});
    INFO(scene.error_text);
    CHECK(scene.exit_code == ExitCode::done);
    CHECK(count(scene.error_text, error_line) == 1);
}

TEST_CASE("2.10: the client stops sending when it is refused, though the server reads on") {
    const std::size_t size = 64 * 1024 * 1024;
    Scene scene("seed");
    scene.known();
    std::size_t sent = 0;
    scene.go({[&](Peer& peer) {
                  scene.exchanges_key(peer);
                  peer.read(request_header_size(scene.dialect));
                  scene.refuse(peer);
                  sent = peer.discard(2 * size);
              },
              [&](Peer& peer) {
                  scene.receives(peer);
                  scene.is_right_and_closes(peer);
              }},
             {scene.file("f", std::string(size, 'x'))});
    CHECK(scene.exit_code == ExitCode::done);
    // What is in the buffers of the two sockets is sent all the same.
    CHECK(sent < size / 2);
}

TEST_CASE("2.10: a refusal that ends the connection after the whole request") {
    Scene scene("seed");
    scene.known();
    scene.go({[&](Peer& peer) {
                  scene.reads_key(peer);
                  scene.refuse(peer);
              },
              [&](Peer& peer) {
                  scene.exchanges_key(peer);
                  scene.receives(peer);
                  scene.is_right_and_closes(peer);
              }},
             {scene.file("f")});
    CHECK(scene.exit_code == ExitCode::done);
}

TEST_CASE("a file that has gone before its turn") {
    Scene scene("seed");
    scene.known();
    scene.go({[&](Peer& peer) {
                 scene.exchanges_key(peer);
                 scene.receives(peer);
                 scene.is_right_and_closes(peer);
             }},
             {FileJob{scene.folder.path() + "/none", "none"}, scene.file("f")});
    CHECK(scene.exit_code == ExitCode::failure);
    CHECK(contains(scene.out, "\tverified\n"));
}

}  // namespace tests
}  // namespace backup
