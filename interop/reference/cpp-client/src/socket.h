// One TCP connection: whole writes, bounded reads, and a deadline on everything.

#ifndef BACKUP_SOCKET_H
#define BACKUP_SOCKET_H

#include <chrono>
#include <cstddef>

#include "bytes.h"
#include "files.h"
#include "setup_files.h"

namespace backup {

using Milliseconds = std::chrono::milliseconds;

// A point in time until which something is waited for.
class Deadline {
  public:
    explicit Deadline(Milliseconds from_now) : at_(std::chrono::steady_clock::now() + from_now) {}
    // What is left, for poll: 0 if it is over.
    int remaining() const;

  private:
    std::chrono::steady_clock::time_point at_;
};

enum class Received { data, end, reset, timeout };

class Connection {
  public:
    // The size of one read: that of the described client (PROTOCOL.md 3.1), and above the largest response
    // that is not padded.
    static constexpr std::size_t read_size = 512;

    // Connects to the first address of the endpoint that answers. ConnectionError if none does in time.
    Connection(const Endpoint& endpoint, Milliseconds timeout);

    // Over a socket that is connected already.
    Connection(FileDescriptor socket, Milliseconds timeout);

    // Writes everything. Bytes that come meanwhile are taken into input(), since a server that refuses a long
    // request answers in the middle of it (2.10). ConnectionLost if the peer is gone, ConnectionError if it
    // takes nothing for the length of the timeout.
    void send(const Bytes& bytes);

    // One read of up to `size` bytes, appended to input().
    Received receive(const Deadline& deadline, std::size_t size = read_size);

    // Received and not yet consumed.
    const Bytes& input() const { return input_; }
    void consume(std::size_t count);

    // Ends the sending side; the receiving side stays open (2.12).
    void end_sending();

    Milliseconds timeout() const { return timeout_; }

  private:
    Received read_once(std::size_t size);
    bool wait(short events, const Deadline& deadline, short& ready) const;

    FileDescriptor socket_;
    Milliseconds timeout_;
    Bytes input_;
    bool ended_ = false;  // the peer has ended its side
};

}  // namespace backup

#endif
