#include "channel.h"

#include <iostream>

#include "errors.h"

namespace backup {

// Reads the header of the response that stands first in the input. False if not even that is there.
bool Channel::peek(ResponseHeader& header, Response& code, std::size_t& size) const {
    const Bytes& input = connection_.input();
    const std::size_t header_size = response_header_size(dialect_);
    if (input.size() < header_size) {
        return false;
    }
    const auto end = input.begin() + static_cast<std::ptrdiff_t>(header_size);
    header = decode_response_header(dialect_, Bytes(input.begin(), end));
    if (!dialect_.find(header.code, code)) {
        throw ProtocolError("unknown-code", "the server sent a response with code " +
                                                std::to_string(header.code) + " (wrong dialect?)");
    }
    check_payload_size(dialect_, code, header.payload_size);
    size = header_size + header.payload_size;
    return true;
}

bool Channel::take_buffered(Incoming& incoming) {
    ResponseHeader header{};
    std::size_t size = 0;
    if (!peek(header, incoming.code, size) || connection_.input().size() < size) {
        return false;
    }
    const auto begin = connection_.input().begin();
    incoming.kind = Incoming::Kind::response;
    incoming.payload.assign(begin + static_cast<std::ptrdiff_t>(response_header_size(dialect_)),
                            begin + static_cast<std::ptrdiff_t>(size));
    connection_.consume(size);
    // 1.7: any version is accepted; another one is worth a line.
    if (header.version != protocol_version && !told_version_) {
        told_version_ = true;
        std::cerr << "note: the server speaks version " << unsigned{header.version} << "\n";
    }
    return true;
}

Incoming Channel::next() {
    const Deadline deadline(connection_.timeout());
    Incoming incoming{};
    unsigned reads = 0;
    while (!take_buffered(incoming)) {
        if (one_read_ && reads > 0) {
            throw ProtocolError("truncated",
                                "the response did not come in one piece, and the described client reads once "
                                "(--no-habits reads on)");
        }
        ++reads;
        switch (connection_.receive(deadline)) {
            case Received::data:
                continue;
            case Received::end:
                if (!connection_.input().empty()) {
                    throw ProtocolError("truncated", "the server ended the stream inside a response");
                }
                incoming.kind = Incoming::Kind::end;
                return incoming;
            case Received::reset:
                incoming.kind = Incoming::Kind::reset;
                return incoming;
            case Received::timeout:
                incoming.kind = Incoming::Kind::timeout;
                return incoming;
        }
    }
    return incoming;
}

bool Channel::is_refused_early() {
    for (;;) {
        ResponseHeader header{};
        Response code{};
        std::size_t size = 0;
        if (!peek(header, code, size) || connection_.input().size() < size) {
            return false;
        }
        if (code != Response::acknowledged) {
            return code == Response::refused;
        }
        connection_.consume(size);
    }
}

}  // namespace backup
