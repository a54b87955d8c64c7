#include "channel.h"

#include <algorithm>
#include <iostream>

#include "errors.h"
#include "fields.h"

namespace backup {

bool is_refusal(Response code) {
    return code == Response::refused || code == Response::general_error;
}

// False if the first response is not all there.
bool Channel::peek(Frame& frame) const {
    const Bytes& input = connection_.input();
    const std::size_t header_size = response_header_size(dialect_);
    if (input.size() < header_size) {
        return false;
    }
    const auto end = input.begin() + static_cast<std::ptrdiff_t>(header_size);
    frame.header = decode_response_header(dialect_, Bytes(input.begin(), end));
    if (!dialect_.find(frame.header.code, frame.code)) {
        throw ProtocolError("unknown-code", "the server sent a response with code " +
                                                std::to_string(frame.header.code) + " (wrong dialect?)");
    }
    frame.payload_size = payload_size_of(dialect_, frame.code, frame.header.stated_size);
    frame.size = response_size(dialect_, frame.payload_size);
    return input.size() >= frame.size;
}

bool Channel::take_buffered(Incoming& incoming) {
    Frame frame{};
    if (!peek(frame)) {
        return false;
    }
    const auto payload =
        connection_.input().begin() + static_cast<std::ptrdiff_t>(response_header_size(dialect_));
    incoming.kind = Incoming::Kind::response;
    incoming.code = frame.code;
    incoming.payload.assign(payload, payload + static_cast<std::ptrdiff_t>(frame.payload_size));
    // 10.3: the padding is not looked at.
    connection_.consume(frame.size);
    // 1.7: any version is accepted; another one is worth a line.
    if (frame.header.version != protocol_version && !told_version_) {
        told_version_ = true;
        std::cerr << "note: the server speaks version " << unsigned{frame.header.version} << "\n";
    }
    return true;
}

Incoming Channel::next() {
    const Deadline deadline(connection_.timeout());
    // Where responses are padded beyond the read of the described client, a client of theirs reads as much.
    const std::size_t read_size = std::max(std::size_t{Connection::read_size}, dialect_.response_padding);
    Incoming incoming{};
    unsigned reads = 0;
    while (!take_buffered(incoming)) {
        if (one_read_ && reads > 0) {
            throw ProtocolError("truncated",
                                "the response did not come in one piece, and the described client reads once "
                                "(--no-habits reads on)");
        }
        ++reads;
        switch (connection_.receive(deadline, read_size)) {
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
    Frame frame{};
    while (peek(frame)) {
        if (frame.code != Response::acknowledged) {
            return is_refusal(frame.code);
        }
        connection_.consume(frame.size);
    }
    return false;
}

}  // namespace backup
