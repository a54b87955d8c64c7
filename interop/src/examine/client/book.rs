//! What the played server remembers, and the right answer to every request.
//!
//! It is lenient: where a request is wrong, it answers what it can, so that one mistake does not end
//! every case. What is wrong is the judge's to say.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::dialect::{AfterAnswer, ConnectionUse, Dialect, EchoedSize, ReconnectKey};
use crate::examine::client::reply::{Reply, Then};
use crate::frame::{self, Frame, Id, Values};
use crate::message::{Field, Kind};
use crate::oracle::{self, AesKey, Keyring};

/// The clients of a case, and the files that they were given.
pub(super) struct Book {
    dialect: Arc<Dialect>,
    clients: Vec<Known>,
    files: Vec<Given>,
    /// Packets of the present file that have come, by connection.
    packets: BTreeMap<usize, u32>,
    /// Bytes of the AES keys that it makes.
    pub(super) key_size: usize,
    /// Opens what was wrapped for clients whose private key nobody has seen.
    pub(super) keys: Keyring,
}

struct Known {
    id: Id,
    name: Vec<u8>,
    public_key: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
}

/// A file that a client was given.
pub(super) struct Given {
    /// The text of its name field.
    pub(super) name: Vec<u8>,
    pub(super) plain: Plain,
}

/// The content of a file.
pub(super) enum Plain {
    Bytes(Vec<u8>),
    /// So many zeros: a file that no memory has to hold.
    Zeros(u64),
}

impl Plain {
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Zeros(size) => *size,
        }
    }
}

impl Book {
    pub(super) fn new(dialect: &Arc<Dialect>) -> Self {
        Self {
            dialect: Arc::clone(dialect),
            clients: Vec::new(),
            files: Vec::new(),
            packets: BTreeMap::new(),
            key_size: dialect.aes_key_size,
            keys: Keyring::default(),
        }
    }

    /// Takes a client in that registered before.
    pub(super) fn knows(&mut self, id: Id, name: &str, public_key: Option<&[u8]>) {
        self.clients.push(Known {
            id,
            name: name.as_bytes().to_vec(),
            public_key: public_key.map(<[u8]>::to_vec),
            key: None,
        });
    }

    /// The client ID of the client of this name.
    pub(super) fn id_of(&self, name: &str) -> Option<Id> {
        let found = self
            .clients
            .iter()
            .find(|client| client.name == name.as_bytes());
        found.map(|client| client.id)
    }

    /// Forgets every client but their names.
    pub(super) fn forget_ids(&mut self) {
        for client in &mut self.clients {
            client.id = rand::random();
            client.public_key = None;
        }
    }

    /// Forgets every client.
    pub(super) fn forget(&mut self) {
        self.clients.clear();
    }

    pub(super) fn give(&mut self, file: Given) {
        self.files.retain(|other| other.name != file.name);
        self.files.push(file);
    }

    /// The size of the content of the file that a 1103 is about, where it is one of zeros.
    pub(super) fn zeros_of(&self, name: &[u8]) -> Option<u64> {
        match self.file(name).map(|file| &file.plain) {
            Some(Plain::Zeros(size)) => Some(*size),
            _ => None,
        }
    }

    /// The last AES key that was handed out.
    pub(super) fn last_key(&self) -> Option<AesKey> {
        let key = self.clients.last().and_then(|client| client.key.clone());
        key.and_then(AesKey::new)
    }

    /// The right answer to a request.
    pub(super) fn answer(&mut self, connection: usize, request: &Frame<'_>) -> Reply {
        let id = request.header.client_id.unwrap_or_default();
        let mut reply = Reply::new(&self.dialect);
        let Some(kind) = request.kind else {
            reply.be(self.dialect.negative(None), &with_id(&id));
            reply.then = Then::Close;
            return reply;
        };
        let answered = match kind {
            Kind::Register => self.register(&mut reply, request),
            Kind::SendPublicKey | Kind::Reconnect => {
                self.hand_out_key(&mut reply, kind, &id, request)
            }
            Kind::SendFile => self.receive(&mut reply, connection, &id, request),
            verdict => {
                self.take_verdict(&mut reply, verdict, &id);
                Some(())
            }
        };
        if answered.is_none() {
            let kind = match kind {
                Kind::Reconnect => Kind::ReconnectRefused,
                kind => self.dialect.negative(Some(kind)),
            };
            reply.be(kind, &with_id(&id));
        }
        let unfinished = kind == Kind::SendFile && reply.bytes.is_empty();
        if self.dialect.connection == ConnectionUse::Request && !unfinished {
            reply.then = Then::Close;
        }
        reply
    }

    fn register(&mut self, reply: &mut Reply, request: &Frame<'_>) -> Option<()> {
        let name = text_of(request, Field::ClientName);
        if self.clients.iter().any(|client| client.name == name) {
            return None;
        }
        let mut id: Id = rand::random();
        if let Some(first) = id.first_mut() {
            // 1.9: it does not start with two zeros.
            *first |= 1;
        }
        self.clients.push(Known {
            id,
            name,
            public_key: None,
            key: None,
        });
        reply.be(Kind::Registered, &with_id(&id));
        Some(())
    }

    fn hand_out_key(
        &mut self,
        reply: &mut Reply,
        kind: Kind,
        id: &Id,
        request: &Frame<'_>,
    ) -> Option<()> {
        let (size, same) = (self.key_size, self.dialect.reconnect_key);
        let name = text_of(request, Field::ClientName);
        let own = self.clients.iter().position(|client| client.id == *id);
        let at = match kind {
            Kind::Reconnect => own?,
            _ => own.or_else(|| self.clients.iter().position(|client| client.name == name))?,
        };
        let client = self.clients.get_mut(at)?;
        let mut key: Vec<u8> = (0..size).map(|_| rand::random()).collect();
        let answer = if kind == Kind::Reconnect {
            if let Some(stored) = client.key.clone().filter(|_| same == ReconnectKey::Same) {
                key = stored;
            }
            Kind::Reconnected
        } else {
            client.public_key = Some(request.get(Field::PublicKey).to_vec());
            Kind::AesKey
        };
        let wrapped = oracle::wrap_bytes(client.public_key.as_deref()?, &key).ok()?;
        client.key = Some(key.clone());
        if let Some(key) = AesKey::new(key) {
            self.keys.add_wrapped(wrapped.clone(), key);
        }
        let id = client.id;
        reply.be(answer, &with_id(&id).bytes(Field::WrappedKey, &wrapped));
        Some(())
    }

    fn receive(
        &mut self,
        reply: &mut Reply,
        connection: usize,
        id: &Id,
        request: &Frame<'_>,
    ) -> Option<()> {
        if self.dialect.packets {
            let come = self.packets.entry(connection).or_default();
            *come += 1;
            if *come < request.number(Field::TotalPackets) {
                return Some(());
            }
            self.packets.remove(&connection);
        }
        let name = text_of(request, Field::FileName);
        let file = self.file(&name)?;
        let cksum = match &file.plain {
            Plain::Bytes(plain) => {
                let content = self.last_key().map(|key| key.encrypt(plain));
                oracle::checksum(&self.dialect, plain, &content.unwrap_or_default())
            }
            Plain::Zeros(size) => oracle::cksum_of_zeros(*size),
        };
        let size = match self.dialect.echoed_size {
            EchoedSize::Content => request.number(Field::ContentSize),
            EchoedSize::Plain => u32::try_from(file.plain.size()).unwrap_or(u32::MAX),
        };
        let values = with_id(id)
            .number(&self.dialect, Field::ContentSize, size)
            .bytes(Field::FileName, &name)
            .number(&self.dialect, Field::Cksum, cksum);
        reply.be(Kind::FileReceived, &values);
        Some(())
    }

    fn take_verdict(&self, reply: &mut Reply, verdict: Kind, id: &Id) {
        let Some(after) = self.dialect.after(verdict) else {
            return;
        };
        let kind = match after.answer {
            AfterAnswer::None => None,
            AfterAnswer::Refused => Some(Kind::Refused),
            AfterAnswer::GeneralError => Some(Kind::GeneralError),
            AfterAnswer::Acknowledged | AfterAnswer::AcknowledgedWithId => Some(Kind::Acknowledged),
        };
        match kind {
            Some(Kind::Acknowledged) if after.answer == AfterAnswer::Acknowledged => {
                reply.raw(Kind::Acknowledged, &[]);
            }
            Some(kind) => reply.be(kind, &with_id(id)),
            None => {}
        }
        if after.close {
            reply.then = Then::Close;
        }
    }

    /// The file of this name, else the only one that there is.
    fn file(&self, name: &[u8]) -> Option<&Given> {
        let named = self.files.iter().find(|file| file.name == name);
        named.or_else(|| self.files.last())
    }
}

fn with_id(id: &Id) -> Values {
    Values::default().bytes(Field::ClientId, id)
}

fn text_of(request: &Frame<'_>, field: Field) -> Vec<u8> {
    let bytes = request.get(field);
    let most = bytes.get(..254).unwrap_or(bytes);
    frame::name_text(bytes).unwrap_or(most).to_vec()
}
