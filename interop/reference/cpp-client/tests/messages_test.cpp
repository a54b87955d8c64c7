// Headers, name fields and whole messages of the golden vectors, in both directions.

#include <doctest/doctest.h>

#include <algorithm>

#include "errors.h"
#include "vectors.h"
#include "wire.h"

namespace backup {
namespace tests {

namespace {

// One decoded message: its fields as the vectors have them, and what its fields encode to.
struct Decoded {
    json fields;
    Bytes encoded;
};

// The first `count` bytes, which must be there: check 1 of a whole message.
Bytes head_of(const Bytes& bytes, std::size_t count) {
    if (bytes.size() < count) {
        throw ProtocolError("truncated", "the header is not there");
    }
    return Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
}

Bytes slice(const Bytes& bytes, std::size_t from, std::uint64_t size) {
    const std::size_t end = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), from + size));
    return Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(std::min(from, end)),
                 bytes.begin() + static_cast<std::ptrdiff_t>(end));
}

Bytes joined(Bytes first, const Bytes& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

json to_json(const RequestHeader& header) {
    return {{"client_id", to_hex(header.client_id)},
            {"version", header.version},
            {"code", header.code},
            {"payload_size", header.payload_size}};
}

json to_json(const ResponseHeader& header) {
    return {{"version", header.version}, {"code", header.code}, {"payload_size", header.payload_size}};
}

void check_size(const Bytes& input, std::uint64_t message_size) {
    if (input.size() < message_size) {
        throw ProtocolError("truncated", "the payload is not all there");
    }
    if (input.size() > message_size) {
        throw ProtocolError("trailing-data", "something follows the message");
    }
}

// 1103: its fixed fields come first, the content follows.
Decoded decode_send_file_message(const Dialect& dialect, const RequestHeader& header, const Bytes& input,
                                 bool only_fixed_fields) {
    const std::size_t fixed_size = send_file_fixed_size(dialect);
    const SendFile message = decode_send_file(dialect, header, slice(input, request_header_size, fixed_size));
    const std::uint64_t content_size = only_fixed_fields ? 0 : message.content_size;
    check_size(input, request_header_size + fixed_size + content_size);
    const Bytes content = slice(input, request_header_size + fixed_size, content_size);
    Decoded decoded;
    decoded.fields = {{"client_id", to_hex(message.client_id)},
                      {"content_size", message.content_size},
                      {"file_name", message.name}};
    if (!only_fixed_fields) {
        decoded.fields["content"] = to_hex(content);
    }
    decoded.encoded = joined(encode_request(dialect, Request::send_file, message.client_id,
                                            encode(dialect, message), message.content_size),
                             content);
    return decoded;
}

Decoded decode_request(const Dialect& dialect, const Bytes& input, bool only_fixed_fields) {
    const RequestHeader header = decode_request_header(head_of(input, request_header_size));
    Request kind{};
    if (!dialect.find(header.code, kind)) {
        throw ProtocolError("unknown-code", "no request");
    }
    check_payload_size(dialect, kind, header.payload_size);
    const Bytes payload = slice(input, request_header_size, header.payload_size);
    Decoded decoded;
    Bytes encoded_payload;
    switch (kind) {
        case Request::register_client: {
            const std::string name = decode_register(payload);
            decoded.fields = {{"name", name}};
            encoded_payload = encode_register(name);
            break;
        }
        case Request::send_public_key: {
            const SendPublicKey message = decode_send_public_key(payload);
            decoded.fields = {{"name", message.name}, {"public_key", to_hex(message.public_key)}};
            encoded_payload = encode(message);
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
            decoded.fields = {{"client_id", to_hex(message.client_id)}, {"file_name", message.name}};
            encoded_payload = encode(dialect, message);
            break;
        }
    }
    check_size(input, request_header_size + std::uint64_t{header.payload_size});
    decoded.fields = {{"header", to_json(header)}, {"payload", decoded.fields}};
    decoded.encoded = encode_request(dialect, kind, header.client_id, encoded_payload);
    return decoded;
}

Decoded decode_response(const Dialect& dialect, const Bytes& input) {
    const std::size_t header_size = response_header_size(dialect);
    const ResponseHeader header = decode_response_header(dialect, head_of(input, header_size));
    Response kind{};
    if (!dialect.find(header.code, kind)) {
        throw ProtocolError("unknown-code", "no response");
    }
    check_payload_size(dialect, kind, header.payload_size);
    const Bytes payload = slice(input, header_size, header.payload_size);
    if (payload.size() < header.payload_size) {
        throw ProtocolError("truncated", "the payload is not all there");
    }
    Decoded decoded;
    Bytes encoded_payload;
    decoded.fields = json::object();
    switch (kind) {
        case Response::registered: {
            const ClientId id = decode_registered(payload);
            decoded.fields = {{"client_id", to_hex(id)}};
            encoded_payload = encode_registered(id);
            break;
        }
        case Response::refused: {
            const RefusedMessage message = decode_refused(payload);
            if (message.has_client_id) {
                decoded.fields["client_id"] = to_hex(message.client_id);
            }
            encoded_payload = encode(dialect, message);
            break;
        }
        case Response::aes_key: {
            const AesKeyMessage message = decode_aes_key(payload);
            decoded.fields = {{"client_id", to_hex(message.client_id)},
                              {"wrapped_key", to_hex(message.wrapped_key)}};
            encoded_payload = encode(message);
            break;
        }
        case Response::file_received: {
            const FileReceived message = decode_file_received(dialect, payload);
            decoded.fields = {{"client_id", to_hex(message.client_id)},
                              {"content_size", message.content_size},
                              {"file_name", message.name},
                              {"cksum", message.cksum}};
            encoded_payload = encode(dialect, message);
            break;
        }
        case Response::acknowledged:
            // The client skips it: whatever it holds besides its size is not looked at.
            if (!payload.empty()) {
                decoded.fields["client_id"] = to_hex(payload);
            }
            encoded_payload = payload;
            break;
    }
    check_size(input, header_size + std::uint64_t{header.payload_size});
    decoded.fields = {{"header", to_json(header)}, {"payload", decoded.fields}};
    const ResponseHeader sent{protocol_version, dialect.code(kind),
                              static_cast<std::uint32_t>(encoded_payload.size())};
    decoded.encoded = joined(encode(dialect, sent), encoded_payload);
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

void check_responses(const std::string& file) {
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

}  // namespace

TEST_CASE("vectors: request headers") {
    for_each_test("request_header.json", "request-header", [](const Dialect&, const json&, const json& test) {
        const Bytes input = materialize(test.at("bytes"));
        RequestHeader header{};
        check_result(
            test, input,
            [&] {
                header = decode_request_header(input);
                return to_json(header);
            },
            [&] { return encode(header); });
    });
}

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

TEST_CASE("vectors: name fields") {
    for_each_test("name.json", "name-field", [](const Dialect&, const json&, const json& test) {
        const Bytes input = materialize(test.at("bytes"));
        std::string name;
        check_result(
            test, input,
            [&] {
                name = decode_register(input);
                return json{{"text", name}};
            },
            [&] { return encode_name(name); });
    });
}

TEST_CASE("vectors: requests") {
    check_requests("register.json");
    check_requests("send_public_key.json");
    check_requests("send_file.json");
    check_requests("verdict.json");
    check_requests("request_code.json");
}

TEST_CASE("vectors: responses") {
    check_responses("registered.json");
    check_responses("refused.json");
    check_responses("aes_key.json");
    check_responses("file_received.json");
    check_responses("acknowledged.json");
    check_responses("response_code.json");
}

TEST_CASE("names that fit no field are not encoded") {
    CHECK_THROWS_AS(encode_name(""), ProtocolError);
    CHECK_THROWS_AS(encode_name(std::string(255, 'a')), ProtocolError);
    CHECK_THROWS_AS(encode_name(std::string("a\0b", 3)), ProtocolError);
    CHECK_THROWS_AS(encode_name("\xff"), ProtocolError);
    CHECK(encode_name(std::string(254, 'a')).size() == 255);
}

TEST_CASE("the largest file is that of PROTOCOL.md 2.3") {
    const Dialect dialect = load_test_dialect("seed");
    CHECK(send_file_fixed_size(dialect) == 275);
    CHECK(largest_content(dialect) == 4294967008U);
    CHECK(largest_file(dialect) == 4294967007U);
    CHECK(content_size_of(largest_file(dialect)) == largest_content(dialect));
    CHECK(content_size_of(0) == 16);
    CHECK(content_size_of(15) == 16);
    CHECK(content_size_of(16) == 32);
}

}  // namespace tests
}  // namespace backup
