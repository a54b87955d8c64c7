#include "session.h"

#include <iostream>

#include "text.h"

namespace backup {

namespace {

constexpr unsigned tries = 3;  // of a request that is refused (6.3)

void print_refused() {
    // 8.5: the wording of the described client.
    std::cerr << "server responded with an error\n";
}

ProtocolError wrong_answer(const Dialect& dialect, const Incoming& incoming, Request request) {
    return ProtocolError("", "the server answered " + std::to_string(dialect.code(incoming.code)) + " to " +
                                 std::to_string(dialect.code(request)));
}

// 6.2: what does not repeat the request is not an answer to it.
void check_repeats(bool same, const char* field) {
    if (!same) {
        throw ProtocolError("",
                            std::string("the server's answer has another ") + field + " than the request");
    }
}

}  // namespace

Session::Session(const Dialect& dialect, const Options& options, const std::string& client_name,
                 std::unique_ptr<Identity> identity, Surroundings surroundings)
    : dialect_(dialect),
      options_(options),
      client_name_(client_name),
      identity_(std::move(identity)),
      surroundings_(std::move(surroundings)) {}

ExitCode Session::run(const std::vector<FileJob>& jobs) {
    try {
        // 4.5: a client that is known starts at 1101.
        if (!identity_ || options_.register_again) {
            register_client();
        }
        for (const FileJob& job : jobs) {
            send_job(job);
        }
        if (pending_) {
            settle_pending(await_end(Request::cksum_right));
        }
    } catch (const std::exception&) {
        settle_pending(Outcome::unconfirmed);
        throw;
    }
    return result_;
}

// --- The steps of a backup ---

// 2.1, 2.9. The key pair is made before the client ID is asked for, so that both are stored at once, and
// before 1101 is sent.
void Session::register_client() {
    const RsaKeyPair key = surroundings_.make_key();
    const Bytes request =
        encode_request(dialect_, Request::register_client, ClientId{}, encode_register(client_name_));
    const Incoming incoming = ask([&](Channel& channel) {
        channel.send(request);
        return true;
    });
    if (incoming.code == Response::registered) {
        identity_ =
            std::make_unique<Identity>(Identity{client_name_, decode_registered(incoming.payload), key});
    } else if (incoming.code == Response::refused) {
        print_refused();
        if (!identity_) {
            throw RefusedError("the name " + printable(client_name_) +
                               " is taken, and there is no me.info for it: choose another name, or have the "
                               "operator of the server remove or rename that client");
        }
        // 3.1: the described client goes on under its stored ID and with a new pair.
        identity_->key = key;
    } else {
        throw wrong_answer(dialect_, incoming, Request::register_client);
    }
    surroundings_.save_identity(*identity_);
}

// 4.4: every file gets a key of its own; the RSA key stays.
void Session::exchange_key() {
    const Bytes request = encode_request(dialect_, Request::send_public_key, identity_->client_id,
                                         encode(SendPublicKey{client_name_, identity_->key.public_key()}));
    const Incoming incoming = ask_with_tries("the public key", [&](Channel& channel) {
        channel.send(request);
        return true;
    });
    if (incoming.code != Response::aes_key) {
        throw wrong_answer(dialect_, incoming, Request::send_public_key);
    }
    const AesKeyMessage message = decode_aes_key(incoming.payload);
    check_repeats(message.client_id == identity_->client_id, "client ID");
    aes_key_ = identity_->key.unwrap(message.wrapped_key);
}

void Session::send_job(const FileJob& job) {
    std::unique_ptr<SourceFile> file;
    try {
        file = std::make_unique<SourceFile>(job.path, largest_file(dialect_));
    } catch (const LocalError& error) {
        std::cerr << "error: " << error.what() << "\n";
        fail(error.code());
        return;
    }
    exchange_key();
    Bytes leading;
    try {
        for (unsigned sent = 1;; ++sent) {
            std::uint32_t cksum = 0;
            const FileReceived answer = send_file(job, *file, leading, cksum);
            const Report result{job.name, file->size(), cksum};
            if (answer.cksum == cksum) {
                const bool stays = !options_.connection_per_request && !dialect_.after_right.close &&
                                   dialect_.after_right.answer == VerdictAnswer::none;
                if (stays) {
                    // The answer to the next request confirms the verdict, or the end of the session does.
                    open().send(verdict_request(Request::cksum_right, job.name));
                    pending_ = std::make_unique<Report>(result);
                } else {
                    report(result, deliver(Request::cksum_right, job.name));
                }
                return;
            }
            std::cerr << "cksum of " << printable(job.name) << " is " << cksum << ", the server's "
                      << answer.cksum << " (transmission " << sent << " of " << dialect_.transmissions
                      << ")\n";
            if (sent == dialect_.transmissions) {
                const Outcome outcome = deliver(Request::give_up, job.name);
                if (outcome == Outcome::unconfirmed) {
                    std::cerr << "warning: verdict not confirmed\n";
                }
                print_line(job.name, file->size(), std::to_string(cksum), "given-up");
                std::cerr << "fatal: gave up " << printable(job.name) << " after " << sent
                          << " wrong cksums\n";
                fail(ExitCode::gave_up);
                return;
            }
            send_again(job, leading);
        }
    } catch (const RefusedError& error) {
        print_line(job.name, file->size(), "-", "refused");
        std::cerr << "fatal: " << error.what() << "\n";
        fail(error.code());
    } catch (const LocalError& error) {
        // The stream is in the middle of a message: the server drops what it has (2.10).
        close();
        print_line(job.name, file->size(), "-", "failed");
        std::cerr << "fatal: " << error.what() << "\n";
        fail(error.code());
    }
}

// One transmission: 1103 and its 2103, checked by 6.2.
FileReceived Session::send_file(const FileJob& job, const SourceFile& file, Bytes& leading,
                                std::uint32_t& cksum) {
    const Incoming incoming = ask_with_tries("the file " + printable(job.name), [&](Channel& channel) {
        return stream_file(channel, job, file, leading, cksum);
    });
    if (incoming.code != Response::file_received) {
        throw wrong_answer(dialect_, incoming, Request::send_file);
    }
    const FileReceived answer = decode_file_received(dialect_, incoming.payload);
    check_repeats(answer.client_id == identity_->client_id, "client ID");
    check_repeats(answer.content_size == content_size_of(file.size()), "content size");
    check_repeats(answer.name == job.name, "file name");
    return answer;
}

// Writes `leading`, a 1105 if there is one, and 1103; header and fixed fields in one write (1.4).
bool Session::stream_file(Channel& channel, const FileJob& job, const SourceFile& file, Bytes& leading,
                          std::uint32_t& cksum) {
    const auto content_size = static_cast<std::uint32_t>(content_size_of(file.size()));
    const Bytes fixed = encode(dialect_, SendFile{identity_->client_id, content_size, job.name});
    const Bytes request =
        encode_request(dialect_, Request::send_file, identity_->client_id, fixed, content_size);
    Bytes head;
    head.swap(leading);  // a refused 1103 is sent again without the 1105 (6.3)
    head.insert(head.end(), request.begin(), request.end());
    channel.send(head);
    ContentStream content(file, aes_key_);
    for (Bytes piece = content.next(); !piece.empty(); piece = content.next()) {
        if (channel.is_refused_early()) {
            return false;
        }
        channel.send(piece);
    }
    cksum = content.cksum();
    return true;
}

// 1105: by itself, or kept to lead the next 1103.
void Session::send_again(const FileJob& job, Bytes& leading) {
    const AfterVerdict& after = dialect_.after_wrong;
    const bool is_silent = after.answer == VerdictAnswer::none && !after.close;
    if (options_.connection_per_request || !is_silent) {
        // The end is waited for: were the 1105 read after the next 1103, it would drop that one.
        if (deliver(Request::cksum_wrong, job.name) == Outcome::unconfirmed) {
            std::cerr << "warning: verdict not confirmed\n";
        }
    } else if (options_.habits.back_to_back) {
        leading = verdict_request(Request::cksum_wrong, job.name);
    } else {
        open().send(verdict_request(Request::cksum_wrong, job.name));
    }
}

// --- Requests and their answers ---

// Sends a request and reads its answer. Acknowledgements are skipped (2.12).
Incoming Session::ask(const Send& send) {
    for (;;) {
        try {
            Channel& channel = open();
            Incoming incoming{};
            if (!send(channel)) {
                // The rest of the request will not come, so nothing can follow it on this connection.
                close();
                incoming.kind = Incoming::Kind::response;
                incoming.code = Response::refused;
                return incoming;
            }
            do {
                incoming = channel.next();
            } while (incoming.kind == Incoming::Kind::response && incoming.code == Response::acknowledged);
            switch (incoming.kind) {
                case Incoming::Kind::response:
                    break;
                case Incoming::Kind::end:
                    throw ConnectionLost("the server closed the connection without an answer");
                case Incoming::Kind::reset:
                    throw ConnectionLost("the server has reset the connection");
                case Incoming::Kind::timeout:
                    throw ConnectionError("no answer within the time limit");
            }
            note_answer(incoming);
            if (options_.connection_per_request) {
                close();
            }
            return incoming;
        } catch (const ConnectionLost&) {
            if (channel_ && channel_->is_refused_early()) {
                // Writing failed because the server had refused already and closed (2.10).
                close();
                Incoming incoming{};
                incoming.kind = Incoming::Kind::response;
                incoming.code = Response::refused;
                return incoming;
            }
            // 2.10: some refusals end the connection; the same request goes on a new one. And 2.12: a 2101
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
        if (incoming.code != Response::refused) {
            return incoming;
        }
        print_refused();
    }
    throw RefusedError("the server refused " + what + " " + std::to_string(tries) + " times");
}

// 2.12: a 2101 may mean the verdict or the request; a second answer shows that it was the request.
void Session::note_answer(const Incoming& incoming) {
    after_refusal_ = incoming.code == Response::refused;
    if (after_refusal_ && pending_ && !pending_in_doubt_) {
        pending_in_doubt_ = true;
        return;
    }
    settle_pending(Outcome::confirmed);
}

// --- Verdicts ---

Bytes Session::verdict_request(Request verdict, const std::string& name) const {
    return encode_request(dialect_, verdict, identity_->client_id,
                          encode(dialect_, Verdict{identity_->client_id, name}));
}

// Sends a verdict and finds out whether it was taken in (2.12).
Session::Outcome Session::deliver(Request verdict, const std::string& name) {
    open().send(verdict_request(verdict, name));
    const AfterVerdict& after = dialect_.after(verdict);
    if (after.answer == VerdictAnswer::none) {
        if (after.close || options_.connection_per_request || verdict == Request::cksum_right) {
            return await_end(verdict);
        }
        return Outcome::confirmed;
    }
    const Outcome outcome = read_verdict_answer();
    if (after.close || options_.connection_per_request || outcome == Outcome::unconfirmed) {
        close();
    }
    return outcome;
}

// Where the dialect answers a verdict with 2101, that is the answer, and no refusal.
Session::Outcome Session::read_verdict_answer() {
    for (;;) {
        const Incoming incoming = open().next();
        if (incoming.kind != Incoming::Kind::response) {
            return Outcome::unconfirmed;
        }
        if (incoming.code == Response::refused) {
            return Outcome::confirmed;
        }
        if (incoming.code != Response::acknowledged) {
            throw ProtocolError(
                "", "the server answered a verdict with " + std::to_string(dialect_.code(incoming.code)));
        }
    }
}

// Waits for the end of the stream after the last verdict of a connection, for one read deadline each.
Session::Outcome Session::await_end(Request verdict) {
    // 3.1: where the server closes, the described client just reads once more. Where it does not, that would
    // hang, so the sending side is ended there in any case.
    const bool one_read = options_.habits.wait_after_right && verdict == Request::cksum_right &&
                          dialect_.after_right.close && !options_.connection_per_request;
    if (!one_read) {
        open().end_sending();
    }
    bool refused = false;
    for (;;) {
        const Incoming incoming = open().next();
        if (incoming.kind != Incoming::Kind::response) {
            close();
            if (refused) {
                return Outcome::refused;
            }
            return incoming.kind == Incoming::Kind::end ? Outcome::confirmed : Outcome::unconfirmed;
        }
        if (incoming.code == Response::acknowledged && !refused) {
            close();
            return Outcome::confirmed;
        }
        if (incoming.code != Response::refused || refused || verdict == Request::cksum_wrong) {
            throw ProtocolError("", "the server answered " + std::to_string(dialect_.code(incoming.code)) +
                                        " to " + std::to_string(dialect_.code(verdict)));
        }
        refused = true;
        if (one_read) {
            close();
            return Outcome::refused;
        }
    }
}

// --- Reports ---

void Session::report(const Report& report, Outcome outcome) {
    const std::string cksum = std::to_string(report.cksum);
    switch (outcome) {
        case Outcome::confirmed:
            print_line(report.name, report.size, cksum, "verified");
            break;
        case Outcome::unconfirmed:
            print_line(report.name, report.size, cksum, "unconfirmed");
            std::cerr << "warning: verdict not confirmed\n";
            break;
        case Outcome::refused:
            print_line(report.name, report.size, cksum, "refused");
            print_refused();
            std::cerr << "fatal: the server has " << printable(report.name)
                      << " but refused the verdict on it\n";
            fail(ExitCode::refused);
            break;
    }
}

void Session::print_line(const std::string& name, std::uint64_t size, const std::string& cksum,
                         const char* verdict) {
    std::cout << printable(name) << '\t' << size << '\t' << cksum << '\t' << verdict << std::endl;
}

void Session::settle_pending(Outcome outcome) {
    if (pending_) {
        const std::unique_ptr<Report> settled = std::move(pending_);
        pending_in_doubt_ = false;
        report(*settled, outcome);
    }
}

void Session::fail(ExitCode code) {
    if (result_ == ExitCode::done) {
        result_ = code;
    }
}

// --- Connections ---

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

}  // namespace backup
