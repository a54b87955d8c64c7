// A JSON object of which every member must be asked for: what is missing, ill-typed or unknown is a
// LocalError that names the place.

#ifndef BACKUP_JSON_MEMBERS_H
#define BACKUP_JSON_MEMBERS_H

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "errors.h"

namespace backup {

class JsonMembers {
  public:
    // `where` names the object in error messages. `object` must outlive this.
    JsonMembers(const nlohmann::json& object, const std::string& where);

    const nlohmann::json& take(const char* name);
    std::string text(const char* name);
    bool flag(const char* name);
    std::uint64_t number(const char* name, std::uint64_t least, std::uint64_t most);

    // Refuses members that nobody asked for.
    void finish() const;

    LocalError bad(const char* name) const;
    // `where`, for an object that stands in this one.
    std::string inner(const char* name) const;

  private:
    const nlohmann::json& object_;
    std::string where_;
    std::set<std::string> taken_;
};

}  // namespace backup

#endif
