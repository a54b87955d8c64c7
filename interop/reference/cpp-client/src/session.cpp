#include "session.h"

#include <algorithm>
#include <iostream>

#include "fields.h"
#include "text.h"

namespace backup {

Session::Session(const Dialect& dialect, const Options& options, const std::string& client_name,
                 std::unique_ptr<Identity> identity, Surroundings surroundings)
    : dialect_(dialect),
      options_(options),
      client_name_(client_name),
      identity_(std::move(identity)),
      surroundings_(std::move(surroundings)),
      connection_per_request_(options.connection_per_request ||
                              dialect.connection == ConnectionUse::request) {}

ExitCode Session::run(const std::vector<FileJob>& jobs) {
    try {
        begin();
        for (const FileJob& job : jobs) {
            send_job(job);
        }
        if (pending_) {
            settle_pending(await_end(pending_->verdict));
        }
    } catch (const std::exception&) {
        settle_pending(Outcome::unconfirmed);
        throw;
    }
    return result_;
}

// A client that is known starts at 1101 (4.5), or with a reconnect where there is one (10.4).
void Session::begin() {
    if (!identity_ || options_.register_again) {
        register_client();
    } else if (dialect_.has(Request::reconnect)) {
        reconnect();
    }
}

// 2.1, 2.9. The key pair is made before the client ID is asked for, so that both are stored at once, and
// before 1101 is sent. An identity that is stored stays so until the server grants the new one (10.4).
void Session::register_client() {
    const RsaKeyPair key = surroundings_.make_key();
    const Incoming incoming = ask(whole(encode_request(dialect_, Request::register_client, ClientId{},
                                                       encode_client_name(dialect_, client_name_))));
    if (incoming.code == Response::registered) {
        const ClientId id = decode_client_id(dialect_, incoming.payload);
        identity_ = std::make_unique<Identity>(Identity{client_name_, id, key});
        surroundings_.save_identity(*identity_);
        return;
    }
    if (incoming.code == Response::general_error) {
        print_refused();
        throw RefusedError("the server does not register " + printable(client_name_));
    }
    if (incoming.code != Response::refused) {
        wrong_answer(incoming, Request::register_client);
    }
    print_refused();
    if (!identity_) {
        throw RefusedError("the name " + printable(client_name_) +
                           " is taken, and there is no me.info for it: choose another name, or have the "
                           "operator of the server remove or rename that client");
    }
    if (options_.register_again) {
        // 3.1: the described client goes on under its stored ID and with a new pair.
        identity_->key = key;
        surroundings_.save_identity(*identity_);
    }
}

// 10.4. After 2106 the client is a new one; a general error is a refusal like another.
void Session::reconnect() {
    const Incoming incoming = ask_with_tries(
        "to reconnect", whole(encode_request(dialect_, Request::reconnect, identity_->client_id,
                                             encode_client_name(dialect_, client_name_))));
    if (incoming.code == Response::reconnected) {
        // For the first file, also where the server hands out the same key as before.
        take_key(incoming.payload);
        has_key_ = true;
        return;
    }
    if (incoming.code != Response::reconnect_refused) {
        wrong_answer(incoming, Request::reconnect);
    }
    check_repeats(decode_client_id(dialect_, incoming.payload) == identity_->client_id, "client ID");
    print_refused();
    std::cerr << "note: the server does not know this client, which registers anew\n";
    register_client();
}

// 4.4: every file gets a key of its own; the RSA key stays.
void Session::exchange_key() {
    const SendPublicKey message{client_name_, identity_->key.public_key()};
    const Incoming incoming = ask_with_tries(
        "the public key", whole(encode_request(dialect_, Request::send_public_key, identity_->client_id,
                                               encode(dialect_, message))));
    if (incoming.code != Response::aes_key) {
        wrong_answer(incoming, Request::send_public_key);
    }
    take_key(incoming.payload);
}

void Session::take_key(const Bytes& payload) {
    const AesKeyMessage message = decode_aes_key(dialect_, payload);
    check_repeats(message.client_id == identity_->client_id, "client ID");
    aes_key_ = identity_->key.unwrap(message.wrapped_key);
}

void Session::send_job(const FileJob& job) {
    std::unique_ptr<SourceFile> file;
    try {
        file = std::make_unique<SourceFile>(job.path, largest_file(dialect_));
    } catch (const LocalError& error) {
        fail(error.what(), error.code());
        return;
    }
    if (!has_key_) {
        exchange_key();
    }
    has_key_ = false;
    try {
        send_until_right(job, *file);
    } catch (const RefusedError& error) {
        print_line(job.name, file->size(), "-", "refused");
        fail(error.what(), error.code());
    } catch (const LocalError& error) {
        // The stream is in the middle of a message: the server drops what it has (2.10).
        close();
        print_line(job.name, file->size(), "-", "failed");
        fail(error.what(), error.code());
    }
}

// 6.1.
void Session::send_until_right(const FileJob& job, const SourceFile& file) {
    Bytes leading;
    for (unsigned sent = 1;; ++sent) {
        std::uint32_t cksum = 0;
        const FileReceived answer = send_file(job, file, leading, cksum);
        if (answer.cksum == cksum) {
            judge(Report{Request::cksum_right, job.name, file.size(), cksum});
            return;
        }
        std::cerr << "cksum of " << printable(job.name) << " is " << cksum << ", the server's "
                  << answer.cksum << " (transmission " << sent << " of " << dialect_.transmissions << ")\n";
        if (sent == dialect_.transmissions) {
            judge(Report{Request::give_up, job.name, file.size(), cksum});
            return;
        }
        send_again(job.name, leading);
    }
}

// One transmission: 1103 and its 2103, checked by 6.2.
FileReceived Session::send_file(const FileJob& job, const SourceFile& file, Bytes& leading,
                                std::uint32_t& cksum) {
    const Incoming incoming = ask_with_tries("the file " + printable(job.name), [&](Channel& channel) {
        return stream_file(channel, job, file, leading, cksum);
    });
    if (incoming.code != Response::file_received) {
        wrong_answer(incoming, Request::send_file);
    }
    const FileReceived answer = decode_file_received(dialect_, incoming.payload);
    if (dialect_.echoes(ReceivedField::client_id)) {
        check_repeats(answer.client_id == identity_->client_id, "client ID");
    }
    if (dialect_.echoes(ReceivedField::content_size)) {
        const bool is_plain = dialect_.echoed_size == EchoedSize::plain;
        check_repeats(answer.content_size == (is_plain ? file.size() : content_size_of(file.size())),
                      "content size");
    }
    check_repeats(answer.name == job.name, "file name");
    return answer;
}

// Writes `leading`, a 1105 if there is one, and 1103 or its packets (10.7); header and fixed fields of each
// in one write (1.4).
bool Session::stream_file(Channel& channel, const FileJob& job, const SourceFile& file, Bytes& leading,
                          std::uint32_t& cksum) {
    const std::uint64_t content_size = content_size_of(file.size());
    const std::uint64_t most = largest_packet(dialect_);
    SendFile message{identity_->client_id, static_cast<std::uint32_t>(content_size), job.name};
    message.original_size = static_cast<std::uint32_t>(file.size());
    message.total = static_cast<std::uint16_t>((content_size + most - 1) / most);
    Bytes head;
    head.swap(leading);  // a refused 1103 is sent again without the 1105 (6.3)
    ContentStream content(file, aes_key_, dialect_);
    std::uint64_t unsent = content_size;
    for (unsigned packet = 1; packet <= message.total; ++packet) {
        message.packet = static_cast<std::uint16_t>(packet);
        std::uint64_t in_packet = std::min(most, unsent);
        unsent -= in_packet;
        const Bytes request =
            encode_request(dialect_, Request::send_file, identity_->client_id, encode(dialect_, message),
                           static_cast<std::uint32_t>(in_packet));
        head.insert(head.end(), request.begin(), request.end());
        channel.send(head);
        head.clear();
        while (in_packet > 0) {
            const Bytes piece = content.next(in_packet);
            if (channel.is_refused_early()) {
                return false;
            }
            channel.send(piece);
            in_packet -= piece.size();
        }
    }
    cksum = content.cksum();
    return true;
}

}  // namespace backup
