//! The played client.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use crate::dialect::{AfterAnswer, ConnectionUse, Dialect};
use crate::frame::{self, Id, Values};
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
        if self.dialect().reconnects()
            && !self.is(Fault::NoReconnect)
            && let Some(info) = &known
        {
            let id = info.id.unwrap_or_default();
            self.key = self.reconnect(&id, &info.keys)?;
            if self.key.is_none() {
                if self.is(Fault::Discards) {
                    fs::remove_file(folder.join("me.info"))?;
                }
                let keys = self.is(Fault::KeepsPair).then(|| info.keys.clone());
                known = self.register(&folder, keys)?;
            }
        } else if known.is_none() || self.is(Fault::RegistersAgain) {
            let registered = self.register(&folder, None)?;
            if registered.is_none() {
                return Ok(End::Refused);
            }
            known = known.or(registered);
        }
        let Some(info) = known else {
            return Ok(End::Refused);
        };
        let id = info.id.unwrap_or_default();
        for (number, file) in self.arguments.files.clone().iter().enumerate() {
            let again = number > 0 && !self.is(Fault::OneKey);
            if self.key.is_none() || again {
                self.key = self.exchange_keys(&id, &info.keys)?;
            }
            let Some(key) = self.key.clone() else {
                return Ok(End::Refused);
            };
            let end = self.send(file, &id, &key)?;
            if end != End::Done {
                return Ok(end);
            }
        }
        self.finish()?;
        Ok(End::Done)
    }

    fn dialect(&self) -> &Dialect {
        &self.arguments.dialect
    }

    /// The key that a reconnect brings; `None` where it is refused.
    fn reconnect(&mut self, id: &Id, keys: &KeyPair) -> io::Result<Option<AesKey>> {
        let name = self.name_field(&self.arguments.name);
        self.write(Kind::Reconnect, id, &name, Vec::new())?;
        let response = self.read()?;
        let key = keys.unwrap(&self.field(&response, Field::WrappedKey));
        Ok(key
            .and_then(AesKey::new)
            .filter(|_| response.kind == Some(Kind::Reconnected)))
    }

    /// `None` where the name is taken.
    fn register(&mut self, folder: &Path, keys: Option<KeyPair>) -> io::Result<Option<InfoFile>> {
        let keys = match (keys, self.arguments.fault) {
            (Some(keys), _) => Ok(keys),
            (None, Some(Fault::Exponent)) => KeyPair::generate_with(3),
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
            _ if known && !self.dialect().reconnects() => return Ok(Some(info)),
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
        let transmissions = self.dialect().transmissions;
        let last = match self.arguments.fault {
            Some(Fault::OneMore) => transmissions + 1,
            Some(Fault::OneLess) => transmissions - 1,
            _ => transmissions,
        };
        let right = oracle::checksum(self.dialect(), &plain, &content);
        let name_field = self.name_field(&name);
        let mut verdict = Vec::new();
        for transmission in 1..=last {
            let before = std::mem::take(&mut verdict);
            self.send_content(id, &plain, &content, &name_field, before)?;
            let response = self.read_answer()?;
            if response.kind != Some(Kind::FileReceived) {
                return Ok(End::Refused);
            }
            let cksum = self
                .dialect()
                .byte_order
                .number(&self.field(&response, Field::Cksum));
            let judgement = if cksum == right || self.is(Fault::AlwaysRight) {
                Kind::CksumRight
            } else if transmission < last {
                Kind::CksumWrong
            } else {
                Kind::GiveUp
            };
            if self.is(Fault::Silent) {
                return Ok(End::Done);
            }
            let values = Values::default()
                .bytes(Field::PayloadClientId, id)
                .bytes(Field::FileName, &name_field);
            let payload = frame::payload(self.dialect(), judgement, &values);
            let bytes = frame::request(self.dialect(), judgement, id, &payload);
            let after = self.dialect().after(judgement);
            let read = after.is_some_and(|after| {
                matches!(
                    after.answer,
                    AfterAnswer::Refused | AfterAnswer::GeneralError
                )
            });
            let ends = after.is_none_or(|after| after.close) || self.per_request();
            match judgement {
                Kind::CksumWrong if self.is(Fault::NoVerdictBetween) => {}
                Kind::CksumWrong if read => {
                    self.put(&bytes)?;
                    self.read()?;
                }
                Kind::CksumWrong if ends => {
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

    /// The 1103, or all packets of it.
    fn send_content(
        &mut self,
        id: &Id,
        plain: &[u8],
        content: &[u8],
        name_field: &[u8],
        mut before: Vec<u8>,
    ) -> io::Result<()> {
        let most = match self.dialect().packet_size as usize {
            0 => content.len(),
            size if self.is(Fault::LargePackets) => size + 16,
            size => size,
        };
        let packets: Vec<_> = content.chunks(most).collect();
        for (number, packet) in (1_u32..).zip(&packets) {
            let size = match self.arguments.fault {
                Some(Fault::PlainContentSize) => plain.len(),
                Some(Fault::PacketContentSize) => packet.len(),
                _ => content.len(),
            };
            let number = number - u32::from(self.is(Fault::PacketsFrom0));
            let dialect = self.dialect();
            let values = Values::default()
                .bytes(Field::PayloadClientId, id)
                .number(dialect, Field::ContentSize, size as u32)
                .number(dialect, Field::OriginalSize, plain.len() as u32)
                .number(dialect, Field::PacketNumber, number)
                .number(dialect, Field::TotalPackets, packets.len() as u32)
                .bytes(Field::FileName, name_field)
                .bytes(Field::Content, packet);
            let payload = frame::payload(dialect, Kind::SendFile, &values);
            self.write(Kind::SendFile, id, &payload, std::mem::take(&mut before))?;
        }
        Ok(())
    }

    /// An answer that is due, behind acknowledgements that are not waited for (2.12).
    fn read_answer(&mut self) -> io::Result<Response> {
        loop {
            let response = self.read()?;
            if response.kind != Some(Kind::Acknowledged) {
                return Ok(response);
            }
        }
    }

    fn per_request(&self) -> bool {
        let dialect = self.dialect().connection == ConnectionUse::Request;
        self.arguments.connection_per_request || (dialect && !self.is(Fault::KeepsConnection))
    }

    fn last_verdict(&mut self, verdict: Kind, bytes: &[u8]) -> io::Result<End> {
        self.put(bytes)?;
        let after = self.arguments.dialect.after(verdict);
        if after.is_some_and(|after| after.answer != AfterAnswer::None) {
            // A server that ends the stream in place of its answer is obeyed no less (2.12).
            let _ = self.read();
        }
        if after.is_none_or(|after| after.close) || self.per_request() {
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
            Some(Fault::PacketsAlone) if self.dialect().packet_size > 0 => {
                let size = self.dialect().packet_size as usize;
                let whole = key.encrypt(plain);
                let padded = key.decrypt_blocks(&whole);
                let alone = |part: &[u8]| {
                    let mut content = key.encrypt(part);
                    content.truncate(part.len());
                    content
                };
                padded.chunks(size).flat_map(alone).collect()
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
            let (header, payload) =
                bytes.split_at(frame::header_size(self.dialect(), Direction::Request));
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
            let extent = header.map(|header| frame::extent(dialect, Direction::Response, &header));
            let total = extent.map_or(0, |extent| extent.total.min(4096));
            let mut payload = vec![0; total.saturating_sub(bytes.len())];
            stream.read_exact(&mut payload)?;
            bytes.append(&mut payload);
        }
        let kind = frame::header(dialect, Direction::Response, &bytes)
            .and_then(|header| dialect.kind(Direction::Response, header.code));
        if self.per_request() {
            self.finish()?;
        }
        Ok(Response { kind, bytes })
    }

    fn field(&self, response: &Response, field: Field) -> Vec<u8> {
        let (frames, _) = frame::split(self.dialect(), Direction::Response, &response.bytes);
        frames
            .first()
            .map(|frame| frame.get(field).to_vec())
            .unwrap_or_default()
    }

    fn name_field(&self, text: &str) -> Vec<u8> {
        let mut field = frame::name_field(self.dialect(), text.as_bytes());
        if self.is(Fault::Uncleared)
            && let Some(last) = field.last_mut()
            && text.len() < self.dialect().name_width - 1
        {
            *last = b'x';
        }
        field
    }

    fn is(&self, fault: Fault) -> bool {
        self.arguments.fault == Some(fault)
    }
}
