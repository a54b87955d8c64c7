//! The command `backup-client`.

mod advice;
mod args;
mod output;
mod progress;
mod resolve;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use backup_client::identity;
use backup_client::source::SourceFile;
use backup_client::{
    Client, ClientError, ClientOptions, Exit, KeyPer, ServerAddress, TlsOptions, Tunnel,
};

use crate::args::{CommandLine, KeyPerArg, Options, Verb};
use crate::output::{ClientLine, Output, Style, with_causes};
use crate::resolve::{Plan, ResolveError, Task, info_folder, resolve, tls, tunnel_server};

fn main() -> ExitCode {
    let line = match CommandLine::read() {
        Ok(line) => line,
        Err(complaint) => {
            let mut output = Output::new(Style {
                json: true,
                quiet: false,
                verbose: false,
            });
            output.failure(Exit::Usage, &complaint, Some("see backup-client --help"));
            return output.exit().into();
        }
    };
    let options = &line.options;
    let style = Style {
        json: options.json,
        quiet: options.quiet,
        verbose: options.verbose,
    };
    let mut output = Output::new(style);
    match &line.verb {
        Some(Verb::Info) => info(options, &mut output),
        Some(Verb::Tunnel { listen }) => match (tls(&line), tunnel_server(options)) {
            (Ok(Some(tls)), Ok(server)) => tunnel(listen, server, tls, options, &mut output),
            (Ok(None), Ok(_)) => {}
            (Err(error), _) | (_, Err(error)) => unresolved(&error, &mut output),
        },
        _ => match resolve(&line).and_then(|plan| Ok((plan, tls(&line)?))) {
            Ok((plan, tls)) => work(plan, tls, options, &mut output),
            Err(error) => unresolved(&error, &mut output),
        },
    }
    output.exit().into()
}

fn work(plan: Plan, tls: Option<TlsOptions>, options: &Options, output: &mut Output) {
    for warning in &plan.warnings {
        output.warning(warning);
    }
    let files = match &plan.task {
        Task::Register => Vec::new(),
        Task::Send(paths) => match check(paths, options.send_as.as_deref(), output) {
            Some(files) if !files.is_empty() => files,
            _ => return,
        },
    };
    let client_options = ClientOptions::new(plan.server, plan.name, &plan.folder)
        .dialect(options.dialect.0.clone())
        .connection_per_request(options.connection_per_request)
        .key_per(match options.key_per {
            KeyPerArg::File => KeyPer::File,
            KeyPerArg::Connection => KeyPer::Connection,
        })
        .tls(tls)
        .timeout(options.timeout);
    let mut client = match Client::open(client_options) {
        Ok(client) => client,
        Err(error) => return output.error(&error),
    };
    output.speaks(client.dialect());
    match plan.task {
        Task::Register => match client.register(&mut |event| output.event(event)) {
            Ok(()) => output.client(&ClientLine {
                name: client.name().to_string(),
                server: Some(client.server().to_string()),
                dialect: client.dialect().map(|dialect| dialect.to_string()),
                key_fingerprint: client.key_fingerprint(),
                client_id_prefix: client.client_id().map(prefix).unwrap_or_default(),
                identity: plan.folder.display().to_string(),
            }),
            Err(error) => output.error(&error),
        },
        Task::Send(_) => {
            client.send(&files, &mut |event| output.event(event));
        }
    }
}

/// Returns only if it cannot begin.
fn tunnel(
    listen: &str,
    server: ServerAddress,
    tls: TlsOptions,
    options: &Options,
    output: &mut Output,
) {
    let tunnel = Tunnel::listen(listen, server, tls, options.timeout);
    let listening = tunnel.and_then(|tunnel| Ok((tunnel.local_addr()?, tunnel)));
    match listening {
        Ok((address, tunnel)) => {
            output.listening(address);
            let (json, quiet) = (options.json, options.quiet);
            tunnel.run(move |error| {
                let output = Output::new(Style {
                    json,
                    quiet,
                    verbose: false,
                });
                output.warning(&with_causes(error));
            })
        }
        Err(error) => {
            let message = format!("cannot listen on {listen}: {error}");
            output.failure(Exit::Connection, &message, Some("choose another --listen"));
        }
    }
}

fn info(options: &Options, output: &mut Output) {
    let folder = match info_folder(options) {
        Ok(folder) => folder,
        Err(error) => return unresolved(&error, output),
    };
    let shown = identity::inspect(&folder).and_then(|(me_info, record)| {
        let fingerprint = identity::key_fingerprint(&folder, &me_info)?;
        Ok((me_info, record?, fingerprint))
    });
    match shown {
        Ok((me_info, record, key_fingerprint)) => output.client(&ClientLine {
            name: me_info.name.to_string(),
            server: record.as_ref().map(|record| record.server.clone()),
            dialect: record.and_then(|record| record.dialect),
            key_fingerprint,
            client_id_prefix: prefix(me_info.client_id),
            identity: folder.display().to_string(),
        }),
        Err(error) => output.error(&error.into()),
    }
}

/// The files that can be sent. Each of the others is reported; `None` if the call makes no sense.
fn check(paths: &[PathBuf], send_as: Option<&str>, output: &mut Output) -> Option<Vec<SourceFile>> {
    let mut files: Vec<SourceFile> = Vec::with_capacity(paths.len());
    let mut failed = Vec::new();
    let mut by_name: HashMap<String, PathBuf> = HashMap::new();
    for path in paths {
        match SourceFile::check(path, send_as) {
            Ok(file) => {
                let name = file.wire_name().as_str().to_owned();
                match by_name.get(&name) {
                    None => {
                        by_name.insert(name, path.clone());
                        files.push(file);
                    }
                    Some(first) if same(first, path) => {
                        output.warning(&format!("{} is named twice and sent once", path.display()));
                    }
                    // The second would become the newest version of the first: a silent loss.
                    Some(first) => {
                        let message = format!(
                            "{} and {} would both be sent as {name:?}",
                            first.display(),
                            path.display()
                        );
                        let advice = "send them in calls of their own, one with --send-as";
                        output.failure(Exit::Usage, &message, Some(advice));
                        return None;
                    }
                }
            }
            Err(error) => failed.push((path, error)),
        }
    }
    for (path, error) in failed {
        output.file(path, None, &Err(ClientError::File(error)));
    }
    Some(files)
}

fn same(a: &Path, b: &Path) -> bool {
    a == b || matches!((fs::canonicalize(a), fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}

fn unresolved(error: &ResolveError, output: &mut Output) {
    let (exit, advice) = match error {
        ResolveError::Unknown { advice, .. } => (Exit::Usage, Some(*advice)),
        ResolveError::Identity(error) => (Exit::Failure, advice::identity(error)),
        ResolveError::Setup(_) => (
            Exit::Usage,
            Some("see backup-client --help for the form of transfer.info"),
        ),
        ResolveError::WithoutTls(_) => (Exit::Usage, Some("add --tls, or leave it out")),
        ResolveError::SendAs(_) | ResolveError::NoDataFolder | ResolveError::HalfCertificate => {
            (Exit::Usage, None)
        }
    };
    output.failure(exit, &with_causes(error), advice);
}

/// Enough of a client ID to tell clients apart, and no more.
fn prefix(client_id: backup_protocol::wire::ClientId) -> String {
    client_id
        .to_string()
        .trim_end_matches('\u{2026}')
        .to_owned()
}
