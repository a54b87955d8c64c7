//! The states of a client session and what leads from one to the next.

mod find;
mod response;
mod transmit;
mod verdict;

use rsa::rand_core::CryptoRng;

use super::search::{Exchange, Search};
use super::{
    Action, ClientError, ClientOptions, Confirmation, ContentSums, Event, File, FileOutcome,
    Knowledge, MAX_READ, Patience, PeerError,
};
use crate::crypto::{AesKey, KeyPair};
use crate::dialect::{Connection, Dialect, VerdictAnswer};
use crate::wire::{ClientId, RequestKind, Response, ResponseHeader, VerdictKind};

#[derive(Debug)]
pub(super) struct Machine {
    options: ClientOptions,
    /// The server's dialect, or what is tried for it.
    dialect: Dialect,
    /// `None` if the dialect is fixed.
    search: Option<Search>,
    /// The request under way, for the search.
    exchange: Option<Exchange>,
    /// What the likeliest way to say the request under way came to, and in which dialect: the error, if
    /// no other way is any better.
    first_failure: Option<(ClientError, Dialect)>,
    /// The request whose likeliest way was refused.
    first_refused: Option<RequestKind>,
    /// Whether the server understood a request.
    understood: bool,
    /// Whether a checksum was right, so that it is known how the server takes them.
    sum_known: bool,
    connections: u16,
    key: KeyPair,
    /// The key pair that becomes the client's once it is registered anew.
    new_key: Option<KeyPair>,
    client_id: Option<ClientId>,
    /// Whether a reconnect was answered, or would make no sense any more.
    reconnect_over: bool,
    aes_key: Option<AesKey>,
    file: Option<Upload>,
    no_more_files: bool,
    outcomes: Vec<FileOutcome>,
    /// Whether a verdict of this connection is outstanding; it is that of the last outcome.
    outstanding: bool,
    last_verdict: Option<VerdictKind>,
    /// Whether there is a connection that can take another request.
    connected: bool,
    /// Whether something was answered on it.
    answered_here: bool,
    /// Refusals of the request under way.
    refusals: u8,
    /// The request that was refused last, and how often in a row.
    refusal: Option<(RequestKind, u8)>,
    /// Whether the last of them came over this connection.
    refused_here: bool,
    /// Whether "cksum wrong" is to go out with the next transmission.
    wrong_first: bool,
    /// What was answered to a "cksum wrong" that went out with a transmission, as far as it is known.
    wrong_answer: Option<VerdictAnswer>,
    skipped: u8,
    inbox: Vec<u8>,
    server_version: Option<u8>,
    waiting: Waiting,
}

/// The file under way.
#[derive(Debug)]
struct Upload {
    file: File,
    content_size: u32,
    transmission: u8,
    /// `None` until all of it was sent.
    sums: Option<ContentSums>,
    server_cksum: u32,
}

/// Which event is due.
#[derive(Clone, Debug)]
enum Waiting {
    File,
    Connected(RequestKind),
    KeyMade,
    IdentityKept,
    Sent(RequestKind),
    Response(RequestKind),
    /// Whether the stream ends after this answer to a request that may not have been understood.
    Closing(RequestKind, Response),
    /// What follows a verdict, if anything; so far this.
    Listening(VerdictKind, Option<VerdictAnswer>),
    SendingEnded(VerdictKind),
    /// The end of the stream, after this verdict.
    End {
        kind: VerdictKind,
        refused: bool,
    },
    Nothing,
}

impl Machine {
    pub(super) fn new(options: ClientOptions) -> Self {
        let dialect = options.dialect.clone();
        let search = match options.knowledge {
            Knowledge::Fixed => None,
            Knowledge::Learned | Knowledge::Guess => Some(Search::new(&dialect)),
        };
        Self {
            dialect,
            search,
            exchange: None,
            first_failure: None,
            first_refused: None,
            understood: false,
            sum_known: false,
            connections: 0,
            key: options.key.clone(),
            new_key: None,
            client_id: options.identity,
            reconnect_over: options.identity.is_none(),
            options,
            aes_key: None,
            file: None,
            no_more_files: false,
            outcomes: Vec::new(),
            outstanding: false,
            last_verdict: None,
            connected: false,
            answered_here: false,
            refusals: 0,
            refusal: None,
            refused_here: false,
            wrong_first: false,
            wrong_answer: None,
            skipped: 0,
            inbox: Vec::new(),
            server_version: None,
            waiting: Waiting::Nothing,
        }
    }

    pub(super) fn outcomes(&self) -> &[FileOutcome] {
        &self.outcomes
    }

    pub(super) const fn client_id(&self) -> Option<ClientId> {
        self.client_id
    }

    pub(super) const fn dialect(&self) -> Option<&Dialect> {
        if self.understood || self.search.is_none() {
            Some(&self.dialect)
        } else {
            None
        }
    }

    pub(super) const fn refusal(&self) -> Option<(RequestKind, u8)> {
        self.refusal
    }

    pub(super) const fn server_version(&self) -> Option<u8> {
        self.server_version
    }

    pub(super) fn start(&mut self) -> Action {
        self.wait(Waiting::File, Action::NextFile)
    }

    pub(super) fn handle<R: CryptoRng + ?Sized>(
        &mut self,
        event: Event<'_>,
        rng: &mut R,
    ) -> Action {
        let waiting = std::mem::replace(&mut self.waiting, Waiting::Nothing);
        let action = match (waiting, event) {
            (Waiting::File, Event::File(file)) => self.on_file(file),
            (Waiting::File, Event::KeysOnly) => {
                self.forget_refusals();
                self.begin(self.first_request())
            }
            (Waiting::File, Event::NoMoreFiles) => Ok(self.on_no_more_files()),
            (Waiting::Connected(request), Event::Connected) => {
                self.on_connected();
                self.transmit(request)
            }
            (Waiting::KeyMade, Event::KeyMade(key)) => {
                self.new_key = Some(*key);
                self.begin(RequestKind::Register)
            }
            (Waiting::IdentityKept, Event::IdentityKept) => self.begin(RequestKind::SendPublicKey),
            (Waiting::Sent(RequestKind::SendFile), Event::ContentSent { sums }) => {
                self.on_content_sent(sums);
                self.read_response(RequestKind::SendFile, rng)
            }
            (Waiting::Sent(RequestKind::Verdict(kind)), Event::Sent) => {
                self.on_verdict_sent(kind, rng)
            }
            (Waiting::Sent(RequestKind::Verdict(kind)), Event::SendFailed) => {
                self.after_end(kind, Confirmation::Unconfirmed)
            }
            (Waiting::Sent(request), Event::Sent) => self.read_response(request, rng),
            (Waiting::Sent(request), Event::SendFailed) => {
                // The server has a part of the request: another one would be taken for its rest.
                self.connected = false;
                self.read_response(request, rng)
            }
            (Waiting::Response(request), Event::Received(bytes)) => {
                self.inbox.extend_from_slice(bytes);
                self.read_response(request, rng)
            }
            (
                Waiting::Response(RequestKind::Verdict(kind)),
                event @ (Event::Ended | Event::Reset | Event::TimedOut),
            ) => {
                let confirmation = match event {
                    Event::Ended => Confirmation::Confirmed,
                    _ => Confirmation::Unconfirmed,
                };
                self.after_end(kind, confirmation)
            }
            (Waiting::Response(request), Event::Ended) => {
                self.on_lost(request, Confirmation::Confirmed, rng)
            }
            (Waiting::Response(request), Event::Reset) => {
                self.on_lost(request, Confirmation::Unconfirmed, rng)
            }
            (Waiting::Response(request), Event::TimedOut) => self.on_silence(request, rng),
            (Waiting::Closing(request, response), event) => {
                self.on_closing(request, response, &event, rng)
            }
            (Waiting::Listening(kind, answer), event) => self.on_heard(kind, answer, &event),
            (Waiting::SendingEnded(kind), Event::SendingEnded) => self.read_end(kind, false),
            (Waiting::End { kind, refused }, Event::Received(bytes)) => {
                self.inbox.extend_from_slice(bytes);
                self.read_end(kind, refused)
            }
            (
                Waiting::End { kind, refused },
                event @ (Event::Ended | Event::Reset | Event::TimedOut),
            ) => {
                // Nothing was sent after the verdict that the refusal could be about.
                let confirmation = match event {
                    _ if refused => Confirmation::Refused,
                    Event::Ended => Confirmation::Confirmed,
                    _ => Confirmation::Unconfirmed,
                };
                self.after_end(kind, confirmation)
            }
            _ => Err(ClientError::OutOfOrder),
        };
        action.unwrap_or_else(Action::Failed)
    }

    fn wait(&mut self, waiting: Waiting, action: Action) -> Action {
        self.waiting = waiting;
        action
    }

    // Files.

    fn on_file(&mut self, file: File) -> Result<Action, ClientError> {
        let content_size = self.dialect.content_size(file.plain_size)?;
        self.file = Some(Upload {
            file,
            content_size,
            transmission: 1,
            sums: None,
            server_cksum: 0,
        });
        self.forget_refusals();
        // A key that is to last for the connection is as good as none on a new one.
        let one_connection = self.connected || self.connects_for_each();
        let has_key = self.aes_key.is_some() && one_connection;
        if has_key && !self.options.key_per_file {
            return self.begin(RequestKind::SendFile);
        }
        self.begin(self.first_request())
    }

    /// The request that leads to an AES key, or to an ID first.
    fn first_request(&self) -> RequestKind {
        let register_anyway = self.options.register_anyway && self.aes_key.is_none();
        match self.client_id {
            None => RequestKind::Register,
            Some(_) if register_anyway => RequestKind::Register,
            Some(_) if !self.reconnect_over && self.dialect.has_reconnect() => {
                RequestKind::Reconnect
            }
            Some(_) => RequestKind::SendPublicKey,
        }
    }

    fn on_no_more_files(&mut self) -> Action {
        self.no_more_files = true;
        if self.outstanding && self.connected {
            let kind = match self.outcomes.last() {
                Some(outcome) if !outcome.is_verified() => VerdictKind::GiveUp,
                _ => VerdictKind::Right,
            };
            return self.wait(Waiting::SendingEnded(kind), Action::EndSending);
        }
        Action::Done
    }

    // Connections.

    /// Sends a request, over a new connection if there is none for it.
    fn begin(&mut self, request: RequestKind) -> Result<Action, ClientError> {
        if self.connected && !self.connects_for_each() {
            return self.transmit(request);
        }
        Ok(self.wait(Waiting::Connected(request), Action::Connect))
    }

    fn on_connected(&mut self) {
        self.confirm(Confirmation::Unconfirmed);
        self.connections = self.connections.saturating_add(1);
        self.connected = true;
        self.answered_here = false;
        self.refused_here = false;
        self.inbox.clear();
    }

    /// Whether every request has a connection of its own.
    fn connects_for_each(&self) -> bool {
        self.options.connection_per_request || self.dialect.connection == Connection::Request
    }

    // Bytes.

    /// Reads up to `all` bytes of a response.
    fn read(&mut self, all: usize, patience: Patience, waiting: Waiting) -> Action {
        let max = all.saturating_sub(self.inbox.len()).clamp(1, MAX_READ);
        self.wait(waiting, Action::Read { max, patience })
    }

    /// Takes a whole response, with its padding, out of what was read. Its header is judged before more
    /// is asked for: a size that a peer claims is not believed.
    fn next_response(&mut self) -> Result<Next, PeerError> {
        self.take_padding();
        let header_size = self.dialect.response_header_size();
        let Some((header, rest)) = self.inbox.split_at_checked(header_size) else {
            return Ok(Next::NeedMore(header_size));
        };
        let header = ResponseHeader::decode(header, &self.dialect)?;
        let size = header.rest(&self.dialect)?.size();
        self.server_version = Some(header.version);

        let Some((payload, after)) = rest.split_at_checked(size) else {
            return Ok(Next::NeedMore(header_size.saturating_add(size)));
        };
        let response = Response::decode(&header, payload, &self.dialect)?;
        self.inbox = after.to_vec();
        self.answered_here = true;
        Ok(Next::Response(response))
    }
}

enum Next {
    /// So many bytes are needed in all.
    NeedMore(usize),
    Response(Response),
}
