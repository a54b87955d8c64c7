// Whole runs in every dialect, and in every value of every parameter: what is said, in which order, and on
// how many connections. The bytes are the transcripts' matter.

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "scene.h"

namespace backup {
namespace tests {

namespace {

// What the server does next, and whether that ends the connection.
struct Step {
    std::function<void(Peer&)> act;
    bool closes;
};

// The steps cut into connections.
std::vector<ScriptedServer::Script> connections_of(const std::vector<Step>& steps, bool one_request_each) {
    std::vector<ScriptedServer::Script> scripts;
    std::vector<Step> begun;
    const auto finish = [&] {
        scripts.push_back([begun](Peer& peer) {
            for (const Step& step : begun) {
                step.act(peer);
            }
            if (!begun.back().closes) {
                peer.expect_end();
            }
        });
        begun.clear();
    };
    for (const Step& step : steps) {
        begun.push_back(step);
        if (step.closes || one_request_each) {
            finish();
        }
    }
    if (!begun.empty()) {
        finish();
    }
    return scripts;
}

Step verdict(const Scene& scene, Request kind) {
    return Step{[&scene, kind](Peer& peer) { scene.takes_verdict(peer, kind); },
                scene.dialect.after(kind).close};
}

// One file, wrong as often as it is said.
void add_file(const Scene& scene, unsigned wrong, std::vector<Step>& steps) {
    for (unsigned i = 1; i <= wrong; ++i) {
        steps.push_back({[&](Peer& peer) { scene.receives_wrong(peer); }, false});
        const bool is_last = i == scene.dialect.transmissions;
        steps.push_back(verdict(scene, is_last ? Request::give_up : Request::cksum_wrong));
        if (is_last) {
            return;
        }
    }
    steps.push_back({[&](Peer& peer) { scene.receives(peer); }, false});
    steps.push_back(verdict(scene, Request::cksum_right));
}

// A client that is new sends a file that is right at once or the second time, one that is given up, and one
// more.
void run_new_client(Scene& scene) {
    const unsigned transmissions = scene.dialect.transmissions;
    const Step key{[&](Peer& peer) { scene.exchanges_key(peer); }, false};
    std::vector<Step> steps = {{[&](Peer& peer) { scene.registers(peer); }, false}, key};
    add_file(scene, transmissions > 1 ? 1 : 0, steps);
    steps.push_back(key);
    add_file(scene, transmissions, steps);
    steps.push_back(key);
    add_file(scene, 0, steps);
    const bool each =
        scene.options.connection_per_request || scene.dialect.connection == ConnectionUse::request;
    scene.go(connections_of(steps, each),
             {scene.file("a"), scene.file("b", std::string(1000, 'b')), scene.file("c", "")});
    INFO(scene.error_text);
    CHECK(scene.exit_code == ExitCode::gave_up);
    CHECK(contains(scene.out, "a\t12\t"));
    CHECK(contains(scene.out, "\tverified\nb\t1000\t"));
    CHECK(contains(scene.out, "\tgiven-up\nc\t0\t"));
    CHECK(count(scene.out, "\tverified\n") == 2);
    CHECK_FALSE(contains(scene.error_text, "warning"));
    CHECK(count(scene.error_text, error_line) == 0);
    CHECK(scene.saved.size() == 1);
}

// One that is known sends a file.
void run_known_client(Scene& scene) {
    scene.known();
    std::vector<Step> steps = {{[&](Peer& peer) { scene.lets_in(peer); }, false}};
    add_file(scene, 0, steps);
    const bool each =
        scene.options.connection_per_request || scene.dialect.connection == ConnectionUse::request;
    scene.go(connections_of(steps, each), {scene.file("f")});
    INFO(scene.error_text);
    CHECK(scene.exit_code == ExitCode::done);
    CHECK(contains(scene.out, "\tverified\n"));
    CHECK(scene.error_text.empty());
    CHECK(scene.saved.empty());
}

void run_both(const Dialect& dialect, bool habits, bool per_request) {
    for (const bool is_known : {false, true}) {
        Scene scene(dialect);
        scene.options.habits = habits ? Habits() : Habits::none();
        scene.options.connection_per_request = per_request;
        if (is_known) {
            run_known_client(scene);
        } else {
            run_new_client(scene);
        }
    }
}

json answer(const char* name, bool close) {
    return {{"answer", name}, {"close", close}};
}

}  // namespace

TEST_CASE("a new and a known client in every dialect") {
    for (const char* const name : {"seed", "readme", "2022c", "2023a", "2023c", "2024a", "2024c"}) {
        for (const bool habits : {true, false}) {
            for (const bool per_request : {true, false}) {
                INFO(name << (habits ? ", habits" : "") << (per_request ? ", a connection each" : ""));
                run_both(load_test_dialect(name), habits, per_request);
            }
        }
    }
}

TEST_CASE("a new and a known client with every parameter") {
    const std::vector<json> changes = {
        {{"byte_order", "big"}},
        {{"alignment", "natural"}},
        {{"name_width", 256}},
        {{"response_size_width", 2}},
        {{"response_size_width", 2}, {"alignment", "natural"}},
        {{"size_counts", "message"}},
        {{"size_counts", "padded"}, {"response_padding", 1024}},
        {{"response_padding", 1024}},
        {{"response_padding", 2048}},
        {{"request_padding", 1024}},
        {{"client_id_in_payload", true}},
        {{"client_id_in_payload", false}},
        {{"refused_payload", "client-id"}},
        {{"file_received_fields", json::array({"client_id", "file_name", "cksum"})}},
        {{"file_received_fields", json::array({"content_size", "file_name", "cksum"})}},
        {{"echoed_size", "plain"}},
        {{"checksum", "zlib"}},
        {{"checksum", "crc8"}},
        {{"checksum_input", "padded"}},
        {{"checksum_input", "content"}},
        {{"cksum_width", 16}},
        {{"aes_key_size", 16}},
        {{"aes_key_size", 32}},
        {{"public_key_sizes", json::array({160, 162})}},
        {{"connection", "request"}},
        {{"packets", true}},
        {{"packets", true}, {"packet_size", 16}},
        {{"packets", true}, {"packet_size", 48}, {"packet_byte_order", "big"}},
        {{"reconnect_key", "same"}},
        {{"transmissions", 1}},
        {{"after_right", answer("none", false)}},
        {{"after_right", answer("none", true)}},
        {{"after_right", answer("refused", false)}},
        {{"after_right", answer("acknowledged", true)}},
        {{"after_right", answer("acknowledged-with-id", false)}},
        {{"after_wrong", answer("none", true)}},
        {{"after_wrong", answer("refused", false)}},
        {{"after_wrong", answer("refused", true)}},
        {{"after_wrong", answer("acknowledged", false)}},
        {{"after_wrong", answer("acknowledged-with-id", true)}},
        {{"after_give_up", answer("none", false)}},
        {{"after_give_up", answer("none", true)}},
        {{"after_give_up", answer("refused", false)}},
        {{"after_give_up", answer("acknowledged", true)}},
        {{"after_give_up", answer("acknowledged-with-id", false)}}};
    for (const char* const base : {"seed", "2023a"}) {
        for (const json& change : changes) {
            INFO(base << " with " << change);
            run_both(modified_dialect(base, change), true, false);
            run_both(modified_dialect(base, change), false, false);
        }
    }
    for (const char* const verdict : {"after_right", "after_wrong", "after_give_up"}) {
        for (const bool closes : {true, false}) {
            INFO(verdict << (closes ? ", closing" : ""));
            run_both(modified_dialect("2024c", {{verdict, answer("general-error", closes)}}), true, false);
        }
    }
}

TEST_CASE("several parameters that no dialect has together") {
    const json change = {{"byte_order", "big"},
                         {"packet_byte_order", "little"},
                         {"alignment", "natural"},
                         {"name_width", 256},
                         {"size_counts", "padded"},
                         {"response_padding", 2048},
                         {"request_padding", 1024},
                         {"client_id_in_payload", true},
                         {"file_received_fields", json::array({"content_size", "file_name", "cksum"})},
                         {"echoed_size", "plain"},
                         {"checksum", "zlib"},
                         {"checksum_input", "content"},
                         {"cksum_width", 16},
                         {"public_key_sizes", json::array({160, 162})},
                         {"packet_size", 64}};
    for (const bool habits : {true, false}) {
        for (const bool per_request : {true, false}) {
            run_both(modified_dialect("2024c", change), habits, per_request);
        }
    }
}

}  // namespace tests
}  // namespace backup
