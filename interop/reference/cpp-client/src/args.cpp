#include "args.h"

#include <cerrno>
#include <cmath>
#include <cstdlib>

#include "errors.h"
#include "text.h"

#ifndef DIALECT_FOLDER
#error "the Makefile passes the folder of the dialect files as DIALECT_FOLDER"
#endif

namespace backup {

namespace {

constexpr double longest_timeout = 86400;  // seconds

Milliseconds parse_timeout(const std::string& text) {
    char* end = nullptr;
    errno = 0;
    const double seconds = std::strtod(text.c_str(), &end);
    const bool whole = !text.empty() && *end == '\0' && errno == 0;
    if (!whole || !std::isfinite(seconds) || seconds < 0.001 || seconds > longest_timeout) {
        throw UsageError("--timeout takes a number of seconds, from 0.001 to 86400");
    }
    return Milliseconds(static_cast<long long>(seconds * 1000));
}

// Takes the value of an option from `--option VALUE` or `--option=VALUE`.
class Arguments {
  public:
    explicit Arguments(const std::vector<std::string>& arguments) : arguments_(arguments) {}

    bool next() {
        if (at_ == arguments_.size()) {
            return false;
        }
        option_ = arguments_[at_++];
        const std::size_t equals = option_.find('=');
        has_value_ = option_.compare(0, 2, "--") == 0 && equals != std::string::npos;
        if (has_value_) {
            value_ = option_.substr(equals + 1);
            option_.resize(equals);
        }
        return true;
    }

    const std::string& option() const { return option_; }

    std::string value() {
        if (!has_value_) {
            if (at_ == arguments_.size()) {
                throw UsageError(option_ + " needs a value");
            }
            value_ = arguments_[at_++];
        }
        has_value_ = false;
        if (value_.empty()) {
            throw UsageError(option_ + " needs a value that is not empty");
        }
        return value_;
    }

    void expect_no_value() const {
        if (has_value_) {
            throw UsageError(option_ + " takes no value");
        }
    }

  private:
    const std::vector<std::string>& arguments_;
    std::size_t at_ = 0;
    std::string option_;
    std::string value_;
    bool has_value_ = false;
};

}  // namespace

Options parse_arguments(const std::vector<std::string>& arguments) {
    Options options;
    options.dialect_folder = DIALECT_FOLDER;
    Arguments rest(arguments);
    while (rest.next()) {
        const std::string option = rest.option();
        if (option == "--help" || option == "-h") {
            options.help = true;
        } else if (option == "--dialect") {
            options.dialect = rest.value();
        } else if (option == "--dialects") {
            options.dialect_folder = rest.value();
        } else if (option == "--file") {
            options.files.push_back(rest.value());
        } else if (option == "--send-as") {
            options.send_as = rest.value();
        } else if (option == "--timeout") {
            options.timeout = parse_timeout(rest.value());
        } else if (option == "--connection-per-request") {
            options.connection_per_request = true;
        } else if (option == "--register-again") {
            options.register_again = true;
        } else if (option == "--no-habits") {
            options.habits = Habits::none();
        } else {
            throw UsageError("unknown argument " + printable(option));
        }
        rest.expect_no_value();
    }
    if (!options.send_as.empty() && options.files.size() > 1) {
        throw UsageError("--send-as goes with one file");
    }
    return options;
}

std::string help_text() {
    return
        R"(usage: backup_client_reference [OPTIONS]

Backs up files as the described C++ client does, in the working folder: transfer.info
names server, client and file, me.info keeps client ID and private key.

  --dialect NAME|FILE       layout of the messages (default seed); a file has a slash or
                            ends in .json, and holds all parameters
  --dialects DIR            where dialects are found by name
                            (default )" DIALECT_FOLDER R"()
  --file PATH               file to send, in place of the third line of transfer.info;
                            may be given several times
  --send-as NAME            file name on the wire, with one file
  --connection-per-request  a new connection for every request and for every verdict
  --register-again          send 1100 although me.info exists; if the name is taken, go on
                            under the stored client ID with a new RSA key pair
  --timeout SECONDS         patience for each connect, write and response (default 60)
  --no-habits               read responses in any segmentation, write 1105 by itself, end
                            the sending side after 1104, send base names
  --help                    this text

Prints one line for each file: name, size, cksum and verdict, separated by tabs.
Exit codes: 0 done, 1 local failure, 2 usage, 3 refused by the server, 4 gave up after
wrong cksums, 5 no connection, 6 the server violated the protocol.
)";
}

std::string base_name(const std::string& path) {
    return path.substr(path.find_last_of("/\\") + 1);
}

}  // namespace backup
