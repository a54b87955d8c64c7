//! One transmission of a file, and the packets that it is sent in (PROTOCOL.md 10.7).

use super::ContentSums;
use crate::crypto::AesKey;
use crate::dialect::{Dialect, FileTooLarge};
use crate::wire::{ClientId, Name, Packet, Request, SendFile, VERSION};

/// One transmission of a file.
#[derive(Clone, Debug)]
pub struct Transmission {
    /// Header and fixed fields, perhaps with a verdict before them.
    pub prefix: Vec<u8>,
    /// Bytes of content after them. Then comes what [`Packets::next_packet`] gives, and the content
    /// after that, until there is no more of either.
    pub first_packet: u32,
    /// What goes between the parts of the content.
    pub packets: Packets,
    /// What to encrypt the file with: one stream, however it is cut.
    pub key: AesKey,
    /// Bytes of the file. A file that has more or fewer by now cannot be sent.
    pub plain_size: u64,
    /// Bytes of content that it encrypts to.
    pub content_size: u32,
    /// Counts from 1; above 1 the server's cksum was wrong before.
    pub transmission: u8,
    /// To be fed with what is sent, and handed back in
    /// [`Event::ContentSent`](super::Event::ContentSent).
    pub sums: ContentSums,
    /// Whether an answer that comes before all is sent can only be a refusal: the rest would be sent for
    /// nothing, and [`Event::SendFailed`](super::Event::SendFailed) may be reported in its place.
    pub stop_if_answered: bool,
}

impl Transmission {
    /// The first transmission of a file by a client to a server of `dialect`.
    ///
    /// # Errors
    ///
    /// The file is too large for the dialect.
    pub fn new(
        dialect: &Dialect,
        client_id: ClientId,
        file_name: &Name,
        plain_size: u64,
        key: AesKey,
    ) -> Result<Self, FileTooLarge> {
        let content_size = dialect.content_size(plain_size)?;
        // A file of any size has at least one request.
        let first = SendFile::requests(dialect, plain_size, file_name)?.next();
        let first = first.unwrap_or_else(|| SendFile {
            content_size,
            packet: None,
            file_name: file_name.clone(),
        });
        Ok(Self {
            prefix: Request::SendFile(first.clone()).encode(dialect, client_id, VERSION),
            first_packet: first.size(),
            packets: Packets::after(first, dialect.clone(), client_id),
            key,
            plain_size,
            content_size,
            transmission: 1,
            sums: ContentSums::new([(dialect.checksum, dialect.checksum_input)]),
            stop_if_answered: true,
        })
    }
}

/// What goes between the parts of a content that is sent in several packets; nothing if it is one.
#[derive(Clone, Debug)]
pub struct Packets {
    dialect: Dialect,
    client_id: ClientId,
    last: SendFile,
    /// Bytes of content in a packet that is not the last.
    most: u32,
    /// Bytes of content after the last packet that was handed out.
    left: u32,
}

impl Packets {
    /// Those after `first`.
    fn after(first: SendFile, dialect: Dialect, client_id: ClientId) -> Self {
        let most = first.size();
        Self {
            dialect,
            client_id,
            left: first.content_size.saturating_sub(most),
            last: first,
            most,
        }
    }

    /// Header and fixed fields of the next packet, for one write with the first bytes of its content,
    /// and how many bytes of content it has.
    pub fn next_packet(&mut self) -> Option<(Vec<u8>, u32)> {
        let packet = self.last.packet.as_mut().filter(|_| self.left > 0)?;
        let size = self.left.min(self.most);
        *packet = Packet {
            number: packet.number.saturating_add(1),
            size,
            ..*packet
        };
        self.left = self.left.saturating_sub(size);
        let request = Request::SendFile(self.last.clone());
        Some((request.encode(&self.dialect, self.client_id, VERSION), size))
    }
}
