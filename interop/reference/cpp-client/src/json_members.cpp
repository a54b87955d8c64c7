#include "json_members.h"

namespace backup {

using nlohmann::json;

JsonMembers::JsonMembers(const json& object, const std::string& where) : object_(object), where_(where) {
    if (!object_.is_object()) {
        throw LocalError(where_ + " is not an object");
    }
}

const json& JsonMembers::take(const char* name) {
    const auto found = object_.find(name);
    if (found == object_.end()) {
        throw LocalError(where_ + " has no \"" + name + "\"");
    }
    taken_.insert(name);
    return *found;
}

std::string JsonMembers::text(const char* name) {
    const json& value = take(name);
    if (!value.is_string()) {
        throw bad(name);
    }
    return value.get<std::string>();
}

bool JsonMembers::flag(const char* name) {
    const json& value = take(name);
    if (!value.is_boolean()) {
        throw bad(name);
    }
    return value.get<bool>();
}

std::uint64_t JsonMembers::number(const char* name, std::uint64_t least, std::uint64_t most) {
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

void JsonMembers::finish() const {
    for (const auto& member : object_.items()) {
        if (taken_.count(member.key()) == 0) {
            throw LocalError(where_ + " has a parameter this program does not know: \"" + member.key() +
                             "\"");
        }
    }
}

LocalError JsonMembers::bad(const char* name) const {
    return LocalError(where_ + " has a value of \"" + name + "\" that this program does not know");
}

std::string JsonMembers::inner(const char* name) const {
    return where_ + ", \"" + name + "\"";
}

}  // namespace backup
