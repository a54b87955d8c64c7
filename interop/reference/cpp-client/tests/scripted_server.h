// A server that does what a test tells it, on a loopback port of its own.

#ifndef BACKUP_TESTS_SCRIPTED_SERVER_H
#define BACKUP_TESTS_SCRIPTED_SERVER_H

#include <exception>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "bytes.h"
#include "dialect.h"
#include "files.h"
#include "requests.h"
#include "responses.h"
#include "setup_files.h"

namespace backup {
namespace tests {

// The server's side of one connection. Everything has a deadline and throws std::runtime_error when it passes
// or when something else comes than was expected.
class Peer {
  public:
    // `listener` is only looked at.
    Peer(FileDescriptor socket, const FileDescriptor& listener, const Dialect& dialect)
        : socket_(std::move(socket)), listener_(listener), dialect_(dialect) {}

    struct RequestSeen {
        RequestHeader header;
        Bytes payload;
    };

    Bytes read(std::size_t count);
    // What one read brings.
    Bytes read_once();
    // Reads a whole request, with its padding, and insists on its kind.
    RequestSeen expect(Request kind);
    // A file that was sent: the fixed fields of its first packet, and the content of all.
    struct FileSeen {
        SendFile message;
        Bytes content;
        std::vector<std::size_t> packet_sizes;  // of the content alone
    };
    // Reads a 1103, or all packets of a file.
    FileSeen expect_file();
    void expect_end();
    // Reads until the client goes or so many bytes are read, and returns how many.
    std::size_t discard(std::size_t limit);
    // Nothing must come before the server has answered.
    void expect_silence();
    // The client must not have opened its next connection, nor open it in the next moment.
    void expect_no_other_connection();
    void send(const Bytes& bytes);
    void respond(Response kind, const Bytes& payload);
    // Header, then the rest after a pause, so that one read does not get both.
    void respond_in_two_pieces(Response kind, const Bytes& payload);
    void end_sending();
    // Lets the client write into full buffers for a moment.
    void pause() const;
    // Closes so that the client sees a reset.
    void reset();

  private:
    FileDescriptor socket_;
    const FileDescriptor& listener_;
    const Dialect& dialect_;
};

class ScriptedServer {
  public:
    using Script = std::function<void(Peer&)>;

    // One script for each connection, in the order of the connections. A connection is closed at the end of
    // its script.
    ScriptedServer(const Dialect& dialect, std::vector<Script> scripts);
    ~ScriptedServer();
    ScriptedServer(const ScriptedServer&) = delete;
    ScriptedServer& operator=(const ScriptedServer&) = delete;

    const Endpoint& endpoint() const { return endpoint_; }

    // Waits until all scripts have run, and throws what went wrong in one of them.
    void finish();

  private:
    void serve();

    const Dialect& dialect_;
    std::vector<Script> scripts_;
    FileDescriptor listener_;
    Endpoint endpoint_;
    std::exception_ptr failure_;
    std::thread thread_;
};

}  // namespace tests
}  // namespace backup

#endif
