// Folders of the tests' own, gone with their objects.

#ifndef BACKUP_TESTS_TEMPORARY_FOLDER_H
#define BACKUP_TESTS_TEMPORARY_FOLDER_H

#include <string>

namespace backup {
namespace tests {

class TemporaryFolder {
  public:
    TemporaryFolder();
    ~TemporaryFolder();  // removes the folder and the files in it
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    const std::string& path() const { return path_; }
    std::size_t count_entries() const;

    // Writes a file and returns its path.
    std::string write(const std::string& name, const std::string& content) const;

  private:
    std::string path_;
};

// Makes a folder the working folder for a while.
class WorkingFolder {
  public:
    explicit WorkingFolder(const std::string& path);
    ~WorkingFolder();
    WorkingFolder(const WorkingFolder&) = delete;
    WorkingFolder& operator=(const WorkingFolder&) = delete;

  private:
    std::string before_;
};

}  // namespace tests
}  // namespace backup

#endif
