// Requests, their answers, and the connections they take.

#include <iostream>

#include "session.h"

namespace backup {

namespace {

constexpr unsigned tries = 3;  // of a request that is refused (6.3)

Incoming refusal() {
    Incoming incoming{};
    incoming.kind = Incoming::Kind::response;
    incoming.code = Response::refused;
    return incoming;
}

}  // namespace

Session::Send Session::whole(const Bytes& request) {
    return [request](Channel& channel) {
        channel.send(request);
        return true;
    };
}

// Sends a request and reads its answer.
Incoming Session::ask(const Send& send) {
    for (;;) {
        try {
            Channel& channel = open();
            if (!send(channel)) {
                // The rest of the request will not come, so nothing can follow it on this connection.
                close();
                return refusal();
            }
            const Incoming incoming = await_answer(channel);
            note_answer(incoming);
            if (connection_per_request_) {
                close();
            }
            return incoming;
        } catch (const ConnectionLost&) {
            if (channel_ && channel_->is_refused_early()) {
                // Writing failed because the server had refused already and closed (2.10).
                close();
                return refusal();
            }
            // 2.10: some refusals end the connection; the same request goes on a new one. And 2.12: a refusal
            // before the end of the stream meant the verdict, if one was outstanding.
            const bool again = after_refusal_;
            if (again) {
                settle_pending(Outcome::refused);
            }
            close();
            if (!again) {
                throw;
            }
        }
    }
}

Incoming Session::ask_with_tries(const std::string& what, const Send& send) {
    for (unsigned number = 1; number <= tries; ++number) {
        const Incoming incoming = ask(send);
        if (!is_refusal(incoming.code)) {
            return incoming;
        }
        print_refused();
    }
    throw RefusedError("the server refused " + what + " " + std::to_string(tries) + " times");
}

// Acknowledgements are skipped where another answer is due (2.12).
Incoming Session::await_answer(Channel& channel) {
    for (;;) {
        Incoming incoming = channel.next();
        switch (incoming.kind) {
            case Incoming::Kind::response:
                if (incoming.code != Response::acknowledged) {
                    return incoming;
                }
                break;
            case Incoming::Kind::end:
                throw ConnectionLost("the server closed the connection without an answer");
            case Incoming::Kind::reset:
                throw ConnectionLost("the server has reset the connection");
            case Incoming::Kind::timeout:
                throw ConnectionError("no answer within the time limit");
        }
    }
}

// 2.12: a refusal may mean the verdict or the request; a second answer shows that it was the request.
void Session::note_answer(const Incoming& incoming) {
    after_refusal_ = is_refusal(incoming.code);
    if (after_refusal_ && pending_ && !pending_in_doubt_) {
        pending_in_doubt_ = true;
        return;
    }
    settle_pending(Outcome::confirmed);
}

void Session::wrong_answer(const Incoming& incoming, Request request) const {
    throw ProtocolError("", "the server answered " + std::to_string(dialect_.code(incoming.code)) + " to " +
                                std::to_string(dialect_.code(request)));
}

Channel& Session::open() {
    if (!channel_) {
        channel_ = std::make_unique<Channel>(surroundings_.connect(), dialect_, options_.habits.one_read);
        after_refusal_ = false;
    }
    return *channel_;
}

void Session::close() {
    channel_.reset();
    after_refusal_ = false;
}

void print_refused() {
    std::cerr << "server responded with an error\n";
}

void check_repeats(bool same, const char* field) {
    if (!same) {
        throw ProtocolError("",
                            std::string("the server's answer has another ") + field + " than the request");
    }
}

}  // namespace backup
