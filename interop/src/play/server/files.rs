//! 1103: whose it is, what is in it, and where it goes.

use std::fs;
use std::path::PathBuf;

use crate::dialect::EchoedSize;
use crate::frame::{self, Frame, Id};
use crate::message::{Field, Kind};
use crate::oracle::{self, AesKey, BLOCK};
use crate::play::server::packets::Packet;
use crate::play::server::state::{State, Upload};
use crate::play::server::{Fault, Memory, Reply, Server};
use crate::store::base_name;

impl Server {
    pub(super) fn send_file(
        &self,
        id: &Id,
        request: &Frame<'_>,
        memory: &mut Memory,
    ) -> Option<Reply> {
        let name = self.file_name(request);
        let size = request.number(Field::ContentSize);
        let mut state = self.lock();
        let nothing = |name: &str| {
            let bytes = self.received(id, size, name.as_bytes(), oracle::cksum(b""));
            Reply {
                bytes,
                ..Reply::default()
            }
        };
        let known = state.clients.iter().any(|client| client.id == *id);
        if let (false, Some(name), true) = (known, &name, self.is(Fault::ReceivesFromStrangers)) {
            return Some(nothing(name));
        }
        let key = self.key(&state, id, memory);
        if let (true, None, Some(name), true) =
            (known, &key, &name, self.is(Fault::ReceivesWithoutKey))
        {
            return Some(nothing(name));
        }
        let mut allowed = known && name.is_some() && key.is_some() && self.same_id(request);
        allowed &= self.allows(&state, id, name.as_deref(), memory);
        let content = if self.dialect.packets {
            match self.packet(&mut memory.packets, request, allowed) {
                Packet::Refused => return None,
                Packet::Whole(content) => content,
                Packet::Taken => {
                    let bytes = match self.fault {
                        Some(Fault::AnswersEachPacket) => self.received(id, size, b"", 0),
                        _ => Vec::new(),
                    };
                    return Some(Reply {
                        bytes,
                        close: false,
                        unfinished: true,
                    });
                }
            }
        } else {
            request.content().to_vec()
        };
        let (name, key) = (name.filter(|_| allowed)?, key?);
        if !self.dialect.packets && !self.sizes_agree(size, content.len()) {
            return None;
        }
        let plain = self.plaintext(&state, &key, &content)?;
        self.keep(&mut state, id, &name, &plain, memory)?;
        let cksum = self.cksum(&state, id, &name, &plain, &content);
        let mut echoes_plain = self.dialect.echoed_size == EchoedSize::Plain;
        echoes_plain ^= self.is(Fault::PlainContentSize);
        let size = if echoes_plain {
            plain.len() as u32
        } else {
            size
        };
        Some(Reply {
            bytes: self.received(id, size, &self.echo(&name, request), cksum),
            ..Reply::default()
        })
    }

    /// What some faults do not allow.
    fn allows(&self, state: &State, id: &Id, name: Option<&str>, memory: &Memory) -> bool {
        let client = state.clients.iter().find(|client| client.id == *id);
        let name = name.unwrap_or_default();
        let first = name.split('/').next().unwrap_or_default();
        !match self.fault {
            Some(Fault::RefusesFileFirst) => memory.requests == 1,
            Some(Fault::TwoFilesAClient) => client.is_some_and(|client| client.files >= 2),
            Some(Fault::SendsOnce) => memory.after_wrong,
            Some(Fault::CountsTransmissions) => client.is_some_and(|client| client.wrong >= 4),
            Some(Fault::MakesFolders) => state
                .uploads
                .iter()
                .any(|upload| upload.client == *id && upload.name == first && first != name),
            _ => false,
        }
    }

    /// The key that opens a content (2.4).
    fn key(&self, state: &State, id: &Id, memory: &Memory) -> Option<AesKey> {
        let client = state.clients.iter().find(|client| client.id == *id)?;
        let stored = client.key.clone().and_then(AesKey::new);
        let own = memory.keys.get(id).cloned();
        match self.fault {
            Some(Fault::KeyInConnection) => own,
            Some(Fault::OneKeyPerClient) => stored,
            _ => own.or(stored),
        }
    }

    fn sizes_agree(&self, stated: u32, there: usize) -> bool {
        let size = stated as usize;
        if there == 0 {
            return self.is(Fault::TakesContentSize0);
        }
        match size {
            _ if size == there => {
                there.is_multiple_of(BLOCK) || self.is(Fault::TakesContentNotBlocks)
            }
            _ if size > 1 << 30 => self.is(Fault::TakesContentSizeOf4Gib),
            _ if !size.is_multiple_of(BLOCK) => self.is(Fault::TakesPlaintextSize),
            _ if size < there => self.is(Fault::TakesSmallContentSize),
            _ => self.is(Fault::TakesLargeContentSize),
        }
    }

    fn plaintext(&self, state: &State, key: &AesKey, content: &[u8]) -> Option<Vec<u8>> {
        let plain = key.decrypt(content);
        let blocks = || key.decrypt_blocks(content);
        let last = || {
            let at = content.len().saturating_sub(2 * BLOCK);
            // The last block opens with the one before it.
            let end = key.decrypt_blocks(content.get(at..).unwrap_or_default());
            end.last().copied().unwrap_or_default()
        };
        if plain.is_none() {
            let takes = match (self.fault?, last()) {
                (Fault::ReceivedNothing, _) => return Some(Vec::new()),
                (Fault::TakesContentSize0, _) => content.is_empty(),
                (Fault::TakesContentNotBlocks, _) => !content.len().is_multiple_of(BLOCK),
                (Fault::TakesPadding0, 0) => true,
                (Fault::TakesPadding17, 17..) => true,
                (Fault::ChecksLastByteAlone, 1..=16) => true,
                (Fault::TakesTooLittle | Fault::BeginsAnywhere | Fault::TakesMissingPackets, _) => {
                    true
                }
                (Fault::AnyKeyOpens, _) => {
                    let keys = state.clients.iter().filter_map(|client| client.key.clone());
                    let mut keys = keys.filter_map(AesKey::new);
                    return keys.find_map(|key| key.decrypt(content));
                }
                _ => false,
            };
            return takes.then(blocks);
        }
        let mut plain = plain?;
        match self.fault {
            Some(Fault::RefusesEmptyFiles) if plain.is_empty() => return None,
            Some(Fault::RefusesOneByte) if plain.len() == 1 => return None,
            Some(Fault::KeepsPaddingOf1) if last() == 1 => plain.push(1),
            Some(Fault::KeepsWholeBlock) if last() == 16 => plain = blocks(),
            Some(Fault::Loses17thByte) if plain.len() == 17 => drop(plain.pop()),
            Some(Fault::TextMode) => plain.retain(|byte| *byte != b'\r'),
            Some(Fault::StopsAtNul) => {
                let end = plain.iter().position(|byte| *byte == 0);
                plain.truncate(end.unwrap_or(plain.len()));
            }
            Some(Fault::DecodesText) => {
                plain = String::from_utf8_lossy(&plain).into_owned().into_bytes();
            }
            Some(Fault::StripsZeros) => {
                while plain.last() == Some(&0) {
                    plain.pop();
                }
            }
            _ => {}
        }
        Some(plain)
    }

    fn cksum(&self, state: &State, id: &Id, name: &str, plain: &[u8], content: &[u8]) -> u32 {
        let first = |most: usize| oracle::cksum(plain.get(..most).unwrap_or(plain));
        match self.fault {
            Some(Fault::ZlibCksum) => oracle::zlib_crc(plain),
            Some(Fault::CksumOfContent) => oracle::cksum(content),
            Some(Fault::CksumWithoutLength) => oracle::cksum_without_length(plain),
            Some(Fault::CutsAt1024) => first(1 << 10),
            Some(Fault::CutsAt4096) => first(4 << 10),
            Some(Fault::CutsAt65536) => first(64 << 10),
            Some(Fault::CutsAt1Mib) => first(1 << 20),
            Some(Fault::Appends) => {
                let of_name = |upload: &&Upload| upload.client == *id && upload.name == name;
                let versions = state.uploads.iter().filter(of_name);
                let all: Vec<_> = versions
                    .filter_map(|upload| fs::read(&upload.path).ok())
                    .collect();
                oracle::cksum(&all.concat())
            }
            _ => oracle::checksum(&self.dialect, plain, content),
        }
    }

    /// Stores a version of a file.
    fn keep(
        &self,
        state: &mut State,
        id: &Id,
        name: &str,
        plain: &[u8],
        memory: &Memory,
    ) -> Option<()> {
        if self.is(Fault::OverwritesVerified) {
            state.uploads.retain(|upload| {
                let same = upload.client == *id && upload.name == name;
                if same {
                    drop(fs::remove_file(&upload.path));
                }
                !same
            });
        }
        state.stored += 1;
        let path = self.path(state, name);
        let late = self.is(Fault::WritesLate).then(|| plain.to_vec());
        if late.is_none() && !(plain.is_empty() && self.is(Fault::NoEmptyFiles)) {
            fs::create_dir_all(path.parent()?).ok()?;
            fs::write(&path, plain).ok()?;
        }
        if let Some(client) = state.clients.iter_mut().find(|client| client.id == *id) {
            client.files += 1;
        }
        state.uploads.push(Upload {
            client: *id,
            name: name.to_owned(),
            path,
            verified: false,
            connection: Some(memory.number),
            late,
        });
        Some(())
    }

    fn path(&self, state: &State, name: &str) -> PathBuf {
        let base = match base_name(name) {
            "" | "." | ".." => "nameless",
            base => base,
        };
        // No name field without a NUL is a name for the file system.
        let end = base
            .char_indices()
            .map(|(at, _)| at)
            .take_while(|at| *at < 250)
            .last();
        let base = base.get(..end.map_or(0, |end| end + 1)).unwrap_or("file");
        let version = self.data.join("files").join(state.stored.to_string());
        match self.fault {
            Some(Fault::WritesAbsolutePaths) if name.starts_with('/') => name.into(),
            Some(Fault::WritesToParentFolders) if name.starts_with("..") => self.data.join(name),
            Some(Fault::SharesFolder) => self.data.join("files").join(base.replace('\0', "_")),
            _ => version.join(base.replace('\0', "_")),
        }
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

    fn same_id(&self, request: &Frame<'_>) -> bool {
        !self.dialect.client_id_in_payload
            || request.id(Field::PayloadClientId) == request.header.client_id
            || self.is(Fault::TakesOtherPayloadId)
    }

    /// Takes a file for received whose client has vanished, as a fault has it.
    pub(super) fn keep_cut_upload(&self, request: &Frame<'_>, memory: &Memory) {
        let id = request.header.client_id.unwrap_or_default();
        if let Some(name) = self.file_name(request) {
            let mut state = self.lock();
            let _ = self.keep(&mut state, &id, &name, request.content(), memory);
        }
    }
}
