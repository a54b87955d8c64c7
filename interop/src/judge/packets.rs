//! The packets of a file as a server takes them in (PROTOCOL.md 10.7).

use crate::frame::Frame;
use crate::judge::model::Key;
use crate::message::Field;
use crate::oracle;

/// The file of which packets come on one connection.
#[derive(Default)]
pub(super) struct Packets {
    file: Option<File>,
    /// After a refusal: the number of the packet up to which all of that file are thrown away.
    discarding: Option<u32>,
}

/// What the first packet of a file said, and what has come of it.
struct File {
    name: Vec<u8>,
    content_size: u32,
    original_size: u32,
    total: u32,
    next: u32,
    content: Vec<u8>,
    /// Fixed by the first packet.
    key: Key,
}

/// What becomes of a packet.
pub(super) enum Packet {
    /// It belongs to a file that is refused.
    Discarded,
    More,
    /// A reason of PROTOCOL.md 11.
    Refused(&'static str),
    Last {
        content: Vec<u8>,
        key: Key,
    },
}

impl Packets {
    /// Takes a packet in. `allowed` is what its header and name make of it: the key, or a reason to refuse.
    pub(super) fn take(&mut self, frame: &Frame<'_>, allowed: Result<Key, &'static str>) -> Packet {
        let number = frame.number(Field::PacketNumber);
        let total = frame.number(Field::TotalPackets);
        if number == 1 {
            *self = Self::default();
        }
        if let Some(last) = self.discarding {
            if number == last {
                self.discarding = None;
            }
            return Packet::Discarded;
        }
        let announced = self.file.as_ref().map_or(total, |file| file.total);
        match self.add(frame, number, total, allowed) {
            Ok(packet) => packet,
            Err(why) => {
                self.file = None;
                self.discarding = (number < announced).then_some(announced);
                Packet::Refused(why)
            }
        }
    }

    fn add(
        &mut self,
        frame: &Frame<'_>,
        number: u32,
        total: u32,
        allowed: Result<Key, &'static str>,
    ) -> Result<Packet, &'static str> {
        let key = allowed?;
        let content_size = frame.number(Field::ContentSize);
        let original_size = frame.number(Field::OriginalSize);
        let name = frame.get(Field::FileName);
        if number == 1 {
            if content_size == 0 || !(content_size as usize).is_multiple_of(oracle::BLOCK) {
                return Err("content-not-blocks");
            }
            if oracle::content_size(original_size.into()) != u64::from(content_size) {
                return Err("content-size-mismatch");
            }
            if total == 0 {
                return Err("packet-number");
            }
            self.file = Some(File {
                name: name.to_vec(),
                content_size,
                original_size,
                total,
                next: 1,
                content: Vec::new(),
                key,
            });
        }
        let file = self.file.as_mut().ok_or("packet-number")?;
        if number != file.next {
            return Err("packet-number");
        }
        let same = content_size == file.content_size
            && original_size == file.original_size
            && total == file.total
            && name == file.name;
        if !same {
            return Err("packet-mismatch");
        }
        file.content.extend_from_slice(frame.content());
        let whole = file.content_size as usize;
        if file.content.len() > whole || (number == total && file.content.len() < whole) {
            return Err("packet-overflow");
        }
        file.next += 1;
        if number < total {
            return Ok(Packet::More);
        }
        let file = self.file.take().ok_or("packet-number")?;
        Ok(Packet::Last {
            content: file.content,
            key: file.key,
        })
    }
}
