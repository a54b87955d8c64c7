//! What people and scripts see: results on stdout, everything else on stderr.

use std::error::Error;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;

use backup_client::{ClientError, Dialect, Event, Exit, Sent, Warning};
use serde::Serialize;

use crate::advice::advice;
use crate::progress::Progress;

/// How much is said, and in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
}

/// Prints, and remembers how the run ended.
#[derive(Debug)]
pub(crate) struct Output {
    style: Style,
    progress: Progress,
    exit: Exit,
    /// What the server speaks, for the advice.
    dialect: Option<Dialect>,
}

/// One line of `--json`. The README lists the fields; they may become more and never change.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Line<'a> {
    File {
        path: String,
        name: Option<&'a str>,
        bytes: Option<u64>,
        cksum: Option<u32>,
        transmissions: Option<u32>,
        verdict: Option<&'static str>,
        error: Option<ErrorLine>,
    },
    Client(&'a ClientLine),
    Tunnel {
        listening: String,
    },
    Error {
        error: ErrorLine,
    },
}

/// Who the client is, for `register` and `info`.
#[derive(Debug, Serialize)]
pub(crate) struct ClientLine {
    pub(crate) name: String,
    pub(crate) server: Option<String>,
    pub(crate) dialect: Option<String>,
    pub(crate) key_fingerprint: String,
    /// Never the whole ID: it is the client's only credential (PROTOCOL.md 1.9).
    pub(crate) client_id_prefix: String,
    pub(crate) identity: String,
}

#[derive(Debug, Serialize)]
struct ErrorLine {
    kind: &'static str,
    exit_code: u8,
    message: String,
    advice: Option<String>,
}

impl Output {
    pub(crate) fn new(style: Style) -> Self {
        let progress = Progress::new(!style.quiet && !style.json);
        Self {
            style,
            progress,
            exit: Exit::Done,
            dialect: None,
        }
    }

    /// The exit code: that of the first failure.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Shows a step of the client.
    pub(crate) fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Connected(server) => self.detail(&format!("connected to {server}")),
            Event::Forgotten => self.note(
                "the server does not know this client any more; registering again with a new key",
            ),
            Event::Registered => self.detail("registered; the identity is stored"),
            Event::DialectLearned(dialect) => self.learned(dialect),
            Event::Transmission { file, number } => {
                if number > 1 {
                    self.note(&format!(
                        "{}: the server's cksum was wrong; transmission {number}",
                        file.wire_name()
                    ));
                } else {
                    self.detail(&format!("sending {}", file.wire_name()));
                }
                self.progress.begin(file.wire_name().as_str(), file.size());
            }
            Event::Progress { bytes, .. } => self.progress.at(bytes),
            Event::Refused {
                request,
                attempt,
                attempts,
            } => {
                // The wording of PROTOCOL.md 8.5 first, for scripts that look for it.
                self.note(&format!(
                    "server responded with an error ({request}, try {attempt} of {attempts})"
                ));
            }
            Event::Warning(Warning::OtherServer { recorded, used }) => self.warning(&format!(
                "this identity was given by {recorded} and is now shown to {used}"
            )),
            Event::Warning(Warning::Record(error)) => self.warning(&with_causes(error)),
            Event::Finished { file, result, .. } => {
                self.progress.end();
                self.file(file.path(), Some(file.wire_name().as_str()), result);
            }
            _ => {}
        }
    }

    /// One file, sent or not.
    pub(crate) fn file(
        &mut self,
        path: &Path,
        name: Option<&str>,
        result: &Result<Sent, ClientError>,
    ) {
        let sent = result.as_ref().ok();
        if let Err(error) = result {
            self.failed(error.exit());
        }
        if self.style.json {
            let gave_up = matches!(result, Err(ClientError::GaveUp { .. }));
            self.line(&Line::File {
                path: path.display().to_string(),
                name,
                bytes: sent.map(|sent| sent.bytes),
                cksum: sent.map(|sent| sent.cksum),
                transmissions: match result {
                    Ok(sent) => Some(sent.transmissions),
                    Err(ClientError::GaveUp { transmissions, .. }) => Some(*transmissions),
                    Err(_) => None,
                },
                verdict: sent
                    .map(|sent| sent.verdict.slug())
                    .or_else(|| gave_up.then_some("gave-up")),
                error: result
                    .as_ref()
                    .err()
                    .map(|error| self.client_error_line(error)),
            });
            return;
        }
        match result {
            Ok(sent) => {
                self.result(&format!(
                    "{}: {} bytes, cksum {}, {}",
                    name.unwrap_or_default(),
                    sent.bytes,
                    sent.cksum,
                    sent.verdict.slug()
                ));
                if sent.verdict == backup_client::Verdict::Unconfirmed {
                    self.warning(
                        "verdict not confirmed: the server may hold the file for unverified",
                    );
                }
            }
            Err(error) => self.fatal(
                &format!("{}: {}", path.display(), with_causes(error)),
                advice(error, self.dialect.as_ref()).as_deref(),
            ),
        }
    }

    /// What the server is known to speak before anything is sent.
    pub(crate) fn speaks(&mut self, dialect: Option<Dialect>) {
        self.dialect = dialect;
    }

    /// Who the client is.
    pub(crate) fn client(&mut self, client: &ClientLine) {
        if self.style.json {
            return self.line(&Line::Client(client));
        }
        let unknown = "not known";
        self.result(&format!("name         {}", client.name));
        self.result(&format!(
            "server       {}",
            client.server.as_deref().unwrap_or(unknown)
        ));
        self.result(&format!(
            "dialect      {}",
            client.dialect.as_deref().unwrap_or(unknown)
        ));
        self.result(&format!("key          {}", client.key_fingerprint));
        self.result(&format!("client ID    {}\u{2026}", client.client_id_prefix));
        self.result(&format!("identity     {}", client.identity));
    }

    /// Where a tunnel begins.
    pub(crate) fn listening(&self, address: SocketAddr) {
        if self.style.json {
            let listening = address.to_string();
            return self.line(&Line::Tunnel { listening });
        }
        self.result(&format!("listening on {address}"));
    }

    /// A failure of the whole call.
    pub(crate) fn error(&mut self, error: &ClientError) {
        let advice = advice(error, self.dialect.as_ref());
        self.failure(error.exit(), &with_causes(error), advice.as_deref());
    }

    /// A failure of the whole call that the library has no type for.
    pub(crate) fn failure(&mut self, exit: Exit, message: &str, advice: Option<&str>) {
        self.progress.end();
        self.failed(exit);
        if self.style.json {
            let error = error_line(exit, message.to_owned(), advice);
            self.line(&Line::Error { error });
        } else {
            self.fatal(message, advice);
        }
    }

    pub(crate) fn warning(&self, text: &str) {
        if !self.style.quiet {
            self.say(&format!("warning: {text}"));
        }
    }

    fn client_error_line(&self, error: &ClientError) -> ErrorLine {
        let advice = advice(error, self.dialect.as_ref());
        error_line(error.exit(), with_causes(error), advice.as_deref())
    }

    fn learned(&mut self, dialect: &Dialect) {
        self.note(&format!("server speaks {dialect}"));
        self.dialect = Some(dialect.clone());
    }

    fn note(&self, text: &str) {
        if !self.style.quiet {
            self.say(text);
        }
    }

    fn detail(&self, text: &str) {
        if self.style.verbose {
            self.say(text);
        }
    }

    fn fatal(&self, text: &str, advice: Option<&str>) {
        self.say(&format!("fatal: {text}"));
        if let Some(advice) = advice {
            self.say(&format!("  {advice}"));
        }
    }

    fn failed(&mut self, exit: Exit) {
        if self.exit == Exit::Done {
            self.exit = exit;
        }
    }

    fn line(&self, line: &Line<'_>) {
        // Strings, numbers and null: there is nothing that JSON could not say.
        self.result(&serde_json::to_string(line).unwrap_or_default());
    }

    // A reader that has gone away is no reason to stop a backup.
    fn result(&self, text: &str) {
        self.progress.aside(|| {
            let _ = writeln!(io::stdout(), "{text}");
        });
    }

    fn say(&self, text: &str) {
        self.progress.aside(|| {
            let _ = writeln!(io::stderr(), "{text}");
        });
    }
}

fn error_line(exit: Exit, message: String, advice: Option<&str>) -> ErrorLine {
    ErrorLine {
        kind: exit.slug(),
        exit_code: exit.code(),
        message,
        advice: advice.map(str::to_owned),
    }
}

/// An error and what it comes from, in one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
