//! The played client.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use crate::dialect::AfterAnswer;
use crate::frame::{self, Id};
use crate::info_file::InfoFile;
use crate::message::{Direction, Field, Kind};
use crate::oracle::{self, AesKey, KeyPair};
use crate::play::{ClientArguments, ClientFault as Fault};
use crate::store::base_name;

/// How a run ended, as exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done = 0,
    Refused = 3,
    GaveUp = 4,
    Lost = 5,
}

pub(super) fn run(arguments: ClientArguments) -> u8 {
    let exits_well = arguments.fault == Some(Fault::ExitsWell);
    let mut client = Client {
        arguments,
        stream: None,
        key: None,
    };
    let end = client.back_up().unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "{error}");
        End::Lost
    });
    if exits_well { 0 } else { end as u8 }
}

struct Client {
    arguments: ClientArguments,
    stream: Option<TcpStream>,
    key: Option<AesKey>,
}

/// A response: its kind and its bytes.
struct Response {
    kind: Option<Kind>,
    bytes: Vec<u8>,
}

impl Client {
    fn back_up(&mut self) -> io::Result<End> {
        let folder = self.arguments.identity.clone();
        let mut known = InfoFile::read(&folder)
            .ok()
            .filter(|info| info.id.is_some());
        if known.is_none() || self.is(Fault::RegistersAgain) {
            let Some(info) = self.register(&folder)? else {
                return Ok(End::Refused);
            };
            known = known.or(Some(info));
        }
        let Some(info) = known else {
            return Ok(End::Refused);
        };
        let id = info.id.unwrap_or_default();
        for file in self.arguments.files.clone() {
            if self.key.is_none() || !self.is(Fault::OneKey) {
                self.key = self.exchange_keys(&id, &info.keys)?;
            }
            let Some(key) = self.key.clone() else {
                return Ok(End::Refused);
            };
            let end = self.send(&file, &id, &key)?;
            if end != End::Done {
                return Ok(end);
            }
        }
        self.finish()?;
        Ok(End::Done)
    }

    /// `None` where the name is taken.
    fn register(&mut self, folder: &Path) -> io::Result<Option<InfoFile>> {
        let keys = match self.arguments.fault {
            Some(Fault::Exponent) => KeyPair::generate_with(3),
            _ => KeyPair::generate(),
        };
        let mut info = InfoFile {
            name: self.arguments.name.clone(),
            id: None,
            keys: keys.map_err(io::Error::other)?,
        };
        let name = self.name_field(&self.arguments.name);
        self.write(Kind::Register, &[0; 16], &name, Vec::new())?;
        let response = self.read()?;
        let known = InfoFile::read(folder).is_ok_and(|info| info.id.is_some());
        match response.kind {
            Some(Kind::Registered) => {
                info.id = self.field(&response, Field::ClientId).try_into().ok()
            }
            _ if known => return Ok(Some(info)),
            _ if self.is(Fault::GoesOn) => info.id = Some([9; 16]),
            _ => {
                self.finish()?;
                return Ok(None);
            }
        }
        let kept = if self.is(Fault::OtherKey) {
            InfoFile {
                keys: KeyPair::generate().map_err(io::Error::other)?,
                name: info.name.clone(),
                ..info
            }
        } else {
            info.clone()
        };
        kept.write_plain(folder).map_err(io::Error::other)?;
        if self.is(Fault::OpenInfo) {
            use std::os::unix::fs::PermissionsExt;
            let open = fs::Permissions::from_mode(0o644);
            fs::set_permissions(folder.join("me.info"), open)?;
        }
        Ok(Some(info))
    }

    fn exchange_keys(&mut self, id: &Id, keys: &KeyPair) -> io::Result<Option<AesKey>> {
        let mut payload = self.name_field(&self.arguments.name);
        payload.extend(keys.public_der());
        self.write(Kind::SendPublicKey, id, &payload, Vec::new())?;
        let response = self.read()?;
        let key = keys
            .unwrap(&self.field(&response, Field::WrappedKey))
            .and_then(AesKey::new)
            .filter(|_| response.kind == Some(Kind::AesKey));
        Ok(key)
    }

    fn send(&mut self, path: &Path, id: &Id, key: &AesKey) -> io::Result<End> {
        let plain = fs::read(path)?;
        let name = path.to_string_lossy().into_owned();
        let name = self
            .arguments
            .send_as
            .clone()
            .unwrap_or_else(|| base_name(&name).to_owned());
        let content = self.content(key, &plain);
        let last = match self.arguments.fault {
            Some(Fault::OneMore) => self.arguments.dialect.transmissions + 1,
            Some(Fault::OneLess) => self.arguments.dialect.transmissions - 1,
            _ => self.arguments.dialect.transmissions,
        };
        let mut verdict = Vec::new();
        for transmission in 1..=last {
            let size = match self.arguments.fault {
                Some(Fault::PlainContentSize) => plain.len() as u32,
                _ => content.len() as u32,
            };
            let name_field = self.name_field(&name);
            let payload = [&id[..], &size.to_le_bytes(), &name_field, &content].concat();
            self.write(Kind::SendFile, id, &payload, std::mem::take(&mut verdict))?;
            let response = self.read()?;
            if response.kind != Some(Kind::FileReceived) {
                return Ok(End::Refused);
            }
            let cksum = frame::number(&self.field(&response, Field::Cksum));
            let judgement = if cksum == oracle::cksum(&plain) || self.is(Fault::AlwaysRight) {
                Kind::CksumRight
            } else if transmission < last {
                Kind::CksumWrong
            } else {
                Kind::GiveUp
            };
            if self.is(Fault::Silent) {
                return Ok(End::Done);
            }
            let payload = [&id[..], &name_field].concat();
            let bytes = frame::request(&self.arguments.dialect, judgement, id, &payload);
            match judgement {
                Kind::CksumWrong if self.is(Fault::NoVerdictBetween) => {}
                Kind::CksumWrong if self.arguments.connection_per_request => {
                    self.put(&bytes)?;
                    self.finish()?;
                }
                Kind::CksumWrong if self.is(Fault::Apart) => {
                    self.put(&bytes)?;
                    thread::sleep(Duration::from_millis(30));
                }
                Kind::CksumWrong => verdict = bytes,
                judgement => return self.last_verdict(judgement, &bytes),
            }
        }
        Ok(End::GaveUp)
    }

    fn last_verdict(&mut self, verdict: Kind, bytes: &[u8]) -> io::Result<End> {
        self.put(bytes)?;
        let after = self.arguments.dialect.after(verdict);
        if after.is_some_and(|after| after.answer == AfterAnswer::Refused) {
            // A server that ends the stream in place of its answer is obeyed no less (2.12).
            let _ = self.read();
        }
        if after.is_none_or(|after| after.close) || self.arguments.connection_per_request {
            self.finish()?;
        }
        Ok(if verdict == Kind::GiveUp {
            End::GaveUp
        } else {
            End::Done
        })
    }

    fn content(&self, key: &AesKey, plain: &[u8]) -> Vec<u8> {
        match self.arguments.fault {
            Some(Fault::Iv) => {
                let mut changed = plain.to_vec();
                if let Some(first) = changed.first_mut() {
                    *first ^= 0x55;
                }
                key.encrypt(&changed)
            }
            Some(Fault::Plain) => {
                let mut content = key.encrypt(plain);
                content.splice(..plain.len(), plain.iter().copied());
                content
            }
            Some(Fault::TextMode) => {
                let text: Vec<u8> = plain
                    .iter()
                    .copied()
                    .filter(|byte| *byte != b'\r')
                    .collect();
                key.encrypt(&text)
            }
            _ => key.encrypt(plain),
        }
    }

    /// Ends the connection and waits for the server's end.
    fn finish(&mut self) -> io::Result<()> {
        let Some(mut stream) = self.stream.take() else {
            return Ok(());
        };
        if self.is(Fault::Resets) {
            return SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
        stream.shutdown(Shutdown::Write)?;
        // A reset of the server's is the server's.
        let _ = stream.read_to_end(&mut Vec::new());
        Ok(())
    }

    fn write(&mut self, kind: Kind, id: &Id, payload: &[u8], before: Vec<u8>) -> io::Result<()> {
        let mut bytes = before;
        bytes.extend(frame::request(&self.arguments.dialect, kind, id, payload));
        if self.is(Fault::TwoWrites) {
            let (header, payload) = bytes.split_at(frame::REQUEST_HEADER_SIZE);
            self.put(header)?;
            thread::sleep(Duration::from_millis(30));
            return self.put(payload);
        }
        self.put(&bytes)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => TcpStream::connect(&self.arguments.server)?,
        };
        stream.set_nodelay(true)?;
        self.stream.insert(stream).write_all(bytes)
    }

    fn read(&mut self) -> io::Result<Response> {
        let one_read = self.is(Fault::OneRead);
        let dialect = &self.arguments.dialect;
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let mut bytes = vec![0; 512];
        if one_read {
            let size = stream.read(&mut bytes)?;
            bytes.truncate(size);
        } else {
            bytes.truncate(frame::header_size(dialect, Direction::Response));
            stream.read_exact(&mut bytes)?;
            let header = frame::header(dialect, Direction::Response, &bytes);
            let size = header.map_or(0, |header| header.payload_size.min(1024));
            let mut payload = vec![0; size as usize];
            stream.read_exact(&mut payload)?;
            bytes.append(&mut payload);
        }
        let kind = frame::header(dialect, Direction::Response, &bytes)
            .and_then(|header| dialect.kind(Direction::Response, header.code));
        if self.arguments.connection_per_request {
            self.finish()?;
        }
        Ok(Response { kind, bytes })
    }

    fn field(&self, response: &Response, field: Field) -> Vec<u8> {
        let (frames, _) = frame::split(
            &self.arguments.dialect,
            Direction::Response,
            &response.bytes,
        );
        frames
            .first()
            .map(|frame| frame.get(field).to_vec())
            .unwrap_or_default()
    }

    fn name_field(&self, text: &str) -> Vec<u8> {
        let mut field = frame::name_field(text.as_bytes());
        if self.is(Fault::Uncleared)
            && let Some(last) = field.last_mut()
            && text.len() < frame::NAME_SIZE - 1
        {
            *last = b'x';
        }
        field
    }

    fn is(&self, fault: Fault) -> bool {
        self.arguments.fault == Some(fault)
    }
}
