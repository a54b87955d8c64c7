//! Carries out what the protocol's session asks for: one TCP connection at a time, files in order.

use std::path::Path;

use backup_protocol::Dialect;
use backup_protocol::crypto::KeyPair;
use backup_protocol::session::client::{
    Action, ClientError as SessionError, ClientOptions, ClientSession, Confirmation,
    Event as Input, File, FileOutcome, MAX_READ, TRIES, Transmission,
};
use backup_protocol::wire::{RequestKind, VerdictKind};

use crate::ahead::Ahead;
use crate::client::{Client, KeyPer};
use crate::error::ClientError;
use crate::event::{Event, Sent, Verdict, Warning};
use crate::identity::PendingMeInfo;
use crate::link::Link;
use crate::source::{FileError, SourceFile};
use crate::upload;

/// Files that are looked through for those to encrypt at once.
const LOOK_AHEAD: usize = 64;

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
    ahead: Ahead,
    /// The first outcomes of the session whose results are known: of many files, not all are looked at for each.
    settled: usize,
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
            ahead: Ahead::default(),
            settled: 0,
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
        let Some((dialect, knowledge)) = self.client.first_dialect() else {
            return Ok(());
        };
        let known = self.client.dialect();
        let mut options = ClientOptions::new(
            self.client.options.name.clone(),
            self.client.key.clone(),
            dialect,
        );
        options.knowledge = knowledge;
        options.identity = self.client.client_id;
        options.connection_per_request = self.client.options.connection_per_request;
        options.wrong_verdicts = self.client.options.wrong_verdicts;
        options.key_per_file = self.client.options.key_per == KeyPer::File;
        let mut session = ClientSession::new(options);
        let mut link = Link::new();
        let mut handed = Vec::new();
        self.settled = 0;
        let result = self.drive(&mut session, &mut link, pending, &mut handed);
        // Before the results: what a failure is explained with.
        if session.dialect() != known.as_ref() {
            self.tell_dialect(session.dialect());
        }
        // What violates the protocol after a verdict belongs to the file of that verdict.
        let violated = matches!(result, Err(ClientError::Violation { .. }));
        self.settle(session.outcomes(), &handed, !violated);
        // An address that nobody answered at, or somebody else did, is not to be kept.
        if self.accepted
            && let Err(error) = self
                .client
                .keep_record(session.dialect(), !session.outcomes().is_empty())
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
        let mut buffer = [0; MAX_READ];
        let mut new_key: Option<KeyPair> = None;
        let mut refusal = None;
        let mut action = session.start();
        loop {
            let input = match action {
                Action::NextFile if std::mem::take(&mut self.keys_only) => Input::KeysOnly,
                Action::NextFile => {
                    link.request_size = None;
                    self.next_file(handed)
                }
                Action::Connect => {
                    link.connect(self.client)?;
                    (self.on_event)(Event::Connected(&self.client.options.server));
                    Input::Connected
                }
                Action::MakeKey => {
                    (self.on_event)(Event::Forgotten);
                    pending = Some(self.client.folder.prepare()?);
                    let key = KeyPair::generate(&mut rand::rng());
                    let key = key.map_err(|_| ClientError::KeyPair)?;
                    new_key = Some(key.clone());
                    Input::KeyMade(Box::new(key))
                }
                Action::KeepIdentity { client_id } => {
                    self.accepted = true;
                    if let Some(pending) = pending.take() {
                        let new_key = new_key.take();
                        self.client.keep_identity(pending, client_id, new_key)?;
                    }
                    (self.on_event)(Event::Registered);
                    Input::IdentityKept
                }
                Action::Send(bytes) => link.send(&bytes),
                Action::SendContent(transmission) => {
                    self.accepted = true;
                    let Some(index) = handed.last() else {
                        return Ok(());
                    };
                    self.transmit(link, *index, transmission)?
                }
                Action::Read { max, patience } => {
                    let max = max.min(buffer.len());
                    link.read(buffer.get_mut(..max).unwrap_or_default(), patience)
                }
                Action::EndSending => link.end_sending(),
                Action::Done => {
                    self.accepted = true;
                    return Ok(());
                }
                Action::Failed(error) => return Err(self.failure(error, link)),
            };
            // An end that we made ourselves must not be taken for the server's answer to a verdict.
            if self.client.options.interrupt.is_raised() {
                return Err(ClientError::Interrupted);
            }
            action = session.handle(input, &mut rand::rng());
            if session.refusal() != refusal {
                refusal = session.refusal();
                self.tell_refusal(refusal);
            }
            self.settle(session.outcomes(), handed, false);
        }
    }

    fn transmit(
        &mut self,
        link: &mut Link,
        index: usize,
        transmission: Transmission,
    ) -> Result<Input<'static>, ClientError> {
        let Some(source) = self.files.get(index) else {
            return Ok(Input::SendFailed);
        };
        (self.on_event)(Event::Transmission {
            file: source,
            number: transmission.transmission.into(),
        });
        let total = transmission.plain_size;
        let rest = self.files.iter().enumerate().skip(index);
        let ahead = rest.take(LOOK_AHEAD);
        if let Some((content, sums)) = self.ahead.content(&transmission, index, ahead)? {
            let input = link.send_content(transmission, |connection, transmission| {
                Ok(upload::send_ready(connection, transmission, &content, sums))
            })?;
            self.ahead.recycle(content);
            if matches!(input, Input::ContentSent { .. }) {
                (self.on_event)(Event::Progress {
                    bytes: total,
                    total,
                });
            }
            return Ok(input);
        }
        let (file, size) = source.open()?;
        if size != total {
            return Err(source.changed(total, size).into());
        }
        let on_event = &mut *self.on_event;
        let mut progress = |bytes| on_event(Event::Progress { bytes, total });
        Ok(link.send_content(transmission, |connection, transmission| {
            upload::stream(connection, source, file, transmission, &mut progress)
        })?)
    }

    fn tell_dialect(&mut self, dialect: Option<&Dialect>) {
        if let Some(dialect) = dialect {
            (self.on_event)(Event::DialectLearned(dialect));
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
        for (outcome, index) in outcomes.iter().zip(handed).skip(self.settled) {
            let settled = at_end || outcome.confirmation != Confirmation::Outstanding;
            let known = self.results.get(*index).is_some_and(Option::is_some);
            if settled && !known {
                let result = self.result(outcome);
                self.finish(*index, result);
            }
        }
        let known = |index: &usize| self.results.get(*index).is_some_and(Option::is_some);
        let handed = handed.iter().take(outcomes.len()).skip(self.settled);
        self.settled += handed.take_while(|index| known(index)).count();
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

    fn failure(&self, error: SessionError, link: &mut Link) -> ClientError {
        let server = self.client.options.server.clone();
        let source = link.error.take();
        let size = |request| match request {
            RequestKind::SendFile => link.request_size,
            _ => None,
        };
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
                request_size: size(request),
                source,
            },
            SessionError::TimedOut { request } => ClientError::TimedOut {
                server,
                request,
                request_size: size(request),
            },
            error => ClientError::Session(error),
        }
    }
}
