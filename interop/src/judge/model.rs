//! A model of the server: what it has to answer to every request, given all that reached it before
//! (PROTOCOL.md 2.9 to 2.11, 6.5). Since the data folder of a cell starts empty and every byte
//! passes the tap, the model leaves nothing to guess.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::dialect::{ConnectionUse, Dialect, EchoedSize, ReconnectKey};
use crate::frame::{self, Frame, Header, Id};
use crate::judge::packets::{Packet, Packets};
use crate::message::{Direction, Field, Kind};
use crate::oracle::{self, AesKey};

/// What the server has to do upon a request.
pub(super) struct Answer<'a> {
    pub(super) reply: Reply<'a>,
    /// What becomes of the connection then.
    pub(super) close: Close,
}

/// What a server does with a connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Close {
    No,
    /// It may end it: more would have to be thrown away than it has to (2.10).
    May,
    Must,
    /// The same, and a reset is no fault, since what still comes is not thrown away without end (2.10).
    MustOrReset,
}

/// How much of a refused file a server throws away, unless its operator says otherwise (2.10).
const DISCARDED: u32 = 16 << 20;

/// The response that is due.
pub(super) enum Reply<'a> {
    Nothing,
    Registered {
        name: Vec<u8>,
    },
    /// 2101, or 2107 where the dialect has it.
    Negative {
        kind: Kind,
        /// A slug of PROTOCOL.md 11, or words.
        why: &'static str,
    },
    /// 2102 or 2105.
    Key {
        kind: Kind,
        public_key: Vec<u8>,
        /// The key that has to come again; a new one has to come where there is none.
        same: Option<Key>,
    },
    ReconnectRefused {
        why: &'static str,
    },
    Acknowledged {
        with_id: bool,
    },
    FileReceived(Box<Received<'a>>),
}

/// What a 2103 has to say.
pub(super) struct Received<'a> {
    pub(super) name: Vec<u8>,
    /// The size that it echoes; `None` where it is that of a plaintext which the examiner cannot read.
    pub(super) size: Option<u32>,
    /// The content, for likely causes.
    pub(super) content: Cow<'a, [u8]>,
    /// `None` where the examiner has no key to look into the content.
    pub(super) plain: Option<Plain>,
}

/// A decrypted content.
pub(super) struct Plain {
    /// The checksum of the dialect.
    pub(super) cksum: u32,
    pub(super) size: u64,
    pub(super) digest: [u8; 32],
    /// The key that opened it, for likely causes.
    pub(super) key: AesKey,
}

/// One content that the server was given and acknowledged with 2103.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) client: Id,
    /// Name as sent.
    pub(crate) name: Vec<u8>,
    pub(super) connection: usize,
    /// SHA-256 and size of the plaintext, where the examiner could decrypt it.
    pub(crate) plain: Option<([u8; 32], u64)>,
    pub(crate) state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Nobody judged it: it has to stay until somebody does (7.3).
    Waiting,
    Verified,
    /// A later version of its name was verified.
    Superseded,
    /// 1105 or 1106 ended it.
    Dropped,
}

/// The key of a client, as far as the examiner knows it.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Key {
    Known(AesKey),
    /// There is one, but the examiner could not unwrap it.
    Unknown,
}

#[derive(Default)]
pub(super) struct Model {
    clients: BTreeMap<Id, Client>,
    names: BTreeSet<Vec<u8>>,
    pub(super) uploads: Vec<Upload>,
    /// Keys of the last key exchange on each connection (2.4).
    connection_keys: BTreeMap<(usize, Id), Key>,
    /// Every key that was made: none may come twice.
    made: Vec<AesKey>,
    /// Files of which some packets have come, by connection.
    packets: BTreeMap<usize, Packets>,
}

pub(super) struct Client {
    name: Vec<u8>,
    public_key: Option<Vec<u8>>,
    key: Option<Key>,
}

impl Model {
    /// What this request has to bring about.
    pub(super) fn answer<'a>(
        &mut self,
        dialect: &Dialect,
        connection: usize,
        frame: &Frame<'a>,
    ) -> Answer<'a> {
        if let Some(why) = impossible_header(dialect, &frame.header) {
            return impossible(dialect, frame.kind, why);
        }
        let kind = frame.kind.unwrap_or(Kind::Register);
        if kind != Kind::SendFile {
            self.packets.remove(&connection);
        }
        let reply = match kind {
            Kind::Register => self.register(frame),
            Kind::SendPublicKey => self.send_public_key(dialect, frame),
            Kind::Reconnect => Ok(self.reconnect(dialect, frame)),
            Kind::SendFile if dialect.packets => self.packet(dialect, connection, frame),
            Kind::SendFile => self.send_file(dialect, connection, frame),
            _ => return self.verdict(dialect, connection, kind, frame),
        };
        let reply = reply.unwrap_or_else(|why| Reply::Negative {
            kind: dialect.negative(Some(kind)),
            why,
        });
        let answered = !matches!(reply, Reply::Nothing);
        let size = frame.number(Field::ContentSize).max(frame.header.size);
        Answer {
            close: match reply {
                _ if answered && dialect.connection == ConnectionUse::Request => Close::Must,
                Reply::Negative { .. } if size > DISCARDED => Close::May,
                _ => Close::No,
            },
            reply,
        }
    }

    /// Forgets everything: the server's folder was emptied.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Takes in the client ID of a 2100; `false` if another client has it.
    pub(super) fn registered(&mut self, id: Id, name: Vec<u8>) -> bool {
        self.clients
            .insert(
                id,
                Client {
                    name,
                    public_key: None,
                    key: None,
                },
            )
            .is_none()
    }

    /// Takes in the key of a 2102 or 2105; `false` if a new one had to come and it was made before.
    pub(super) fn key_given(&mut self, connection: usize, id: Id, key: Key, anew: bool) -> bool {
        let fresh = match &key {
            Key::Known(bytes) if anew => {
                let fresh = !self.made.contains(bytes);
                self.made.push(bytes.clone());
                fresh
            }
            _ => true,
        };
        self.connection_keys.insert((connection, id), key.clone());
        if let Some(client) = self.clients.get_mut(&id) {
            client.key = Some(key);
        }
        fresh
    }

    /// Takes in a 2103.
    pub(super) fn received(&mut self, connection: usize, id: Id, received: &Received<'_>) {
        self.uploads.push(Upload {
            client: id,
            name: received.name.clone(),
            connection,
            plain: received
                .plain
                .as_ref()
                .map(|plain| (plain.digest, plain.size)),
            state: State::Waiting,
        });
    }

    pub(super) fn into_uploads(self) -> Vec<Upload> {
        self.uploads
    }

    fn register<'a>(&mut self, frame: &Frame<'_>) -> Result<Reply<'a>, &'static str> {
        let name = valid_name(frame.get(Field::ClientName))?;
        if !self.names.insert(name.to_vec()) {
            return Err("the name is taken");
        }
        Ok(Reply::Registered {
            name: name.to_vec(),
        })
    }

    fn send_public_key<'a>(
        &mut self,
        dialect: &Dialect,
        frame: &Frame<'_>,
    ) -> Result<Reply<'a>, &'static str> {
        let client = self.client(frame)?;
        let name = valid_name(frame.get(Field::ClientName))?;
        if name != client.name {
            return Err("the name is not this client's");
        }
        let public_key = frame.get(Field::PublicKey);
        let (sizes, exponents) = (&dialect.public_key_sizes, oracle::accepted_exponents());
        if let Some(fault) = oracle::public_key_fault(public_key, sizes, &exponents) {
            return Err(fault.slug);
        }
        let id = frame.header.client_id.unwrap_or_default();
        if let Some(client) = self.clients.get_mut(&id) {
            client.public_key = Some(public_key.to_vec());
        }
        Ok(Reply::Key {
            kind: Kind::AesKey,
            public_key: public_key.to_vec(),
            same: None,
        })
    }

    fn reconnect<'a>(&self, dialect: &Dialect, frame: &Frame<'_>) -> Reply<'a> {
        let found = self.client(frame).and_then(|client| {
            let name = valid_name(frame.get(Field::ClientName))?;
            if name != client.name {
                return Err("the name is not this client's");
            }
            let public_key = client.public_key.clone().ok_or("no public key was sent")?;
            Ok((public_key, client.key.clone()))
        });
        match found {
            Err(why) => Reply::ReconnectRefused { why },
            Ok((public_key, key)) => Reply::Key {
                kind: Kind::Reconnected,
                public_key,
                same: key.filter(|_| dialect.reconnect_key == ReconnectKey::Same),
            },
        }
    }

    fn send_file<'a>(
        &self,
        dialect: &Dialect,
        connection: usize,
        frame: &Frame<'a>,
    ) -> Result<Reply<'a>, &'static str> {
        self.client(frame)?;
        same_id(dialect, frame)?;
        let content = frame.content();
        if frame.number(Field::ContentSize) as usize != content.len() {
            return Err("content-size-mismatch");
        }
        let name = valid_file_name(frame.get(Field::FileName))?;
        let key = self.key(connection, frame)?;
        received(dialect, name, Cow::Borrowed(content), key)
    }

    fn packet<'a>(
        &mut self,
        dialect: &Dialect,
        connection: usize,
        frame: &Frame<'a>,
    ) -> Result<Reply<'a>, &'static str> {
        let allowed = self
            .client(frame)
            .and_then(|_| same_id(dialect, frame))
            .and_then(|()| valid_file_name(frame.get(Field::FileName)))
            .and_then(|_| self.key(connection, frame));
        let packets = self.packets.entry(connection).or_default();
        match packets.take(frame, allowed) {
            Packet::Discarded | Packet::More => Ok(Reply::Nothing),
            Packet::Refused(why) => Err(why),
            Packet::Last { content, key } => {
                let name = valid_file_name(frame.get(Field::FileName))?;
                received(dialect, name, Cow::Owned(content), key)
            }
        }
    }

    /// The key that opens a content (2.4).
    fn key(&self, connection: usize, frame: &Frame<'_>) -> Result<Key, &'static str> {
        let id = frame.header.client_id.unwrap_or_default();
        let own = self.connection_keys.get(&(connection, id));
        let stored = self.clients.get(&id).and_then(|client| client.key.as_ref());
        own.or(stored).cloned().ok_or("no key was exchanged")
    }

    pub(super) fn client(&self, frame: &Frame<'_>) -> Result<&Client, &'static str> {
        let id = frame.header.client_id.unwrap_or_default();
        self.clients.get(&id).ok_or("the client ID is unknown")
    }
}

/// A file that came whole.
fn received<'a>(
    dialect: &Dialect,
    name: &[u8],
    content: Cow<'a, [u8]>,
    key: Key,
) -> Result<Reply<'a>, &'static str> {
    if content.is_empty() || !content.len().is_multiple_of(oracle::BLOCK) {
        return Err("content-not-blocks");
    }
    let plain = match key {
        Key::Unknown => None,
        Key::Known(key) => {
            let plain = key.decrypt(&content).ok_or("padding")?;
            Some(Plain {
                cksum: oracle::checksum(dialect, &plain, &content),
                size: plain.len() as u64,
                digest: Sha256::digest(&plain).into(),
                key,
            })
        }
    };
    let size = match dialect.echoed_size {
        EchoedSize::Content => Some(content.len() as u64),
        EchoedSize::Plain => plain.as_ref().map(|plain| plain.size),
    };
    Ok(Reply::FileReceived(Box::new(Received {
        name: name.to_vec(),
        size: size.and_then(|size| u32::try_from(size).ok()),
        content,
        plain,
    })))
}

/// The answer to what a header alone makes impossible (2.10).
pub(super) fn impossible<'a>(
    dialect: &Dialect,
    kind: Option<Kind>,
    why: &'static str,
) -> Answer<'a> {
    Answer {
        reply: Reply::Negative {
            kind: dialect.negative(kind),
            why,
        },
        close: Close::MustOrReset,
    }
}

/// Why a request is refused by its header alone, if it is (2.10).
pub(super) fn impossible_header(dialect: &Dialect, header: &Header) -> Option<&'static str> {
    let Some(kind) = dialect.kind(Direction::Request, header.code) else {
        return Some("unknown-code");
    };
    let size = header.size as usize;
    let possible = match kind {
        Kind::SendFile => size >= frame::fixed_payload_size(dialect, kind),
        _ => size == frame::stated_payload(dialect, kind, size),
    };
    (!possible).then_some("payload-size")
}

pub(super) fn same_id(dialect: &Dialect, frame: &Frame<'_>) -> Result<(), &'static str> {
    if dialect.client_id_in_payload && frame.id(Field::PayloadClientId) != frame.header.client_id {
        return Err("client-id-mismatch");
    }
    Ok(())
}

/// The text of a name field that a server accepts (1.8).
pub(super) fn valid_name(field: &[u8]) -> Result<&[u8], &'static str> {
    let text = frame::name_text(field).ok_or("unterminated-name")?;
    if text.is_empty() {
        return Err("empty-name");
    }
    match std::str::from_utf8(text) {
        Ok(_) => Ok(text),
        Err(_) => Err("name-not-utf8"),
    }
}

/// The text of a file name that a server accepts (7.4).
fn valid_file_name(field: &[u8]) -> Result<&[u8], &'static str> {
    let name = valid_name(field)?;
    let text = String::from_utf8_lossy(name);
    let base = text.rsplit(['/', '\\']).next().unwrap_or_default();
    if base.is_empty() || base == "." || base == ".." || text.chars().any(char::is_control) {
        return Err("bad file name");
    }
    Ok(name)
}
