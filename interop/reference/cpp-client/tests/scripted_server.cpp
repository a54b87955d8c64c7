#include "scripted_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <stdexcept>

#include "fields.h"
#include "receiver_packets.h"

namespace backup {
namespace tests {

namespace {

constexpr int patience = 20000;  // milliseconds; only a broken test waits for it
constexpr int moment = 100;      // milliseconds in which something that is forbidden would have come

bool can_read(int fd, int milliseconds) {
    pollfd entry{fd, POLLIN, 0};
    return ::poll(&entry, 1, milliseconds) > 0;
}

void wait_to_read(int fd, const char* what) {
    if (!can_read(fd, patience)) {
        throw std::runtime_error(std::string("server: waited too long for ") + what);
    }
}

}  // namespace

Bytes Peer::read(std::size_t count) {
    Bytes bytes(count);
    std::size_t done = 0;
    while (done < count) {
        wait_to_read(socket_.get(), "a request");
        const ssize_t got = ::recv(socket_.get(), bytes.data() + done, count - done, 0);
        if (got <= 0) {
            throw std::runtime_error("server: the client ended inside a request");
        }
        done += static_cast<std::size_t>(got);
    }
    return bytes;
}

Bytes Peer::read_once() {
    wait_to_read(socket_.get(), "a request");
    Bytes bytes(4096);
    const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return bytes;
}

Peer::RequestSeen Peer::expect(Request kind) {
    RequestSeen seen;
    seen.header = decode_request_header(dialect_, read(request_header_size(dialect_)));
    if (seen.header.code != dialect_.code(kind)) {
        throw std::runtime_error("server: request " + std::to_string(seen.header.code) + ", expected " +
                                 std::to_string(dialect_.code(kind)));
    }
    check_payload_size(dialect_, kind, seen.header.payload_size);
    seen.payload = read(seen.header.payload_size);
    const Bytes padding = read(request_padding(dialect_, kind, seen.header.payload_size));
    if (std::any_of(padding.begin(), padding.end(), [](Byte byte) { return byte != 0; })) {
        throw std::runtime_error("server: the padding of a request is not zero");
    }
    return seen;
}

Peer::FileSeen Peer::expect_file() {
    PacketGatherer gatherer(dialect_);
    FileSeen seen;
    for (;;) {
        const RequestSeen request = expect(Request::send_file);
        const auto outcome = gatherer.take(request.header, request.payload);
        if (outcome == PacketGatherer::Outcome::refused) {
            throw std::runtime_error("server: a 1103 that is wrong: " + gatherer.slug());
        }
        seen.packet_sizes.push_back(request.payload.size() - send_file_fixed_size(dialect_));
        if (outcome == PacketGatherer::Outcome::complete) {
            seen.message = gatherer.file();
            seen.content = gatherer.content();
            return seen;
        }
    }
}

void Peer::expect_end() {
    wait_to_read(socket_.get(), "the client's end");
    Byte byte = 0;
    if (::recv(socket_.get(), &byte, 1, 0) != 0) {
        throw std::runtime_error("server: no end of the stream where it is due");
    }
}

std::size_t Peer::discard(std::size_t limit) {
    std::size_t done = 0;
    for (Bytes piece = read_once(); !piece.empty() && done < limit; piece = read_once()) {
        done += piece.size();
    }
    return done;
}

void Peer::expect_silence() {
    if (can_read(socket_.get(), moment)) {
        throw std::runtime_error("server: the client went on without an answer");
    }
}

void Peer::expect_no_other_connection() {
    if (can_read(listener_.get(), moment)) {
        throw std::runtime_error("server: the client opened its next connection too early");
    }
}

void Peer::send(const Bytes& bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t count = ::send(socket_.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
        if (count <= 0) {
            throw std::runtime_error("server: cannot send");
        }
        done += static_cast<std::size_t>(count);
    }
}

void Peer::respond(Response kind, const Bytes& payload) {
    send(encode_response(dialect_, kind, payload, protocol_version));
}

void Peer::respond_in_two_pieces(Response kind, const Bytes& payload) {
    const Bytes response = encode_response(dialect_, kind, payload, protocol_version);
    const auto split = response.begin() + static_cast<std::ptrdiff_t>(response_header_size(dialect_));
    send(Bytes(response.begin(), split));
    pause();
    send(Bytes(split, response.end()));
}

void Peer::end_sending() {
    ::shutdown(socket_.get(), SHUT_WR);
}

void Peer::pause() const {
    ::poll(nullptr, 0, moment);
}

void Peer::reset() {
    const linger at_once{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    socket_.reset();
}

ScriptedServer::ScriptedServer(const Dialect& dialect, std::vector<Script> scripts)
    : dialect_(dialect),
      scripts_(std::move(scripts)),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), 8) != 0 ||
        ::getsockname(listener_.get(), generic, &size) != 0) {
        throw std::runtime_error("server: cannot listen");
    }
    endpoint_ = Endpoint{"127.0.0.1", ntohs(address.sin_port)};
    thread_ = std::thread([this] { serve(); });
}

ScriptedServer::~ScriptedServer() {
    if (thread_.joinable()) {
        // The test has failed already; a server that still waits for a connection shall not hold it.
        ::shutdown(listener_.get(), SHUT_RDWR);
        thread_.join();
    }
}

void ScriptedServer::finish() {
    thread_.join();
    if (failure_) {
        std::rethrow_exception(failure_);
    }
}

void ScriptedServer::serve() {
    try {
        for (const Script& script : scripts_) {
            wait_to_read(listener_.get(), "a connection");
            FileDescriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!socket.is_open()) {
                throw std::runtime_error("server: no connection");
            }
            Peer peer(std::move(socket), listener_, dialect_);
            script(peer);
        }
        if (can_read(listener_.get(), 0)) {
            throw std::runtime_error("server: the client opened one connection too many");
        }
    } catch (...) {
        failure_ = std::current_exception();
    }
}

}  // namespace tests
}  // namespace backup
