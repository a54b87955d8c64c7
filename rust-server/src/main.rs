//! The program `backup-server`.

mod args;
mod exit;
mod limit_args;
mod logging;
mod show;

use std::error::Error;
use std::io::{self, Write};

use backup_server::{ServeError, Server, store::StoreError};
use clap::Parser;
use tracing::{error, info, warn};

use crate::args::{Args, Clients, Command, Resolved, Serve};
use crate::exit::Exit;

fn main() -> Exit {
    // On wrong usage clap prints what is wrong, and ends with exit code 2.
    match Args::parse().command {
        Command::Serve(serve) => run(serve),
        Command::Clients(Clients::Show(show)) => show::clients(&show),
    }
}

fn run(serve: Serve) -> Exit {
    logging::start(serve.log, serve.log_format);
    let resolved = match serve.resolve() {
        Ok(resolved) => resolved,
        Err(error) => return failed(Exit::Usage, &error, "put a port into it, or use --listen"),
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

async fn serve_until_stopped(Resolved { config, warning }: Resolved) -> Exit {
    if let Some(warning) = warning {
        warn!("{warning}");
    }
    let stop = match backup_server::stop_signal() {
        Ok(stop) => stop,
        Err(error) => return failed(Exit::Failure, &error, "signals cannot be listened for"),
    };
    let (data, dialect) = (config.data.clone(), config.dialect.to_string());
    let server = match Server::bind(config).await {
        Ok(server) => server,
        Err(error) => return cannot_start(&error),
    };
    info!(address = %server.local_addr(), dialect, data = %data.display(), "serving");
    let mut stdout = io::stdout();
    let line = writeln!(stdout, "listening on {}", server.local_addr());
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
        _ => (Exit::Failure, "see the log"),
    };
    failed(exit, error, advice)
}

fn advice_on(error: &StoreError) -> &'static str {
    match error {
        StoreError::InUse { .. } => "stop the other server, or choose another --data",
        StoreError::NewerDatabase { .. } => "use the release that wrote it, or a later one",
        StoreError::NoDatabase { .. } => "name the data folder of a server with --data",
        StoreError::Io { .. } => "check that this account may write there: see --data",
        StoreError::DatabaseMissing { .. } => {
            "restore the database from a copy, or move the stored files away"
        }
        _ => "choose another --data, or restore the database from a copy",
    }
}

/// Says what went wrong, why, and what to do now.
fn failed(exit: Exit, error: &dyn Error, advice: &str) -> Exit {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    error!(advice, "{text}");
    exit
}
