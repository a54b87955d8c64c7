//! A file that comes in packets (PROTOCOL.md 10.7).

use crate::wire::{ClientId, DecodeError, Packet, SendFile};

/// A file whose content is on its way.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) client: ClientId,
    /// Its only request, or that of packet 1.
    pub(super) first: SendFile,
    /// Bytes of content in the packets so far.
    received: u64,
    /// The packet that is due.
    next: u16,
}

impl Incoming {
    pub(super) fn new(client: ClientId, first: SendFile) -> Self {
        Self {
            client,
            received: first.size().into(),
            first,
            next: 2,
        }
    }

    /// Whether a request brings the last of a file.
    pub(super) fn is_last(file: &SendFile) -> bool {
        file.packet
            .is_none_or(|packet| packet.number == packet.total)
    }

    /// Judges a further packet by those before it.
    ///
    /// `offset` is where its content size stands.
    pub(super) fn take(&mut self, file: &SendFile, offset: usize) -> Result<(), DecodeError> {
        let mismatch = |field, distance: usize| {
            let offset = offset.saturating_add(distance);
            Err(DecodeError::PacketMismatch { field, offset })
        };
        let (Some(packet), Some(first)) = (file.packet, self.first.packet) else {
            return mismatch("packet", 0);
        };
        if file.content_size != self.first.content_size {
            return mismatch("content size", 0);
        }
        if packet.original_size != first.original_size {
            return mismatch("original size", 4);
        }
        if packet.number != self.next {
            return Err(out_of_order(&packet, offset, self.next));
        }
        if packet.total != first.total {
            return mismatch("total", 10);
        }
        if file.file_name != self.first.file_name {
            return mismatch("file name", 12);
        }
        let received = self.received.saturating_add(packet.size.into());
        let due = u64::from(file.content_size);
        if received > due || packet.number == packet.total && received < due {
            return Err(DecodeError::PacketOverflow {
                offset,
                expected: file.content_size,
                got: received,
            });
        }
        self.received = received;
        self.next = self.next.saturating_add(1);
        Ok(())
    }
}

/// A packet that is not the one that is due.
pub(super) const fn out_of_order(packet: &Packet, offset: usize, expected: u16) -> DecodeError {
    DecodeError::PacketNumber {
        offset: offset.saturating_add(8),
        number: packet.number,
        total: packet.total,
        expected,
    }
}

/// The packets of a file that was refused, and are on their way all the same: its sender does not read
/// between them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Following {
    /// The last of them.
    pub(super) total: u16,
    /// Bytes that may still be thrown away for them.
    pub(super) budget: u64,
}

/// What a request claims of its file, right or wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Claim {
    pub(super) content_size: u32,
    /// Bytes of content in this request.
    pub(super) size: u32,
    pub(super) number: u16,
    pub(super) total: u16,
}
