// The transcripts of the golden vectors: a real session of the client against a server that plays the
// server's side of the transcript. The client's RSA key is injected, so every byte the client sends must be
// the transcript's.

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <stdexcept>

#include "session_run.h"
#include "temporary_folder.h"
#include "vectors.h"

namespace backup {
namespace tests {

namespace {

void play(Peer& peer, const std::vector<json>& steps) {
    for (const json& step : steps) {
        const auto event = step.at("event").get<std::string>();
        const bool is_client = event != "connect" && step.at("from") == "client";
        if (event == "message" && is_client) {
            const Bytes expected = from_hex(step.at("bytes").get<std::string>());
            if (peer.read(expected.size()) != expected) {
                throw std::runtime_error("the client sent other bytes than the transcript's " +
                                         step.at("message").get<std::string>());
            }
        } else if (event == "message") {
            peer.send(from_hex(step.at("bytes").get<std::string>()));
        } else if (event == "end" && is_client) {
            peer.expect_end();
        } else if (event == "end") {
            peer.end_sending();
        } else if (event != "connect") {
            throw std::runtime_error("unknown event " + event);
        }
    }
}

ClientId id_of(const std::string& hex) {
    const Bytes bytes = from_hex(hex);
    REQUIRE(bytes.size() == client_id_size);
    ClientId id{};
    std::copy(bytes.begin(), bytes.end(), id.begin());
    return id;
}

bool has_message(const json& test, const char* message) {
    for (const json& step : test.at("steps")) {
        if (step.value("message", "") == message) {
            return true;
        }
    }
    return false;
}

void replay(const Dialect& dialect, const json& group, const json& test, const Habits& habits) {
    const TemporaryFolder folder;
    const json& client = group.at("client");
    const json& file = group.at("file");
    const Bytes plaintext = materialize(file.at("plaintext"));
    const std::string path = folder.write("content", std::string(plaintext.begin(), plaintext.end()));
    const RsaKeyPair key = RsaKeyPair::from_pkcs8(from_hex(group.at("private_key").get<std::string>()));
    const ClientId id = id_of(client.at("client_id").get<std::string>());

    SessionRun run(dialect);
    run.options.habits = habits;
    run.client_name = client.at("name").get<std::string>();
    run.new_key = key;
    const bool known = client.at("known").get<bool>();
    if (known) {
        run.identity = std::make_unique<Identity>(Identity{run.client_name, id, key});
    } else if (client.contains("former_id")) {
        // Known once, and forgotten: the client has another identity than it will get.
        run.identity = std::make_unique<Identity>(Identity{run.client_name,
                                                           id_of(client.at("former_id").get<std::string>()),
                                                           RsaKeyPair::generate(short_public_key)});
    }

    std::map<int, std::vector<json>> connections;
    for (const json& step : test.at("steps")) {
        connections[step.at("connection").get<int>()].push_back(step);
    }
    std::vector<ScriptedServer::Script> scripts;
    for (const auto& connection : connections) {
        const std::vector<json> steps = connection.second;
        scripts.push_back([steps](Peer& peer) { play(peer, steps); });
    }
    run.go(scripts, {FileJob{path, file.at("name").get<std::string>()}});

    INFO(run.error_text);
    // 4.5: a client that the server knows has nothing new to keep, nor has one that stays unknown.
    const bool is_registered = has_message(test, "registered");
    REQUIRE(run.saved.size() == (is_registered ? 1 : 0));
    if (is_registered) {
        CHECK((run.saved[0].client_id == id));
        CHECK((run.saved[0].key.pkcs8() == key.pkcs8()));
    }
    if (client.value("taken", false)) {
        CHECK(run.exit_code == ExitCode::refused);
        CHECK(run.out.empty());
        return;
    }
    const bool gives_up = has_message(test, "give_up");
    CHECK(run.exit_code == (gives_up ? ExitCode::gave_up : ExitCode::done));
    CHECK(run.out == file.at("name").get<std::string>() + "\t" + std::to_string(plaintext.size()) + "\t" +
                         std::to_string(file.at("cksum").get<std::uint32_t>()) + "\t" +
                         (gives_up ? "given-up" : "verified") + "\n");
}

}  // namespace

TEST_CASE("transcripts") {
    const json index = load_json(std::string(VECTOR_FOLDER) + "/index.json");
    const std::string folder = "transcripts/";
    unsigned replayed = 0;
    for (const auto& file : index.at("files").items()) {
        if (file.key().compare(0, folder.size(), folder) != 0) {
            continue;
        }
        ++replayed;
        for_each_test(file.key(), "transcript",
                      [](const Dialect& dialect, const json& group, const json& test) {
                          replay(dialect, group, test, Habits());
                          replay(dialect, group, test, Habits::none());
                      });
    }
    CHECK(replayed >= 9);
}

}  // namespace tests
}  // namespace backup
