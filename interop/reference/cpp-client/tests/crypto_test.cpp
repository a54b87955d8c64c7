// Keys, ciphers and checksums of the golden vectors, and what the vectors cannot hold because it is random.

#include "crypto.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "cksum.h"
#include "errors.h"
#include "receiver_crypto.h"
#include "source_file.h"
#include "temporary_folder.h"
#include "vectors.h"

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
    for_each_test("cksum.json", "cksum", [](const Dialect& dialect, const json&, const json& test) {
        const Bytes input = materialize(test.at("bytes"));
        const auto expected = test.at("fields").at("cksum").get<std::uint32_t>();
        Cksum whole(dialect.checksum);
        whole.update(input);
        CHECK(whole.value() == expected);
        Cksum pieces(dialect.checksum);
        in_pieces(input, [&](const Byte* data, std::size_t size) { pieces.update(data, size); });
        CHECK(pieces.value() == expected);
    });
}

TEST_CASE("vectors: public keys") {
    for_each_test("public_key.json", "public-key", [](const Dialect& dialect, const json&, const json& test) {
        const Bytes input = materialize(test.at("bytes"));
        CryptoPP::RSA::PublicKey key;
        check_result(
            test, input,
            [&]() -> json {
                key = decode_public_key(input, dialect.public_key_sizes);
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

// The checksum of a file as the client takes it on the way, from the content that the client makes of it.
TEST_CASE("vectors: checksums of files") {
    const TemporaryFolder folder;
    for_each_test(
        "file_cksum.json", "file-cksum", [&](const Dialect& dialect, const json& group, const json& test) {
            const Bytes aes_key = from_hex(group.at("aes_key").get<std::string>());
            const Bytes content = materialize(test.at("bytes"));
            const Bytes plain = materialize(test.at("fields").at("plaintext"));
            CHECK((decrypt_content(aes_key, content) == plain));
            const SourceFile file(folder.write("f", std::string(plain.begin(), plain.end())), UINT32_MAX);
            const SecretBytes secret = to_secret(aes_key);
            ContentStream stream(file, secret, dialect);
            Bytes sent;
            for (Bytes piece = stream.next(UINT64_MAX); !piece.empty(); piece = stream.next(UINT64_MAX)) {
                sent.insert(sent.end(), piece.begin(), piece.end());
            }
            const bool same = sent == content;
            CHECK(same);
            CHECK(stream.cksum() == test.at("fields").at("cksum").get<std::uint32_t>());
        });
}

TEST_CASE("every vector file has a consumer here") {
    const json index = load_json(std::string(VECTOR_FOLDER) + "/index.json");
    const std::set<std::string> consumed = {"acknowledged.json",
                                            "aes_key.json",
                                            "cksum.json",
                                            "file_cipher.json",
                                            "file_cksum.json",
                                            "file_name.json",
                                            "file_received.json",
                                            "general_error.json",
                                            "modified_request.json",
                                            "modified_response.json",
                                            "name.json",
                                            "packets.json",
                                            "public_key.json",
                                            "reconnect.json",
                                            "reconnect_refused.json",
                                            "reconnected.json",
                                            "refused.json",
                                            "register.json",
                                            "registered.json",
                                            "request_code.json",
                                            "request_header.json",
                                            "response_code.json",
                                            "response_header.json",
                                            "send_file.json",
                                            "send_public_key.json",
                                            "verdict.json",
                                            "wrapped_key.json"};
    for (const auto& file : index.at("files").items()) {
        INFO(file.key());
        const bool is_transcript = file.key().find("transcripts/") == 0;
        const bool is_consumed = is_transcript || consumed.count(file.key()) == 1;
        CHECK(is_consumed);
    }
}

TEST_CASE("new key pairs fit the protocol") {
    struct Case {
        std::size_t size;
        long exponent;
    };
    for (const Case& one : {Case{short_public_key, 17}, Case{long_public_key, 65537}}) {
        for (int i = 0; i < 10; ++i) {
            const RsaKeyPair pair = RsaKeyPair::generate(one.size);
            const Bytes der = pair.public_key();
            REQUIRE(der.size() == one.size);
            CHECK(decode_public_key(der, {one.size}).GetPublicExponent() == one.exponent);
            CHECK((RsaKeyPair::from_pkcs8(pair.pkcs8()).public_key() == der));
            CHECK(encode_base64(pair.pkcs8()).size() % 4 == 0);
        }
    }
}

TEST_CASE("10.8: a public key of 162 bytes is accepted where the dialect has it") {
    const Bytes der = RsaKeyPair::generate(long_public_key).public_key();
    CHECK_NOTHROW(decode_public_key(der, {short_public_key, long_public_key}));
    CHECK_THROWS_AS(decode_public_key(der, {short_public_key}), ProtocolError);
    // The exponent 65537 stands at the end: 01 00 01. One in three bytes that is even is refused.
    Bytes even = der;
    REQUIRE(even.back() == 1);
    even.back() = 2;
    CHECK_THROWS_WITH_AS(decode_public_key(even, {long_public_key}),
                         "public-key-exponent: the exponent is even or too small", ProtocolError);
}

TEST_CASE("5, 10.2: the check values of the three checksums") {
    const std::string text = "123456789";
    const std::vector<std::pair<Checksum, std::uint32_t>> cases = {
        {Checksum::posix, 930766865U}, {Checksum::zlib, 0xCBF43926U}, {Checksum::crc8, 0xF4U}};
    for (const auto& one : cases) {
        Cksum cksum(one.first);
        for (const char c : text) {
            cksum.update(Bytes{static_cast<Byte>(c)});
        }
        CHECK(cksum.value() == one.second);
        CHECK(cksum.value() == one.second);  // asking changes nothing
    }
    CHECK(Cksum(Checksum::posix).value() == 4294967295U);
    CHECK(Cksum(Checksum::zlib).value() == 0);
    CHECK(Cksum(Checksum::crc8).value() == 0);
}

}  // namespace tests
}  // namespace backup
