//! Which fields a message has in a dialect, and how wide they are.

use crate::dialect::{Alignment, Dialect, RefusedPayload, SizeCounts};
use crate::frame::{Header, ID_SIZE, WRAPPED_KEY_SIZE};
use crate::message::{Direction, Field, Kind};

/// How far the message of a header reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Bytes of the payload.
    pub(crate) payload: usize,
    /// Bytes of header, payload and padding.
    pub(crate) total: usize,
}

/// Reads from a header how far its message reaches (1.6, 10.3).
pub(crate) fn extent(dialect: &Dialect, direction: Direction, header: &Header) -> Extent {
    let kind = dialect.kind(direction, header.code);
    let header_size = header_size(dialect, direction);
    let size = header.size as usize;
    let counts = match direction {
        Direction::Request => SizeCounts::Payload,
        Direction::Response => dialect.size_counts,
    };
    if counts == SizeCounts::Padded {
        // Where the payload ends within what is counted, only the message tells.
        let payload = kind.map_or(size, |kind| fixed_payload_size(dialect, kind).min(size));
        return Extent {
            payload,
            total: header_size.saturating_add(size),
        };
    }
    let payload = match counts {
        SizeCounts::Message => size.saturating_sub(header_size),
        _ => size,
    };
    Extent {
        payload,
        total: header_size
            .saturating_add(payload)
            .max(padding(dialect, direction, kind)),
    }
}

/// What the size field of a message has to say.
pub(crate) fn size_field(dialect: &Dialect, kind: Kind, payload: usize) -> usize {
    let direction = kind.direction();
    let header_size = header_size(dialect, direction);
    match (direction, dialect.size_counts) {
        (Direction::Request, _) | (_, SizeCounts::Payload) => payload,
        (_, SizeCounts::Message) => header_size + payload,
        (_, SizeCounts::Padded) => {
            (header_size + payload).max(dialect.response_padding) - header_size
        }
    }
}

/// The bytes that a message of this kind is padded to.
pub(super) fn padding(dialect: &Dialect, direction: Direction, kind: Option<Kind>) -> usize {
    match (direction, kind) {
        (Direction::Response, _) => dialect.response_padding,
        (Direction::Request, Some(Kind::SendFile) | None) => 0,
        (Direction::Request, Some(_)) => dialect.request_padding,
    }
}

/// Size of a header in bytes.
pub(crate) fn header_size(dialect: &Dialect, direction: Direction) -> usize {
    sum(&header_fields(dialect, direction))
}

/// Size of the payload of a message without the content that may follow; of those that come in two
/// sizes, the one that the dialect asks for.
pub(crate) fn fixed_payload_size(dialect: &Dialect, kind: Kind) -> usize {
    sum(&payload_fields(dialect, kind, None))
}

/// The payload size of a message as its header states it, where its kind can have that size; else the
/// one of [`fixed_payload_size`].
pub(crate) fn stated_payload(dialect: &Dialect, kind: Kind, stated: usize) -> usize {
    sum(&payload_fields(dialect, kind, Some(stated)))
}

pub(super) fn header_fields(dialect: &Dialect, direction: Direction) -> Vec<(Field, usize)> {
    let mut fields = Vec::new();
    if direction == Direction::Request {
        fields.push((Field::ClientId, ID_SIZE));
    }
    fields.push((Field::Version, 1));
    if dialect.alignment == Alignment::Natural {
        // The code stands at an even offset then, and the size at a multiple of its own width.
        fields.push((Field::Alignment, 1));
    }
    let size_width = match direction {
        Direction::Request => 4,
        Direction::Response => dialect.response_size_width,
    };
    fields.extend([(Field::Code, 2), (Field::PayloadSize, size_width)]);
    fields
}

/// The fields of a payload. `stated` is its size as the header has it: some messages come in two.
pub(super) fn payload_fields(
    dialect: &Dialect,
    kind: Kind,
    stated: Option<usize>,
) -> Vec<(Field, usize)> {
    let id = (Field::ClientId, ID_SIZE);
    let name = (Field::FileName, dialect.name_width);
    let client_name = (Field::ClientName, dialect.name_width);
    let repeated = dialect
        .client_id_in_payload
        .then_some((Field::PayloadClientId, ID_SIZE));
    let mut fields = Vec::new();
    match kind {
        Kind::Register | Kind::Reconnect => fields.push(client_name),
        Kind::SendPublicKey => {
            let sizes = &dialect.public_key_sizes;
            let key = stated
                .and_then(|size| size.checked_sub(dialect.name_width))
                .filter(|size| sizes.contains(size))
                .or_else(|| sizes.first().copied())
                .unwrap_or_default();
            fields.extend([client_name, (Field::PublicKey, key)]);
        }
        Kind::SendFile => {
            fields.extend(repeated);
            fields.push((Field::ContentSize, 4));
            if dialect.packets {
                fields.extend([
                    (Field::OriginalSize, 4),
                    (Field::PacketNumber, 2),
                    (Field::TotalPackets, 2),
                ]);
            }
            fields.push(name);
        }
        Kind::CksumRight | Kind::CksumWrong | Kind::GiveUp => {
            fields.extend(repeated);
            fields.push(name);
        }
        Kind::Registered | Kind::ReconnectRefused => fields.push(id),
        Kind::Refused => {
            fields.extend((dialect.refused_payload == RefusedPayload::ClientId).then_some(id));
        }
        Kind::AesKey | Kind::Reconnected => {
            fields.extend([id, (Field::WrappedKey, WRAPPED_KEY_SIZE)]);
        }
        Kind::FileReceived => {
            for received in &dialect.file_received_fields {
                let field = received.field();
                let width = match field {
                    Field::ClientId => ID_SIZE,
                    Field::FileName => dialect.name_width,
                    _ => 4,
                };
                fields.push((field, width));
            }
            if dialect.cksum_width > 4 {
                fields.push((Field::Zeros, dialect.cksum_width - 4));
            }
        }
        Kind::Acknowledged => {
            // One dialect may have both: which is due is the verdict's affair.
            let with_id =
                stated.map_or_else(|| dialect.acknowledges_with_id(), |size| size >= ID_SIZE);
            fields.extend(with_id.then_some(id));
        }
        Kind::GeneralError => {}
    }
    fields
}

fn sum(fields: &[(Field, usize)]) -> usize {
    fields.iter().map(|(_, width)| width).sum()
}
