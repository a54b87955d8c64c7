// One run of a Session against a ScriptedServer, with everything that came of it.

#ifndef BACKUP_TESTS_SESSION_RUN_H
#define BACKUP_TESTS_SESSION_RUN_H

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "scripted_server.h"
#include "session.h"

namespace backup {
namespace tests {

// A pair that is made once; another number is another pair.
const RsaKeyPair& shared_key(std::size_t public_key_size, unsigned number);

struct SessionRun {
    explicit SessionRun(const Dialect& dialect_spoken);

    // Runs the session to its end and the server to the end of its scripts. A ClientError of the session
    // becomes the exit code, as in the program; one of the server is thrown.
    void go(std::vector<ScriptedServer::Script> scripts, const std::vector<FileJob>& jobs);

    // For scripts: keeps a connection open until the client has come to its end by itself.
    void wait_until_client_is_done() const;

    Dialect dialect;
    Options options;
    std::string client_name = "alice";
    RsaKeyPair new_key;                   // what the client makes when it needs a pair
    std::unique_ptr<Identity> identity;   // null: the client is new
    ExitCode exit_code = ExitCode::done;  // as the program's
    std::vector<Identity> saved;
    std::string out;
    std::string error_text;  // stderr, and after it the text of what was thrown

  private:
    std::promise<void> client_done_;
    std::shared_future<void> client_is_done_;
};

}  // namespace tests
}  // namespace backup

#endif
