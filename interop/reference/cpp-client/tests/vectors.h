// Loads the golden vectors (vectors/README.md).

#ifndef BACKUP_TESTS_VECTORS_H
#define BACKUP_TESTS_VECTORS_H

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "bytes.h"
#include "dialect.h"

namespace backup {
namespace tests {

using nlohmann::json;

Bytes from_hex(const std::string& hex);
std::string to_hex(const Byte* data, std::size_t size);
template <typename Container>
std::string to_hex(const Container& bytes) {
    return to_hex(bytes.data(), bytes.size());
}

// The bytes that a hex string or a pattern stands for; the size and the SHA-256 of a pattern are checked.
Bytes materialize(const json& value);
std::string sha256(const Bytes& bytes);

json load_json(const std::string& path);
Dialect load_test_dialect(const std::string& name);
// A dialect with other values for some of its parameters.
Dialect modified_dialect(const std::string& base, const json& modifiers);

// Runs every test of a file in every dialect of its group, or in the modified one of the group, and asserts
// that the file's count was run.
using TestFunction = std::function<void(const Dialect&, const json& group, const json& test)>;
void for_each_test(const std::string& file, const std::string& decodes, const TestFunction& run);

// Asserts what the result says: `decode` returns the fields as JSON or throws ProtocolError; `encode`, if
// there is one, gives the bytes back from what was decoded last.
void check_result(const json& test, const Bytes& input, const std::function<json()>& decode,
                  const std::function<Bytes()>& encode);

}  // namespace tests
}  // namespace backup

#endif
