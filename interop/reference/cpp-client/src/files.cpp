#include "files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "errors.h"

namespace backup {

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
        reset();
        fd_ = other.fd_;
        other.fd_ = -1;
    }
    return *this;
}

void FileDescriptor::reset() {
    if (fd_ >= 0) {
        // After an error of close the descriptor is gone all the same; there is nothing to repeat.
        ::close(fd_);
        fd_ = -1;
    }
}

std::string with_errno(const std::string& text, int error_number) {
    return text + ": " + std::strerror(error_number);
}

bool file_exists(const std::string& path) {
    return ::access(path.c_str(), F_OK) == 0;
}

std::string read_small_file(const std::string& path, std::size_t limit) {
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open()) {
        throw LocalError(with_errno("cannot open " + path, errno));
    }
    std::string text;
    std::array<char, 4096> chunk{};
    for (;;) {
        const ssize_t count = ::read(file.get(), chunk.data(), chunk.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            throw LocalError(with_errno("cannot read " + path, errno));
        }
        if (count == 0) {
            return text;
        }
        text.append(chunk.data(), static_cast<std::size_t>(count));
        if (text.size() > limit) {
            throw LocalError(path + " is larger than " + std::to_string(limit) + " bytes");
        }
    }
}

namespace {

void write_all(int fd, const std::string& text, const std::string& path) {
    std::size_t done = 0;
    while (done < text.size()) {
        const ssize_t count = ::write(fd, text.data() + done, text.size() - done);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            throw LocalError(with_errno("cannot write " + path, errno));
        }
        done += static_cast<std::size_t>(count);
    }
    if (::fsync(fd) != 0) {
        throw LocalError(with_errno("cannot write " + path, errno));
    }
}

// Removes the temporary file unless it was renamed.
class TemporaryName {
  public:
    explicit TemporaryName(const std::string& path) : path_(path) {}
    ~TemporaryName() {
        if (!path_.empty()) {
            ::unlink(path_.c_str());
        }
    }
    TemporaryName(const TemporaryName&) = delete;
    TemporaryName& operator=(const TemporaryName&) = delete;

    void rename_to(const std::string& path) {
        if (::rename(path_.c_str(), path.c_str()) != 0) {
            throw LocalError(with_errno("cannot replace " + path, errno));
        }
        path_.clear();
    }

  private:
    std::string path_;
};

void sync_folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    const FileDescriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    // Not every file system can sync a folder; the rename has happened either way.
    if (fd.is_open()) {
        (void)::fsync(fd.get());
    }
}

}  // namespace

void write_secret_file(const std::string& path, const std::string& text) {
    const std::string pattern = path + ".XXXXXX";
    std::vector<char> name(pattern.begin(), pattern.end());
    name.push_back('\0');
    FileDescriptor file(::mkostemp(name.data(), O_CLOEXEC));
    if (!file.is_open()) {
        throw LocalError(with_errno("cannot create " + path, errno));
    }
    TemporaryName temporary(name.data());
    if (::fchmod(file.get(), S_IRUSR | S_IWUSR) != 0) {
        throw LocalError(with_errno("cannot set the mode of " + path, errno));
    }
    write_all(file.get(), text, path);
    file.reset();
    temporary.rename_to(path);
    sync_folder_of(path);
}

}  // namespace backup
