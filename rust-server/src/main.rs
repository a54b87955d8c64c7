//! The program `backup-server`.

mod args;
mod exit;
mod logging;
mod output;
mod verbs;

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};

use backup_server::{ServeError, Server};
use tracing::{error, info, warn};

use crate::args::{Command, Complaint, Config, ListenFrom, Resolved, Serve};
use crate::exit::Exit;
use crate::output::{Failure, advice_on, complain};

fn main() -> Exit {
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    let words: Vec<OsString> = env::args_os().collect();
    let as_json = words.iter().any(|word| word == "--json");
    let line = match args::read(&words) {
        Ok(line) => line,
        Err(complaint) => return misused(&complaint, as_json),
    };
    let done = match line.args.command {
        Command::Serve(serve) => return run(*serve, &line.warnings),
        Command::Clients(verb) => verbs::clients::run(&verb),
        Command::Files(verb) => verbs::files::run(&verb),
        Command::Prune(prune) => verbs::upkeep::prune(&prune),
        Command::Stats(stats) => verbs::upkeep::stats(&stats),
        Command::Doctor(doctor) => verbs::upkeep::doctor(&doctor),
        Command::BackupCopy(copy) => verbs::upkeep::backup_copy(&copy),
        Command::Completions(completions) => verbs::shell::completions(&completions),
        Command::Man(man) => verbs::shell::man(&man),
        Command::Config(Config::Show(show)) => {
            verbs::config::show(show, &line.settings, &line.warnings)
        }
        Command::Config(Config::Check(check)) => verbs::config::check(check, &line.warnings),
    };
    done.unwrap_or_else(|failure| complain(&failure, as_json))
}

/// Help and the version end here as well.
fn misused(complaint: &Complaint, as_json: bool) -> Exit {
    let message = match complaint {
        Complaint::Clap(error) if as_json && error.use_stderr() => args::plain(error),
        Complaint::Clap(error) => error.exit(),
        complaint => output::with_causes(complaint),
    };
    let advice = match complaint {
        Complaint::Clap(_) => "see backup-server --help",
        _ => {
            "`backup-server serve --help` lists the settings: each long option is a key of the file"
        }
    };
    complain(&Failure::new(Exit::Usage, message, advice), as_json)
}

fn run(serve: Serve, warnings: &[String]) -> Exit {
    logging::start(serve.log, serve.log_format);
    for warning in warnings {
        warn!("{warning}");
    }
    let resolved = match serve.resolve() {
        Ok(resolved) => resolved,
        Err(error) => return failed(Exit::Usage, &error, error.advice()),
    };
    backup_server::raise_file_limit();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(Exit::Failure, &error, "see the limits of this account"),
    };
    runtime.block_on(serve_until_stopped(resolved))
}

async fn serve_until_stopped(
    Resolved {
        config,
        listen_from,
        metrics,
    }: Resolved,
) -> Exit {
    if listen_from == ListenFrom::Dialect && env::var_os("LISTEN_FDS").is_none() {
        let port = config.dialect.default_port();
        warn!("no port.info in this folder: using port {port}");
    }
    let stop = match backup_server::stop_signal() {
        Ok(stop) => stop,
        Err(error) => return failed(Exit::Failure, &error, "signals cannot be listened for"),
    };
    if let Some(address) = metrics
        && let Err(error) = backup_server::serve_metrics(address)
    {
        return failed(
            Exit::CannotListen,
            &error,
            "choose another address with --metrics",
        );
    }
    let (data, dialect) = (config.data.clone(), config.dialect.to_string());
    // systemd has bound the port, and starts us with the first connection (sd_listen_fds(3)).
    let server = match listenfd::ListenFd::from_env().take_tcp_listener(0) {
        Ok(None) => Server::bind(config).await,
        Ok(Some(listener)) => {
            info!("on the socket that was passed, in place of --listen");
            Server::bind_to(listener, config).await
        }
        Err(error) => {
            let advice =
                "ListenStream= of the socket unit is to be a port, or an address and a port";
            return failed(Exit::CannotListen, &error, advice);
        }
    };
    let server = match server {
        Ok(server) => server,
        Err(error) => return cannot_start(&error),
    };
    info!(address = %server.local_addr(), dialect, data = %data.display(), "serving");
    let mut stdout = io::stdout();
    let mut line = writeln!(stdout, "listening on {}", server.local_addr());
    if let Some(address) = server.tls_addr() {
        info!(%address, "serving TLS");
        line = line.and_then(|()| writeln!(stdout, "listening on {address} with TLS"));
    }
    if let Err(error) = line.and_then(|()| stdout.flush()) {
        warn!(%error, "nobody reads standard output");
    }
    server.run(stop).await;
    Exit::Done
}

fn cannot_start(error: &ServeError) -> Exit {
    use io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
    let (exit, advice) = match error {
        ServeError::Listen { source, .. } => (
            Exit::CannotListen,
            match source.kind() {
                AddrInUse => "another program listens there: stop it, or choose another port",
                AddrNotAvailable => "the address is not one of this machine",
                PermissionDenied => "ports below 1024 need rights: choose a higher one",
                _ => "check the address given with --listen",
            },
        ),
        ServeError::Store(error) => (Exit::Data, advice_on(error)),
        ServeError::Tls(_) => (
            Exit::Usage,
            "check --tls-cert, --tls-key and --tls-client-ca",
        ),
        _ => (Exit::Failure, "see the log"),
    };
    failed(exit, error, advice)
}

/// Says in the log what went wrong, why, and what to do now.
fn failed(exit: Exit, error: &dyn Error, advice: &str) -> Exit {
    error!(advice, "{}", output::with_causes(error));
    exit
}
