#include "vectors.h"

#include <cryptopp/hex.h>
#include <cryptopp/sha.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "dialect_file.h"
#include "errors.h"
#include "files.h"

namespace backup {
namespace tests {

Bytes from_hex(const std::string& hex) {
    const bool is_hex = hex.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!is_hex || hex.size() % 2 != 0) {
        throw std::runtime_error("not lower-case hex: " + hex);
    }
    Bytes bytes(hex.size() / 2);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<Byte>(std::stoul(hex.substr(2 * i, 2), nullptr, 16));
    }
    return bytes;
}

std::string to_hex(const Byte* data, std::size_t size) {
    CryptoPP::HexEncoder encoder(nullptr, false);
    encoder.Put(data, size);
    encoder.MessageEnd();
    std::string text(2 * size, '\0');
    encoder.Get(reinterpret_cast<Byte*>(&text[0]), text.size());
    return text;
}

std::string sha256(const Bytes& bytes) {
    std::array<Byte, CryptoPP::SHA256::DIGESTSIZE> digest{};
    CryptoPP::SHA256().CalculateDigest(digest.data(), bytes.data(), bytes.size());
    return to_hex(digest);
}

Bytes materialize(const json& value) {
    if (value.is_string()) {
        return from_hex(value.get<std::string>());
    }
    const auto pattern = value.at("pattern").get<std::string>();
    Bytes bytes(value.at("size").get<std::size_t>(), 0);
    if (pattern == "counting") {
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            bytes[i] = static_cast<Byte>(i % 251);
        }
    } else if (pattern != "zeros") {
        throw std::runtime_error("unknown pattern " + pattern);
    }
    REQUIRE(sha256(bytes) == value.at("sha256").get<std::string>());
    return bytes;
}

json load_json(const std::string& path) {
    return json::parse(read_small_file(path, 64 * 1024 * 1024));
}

Dialect load_test_dialect(const std::string& name) {
    return load_dialect(name, DIALECT_FOLDER);
}

Dialect modified_dialect(const std::string& base, const json& modifiers) {
    json document = load_json(std::string(DIALECT_FOLDER) + "/" + base + ".json");
    for (const auto& modifier : modifiers.items()) {
        document.at(modifier.key()) = modifier.value();
    }
    return parse_dialect(document.dump(), base + " with modifiers");
}

namespace {

std::vector<Dialect> dialects_of(const json& group) {
    const json& names = group.at("dialects");
    if (group.contains("base")) {
        REQUIRE(names.size() == 1);
        return {modified_dialect(group.at("base").get<std::string>(), group.at("modifiers"))};
    }
    std::vector<Dialect> dialects;
    for (const json& name : names) {
        dialects.push_back(load_test_dialect(name.get<std::string>()));
    }
    return dialects;
}

}  // namespace

void for_each_test(const std::string& file, const std::string& decodes, const TestFunction& run) {
    const json document = load_json(std::string(VECTOR_FOLDER) + "/" + file);
    REQUIRE(document.at("decodes") == decodes);
    std::set<std::string> ids;
    for (const json& group : document.at("groups")) {
        REQUIRE_FALSE(group.at("dialects").empty());
        for (const Dialect& dialect : dialects_of(group)) {
            for (const json& test : group.at("tests")) {
                const auto id = test.at("id").get<std::string>();
                INFO(file << " " << id << " in " << group.at("dialects") << ": "
                          << test.at("comment").get<std::string>());
                ids.insert(id);
                run(dialect, group, test);
            }
        }
    }
    INFO(file);
    CHECK(ids.size() == document.at("count").get<std::size_t>());
    const json index = load_json(std::string(VECTOR_FOLDER) + "/index.json");
    CHECK(ids.size() == index.at("files").at(file).get<std::size_t>());
}

void check_result(const json& test, const Bytes& input, const std::function<json()>& decode,
                  const std::function<Bytes()>& encode) {
    const auto result = test.at("result").get<std::string>();
    json fields;
    std::string slug;
    try {
        fields = decode();
    } catch (const ProtocolError& error) {
        slug = error.slug();
    }
    if (result == "invalid") {
        std::set<std::string> right = {test.at("error").get<std::string>()};
        for (const json& alias : test.value("aliases", json::array())) {
            right.insert(alias.get<std::string>());
        }
        INFO("got " << (slug.empty() ? "no error" : slug) << ", not " << test.at("error"));
        CHECK(right.count(slug) == 1);
        return;
    }
    const bool is_known_result = result == "valid" || result == "acceptable";
    REQUIRE(is_known_result);
    INFO("error " << slug);
    REQUIRE(slug.empty());
    CHECK(fields == test.at("fields"));
    if (result == "valid" && encode) {
        const bool same = encode() == input;
        CHECK(same);
    }
}

}  // namespace tests
}  // namespace backup
