#include "session_run.h"

#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>

namespace backup {
namespace tests {

namespace {

// Sends a stream into a string while it lives.
class Captured {
  public:
    explicit Captured(std::ostream& stream) : stream_(stream), before_(stream.rdbuf(text_.rdbuf())) {}
    ~Captured() { stream_.rdbuf(before_); }
    Captured(const Captured&) = delete;
    Captured& operator=(const Captured&) = delete;
    std::string text() const { return text_.str(); }

  private:
    std::ostringstream text_;
    std::ostream& stream_;
    std::streambuf* before_;
};

}  // namespace

const RsaKeyPair& shared_key(std::size_t public_key_size, unsigned number) {
    static std::map<std::pair<std::size_t, unsigned>, RsaKeyPair> keys;
    const auto place = std::make_pair(public_key_size, number);
    if (keys.count(place) == 0) {
        keys.emplace(place, RsaKeyPair::generate(public_key_size));
    }
    return keys.at(place);
}

SessionRun::SessionRun(const Dialect& dialect_spoken)
    : dialect(dialect_spoken),
      new_key(shared_key(dialect_spoken.public_key_sizes.back(), 0)),
      client_is_done_(client_done_.get_future()) {
    options.timeout = Milliseconds(10000);
}

void SessionRun::go(std::vector<ScriptedServer::Script> scripts, const std::vector<FileJob>& jobs) {
    ScriptedServer server(dialect, std::move(scripts));
    const Captured standard_output(std::cout);
    const Captured standard_error(std::cerr);
    std::string thrown;
    {
        const Session::Surroundings surroundings{
            [&] { return Connection(server.endpoint(), options.timeout); }, [&] { return new_key; },
            [&](const Identity& saved_identity) { saved.push_back(saved_identity); }};
        Session session(dialect, options, client_name, std::move(identity), surroundings);
        try {
            exit_code = session.run(jobs);
        } catch (const ClientError& error) {
            exit_code = error.code();
            thrown = error.what();
        }
    }
    client_done_.set_value();
    out = standard_output.text();
    error_text = standard_error.text() + thrown;
    server.finish();
}

void SessionRun::wait_until_client_is_done() const {
    if (client_is_done_.wait_for(std::chrono::seconds(20)) != std::future_status::ready) {
        throw std::runtime_error("server: the client waits on");
    }
}

}  // namespace tests
}  // namespace backup
