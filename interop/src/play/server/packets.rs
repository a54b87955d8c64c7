//! The packets of a file (10.7).

use crate::frame::Frame;
use crate::message::Field;
use crate::oracle::{self, BLOCK};
use crate::play::server::{Fault, Server};

/// The file of which packets come on a connection.
#[derive(Default)]
pub(super) struct Packets {
    file: Option<File>,
    /// After a refusal: the number of the packet up to which all of that file are thrown away.
    discarding: Option<u32>,
}

struct File {
    name: Vec<u8>,
    content_size: u32,
    original_size: u32,
    total: u32,
    next: u32,
    content: Vec<u8>,
}

/// What becomes of a packet.
pub(super) enum Packet {
    /// It is not answered.
    Taken,
    Refused,
    Whole(Vec<u8>),
}

impl Server {
    /// Takes a packet in; `allowed` is whether its client, name and key are right.
    pub(super) fn packet(
        &self,
        packets: &mut Packets,
        request: &Frame<'_>,
        allowed: bool,
    ) -> Packet {
        let number = request.number(Field::PacketNumber) + u32::from(self.is(Fault::CountsFrom0));
        let total = request.number(Field::TotalPackets);
        let begins = number == 1 || (self.is(Fault::BeginsAnywhere) && packets.file.is_none());
        if begins && !(self.is(Fault::NeverBeginsAgain) && packets.file.is_some()) {
            *packets = Packets::default();
        }
        if let Some(last) = packets.discarding {
            if number == last {
                packets.discarding = None;
            }
            return Packet::Taken;
        }
        let announced = packets.file.as_ref().map_or(total, |file| file.total);
        let taken = allowed
            .then(|| self.add(packets, request, number, begins))
            .flatten();
        taken.unwrap_or_else(|| {
            packets.file = None;
            packets.discarding = (number < announced).then_some(announced);
            Packet::Refused
        })
    }

    fn add(
        &self,
        packets: &mut Packets,
        request: &Frame<'_>,
        number: u32,
        begins: bool,
    ) -> Option<Packet> {
        let mut total = request.number(Field::TotalPackets);
        let content_size = request.number(Field::ContentSize);
        let original_size = request.number(Field::OriginalSize);
        let name = request.get(Field::FileName);
        let content = request.content();
        if total == 0 && self.is(Fault::TakesTotal0) {
            total = 1;
        }
        if begins && packets.file.is_none() {
            let right = oracle::content_size(original_size.into()) == u64::from(content_size);
            let blocks = content_size > 0 && (content_size as usize).is_multiple_of(BLOCK);
            if total == 0 || !blocks || !(right || self.is(Fault::IgnoresOriginalSize)) {
                return None;
            }
            packets.file = Some(File {
                name: name.to_vec(),
                content_size,
                original_size,
                total,
                next: number,
                content: Vec::new(),
            });
        }
        let file = packets.file.as_mut()?;
        if number < file.next && self.is(Fault::TakesRepeatedPackets) {
            return Some(Packet::Taken);
        }
        if number > file.next && self.is(Fault::TakesMissingPackets) {
            file.next = number;
            file.content_size -= BLOCK as u32;
        }
        let same = number == file.next
            && (content_size == file.content_size
                || self.is(Fault::TakesAnotherContentSize)
                || self.is(Fault::TakesMissingPackets))
            && original_size == file.original_size
            && (total == file.total || self.is(Fault::TakesAnotherTotal))
            && (name == file.name || self.is(Fault::TakesAnotherName));
        if !same {
            return None;
        }
        if self.is(Fault::LastPacketOnly) {
            file.content.clear();
        }
        if self.is(Fault::WantsWholeBlocks) && !content.len().is_multiple_of(BLOCK) {
            return None;
        }
        file.content.extend_from_slice(content);
        let whole = file.content_size as usize;
        if self.is(Fault::TakesTooMuch) {
            file.content.truncate(whole);
        }
        let lenient = self.is(Fault::TakesTooLittle)
            || self.is(Fault::LastPacketOnly)
            || self.is(Fault::BeginsAnywhere);
        let short = number == file.total && file.content.len() < whole && !lenient;
        if file.content.len() > whole || short {
            return None;
        }
        file.next += 1;
        if number < file.total {
            return Some(Packet::Taken);
        }
        let file = packets.file.take()?;
        Some(Packet::Whole(file.content))
    }
}
