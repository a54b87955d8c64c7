//! The states of a server session and what leads from one to the next.

mod answers;
mod files;
mod keys;
mod verdicts;

use rsa::rand_core::CryptoRng;

use super::auto::{Auto, Learned, Told, possible};
use super::packets::{Claim, Following, Incoming};
use super::{Action, Answer, Ask, DEFAULT_DISCARD_LIMIT, Event, UploadId};
use crate::crypto::AesKey;
use crate::dialect::Dialect;
use crate::session::Refusal;
use crate::wire::{
    ClientId, Name, Registered, Request, RequestHeader, RequestKind, Response, SendFile, Verdict,
    VerdictKind, WRAPPED_KEY_SIZE,
};

#[derive(Debug)]
pub(super) struct Machine {
    dialect: Dialect,
    /// There if the dialect is to be learned.
    auto: Option<Auto>,
    discard_limit: u64,
    /// The key of the last key exchange on this connection, and whose it is (PROTOCOL.md 2.4).
    key: Option<(ClientId, AesKey)>,
    /// The last upload of each name on this connection, oldest first.
    uploads: Vec<(ClientId, Name, UploadId)>,
    header: Option<RequestHeader>,
    refusal: Option<Refusal>,
    /// What was read of the request under way, after its header.
    payload: Vec<u8>,
    /// What the send file request under way claims.
    claim: Claim,
    /// The file that is not complete.
    file: Option<Incoming>,
    following: Option<Following>,
    state: State,
}

#[derive(Debug)]
enum State {
    Header,
    /// Some bytes of a header did not tell where it ends.
    HeaderRest(Vec<u8>),
    Recalling(RequestHeader, RequestKind),
    /// Enough of a send file request to tell its layout.
    Telling(RequestHeader),
    Payload(RequestHeader, RequestKind),
    Registering,
    StoringKey(Box<NewKey>),
    Reconnecting(ClientId),
    AskingForFile(ClientId, SendFile),
    BeginningFile(SendFile),
    ReceivingContent(SendFile),
    Judging(VerdictKind),
    /// What is thrown away was refused.
    Discarding,
    /// It was refused before.
    DiscardingSilently,
    Sending {
        close: bool,
    },
    Closed,
}

#[derive(Debug)]
struct NewKey {
    client: ClientId,
    aes_key: AesKey,
    wrapped: [u8; WRAPPED_KEY_SIZE],
    reconnected: bool,
}

impl Machine {
    pub(super) const fn new(dialect: Dialect, auto: Option<Auto>) -> Self {
        Self {
            dialect,
            auto,
            discard_limit: DEFAULT_DISCARD_LIMIT,
            key: None,
            uploads: Vec::new(),
            header: None,
            refusal: None,
            payload: Vec::new(),
            claim: Claim {
                content_size: 0,
                size: 0,
                number: 0,
                total: 0,
            },
            file: None,
            following: None,
            state: State::Header,
        }
    }

    pub(super) const fn set_discard_limit(&mut self, bytes: u64) {
        self.discard_limit = bytes;
    }

    pub(super) const fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    pub(super) const fn header(&self) -> Option<&RequestHeader> {
        self.header.as_ref()
    }

    pub(super) fn request(&self) -> Option<RequestKind> {
        self.dialect.request_kind(self.header?.code)
    }

    pub(super) const fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    pub(super) fn take_learned(&mut self) -> Option<(ClientId, Learned)> {
        self.auto.as_mut()?.take_learned(&self.dialect)
    }

    pub(super) fn start(&self) -> Action {
        Action::ReadHeader {
            size: match self.auto {
                Some(_) => Auto::HEADER_BYTES,
                None => self.dialect.request_header_size(),
            },
        }
    }

    pub(super) fn handle<R: CryptoRng + ?Sized>(
        &mut self,
        event: Event<'_>,
        rng: &mut R,
    ) -> Action {
        match (std::mem::replace(&mut self.state, State::Closed), event) {
            (State::Header, Event::Header(bytes)) => self.on_header(bytes),
            (State::HeaderRest(mut header), Event::Payload(bytes)) => {
                header.extend_from_slice(bytes);
                self.on_header(&header)
            }
            (State::Recalling(header, kind), Event::Answer(Answer::Recalled(learned))) => {
                self.on_recalled(header, kind, learned)
            }
            (State::Recalling(header, kind), Event::Answer(Answer::Refused(_))) => {
                self.on_recalled(header, kind, None)
            }
            (State::Telling(header), Event::Payload(bytes)) => {
                self.payload.extend_from_slice(bytes);
                self.tell_file(header)
            }
            (State::Payload(header, kind), Event::Payload(bytes)) => {
                self.payload.extend_from_slice(bytes);
                self.on_payload(&header, kind, rng)
            }
            (State::Registering, Event::Answer(Answer::Registered(client_id))) => {
                if let Some(auto) = &mut self.auto {
                    auto.registered(client_id);
                }
                self.send(&Response::Registered(Registered { client_id }), false)
            }
            (State::StoringKey(key), Event::Answer(Answer::KeyStored)) => self.hand_out(*key),
            (
                State::Reconnecting(client),
                Event::Answer(Answer::Keys {
                    public_key,
                    aes_key,
                }),
            ) => self.reconnect(client, &public_key, aes_key, rng),
            (State::Reconnecting(_), Event::Answer(Answer::Refused(refusal))) => {
                self.refuse_reconnect(refusal)
            }
            (
                State::AskingForFile(client, file),
                Event::Answer(Answer::Accepted { stored_key }),
            ) => self.begin_file(client, file, stored_key),
            (State::AskingForFile(_, file), Event::Answer(Answer::Refused(refusal))) => {
                self.refuse_file(refusal, file.size().into())
            }
            (State::BeginningFile(file), Event::Done) => self.receive(file),
            (State::ReceivingContent(file), Event::Content(content)) => {
                self.on_content(&file, content)
            }
            (State::Judging(kind), Event::Answer(Answer::VerdictTaken)) => self.honour(kind),
            (State::Judging(kind), Event::Answer(Answer::Refused(refusal))) => {
                self.refuse_verdict(kind, refusal)
            }
            (
                State::Registering | State::StoringKey(..),
                Event::Answer(Answer::Refused(refusal)),
            ) => self.refuse(refusal),
            (State::Discarding, Event::Done) => self.send_negative(false),
            (State::DiscardingSilently, Event::Done) => self.read_header(),
            (State::Sending { close: false }, Event::Done) => self.next_request(),
            _ => self.close(),
        }
    }

    // A request is read.

    fn on_header(&mut self, bytes: &[u8]) -> Action {
        self.refusal = None;
        self.payload.clear();
        if let Some(auto) = &mut self.auto {
            match auto.tell_header(bytes, &self.dialect) {
                Told::NeedMore(size) => {
                    self.state = State::HeaderRest(bytes.to_vec());
                    return Action::ReadPayload { size };
                }
                Told::Dialect(dialect) => self.dialect = dialect,
                Told::Same => {}
            }
        }
        let checked = RequestHeader::decode(bytes, &self.dialect).and_then(|header| {
            self.header = Some(header);
            let kind = self
                .auto
                .as_ref()
                .and_then(|_| possible(&self.dialect, &header));
            Ok((
                header,
                kind.map_or_else(|| header.check(&self.dialect), Ok)?,
            ))
        });
        match checked {
            Ok((header, kind)) => {
                if let Some(auto) = &self.auto
                    && kind != RequestKind::Register
                    && !auto.knows(header.client_id)
                {
                    // Another client has begun: the file of the one before stays incomplete.
                    (self.file, self.following) = (None, None);
                    self.state = State::Recalling(header, kind);
                    let client = header.client_id;
                    return Action::Ask(Ask::Recall { client });
                }
                self.read_request(header, kind)
            }
            // Where the next request would begin cannot be known: the connection is lost.
            Err(error) => {
                self.refusal = Some(error.into());
                self.send_negative(true)
            }
        }
    }

    fn on_recalled(
        &mut self,
        header: RequestHeader,
        kind: RequestKind,
        learned: Option<Learned>,
    ) -> Action {
        if let Some(auto) = &mut self.auto {
            self.dialect = auto.recall(&header, learned, &self.dialect);
        }
        self.read_request(header, kind)
    }

    fn read_request(&mut self, header: RequestHeader, kind: RequestKind) -> Action {
        // In the middle of a file its layout is known, and a wrong packet is no sign of another one.
        let in_file = self.file.is_some() || self.following.is_some();
        if self.auto.is_some() && kind == RequestKind::SendFile && !in_file {
            self.state = State::Telling(header);
            return self.read_payload(Auto::FILE_BYTES);
        }
        self.read_rest(header, kind)
    }

    fn tell_file(&mut self, header: RequestHeader) -> Action {
        if let Some(auto) = &mut self.auto
            && let Some(dialect) = auto.tell_file(&header, &self.payload, &self.dialect)
        {
            self.dialect = dialect;
        }
        self.read_rest(header, RequestKind::SendFile)
    }

    fn read_rest(&mut self, header: RequestHeader, kind: RequestKind) -> Action {
        match header.rest_size(&self.dialect) {
            Ok(size) => {
                self.state = State::Payload(header, kind);
                self.read_payload(size)
            }
            // What is told of a layout never contradicts the header it was told by.
            Err(error) => {
                self.refusal = Some(error.into());
                self.send_negative(true)
            }
        }
    }

    /// Reads until there are `size` bytes of payload.
    fn read_payload(&mut self, size: usize) -> Action {
        let size = size.saturating_sub(self.payload.len());
        Action::ReadPayload { size }
    }

    fn on_payload<R: CryptoRng + ?Sized>(
        &mut self,
        header: &RequestHeader,
        kind: RequestKind,
        rng: &mut R,
    ) -> Action {
        let client = header.client_id;
        if kind == RequestKind::SendFile {
            return self.on_file(header);
        }
        // No other request comes between the packets of a file.
        (self.file, self.following) = (None, None);
        match Request::decode(header, &self.payload, &self.dialect) {
            Err(error) => match kind {
                RequestKind::Verdict(kind) => self.refuse_verdict(kind, error.into()),
                _ => self.refuse(error.into()),
            },
            Ok(Request::Register(register)) => {
                self.state = State::Registering;
                let name = register.name;
                Action::Ask(Ask::Register { name })
            }
            Ok(Request::SendPublicKey(request)) => match self.new_key(client, request, rng) {
                Ok(ask) => Action::Ask(ask),
                Err(refusal) => self.refuse(refusal),
            },
            Ok(Request::Reconnect(reconnect)) => {
                self.state = State::Reconnecting(client);
                let name = reconnect.name;
                Action::Ask(Ask::Reconnect { client, name })
            }
            Ok(Request::Verdict(Verdict { kind, file_name })) => {
                self.state = State::Judging(kind);
                let upload = self.upload(client, &file_name);
                Action::Ask(Ask::Verdict {
                    client,
                    kind,
                    file_name,
                    upload,
                })
            }
            Ok(Request::SendFile(_)) => self.close(),
        }
    }
}
