#include "temporary_folder.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <vector>

namespace backup {
namespace tests {

namespace {

std::vector<std::string> entries_of(const std::string& path) {
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
    std::vector<std::string> names;
    if (!folder) {
        return names;
    }
    for (const dirent* entry = ::readdir(folder.get()); entry != nullptr; entry = ::readdir(folder.get())) {
        const std::string name(static_cast<const char*>(entry->d_name));
        if (name != "." && name != "..") {
            names.push_back(name);
        }
    }
    return names;
}

void change_to(const std::string& path) {
    if (::chdir(path.c_str()) != 0) {
        throw std::runtime_error("cannot change to " + path);
    }
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
    const char* const parent = ::getenv("TMPDIR");
    path_ = std::string(parent != nullptr ? parent : "/tmp") + "/backup-client-test.XXXXXX";
    if (::mkdtemp(&path_[0]) == nullptr) {
        throw std::runtime_error("cannot make a temporary folder");
    }
}

TemporaryFolder::~TemporaryFolder() {
    for (const std::string& name : entries_of(path_)) {
        ::unlink((path_ + "/" + name).c_str());
    }
    ::rmdir(path_.c_str());
}

std::size_t TemporaryFolder::count_entries() const {
    return entries_of(path_).size();
}

std::string TemporaryFolder::write(const std::string& name, const std::string& content) const {
    std::string path = path_ + "/" + name;
    std::ofstream(path, std::ios::binary) << content;
    return path;
}

WorkingFolder::WorkingFolder(const std::string& path) {
    std::array<char, PATH_MAX> buffer{};
    if (::getcwd(buffer.data(), buffer.size()) == nullptr) {
        throw std::runtime_error("there is no working folder");
    }
    before_ = buffer.data();
    change_to(path);
}

WorkingFolder::~WorkingFolder() {
    if (::chdir(before_.c_str()) != 0) {
        ::abort();  // every later test would run in the wrong place
    }
}

}  // namespace tests
}  // namespace backup
