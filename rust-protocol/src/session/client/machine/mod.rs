//! The states of a client session and what leads from one to the next.

mod response;
mod verdict;

use rsa::rand_core::CryptoRng;

use super::detect::same_requests;
use super::{
    Action, ClientError, ClientOptions, Confirmation, Event, File, FileOutcome, PeerError,
};
use crate::crypto::AesKey;
use crate::dialect::Dialect;
use crate::wire::{
    ClientId, Register, Request, RequestKind, Response, ResponseHeader, SendFile, SendPublicKey,
    VERSION, Verdict, VerdictKind,
};

#[derive(Debug)]
pub(super) struct Machine {
    options: ClientOptions,
    /// The server's dialect, or the most usual candidate.
    dialect: Dialect,
    /// The other candidates; empty once the dialect is known.
    alternatives: Vec<Dialect>,
    client_id: Option<ClientId>,
    aes_key: Option<AesKey>,
    file: Option<Upload>,
    no_more_files: bool,
    outcomes: Vec<FileOutcome>,
    /// Whether a verdict of this connection is outstanding; it is that of the last outcome.
    outstanding: bool,
    /// Whether there is a connection that can take another request.
    connected: bool,
    /// Refusals of the request under way.
    refusals: u8,
    /// The request that was refused last, and how often in a row.
    refusal: Option<(RequestKind, u8)>,
    /// Whether the last of them came over this connection.
    refused_here: bool,
    /// Whether "cksum wrong" is to go out with the next transmission.
    wrong_first: bool,
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
    cksum: Option<u32>,
    server_cksum: u32,
}

/// Which event is due.
#[derive(Clone, Copy, Debug)]
enum Waiting {
    File,
    Connected(RequestKind),
    IdentityKept,
    Sent(RequestKind),
    Response(RequestKind),
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
        let mut alternatives = options.alternatives.clone();
        alternatives.retain(|other| *other != dialect && same_requests(&dialect, other));
        Self {
            dialect,
            alternatives,
            client_id: options.identity,
            options,
            aes_key: None,
            file: None,
            no_more_files: false,
            outcomes: Vec::new(),
            outstanding: false,
            connected: false,
            refusals: 0,
            refusal: None,
            refused_here: false,
            wrong_first: false,
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
        if self.alternatives.is_empty() {
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
            (Waiting::IdentityKept, Event::IdentityKept) => self.begin(RequestKind::SendPublicKey),
            (Waiting::Sent(RequestKind::SendFile), Event::ContentSent { cksum }) => {
                self.file.iter_mut().for_each(|f| f.cksum = Some(cksum));
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
                Event::Ended | Event::Reset | Event::TimedOut,
            ) => self.after_end(kind, Confirmation::Unconfirmed),
            (Waiting::Response(request), Event::Ended) => {
                self.on_lost(request, Confirmation::Confirmed)
            }
            (Waiting::Response(request), Event::Reset) => {
                self.on_lost(request, Confirmation::Unconfirmed)
            }
            (Waiting::Response(request), Event::TimedOut) => Err(ClientError::TimedOut { request }),
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
            cksum: None,
            server_cksum: 0,
        });
        self.forget_refusals();
        // A key that is to last for the connection is as good as none on a new one.
        let one_connection = self.connected || self.options.connection_per_request;
        let has_key = self.aes_key.is_some() && one_connection;
        if has_key && !self.options.key_per_file {
            return self.begin(RequestKind::SendFile);
        }
        self.begin(self.first_request())
    }

    fn first_request(&self) -> RequestKind {
        match self.client_id {
            Some(_) if self.aes_key.is_some() || !self.options.register_anyway => {
                RequestKind::SendPublicKey
            }
            _ => RequestKind::Register,
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

    // Requests.

    /// Sends a request, over a new connection if there is none for it.
    fn begin(&mut self, request: RequestKind) -> Result<Action, ClientError> {
        if self.connected && !self.options.connection_per_request {
            return self.transmit(request);
        }
        Ok(self.wait(Waiting::Connected(request), Action::Connect))
    }

    fn on_connected(&mut self) {
        // A verdict is outstanding on its own connection or not at all.
        self.confirm(Confirmation::Unconfirmed);
        self.connected = true;
        self.refused_here = false;
        self.inbox.clear();
    }

    fn transmit(&mut self, request: RequestKind) -> Result<Action, ClientError> {
        self.skipped = 0;
        let client_id = match request {
            RequestKind::Register => ClientId::ZERO,
            _ => self.client_id.unwrap_or(ClientId::ZERO),
        };
        let bytes = self
            .message(request)?
            .encode(&self.dialect, client_id, VERSION);
        if request != RequestKind::SendFile {
            return Ok(self.wait(Waiting::Sent(request), Action::Send(bytes)));
        }

        let mut prefix = Vec::new();
        if std::mem::take(&mut self.wrong_first) {
            let verdict = self.message(RequestKind::Verdict(VerdictKind::Wrong))?;
            prefix = verdict.encode(&self.dialect, client_id, VERSION);
        }
        prefix.extend(bytes);
        let (Some(upload), Some(key)) = (&mut self.file, &self.aes_key) else {
            return Err(ClientError::OutOfOrder);
        };
        upload.cksum = None;
        let action = Action::SendContent {
            prefix,
            key: key.clone(),
            plain_size: upload.file.plain_size,
            content_size: upload.content_size,
            transmission: upload.transmission,
        };
        Ok(self.wait(Waiting::Sent(request), action))
    }

    fn message(&self, request: RequestKind) -> Result<Request, ClientError> {
        let upload = || self.file.as_ref().ok_or(ClientError::OutOfOrder);
        Ok(match request {
            RequestKind::Register => Request::Register(Register {
                name: self.options.name.clone(),
            }),
            RequestKind::SendPublicKey => Request::SendPublicKey(SendPublicKey {
                name: self.options.name.clone(),
                public_key: *self.options.key.public_key().as_bytes(),
            }),
            RequestKind::SendFile => Request::SendFile(SendFile {
                content_size: upload()?.content_size,
                file_name: upload()?.file.name.clone(),
            }),
            RequestKind::Verdict(kind) => Request::Verdict(Verdict {
                kind,
                file_name: upload()?.file.name.clone(),
            }),
        })
    }

    // Bytes.

    /// Reads up to `all` bytes of a response.
    fn read(&mut self, all: usize, waiting: Waiting) -> Action {
        let max = all.saturating_sub(self.inbox.len()).max(1);
        self.wait(waiting, Action::Read { max })
    }

    /// Takes a whole response out of what was read. Its header is judged before more is asked for: a
    /// size that a peer claims is not believed.
    fn next_response(&mut self) -> Result<Next, PeerError> {
        let header_size = self.dialect.response_header_size();
        let Some((header, payload)) = self.inbox.split_at_checked(header_size) else {
            return Ok(Next::NeedMore(header_size));
        };
        let header = ResponseHeader::decode(header, &self.dialect)?;
        header.check(&self.dialect)?;
        self.server_version = Some(header.version);

        let payload_size = usize::try_from(header.payload_size).unwrap_or(usize::MAX);
        let Some((payload, rest)) = payload.split_at_checked(payload_size) else {
            return Ok(Next::NeedMore(header_size.saturating_add(payload_size)));
        };
        let response = Response::decode(&header, payload, &self.dialect)?;
        self.inbox = rest.to_vec();
        Ok(Next::Response(response))
    }
}

enum Next {
    /// So many bytes are needed in all.
    NeedMore(usize),
    Response(Response),
}
