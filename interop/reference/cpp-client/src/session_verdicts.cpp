// Verdicts, how they are confirmed (PROTOCOL.md 2.11, 2.12, 10.5), and what is reported of them.

#include <iostream>

#include "session.h"
#include "text.h"

namespace backup {

namespace {

bool is_acknowledgement(VerdictAnswer answer) {
    return answer == VerdictAnswer::acknowledged || answer == VerdictAnswer::acknowledged_with_id;
}

void warn_if_unconfirmed(bool unconfirmed) {
    if (unconfirmed) {
        std::cerr << "warning: verdict not confirmed\n";
    }
}

}  // namespace

Bytes Session::verdict_request(Request verdict, const std::string& name) const {
    return encode_request(dialect_, verdict, identity_->client_id,
                          encode(dialect_, Verdict{identity_->client_id, name}));
}

// --- The verdicts ---

// 1104 or 1106.
void Session::judge(const Report& result) {
    const AfterVerdict& after = dialect_.after(result.verdict);
    if (connection_per_request_ || after.close || after.answer != VerdictAnswer::none) {
        report(result, deliver(result.verdict, result.name));
        return;
    }
    // The answer to the next request confirms the verdict, or the end of the session does.
    open().send(verdict_request(result.verdict, result.name));
    pending_ = std::make_unique<Report>(result);
}

// 1105: by itself, or kept to lead the next 1103.
void Session::send_again(const std::string& name, Bytes& leading) {
    const AfterVerdict& after = dialect_.after_wrong;
    // 10.5: an acknowledgement is not waited for, since it is skipped where the next answer is due.
    const bool goes_on = after.answer == VerdictAnswer::none || is_acknowledgement(after.answer);
    if (connection_per_request_ || after.close || !goes_on) {
        // The end is waited for: were the 1105 read after the next 1103, it would drop that one.
        warn_if_unconfirmed(deliver(Request::cksum_wrong, name) == Outcome::unconfirmed);
    } else if (options_.habits.back_to_back) {
        leading = verdict_request(Request::cksum_wrong, name);
    } else {
        open().send(verdict_request(Request::cksum_wrong, name));
    }
}

// --- How they are confirmed ---

// Sends a verdict and finds out whether it was taken in (2.12).
Session::Outcome Session::deliver(Request verdict, const std::string& name) {
    open().send(verdict_request(verdict, name));
    const AfterVerdict& after = dialect_.after(verdict);
    if (after.answer == VerdictAnswer::none) {
        return await_end(verdict);
    }
    const Outcome outcome = read_verdict_answer(verdict);
    if (after.close || connection_per_request_ || outcome != Outcome::confirmed) {
        close();
    }
    return outcome;
}

// Waits for the answer that the dialect has after a verdict. The end of the stream counts for it, as it does
// where the server only closes.
Session::Outcome Session::read_verdict_answer(Request verdict) {
    const VerdictAnswer answer = dialect_.after(verdict).answer;
    for (;;) {
        const Incoming incoming = open().next();
        switch (incoming.kind) {
            case Incoming::Kind::response:
                break;
            case Incoming::Kind::end:
                close();
                return Outcome::confirmed;
            case Incoming::Kind::reset:
            case Incoming::Kind::timeout:
                return Outcome::unconfirmed;
        }
        if (is_answer(answer, incoming)) {
            return Outcome::confirmed;
        }
        if (is_refusal(incoming.code) && verdict != Request::cksum_wrong) {
            return Outcome::refused;
        }
        if (incoming.code != Response::acknowledged) {
            wrong_answer(incoming, verdict);
        }
    }
}

bool Session::is_answer(VerdictAnswer answer, const Incoming& incoming) const {
    switch (answer) {
        case VerdictAnswer::none:
            return false;
        case VerdictAnswer::refused:
            return incoming.code == Response::refused;
        case VerdictAnswer::general_error:
            return incoming.code == Response::general_error;
        case VerdictAnswer::acknowledged:
        case VerdictAnswer::acknowledged_with_id:
            break;
    }
    if (incoming.code != Response::acknowledged) {
        return false;
    }
    // 10.5: with or without an ID, whatever the dialect sends.
    const PerhapsId message = decode_perhaps_id(dialect_, incoming.payload);
    check_repeats(!message.has_client_id || message.client_id == identity_->client_id, "client ID");
    return true;
}

// Waits for the end of the stream after the last verdict of a connection, for one read deadline each.
Session::Outcome Session::await_end(Request verdict) {
    // 3.1: where the server closes, the described client just reads once more. Where it does not, that would
    // hang, so the sending side is ended there in any case.
    const bool one_read = options_.habits.wait_after_right && verdict == Request::cksum_right &&
                          dialect_.after_right.close && !connection_per_request_;
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
        if (!is_refusal(incoming.code) || refused || verdict == Request::cksum_wrong) {
            wrong_answer(incoming, verdict);
        }
        refused = true;
    }
}

// --- Reports ---

void Session::report(const Report& report, Outcome outcome) {
    const std::string cksum = std::to_string(report.cksum);
    warn_if_unconfirmed(outcome == Outcome::unconfirmed);
    if (report.verdict == Request::give_up) {
        // Refused or not, the file is not stored.
        print_line(report.name, report.size, cksum, "given-up");
        fail("gave up " + printable(report.name) + " after " + std::to_string(dialect_.transmissions) +
                 " wrong cksums",
             ExitCode::gave_up);
        return;
    }
    switch (outcome) {
        case Outcome::confirmed:
            print_line(report.name, report.size, cksum, "verified");
            break;
        case Outcome::unconfirmed:
            print_line(report.name, report.size, cksum, "unconfirmed");
            break;
        case Outcome::refused:
            print_line(report.name, report.size, cksum, "refused");
            print_refused();
            fail("the server has " + printable(report.name) + " but refused the verdict on it",
                 ExitCode::refused);
            break;
    }
}

void Session::settle_pending(Outcome outcome) {
    if (pending_) {
        const std::unique_ptr<Report> settled = std::move(pending_);
        pending_in_doubt_ = false;
        report(*settled, outcome);
    }
}

// What concerns one file alone; the first failure is the exit code of the run.
void Session::fail(const std::string& text, ExitCode code) {
    std::cerr << "fatal: " << text << "\n";
    if (result_ == ExitCode::done) {
        result_ = code;
    }
}

void print_line(const std::string& name, std::uint64_t size, const std::string& cksum, const char* verdict) {
    std::cout << printable(name) << '\t' << size << '\t' << cksum << '\t' << verdict << std::endl;
}

}  // namespace backup
