// Verdicts and how they are confirmed; several files; connections for each request.

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "scene.h"

namespace backup {
namespace tests {

TEST_CASE("2.12: how a verdict is confirmed where the server closes") {
    struct Case {
        const char* name;
        std::function<void(Scene&, Peer&)> after_right;
        ExitCode exit_code;
        const char* verdict;
    };
    const std::vector<Case> cases = {
        {"end", [](Scene&, Peer& peer) { peer.end_sending(); }, ExitCode::done, "verified"},
        {"reset", [](Scene&, Peer& peer) { peer.reset(); }, ExitCode::done, "unconfirmed"},
        {"silence",
         [](Scene& scene, Peer& peer) {
             peer.expect_end();
             scene.wait_until_client_is_done();
         },
         ExitCode::done, "unconfirmed"},
        {"2101 and the end",
         [](Scene& scene, Peer& peer) {
             scene.refuse(peer);
             peer.end_sending();
         },
         ExitCode::refused, "refused"},
        {"2104", [](Scene&, Peer& peer) { peer.respond(Response::acknowledged, Bytes()); }, ExitCode::done,
         "verified"},
        {"2104 with the ID",
         [](Scene&, Peer& peer) { peer.respond(Response::acknowledged, encode_client_id(alice_id)); },
         ExitCode::done, "verified"},
        {"2103",
         [](Scene& scene, Peer& peer) {
             peer.respond(Response::file_received, encode(scene.dialect, FileReceived{alice_id, 16, "f", 1}));
         },
         ExitCode::violation, nullptr}};
    for (const Case& one : cases) {
        for (const bool habits : {true, false}) {
            INFO(one.name << (habits ? " with habits" : " without habits"));
            Scene scene("seed");
            scene.known();
            scene.options.habits = habits ? Habits() : Habits::none();
            if (std::string(one.name) == "silence") {
                scene.options.timeout = Milliseconds(1000);
            }
            scene.go({[&](Peer& peer) {
                         scene.exchanges_key(peer);
                         scene.receives(peer);
                         peer.expect(Request::cksum_right);
                         one.after_right(scene, peer);
                     }},
                     {scene.file("f")});
            INFO(scene.error_text);
            CHECK(scene.exit_code == one.exit_code);
            if (one.verdict != nullptr) {
                CHECK(contains(scene.out, std::string("\t") + one.verdict + "\n"));
            }
            const bool warns = contains(scene.error_text, "verdict not confirmed");
            CHECK(warns == (one.verdict != nullptr && std::string(one.verdict) == "unconfirmed"));
        }
    }
}

TEST_CASE("2.12: acknowledgements are skipped where another answer is due") {
    Scene scene("seed");
    scene.known();
    scene.go({[&](Peer& peer) {
                 const Bytes key = scene.reads_key(peer);
                 peer.respond(Response::acknowledged, Bytes());
                 peer.respond(Response::aes_key, scene.wrapped_for(key));
                 scene.receives_wrong(peer);
                 peer.expect(Request::cksum_wrong);
                 peer.respond(Response::acknowledged, encode_client_id(alice_id));
                 scene.receives(peer);
                 scene.is_right_and_closes(peer);
             }},
             {scene.file("f")});
    INFO(scene.error_text);
    CHECK(scene.exit_code == ExitCode::done);
}

TEST_CASE("several files: a connection each where the server closes, and a new 1101 with the same key") {
    Scene scene("seed");
    std::vector<Bytes> keys;
    const auto second_and_third = [&](Peer& peer) {
        keys.push_back(scene.exchanges_key(peer));
        scene.receives(peer);
        scene.is_right_and_closes(peer);
    };
    scene.go({[&](Peer& peer) {
                  scene.registers(peer);
                  second_and_third(peer);
              },
              second_and_third, second_and_third},
             {scene.file("a"), scene.file("b", ""), scene.file("c", std::string(100000, 'c'))});
    CHECK(scene.exit_code == ExitCode::done);
    REQUIRE(keys.size() == 3);
    CHECK((keys[0] == scene.new_key.public_key()));
    CHECK((keys[1] == keys[0]));
    CHECK((keys[2] == keys[0]));
    CHECK(count(scene.out, "\tverified\n") == 3);
    CHECK(contains(scene.out, "b\t0\t4294967295\tverified\n"));
}

TEST_CASE("several files: one connection where the server stays") {
    Scene scene("readme");
    scene.known();
    scene.go({[&](Peer& peer) {
                 scene.exchanges_key(peer);
                 scene.receives(peer);
                 peer.expect(Request::cksum_right);
                 // 2.12: this 2101 may mean the verdict; the answer to the next try shows that it did not.
                 scene.reads_key(peer);
                 scene.refuse(peer);
                 scene.exchanges_key(peer);
                 scene.receives(peer);
                 peer.expect(Request::cksum_right);
                 peer.expect_end();
             }},
             {scene.file("a"), scene.file("b")});
    CHECK(scene.exit_code == ExitCode::done);
    CHECK(count(scene.out, "\tverified\n") == 2);
    CHECK(scene.out.compare(0, 2, "a\t") == 0);
}

TEST_CASE("2.12: a verdict that was refused where the server stays") {
    Scene scene("readme");
    scene.known();
    scene.go({[&](Peer& peer) {
                  scene.exchanges_key(peer);
                  scene.receives(peer);
                  peer.expect(Request::cksum_right);
                  scene.refuse(peer);
                  peer.end_sending();
                  scene.reads_key(peer);
              },
              [&](Peer& peer) {
                  scene.exchanges_key(peer);
                  scene.receives(peer);
                  peer.expect(Request::cksum_right);
                  peer.expect_end();
              }},
             {scene.file("a"), scene.file("b")});
    CHECK(scene.exit_code == ExitCode::refused);
    CHECK(contains(scene.out, "a\t12\t"));
    CHECK(contains(scene.out, "\trefused\nb\t12\t"));
    CHECK(contains(scene.out, "\tverified\n"));
}

TEST_CASE("giving up one file does not keep the next one from being sent") {
    Scene scene("readme");
    scene.known();
    scene.go({[&](Peer& peer) {
                 scene.exchanges_key(peer);
                 for (unsigned i = 1; i <= scene.dialect.transmissions; ++i) {
                     scene.receives_wrong(peer);
                     peer.expect(i < scene.dialect.transmissions ? Request::cksum_wrong : Request::give_up);
                 }
                 scene.refuse(peer);  // the answer to 1106
                 scene.exchanges_key(peer);
                 scene.receives(peer);
                 peer.expect(Request::cksum_right);
                 peer.expect_end();
             }},
             {scene.file("a"), scene.file("b")});
    CHECK(scene.exit_code == ExitCode::gave_up);
    CHECK(contains(scene.out, "\tgiven-up\nb\t"));
    CHECK(count(scene.error_text, error_line) == 0);
}

TEST_CASE("--connection-per-request") {
    for (const char* const dialect_name : {"seed", "readme"}) {
        for (const bool habits : {true, false}) {
            Scene scene(dialect_name);
            scene.options.connection_per_request = true;
            scene.options.habits = habits ? Habits() : Habits::none();
            const bool closes = scene.dialect.after_right.close;
            std::vector<ScriptedServer::Script> scripts;
            scripts.push_back([&](Peer& peer) {
                scene.registers(peer);
                peer.expect_end();
            });
            scripts.push_back([&](Peer& peer) {
                scene.exchanges_key(peer);
                peer.expect_end();
            });
            scripts.push_back([&](Peer& peer) {
                scene.receives_wrong(peer);
                peer.expect_end();
            });
            scripts.push_back([&](Peer& peer) {
                // Until this connection has ended the next 1103 must not come.
                peer.expect(Request::cksum_wrong);
                peer.expect_end();
                peer.expect_no_other_connection();
            });
            scripts.push_back([&](Peer& peer) {
                scene.receives(peer);
                peer.expect_end();
            });
            scripts.push_back([&](Peer& peer) {
                peer.expect(Request::cksum_right);
                if (closes) {
                    peer.end_sending();
                }
                peer.expect_end();
            });
            scene.go(scripts, {scene.file("f")});
            INFO(scene.error_text);
            CHECK(scene.exit_code == ExitCode::done);
            CHECK(contains(scene.out, "\tverified\n"));
            CHECK_FALSE(contains(scene.error_text, "warning"));
        }
    }
}

}  // namespace tests
}  // namespace backup
