// The course of a backup (PROTOCOL.md 6 and 10.4): register or reconnect, send the public key, send files,
// judge their cksums.

#ifndef BACKUP_SESSION_H
#define BACKUP_SESSION_H

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "args.h"
#include "channel.h"
#include "dialect.h"
#include "errors.h"
#include "requests.h"
#include "setup_files.h"
#include "source_file.h"

namespace backup {

struct FileJob {
    std::string path;
    std::string name;  // on the wire
};

class Session {
  public:
    // What a session needs from outside, so that a test can put its own in place.
    struct Surroundings {
        std::function<Connection()> connect;
        std::function<RsaKeyPair()> make_key;
        std::function<void(const Identity&)> save_identity;
    };

    // `identity` is null for a client that has none yet. `dialect` and `options` must outlive the session.
    Session(const Dialect& dialect, const Options& options, const std::string& client_name,
            std::unique_ptr<Identity> identity, Surroundings surroundings);

    // Sends all files and prints a line for each. What concerns one file alone (refused, given up,
    // unreadable) does not keep the others from being sent; the first such failure is the exit code.
    // Everything else is thrown.
    ExitCode run(const std::vector<FileJob>& jobs);

  private:
    // A file that was judged, with its last verdict: 1104 or 1106.
    struct Report {
        Request verdict;
        std::string name;
        std::uint64_t size;
        std::uint32_t cksum;
    };

    // What is known about a verdict (2.12).
    enum class Outcome { confirmed, unconfirmed, refused };

    // Writes a request; false if the server refused it before it was written whole.
    using Send = std::function<bool(Channel&)>;

    // The steps (session.cpp).
    void begin();
    void register_client();
    void reconnect();
    void exchange_key();
    void take_key(const Bytes& payload);
    void send_job(const FileJob& job);
    void send_until_right(const FileJob& job, const SourceFile& file);
    FileReceived send_file(const FileJob& job, const SourceFile& file, Bytes& leading, std::uint32_t& cksum);
    bool stream_file(Channel& channel, const FileJob& job, const SourceFile& file, Bytes& leading,
                     std::uint32_t& cksum);

    // Requests and their answers (session_requests.cpp).
    static Send whole(const Bytes& request);
    Incoming ask(const Send& send);
    Incoming ask_with_tries(const std::string& what, const Send& send);
    Incoming await_answer(Channel& channel);
    void note_answer(const Incoming& incoming);
    [[noreturn]] void wrong_answer(const Incoming& incoming, Request request) const;
    Channel& open();
    void close();

    // Verdicts and reports (session_verdicts.cpp).
    Bytes verdict_request(Request verdict, const std::string& name) const;
    void judge(const Report& result);
    void send_again(const std::string& name, Bytes& leading);
    Outcome deliver(Request verdict, const std::string& name);
    Outcome read_verdict_answer(Request verdict);
    Outcome await_end(Request verdict);
    bool is_answer(VerdictAnswer answer, const Incoming& incoming) const;
    void report(const Report& report, Outcome outcome);
    void settle_pending(Outcome outcome);
    void fail(const std::string& text, ExitCode code);

    const Dialect& dialect_;
    const Options& options_;
    std::string client_name_;
    std::unique_ptr<Identity> identity_;
    Surroundings surroundings_;
    bool connection_per_request_;  // by the dialect, or by an option

    SecretBytes aes_key_;
    bool has_key_ = false;              // the AES key came with the reconnect, for the first file
    std::unique_ptr<Channel> channel_;  // null between connections
    bool after_refusal_ = false;        // the last answer on this connection was a refusal
    std::unique_ptr<Report> pending_;   // a verdict on this connection that nothing has confirmed yet
    bool pending_in_doubt_ = false;     // a refusal has come since
    ExitCode result_ = ExitCode::done;
};

// 8.5: the wording of the described client.
void print_refused();

// The line for a file, on stdout.
void print_line(const std::string& name, std::uint64_t size, const std::string& cksum, const char* verdict);

// What does not repeat the request is not an answer to it (6.2).
void check_repeats(bool same, const char* field);

}  // namespace backup

#endif
