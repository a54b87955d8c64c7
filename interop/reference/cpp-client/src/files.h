// File descriptors that close themselves, and the few file operations that this program needs.

#ifndef BACKUP_FILES_H
#define BACKUP_FILES_H

#include <cstddef>
#include <string>

namespace backup {

class FileDescriptor {
  public:
    FileDescriptor() = default;
    explicit FileDescriptor(int fd) : fd_(fd) {}
    ~FileDescriptor() { reset(); }
    FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
    FileDescriptor& operator=(FileDescriptor&& other) noexcept;
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;

    int get() const { return fd_; }
    bool is_open() const { return fd_ >= 0; }
    void reset();

  private:
    int fd_ = -1;
};

// "text: what errno says".
std::string with_errno(const std::string& text, int error_number);

bool file_exists(const std::string& path);

// The whole file, if it is no larger than `limit` bytes. LocalError otherwise.
std::string read_small_file(const std::string& path, std::size_t limit);

// Replaces the file by `text`, mode 0600. A crash leaves the old file or the new one, never a part.
void write_secret_file(const std::string& path, const std::string& text);

}  // namespace backup

#endif
