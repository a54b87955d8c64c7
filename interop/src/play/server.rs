//! The played server.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use socket2::SockRef;

use crate::dialect::{AfterAnswer, ConnectionUse, Dialect, EchoedSize, ReconnectKey};
use crate::frame::{self, Frame, Id};
use crate::message::{Direction, Field, Kind};
use crate::oracle::{self, AesKey};
use crate::play::{ServerArguments, ServerFault as Fault};
use crate::store::base_name;

/// The largest payload that it takes in: the matrix sends nothing larger than 64 MiB.
const LARGEST: usize = 128 << 20;

pub(super) fn run(arguments: ServerArguments) -> u8 {
    let server = Server {
        dialect: arguments.dialect,
        fault: arguments.fault,
        data: arguments.data,
        state: Mutex::default(),
    };
    match server.serve(&arguments.listen) {
        Ok(()) => 0,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            1
        }
    }
}

struct Server {
    dialect: Dialect,
    fault: Option<Fault>,
    data: PathBuf,
    state: Mutex<State>,
}

#[derive(Default, Serialize, Deserialize)]
struct State {
    clients: Vec<Client>,
    uploads: Vec<Upload>,
    stored: usize,
}

#[derive(Serialize, Deserialize)]
struct Client {
    id: Id,
    name: String,
    public_key: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
struct Upload {
    client: Id,
    name: String,
    path: PathBuf,
    verified: bool,
    /// The connection it came by; nobody has it after a restart.
    #[serde(skip)]
    connection: Option<usize>,
}

/// What follows a request.
#[derive(Default)]
struct Reply {
    bytes: Vec<u8>,
    close: bool,
    /// Not the end of what a client asked: a packet that is not the last one.
    unfinished: bool,
}

/// What a connection remembers.
#[derive(Default)]
struct Memory {
    keys: BTreeMap<Id, AesKey>,
    /// Content of the packets that have come.
    content: Vec<u8>,
}

impl Server {
    fn serve(self, listen: &str) -> io::Result<()> {
        if let Ok(text) = fs::read_to_string(self.data.join("state.json")) {
            let mut state: State = serde_json::from_str(&text)?;
            if self.fault == Some(Fault::ForgetsWaiting) {
                let (kept, gone) = state
                    .uploads
                    .into_iter()
                    .partition(|upload| upload.verified);
                state.uploads = kept;
                gone.iter()
                    .for_each(|upload| drop(fs::remove_file(&upload.path)));
            }
            *self.lock() = state;
        }
        let listener = TcpListener::bind(listen)?;
        let mut stdout = io::stdout();
        writeln!(stdout, "listening on {}", listener.local_addr()?)?;
        stdout.flush()?;
        thread::scope(|scope| {
            for (number, stream) in listener.incoming().enumerate() {
                let Ok(stream) = stream else { continue };
                let server = &self;
                scope.spawn(move || {
                    // A client that goes away is no concern of the others.
                    let _ = server.connection(number, &stream);
                });
            }
        });
        Ok(())
    }

    fn connection(&self, number: usize, mut stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut memory = Memory::default();
        loop {
            let bytes = match self.read_request(stream) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => return Ok(()),
                Err(error) => {
                    if self.fault == Some(Fault::DiesOfCut) {
                        std::process::exit(9);
                    }
                    return Err(error);
                }
            };
            let (frames, _) = frame::split(&self.dialect, Direction::Request, &bytes);
            let Some(request) = frames.first() else {
                return Ok(());
            };
            let reply = self.answer(number, request, &mut memory);
            match self.fault {
                Some(Fault::TwoWrites) if reply.bytes.len() > 8 => {
                    let (header, payload) = reply.bytes.split_at(5);
                    stream.write_all(header)?;
                    // Past Nagle and past the reader.
                    thread::sleep(Duration::from_millis(30));
                    stream.write_all(payload)?;
                }
                _ => stream.write_all(&reply.bytes)?,
            }
            if reply.close {
                return self.close(stream);
            }
        }
    }

    fn close(&self, mut stream: &TcpStream) -> io::Result<()> {
        if self.fault == Some(Fault::ResetAfterRight) {
            return SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
        stream.shutdown(Shutdown::Write)?;
        let mut rest = [0; 1024];
        while stream.read(&mut rest)? > 0 {}
        Ok(())
    }

    /// A whole request; `None` at the end of the stream.
    fn read_request(&self, mut stream: &TcpStream) -> io::Result<Option<Vec<u8>>> {
        if self.fault == Some(Fault::OneRead) {
            let mut bytes = vec![0; 1 << 20];
            let size = stream.read(&mut bytes)?;
            bytes.truncate(size);
            return Ok((size > 0).then_some(bytes));
        }
        let direction = Direction::Request;
        let mut bytes = vec![0; frame::header_size(&self.dialect, direction)];
        let (first, rest) = bytes.split_at_mut(1);
        if stream.read(first)? == 0 {
            return Ok(None);
        }
        stream.read_exact(rest)?;
        let header = frame::header(&self.dialect, direction, &bytes);
        let extent = header.map(|header| frame::extent(&self.dialect, direction, &header));
        let total = extent.map_or(0, |extent| extent.total);
        if total > LARGEST {
            return Ok(None);
        }
        let mut payload = vec![0; total.saturating_sub(bytes.len())];
        stream.read_exact(&mut payload)?;
        bytes.append(&mut payload);
        Ok(Some(bytes))
    }

    fn answer(&self, number: usize, request: &Frame<'_>, memory: &mut Memory) -> Reply {
        let id = request.header.client_id.unwrap_or_default();
        let refused = || Reply {
            bytes: self.negative(request.kind, &id),
            close: request.kind == Some(Kind::CksumRight) || request.kind.is_none(),
            ..Reply::default()
        };
        let answered = match request.kind {
            Some(Kind::Register) => self.register(request),
            Some(Kind::SendPublicKey) => self.send_public_key(&id, request, memory),
            Some(Kind::Reconnect) => Some(self.reconnect(&id, request, memory)),
            Some(Kind::SendFile) => self.send_file(number, &id, request, memory),
            Some(verdict) => self.verdict(number, &id, verdict, request),
            None => None,
        };
        let mut reply = answered.unwrap_or_else(refused);
        if self.fault == Some(Fault::PadsResponses) && !reply.bytes.is_empty() {
            reply.bytes.resize(1024, 0);
        }
        if self.fault == Some(Fault::PadsWithNoise)
            && let Some(last) = reply.bytes.last_mut()
        {
            *last = 1;
        }
        let per_request = self.dialect.connection == ConnectionUse::Request;
        if per_request && self.fault != Some(Fault::KeepsConnection) {
            reply.close |= !reply.unfinished;
        }
        self.save();
        reply
    }

    fn register(&self, request: &Frame<'_>) -> Option<Reply> {
        let name = text(request, Field::ClientName)?;
        let mut state = self.lock();
        let taken = state.clients.iter().any(|client| client.name == name);
        if taken && self.fault != Some(Fault::RegistersTwice) {
            return None;
        }
        let mut id: Id = rand::random();
        if let Some(first) = id.first_mut() {
            *first |= 1;
        }
        state.clients.push(Client {
            id,
            name,
            public_key: None,
            key: None,
        });
        Some(self.reply(Kind::Registered, &id))
    }

    fn send_public_key(&self, id: &Id, request: &Frame<'_>, memory: &mut Memory) -> Option<Reply> {
        let name = text(request, Field::ClientName)?;
        let mut state = self.lock();
        let client = state.clients.iter_mut().find(|client| client.id == *id)?;
        if client.name != name {
            return None;
        }
        client.public_key = Some(request.get(Field::PublicKey).to_vec());
        self.hand_out(client, memory, Kind::AesKey, None)
    }

    fn reconnect(&self, id: &Id, request: &Frame<'_>, memory: &mut Memory) -> Reply {
        let mut same = self.dialect.reconnect_key == ReconnectKey::Same;
        same ^= self.fault == Some(Fault::OtherReconnectKey);
        let name = text(request, Field::ClientName);
        let mut state = self.lock();
        let mut clients = state.clients.iter_mut();
        let client = clients.find(|client| client.id == *id && Some(&client.name) == name.as_ref());
        let reply = client.and_then(|client| {
            let stored = client.key.clone().filter(|_| same);
            self.hand_out(client, memory, Kind::Reconnected, stored)
        });
        let kind = match self.fault {
            Some(Fault::NoReconnectRefused) => Kind::Refused,
            _ => Kind::ReconnectRefused,
        };
        reply.unwrap_or_else(|| self.reply(kind, id))
    }

    /// Wraps an AES key, the stored one or a new one.
    fn hand_out(
        &self,
        client: &mut Client,
        memory: &mut Memory,
        kind: Kind,
        stored: Option<Vec<u8>>,
    ) -> Option<Reply> {
        let mut bytes = vec![7; self.dialect.aes_key_size];
        if self.fault != Some(Fault::SameKey) {
            bytes.iter_mut().for_each(|byte| *byte = rand::random());
        }
        let key = AesKey::new(stored.unwrap_or(bytes))?;
        let public = client.public_key.as_deref()?;
        let wrapped = match self.fault {
            Some(Fault::OaepSha256) => oracle::wrap_with_sha256(public, &key),
            _ => oracle::wrap(public, &key),
        };
        let wrapped = wrapped.ok()?;
        client.key = Some(key.bytes().to_vec());
        memory.keys.insert(client.id, key);
        Some(self.reply(kind, &[&client.id[..], &wrapped].concat()))
    }

    fn send_file(
        &self,
        number: usize,
        id: &Id,
        request: &Frame<'_>,
        memory: &mut Memory,
    ) -> Option<Reply> {
        let name = text(request, Field::FileName)?;
        let size = request.number(Field::ContentSize);
        let mut state = self.lock();
        let client = state.clients.iter().find(|client| client.id == *id)?;
        let stored = client
            .key
            .clone()
            .filter(|_| self.fault != Some(Fault::KeyInConnection));
        let key = memory.keys.get(id).cloned();
        let key = key.or_else(|| AesKey::new(stored?))?;
        if !self.same_id(request) {
            return None;
        }
        if !request.is_further_packet() || self.fault == Some(Fault::LastPacketOnly) {
            memory.content.clear();
        }
        memory.content.extend_from_slice(request.content());
        if request.is_unfinished_file() {
            let bytes = match self.fault {
                Some(Fault::AnswersEachPacket) => self.received(id, size, name.as_bytes(), 0),
                _ => Vec::new(),
            };
            return Some(Reply {
                bytes,
                close: false,
                unfinished: true,
            });
        }
        let content = std::mem::take(&mut memory.content);
        if size as usize != content.len() && self.fault != Some(Fault::LastPacketOnly) {
            return None;
        }
        let plain = match key.decrypt(&content) {
            Some(plain) => plain,
            None if self.fault == Some(Fault::ReceivedNothing) => Vec::new(),
            None => return None,
        };
        let folder = self.data.join(client.name.replace(['/', '.'], "_"));
        fs::create_dir_all(&folder).ok()?;
        let base = base_name(&name).to_owned();
        if self.fault == Some(Fault::OverwritesVerified) {
            state.uploads.retain(|upload| {
                let same = upload.client == *id && upload.name == name;
                if same {
                    drop(fs::remove_file(&upload.path));
                }
                !same
            });
        }
        state.stored += 1;
        let version = folder.join(state.stored.to_string());
        fs::create_dir_all(&version).ok()?;
        let path = version.join(&base);
        if !(plain.is_empty() && self.fault == Some(Fault::NoEmptyFiles)) {
            fs::write(&path, &plain).ok()?;
        }
        state.uploads.push(Upload {
            client: *id,
            name: name.clone(),
            path,
            verified: false,
            connection: Some(number),
        });
        let cksum = match self.fault {
            Some(Fault::ZlibCksum) => oracle::zlib_crc(&plain),
            Some(Fault::CksumOfContent) => oracle::cksum(&content),
            _ => oracle::checksum(&self.dialect, &plain, &content),
        };
        let mut echoes_plain = self.dialect.echoed_size == EchoedSize::Plain;
        echoes_plain ^= self.fault == Some(Fault::PlainContentSize);
        let size = if echoes_plain {
            plain.len() as u32
        } else {
            size
        };
        let echoed = match self.fault {
            Some(Fault::EchoesBaseName) => base,
            _ => name,
        };
        Some(Reply {
            bytes: self.received(id, size, echoed.as_bytes(), cksum),
            ..Reply::default()
        })
    }

    fn received(&self, id: &Id, size: u32, name: &[u8], cksum: u32) -> Vec<u8> {
        let dialect = &self.dialect;
        let values = frame::Values::default()
            .bytes(Field::ClientId, id)
            .number(dialect, Field::ContentSize, size)
            .bytes(Field::FileName, name)
            .number(dialect, Field::Cksum, cksum);
        let payload = frame::payload(dialect, Kind::FileReceived, &values);
        frame::response(dialect, Kind::FileReceived, &payload)
    }

    fn verdict(&self, number: usize, id: &Id, verdict: Kind, request: &Frame<'_>) -> Option<Reply> {
        let name = text(request, Field::FileName);
        let mut state = self.lock();
        let waiting = |upload: &Upload| {
            upload.client == *id && Some(&upload.name) == name.as_ref() && !upload.verified
        };
        let uploads = &mut state.uploads;
        let own = uploads
            .iter()
            .rposition(|upload| waiting(upload) && upload.connection == Some(number));
        let at = own.or_else(|| uploads.iter().rposition(waiting));
        let after = self.dialect.after(verdict)?;
        let mut reply = Reply {
            bytes: self.after(after.answer, id),
            close: after.close,
            unfinished: false,
        };
        match (verdict, at) {
            (Kind::CksumRight, None) => return None,
            (Kind::CksumRight, Some(at)) => {
                if let Some(upload) = uploads.get_mut(at) {
                    upload.verified = true;
                }
                match self.fault {
                    Some(Fault::ContraryAfterRight) => reply.close = !after.close,
                    Some(Fault::NoAcknowledgement) => reply.bytes.clear(),
                    _ => {}
                }
            }
            (_, Some(at)) => {
                let upload = uploads.remove(at);
                let kept = match verdict {
                    Kind::GiveUp => self.fault == Some(Fault::KeepsGivenUp),
                    _ => self.fault == Some(Fault::KeepsDropped),
                };
                if !kept {
                    drop(fs::remove_file(upload.path));
                }
            }
            (_, None) => {}
        }
        if verdict == Kind::CksumWrong && self.fault == Some(Fault::Answers1105) {
            reply.bytes = self.negative(Some(verdict), id);
        }
        Some(reply)
    }

    fn same_id(&self, request: &Frame<'_>) -> bool {
        !self.dialect.client_id_in_payload
            || request.id(Field::PayloadClientId) == request.header.client_id
    }

    /// What answers a verdict that is honoured.
    fn after(&self, answer: AfterAnswer, id: &Id) -> Vec<u8> {
        let other = self.fault == Some(Fault::OtherAcknowledgement);
        let acknowledged = |with_id: bool| {
            let payload: &[u8] = if with_id ^ other { id } else { &[] };
            frame::response(&self.dialect, Kind::Acknowledged, payload)
        };
        match answer {
            AfterAnswer::None => Vec::new(),
            AfterAnswer::Refused => self.says_no(Kind::Refused, id),
            AfterAnswer::GeneralError => self.says_no(Kind::GeneralError, id),
            AfterAnswer::Acknowledged => acknowledged(false),
            AfterAnswer::AcknowledgedWithId => acknowledged(true),
        }
    }

    fn negative(&self, request: Option<Kind>, id: &Id) -> Vec<u8> {
        match self.fault {
            Some(Fault::NoGeneralError) => self.says_no(Kind::Refused, id),
            _ => self.says_no(self.dialect.negative(request), id),
        }
    }

    fn says_no(&self, kind: Kind, id: &Id) -> Vec<u8> {
        let values = frame::Values::default().bytes(Field::ClientId, id);
        let payload = frame::payload(&self.dialect, kind, &values);
        frame::response(&self.dialect, kind, &payload)
    }

    fn reply(&self, kind: Kind, payload: &[u8]) -> Reply {
        Reply {
            bytes: frame::response(&self.dialect, kind, payload),
            ..Reply::default()
        }
    }

    /// Writes the state down before an answer leaves, so that it survives a kill.
    fn save(&self) {
        let text = serde_json::to_string(&*self.lock()).unwrap_or_default();
        let _ = replace(&self.data.join("state.json"), &text);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension(format!("{:x}", rand::random::<u64>()));
    fs::write(&new, text)?;
    fs::rename(new, path)
}

fn text(request: &Frame<'_>, field: Field) -> Option<String> {
    let text = frame::name_text(request.get(field))?;
    String::from_utf8(text.to_vec())
        .ok()
        .filter(|text| !text.is_empty())
}
