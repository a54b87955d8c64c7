// Response headers and whole responses of the golden vectors, in both directions.

#include "responses.h"

#include <doctest/doctest.h>

#include "fields.h"
#include "message_parts.h"

namespace backup {
namespace tests {

namespace {

json to_json(const ResponseHeader& header) {
    return {{"version", header.version}, {"code", header.code}, {"payload_size", header.stated_size}};
}

json to_json(const Dialect& dialect, const FileReceived& message) {
    json fields = {{"file_name", message.name}, {"cksum", message.cksum}};
    if (dialect.echoes(ReceivedField::client_id)) {
        fields["client_id"] = to_hex(message.client_id);
    }
    if (dialect.echoes(ReceivedField::content_size)) {
        fields["content_size"] = message.content_size;
    }
    return fields;
}

json to_json(const PerhapsId& message) {
    json fields = json::object();
    if (message.has_client_id) {
        fields["client_id"] = to_hex(message.client_id);
    }
    return fields;
}

Decoded decode_response(const Dialect& dialect, const Bytes& input) {
    const std::size_t header_size = response_header_size(dialect);
    const ResponseHeader header = decode_response_header(dialect, head_of(input, header_size));
    Response kind{};
    if (!dialect.find(header.code, kind)) {
        throw ProtocolError("unknown-code", "no response");
    }
    const std::size_t payload_size = payload_size_of(dialect, kind, header.stated_size);
    if (input.size() < response_size(dialect, payload_size)) {
        throw ProtocolError("truncated", "the response is not all there");
    }
    const Bytes payload = slice(input, header_size, payload_size);
    Decoded decoded;
    Bytes encoded_payload;
    decoded.fields = json::object();
    switch (kind) {
        case Response::registered:
        case Response::reconnect_refused: {
            const ClientId id = decode_client_id(dialect, payload);
            decoded.fields = {{"client_id", to_hex(id)}};
            encoded_payload = encode_client_id(id);
            break;
        }
        case Response::refused: {
            const PerhapsId message = decode_perhaps_id(dialect, payload);
            decoded.fields = to_json(message);
            encoded_payload = encode_refused(dialect, message.client_id);
            break;
        }
        case Response::acknowledged: {
            const PerhapsId message = decode_perhaps_id(dialect, payload);
            decoded.fields = to_json(message);
            encoded_payload = message.has_client_id ? encode_client_id(message.client_id) : Bytes();
            break;
        }
        case Response::aes_key:
        case Response::reconnected: {
            const AesKeyMessage message = decode_aes_key(dialect, payload);
            decoded.fields = {{"client_id", to_hex(message.client_id)},
                              {"wrapped_key", to_hex(message.wrapped_key)}};
            encoded_payload = encode(dialect, message);
            break;
        }
        case Response::file_received: {
            const FileReceived message = decode_file_received(dialect, payload);
            decoded.fields = to_json(dialect, message);
            encoded_payload = encode(dialect, message);
            break;
        }
        case Response::general_error:
            break;
    }
    check_size(input, response_size(dialect, payload_size));
    decoded.fields = {{"header", to_json(header)}, {"payload", decoded.fields}};
    decoded.encoded = encode_response(dialect, kind, encoded_payload, protocol_version);
    return decoded;
}

}  // namespace

TEST_CASE("vectors: response headers") {
    for_each_test("response_header.json", "response-header",
                  [](const Dialect& dialect, const json&, const json& test) {
                      const Bytes input = materialize(test.at("bytes"));
                      ResponseHeader header{};
                      check_result(
                          test, input,
                          [&] {
                              header = decode_response_header(dialect, input);
                              return to_json(header);
                          },
                          [&] { return encode(dialect, header); });
                  });
}

TEST_CASE("vectors: responses") {
    for (const char* const file : {"registered.json", "refused.json", "aes_key.json", "file_received.json",
                                   "acknowledged.json", "reconnected.json", "reconnect_refused.json",
                                   "general_error.json", "response_code.json", "modified_response.json"}) {
        for_each_test(file, "response", [](const Dialect& dialect, const json&, const json& test) {
            const Bytes input = materialize(test.at("bytes"));
            Decoded decoded;
            check_result(
                test, input,
                [&] {
                    decoded = decode_response(dialect, input);
                    return decoded.fields;
                },
                [&] { return decoded.encoded; });
        });
    }
}

TEST_CASE("2.7: the rest of a wider checksum field must be zero") {
    const Dialect dialect = modified_dialect("seed", {{"cksum_width", 16}, {"byte_order", "big"}});
    Bytes payload = encode(dialect, FileReceived{ClientId{}, 16, "f", 0x01020304});
    REQUIRE(payload.size() == 16 + 4 + 255 + 16);
    CHECK(to_hex(slice(payload, 275, 16)) == "01020304000000000000000000000000");
    CHECK(decode_file_received(dialect, payload).cksum == 0x01020304);
    payload.back() = 1;
    CHECK_THROWS_AS(decode_file_received(dialect, payload), ProtocolError);
}

TEST_CASE("10.2: where the stated size leaves the payload open, the dialect says what it is") {
    const json padded = {{"size_counts", "padded"}, {"response_padding", 1024}};
    const Dialect empty = modified_dialect("2022c", padded);
    const Dialect with_id = modified_dialect("2023a", padded);
    CHECK(payload_size_of(empty, Response::acknowledged, 1017) == 0);
    CHECK(payload_size_of(with_id, Response::acknowledged, 1017) == 16);
    CHECK(payload_size_of(empty, Response::refused, 1017) == 0);
    CHECK_THROWS_AS(payload_size_of(empty, Response::refused, 0), ProtocolError);
    CHECK_THROWS_AS(payload_size_of(empty, Response::refused, 1016), ProtocolError);
}

}  // namespace tests
}  // namespace backup
