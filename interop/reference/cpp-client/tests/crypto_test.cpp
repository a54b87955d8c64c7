// Keys, ciphers and checksums of the golden vectors, and what the vectors cannot hold because it is random.

#include "crypto.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "cksum.h"
#include "errors.h"
#include "receiver_crypto.h"
#include "vectors.h"
#include "wire.h"

namespace backup {
namespace tests {

namespace {

// Feeds the bytes in pieces of 1 to 17 bytes in turn.
template <typename Function>
void in_pieces(const Bytes& bytes, const Function& take) {
    std::size_t at = 0;
    for (std::size_t turn = 0; at < bytes.size(); ++turn) {
        const std::size_t size = std::min(bytes.size() - at, turn % 17 + 1);
        take(bytes.data() + at, size);
        at += size;
    }
}

Bytes encrypt_in_pieces(const Bytes& aes_key, const Bytes& plaintext) {
    ContentEncryptor encryptor(to_secret(aes_key));
    Bytes content;
    const auto append = [&](const Bytes& piece) {
        content.insert(content.end(), piece.begin(), piece.end());
    };
    in_pieces(plaintext, [&](const Byte* data, std::size_t size) { append(encryptor.update(data, size)); });
    append(encryptor.finish());
    return content;
}

void check_file_content(const json& group, const json& test) {
    const Bytes aes_key = from_hex(group.at("aes_key").get<std::string>());
    const json& given = test.at("bytes");
    Bytes input;
    if (given.is_object() && given.at("pattern") == "encrypted") {
        input = encrypt_content(aes_key, materialize(test.at("fields").at("plaintext")));
        REQUIRE(input.size() == given.at("size").get<std::size_t>());
        REQUIRE(sha256(input) == given.at("sha256").get<std::string>());
    } else {
        input = materialize(given);
    }
    if (test.at("result") == "invalid") {
        check_result(
            test, input, [&] { return json(to_hex(decrypt_content(aes_key, input))); }, nullptr);
        return;
    }
    const Bytes plaintext = materialize(test.at("fields").at("plaintext"));
    const bool decrypts = decrypt_content(aes_key, input) == plaintext;
    CHECK(decrypts);
    if (test.at("result") == "valid") {
        const bool encrypts = encrypt_content(aes_key, plaintext) == input;
        const bool encrypts_in_pieces = encrypt_in_pieces(aes_key, plaintext) == input;
        CHECK(encrypts);
        CHECK(encrypts_in_pieces);
    }
}

}  // namespace

TEST_CASE("vectors: cksum") {
    for_each_test("cksum.json", "cksum", [](const Dialect&, const json&, const json& test) {
        const Bytes input = materialize(test.at("bytes"));
        const auto expected = test.at("fields").at("cksum").get<std::uint32_t>();
        Cksum whole;
        whole.update(input.data(), input.size());
        CHECK(whole.value() == expected);
        Cksum pieces;
        in_pieces(input, [&](const Byte* data, std::size_t size) { pieces.update(data, size); });
        CHECK(pieces.value() == expected);
    });
}

TEST_CASE("vectors: public keys") {
    for_each_test("public_key.json", "public-key", [](const Dialect&, const json&, const json& test) {
        const Bytes input = materialize(test.at("bytes"));
        CryptoPP::RSA::PublicKey key;
        check_result(
            test, input,
            [&]() -> json {
                key = decode_public_key(input);
                Bytes modulus(key.GetModulus().ByteCount());
                key.GetModulus().Encode(modulus.data(), modulus.size());
                return {{"modulus", to_hex(modulus)}, {"exponent", key.GetPublicExponent().ConvertToLong()}};
            },
            [&] { return encode_public_key(key); });
    });
}

TEST_CASE("vectors: wrapped keys") {
    for_each_test("wrapped_key.json", "wrapped-key", [](const Dialect&, const json& group, const json& test) {
        const Bytes input = materialize(test.at("bytes"));
        const RsaKeyPair key = RsaKeyPair::from_pkcs8(from_hex(group.at("private_key").get<std::string>()));
        CHECK(to_hex(key.pkcs8()) == group.at("private_key").get<std::string>());
        CHECK(to_hex(key.public_key()) == group.at("public_key").get<std::string>());
        check_result(
            test, input,
            [&]() -> json {
                const SecretBytes aes_key = key.unwrap(input);
                return {{"aes_key", to_hex(aes_key.data(), aes_key.size())}};
            },
            nullptr);
        if (test.at("result") == "valid") {
            const Bytes aes_key = from_hex(test.at("fields").at("aes_key").get<std::string>());
            const SecretBytes again = key.unwrap(wrap_key(key.public_key(), aes_key));
            CHECK(to_hex(again.data(), again.size()) == to_hex(aes_key));
        }
    });
}

TEST_CASE("vectors: file content") {
    for_each_test(
        "file_cipher.json", "file-content",
        [](const Dialect&, const json& group, const json& test) { check_file_content(group, test); });
}

TEST_CASE("every vector file has a consumer here") {
    const json index = load_json(std::string(VECTOR_FOLDER) + "/index.json");
    const std::set<std::string> consumed = {
        "acknowledged.json",    "aes_key.json",         "cksum.json",
        "file_cipher.json",     "file_received.json",   "name.json",
        "public_key.json",      "refused.json",         "register.json",
        "registered.json",      "request_code.json",    "request_header.json",
        "response_code.json",   "response_header.json", "send_file.json",
        "send_public_key.json", "verdict.json",         "wrapped_key.json"};
    for (const auto& file : index.at("files").items()) {
        INFO(file.key());
        const bool is_transcript = file.key().find("transcripts/") == 0;
        const bool is_consumed = is_transcript || consumed.count(file.key()) == 1;
        CHECK(is_consumed);
    }
}

TEST_CASE("new key pairs fit the protocol") {
    for (int i = 0; i < 20; ++i) {
        const RsaKeyPair pair = RsaKeyPair::generate();
        const Bytes der = pair.public_key();
        REQUIRE(der.size() == public_key_size);
        CHECK(decode_public_key(der).GetPublicExponent() == 17);
        CHECK((RsaKeyPair::from_pkcs8(pair.pkcs8()).public_key() == der));
        CHECK(encode_base64(pair.pkcs8()).size() % 4 == 0);
    }
}

}  // namespace tests
}  // namespace backup
