//! A server and a client in memory: the owners that sessions have in tests.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

mod client;

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;

use backup_protocol::Dialect;
use backup_protocol::crypto::{AesKey, Decryptor, KeyPair, PublicKey};
use backup_protocol::rand_core::{TryCryptoRng, TryRng};
use backup_protocol::session::server::{
    self, Answer, Ask, Auto, Content, Learned, NewFile, ServerSession, UploadId,
};
use backup_protocol::session::{ClientOptions, Refusal};
use backup_protocol::wire::{ClientId, Name, VerdictKind};

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub fn dialect(text: &str) -> Dialect {
    Dialect::parse(text).unwrap()
}

/// Every named dialect, and every modifier on one that has it otherwise.
pub fn every_dialect() -> Vec<Dialect> {
    let modified = MODIFIED.iter().map(|text| dialect(text));
    Dialect::all().iter().cloned().chain(modified).collect()
}

const MODIFIED: [&str; 44] = [
    "seed,order=big",
    "2024c,order=big,packet-order=big",
    "2024a,packet-order=big",
    "seed,align=natural",
    "2024a,align=natural",
    "seed,name=256",
    "2024c,name=256",
    "seed,size-width=2",
    "readme,size-width=4",
    "2023a,size=message",
    "seed,size=padded",
    "2023a,pad=1024,size=padded",
    "2024a,pad=2048",
    "readme,pad=1024",
    "seed,request-pad=1024",
    "2024a,request-pad=1024,id=yes",
    "seed,id=no",
    "2023a,id=yes",
    "seed,refused=client-id",
    "2023a,refused=client-id",
    "seed,received=client_id+file_name+cksum",
    "2024a,received=content_size+file_name+cksum",
    "2024a,echo=plain",
    "seed,echo=plain",
    "seed,crc=zlib",
    "2023c,crc=crc8",
    "2022c,crc-input=padded",
    "2023a,crc=zlib,crc-input=content",
    "seed,cksum-width=16",
    "seed,aes=32",
    "2024a,aes=16",
    "2022c,key=160+162",
    "seed,connection=request",
    "2024c,connection=request,packet=48",
    "2023a,packets=yes",
    "2024a,packets=no",
    "2024a,packet=16",
    "2023c,reconnect-key=same",
    "seed,right=none,wrong=acknowledged",
    "2023a,wrong=general-error+close",
    "2024a,right=close,wrong=refused",
    "2024c,give-up=general-error+close",
    "2022c,wrong=close,give-up=none",
    "seed,align=natural,pad=1024,crc=zlib,crc-input=content",
];

/// Options of a client "alice" with a new key.
pub fn options(dialect: &Dialect) -> ClientOptions {
    let key = KeyPair::generate(&mut rand::rng()).unwrap();
    ClientOptions::new(name("alice"), key, dialect.clone())
}

/// Clients, keys and versions of files, as a database would have them.
#[derive(Default)]
pub struct Store {
    pub clients: BTreeMap<ClientId, (Name, Option<AesKey>)>,
    pub public_keys: BTreeMap<ClientId, PublicKey>,
    pub learned: BTreeMap<ClientId, Learned>,
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
            Ask::Reconnect { .. } => "reconnect",
            Ask::StoreAesKey { .. } => "store AES key",
            Ask::Recall { .. } => "recall",
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
                public_key,
                aes_key,
            } => {
                let (own_name, key) = self
                    .clients
                    .get_mut(&client)
                    .ok_or(Refusal::UnknownClient)?;
                if *own_name != name {
                    return Err(Refusal::NameDiffers);
                }
                *key = Some(aes_key);
                self.public_keys.insert(client, public_key);
                Ok(Answer::KeyStored)
            }
            Ask::Reconnect { client, name } => {
                let (own_name, key) = self.clients.get(&client).ok_or(Refusal::UnknownClient)?;
                if *own_name != name {
                    return Err(Refusal::NameDiffers);
                }
                let public_key = self.public_keys.get(&client).ok_or(Refusal::NoKey)?;
                Ok(Answer::Keys {
                    public_key: public_key.clone(),
                    aes_key: key.clone().ok_or(Refusal::NoKey)?,
                })
            }
            Ask::StoreAesKey { client, aes_key } => {
                let found = self.clients.get_mut(&client);
                found.ok_or(Refusal::UnknownClient)?.1 = Some(aes_key);
                Ok(Answer::KeyStored)
            }
            Ask::Recall { client } => Ok(Answer::Recalled(self.learned.get(&client).cloned())),
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
    file: Option<Receiving>,
    pub to_server: VecDeque<u8>,
    pub to_client: VecDeque<u8>,
    /// The client ended its sending side.
    pub client_ended: bool,
    pub server_ended: bool,
}

/// A file that is not complete.
struct Receiving {
    new: Box<NewFile>,
    decryptor: Decryptor,
    plain: Vec<u8>,
}

impl Connection {
    pub fn new(session: ServerSession) -> Self {
        Self {
            action: session.start(),
            session,
            file: None,
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

    /// Whether a part of a file is here that may still be continued.
    pub fn in_file(&self) -> bool {
        self.file.is_some()
    }

    fn take(&mut self, size: usize) -> Option<Vec<u8>> {
        (self.to_server.len() >= size).then(|| self.to_server.drain(..size).collect())
    }

    pub fn run(&mut self, world: &mut World) {
        while !self.server_ended {
            let taken;
            if let Some((client, learned)) = self.session.take_learned()
                && world.store.clients.contains_key(&client)
            {
                world.log.push(format!("learned {}", learned.dialect()));
                world.store.learned.insert(client, learned);
            }
            let needed = match &self.action {
                server::Action::ReadHeader { size } | server::Action::ReadPayload { size } => *size,
                server::Action::ReceiveContent { size, .. } => *size as usize,
                server::Action::Discard { size } => *size as usize,
                _ => 0,
            };
            if self.to_server.len() < needed {
                let between = matches!(self.action, server::Action::ReadHeader { .. });
                self.server_ended = self.client_ended && between;
                return;
            }
            if !matches!(
                self.action,
                server::Action::ReadHeader { .. }
                    | server::Action::ReadPayload { .. }
                    | server::Action::ReceiveContent { .. }
            ) {
                self.file = None;
            }
            let event = match std::mem::replace(&mut self.action, server::Action::Close) {
                server::Action::ReadHeader { size } => {
                    taken = self.take(size).unwrap();
                    server::Event::Header(&taken)
                }
                server::Action::ReadPayload { size } => {
                    taken = self.take(size).unwrap();
                    server::Event::Payload(&taken)
                }
                server::Action::Ask(ask) => {
                    // Not a request, but questions about one.
                    if !matches!(ask, Ask::Recall { .. } | Ask::StoreAesKey { .. }) {
                        let request = self.session.request().unwrap();
                        world.log.push(request.to_string());
                    }
                    server::Event::Answer(world.store.answer(ask))
                }
                server::Action::BeginFile(new) => {
                    world.content_keys.push(new.key.clone());
                    self.file = Some(Receiving {
                        decryptor: Decryptor::new(&new.key),
                        plain: Vec::new(),
                        new,
                    });
                    server::Event::Done
                }
                server::Action::ReceiveContent { last, .. } => {
                    let content = self.take(needed).unwrap();
                    let mut file = self.file.take().unwrap();
                    file.take(&content, world.chunk);
                    server::Event::Content(match last {
                        true => world.keep(file),
                        false => {
                            self.file = Some(file);
                            Content::Received
                        }
                    })
                }
                server::Action::Discard { .. } => {
                    self.take(needed).unwrap();
                    server::Event::Done
                }
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

impl Receiving {
    fn take(&mut self, content: &[u8], chunk: usize) {
        for chunk in content.chunks(chunk) {
            let start = self.plain.len();
            self.decryptor.update(chunk, &mut self.plain);
            self.new.cksum.content(chunk);
            self.new.cksum.plain(&self.plain[start..]);
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
        // Another size is not that of the key, but of what wraps it.
        if self.first.len() != bytes.len() {
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
    /// There if the server learns dialects; the one above is then that of its clients here.
    pub auto: Option<Auto>,
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
            auto: None,
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
        let session = match &self.auto {
            Some(auto) => ServerSession::auto(auto),
            None => ServerSession::new(self.dialect.clone()),
        };
        Connection::new(session.with_discard_limit(self.discard_limit))
    }

    fn keep(&mut self, file: Receiving) -> Content {
        let Receiving {
            new,
            decryptor,
            mut plain,
        } = file;
        let start = plain.len();
        if let Err(error) = decryptor.finish(&mut plain) {
            return Content::Refused {
                refusal: error.into(),
                unread: 0,
            };
        }
        let NewFile {
            client,
            file_name,
            mut cksum,
            ..
        } = *new;
        cksum.plain(&plain[start..]);
        let plain_size = cksum.plain_size();
        let mut cksum = cksum.finish();
        if self.wrong_cksums > 0 {
            self.wrong_cksums -= 1;
            cksum ^= 1;
        }
        Content::Stored {
            upload: self.store.keep(client, file_name, plain),
            plain_size,
            cksum,
        }
    }
}
