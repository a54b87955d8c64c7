//! The fields of a file, and of a packet of one (PROTOCOL.md 2.3, 10.7).

use super::{DecodeError, Name, Reader, RequestHeader, RequestKind};
use crate::dialect::{Dialect, FileTooLarge};

/// `client ID 16 (D), content size 4, packet fields 8 (D), file name 255`, and then the content, which
/// is not held here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SendFile {
    /// Bytes of the *encrypted* content of the file: a positive multiple of 16
    /// ([`Parameters::content_size`](crate::dialect::Parameters::content_size)).
    pub content_size: u32,
    /// Which part of the file this is; there in exactly the dialects that have packet fields. Without
    /// it all content follows.
    pub packet: Option<Packet>,
    /// The file name as sent.
    pub file_name: Name,
}

/// `original size 4, packet number 2, total 2` (PROTOCOL.md 10.7)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Packet {
    /// Bytes of the plaintext of the whole file.
    pub original_size: u32,
    /// Which packet this is, from 1 to the total.
    pub number: u16,
    /// In how many packets the file comes.
    pub total: u16,
    /// Bytes of content that follow in this packet. It is no field: the payload size says it.
    pub size: u32,
}

impl SendFile {
    /// Bytes of content that follow this request.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.packet.map_or(self.content_size, |packet| packet.size)
    }

    /// The requests that a file of `plain_size` bytes goes out in: one, or as many as the dialect's
    /// packet size makes of it.
    ///
    /// ```
    /// use backup_protocol::Dialect;
    /// use backup_protocol::wire::{Name, SendFile};
    ///
    /// let dialect = Dialect::parse("2024a,packet=32")?;
    /// let requests = SendFile::requests(&dialect, 70, &Name::new("a.txt")?)?;
    /// let sizes: Vec<_> = requests.map(|request| request.size()).collect();
    /// assert_eq!(sizes, [32, 32, 16]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Parameters::content_size`](crate::dialect::Parameters::content_size).
    pub fn requests(
        dialect: &Dialect,
        plain_size: u64,
        file_name: &Name,
    ) -> Result<impl Iterator<Item = Self> + use<>, FileTooLarge> {
        let content_size = dialect.content_size(plain_size)?;
        let packets = dialect.packets;
        let most = match dialect.packet_size.bytes() {
            0 => content_size,
            size => size.min(content_size),
        };
        // No content size is 0; packets that cannot be numbered were too large a file.
        let total = u16::try_from(content_size.div_ceil(most.max(1))).unwrap_or(u16::MAX);
        let original_size = u32::try_from(plain_size).unwrap_or(u32::MAX);
        let file_name = file_name.clone();
        Ok((1..=total).map(move |number| {
            let before = u32::from(number.saturating_sub(1)).saturating_mul(most);
            let packet = packets.then(|| Packet {
                original_size,
                number,
                total,
                size: content_size.saturating_sub(before).min(most),
            });
            Self {
                content_size,
                packet,
                file_name: file_name.clone(),
            }
        }))
    }
}

impl SendFile {
    /// Appends content size, packet fields and file name.
    pub(super) fn write_fields(&self, dialect: &Dialect, out: &mut Vec<u8>) {
        out.extend_from_slice(&dialect.byte_order.write_u32(self.content_size));
        if dialect.packets {
            let Packet {
                original_size,
                number,
                total,
                ..
            } = self.packet.unwrap_or(Packet {
                original_size: 0,
                number: 1,
                total: 1,
                size: 0,
            });
            out.extend_from_slice(&dialect.byte_order.write_u32(original_size));
            out.extend_from_slice(&dialect.packet_byte_order.write_u16(number));
            out.extend_from_slice(&dialect.packet_byte_order.write_u16(total));
        }
        self.file_name.write(dialect.name_width, out);
    }

    /// Reads content size, packet fields and file name.
    pub(super) fn read_fields(
        r: &mut Reader<'_>,
        header: &RequestHeader,
        dialect: &Dialect,
    ) -> Result<Self, DecodeError> {
        let offset = r.offset();
        let content_size = r.u32("content size")?;
        let size = header
            .payload_size
            .saturating_sub(dialect.request_fixed_size(RequestKind::SendFile));
        if !dialect.packets && content_size != size {
            return Err(DecodeError::ContentSizeMismatch {
                offset,
                expected: size,
                got: content_size,
            });
        }
        if content_size == 0 || !content_size.is_multiple_of(16) {
            return Err(DecodeError::ContentNotBlocks {
                offset,
                got: content_size,
            });
        }
        let packet = match dialect.packets {
            true => Some(read_packet(r, dialect, content_size, size)?),
            false => None,
        };
        let file_name = Name::read(r, "file name", dialect.name_width)?;
        // What the packet claims of the whole file comes first; only then is what it brings looked at.
        let whole = packet.is_none_or(|packet| packet.total == 1);
        if size > content_size || whole && size < content_size {
            return Err(DecodeError::PacketOverflow {
                offset,
                expected: content_size,
                got: size.into(),
            });
        }
        Ok(Self {
            content_size,
            packet,
            file_name,
        })
    }
}

fn read_packet(
    r: &mut Reader<'_>,
    dialect: &Dialect,
    content_size: u32,
    size: u32,
) -> Result<Packet, DecodeError> {
    let offset = r.offset();
    let original_size = r.u32("original size")?;
    let needed = crate::crypto::content_size(original_size.into());
    if needed != u64::from(content_size) {
        return Err(DecodeError::ContentSizeMismatch {
            offset,
            expected: u32::try_from(needed).unwrap_or(u32::MAX),
            got: content_size,
        });
    }
    let offset = r.offset();
    let number = r.u16_in("packet number", dialect.packet_byte_order)?;
    let total = r.u16_in("total packets", dialect.packet_byte_order)?;
    if number == 0 || number > total {
        return Err(DecodeError::PacketNumber {
            offset,
            number,
            total,
            expected: 1,
        });
    }
    Ok(Packet {
        original_size,
        number,
        total,
        size,
    })
}
