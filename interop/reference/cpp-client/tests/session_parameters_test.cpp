// What single parameters of a dialect ask of the client beyond the layout: waiting for answers, packets,
// padding, and what counts as a repetition of the request.

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "scene.h"

namespace backup {
namespace tests {

namespace {

struct Ending {
    const char* name;
    std::function<void(Scene&, Peer&)> act;
    ExitCode exit_code;
    const char* verdict;  // empty: no line is printed
};

const std::vector<Ending> endings_where_an_acknowledgement_is_due = {
    {"empty", [](Scene&, Peer& peer) { peer.respond(Response::acknowledged, Bytes()); }, ExitCode::done,
     "verified"},
    {"with the ID",
     [](Scene&, Peer& peer) { peer.respond(Response::acknowledged, encode_client_id(alice_id)); },
     ExitCode::done, "verified"},
    {"with another's ID",
     [](Scene&, Peer& peer) { peer.respond(Response::acknowledged, encode_client_id(other_id)); },
     ExitCode::violation, ""},
    {"the end", [](Scene&, Peer& peer) { peer.end_sending(); }, ExitCode::done, "verified"},
    {"a reset", [](Scene&, Peer& peer) { peer.reset(); }, ExitCode::done, "unconfirmed"},
    {"silence", [](Scene& scene, Peer&) { scene.wait_until_client_is_done(); }, ExitCode::done,
     "unconfirmed"},
    {"2101", [](Scene&, Peer& peer) { peer.respond(Response::refused, Bytes()); }, ExitCode::refused,
     "refused"},
    {"a refusal", [](Scene& scene, Peer& peer) { scene.refuse(peer); }, ExitCode::refused, "refused"},
    {"2103",
     [](Scene& scene, Peer& peer) {
         peer.respond(Response::file_received, encode(scene.dialect, FileReceived{alice_id, 16, "f", 1}));
     },
     ExitCode::violation, ""}};

// A known client of which one file is right.
void run_until_right(Scene& scene, const std::function<void(Peer&)>& after_right) {
    scene.known();
    scene.go({[&](Peer& peer) {
                 scene.lets_in(peer);
                 scene.receives(peer);
                 peer.expect(Request::cksum_right);
                 after_right(peer);
             }},
             {scene.file("f")});
}

}  // namespace

TEST_CASE("10.5: what counts as the acknowledgement of 1104") {
    for (const char* const name : {"2022c", "2023a", "2024c"}) {
        for (const bool habits : {true, false}) {
            for (const Ending& ending : endings_where_an_acknowledgement_is_due) {
                INFO(name << ", " << ending.name << (habits ? ", habits" : ""));
                Scene scene(name);
                scene.options.habits = habits ? Habits() : Habits::none();
                if (std::string(ending.name) == "silence") {
                    scene.options.timeout = Milliseconds(300);
                }
                run_until_right(scene, [&](Peer& peer) { ending.act(scene, peer); });
                INFO(scene.error_text);
                CHECK(scene.exit_code == ending.exit_code);
                const std::string verdict = ending.verdict;
                CHECK(contains(scene.out, "\t" + verdict + "\n") == !verdict.empty());
                CHECK(contains(scene.error_text, "verdict not confirmed") == (verdict == "unconfirmed"));
            }
        }
    }
}

TEST_CASE("2.12: after a verdict that is refused the next file goes on a new connection") {
    Scene scene("2023a");
    scene.known();
    scene.go({[&](Peer& peer) {
                  scene.lets_in(peer);
                  scene.receives(peer);
                  peer.expect(Request::cksum_right);
                  scene.refuse(peer);
                  peer.expect_end();
              },
              [&](Peer& peer) {
                  scene.exchanges_key(peer);
                  scene.receives(peer);
                  scene.takes_verdict(peer, Request::cksum_right);
                  peer.expect_end();
              }},
             {scene.file("a"), scene.file("b")});
    CHECK(scene.exit_code == ExitCode::refused);
    CHECK(contains(scene.out, "\trefused\nb\t"));
    CHECK(contains(scene.out, "\tverified\n"));
}

TEST_CASE("10.5: the client waits for the acknowledgement before it goes on") {
    Scene scene("2023a");
    scene.known();
    scene.go({[&](Peer& peer) {
                 scene.lets_in(peer);
                 scene.receives(peer);
                 peer.expect(Request::cksum_right);
                 peer.expect_silence();
                 peer.respond(Response::acknowledged, Bytes());
                 scene.exchanges_key(peer);
                 scene.receives(peer);
                 scene.takes_verdict(peer, Request::cksum_right);
                 peer.expect_end();
             }},
             {scene.file("a"), scene.file("b")});
    CHECK(scene.exit_code == ExitCode::done);
}

TEST_CASE("10.5: 1105 that is answered by a refusal is waited for, an acknowledgement is skipped") {
    struct Case {
        const char* answer;
        VerdictAnswer kind;
        bool waits;
    };
    for (const Case& one : {Case{"refused", VerdictAnswer::refused, true},
                            Case{"general-error", VerdictAnswer::general_error, true},
                            Case{"acknowledged", VerdictAnswer::acknowledged, false},
                            Case{"acknowledged-with-id", VerdictAnswer::acknowledged_with_id, false}}) {
        INFO(one.answer);
        Scene scene(modified_dialect("2023a", {{"after_wrong", {{"answer", one.answer}, {"close", false}}}}));
        scene.known();
        scene.go({[&](Peer& peer) {
                     scene.lets_in(peer);
                     scene.receives_wrong(peer);
                     peer.expect(Request::cksum_wrong);
                     if (one.waits) {
                         peer.expect_silence();
                         scene.answers(peer, one.kind);
                         scene.receives(peer);
                     } else {
                         // It comes late, and in front of the 2103.
                         const FileReceived right = scene.reads_file(peer);
                         scene.answers(peer, one.kind);
                         peer.respond(Response::file_received, encode(scene.dialect, right));
                     }
                     scene.takes_verdict(peer, Request::cksum_right);
                     peer.expect_end();
                 }},
                 {scene.file("f")});
        INFO(scene.error_text);
        CHECK(scene.exit_code == ExitCode::done);
        CHECK(count(scene.error_text, error_line) == 0);
    }
}

TEST_CASE("a 1105 that is answered otherwise than the dialect says") {
    Scene scene(
        modified_dialect("2023a", {{"after_wrong", {{"answer", "general-error"}, {"close", false}}}}));
    scene.known();
    scene.go({[&](Peer& peer) {
                 scene.lets_in(peer);
                 scene.receives_wrong(peer);
                 peer.expect(Request::cksum_wrong);
                 peer.respond(Response::refused, Bytes());
                 peer.expect_end();
             }},
             {scene.file("f")});
    CHECK(scene.exit_code == ExitCode::violation);
}

TEST_CASE("10.6: general errors are refusals, three of each request") {
    Scene scene("2024a");
    scene.known();
    scene.go({[&](Peer& peer) {
                 scene.lets_in(peer);
                 for (int i = 0; i < 3; ++i) {
                     peer.expect_file();
                     peer.respond(Response::general_error, Bytes());
                 }
                 scene.reads_key(peer);
                 peer.respond(Response::general_error, Bytes());
                 scene.exchanges_key(peer);
                 scene.receives(peer);
                 scene.takes_verdict(peer, Request::cksum_right);
                 peer.expect_end();
             }},
             {scene.file("a"), scene.file("b")});
    CHECK(scene.exit_code == ExitCode::refused);
    CHECK(count(scene.error_text, error_line) == 4);
    CHECK(contains(scene.out, "\trefused\nb\t"));
}

TEST_CASE("10.6: a dialect without a general error does not know its code") {
    Scene scene("seed");
    scene.known();
    scene.go({[&](Peer& peer) {
                 scene.reads_key(peer);
                 peer.send(encode(scene.dialect, ResponseHeader{3, 2107, 0}));
                 peer.expect_end();
             }},
             {scene.file("f")});
    CHECK(scene.exit_code == ExitCode::violation);
    CHECK(contains(scene.error_text, "unknown-code"));
}

TEST_CASE("10.7: the content is cut at the packet size, and the file is one stream") {
    struct Case {
        std::size_t packet_size;
        std::size_t file_size;
        std::vector<std::size_t> packets;
    };
    const std::vector<Case> cases = {
        {0, 100, {112}},
        {16, 0, {16}},
        {16, 16, {16, 16}},
        {48, 47, {48}},
        {48, 48, {48, 16}},
        {48, 100, {48, 48, 16}},
        {65536, 131072, {65536, 65536, 16}},
        // Packets that are no whole number of the pieces in which a file is read.
        {100000, 250000, {100000, 100000, 50016}}};
    for (const Case& one : cases) {
        INFO(one.packet_size << " of " << one.file_size);
        Scene scene(modified_dialect("2024a", {{"packet_size", one.packet_size}}));
        scene.known();
        std::string text(one.file_size, '\0');
        for (std::size_t i = 0; i < text.size(); ++i) {
            text[i] = static_cast<char>(i % 251);
        }
        Peer::FileSeen seen;
        Bytes plain;
        scene.go({[&](Peer& peer) {
                     scene.lets_in(peer);
                     seen = peer.expect_file();
                     plain = decrypt_content(scene.aes_key, seen.content);
                     peer.respond(
                         Response::file_received,
                         encode(scene.dialect, FileReceived{alice_id, seen.message.content_size,
                                                            seen.message.name, posix_cksum_of(text)}));
                     scene.takes_verdict(peer, Request::cksum_right);
                     peer.expect_end();
                 }},
                 {scene.file("f", text)});
        CHECK(scene.exit_code == ExitCode::done);
        CHECK(seen.packet_sizes == one.packets);
        CHECK(seen.message.original_size == one.file_size);
        CHECK(seen.message.total == one.packets.size());
        const bool same = std::string(plain.begin(), plain.end()) == text;
        CHECK(same);
    }
}

TEST_CASE("10.7: a refusal in the middle of the packets, and the file again on a new connection") {
    for (const bool habits : {true, false}) {
        Scene scene(modified_dialect("2024a", {{"packet_size", 1048576}}));
        scene.known();
        scene.options.habits = habits ? Habits() : Habits::none();
        const std::size_t size = 32 * 1024 * 1024;
        std::size_t sent = 0;
        scene.go({[&](Peer& peer) {
                      scene.lets_in(peer);
                      peer.expect(Request::send_file);
                      scene.refuse(peer);
                      sent = peer.discard(2 * size);
                  },
                  [&](Peer& peer) {
                      scene.receives(peer);
                      scene.takes_verdict(peer, Request::cksum_right);
                      peer.expect_end();
                  }},
                 {scene.file("f", std::string(size, 'x'))});
        INFO(scene.error_text);
        CHECK(scene.exit_code == ExitCode::done);
        CHECK(count(scene.error_text, error_line) == 1);
        CHECK(sent < size);
    }
}

TEST_CASE("3.1, 10.7: 1105 and the beginning of the first packet come in one write") {
    Scene scene(modified_dialect("2024c", {{"packet_size", 16}}));
    scene.known();
    std::size_t first_read = 0;
    scene.go({[&](Peer& peer) {
                 scene.lets_in(peer);
                 scene.receives_wrong(peer);
                 first_read = peer.read_once().size();
                 peer.end_sending();
             }},
             {scene.file("f")});
    CHECK(first_read >= 23 + 255 + 23 + 267);
}

TEST_CASE("6.2: what a 2103 repeats is the dialect's") {
    struct Case {
        json change;
        std::function<void(FileReceived&)> damage;
        bool is_noticed;
    };
    const auto other_id_there = [](FileReceived& answer) { answer.client_id = other_id; };
    const auto content_size_there = [](FileReceived& answer) { answer.content_size = 16; };
    const auto plain_size_there = [](FileReceived& answer) { answer.content_size = 12; };
    const json without_id = {{"file_received_fields", json::array({"content_size", "file_name", "cksum"})}};
    const json without_size = {{"file_received_fields", json::array({"client_id", "file_name", "cksum"})}};
    const std::vector<Case> cases = {{json::object(), content_size_there, false},
                                     {json::object(), plain_size_there, true},
                                     {{{"echoed_size", "plain"}}, content_size_there, true},
                                     {{{"echoed_size", "plain"}}, plain_size_there, false},
                                     {without_id, other_id_there, false},
                                     {without_id, plain_size_there, true},
                                     {without_size, plain_size_there, false},
                                     {without_size, other_id_there, true}};
    for (const Case& one : cases) {
        INFO(one.change);
        Scene scene(modified_dialect("2023a", one.change));
        scene.known();
        scene.go({[&](Peer& peer) {
                     scene.lets_in(peer);
                     FileReceived answer = scene.reads_file(peer);
                     one.damage(answer);
                     peer.respond(Response::file_received, encode(scene.dialect, answer));
                     if (!one.is_noticed) {
                         scene.takes_verdict(peer, Request::cksum_right);
                     }
                     peer.expect_end();
                 }},
                 {scene.file("f", "some content")});
        CHECK(scene.exit_code == (one.is_noticed ? ExitCode::violation : ExitCode::done));
    }
}

TEST_CASE("10.3: padding is read before the next response, whatever is in it") {
    for (const bool habits : {true, false}) {
        Scene scene(modified_dialect("2023a", {{"response_padding", 1024}}));
        scene.options.habits = habits ? Habits() : Habits::none();
        run_until_right(scene, [&](Peer& peer) {
            Bytes response =
                encode_response(scene.dialect, Response::acknowledged, encode_client_id(alice_id), 3);
            REQUIRE(response.size() == 1024);
            response[500] = 0xCC;
            peer.send(response);
            peer.expect_end();
        });
        CHECK(scene.exit_code == ExitCode::done);
        CHECK(contains(scene.out, "\tverified\n"));
    }
}

TEST_CASE("10.3: a response whose padding does not come is not all there") {
    Scene scene(modified_dialect("seed", {{"response_padding", 2048}}));
    scene.known();
    scene.options.habits = Habits::none();
    scene.go({[&](Peer& peer) {
                 const Bytes key = scene.reads_key(peer);
                 Bytes response =
                     encode_response(scene.dialect, Response::aes_key, scene.wrapped_for(key), 3);
                 response.pop_back();
                 peer.send(response);
                 peer.end_sending();
                 peer.expect_end();
             }},
             {scene.file("f")});
    CHECK(scene.exit_code == ExitCode::violation);
    CHECK(contains(scene.error_text, "truncated"));
}

TEST_CASE("4.3: an AES key of any size is taken in every dialect") {
    for (const std::size_t size : {16U, 24U, 32U}) {
        for (const char* const name : {"seed", "2024a"}) {
            Scene scene(name);
            scene.aes_key = Bytes(size, 0x33);
            run_until_right(scene, [&](Peer& peer) {
                scene.answers(peer, scene.dialect.after_right.answer);
                peer.end_sending();
            });
            CHECK(scene.exit_code == ExitCode::done);
        }
    }
}

TEST_CASE("10.9: after 1105 the end of its connection is waited for") {
    Scene scene(modified_dialect("2024c", {{"connection", "request"}}));
    scene.known();
    scene.go({[&](Peer& peer) { scene.lets_in(peer); }, [&](Peer& peer) { scene.receives_wrong(peer); },
              [&](Peer& peer) {
                  peer.expect(Request::cksum_wrong);
                  peer.expect_no_other_connection();
              },
              [&](Peer& peer) { scene.receives(peer); },
              [&](Peer& peer) { scene.takes_verdict(peer, Request::cksum_right); }},
             {scene.file("f")});
    INFO(scene.error_text);
    CHECK(scene.exit_code == ExitCode::done);
    CHECK(contains(scene.out, "\tverified\n"));
}

}  // namespace tests
}  // namespace backup
