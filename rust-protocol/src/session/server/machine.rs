//! The states of a server session and what leads from one to the next.

use rsa::rand_core::CryptoRng;

use super::auto::{Auto, Learned, Told, possible};
use super::packets::{Claim, Following, Incoming, out_of_order};
use super::{Action, Answer, Ask, Content, DEFAULT_DISCARD_LIMIT, Event, NewFile, UploadId};
use crate::cksum::FileCksum;
use crate::crypto::{AesKey, PublicKey};
use crate::dialect::{Dialect, EchoedSize, ReconnectKey, VerdictAnswer};
use crate::session::Refusal;
use crate::wire::{
    Acknowledged, ClientId, FileReceived, Name, ReconnectRefused, Refused, Registered, Request,
    RequestHeader, RequestKind, Response, ResponseKind, SendFile, SendPublicKey, VERSION, Verdict,
    VerdictKind, WRAPPED_KEY_SIZE, WrappedKey,
};

/// How many uploads of a connection are remembered for their verdicts. An older one is still found by
/// the store as the newest of its name that nobody judged.
const REMEMBERED_UPLOADS: usize = 256;

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

    // Keys.

    fn new_key<R: CryptoRng + ?Sized>(
        &mut self,
        client: ClientId,
        request: SendPublicKey,
        rng: &mut R,
    ) -> Result<Ask, Refusal> {
        let public_key = PublicKey::parse(&request.public_key, self.dialect.public_key_sizes)?;
        let aes_key = AesKey::generate(self.dialect.aes_key_size, rng);
        let wrapped = public_key.wrap(&aes_key, rng)?;
        self.state = State::StoringKey(Box::new(NewKey {
            client,
            aes_key: aes_key.clone(),
            wrapped,
            reconnected: false,
        }));
        Ok(Ask::SendPublicKey {
            client,
            name: request.name,
            public_key,
            aes_key,
        })
    }

    fn reconnect<R: CryptoRng + ?Sized>(
        &mut self,
        client: ClientId,
        public_key: &PublicKey,
        stored: AesKey,
        rng: &mut R,
    ) -> Action {
        let aes_key = match self.dialect.reconnect_key {
            ReconnectKey::New => AesKey::generate(self.dialect.aes_key_size, rng),
            ReconnectKey::Same => stored,
        };
        let wrapped = match public_key.wrap(&aes_key, rng) {
            Ok(wrapped) => wrapped,
            Err(error) => return self.refuse(error.into()),
        };
        let key = NewKey {
            client,
            aes_key: aes_key.clone(),
            wrapped,
            reconnected: true,
        };
        match self.dialect.reconnect_key {
            ReconnectKey::New => {
                self.state = State::StoringKey(Box::new(key));
                Action::Ask(Ask::StoreAesKey { client, aes_key })
            }
            ReconnectKey::Same => self.hand_out(key),
        }
    }

    fn hand_out(&mut self, key: NewKey) -> Action {
        let client_id = key.client;
        self.key = Some((client_id, key.aes_key));
        let wrapped = key.wrapped;
        let answer = WrappedKey { client_id, wrapped };
        let response = match key.reconnected {
            true => Response::Reconnected(answer),
            false => Response::AesKey(answer),
        };
        self.send(&response, false)
    }

    /// The refusal that sends a client back to registering is for those whom it helps (PROTOCOL.md
    /// 10.4): one that is to try again must not throw its identity away.
    fn refuse_reconnect(&mut self, refusal: Refusal) -> Action {
        match refusal {
            Refusal::UnknownClient | Refusal::NameDiffers | Refusal::NoKey => {
                self.refusal = Some(refusal);
                let client_id = self.asking();
                let response = Response::ReconnectRefused(ReconnectRefused { client_id });
                self.send(&response, false)
            }
            _ => self.refuse(refusal),
        }
    }

    // Files.

    fn on_file(&mut self, header: &RequestHeader) -> Action {
        let decoded = Request::decode(header, &self.payload, &self.dialect);
        self.claim = self.read_claim(header);
        if let Some(following) = self.following
            && self.claim.number != 1
        {
            return self.discard_following(following);
        }
        self.following = None;
        match decoded {
            Ok(Request::SendFile(file)) => match &file.packet {
                Some(packet) if packet.number != 1 => self.on_packet(header.client_id, file),
                _ => self.ask_for_file(header.client_id, file),
            },
            Ok(_) => self.close(),
            Err(error) => self.refuse_file(error.into(), self.claim.size.into()),
        }
    }

    fn ask_for_file(&mut self, client: ClientId, file: SendFile) -> Action {
        self.file = None;
        if file.file_name.base_name().is_none() {
            return self.refuse_file(Refusal::FileName, file.size().into());
        }
        let ask = Ask::SendFile {
            client,
            file_name: file.file_name.clone(),
            content_size: file.content_size,
        };
        self.state = State::AskingForFile(client, file);
        Action::Ask(ask)
    }

    /// Parallel connections of one client each made a key of their own, and the store has the last of
    /// them: the key of this connection is the one that the client encrypts with here.
    fn begin_file(
        &mut self,
        client: ClientId,
        file: SendFile,
        stored_key: Option<AesKey>,
    ) -> Action {
        let own_key = self.key.as_ref().filter(|(owner, _)| *owner == client);
        let Some(key) = own_key.map(|(_, key)| key.clone()).or(stored_key) else {
            return self.refuse_file(Refusal::NoKey, file.size().into());
        };
        let new = NewFile {
            client,
            file_name: file.file_name.clone(),
            content_size: file.content_size,
            key,
            cksum: FileCksum::new(&self.dialect),
        };
        self.file = Some(Incoming::new(client, file.clone()));
        self.state = State::BeginningFile(file);
        Action::BeginFile(Box::new(new))
    }

    fn on_packet(&mut self, client: ClientId, file: SendFile) -> Action {
        let offset = self.content_size_offset();
        let own = self.file.as_mut().filter(|it| it.client == client);
        let taken = match (own, &file.packet) {
            (Some(incoming), _) => incoming.take(&file, offset),
            (None, Some(packet)) => Err(out_of_order(packet, offset, 1)),
            (None, None) => return self.close(),
        };
        match taken {
            Ok(()) => self.receive(file),
            Err(error) => self.refuse_file(error.into(), file.size().into()),
        }
    }

    fn receive(&mut self, file: SendFile) -> Action {
        let (size, last) = (file.size(), Incoming::is_last(&file));
        self.state = State::ReceivingContent(file);
        Action::ReceiveContent { size, last }
    }

    fn on_content(&mut self, file: &SendFile, content: Content) -> Action {
        match content {
            Content::Refused { refusal, unread } => self.refuse_file(refusal, unread),
            Content::Received if !Incoming::is_last(file) => self.read_header(),
            Content::Stored {
                upload,
                plain_size,
                cksum,
            } if Incoming::is_last(file) => {
                self.file = None;
                let client_id = self.asking();
                self.remember(client_id, &file.file_name, upload);
                let size = match self.dialect.echoed_size {
                    EchoedSize::Content => file.content_size,
                    EchoedSize::Plain => u32::try_from(plain_size).unwrap_or(u32::MAX),
                };
                let fields = self.dialect.file_received_fields;
                let response = Response::FileReceived(FileReceived {
                    client_id: fields.has_client_id().then_some(client_id),
                    content_size: fields.has_content_size().then_some(size),
                    file_name: file.file_name.clone(),
                    cksum,
                });
                self.send(&response, false)
            }
            _ => self.close(),
        }
    }

    /// Sizes and packet fields of a request, whatever else is wrong with it.
    fn read_claim(&self, header: &RequestHeader) -> Claim {
        let offset = match self.dialect.client_id_in_payload {
            true => ClientId::SIZE,
            false => 0,
        };
        let fields = self.payload.get(offset..).unwrap_or_default();
        let number = |bytes: [u8; 2]| self.dialect.packet_byte_order.read_u16(bytes);
        let fixed = self.dialect.request_fixed_size(RequestKind::SendFile);
        let (number, total) = match fields {
            [_, _, _, _, _, _, _, _, a, b, c, d, ..] if self.dialect.packets => {
                (number([*a, *b]), number([*c, *d]))
            }
            _ => (1, 1),
        };
        Claim {
            content_size: fields
                .first_chunk()
                .map_or(0, |&bytes| self.dialect.byte_order.read_u32(bytes)),
            size: header.payload_size.saturating_sub(fixed),
            number,
            total,
        }
    }

    fn content_size_offset(&self) -> usize {
        let client_id = match self.dialect.client_id_in_payload {
            true => ClientId::SIZE,
            false => 0,
        };
        self.dialect.request_header_size().saturating_add(client_id)
    }

    /// Refuses a file of which `unread` bytes of this request are still to come, and perhaps further
    /// packets.
    fn refuse_file(&mut self, refusal: Refusal, unread: u64) -> Action {
        self.refusal = Some(refusal);
        let Claim {
            content_size,
            number,
            mut total,
            ..
        } = self.claim;
        let begun = self.file.take();
        if let Some(first) = begun.and_then(|file| file.first.packet)
            && number != 1
        {
            // A packet that contradicts packet 1 says nothing about how many there will be.
            total = first.total;
        }
        let mut to_come = unread;
        self.following = (number < total).then(|| Following {
            total,
            budget: self.discard_limit.saturating_sub(unread),
        });
        if self.following.is_some() {
            to_come = to_come.max(content_size.into());
        }
        if to_come > self.discard_limit {
            self.send_negative(true)
        } else if unread > 0 {
            self.state = State::Discarding;
            Action::Discard { size: unread }
        } else {
            self.send_negative(false)
        }
    }

    fn discard_following(&mut self, mut following: Following) -> Action {
        let size = u64::from(self.claim.size);
        if size > following.budget {
            return self.close();
        }
        following.budget = following.budget.saturating_sub(size);
        self.following = (self.claim.number < following.total).then_some(following);
        if size == 0 {
            return self.read_header();
        }
        self.state = State::DiscardingSilently;
        Action::Discard { size }
    }

    // Verdicts.

    fn honour(&mut self, kind: VerdictKind) -> Action {
        let after = self.dialect.after(kind);
        match after.answer {
            VerdictAnswer::None if after.close => self.close(),
            VerdictAnswer::None => self.next_request(),
            VerdictAnswer::Refused => self.send_kind(ResponseKind::Refused, after.close),
            VerdictAnswer::GeneralError => self.send_kind(ResponseKind::GeneralError, after.close),
            VerdictAnswer::Acknowledged => {
                let response = Response::Acknowledged(Acknowledged { client_id: None });
                self.send(&response, after.close)
            }
            VerdictAnswer::AcknowledgedWithId => {
                let client_id = Some(self.asking());
                let response = Response::Acknowledged(Acknowledged { client_id });
                self.send(&response, after.close)
            }
        }
    }

    /// A verdict that cannot be honoured (PROTOCOL.md 2.11).
    fn refuse_verdict(&mut self, kind: VerdictKind, refusal: Refusal) -> Action {
        if (kind, refusal) == (VerdictKind::GiveUp, Refusal::NothingWaiting) {
            return self.honour(kind);
        }
        self.refusal = Some(refusal);
        let after = self.dialect.after(kind);
        match kind {
            VerdictKind::Right => self.send_negative(true),
            // The client does not read here, and would take an answer for that to its next request.
            VerdictKind::Wrong if after.answer == VerdictAnswer::None => match after.close {
                true => self.close(),
                false => self.next_request(),
            },
            VerdictKind::Wrong | VerdictKind::GiveUp => self.send_negative(after.close),
        }
    }

    // Answers.

    /// Refuses a request that was read in full.
    fn refuse(&mut self, refusal: Refusal) -> Action {
        self.refusal = Some(refusal);
        self.send_negative(false)
    }

    fn send_negative(&mut self, close: bool) -> Action {
        self.send_kind(self.dialect.negative_answer(self.request()), close)
    }

    fn send_kind(&mut self, kind: ResponseKind, close: bool) -> Action {
        let response = match kind {
            ResponseKind::GeneralError => Response::GeneralError,
            _ => Response::Refused(Refused {
                client_id: Some(self.asking()),
            }),
        };
        self.send(&response, close)
    }

    fn send(&mut self, response: &Response, close: bool) -> Action {
        self.state = State::Sending {
            close: close || self.dialect.closes_after_each(),
        };
        Action::Send(response.encode(&self.dialect, VERSION))
    }

    /// The client ID of the request header.
    fn asking(&self) -> ClientId {
        self.header.map_or(ClientId::ZERO, |it| it.client_id)
    }

    fn next_request(&mut self) -> Action {
        if self.dialect.closes_after_each() {
            return self.close();
        }
        self.read_header()
    }

    fn read_header(&mut self) -> Action {
        self.state = State::Header;
        self.start()
    }

    fn close(&mut self) -> Action {
        self.state = State::Closed;
        Action::Close
    }

    /// Remembers an upload even once it is judged: a verdict that is repeated must not fall on the
    /// upload of another connection.
    fn remember(&mut self, client: ClientId, file_name: &Name, upload: UploadId) {
        self.uploads
            .retain(|(owner, name, _)| (*owner, name) != (client, file_name));
        if self.uploads.len() >= REMEMBERED_UPLOADS {
            self.uploads.remove(0);
        }
        self.uploads.push((client, file_name.clone(), upload));
    }

    fn upload(&self, client: ClientId, file_name: &Name) -> Option<UploadId> {
        let mut found = self.uploads.iter();
        found
            .find(|(owner, name, _)| (*owner, name) == (client, file_name))
            .map(|&(_, _, upload)| upload)
    }
}
