// The command line.

#ifndef BACKUP_ARGS_H
#define BACKUP_ARGS_H

#include <string>
#include <vector>

#include "socket.h"

namespace backup {

// What the described client does although the protocol does not ask for it (PROTOCOL.md 3.1). All are on by
// default; --no-habits turns all of them off.
struct Habits {
    bool one_read = true;          // a response is what one read of 512 bytes brings
    bool back_to_back = true;      // 1105 and the next 1103 begin in one write
    bool wait_after_right = true;  // after 1104 one more read, without ending the sending side first
    bool whole_path = true;        // the file name is the path as given

    static Habits none() { return Habits{false, false, false, false}; }

    Habits() = default;

  private:
    Habits(bool read, bool write, bool wait, bool path)
        : one_read(read), back_to_back(write), wait_after_right(wait), whole_path(path) {}
};

struct Options {
    bool help = false;
    std::string dialect = "seed";
    std::string dialect_folder;
    std::vector<std::string> files;  // empty: the path in transfer.info
    std::string send_as;             // empty: the path or its base name
    bool connection_per_request = false;
    bool register_again = false;
    Milliseconds timeout{60000};
    Habits habits;
};

// UsageError if the arguments make no sense.
Options parse_arguments(const std::vector<std::string>& arguments);

std::string help_text();

// What follows the last slash or backslash (7.4).
std::string base_name(const std::string& path);

}  // namespace backup

#endif
