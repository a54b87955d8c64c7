#include "socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <memory>
#include <string>

#include "errors.h"

namespace backup {

namespace {

// Input that nobody asked for is not collected without bound: beyond this, sending stops taking it in.
constexpr std::size_t input_limit = 8 * Connection::read_size;

struct FreeAddresses {
    void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Addresses resolve(const Endpoint& endpoint) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* list = nullptr;
    const std::string port = std::to_string(endpoint.port);
    const int error = ::getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &list);
    if (error != 0) {
        throw ConnectionError("cannot resolve " + endpoint.host + ": " + ::gai_strerror(error));
    }
    return Addresses(list);
}

// The errno of connecting, 0 if the socket is connected.
int connect_within(int fd, const addrinfo& address, const Deadline& deadline) {
    if (::connect(fd, address.ai_addr, address.ai_addrlen) == 0) {
        return 0;
    }
    if (errno != EINPROGRESS && errno != EINTR) {
        return errno;
    }
    pollfd entry{fd, POLLOUT, 0};
    int count = 0;
    do {
        count = ::poll(&entry, 1, deadline.remaining());
    } while (count < 0 && errno == EINTR);
    if (count <= 0) {
        return count == 0 ? ETIMEDOUT : errno;
    }
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        return errno;
    }
    return error;
}

FileDescriptor connect_to(const Endpoint& endpoint, Milliseconds timeout) {
    const Addresses addresses = resolve(endpoint);
    const Deadline deadline(timeout);
    int error = 0;
    for (const addrinfo* address = addresses.get(); address != nullptr; address = address->ai_next) {
        FileDescriptor fd(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        error = fd.is_open() ? connect_within(fd.get(), *address, deadline) : errno;
        if (error == 0) {
            return fd;
        }
    }
    throw ConnectionError(
        with_errno("cannot connect to " + endpoint.host + " port " + std::to_string(endpoint.port), error));
}

}  // namespace

int Deadline::remaining() const {
    const auto left =
        std::chrono::duration_cast<Milliseconds>(at_ - std::chrono::steady_clock::now()).count();
    return static_cast<int>(std::max<long long>(0, std::min<long long>(left, INT_MAX)));
}

Connection::Connection(const Endpoint& endpoint, Milliseconds timeout)
    : Connection(connect_to(endpoint, timeout), timeout) {
    const int on = 1;
    // 1.4: SHOULD. Without it everything still works, only slower.
    (void)::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Connection::Connection(FileDescriptor socket, Milliseconds timeout)
    : socket_(std::move(socket)), timeout_(timeout) {
    const int flags = ::fcntl(socket_.get(), F_GETFL);
    if (flags < 0 || ::fcntl(socket_.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
        throw ConnectionError(with_errno("cannot use the socket", errno));
    }
}

// False if the deadline passed.
bool Connection::wait(short events, const Deadline& deadline, short& ready) const {
    pollfd entry{socket_.get(), events, 0};
    for (;;) {
        const int count = ::poll(&entry, 1, deadline.remaining());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            throw ConnectionError(with_errno("cannot wait for the server", errno));
        }
        ready = entry.revents;
        return count > 0;
    }
}

// Nothing to read just now counts as `timeout`.
Received Connection::read_once(std::size_t size) {
    Bytes chunk(size);
    for (;;) {
        const ssize_t count = ::recv(socket_.get(), chunk.data(), chunk.size(), 0);
        if (count > 0) {
            input_.insert(input_.end(), chunk.begin(), chunk.begin() + count);
            return Received::data;
        }
        if (count == 0) {
            ended_ = true;
            return Received::end;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return Received::timeout;
        }
        if (errno != EINTR) {
            return Received::reset;
        }
    }
}

void Connection::send(const Bytes& bytes) {
    std::size_t done = 0;
    Deadline deadline(timeout_);
    while (done < bytes.size()) {
        const bool listens = !ended_ && input_.size() < input_limit;
        short ready = 0;
        if (!wait(static_cast<short>(listens ? POLLOUT | POLLIN : POLLOUT), deadline, ready)) {
            throw ConnectionError("the server takes no more bytes");
        }
        // First what came: an answer must be saved before a write runs into the reset behind it.
        if (listens && (ready & (POLLIN | POLLHUP | POLLERR)) != 0 &&
            read_once(read_size) == Received::reset) {
            throw ConnectionLost("the server has reset the connection");
        }
        if ((ready & (POLLOUT | POLLHUP | POLLERR)) == 0) {
            continue;
        }
        const ssize_t count =
            ::send(socket_.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count > 0) {
            done += static_cast<std::size_t>(count);
            deadline = Deadline(timeout_);
        } else if (count < 0 && errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) {
            throw ConnectionLost(with_errno("cannot send to the server", errno));
        }
    }
}

Received Connection::receive(const Deadline& deadline, std::size_t size) {
    if (ended_) {
        return Received::end;
    }
    for (;;) {
        short ready = 0;
        if (!wait(POLLIN, deadline, ready)) {
            return Received::timeout;
        }
        const Received result = read_once(size);
        if (result != Received::timeout) {
            return result;
        }
    }
}

void Connection::consume(std::size_t count) {
    input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(count));
}

void Connection::end_sending() {
    // If the peer is gone already, the read that follows says so.
    (void)::shutdown(socket_.get(), SHUT_WR);
}

}  // namespace backup
