// The dialect files: what is read, and that nothing is guessed.

#include "dialect.h"

#include <doctest/doctest.h>

#include <functional>
#include <vector>

#include "errors.h"
#include "vectors.h"
#include "wire.h"

namespace backup {
namespace tests {

namespace {

json seed() {
    return load_json(std::string(DIALECT_FOLDER) + "/seed.json");
}

}  // namespace

TEST_CASE("seed and readme differ where PROTOCOL.md 10 says") {
    const Dialect seed_dialect = load_test_dialect("seed");
    const Dialect readme = load_test_dialect("readme");
    CHECK(response_header_size(seed_dialect) == 7);
    CHECK(response_header_size(readme) == 5);
    CHECK(seed_dialect.transmissions == 3);
    CHECK(readme.transmissions == 4);
    CHECK(seed_dialect.cksum_width == 4);
    CHECK(readme.cksum_width == 16);
    CHECK(seed_dialect.after_right.close);
    CHECK_FALSE(readme.after_right.close);
    CHECK(readme.after_give_up.answer == VerdictAnswer::refused);
    CHECK(seed_dialect.default_port == 1234);
    CHECK(load_dialect(std::string(DIALECT_FOLDER) + "/readme.json", "").name == "readme");
    CHECK_THROWS_AS(load_dialect("none", DIALECT_FOLDER), UsageError);
    CHECK_THROWS_AS(load_dialect("", DIALECT_FOLDER), UsageError);
    CHECK_THROWS_AS(load_dialect("none.json", DIALECT_FOLDER), LocalError);
}

TEST_CASE("a dialect that is not understood whole is refused") {
    CHECK_NOTHROW(parse_dialect(seed().dump(), "seed"));
    const std::vector<std::function<void(json&)>> changes = {
        [](json& value) { value["more"] = 1; },
        [](json& value) { value.erase("transmissions"); },
        [](json& value) { value["transmissions"] = 0; },
        [](json& value) { value["transmissions"] = "3"; },
        [](json& value) { value["transmissions"] = 3.5; },
        [](json& value) { value["transmissions"] = -1; },
        [](json& value) { value["response_size_width"] = 3; },
        [](json& value) { value["cksum_width"] = 8; },
        [](json& value) { value["client_id_in_payload"] = 1; },
        [](json& value) { value["refused_payload"] = "name"; },
        [](json& value) { value["request_codes"]["register"] = 1101; },
        [](json& value) { value["request_codes"]["reconnect"] = 1102; },
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

TEST_CASE("codes and layout come from the dialect") {
    json value = seed();
    value["request_codes"]["send_file"] = 4103;
    value["client_id_in_payload"] = false;
    const Dialect dialect = parse_dialect(value.dump(), "test");
    CHECK(send_file_fixed_size(dialect) == 259);
    const Bytes fixed = encode(dialect, SendFile{ClientId{{1}}, 16, "f"});
    CHECK(fixed.size() == 259);
    Bytes request = encode_request(dialect, Request::send_file, ClientId{{1}}, fixed, 16);
    request.resize(request_header_size);
    const RequestHeader header = decode_request_header(request);
    CHECK(header.payload_size == 275);
    CHECK(header.code == 4103);
}

}  // namespace tests
}  // namespace backup
