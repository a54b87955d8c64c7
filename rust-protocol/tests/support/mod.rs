//! A server and a client in memory: the owners that sessions have in tests.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;

use backup_protocol::crypto::{AesKey, Decryptor, KeyPair, encrypt};
use backup_protocol::rand_core::{TryCryptoRng, TryRng};
use backup_protocol::session::client::{self, ClientSession, Event, File, FileOutcome};
use backup_protocol::session::server::{self, Answer, Ask, Content, ServerSession, UploadId};
use backup_protocol::session::{ClientError, ClientOptions, Refusal};
use backup_protocol::wire::{ClientId, Name, RequestHeader, VerdictKind};
use backup_protocol::{Cksum, Dialect};

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub fn dialect(name: &str) -> Dialect {
    Dialect::named(name).unwrap()
}

/// Options of a client "alice" with a new key.
pub fn options(dialect: &Dialect) -> ClientOptions {
    let key = KeyPair::generate(&mut rand::rng()).unwrap();
    ClientOptions::new(name("alice"), key, dialect.clone())
}

/// Clients, keys and versions of files, as a database would have them.
#[derive(Default)]
pub struct Store {
    pub clients: BTreeMap<ClientId, (Name, Option<AesKey>)>,
    pub versions: Vec<Version>,
    /// What to refuse, and how often.
    pub refuse: Option<(&'static str, Refusal, u32)>,
    /// How often to let it pass before.
    pub refuse_after: u32,
    /// The ID of the next client, in place of one by chance.
    pub next_id: Option<ClientId>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    pub id: UploadId,
    pub client: ClientId,
    pub file_name: Name,
    pub plain: Vec<u8>,
    pub verified: bool,
}

impl Store {
    pub fn answer(&mut self, ask: Ask) -> Answer {
        self.try_answer(ask).unwrap_or_else(Answer::Refused)
    }

    fn try_answer(&mut self, ask: Ask) -> Result<Answer, Refusal> {
        let what = match &ask {
            Ask::Register { .. } => "register",
            Ask::SendPublicKey { .. } => "send public key",
            Ask::SendFile { .. } => "send file",
            Ask::Verdict { .. } => "verdict",
        };
        match &mut self.refuse {
            Some((this, ..)) if *this == what && self.refuse_after > 0 => self.refuse_after -= 1,
            Some((this, refusal, times)) if *this == what && *times > 0 => {
                *times -= 1;
                return Err(*refusal);
            }
            _ => {}
        }
        match ask {
            Ask::Register { name } => {
                if self.clients.values().any(|(taken, _)| *taken == name) {
                    return Err(Refusal::NameTaken);
                }
                let by_chance = || ClientId::generate(&mut rand::rng());
                let id = self.next_id.take().unwrap_or_else(by_chance);
                self.clients.insert(id, (name, None));
                Ok(Answer::Registered(id))
            }
            Ask::SendPublicKey {
                client,
                name,
                aes_key,
                ..
            } => {
                let (own_name, key) = self
                    .clients
                    .get_mut(&client)
                    .ok_or(Refusal::UnknownClient)?;
                if *own_name != name {
                    return Err(Refusal::NameDiffers);
                }
                *key = Some(aes_key);
                Ok(Answer::KeyStored)
            }
            Ask::SendFile { client, .. } => {
                let (_, key) = self.clients.get(&client).ok_or(Refusal::UnknownClient)?;
                Ok(Answer::Accepted {
                    stored_key: key.clone(),
                })
            }
            Ask::Verdict {
                client,
                kind,
                file_name,
                upload,
            } => {
                if !self.clients.contains_key(&client) {
                    return Err(Refusal::UnknownClient);
                }
                let position = self.versions.iter().rposition(|v| match upload {
                    Some(upload) => v.id == upload,
                    None => v.client == client && v.file_name == file_name && !v.verified,
                });
                let position = position.ok_or(Refusal::NothingWaiting)?;
                match kind {
                    VerdictKind::Right => self.versions[position].verified = true,
                    _ if self.versions[position].verified => {
                        return Err(Refusal::NothingWaiting);
                    }
                    _ => drop(self.versions.remove(position)),
                }
                Ok(Answer::VerdictTaken)
            }
        }
    }

    fn keep(&mut self, client: ClientId, file_name: Name, plain: Vec<u8>) -> UploadId {
        let id = UploadId(self.versions.last().map_or(1, |v| v.id.0 + 1));
        self.versions.push(Version {
            id,
            client,
            file_name,
            plain,
            verified: false,
        });
        id
    }
}

/// One connection, seen from the server.
pub struct Connection {
    pub session: ServerSession,
    action: server::Action,
    pub to_server: VecDeque<u8>,
    pub to_client: VecDeque<u8>,
    /// The client ended its sending side.
    pub client_ended: bool,
    pub server_ended: bool,
}

impl Connection {
    pub fn new(session: ServerSession) -> Self {
        Self {
            session,
            action: server::Action::ReadHeader,
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            client_ended: false,
            server_ended: false,
        }
    }

    /// Takes `bytes` in and does all that can be done; what the server answered is returned.
    pub fn exchange(&mut self, bytes: &[u8], world: &mut World) -> Vec<u8> {
        self.to_server.extend(bytes);
        self.run(world);
        self.to_client.drain(..).collect()
    }

    fn take(&mut self, size: usize) -> Option<Vec<u8>> {
        (self.to_server.len() >= size).then(|| self.to_server.drain(..size).collect())
    }

    fn run(&mut self, world: &mut World) {
        while !self.server_ended {
            let taken;
            let event = match std::mem::replace(&mut self.action, server::Action::Close) {
                server::Action::ReadHeader => match self.take(RequestHeader::SIZE) {
                    Some(bytes) => {
                        taken = bytes;
                        server::Event::Header(taken.as_slice().try_into().unwrap())
                    }
                    None => {
                        self.server_ended = self.client_ended;
                        self.action = server::Action::ReadHeader;
                        return;
                    }
                },
                server::Action::ReadPayload { size } => match self.take(size) {
                    Some(bytes) => {
                        taken = bytes;
                        server::Event::Payload(&taken)
                    }
                    None => {
                        self.action = server::Action::ReadPayload { size };
                        return;
                    }
                },
                server::Action::Ask(ask) => {
                    world
                        .log
                        .push(format!("{}", self.session.request().unwrap()));
                    server::Event::Answer(world.store.answer(ask))
                }
                server::Action::ReceiveContent {
                    client,
                    file_name,
                    size,
                    key,
                } => match self.take(size as usize) {
                    Some(content) => {
                        world.content_keys.push(key.clone());
                        server::Event::Content(world.receive(client, file_name, &key, &content))
                    }
                    None => {
                        self.action = server::Action::ReceiveContent {
                            client,
                            file_name,
                            size,
                            key,
                        };
                        return;
                    }
                },
                server::Action::Discard { size } => match self.take(size as usize) {
                    Some(_) => server::Event::Done,
                    None => {
                        self.action = server::Action::Discard { size };
                        return;
                    }
                },
                server::Action::Send(bytes) => {
                    if self.session.refusal().is_some() {
                        world.log.push("refused".into());
                    }
                    self.to_client.extend(bytes);
                    server::Event::Done
                }
                server::Action::Close => {
                    world.log.push("close".into());
                    self.server_ended = true;
                    return;
                }
            };
            let mut rng = Chance {
                first: &mut world.next_aes_key,
            };
            self.action = self.session.handle(event, &mut rng);
        }
    }
}

/// Random numbers, whose first bytes can be chosen.
struct Chance<'a> {
    first: &'a mut Vec<u8>,
}

impl TryRng for Chance<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        rand::rng().try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        rand::rng().try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        if self.first.is_empty() {
            return rand::rng().try_fill_bytes(bytes);
        }
        bytes.copy_from_slice(self.first);
        self.first.clear();
        Ok(())
    }
}

impl TryCryptoRng for Chance<'_> {}

/// A server, its store, and what happened to it.
pub struct World {
    pub dialect: Dialect,
    pub store: Store,
    /// What the server did, in order.
    pub log: Vec<String>,
    pub content_keys: Vec<AesKey>,
    /// How many files get a wrong cksum, from now on.
    pub wrong_cksums: u32,
    pub discard_limit: u64,
    /// The AES key that the server makes next, in place of one by chance.
    pub next_aes_key: Vec<u8>,
    /// How many bytes go over the connection at a time.
    pub chunk: usize,
    /// The writes of the client.
    pub writes: Vec<Vec<u8>>,
}

impl World {
    pub fn new(dialect: &Dialect) -> Self {
        Self {
            dialect: dialect.clone(),
            store: Store::default(),
            log: Vec::new(),
            content_keys: Vec::new(),
            wrong_cksums: 0,
            discard_limit: server::DEFAULT_DISCARD_LIMIT,
            next_aes_key: Vec::new(),
            chunk: usize::MAX,
            writes: Vec::new(),
        }
    }

    pub fn connection(&self) -> Connection {
        let session = ServerSession::new(self.dialect.clone());
        Connection::new(session.with_discard_limit(self.discard_limit))
    }

    fn receive(
        &mut self,
        client: ClientId,
        file_name: Name,
        key: &AesKey,
        content: &[u8],
    ) -> Content {
        let mut plain = Vec::new();
        let mut decryptor = Decryptor::new(key);
        for chunk in content.chunks(self.chunk) {
            decryptor.update(chunk, &mut plain);
        }
        if let Err(error) = decryptor.finish(&mut plain) {
            return Content::Refused {
                refusal: error.into(),
                unread: 0,
            };
        }
        let mut cksum = Cksum::of(&plain);
        if self.wrong_cksums > 0 {
            self.wrong_cksums -= 1;
            cksum ^= 1;
        }
        Content::Stored {
            upload: self.store.keep(client, file_name, plain),
            cksum,
        }
    }

    /// Runs a client against this server to its end.
    pub fn backup(
        &mut self,
        options: ClientOptions,
        files: &[(&str, Vec<u8>)],
    ) -> (ClientSession, Result<Vec<FileOutcome>, ClientError>) {
        self.run(options, files, false)
    }

    /// As [`World::backup`], of no file at all.
    pub fn exchange_keys(
        &mut self,
        options: ClientOptions,
    ) -> (ClientSession, Result<Vec<FileOutcome>, ClientError>) {
        self.run(options, &[], true)
    }

    fn run(
        &mut self,
        options: ClientOptions,
        files: &[(&str, Vec<u8>)],
        mut keys_only: bool,
    ) -> (ClientSession, Result<Vec<FileOutcome>, ClientError>) {
        let rng = &mut rand::rng();
        let mut session = ClientSession::new(options);
        let mut action = session.start();
        let mut files = files.iter();
        let mut plain: &[u8] = &[];
        let mut connection: Option<Connection> = None;
        for _ in 0..100_000 {
            let mut bytes = Vec::new();
            let event = match action {
                client::Action::NextFile => match files.next() {
                    Some((file_name, content)) => {
                        plain = content;
                        Event::File(File {
                            name: name(file_name),
                            plain_size: plain.len() as u64,
                        })
                    }
                    None if std::mem::take(&mut keys_only) => Event::KeysOnly,
                    None => Event::NoMoreFiles,
                },
                client::Action::Connect => {
                    self.hang_up(connection.take());
                    self.log.push("connect".into());
                    connection = Some(self.connection());
                    Event::Connected
                }
                client::Action::KeepIdentity { client_id } => {
                    assert!(self.store.clients.contains_key(&client_id));
                    Event::IdentityKept
                }
                client::Action::Send(bytes) => {
                    match self.write(connection.as_mut().unwrap(), &bytes) {
                        true => Event::Sent,
                        false => Event::SendFailed,
                    }
                }
                client::Action::SendContent {
                    prefix,
                    key,
                    plain_size,
                    content_size,
                    ..
                } => {
                    assert_eq!(plain_size, plain.len() as u64);
                    let content = encrypt(&key, plain);
                    assert_eq!(content.len(), content_size as usize);
                    let connection = connection.as_mut().unwrap();
                    if self.write(connection, &prefix) && self.write(connection, &content) {
                        let cksum = Cksum::of(plain);
                        Event::ContentSent { cksum }
                    } else {
                        Event::SendFailed
                    }
                }
                client::Action::Read { max } => {
                    assert!((1..300).contains(&max), "{max}");
                    let connection = connection.as_mut().unwrap();
                    connection.run(self);
                    let size = max.min(self.chunk).min(connection.to_client.len());
                    bytes.extend(connection.to_client.drain(..size));
                    match size {
                        0 if connection.server_ended => Event::Ended,
                        0 => Event::TimedOut,
                        _ => Event::Received(&bytes),
                    }
                }
                client::Action::EndSending => {
                    connection.as_mut().unwrap().client_ended = true;
                    Event::SendingEnded
                }
                client::Action::Done => {
                    self.hang_up(connection);
                    let outcomes = session.outcomes().to_vec();
                    return (session, Ok(outcomes));
                }
                client::Action::Failed(error) => {
                    self.hang_up(connection);
                    return (session, Err(error));
                }
            };
            action = session.handle(event, rng);
        }
        panic!("a session without end: {:?}", self.log);
    }

    /// Lets the server see the end of a connection that the client closes.
    fn hang_up(&mut self, connection: Option<Connection>) {
        if let Some(mut connection) = connection {
            connection.client_ended = true;
            connection.run(self);
        }
    }

    fn write(&mut self, connection: &mut Connection, bytes: &[u8]) -> bool {
        self.writes.push(bytes.to_vec());
        for chunk in bytes.chunks(self.chunk) {
            if connection.server_ended {
                return false;
            }
            connection.to_server.extend(chunk);
            connection.run(self);
        }
        true
    }
}
