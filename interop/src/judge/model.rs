//! A model of the server: what it has to answer to every request, given all that reached it before
//! (PROTOCOL.md 2.9 to 2.11, 6.5). Since the data folder of a cell starts empty and every byte
//! passes the tap, the model leaves nothing to guess.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::dialect::{AfterAnswer, Dialect};
use crate::frame::{self, Frame, Id};
use crate::message::{Field, Kind};
use crate::oracle::{self, AesKey};

/// What the server has to do upon a request.
pub(super) enum Answer<'a> {
    /// Nothing, not even a close.
    Nothing,
    /// No word, but the end of the connection, without a reset.
    End,
    Registered {
        name: Vec<u8>,
    },
    Refused {
        /// A slug of PROTOCOL.md 11, or words.
        why: &'static str,
        /// The connection ends after it.
        close: bool,
    },
    AesKey {
        public_key: Vec<u8>,
    },
    FileReceived(Box<Received<'a>>),
}

/// What a 2103 has to say.
pub(super) struct Received<'a> {
    pub(super) name: Vec<u8>,
    pub(super) content_size: u32,
    /// The content, for likely causes.
    pub(super) content: &'a [u8],
    /// `None` where the examiner has no key to look into the content.
    pub(super) plain: Option<Plain>,
}

/// A decrypted content.
pub(super) struct Plain {
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
    connection: usize,
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
#[derive(Clone)]
pub(super) enum Key {
    Known(AesKey),
    /// There is one, but the examiner could not unwrap it.
    Unknown,
}

#[derive(Default)]
pub(super) struct Model {
    clients: BTreeMap<Id, Client>,
    names: BTreeSet<Vec<u8>>,
    uploads: Vec<Upload>,
    /// Keys of the last 1101 on each connection (2.4).
    connection_keys: BTreeMap<(usize, Id), Key>,
    /// Every key that was made: none may come twice.
    made: Vec<AesKey>,
}

struct Client {
    name: Vec<u8>,
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
        let closed = |why| Answer::Refused { why, close: true };
        if let Some(why) = impossible_header(dialect, frame.kind, frame.header.payload_size) {
            return closed(why);
        }
        let Some(kind) = frame.kind else {
            return closed("unknown-code");
        };
        let refused = |why| Answer::Refused { why, close: false };
        let answer = match kind {
            Kind::Register => self.register(frame),
            Kind::SendPublicKey => self.send_public_key(frame),
            Kind::SendFile => self.send_file(dialect, connection, frame),
            _ => return self.verdict(dialect, connection, kind, frame),
        };
        answer.unwrap_or_else(refused)
    }

    /// Takes in the client ID of a 2100; `false` if another client has it.
    pub(super) fn registered(&mut self, id: Id, name: Vec<u8>) -> bool {
        self.clients
            .insert(id, Client { name, key: None })
            .is_none()
    }

    /// Takes in the key of a 2102; `false` if it was made before.
    pub(super) fn key_made(&mut self, connection: usize, id: Id, key: Key) -> bool {
        let fresh = match &key {
            Key::Known(bytes) => {
                let fresh = !self.made.contains(bytes);
                self.made.push(bytes.clone());
                fresh
            }
            Key::Unknown => true,
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

    fn register<'a>(&mut self, frame: &Frame<'_>) -> Result<Answer<'a>, &'static str> {
        let name = valid_name(frame.get(Field::ClientName))?;
        if !self.names.insert(name.to_vec()) {
            return Err("the name is taken");
        }
        Ok(Answer::Registered {
            name: name.to_vec(),
        })
    }

    fn send_public_key<'a>(&self, frame: &Frame<'_>) -> Result<Answer<'a>, &'static str> {
        let client = self.client(frame)?;
        let name = valid_name(frame.get(Field::ClientName))?;
        if name != client.name {
            return Err("the name is not this client's");
        }
        let public_key = frame.get(Field::PublicKey);
        if let Some(fault) = oracle::public_key_fault(public_key, &oracle::accepted_exponents()) {
            return Err(fault.slug);
        }
        Ok(Answer::AesKey {
            public_key: public_key.to_vec(),
        })
    }

    fn send_file<'a>(
        &self,
        dialect: &Dialect,
        connection: usize,
        frame: &Frame<'a>,
    ) -> Result<Answer<'a>, &'static str> {
        let client = self.client(frame)?;
        same_id(dialect, frame)?;
        let content = frame.content();
        let content_size = frame.number(Field::ContentSize);
        if content_size as usize != content.len() {
            return Err("content-size-mismatch");
        }
        let name = valid_file_name(frame.get(Field::FileName))?;
        if content.is_empty() || !content.len().is_multiple_of(oracle::BLOCK) {
            return Err("content-not-blocks");
        }
        let id = frame.header.client_id.unwrap_or_default();
        let own = self.connection_keys.get(&(connection, id));
        let plain = match own.or(client.key.as_ref()) {
            None => return Err("no key was exchanged"),
            Some(Key::Unknown) => None,
            Some(Key::Known(key)) => {
                let plain = key.decrypt(content).ok_or("padding")?;
                Some(Plain {
                    cksum: oracle::cksum(&plain),
                    size: plain.len() as u64,
                    digest: Sha256::digest(&plain).into(),
                    key: key.clone(),
                })
            }
        };
        Ok(Answer::FileReceived(Box::new(Received {
            name: name.to_vec(),
            content_size,
            content,
            plain,
        })))
    }

    fn verdict(
        &mut self,
        dialect: &Dialect,
        connection: usize,
        kind: Kind,
        frame: &Frame<'_>,
    ) -> Answer<'static> {
        let after = dialect.after(kind);
        let allowed = self
            .client(frame)
            .and_then(|_| same_id(dialect, frame))
            .and_then(|()| valid_name(frame.get(Field::FileName)))
            .map(<[u8]>::to_vec);
        let answers = after.is_some_and(|after| after.answer == AfterAnswer::Refused);
        let closes = after.is_some_and(|after| after.close);
        let honoured = match (closes, answers) {
            (true, _) => Answer::End,
            (false, true) => Answer::Refused {
                why: "it is the answer to a verdict",
                close: false,
            },
            (false, false) => Answer::Nothing,
        };
        let name = match (allowed, kind) {
            (Ok(name), _) => name,
            // 1105 is never answered.
            (Err(_), Kind::CksumWrong) => return Answer::Nothing,
            (Err(_), Kind::GiveUp) if answers => return honoured,
            (Err(why), _) => return Answer::Refused { why, close: true },
        };
        let id = frame.header.client_id.unwrap_or_default();
        let found = self.judged_by(connection, &id, &name);
        match (kind, found) {
            (Kind::CksumRight, Some(at)) => {
                for (other, upload) in self.uploads.iter_mut().enumerate() {
                    let same = upload.client == id && upload.name == name;
                    if other == at {
                        upload.state = State::Verified;
                    } else if same && other < at && upload.state != State::Dropped {
                        upload.state = State::Superseded;
                    }
                }
                honoured
            }
            (Kind::CksumRight, None) => {
                let verified = |upload: &&Upload| upload.state == State::Verified;
                if self.of(&id, &name).any(|upload| verified(&upload)) {
                    honoured
                } else {
                    Answer::Refused {
                        why: "nothing waits under that name",
                        close: true,
                    }
                }
            }
            (_, Some(at)) => {
                if let Some(upload) = self.uploads.get_mut(at) {
                    upload.state = State::Dropped;
                }
                honoured
            }
            (_, None) => honoured,
        }
    }

    /// The upload that a verdict is about (6.5).
    fn judged_by(&self, connection: usize, id: &Id, name: &[u8]) -> Option<usize> {
        let mut waiting = self.uploads.iter().enumerate().rev().filter(|(_, upload)| {
            upload.client == *id && upload.name == name && upload.state == State::Waiting
        });
        let newest = waiting.clone().next();
        let own = waiting.find(|(_, upload)| upload.connection == connection);
        own.or(newest).map(|(at, _)| at)
    }

    fn of(&self, id: &Id, name: &[u8]) -> impl Iterator<Item = &Upload> {
        self.uploads
            .iter()
            .filter(move |upload| upload.client == *id && upload.name == name)
    }

    fn client(&self, frame: &Frame<'_>) -> Result<&Client, &'static str> {
        let id = frame.header.client_id.unwrap_or_default();
        self.clients.get(&id).ok_or("the client ID is unknown")
    }
}

/// Why a request is refused by its header alone, if it is (2.10).
pub(super) fn impossible_header(
    dialect: &Dialect,
    kind: Option<Kind>,
    payload_size: u32,
) -> Option<&'static str> {
    let Some(kind) = kind else {
        return Some("unknown-code");
    };
    let size = payload_size as usize;
    let fixed = frame::fixed_payload_size(dialect, kind);
    let possible = match kind {
        Kind::SendFile => size >= fixed,
        _ => size == fixed,
    };
    (!possible).then_some("payload-size")
}

fn same_id(dialect: &Dialect, frame: &Frame<'_>) -> Result<(), &'static str> {
    if dialect.client_id_in_payload && frame.id(Field::PayloadClientId) != frame.header.client_id {
        return Err("client-id-mismatch");
    }
    Ok(())
}

/// The text of a name field that a server accepts (1.8).
fn valid_name(field: &[u8]) -> Result<&[u8], &'static str> {
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
