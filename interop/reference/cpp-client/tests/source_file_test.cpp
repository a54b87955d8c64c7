// Local files: limits, sizes that change, and the content stream.

#include "source_file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "errors.h"
#include "receiver_crypto.h"
#include "requests.h"
#include "temporary_folder.h"
#include "vectors.h"

namespace backup {
namespace tests {

namespace {

const Bytes key(16, 7);

Bytes whole_content(ContentStream& stream) {
    Bytes content;
    for (Bytes piece = stream.next(UINT64_MAX); !piece.empty(); piece = stream.next(UINT64_MAX)) {
        content.insert(content.end(), piece.begin(), piece.end());
    }
    return content;
}

}  // namespace

TEST_CASE("content of files around the sizes of blocks and pieces") {
    const TemporaryFolder folder;
    const Dialect seed = load_test_dialect("seed");
    for (const std::size_t size : {0U, 1U, 15U, 16U, 17U, 65535U, 65536U, 65537U, 131072U, 200000U}) {
        std::string text(size, '\0');
        for (std::size_t i = 0; i < size; ++i) {
            text[i] = static_cast<char>(i % 251);
        }
        const SourceFile file(folder.write("f", text), 1000000);
        CHECK(file.size() == size);
        const SecretBytes secret = to_secret(key);
        ContentStream stream(file, secret, seed);
        const Bytes content = whole_content(stream);
        CHECK(content.size() == content_size_of(size));
        const bool same = decrypt_content(key, content) == Bytes(text.begin(), text.end());
        CHECK(same);
        Cksum cksum(Checksum::posix);
        cksum.update(reinterpret_cast<const Byte*>(text.data()), text.size());
        CHECK(stream.cksum() == cksum.value());
    }
}

TEST_CASE("10.7: a stream that is taken in any pieces is the same stream") {
    const TemporaryFolder folder;
    const Dialect seed = load_test_dialect("seed");
    const SourceFile file(folder.write("f", std::string(70000, 'x')), 1000000);
    const SecretBytes secret = to_secret(key);
    ContentStream whole(file, secret, seed);
    const Bytes content = whole_content(whole);
    ContentStream stream(file, secret, seed);
    Bytes collected;
    for (std::size_t turn = 1; collected.size() < content.size(); ++turn) {
        const Bytes piece = stream.next(turn % 977 + 1);
        REQUIRE_FALSE(piece.empty());
        REQUIRE(piece.size() <= turn % 977 + 1);
        collected.insert(collected.end(), piece.begin(), piece.end());
    }
    CHECK(stream.next(1).empty());
    const bool same = collected == content;
    CHECK(same);
}

TEST_CASE("10.2: what the checksum is taken of") {
    const TemporaryFolder folder;
    Dialect dialect = load_test_dialect("seed");
    dialect.checksum = Checksum::zlib;
    const SecretBytes secret = to_secret(key);
    for (const std::size_t size : {0U, 5U, 16U, 70000U}) {
        const Bytes plain(size, 'x');
        const SourceFile file(folder.write("f", std::string(size, 'x')), 1000000);
        const Bytes content = encrypt_content(key, plain);
        Bytes padded = plain;
        padded.insert(padded.end(), 16 - size % 16, static_cast<Byte>(16 - size % 16));
        const std::vector<std::pair<ChecksumInput, Bytes>> cases = {{ChecksumInput::plaintext, plain},
                                                                    {ChecksumInput::padded, padded},
                                                                    {ChecksumInput::content, content}};
        for (const auto& one : cases) {
            dialect.checksum_input = one.first;
            ContentStream stream(file, secret, dialect);
            whole_content(stream);
            Cksum cksum(Checksum::zlib);
            cksum.update(one.second);
            CHECK(stream.cksum() == cksum.value());
        }
    }
}

TEST_CASE("2.3: the limit on files") {
    const TemporaryFolder folder;
    const std::uint64_t limit = largest_file(load_test_dialect("seed"));
    const std::string path = folder.write("large", "");
    REQUIRE(::truncate(path.c_str(), static_cast<off_t>(limit)) == 0);
    CHECK(SourceFile(path, limit).size() == limit);
    REQUIRE(::truncate(path.c_str(), static_cast<off_t>(limit + 1)) == 0);
    CHECK_THROWS_WITH_AS(SourceFile(path, limit),
                         (path + " has 4294967008 bytes; the protocol carries at most 4294967007").c_str(),
                         LocalError);
}

TEST_CASE("what is no regular file is refused") {
    const TemporaryFolder folder;
    CHECK_THROWS_AS(SourceFile(folder.path(), 100), LocalError);
    CHECK_THROWS_AS(SourceFile(folder.path() + "/none", 100), LocalError);
    const std::string pipe = folder.path() + "/pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    CHECK_THROWS_AS(SourceFile(pipe, 100), LocalError);
}

TEST_CASE("a file that changes its size under way") {
    const TemporaryFolder folder;
    const Dialect seed = load_test_dialect("seed");
    for (const long change : {1L, -1L, -100000L}) {
        const std::string path = folder.write("f", std::string(100000, 'x'));
        const SourceFile file(path, 1000000);
        REQUIRE(::truncate(path.c_str(), 100000 + change) == 0);
        const SecretBytes secret = to_secret(key);
        ContentStream stream(file, secret, seed);
        CHECK_THROWS_AS(whole_content(stream), LocalError);
    }
}

}  // namespace tests
}  // namespace backup
