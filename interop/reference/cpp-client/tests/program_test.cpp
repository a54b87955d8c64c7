// The program itself: setup files, options and exit codes, as a user or a script meets them.

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "dialect_file.h"
#include "files.h"
#include "receiver_crypto.h"
#include "scripted_server.h"
#include "temporary_folder.h"
#include "vectors.h"

namespace backup {
namespace tests {

namespace {

const ClientId id = {{0x3f, 0x2a}};
const Bytes aes_key(16, 0x5a);

struct Outcome {
    int exit_code;
    std::string out;
    std::string errors;
};

// Runs the program in a folder. The arguments are the tests' own and need no quoting.
Outcome run_program(const TemporaryFolder& folder, const std::string& arguments) {
    const std::string command =
        "cd '" + folder.path() + "' && '" CHECKED_CLIENT "' " + arguments + " >out 2>errors";
    const int status = std::system(command.c_str());
    REQUIRE(WIFEXITED(status));
    return Outcome{WEXITSTATUS(status), read_small_file(folder.path() + "/out", 1 << 20),
                   read_small_file(folder.path() + "/errors", 1 << 20)};
}

// A whole backup of a new client in `seed`, which keeps what it received.
void take_backup(Peer& peer, const Dialect& dialect, bool is_known, SendFile& sent, Bytes& content) {
    if (!is_known) {
        peer.expect(Request::register_client);
        peer.respond(Response::registered, encode_client_id(id));
    }
    const Bytes key =
        decode_send_public_key(dialect, peer.expect(Request::send_public_key).payload).public_key;
    peer.respond(Response::aes_key, encode(dialect, AesKeyMessage{id, wrap_key(key, aes_key)}));
    const Peer::FileSeen file = peer.expect_file();
    sent = file.message;
    content = decrypt_content(aes_key, file.content);
    peer.respond(Response::file_received,
                 encode(dialect, FileReceived{id, sent.content_size, sent.name, 930766865U}));
    peer.expect(Request::cksum_right);
}

}  // namespace

TEST_CASE("program: two runs, CRLF, a path as name, me.info with mode 0600") {
    const TemporaryFolder folder;
    const Dialect dialect = load_test_dialect("seed");
    folder.write("nine.txt", "123456789");
    SendFile first;
    SendFile second;
    Bytes first_content;
    Bytes second_content;
    ScriptedServer server(dialect,
                          {[&](Peer& peer) { take_backup(peer, dialect, false, first, first_content); },
                           [&](Peer& peer) { take_backup(peer, dialect, true, second, second_content); }});
    folder.write("transfer.info",
                 "127.0.0.1:" + std::to_string(server.endpoint().port) + "\r\nalice\r\n./nine.txt\r\n");

    Outcome outcome = run_program(folder, "");
    INFO(outcome.errors);
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.out == "./nine.txt\t9\t930766865\tverified\n");
    CHECK(outcome.errors.empty());
    struct stat status {};
    REQUIRE(::stat((folder.path() + "/me.info").c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
    const std::string identity = read_small_file(folder.path() + "/me.info", 4096);

    outcome = run_program(folder, "--no-habits");
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.out == "nine.txt\t9\t930766865\tverified\n");
    CHECK(read_small_file(folder.path() + "/me.info", 4096) == identity);
    server.finish();
    CHECK(first.name == "./nine.txt");
    CHECK(second.name == "nine.txt");
    CHECK(to_hex(first_content) == "313233343536373839");
    CHECK(to_hex(second_content) == to_hex(first_content));
}

TEST_CASE("program: a name that is taken") {
    const TemporaryFolder folder;
    const Dialect dialect = load_test_dialect("seed");
    folder.write("f", "x");
    ScriptedServer server(dialect, {[](Peer& peer) {
                              peer.expect(Request::register_client);
                              peer.respond(Response::refused, Bytes());
                          }});
    folder.write("transfer.info", "127.0.0.1:" + std::to_string(server.endpoint().port) + "\nalice\nf\n");
    const Outcome outcome = run_program(folder, "");
    server.finish();
    CHECK(outcome.exit_code == 3);
    CHECK(outcome.errors.find("server responded with an error\nfatal: ") == 0);
    CHECK_FALSE(file_exists(folder.path() + "/me.info"));
}

TEST_CASE("program: a dialect from a file, a longer key, and the second run with a reconnect") {
    const TemporaryFolder folder;
    json document = load_json(std::string(DIALECT_FOLDER) + "/2024c.json");
    document["name"] = "own";
    document["public_key_sizes"] = {160, 162};
    document["packet_size"] = 16;
    document["checksum"] = "zlib";
    document["byte_order"] = "big";
    const std::string path = folder.write("own.json", document.dump());
    const Dialect dialect = load_dialect(path, "");
    folder.write("nine.txt", "123456789");
    Bytes public_key;
    const auto take_file = [&](Peer& peer) {
        const Peer::FileSeen file = peer.expect_file();
        peer.respond(Response::file_received, encode(dialect, FileReceived{id, file.message.content_size,
                                                                           file.message.name, 0xCBF43926U}));
        peer.expect(Request::cksum_right);
        peer.respond(Response::acknowledged, encode_client_id(id));
        peer.expect_end();
    };
    const auto give_key = [&](Peer& peer, Response kind) {
        const Bytes wrapped_key = wrap_key(public_key, Bytes(32, 0x5a));
        peer.respond(kind, encode(dialect, AesKeyMessage{id, wrapped_key}));
    };
    ScriptedServer server(dialect, {[&](Peer& peer) {
                                        peer.expect(Request::register_client);
                                        peer.respond(Response::registered, encode_client_id(id));
                                        const Peer::RequestSeen seen = peer.expect(Request::send_public_key);
                                        public_key = decode_send_public_key(dialect, seen.payload).public_key;
                                        give_key(peer, Response::aes_key);
                                        take_file(peer);
                                    },
                                    [&](Peer& peer) {
                                        if (peer.expect(Request::reconnect).header.client_id != id) {
                                            throw std::runtime_error("a reconnect under another ID");
                                        }
                                        give_key(peer, Response::reconnected);
                                        take_file(peer);
                                    }});
    folder.write("transfer.info",
                 "127.0.0.1:" + std::to_string(server.endpoint().port) + "\nalice\nnine.txt\n");
    for (int run = 0; run < 2; ++run) {
        const Outcome outcome = run_program(folder, "--dialect own.json");
        INFO(outcome.errors);
        CHECK(outcome.exit_code == 0);
        CHECK(outcome.out == "nine.txt\t9\t3421780262\tverified\n");
    }
    server.finish();
    CHECK(public_key.size() == 162);

    // Where the longer key has no room nothing is sent.
    const Outcome outcome = run_program(folder, "--dialect seed");
    CHECK(outcome.exit_code == 1);
    CHECK(outcome.errors.find("162 bytes") != std::string::npos);
}

TEST_CASE("program: what is wrong before anything is sent") {
    const TemporaryFolder folder;
    CHECK(run_program(folder, "").exit_code == 1);  // no transfer.info
    folder.write("f", "x");
    folder.write("transfer.info", "127.0.0.1:1\nalice\nf\n");
    CHECK(run_program(folder, "").exit_code == 5);  // nobody listens on port 1
    CHECK(run_program(folder, "--file none").exit_code == 1);
    CHECK(run_program(folder, "--what").exit_code == 2);
    CHECK(run_program(folder, "--dialect none").exit_code == 2);
    CHECK(run_program(folder, "--dialect auto").exit_code == 2);
    CHECK(run_program(folder, "--dialect seed,order=big").exit_code == 2);
    CHECK(run_program(folder, "--dialect ./none").exit_code == 1);
    CHECK(run_program(folder, "--send-as " + std::string(255, 'a')).exit_code == 2);
    const Outcome help = run_program(folder, "--help");
    CHECK(help.exit_code == 0);
    CHECK(help.out.find("--connection-per-request") != std::string::npos);

    const std::string large = folder.write("large", "");
    REQUIRE(::truncate(large.c_str(), 4294967008) == 0);
    const Outcome outcome = run_program(folder, "--file f --file large");
    CHECK(outcome.exit_code == 1);
    CHECK(outcome.errors.find("4294967007") != std::string::npos);

    folder.write("transfer.info", "127.0.0.1:1\nalice\n");
    CHECK(run_program(folder, "").exit_code == 1);
    CHECK(run_program(folder, "--file f").exit_code == 5);

    folder.write("transfer.info", "127.0.0.1:1\nalice\nf\n");
    folder.write("me.info", "bob\n" + std::string(32, '0') + "\n" +
                                encode_base64(RsaKeyPair::generate(short_public_key).pkcs8()) + "\n");
    const Outcome other = run_program(folder, "");
    CHECK(other.exit_code == 1);
    CHECK(other.errors.find("belongs to the client bob") != std::string::npos);
}

}  // namespace tests
}  // namespace backup
