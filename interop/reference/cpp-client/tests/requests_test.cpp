// Request headers, name fields, whole requests and packets of the golden vectors, in both directions.

#include "requests.h"

#include <doctest/doctest.h>

#include "args.h"
#include "fields.h"
#include "message_parts.h"
#include "receiver_crypto.h"
#include "receiver_packets.h"

namespace backup {
namespace tests {

namespace {

json to_json(const RequestHeader& header) {
    return {{"client_id", to_hex(header.client_id)},
            {"version", header.version},
            {"code", header.code},
            {"payload_size", header.payload_size}};
}

json to_json(const Dialect& dialect, const SendFile& message) {
    json fields = {{"content_size", message.content_size}, {"file_name", message.name}};
    if (dialect.client_id_in_payload) {
        fields["client_id"] = to_hex(message.client_id);
    }
    if (dialect.packets) {
        fields["original_size"] = message.original_size;
        fields["packet_number"] = message.packet;
        fields["packet_total"] = message.total;
    }
    return fields;
}

// 1103: its fixed fields come first, the content follows, unless the test has the fixed fields only.
Decoded decode_send_file_message(const Dialect& dialect, const RequestHeader& header, const Bytes& input,
                                 bool only_fixed_fields) {
    const std::size_t start = request_header_size(dialect);
    const std::size_t fixed_size = send_file_fixed_size(dialect);
    const SendFile message = decode_send_file(dialect, header, slice(input, start, fixed_size));
    const auto announced = static_cast<std::uint32_t>(header.payload_size - fixed_size);
    const std::uint32_t content_size = only_fixed_fields ? 0 : announced;
    check_size(input, start + fixed_size + std::uint64_t{content_size});
    const Bytes content = slice(input, start + fixed_size, content_size);
    Decoded decoded;
    decoded.fields = to_json(dialect, message);
    if (!only_fixed_fields) {
        decoded.fields["content"] = to_hex(content);
    }
    decoded.encoded = joined(
        encode_request(dialect, Request::send_file, message.client_id, encode(dialect, message), announced),
        content);
    return decoded;
}

Decoded decode_request(const Dialect& dialect, const Bytes& input, bool only_fixed_fields) {
    const std::size_t header_size = request_header_size(dialect);
    const RequestHeader header = decode_request_header(dialect, head_of(input, header_size));
    Request kind{};
    if (!dialect.find(header.code, kind)) {
        throw ProtocolError("unknown-code", "no request");
    }
    check_payload_size(dialect, kind, header.payload_size);
    const Bytes payload = slice(input, header_size, header.payload_size);
    Decoded decoded;
    Bytes encoded_payload;
    switch (kind) {
        case Request::register_client:
        case Request::reconnect: {
            const std::string name = decode_client_name(dialect, payload);
            decoded.fields = {{"name", name}};
            encoded_payload = encode_client_name(dialect, name);
            break;
        }
        case Request::send_public_key: {
            const SendPublicKey message = decode_send_public_key(dialect, payload);
            decoded.fields = {{"name", message.name}, {"public_key", to_hex(message.public_key)}};
            encoded_payload = encode(dialect, message);
            break;
        }
        case Request::send_file:
            decoded = decode_send_file_message(dialect, header, input, only_fixed_fields);
            decoded.fields = {{"header", to_json(header)}, {"payload", decoded.fields}};
            return decoded;
        case Request::cksum_right:
        case Request::cksum_wrong:
        case Request::give_up: {
            const Verdict message = decode_verdict(dialect, header, payload);
            decoded.fields = {{"file_name", message.name}};
            if (dialect.client_id_in_payload) {
                decoded.fields["client_id"] = to_hex(message.client_id);
            }
            encoded_payload = encode(dialect, message);
            break;
        }
    }
    check_size(input,
               header_size + header.payload_size + request_padding(dialect, kind, header.payload_size));
    decoded.fields = {{"header", to_json(header)}, {"payload", decoded.fields}};
    decoded.encoded = encode_request(dialect, kind, header.client_id, encoded_payload);
    return decoded;
}

void check_requests(const std::string& file) {
    for_each_test(file, "request", [](const Dialect& dialect, const json& group, const json& test) {
        const bool only_fixed_fields = group.value("part", "message") == "fixed-fields";
        const Bytes input = materialize(test.at("bytes"));
        Decoded decoded;
        check_result(
            test, input,
            [&] {
                decoded = decode_request(dialect, input, only_fixed_fields);
                return decoded.fields;
            },
            [&] { return decoded.encoded; });
    });
}

const char* text_of(PacketGatherer::Outcome outcome) {
    switch (outcome) {
        case PacketGatherer::Outcome::more:
            return "more";
        case PacketGatherer::Outcome::complete:
            return "complete";
        case PacketGatherer::Outcome::refused:
            return "refused";
        case PacketGatherer::Outcome::discarded:
            return "discarded";
    }
    return "";
}

// A file that comes in packets: what becomes of each, and of all of them.
void check_packets(const Dialect& dialect, const json& group, const json& test) {
    PacketGatherer gatherer(dialect);
    const std::size_t header_size = request_header_size(dialect);
    bool refused = false;
    for (const json& message : test.at("messages")) {
        const Bytes bytes = materialize(message.at("bytes"));
        const RequestHeader header = decode_request_header(dialect, head_of(bytes, header_size));
        CHECK(header.code == dialect.code(Request::send_file));
        REQUIRE(bytes.size() == header_size + header.payload_size);
        const auto outcome = gatherer.take(header, slice(bytes, header_size, header.payload_size));
        CHECK(message.at("outcome") == text_of(outcome));
        refused = refused || outcome == PacketGatherer::Outcome::refused;
    }
    CHECK(refused == (test.at("result") == "invalid"));
    if (refused) {
        bool is_right = gatherer.slug() == test.at("error");
        for (const json& alias : test.value("aliases", json::array())) {
            is_right = is_right || gatherer.slug() == alias;
        }
        INFO("got " << gatherer.slug());
        CHECK(is_right);
        return;
    }
    const Bytes aes_key = from_hex(group.at("aes_key").get<std::string>());
    const Bytes plaintext = decrypt_content(aes_key, gatherer.content());
    const json fields = {{"file_name", gatherer.file().name},
                         {"content_size", gatherer.file().content_size},
                         {"original_size", gatherer.file().original_size},
                         {"content", to_hex(gatherer.content())},
                         {"plaintext", to_hex(plaintext)}};
    CHECK(fields == test.at("fields"));
}

// 7.4, the receiver's half.
std::string checked_base_name(const std::string& name) {
    const std::string base = base_name(name);
    bool has_control = false;
    for (std::size_t i = 0; i < base.size(); ++i) {
        const auto byte = static_cast<unsigned char>(base[i]);
        const auto next = static_cast<unsigned char>(i + 1 < base.size() ? base[i + 1] : 0);
        // U+0080 to U+009F are C2 80 to C2 9F.
        has_control =
            has_control || byte < 0x20 || byte == 0x7F || (byte == 0xC2 && next >= 0x80 && next < 0xA0);
    }
    if (base.empty() || base == "." || base == ".." || has_control) {
        throw ProtocolError("bad-file-name", "no file is called so");
    }
    return base;
}

}  // namespace

TEST_CASE("vectors: request headers") {
    for_each_test("request_header.json", "request-header",
                  [](const Dialect& dialect, const json&, const json& test) {
                      const Bytes input = materialize(test.at("bytes"));
                      RequestHeader header{};
                      check_result(
                          test, input,
                          [&] {
                              header = decode_request_header(dialect, input);
                              return to_json(header);
                          },
                          [&] { return encode(dialect, header); });
                  });
}

TEST_CASE("vectors: name fields") {
    for_each_test("name.json", "name-field", [](const Dialect& dialect, const json&, const json& test) {
        const Bytes input = materialize(test.at("bytes"));
        std::string name;
        check_result(
            test, input,
            [&] {
                name = decode_client_name(dialect, input);
                return json{{"text", name}};
            },
            [&] { return encode_name(dialect, name); });
    });
}

TEST_CASE("vectors: file names") {
    for_each_test("file_name.json", "file-name", [](const Dialect& dialect, const json&, const json& test) {
        const Bytes input = materialize(test.at("bytes"));
        std::string name;
        check_result(
            test, input,
            [&] {
                name = decode_client_name(dialect, input);
                return json{{"text", name}, {"base_name", checked_base_name(name)}};
            },
            [&] { return encode_name(dialect, name); });
    });
}

TEST_CASE("vectors: requests") {
    for (const char* const file :
         {"register.json", "send_public_key.json", "reconnect.json", "send_file.json", "verdict.json",
          "request_code.json", "modified_request.json"}) {
        check_requests(file);
    }
}

TEST_CASE("vectors: packets") {
    for_each_test("packets.json", "packets", check_packets);
}

TEST_CASE("names that fit no field are not encoded") {
    const Dialect dialect = load_test_dialect("seed");
    CHECK_THROWS_AS(encode_name(dialect, ""), ProtocolError);
    CHECK_THROWS_AS(encode_name(dialect, std::string(255, 'a')), ProtocolError);
    CHECK_THROWS_AS(encode_name(dialect, std::string("a\0b", 3)), ProtocolError);
    CHECK_THROWS_AS(encode_name(dialect, "\xff"), ProtocolError);
    CHECK(encode_name(dialect, std::string(254, 'a')).size() == 255);
    const Dialect wide = modified_dialect("seed", {{"name_width", 256}});
    CHECK(encode_name(wide, std::string(255, 'a')).size() == 256);
    CHECK_THROWS_AS(encode_name(wide, std::string(256, 'a')), ProtocolError);
}

TEST_CASE("a 1103 that no field can hold is not encoded") {
    const Dialect dialect = load_test_dialect("seed");
    const Bytes fixed = encode(dialect, SendFile(ClientId{}, 16, "f"));
    CHECK_NOTHROW(encode_request(dialect, Request::send_file, ClientId{}, fixed, UINT32_MAX - 275));
    CHECK_THROWS_AS(encode_request(dialect, Request::send_file, ClientId{}, fixed, UINT32_MAX - 274),
                    ProtocolError);
}

TEST_CASE("2.3, 10.7: the largest file") {
    struct Case {
        const char* base;
        json modifiers;
        std::uint64_t packet;
        std::uint64_t content;
    };
    const std::vector<Case> cases = {
        {"seed", json::object(), 4294967008U, 4294967008U},
        // 259 and 267 bytes before the content, and 32 bits for the payload size.
        {"2023a", json::object(), 4294967024U, 4294967024U},
        {"2024a", json::object(), 4294967024U, 4294967024U},
        // 65535 packets of 16 bytes; as many of 64 KiB and more are stopped by the content size alone.
        {"2024a", {{"packet_size", 16}}, 16, 1048560},
        {"2024a", {{"packet_size", 65520}}, 65520, 4293853200U},
        {"2024a", {{"packet_size", 65536}}, 65536, 4294901760U},
        {"2024a", {{"packet_size", 1048576}}, 1048576, 4294967280U},
        {"2024a", {{"packet_size", 4294967280U}}, 4294967024U, 4294967280U}};
    for (const Case& one : cases) {
        const Dialect dialect = modified_dialect(one.base, one.modifiers);
        INFO(one.base << one.modifiers);
        CHECK(largest_packet(dialect) == one.packet);
        CHECK(largest_content(dialect) == one.content);
        CHECK(largest_file(dialect) == one.content - 1);
        CHECK(content_size_of(largest_file(dialect)) == one.content);
    }
    CHECK(content_size_of(0) == 16);
    CHECK(content_size_of(15) == 16);
    CHECK(content_size_of(16) == 32);
}

}  // namespace tests
}  // namespace backup
