//! Why some bytes are not the message that they should be.

/// Bytes that are not a message of the dialect. The peer is at fault in every variant.
///
/// `offset` counts from the first byte of the *message*, header included, so that it can be found in
/// a hex dump of the connection.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end inside a field.
    #[error("{field} at offset {offset} needs {needed} bytes, {left} are left")]
    Truncated {
        /// The field that could not be read.
        field: &'static str,
        /// Where it begins.
        offset: usize,
        /// Its size in bytes.
        needed: usize,
        /// The bytes that were there.
        left: usize,
    },
    /// Bytes follow the last field.
    #[error("{left} bytes follow the last field, from offset {offset}")]
    TrailingData {
        /// Where the message should have ended.
        offset: usize,
        /// How many bytes follow.
        left: usize,
    },
    /// A name field has no NUL.
    #[error("{field} at offset {offset} has no NUL")]
    UnterminatedName {
        /// The name field.
        field: &'static str,
        /// Where it begins.
        offset: usize,
    },
    /// A name field begins with its NUL.
    #[error("{field} at offset {offset} is empty")]
    EmptyName {
        /// The name field.
        field: &'static str,
        /// Where it begins.
        offset: usize,
    },
    /// The text of a name field is not UTF-8.
    #[error("{field} at offset {offset} is not UTF-8 after {valid} bytes")]
    NameNotUtf8 {
        /// The name field.
        field: &'static str,
        /// Where it begins.
        offset: usize,
        /// How many of its first bytes are UTF-8.
        valid: usize,
    },
    /// No message of the dialect has this code.
    #[error("unknown code {code}")]
    UnknownCode {
        /// The code.
        code: u16,
        /// Where it stands.
        offset: usize,
    },
    /// No message with this code can have this payload size, judged from the header alone.
    #[error("a payload size of {got} with code {code}, expected {expected}")]
    PayloadSize {
        /// The code of the message.
        code: u16,
        /// Where the payload size stands.
        offset: usize,
        /// The only size, or the smallest one for a request that carries content.
        expected: u32,
        /// The size in the header.
        got: u32,
    },
    /// The content size of a send file request is not what its payload size, or in packets the
    /// original size, asks for.
    #[error("a content size of {got} where {expected} is left or needed")]
    ContentSizeMismatch {
        /// Where the size stands that contradicts one before it.
        offset: usize,
        /// What follows from the other size. Saturates.
        expected: u32,
        /// The content size.
        got: u32,
    },
    /// The content size is 0 or not a multiple of 16.
    #[error("a content size of {got} is not a positive multiple of 16")]
    ContentNotBlocks {
        /// Where the content size stands.
        offset: usize,
        /// The content size.
        got: u32,
    },
    /// A packet number is 0, above the total, or not the one that is due.
    #[error("packet {number} of {total} where packet {expected} is due")]
    PacketNumber {
        /// Where the packet number stands.
        offset: usize,
        /// The number.
        number: u16,
        /// The total.
        total: u16,
        /// The number that is due; 1 where no file is under way.
        expected: u16,
    },
    /// A packet contradicts the first one of its file.
    #[error("the {field} is not that of the first packet")]
    PacketMismatch {
        /// The field that differs.
        field: &'static str,
        /// Where it stands.
        offset: usize,
    },
    /// The packets hold more than the content size says, or with the last one less.
    #[error("{got} bytes in the packets so far of {expected}")]
    PacketOverflow {
        /// Where the content size stands.
        offset: usize,
        /// The content size.
        expected: u32,
        /// Bytes of content in all packets up to this one.
        got: u64,
    },
    /// The client IDs of header and payload differ. Neither is shown: they are credentials.
    #[error("the client ID of the payload is not that of the header")]
    ClientIdMismatch {
        /// Where the client ID of the payload stands.
        offset: usize,
    },
    /// The bytes that fill up the checksum field are not zero.
    #[error("the bytes after the cksum, from offset {offset}, are not zero")]
    CksumPadding {
        /// Where the filling begins.
        offset: usize,
    },
}

impl DecodeError {
    /// The name of this reason in all languages and in the vectors (PROTOCOL.md 11).
    #[must_use]
    pub const fn slug(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "truncated",
            Self::TrailingData { .. } => "trailing-data",
            Self::UnterminatedName { .. } => "unterminated-name",
            Self::EmptyName { .. } => "empty-name",
            Self::NameNotUtf8 { .. } => "name-not-utf8",
            Self::UnknownCode { .. } => "unknown-code",
            Self::PayloadSize { .. } => "payload-size",
            Self::ContentSizeMismatch { .. } => "content-size-mismatch",
            Self::ContentNotBlocks { .. } => "content-not-blocks",
            Self::PacketNumber { .. } => "packet-number",
            Self::PacketMismatch { .. } => "packet-mismatch",
            Self::PacketOverflow { .. } => "packet-overflow",
            Self::ClientIdMismatch { .. } => "client-id-mismatch",
            Self::CksumPadding { .. } => "cksum-padding",
        }
    }

    /// The section of PROTOCOL.md that the bytes break.
    #[must_use]
    pub const fn section(&self) -> &'static str {
        match self {
            Self::Truncated { .. } | Self::TrailingData { .. } => "1.4",
            Self::UnterminatedName { .. } | Self::EmptyName { .. } | Self::NameNotUtf8 { .. } => {
                "1.8"
            }
            Self::UnknownCode { .. } => "2",
            Self::PayloadSize { .. } => "2.10",
            Self::ContentSizeMismatch { .. } | Self::ContentNotBlocks { .. } => "2.3",
            Self::PacketNumber { .. }
            | Self::PacketMismatch { .. }
            | Self::PacketOverflow { .. } => "10.7",
            Self::ClientIdMismatch { .. } => "2.2",
            Self::CksumPadding { .. } => "2.7",
        }
    }

    /// Where the trouble begins, from the first byte of the message, header included.
    #[must_use]
    pub const fn offset(&self) -> usize {
        match *self {
            Self::Truncated { offset, .. }
            | Self::TrailingData { offset, .. }
            | Self::UnterminatedName { offset, .. }
            | Self::EmptyName { offset, .. }
            | Self::NameNotUtf8 { offset, .. }
            | Self::UnknownCode { offset, .. }
            | Self::PayloadSize { offset, .. }
            | Self::ContentSizeMismatch { offset, .. }
            | Self::ContentNotBlocks { offset, .. }
            | Self::PacketNumber { offset, .. }
            | Self::PacketMismatch { offset, .. }
            | Self::PacketOverflow { offset, .. }
            | Self::ClientIdMismatch { offset }
            | Self::CksumPadding { offset } => offset,
        }
    }
}
