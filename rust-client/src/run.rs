//! Carries out what the protocol's session asks for: one TCP connection at a time, files in order.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use backup_protocol::session::client::{
    Action, ClientError as SessionError, ClientOptions, ClientSession, Confirmation,
    Event as Input, File, FileOutcome, TRIES,
};
use backup_protocol::wire::{RequestKind, VerdictKind};

use crate::client::{Client, KeyPer};
use crate::connection::Connection;
use crate::error::ClientError;
use crate::event::{Event, Sent, Verdict, Warning};
use crate::identity::PendingMeInfo;
use crate::source::{FileError, SourceFile};
use crate::upload::{self, Streamed};

/// Content that a server is trusted to decrypt and sum in a second, in bytes, before it must answer:
/// far below what even an interpreted server does, far above what would be no limit.
const SERVER_BYTES_PER_SECOND: u64 = 2_000_000;

/// One call of the client: some files, over as many sessions as failures make necessary.
pub(crate) struct Run<'a> {
    client: &'a mut Client,
    files: &'a [SourceFile],
    on_event: &'a mut dyn FnMut(Event<'_>),
    results: Vec<Option<Result<Sent, ClientError>>>,
    /// The first file that was not given to a session yet.
    next: usize,
    /// Keys are to be exchanged before the next file, or without one.
    keys_only: bool,
    /// The server knows this client: it gave it an ID or a key.
    accepted: bool,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        client: &'a mut Client,
        files: &'a [SourceFile],
        on_event: &'a mut dyn FnMut(Event<'_>),
    ) -> Self {
        let results = files.iter().map(|_| None).collect();
        Self {
            client,
            files,
            on_event,
            results,
            next: 0,
            keys_only: false,
            accepted: false,
        }
    }

    /// Sends all files. A session that fails takes down the file it was about; the files after it
    /// get a new session, unless they would only meet the same failure.
    pub(crate) fn all(mut self) -> Vec<Result<Sent, ClientError>> {
        while self.next < self.files.len() {
            let Err(error) = self.session() else { continue };
            let because = error.exit();
            let ends_the_call = error.ends_the_call();
            // Failures before any file was asked for keep the next one from being sent.
            let blamed = self.results.iter().position(Option::is_none);
            if let Some(index) = blamed {
                // A file that was handed to the session behind this one goes to the next session.
                self.next = index + 1;
                self.finish(index, Err(error));
            }
            if ends_the_call {
                for index in self.next..self.files.len() {
                    self.finish(index, Err(ClientError::NotTried { because }));
                }
                self.next = self.files.len();
            }
        }
        // Every file has a result by now.
        self.results.into_iter().flatten().collect()
    }

    /// Registers if there is no identity, and exchanges keys.
    pub(crate) fn keys(mut self) -> Result<(), ClientError> {
        self.keys_only = true;
        self.session()
    }

    /// One session, until there are no more files or it fails. On failure the first file without a
    /// result is the one that failed.
    ///
    /// # Errors
    /// Whatever ended the session early.
    fn session(&mut self) -> Result<(), ClientError> {
        // Before the name is taken on the server: its ID comes but once.
        let pending = match self.client.client_id {
            None => Some(self.client.folder.prepare()?),
            Some(_) => None,
        };
        let mut dialects = self.client.dialects();
        let dialect = dialects.remove(0);
        let mut options = ClientOptions::new(
            self.client.options.name.clone(),
            self.client.key.clone(),
            dialect,
        );
        options.alternatives = dialects;
        options.identity = self.client.client_id;
        options.connection_per_request = self.client.options.connection_per_request;
        options.key_per_file = self.client.options.key_per == KeyPer::File;
        let mut session = ClientSession::new(options);
        let mut link = Link {
            connection: None,
            deadline: None,
            extra: Duration::ZERO,
            error: None,
        };
        let mut handed = Vec::new();
        let result = self.drive(&mut session, &mut link, pending, &mut handed);
        // What violates the protocol after a verdict belongs to the file of that verdict.
        let violated = matches!(result, Err(ClientError::Violation { .. }));
        self.settle(session.outcomes(), &handed, !violated);
        // An address that nobody answered at, or somebody else did, is not to be kept.
        if self.accepted
            && let Err(error) = self.client.keep_record(session.dialect())
        {
            (self.on_event)(Event::Warning(Warning::Record(&error)));
        }
        result
    }

    fn drive(
        &mut self,
        session: &mut ClientSession,
        link: &mut Link,
        mut pending: Option<PendingMeInfo>,
        handed: &mut Vec<usize>,
    ) -> Result<(), ClientError> {
        let mut buffer = [0; 512];
        let mut dialect_told = session.dialect().is_some();
        let mut refusal = None;
        let mut action = session.start();
        loop {
            let input = match action {
                Action::NextFile if std::mem::take(&mut self.keys_only) => Input::KeysOnly,
                Action::NextFile => self.next_file(handed),
                Action::Connect => {
                    link.connect(self.client)?;
                    (self.on_event)(Event::Connected(&self.client.options.server));
                    Input::Connected
                }
                Action::KeepIdentity { client_id } => {
                    self.accepted = true;
                    if let Some(pending) = pending.take() {
                        self.client.keep_identity(pending, client_id)?;
                    }
                    (self.on_event)(Event::Registered);
                    Input::IdentityKept
                }
                Action::Send(bytes) => link.send(&bytes),
                Action::SendContent {
                    prefix,
                    key,
                    plain_size,
                    content_size,
                    transmission,
                } => {
                    self.accepted = true;
                    let Some(source) = handed.last().and_then(|index| self.files.get(*index))
                    else {
                        return Ok(());
                    };
                    let number = transmission.into();
                    (self.on_event)(Event::Transmission {
                        file: source,
                        number,
                    });
                    let (file, size) = source.open()?;
                    if size != plain_size {
                        return Err(source.changed(plain_size, size).into());
                    }
                    let watch = session
                        .outcomes()
                        .iter()
                        .all(|outcome| outcome.confirmation != Confirmation::Outstanding);
                    let on_event = &mut *self.on_event;
                    let mut progress = |bytes| {
                        on_event(Event::Progress {
                            bytes,
                            total: plain_size,
                        })
                    };
                    link.extra =
                        Duration::from_secs(u64::from(content_size) / SERVER_BYTES_PER_SECOND);
                    link.send_content(&prefix, |connection| {
                        upload::stream(connection, source, file, size, &key, watch, &mut progress)
                    })?
                }
                Action::Read { max } => {
                    let max = max.min(buffer.len());
                    link.read(buffer.get_mut(..max).unwrap_or_default())
                }
                Action::EndSending => link.end_sending(),
                Action::Done => {
                    self.accepted = true;
                    return Ok(());
                }
                Action::Failed(error) => return Err(self.failure(error, link.error.take())),
            };
            action = session.handle(input, &mut rand::rng());
            if session.refusal() != refusal {
                refusal = session.refusal();
                self.tell_refusal(refusal);
            }
            if let (false, Some(dialect)) = (dialect_told, session.dialect()) {
                dialect_told = true;
                (self.on_event)(Event::DialectLearned(&dialect.name));
            }
            self.settle(session.outcomes(), handed, false);
        }
    }

    fn tell_refusal(&mut self, refusal: Option<(RequestKind, u8)>) {
        if let Some((request, attempt)) = refusal {
            // A name that is taken stays so (PROTOCOL.md 6.3).
            let attempts = if request == RequestKind::Register {
                1
            } else {
                TRIES
            };
            (self.on_event)(Event::Refused {
                request,
                attempt,
                attempts,
            });
        }
    }

    /// Hands the next file that can still be opened to the session; the others fail on the way.
    fn next_file(&mut self, handed: &mut Vec<usize>) -> Input<'static> {
        while let Some(source) = self.files.get(self.next) {
            let index = self.next;
            self.next += 1;
            if self.results.get(index).is_some_and(Option::is_some) {
                continue;
            }
            match source.open() {
                Ok((_, plain_size)) => {
                    handed.push(index);
                    return Input::File(File {
                        name: source.wire_name().clone(),
                        plain_size,
                    });
                }
                Err(error) => self.finish(index, Err(error.into())),
            }
        }
        Input::NoMoreFiles
    }

    /// Takes over results that the session has come to; at its end also those that stay open.
    fn settle(&mut self, outcomes: &[FileOutcome], handed: &[usize], at_end: bool) {
        for (outcome, index) in outcomes.iter().zip(handed) {
            let settled = at_end || outcome.confirmation != Confirmation::Outstanding;
            let known = self.results.get(*index).is_some_and(Option::is_some);
            if settled && !known {
                let result = self.result(outcome);
                self.finish(*index, result);
            }
        }
    }

    fn result(&self, outcome: &FileOutcome) -> Result<Sent, ClientError> {
        let server = self.client.options.server.clone();
        let transmissions = outcome.transmissions.into();
        if !outcome.is_verified() {
            let (ours, theirs) = (outcome.cksum, outcome.server_cksum);
            return Err(ClientError::GaveUp {
                server,
                transmissions,
                ours,
                theirs,
            });
        }
        let verdict = match outcome.confirmation {
            Confirmation::Refused => {
                let request = RequestKind::Verdict(VerdictKind::Right);
                return Err(ClientError::Refused {
                    server,
                    request,
                    tries: 1,
                });
            }
            Confirmation::Confirmed => Verdict::Verified,
            Confirmation::Unconfirmed | Confirmation::Outstanding => Verdict::Unconfirmed,
        };
        let (bytes, cksum) = (outcome.file.plain_size, outcome.cksum);
        Ok(Sent {
            bytes,
            cksum,
            transmissions,
            verdict,
        })
    }

    fn finish(&mut self, index: usize, result: Result<Sent, ClientError>) {
        if let (Some(file), Some(place)) = (self.files.get(index), self.results.get_mut(index)) {
            (self.on_event)(Event::Finished {
                index,
                file,
                result: &result,
            });
            *place = Some(result);
        }
    }

    fn failure(&self, error: SessionError, source: Option<io::Error>) -> ClientError {
        let server = self.client.options.server.clone();
        match error {
            SessionError::FileTooLarge(too_large) => {
                // The session is asked for the file under way alone.
                let path = self
                    .files
                    .get(self.next.saturating_sub(1))
                    .map(SourceFile::path);
                ClientError::File(FileError::TooLarge {
                    path: path.map(Path::to_owned).unwrap_or_default(),
                    size: too_large.size,
                    limit: too_large.limit,
                })
            }
            SessionError::NameTaken { name } => ClientError::NameTaken { name, server },
            SessionError::Refused { request, tries } => ClientError::Refused {
                server,
                request,
                tries: tries.into(),
            },
            SessionError::Peer(problem) => ClientError::Violation { server, problem },
            SessionError::ConnectionLost { request } => ClientError::Lost {
                server,
                request,
                source,
            },
            SessionError::TimedOut { request } => ClientError::TimedOut { server, request },
            error => ClientError::Session(error),
        }
    }
}

/// The connection of the moment.
struct Link {
    connection: Option<Connection>,
    /// Of the answer that is being read.
    deadline: Option<Instant>,
    /// What the server may take longer for the request that was sent last.
    extra: Duration,
    /// What the system said last, for the message.
    error: Option<io::Error>,
}

impl Link {
    fn connect(&mut self, client: &Client) -> Result<(), ClientError> {
        self.connection = None;
        self.deadline = None;
        self.error = None;
        match Connection::open(&client.options.server, client.options.timeout) {
            Ok(connection) => {
                self.connection = Some(connection);
                Ok(())
            }
            Err(source) => Err(ClientError::Connect {
                server: client.options.server.clone(),
                source,
            }),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Input<'static> {
        self.deadline = None;
        self.extra = Duration::ZERO;
        let sent = match &self.connection {
            Some(connection) => connection.write_all(bytes),
            None => Err(io::ErrorKind::NotConnected.into()),
        };
        match sent {
            Ok(()) => Input::Sent,
            Err(error) => self.send_failed(error),
        }
    }

    fn send_failed(&mut self, error: io::Error) -> Input<'static> {
        self.error = Some(error);
        Input::SendFailed
    }

    fn read<'b>(&mut self, buffer: &'b mut [u8]) -> Input<'b> {
        let Some(connection) = &self.connection else {
            return Input::Ended;
        };
        let extra = self.extra;
        let deadline = *self
            .deadline
            .get_or_insert_with(|| connection.deadline(extra));
        match connection.read(buffer, deadline) {
            Ok(0) => Input::Ended,
            Ok(read) => Input::Received(buffer.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Input::TimedOut,
            Err(error) => {
                self.error = Some(error);
                Input::Reset
            }
        }
    }

    fn send_content(
        &mut self,
        prefix: &[u8],
        stream: impl FnOnce(&Connection) -> Result<Streamed, FileError>,
    ) -> Result<Input<'static>, FileError> {
        let extra = self.extra;
        if !matches!(self.send(prefix), Input::Sent) {
            return Ok(Input::SendFailed);
        }
        self.extra = extra;
        let Some(connection) = &self.connection else {
            return Ok(Input::SendFailed);
        };
        Ok(match stream(connection)? {
            Streamed::Whole { cksum } => Input::ContentSent { cksum },
            Streamed::Interrupted(error) => {
                self.error = error;
                Input::SendFailed
            }
        })
    }

    fn end_sending(&mut self) -> Input<'static> {
        if let Some(connection) = &self.connection {
            // Fails if the server has reset the connection, which the next read says better.
            let _ = connection.end_sending();
        }
        self.deadline = None;
        self.extra = Duration::ZERO;
        Input::SendingEnded
    }
}
