#include "dialect.h"

#include <nlohmann/json.hpp>
#include <set>

#include "errors.h"
#include "files.h"

namespace backup {

namespace {

using nlohmann::json;

constexpr std::size_t dialect_file_limit = 64 * 1024;

const std::array<const char*, request_count> request_names = {
    {"register", "send_public_key", "send_file", "cksum_right", "cksum_wrong", "give_up"}};
const std::array<const char*, response_count> response_names = {
    {"registered", "refused", "aes_key", "file_received", "acknowledged"}};

// One JSON object of which every member must be asked for.
class Members {
  public:
    Members(const json& object, const std::string& where) : object_(object), where_(where) {
        if (!object_.is_object()) {
            throw LocalError(where_ + " is not an object");
        }
    }

    const json& take(const char* name) {
        const auto found = object_.find(name);
        if (found == object_.end()) {
            throw LocalError(where_ + " has no \"" + name + "\"");
        }
        taken_.insert(name);
        return *found;
    }

    std::string text(const char* name) {
        const json& value = take(name);
        if (!value.is_string()) {
            throw bad(name);
        }
        return value.get<std::string>();
    }

    bool flag(const char* name) {
        const json& value = take(name);
        if (!value.is_boolean()) {
            throw bad(name);
        }
        return value.get<bool>();
    }

    std::uint64_t number(const char* name, std::uint64_t least, std::uint64_t most) {
        const json& value = take(name);
        if (!value.is_number_unsigned()) {
            throw bad(name);
        }
        const auto result = value.get<std::uint64_t>();
        if (result < least || result > most) {
            throw bad(name);
        }
        return result;
    }

    // One of two sizes.
    std::size_t either(const char* name, std::size_t one, std::size_t other) {
        const std::uint64_t value = number(name, 0, UINT32_MAX);
        if (value != one && value != other) {
            throw bad(name);
        }
        return static_cast<std::size_t>(value);
    }

    void finish() const {
        for (const auto& member : object_.items()) {
            if (taken_.count(member.key()) == 0) {
                throw LocalError(where_ + " has a parameter this program does not know: \"" + member.key() +
                                 "\"");
            }
        }
    }

    LocalError bad(const char* name) const {
        return LocalError(where_ + " has a value of \"" + name + "\" that this program does not know");
    }

    std::string inner(const char* name) const { return where_ + ", \"" + name + "\""; }

  private:
    const json& object_;
    std::string where_;
    std::set<std::string> taken_;
};

template <std::size_t count>
std::array<std::uint16_t, count> read_codes(Members& members, const char* name,
                                            const std::array<const char*, count>& names) {
    Members codes(members.take(name), members.inner(name));
    std::array<std::uint16_t, count> result{};
    std::set<std::uint16_t> seen;
    for (std::size_t i = 0; i < count; ++i) {
        result[i] = static_cast<std::uint16_t>(codes.number(names[i], 1, UINT16_MAX));
        if (!seen.insert(result[i]).second) {
            throw codes.bad(names[i]);
        }
    }
    codes.finish();
    return result;
}

AfterVerdict read_after(Members& members, const char* name) {
    Members after(members.take(name), members.inner(name));
    AfterVerdict result{};
    const std::string answer = after.text("answer");
    if (answer == "none") {
        result.answer = VerdictAnswer::none;
    } else if (answer == "refused") {
        result.answer = VerdictAnswer::refused;
    } else {
        throw after.bad("answer");
    }
    result.close = after.flag("close");
    after.finish();
    return result;
}

RefusedPayload read_refused_payload(Members& members) {
    const std::string value = members.text("refused_payload");
    if (value == "empty") {
        return RefusedPayload::empty;
    }
    if (value == "client-id") {
        return RefusedPayload::client_id;
    }
    throw members.bad("refused_payload");
}

template <typename Kind, std::size_t count>
bool find_code(const std::array<std::uint16_t, count>& codes, std::uint16_t code, Kind& kind) {
    for (std::size_t i = 0; i < count; ++i) {
        if (codes[i] == code) {
            kind = static_cast<Kind>(i);
            return true;
        }
    }
    return false;
}

bool is_file_argument(const std::string& text) {
    const std::string suffix = ".json";
    return text.find('/') != std::string::npos ||
           (text.size() > suffix.size() &&
            text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0);
}

}  // namespace

bool Dialect::find(std::uint16_t code, Request& request) const {
    return find_code(request_codes, code, request);
}

bool Dialect::find(std::uint16_t code, Response& response) const {
    return find_code(response_codes, code, response);
}

const AfterVerdict& Dialect::after(Request verdict) const {
    switch (verdict) {
        case Request::cksum_right:
            return after_right;
        case Request::cksum_wrong:
            return after_wrong;
        case Request::give_up:
            return after_give_up;
        default:
            throw std::logic_error("this request is no verdict");
    }
}

Dialect parse_dialect(const std::string& json_text, const std::string& origin) {
    const json document = json::parse(json_text, nullptr, false);
    if (document.is_discarded()) {
        throw LocalError(origin + " is not JSON");
    }
    Members members(document, origin);
    Dialect dialect{};
    dialect.name = members.text("name");
    members.text("title");
    dialect.request_codes = read_codes(members, "request_codes", request_names);
    dialect.response_codes = read_codes(members, "response_codes", response_names);
    dialect.response_size_width = members.either("response_size_width", 2, 4);
    dialect.client_id_in_payload = members.flag("client_id_in_payload");
    dialect.refused_payload = read_refused_payload(members);
    dialect.cksum_width = members.either("cksum_width", 4, 16);
    dialect.aes_key_size = members.either("aes_key_size", 16, 32);
    dialect.transmissions = static_cast<unsigned>(members.number("transmissions", 1, 255));
    dialect.after_right = read_after(members, "after_right");
    dialect.after_wrong = read_after(members, "after_wrong");
    dialect.after_give_up = read_after(members, "after_give_up");
    dialect.default_port = static_cast<std::uint16_t>(members.number("default_port", 1, UINT16_MAX));
    members.finish();
    return dialect;
}

Dialect load_dialect(const std::string& name_or_file, const std::string& folder) {
    if (is_file_argument(name_or_file)) {
        return parse_dialect(read_small_file(name_or_file, dialect_file_limit), name_or_file);
    }
    const std::string path = folder + "/" + name_or_file + ".json";
    if (name_or_file.empty() || !file_exists(path)) {
        throw UsageError("no dialect \"" + name_or_file + "\" in " + folder);
    }
    return parse_dialect(read_small_file(path, dialect_file_limit), path);
}

}  // namespace backup
