// The reference client: reads its setup files, checks everything that can be checked without the server, and
// hands the files to a Session.

#include <iostream>

#include "args.h"
#include "dialect_file.h"
#include "errors.h"
#include "fields.h"
#include "session.h"
#include "setup_files.h"
#include "text.h"

namespace backup {

namespace {

std::string wire_name(const Dialect& dialect, const Options& options, const std::string& path) {
    const auto fits = [&](const std::string& name) {
        return !name.empty() && name.size() <= name_limit(dialect) && is_utf8(name);
    };
    const std::string what = " is not 1 to " + std::to_string(name_limit(dialect)) + " bytes of UTF-8";
    if (!options.send_as.empty()) {
        if (!fits(options.send_as)) {
            throw UsageError("the value of --send-as" + what);
        }
        return options.send_as;
    }
    const std::string name = options.habits.whole_path ? path : base_name(path);
    if (!fits(name)) {
        throw LocalError("the file name " + printable(name) + what +
                         ": use --send-as, or --no-habits for the base name");
    }
    return name;
}

// 2.3: a file that is too large is refused before anything is sent, and so are unreadable ones.
std::vector<FileJob> check_files(const Dialect& dialect, const Options& options, const TransferInfo& info) {
    std::vector<std::string> paths = options.files;
    if (paths.empty() && !info.path.empty()) {
        paths.push_back(info.path);
    }
    if (paths.empty()) {
        throw LocalError("transfer.info has no third line with the path of a file, and there is no --file");
    }
    std::vector<FileJob> jobs;
    for (const std::string& path : paths) {
        const SourceFile opens(path, largest_file(dialect));
        jobs.push_back(FileJob{path, wire_name(dialect, options, path)});
    }
    return jobs;
}

std::unique_ptr<Identity> identity_for(const Dialect& dialect, const std::string& client_name) {
    std::unique_ptr<Identity> identity = load_identity();
    if (!identity) {
        return identity;
    }
    if (identity->client_name != client_name) {
        // Registering here would overwrite the only key of the other client.
        throw LocalError("me.info belongs to the client " + printable(identity->client_name) +
                         ", transfer.info names " + printable(client_name) +
                         ": move me.info away to register anew");
    }
    const std::size_t size = identity->key.public_key().size();
    if (!dialect.accepts_public_key_of(size)) {
        throw LocalError("the public key of me.info has " + std::to_string(size) +
                         " bytes, which the dialect " + dialect.name + " has no room for");
    }
    return identity;
}

// 10.8: where the longer key is accepted the client makes one, since only clients that do are the reason for
// such a dialect.
RsaKeyPair make_key(const Dialect& dialect) {
    return RsaKeyPair::generate(dialect.accepts_public_key_of(long_public_key) ? long_public_key
                                                                               : short_public_key);
}

ExitCode run(const std::vector<std::string>& arguments) {
    const Options options = parse_arguments(arguments);
    if (options.help) {
        std::cout << help_text();
        return ExitCode::done;
    }
    const Dialect dialect = load_dialect(options.dialect, options.dialect_folder);
    const TransferInfo info = load_transfer_info();
    const std::vector<FileJob> jobs = check_files(dialect, options, info);
    std::unique_ptr<Identity> identity = identity_for(dialect, info.client_name);
    const Session::Surroundings surroundings{[&] { return Connection(info.server, options.timeout); },
                                             [&] { return make_key(dialect); }, save_identity};
    Session session(dialect, options, info.client_name, std::move(identity), surroundings);
    return session.run(jobs);
}

}  // namespace

}  // namespace backup

int main(int argc, char** argv) {
    backup::ExitCode code = backup::ExitCode::failure;
    try {
        const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
        code = backup::run(arguments);
    } catch (const backup::UsageError& error) {
        std::cerr << "fatal: " << error.what() << "\n(--help tells the usage)\n";
        code = error.code();
    } catch (const backup::ClientError& error) {
        std::cerr << "fatal: " << error.what() << "\n";
        code = error.code();
    } catch (const std::exception& error) {
        std::cerr << "fatal: " << error.what() << "\n";
    }
    return static_cast<int>(code);
}
