//! The states of a client session and what leads from one to the next.

use rsa::rand_core::CryptoRng;

use super::detect::{Detected, detect, same_requests};
use super::{
    Action, ClientError, ClientOptions, Confirmation, Event, File, FileOutcome, PeerError, TRIES,
};
use crate::crypto::AesKey;
use crate::dialect::{Dialect, VerdictAnswer};
use crate::wire::{
    ClientId, FileReceived, Register, Request, RequestKind, Response, ResponseHeader, ResponseKind,
    SendFile, SendPublicKey, VERSION, Verdict, VerdictKind,
};

/// How many acknowledgements are skipped where another answer is due. None is due in the dialects
/// here; a server that sends them without end would keep a client for ever.
const SKIPPED_ACKNOWLEDGEMENTS: u8 = 16;

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

    // Responses.

    /// Reads on until there is a whole response, and acts on it.
    fn read_response<R: CryptoRng + ?Sized>(
        &mut self,
        request: RequestKind,
        rng: &mut R,
    ) -> Result<Action, ClientError> {
        if !self.alternatives.is_empty() {
            match detect(
                &self.dialect,
                &self.alternatives,
                &self.inbox,
                self.client_id,
            ) {
                Detected::NeedMore(all) => {
                    return Ok(self.read(all, Waiting::Response(request)));
                }
                Detected::Dialect(dialect) => {
                    self.dialect = dialect;
                    self.alternatives.clear();
                }
                Detected::UndecidedRefusal => {
                    self.connected = false;
                    return self.on_refused(request);
                }
                Detected::None(error) => return Err(PeerError::from(error).into()),
            }
        }
        match self.next_response()? {
            Next::NeedMore(all) => Ok(self.read(all, Waiting::Response(request))),
            Next::Response(response) => self.on_response(request, response, rng),
        }
    }

    fn on_response<R: CryptoRng + ?Sized>(
        &mut self,
        request: RequestKind,
        response: Response,
        rng: &mut R,
    ) -> Result<Action, ClientError> {
        match (request, response) {
            (RequestKind::Verdict(kind), Response::Refused(_) | Response::Acknowledged(_)) => {
                self.confirm(Confirmation::Confirmed);
                self.connected &= !self.dialect.after(kind).close;
                self.after_verdict(kind)
            }
            (_, Response::Acknowledged(_)) => {
                self.skip_acknowledgement()?;
                self.read_response(request, rng)
            }
            (RequestKind::Register, Response::Registered(registered)) => {
                let client_id = registered.client_id;
                self.client_id = Some(client_id);
                let action = Action::KeepIdentity { client_id };
                Ok(self.wait(Waiting::IdentityKept, action))
            }
            (RequestKind::SendPublicKey, Response::AesKey(answer)) => {
                self.check_client_id(answer.client_id, ResponseKind::AesKey)?;
                let key = self.options.key.unwrap(&answer.wrapped, rng);
                self.aes_key = Some(key.map_err(PeerError::from)?);
                self.confirm(Confirmation::Confirmed);
                self.forget_refusals();
                self.refused_here = false;
                match self.file {
                    Some(_) => self.begin(RequestKind::SendFile),
                    None => Ok(self.start()),
                }
            }
            (RequestKind::SendFile, Response::FileReceived(answer)) => {
                self.on_file_received(&answer)
            }
            (_, Response::Refused(_)) => self.on_refused(request),
            (_, response) => Err(PeerError::UnexpectedResponse {
                request,
                expected: answer_to(request),
                got: response.kind(),
            }
            .into()),
        }
    }

    fn on_refused(&mut self, request: RequestKind) -> Result<Action, ClientError> {
        if self.outstanding && !self.connected {
            // It stopped reading before this request was out: that was about the verdict before.
            self.confirm(Confirmation::Refused);
            return self.begin(request);
        }
        self.refusal = Some((request, self.refusals.saturating_add(1)));
        if request == RequestKind::Register {
            // Where the ID went that this name is held under, nobody here knows.
            if self.client_id.is_none() {
                return Err(ClientError::NameTaken {
                    name: self.options.name.clone(),
                });
            }
            self.connected = false;
            return self.begin(RequestKind::SendPublicKey);
        }
        if self.refused_here {
            // The first refusal was no end of the stream: it was not about the verdict before.
            self.confirm(Confirmation::Confirmed);
        }
        self.refusals = self.refusals.saturating_add(1);
        if self.refusals >= TRIES {
            return Err(ClientError::Refused {
                request,
                tries: self.refusals,
            });
        }
        self.refused_here = true;
        self.begin(request)
    }

    fn forget_refusals(&mut self) {
        self.refusals = 0;
        self.refusal = None;
    }

    /// The connection ended or broke where the answer to `request` was due. A new one helps in two
    /// cases (PROTOCOL.md 2.10, 2.12):
    ///
    /// - The server had refused: in the way that closes, or it was the verdict before that it refused.
    ///   Trying again has told which.
    /// - The server closes after a verdict although its dialect does not. For the verdict that was
    ///   outstanding such an end means what the end of the stream always does.
    fn on_lost(
        &mut self,
        request: RequestKind,
        confirmation: Confirmation,
    ) -> Result<Action, ClientError> {
        let explained = self.refused_here || self.outstanding;
        if !explained || !self.inbox.is_empty() {
            return Err(ClientError::ConnectionLost { request });
        }
        if self.refused_here && self.outstanding {
            self.confirm(Confirmation::Refused);
            self.forget_refusals();
        }
        self.confirm(confirmation);
        self.refused_here = false;
        self.connected = false;
        self.begin(request)
    }

    fn on_file_received(&mut self, answer: &FileReceived) -> Result<Action, ClientError> {
        self.check_client_id(answer.client_id, ResponseKind::FileReceived)?;
        self.confirm(Confirmation::Confirmed);
        self.forget_refusals();
        self.refused_here = false;
        let transmissions = self.dialect.transmissions;
        let after_wrong = self.dialect.after_wrong;
        let upload = self.file.as_mut().ok_or(ClientError::OutOfOrder)?;
        upload.check_echo(answer)?;
        let cksum = upload.cksum.ok_or(PeerError::ReceivedTooSoon)?;
        upload.server_cksum = answer.cksum;

        if answer.cksum == cksum {
            return self.begin(RequestKind::Verdict(VerdictKind::Right));
        }
        if upload.transmission >= transmissions {
            return self.begin(RequestKind::Verdict(VerdictKind::GiveUp));
        }
        upload.transmission = upload.transmission.saturating_add(1);
        let silent = after_wrong.answer == VerdictAnswer::None && !after_wrong.close;
        if silent && !self.options.connection_per_request {
            self.wrong_first = true;
            return self.begin(RequestKind::SendFile);
        }
        self.begin(RequestKind::Verdict(VerdictKind::Wrong))
    }

    fn check_client_id(
        &self,
        client_id: ClientId,
        response: ResponseKind,
    ) -> Result<(), PeerError> {
        if self.client_id == Some(client_id) {
            Ok(())
        } else {
            Err(PeerError::WrongClientId { response })
        }
    }

    // Verdicts.

    fn on_verdict_sent<R: CryptoRng + ?Sized>(
        &mut self,
        kind: VerdictKind,
        rng: &mut R,
    ) -> Result<Action, ClientError> {
        self.judge_file(kind);
        let after = self.dialect.after(kind);
        if after.answer != VerdictAnswer::None {
            return self.read_response(RequestKind::Verdict(kind), rng);
        }
        if after.close || self.options.connection_per_request {
            return Ok(self.wait(Waiting::SendingEnded(kind), Action::EndSending));
        }
        self.after_verdict(kind)
    }

    /// The last verdict on a file makes its outcome.
    fn judge_file(&mut self, kind: VerdictKind) {
        if kind == VerdictKind::Wrong {
            return;
        }
        if let Some(upload) = self.file.take() {
            self.outstanding = true;
            self.outcomes.push(FileOutcome {
                file: upload.file,
                cksum: upload.cksum.unwrap_or_default(),
                server_cksum: upload.server_cksum,
                transmissions: upload.transmission,
                confirmation: Confirmation::Outstanding,
            });
        }
    }

    /// Notes what became of the verdict that is outstanding, if one is.
    fn confirm(&mut self, confirmation: Confirmation) {
        if std::mem::take(&mut self.outstanding)
            && let Some(outcome) = self.outcomes.last_mut()
        {
            outcome.confirmation = confirmation;
        }
    }

    fn after_verdict(&mut self, kind: VerdictKind) -> Result<Action, ClientError> {
        match kind {
            VerdictKind::Wrong => self.begin(RequestKind::SendFile),
            _ if self.no_more_files => Ok(Action::Done),
            VerdictKind::Right | VerdictKind::GiveUp => Ok(self.start()),
        }
    }

    /// Reads on to the end of the stream, after the last verdict of a connection.
    fn read_end(&mut self, kind: VerdictKind, refused: bool) -> Result<Action, ClientError> {
        let all = match self.next_response()? {
            Next::NeedMore(all) => all,
            Next::Response(Response::Acknowledged(_)) => {
                return self.after_end(kind, Confirmation::Confirmed);
            }
            Next::Response(Response::Refused(_)) if !refused => {
                return self.read_end(kind, true);
            }
            Next::Response(response) => {
                let got = response.kind();
                return Err(PeerError::ResponseAfterVerdict { got }.into());
            }
        };
        Ok(self.read(all, Waiting::End { kind, refused }))
    }

    fn after_end(
        &mut self,
        kind: VerdictKind,
        confirmation: Confirmation,
    ) -> Result<Action, ClientError> {
        self.judge_file(kind);
        self.confirm(confirmation);
        self.connected = false;
        self.after_verdict(kind)
    }

    fn skip_acknowledgement(&mut self) -> Result<(), PeerError> {
        self.confirm(Confirmation::Confirmed);
        self.skipped = self.skipped.saturating_add(1);
        if self.skipped > SKIPPED_ACKNOWLEDGEMENTS {
            return Err(PeerError::TooManyAcknowledgements);
        }
        Ok(())
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

impl Upload {
    /// An answer that does not repeat the request is the answer to another one (PROTOCOL.md 6.2).
    fn check_echo(&self, answer: &FileReceived) -> Result<(), PeerError> {
        if answer.content_size != self.content_size {
            return Err(PeerError::WrongContentSize {
                expected: self.content_size,
                got: answer.content_size,
            });
        }
        if answer.file_name != self.file.name {
            return Err(PeerError::WrongFileName {
                expected: self.file.name.clone(),
                got: answer.file_name.clone(),
            });
        }
        Ok(())
    }
}

enum Next {
    /// So many bytes are needed in all.
    NeedMore(usize),
    Response(Response),
}

const fn answer_to(request: RequestKind) -> ResponseKind {
    match request {
        RequestKind::Register => ResponseKind::Registered,
        RequestKind::SendPublicKey => ResponseKind::AesKey,
        RequestKind::SendFile => ResponseKind::FileReceived,
        RequestKind::Verdict(_) => ResponseKind::Refused,
    }
}
