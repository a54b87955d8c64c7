// The dialect files: what is read, and that nothing is guessed.

#include "dialect.h"

#include <doctest/doctest.h>

#include <functional>
#include <vector>

#include "dialect_file.h"
#include "errors.h"
#include "responses.h"
#include "vectors.h"

namespace backup {
namespace tests {

namespace {

json seed() {
    return load_json(std::string(DIALECT_FOLDER) + "/seed.json");
}

}  // namespace

TEST_CASE("the seven dialects are what PROTOCOL.md 10.1 says") {
    struct Row {
        const char* name;
        std::array<unsigned, request_count> requests;
        unsigned first_response;
        bool has_later_responses;
        bool id_in_payloads;
        bool packets;
        std::size_t aes_key_size;
        unsigned port;
        unsigned transmissions;
        VerdictAnswer answer;  // after 1104
        bool closes;
    };
    const std::array<unsigned, request_count> early = {{1100, 1101, 0, 1103, 1104, 1105, 1106}};
    const std::array<unsigned, request_count> of_2023a = {{1100, 1101, 1102, 1103, 1104, 1105, 1106}};
    const std::array<unsigned, request_count> from_1025 = {{1025, 1026, 1027, 1028, 1029, 1030, 1031}};
    const std::array<unsigned, request_count> of_2024c = {{825, 826, 827, 828, 900, 901, 902}};
    const VerdictAnswer with_id = VerdictAnswer::acknowledged_with_id;
    const std::vector<Row> rows = {
        {"seed", early, 2100, false, true, false, 16, 1234, 3, VerdictAnswer::none, true},
        {"readme", early, 2100, false, true, false, 16, 1234, 4, VerdictAnswer::none, false},
        {"2022c", early, 2100, false, true, false, 16, 1234, 4, VerdictAnswer::acknowledged, true},
        {"2023a", of_2023a, 2100, true, false, false, 16, 1234, 4, with_id, false},
        {"2023c", from_1025, 2100, true, false, false, 16, 1357, 4, with_id, false},
        {"2024a", from_1025, 1600, true, false, true, 32, 1256, 4, with_id, false},
        {"2024c", of_2024c, 1600, true, false, true, 32, 1256, 4, with_id, false}};
    for (const Row& row : rows) {
        INFO(row.name);
        const Dialect dialect = load_test_dialect(row.name);
        CHECK(dialect.name == row.name);
        for (std::size_t i = 0; i < request_count; ++i) {
            CHECK(dialect.request_codes[i] == row.requests[i]);
        }
        for (std::size_t i = 0; i < response_count; ++i) {
            const bool is_there = i < 5 || row.has_later_responses;
            CHECK(dialect.response_codes[i] == (is_there ? row.first_response + i : 0));
        }
        CHECK(dialect.client_id_in_payload == row.id_in_payloads);
        CHECK(dialect.packets == row.packets);
        CHECK(dialect.aes_key_size == row.aes_key_size);
        CHECK(dialect.default_port == row.port);
        CHECK(dialect.transmissions == row.transmissions);
        CHECK(dialect.after_right.answer == row.answer);
        CHECK(dialect.after_right.close == row.closes);
        CHECK(dialect.after_wrong.answer == VerdictAnswer::none);
        CHECK_FALSE(dialect.after_wrong.close);
    }
    const Dialect readme = load_test_dialect("readme");
    CHECK(response_header_size(readme) == 5);
    CHECK(readme.cksum_width == 16);
    CHECK(readme.after_give_up.answer == VerdictAnswer::refused);
}

TEST_CASE("a dialect is found by name or file") {
    CHECK(load_dialect(std::string(DIALECT_FOLDER) + "/readme.json", "").name == "readme");
    CHECK_THROWS_AS(load_dialect("none", DIALECT_FOLDER), UsageError);
    CHECK_THROWS_AS(load_dialect("", DIALECT_FOLDER), UsageError);
    CHECK_THROWS_AS(load_dialect("none.json", DIALECT_FOLDER), LocalError);
}

TEST_CASE("a code that the dialect does not have is found by nothing") {
    const Dialect dialect = load_test_dialect("seed");
    Request request{};
    Response response{};
    CHECK_FALSE(dialect.has(Request::reconnect));
    CHECK_FALSE(dialect.find(0, request));
    CHECK_FALSE(dialect.find(0, response));
    CHECK_FALSE(dialect.find(1102, request));
    CHECK_FALSE(dialect.find(2107, response));
}

TEST_CASE("every value of every parameter is read") {
    const std::vector<json> changes = {
        {{"byte_order", "big"}},
        {{"packet_byte_order", "big"}},
        {{"alignment", "natural"}},
        {{"name_width", 256}},
        {{"response_size_width", 2}},
        {{"size_counts", "message"}},
        {{"size_counts", "padded"}},
        {{"response_padding", 1024}},
        {{"response_padding", 2048}},
        {{"request_padding", 1024}},
        {{"client_id_in_payload", true}},
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
        {{"public_key_sizes", json::array({160, 162})}},
        {{"connection", "request"}},
        {{"packets", false}},
        {{"packet_size", 4294967280U}},
        {{"reconnect_key", "same"}},
        {{"transmissions", 255}},
        {{"after_right", {{"answer", "none"}, {"close", true}}}},
        {{"after_wrong", {{"answer", "refused"}, {"close", false}}}},
        {{"after_give_up", {{"answer", "general-error"}, {"close", false}}}},
        {{"default_port", 65535}}};
    for (const json& change : changes) {
        INFO(change);
        CHECK_NOTHROW(modified_dialect("2024a", change));
    }
    const Dialect dialect = modified_dialect(
        "seed", {{"file_received_fields", json::array({"content_size", "file_name", "cksum"})},
                 {"public_key_sizes", json::array({160, 162})}});
    CHECK_FALSE(dialect.echoes(ReceivedField::client_id));
    CHECK(dialect.echoes(ReceivedField::content_size));
    CHECK(dialect.accepts_public_key_of(160));
    CHECK(dialect.accepts_public_key_of(162));
    CHECK_FALSE(dialect.accepts_public_key_of(161));
    CHECK_FALSE(load_test_dialect("seed").accepts_public_key_of(162));
}

TEST_CASE("a dialect that is not understood whole is refused") {
    CHECK_NOTHROW(parse_dialect(seed().dump(), "seed"));
    const std::vector<std::function<void(json&)>> changes = {
        [](json& value) { value["more"] = 1; }, [](json& value) { value.erase("transmissions"); },
        [](json& value) { value["transmissions"] = 0; }, [](json& value) { value["transmissions"] = "3"; },
        [](json& value) { value["transmissions"] = 3.5; }, [](json& value) { value["transmissions"] = -1; },
        [](json& value) { value["response_size_width"] = 3; }, [](json& value) { value["cksum_width"] = 8; },
        [](json& value) { value["client_id_in_payload"] = 1; },
        [](json& value) { value["refused_payload"] = "name"; },
        [](json& value) { value["request_codes"]["register"] = 1101; },
        [](json& value) { value["request_codes"]["reconnect"] = 1103; },
        [](json& value) { value["request_codes"]["send_file"] = nullptr; },
        [](json& value) { value["request_codes"]["more"] = 1; },
        // A reconnect that nothing answers.
        [](json& value) { value["request_codes"]["reconnect"] = 1102; },
        [](json& value) { value["response_codes"]["acknowledged"] = nullptr; },
        [](json& value) { value["response_codes"].erase("general_error"); },
        [](json& value) { value["after_wrong"]["answer"] = "general-error"; },
        [](json& value) { value["name"] = "Seed"; }, [](json& value) { value["title"] = ""; },
        [](json& value) { value["byte_order"] = "middle"; },
        [](json& value) { value["packet_byte_order"] = 1; },
        [](json& value) { value["alignment"] = "aligned"; }, [](json& value) { value["name_width"] = 254; },
        [](json& value) { value["name_width"] = 255.0; },
        [](json& value) { value["size_counts"] = "header"; },
        [](json& value) { value["response_padding"] = 512; },
        [](json& value) { value["request_padding"] = 2048; },
        [](json& value) {
            value["file_received_fields"] = json::array({"file_name", "cksum"});
        },
        [](json& value) { value["file_received_fields"] = "cksum"; },
        [](json& value) { value["echoed_size"] = "padded"; },
        [](json& value) { value["checksum"] = "crc32"; },
        [](json& value) { value["checksum_input"] = "file"; },
        [](json& value) { value["aes_key_size"] = 24; },
        [](json& value) { value["public_key_sizes"] = json::array({162}); },
        [](json& value) { value["public_key_sizes"] = 160; },
        [](json& value) { value["connection"] = "file"; }, [](json& value) { value["packets"] = "no"; },
        [](json& value) { value["packet_size"] = 16; },
        [](json& value) {
            value["packets"] = true;
            value["packet_size"] = 100;
        },
        [](json& value) {
            value["packets"] = true;
            value["packet_size"] = 4294967296U;
        },
        [](json& value) { value["reconnect_key"] = "old"; },
        [](json& value) { value["after_right"].erase("close"); },
        [](json& value) { value["after_right"]["more"] = 1; }, [](json& value) { value["default_port"] = 0; },
        [](json& value) { value["response_codes"].erase("acknowledged"); },
        [](json& value) { value["response_codes"]["refused"] = 65536; },
        [](json& value) { value["after_right"]["answer"] = "maybe"; },
        [](json& value) { value["after_right"] = true; }};
    for (const auto& change : changes) {
        json value = seed();
        change(value);
        INFO(value.dump());
        CHECK_THROWS_AS(parse_dialect(value.dump(), "test"), LocalError);
    }
    CHECK_THROWS_AS(parse_dialect("{", "test"), LocalError);
    CHECK_THROWS_AS(parse_dialect("[]", "test"), LocalError);
}

}  // namespace tests
}  // namespace backup
