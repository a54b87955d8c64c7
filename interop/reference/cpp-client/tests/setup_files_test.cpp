// transfer.info, me.info and the command line.

#include "setup_files.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <fstream>

#include "args.h"
#include "errors.h"
#include "temporary_folder.h"
#include "text.h"

namespace backup {
namespace tests {

namespace {

const std::string id_text = "0123456789abcdef0123456789abcdef";

const RsaKeyPair& test_key() {
    static const RsaKeyPair key = RsaKeyPair::generate(short_public_key);
    return key;
}

std::string key_text() {
    return encode_base64(test_key().pkcs8());
}

std::string wrapped(const std::string& text, std::size_t width, const std::string& line_end) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += width) {
        out += text.substr(at, width) + line_end;
    }
    return out;
}

}  // namespace

TEST_CASE("transfer.info with LF, CRLF and no end of the last line") {
    for (const char* const text : {"127.0.0.1:1234\nMichael Jackson\nNew_product_spec.docx\n",
                                   "127.0.0.1:1234\r\nMichael Jackson\r\nNew_product_spec.docx\r\n",
                                   "127.0.0.1:1234\r\nMichael Jackson\nNew_product_spec.docx",
                                   "127.0.0.1:1234 \nMichael Jackson\n"
                                   "New_product_spec.docx\r\n\r\n"}) {
        INFO(text);
        const TransferInfo info = parse_transfer_info(text);
        CHECK(info.server.host == "127.0.0.1");
        CHECK(info.server.port == 1234);
        CHECK(info.client_name == "Michael Jackson");
        CHECK(info.path == "New_product_spec.docx");
    }
    CHECK(parse_transfer_info("localhost:1\nalice\n").path.empty());
    CHECK(parse_transfer_info("localhost:1\nalice\nC:\\Users\\a b.txt\n").path == "C:\\Users\\a b.txt");
    CHECK(parse_transfer_info("[::1]:65535\nalice\n").server.host == "::1");
    CHECK(parse_transfer_info("h:1\n" + std::string(254, 'n') + "\n").client_name.size() == 254);
}

TEST_CASE("transfer.info that is refused") {
    for (const std::string& text :
         {std::string(), std::string("localhost:1\n"), std::string("localhost\nalice\nf\n"),
          std::string("localhost:\nalice\nf\n"), std::string(":1\nalice\nf\n"),
          std::string("localhost:0\nalice\nf\n"), std::string("localhost:65536\nalice\nf\n"),
          std::string("localhost:12x\nalice\nf\n"), std::string("localhost:-1\nalice\nf\n"),
          std::string("::1:80\nalice\nf\n"), std::string("[::1:80\nalice\nf\n"),
          std::string("localhost:1\n\nf\n"), std::string("localhost:1\nalice\nf\ng\n"),
          std::string("localhost:1\n\xff\nf\n"), "localhost:1\n" + std::string(255, 'n') + "\nf\n"}) {
        INFO(text);
        CHECK_THROWS_AS(parse_transfer_info(text), LocalError);
    }
}

TEST_CASE("me.info: the key on one line or wrapped, LF or CRLF") {
    const std::string key = key_text();
    CHECK(key.find('\n') == std::string::npos);
    for (const std::string& text :
         {"alice\n" + id_text + "\n" + key + "\n", "alice\r\n" + id_text + "\r\n" + wrapped(key, 72, "\r\n"),
          "alice\n" + id_text + "\n" + wrapped(key, 64, "\n") + "\n",
          "alice\r\n0123456789ABCDEF0123456789ABCDEF\r\n" + key}) {
        INFO(text);
        const Identity identity = parse_identity(text);
        CHECK(identity.client_name == "alice");
        CHECK(identity.client_id[0] == 0x01);
        CHECK(identity.client_id[15] == 0xEF);
        CHECK((identity.key.pkcs8() == test_key().pkcs8()));
        CHECK(format_identity(identity) == "alice\n" + id_text + "\n" + key + "\n");
    }
}

TEST_CASE("me.info that is refused") {
    const std::string key = key_text();
    std::string damaged = key;
    damaged[600] = damaged[600] == 'A' ? 'B' : 'A';
    for (const std::string& text :
         {std::string(), "alice\n" + id_text + "\n", "alice\n" + id_text.substr(1) + "\n" + key + "\n",
          "alice\n" + id_text.substr(1) + "g\n" + key + "\n", "\n" + id_text + "\n" + key + "\n",
          "alice\n" + id_text + "\n" + key.substr(0, 400) + "\n",
          "alice\n" + id_text + "\n" + key.substr(0, 401) + "\n",
          "alice\n" + id_text + "\n" + key.substr(0, 10) + "!" + key.substr(11) + "\n",
          "alice\n" + id_text + "\n" + key + "AAAA\n", "alice\n" + id_text + "\n" + damaged + "\n"}) {
        INFO(text);
        CHECK_THROWS_AS(parse_identity(text), LocalError);
    }
}

TEST_CASE("me.info is a secret file, and Me.info is read") {
    const TemporaryFolder folder;
    const WorkingFolder inside(folder.path());
    CHECK(load_identity() == nullptr);

    std::ofstream("Me.info") << "alice\r\n" << id_text << "\r\n" << wrapped(key_text(), 76, "\r\n");
    REQUIRE(::chmod("Me.info", 0600) == 0);
    std::unique_ptr<Identity> identity = load_identity();
    REQUIRE(identity);
    CHECK(identity->client_name == "alice");

    // A file that others can read must not keep its mode when it is replaced.
    std::ofstream("me.info") << "old";
    REQUIRE(::chmod("me.info", 0644) == 0);
    identity->client_name = "bob";
    save_identity(*identity);
    struct stat status {};
    REQUIRE(::stat("me.info", &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
    CHECK(load_identity()->client_name == "bob");
    CHECK(folder.count_entries() == 2);
}

TEST_CASE("8.4: the key is read from priv.key where me.info has none") {
    const TemporaryFolder folder;
    const WorkingFolder inside(folder.path());
    const auto write = [](const char* name, const std::string& text) {
        std::ofstream(name) << text;
        REQUIRE(::chmod(name, 0600) == 0);
    };
    write("me.info", "alice\r\n" + id_text + "\r\n");
    CHECK_THROWS_AS(load_identity(), LocalError);
    write("priv.key", wrapped(key_text(), 76, "\r\n"));
    const std::unique_ptr<Identity> identity = load_identity();
    REQUIRE(identity);
    CHECK(identity->client_name == "alice");
    CHECK((identity->key.pkcs8() == test_key().pkcs8()));

    // The one of me.info is the identity's; what lies beside it does not count.
    write("me.info", "alice\n" + id_text + "\n" + key_text() + "\n");
    write("priv.key", "nothing");
    CHECK((load_identity()->key.pkcs8() == test_key().pkcs8()));
    write("me.info", "alice\n" + id_text + "\n");
    CHECK_THROWS_AS(load_identity(), LocalError);
}

TEST_CASE("a damaged me.info stops the client") {
    const TemporaryFolder folder;
    const WorkingFolder inside(folder.path());
    std::ofstream("me.info") << "alice\nnothing\n";
    CHECK_THROWS_AS(load_identity(), LocalError);
}

TEST_CASE("base64 is strict") {
    CHECK(decode_base64("").empty());
    CHECK((decode_base64("AQI=") == Bytes{1, 2}));
    CHECK(encode_base64(Bytes{1, 2}) == "AQI=");
    for (const char* const text : {"A", "AQI", "AQ=I", "A===", "AQI=AQI=", "AQ I", "AQI-"}) {
        INFO(text);
        CHECK_THROWS_AS(decode_base64(text), LocalError);
    }
}

TEST_CASE("command line") {
    const Options defaults = parse_arguments({});
    CHECK(defaults.dialect == "seed");
    CHECK(defaults.timeout == Milliseconds(60000));
    CHECK(defaults.habits.one_read);
    CHECK(defaults.habits.back_to_back);
    CHECK(defaults.habits.wait_after_right);
    CHECK(defaults.habits.whole_path);
    CHECK_FALSE(defaults.register_again);

    const Options options =
        parse_arguments({"--dialect", "readme", "--file", "a", "--file=b", "--timeout=0.5", "--no-habits",
                         "--connection-per-request", "--register-again", "--dialects", "d"});
    CHECK(options.dialect == "readme");
    CHECK(options.dialect_folder == "d");
    CHECK(options.files == std::vector<std::string>{"a", "b"});
    CHECK(options.timeout == Milliseconds(500));
    CHECK(options.connection_per_request);
    CHECK(options.register_again);
    CHECK_FALSE(options.habits.one_read);
    CHECK_FALSE(options.habits.back_to_back);
    CHECK_FALSE(options.habits.wait_after_right);
    CHECK_FALSE(options.habits.whole_path);

    const std::vector<std::vector<std::string>> wrong = {{"--what"},
                                                         {"file"},
                                                         {"--file"},
                                                         {"--file="},
                                                         {"--no-habits=1"},
                                                         {"--timeout", "0"},
                                                         {"--timeout", "x"},
                                                         {"--timeout", "nan"},
                                                         {"--timeout", "1s"},
                                                         {"--timeout", "-1"},
                                                         {"--file", "a", "--file", "b", "--send-as", "c"}};
    for (const auto& arguments : wrong) {
        INFO(arguments.front());
        CHECK_THROWS_AS(parse_arguments(arguments), UsageError);
    }
}

TEST_CASE("small helpers for text") {
    CHECK(base_name("a/b\\c.txt") == "c.txt");
    CHECK(base_name("c.txt") == "c.txt");
    CHECK(base_name("a/").empty());
    CHECK(printable("a\n\x1b[0m\x7f") == "a\\x0a\\x1b[0m\\x7f");
    CHECK(count_characters("\xd7\x90"
                           "b") == 2);
}

}  // namespace tests
}  // namespace backup
