// What can end a run, and the exit code that each kind of end has.

#ifndef BACKUP_ERRORS_H
#define BACKUP_ERRORS_H

#include <stdexcept>
#include <string>

namespace backup {

enum class ExitCode {
    done = 0,
    failure = 1,     // local file, disk, setup file
    usage = 2,       // command line
    refused = 3,     // the server answered 2101 once too often
    gave_up = 4,     // every transmission came back with a wrong cksum; 1106 was sent
    connection = 5,  // cannot connect, connection lost, no answer in time
    violation = 6    // the server broke the protocol
};

// The root of all errors of this program: a text for the user and an exit code.
class ClientError : public std::runtime_error {
  public:
    ClientError(ExitCode code, const std::string& text) : std::runtime_error(text), code_(code) {}
    ExitCode code() const { return code_; }

  private:
    ExitCode code_;
};

class LocalError : public ClientError {
  public:
    explicit LocalError(const std::string& text) : ClientError(ExitCode::failure, text) {}
};

class UsageError : public ClientError {
  public:
    explicit UsageError(const std::string& text) : ClientError(ExitCode::usage, text) {}
};

class RefusedError : public ClientError {
  public:
    explicit RefusedError(const std::string& text) : ClientError(ExitCode::refused, text) {}
};

class ConnectionError : public ClientError {
  public:
    explicit ConnectionError(const std::string& text) : ClientError(ExitCode::connection, text) {}
};

// The peer ended or reset the connection where more was due; silence is the plain ConnectionError.
class ConnectionLost : public ConnectionError {
  public:
    using ConnectionError::ConnectionError;
};

// Bytes that the protocol does not allow. The slug is one of PROTOCOL.md 11, or empty where that section
// has none (an answer to another request, for instance).
class ProtocolError : public ClientError {
  public:
    ProtocolError(const std::string& slug, const std::string& text)
        : ClientError(ExitCode::violation, slug.empty() ? text : slug + ": " + text), slug_(slug) {}
    const std::string& slug() const { return slug_; }

  private:
    std::string slug_;
};

}  // namespace backup

#endif
