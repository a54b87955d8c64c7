//! The fixed-width field that carries client names and file names (PROTOCOL.md 1.8).

use core::ffi::CStr;
use core::fmt;

use super::{DecodeError, Reader};

/// A client name or a file name: 1 to 254 bytes of UTF-8 without NUL.
///
/// On the wire it always fills [`Name::SIZE`] bytes.
///
/// ```text
///   0        n     n + 1       255
///   +--------+-----+------------+
///   | text   | NUL | padding    |
///   +--------+-----+------------+
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Name(String);

/// Why a text does not fit a name field. The caller is at fault, not a peer.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NameError {
    /// The text is empty.
    #[error("a name cannot be empty")]
    Empty,
    /// The text has more than 254 bytes.
    #[error("a name of {0} bytes does not fit the field: 254 is the most")]
    TooLong(usize),
    /// The text has a NUL, which would end it early.
    #[error("a name cannot contain a NUL")]
    ContainsNul,
}

impl Name {
    /// Bytes that the field takes on the wire.
    pub const SIZE: usize = 255;

    /// Takes a text that fits the field.
    ///
    /// # Errors
    ///
    /// The text is empty, has more than 254 bytes, or has a NUL.
    pub fn new(text: &str) -> Result<Self, NameError> {
        match text.len() {
            0 => Err(NameError::Empty),
            len if len >= Self::SIZE => Err(NameError::TooLong(len)),
            _ if text.contains('\0') => Err(NameError::ContainsNul),
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a server stores a file under: see [`base_name`].
    #[must_use]
    pub fn base_name(&self) -> Option<&str> {
        base_name(&self.0)
    }

    /// Reads a field that stands alone, outside of a message.
    ///
    /// # Errors
    ///
    /// `truncated` or `trailing-data` if there are not exactly 255 bytes; `unterminated-name`,
    /// `empty-name` or `name-not-utf8`. Offsets are those in the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes, 0);
        let name = Self::read(&mut r, "name")?;
        r.finish()?;
        Ok(name)
    }

    /// The field, padded with NULs.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::SIZE);
        self.write(&mut out);
        out
    }

    /// Reads the field that the message calls `field`.
    ///
    /// The padding is not looked at: a peer that reuses its buffer leaves old text there.
    pub(crate) fn read(r: &mut Reader<'_>, field: &'static str) -> Result<Self, DecodeError> {
        let offset = r.offset();
        let bytes: &[u8; Self::SIZE] = r.array(field)?;
        let text = CStr::from_bytes_until_nul(bytes)
            .map_err(|_| DecodeError::UnterminatedName { field, offset })?
            .to_str()
            .map_err(|error| DecodeError::NameNotUtf8 {
                field,
                offset,
                valid: error.valid_up_to(),
            })?;

        // Text that ended at a NUL inside the field fits it and has no NUL: it can only be empty.
        Self::new(text).map_err(|_| DecodeError::EmptyName { field, offset })
    }

    /// Appends the field to `out`, padded with NULs so that equal names are equal bytes.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let end = out.len().saturating_add(Self::SIZE);
        out.extend_from_slice(self.0.as_bytes());
        out.resize(end, 0);
    }
}

impl fmt::Display for Name {
    /// Control characters are escaped: a name comes from a peer and goes to logs and terminals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if c.is_control() {
                write!(f, "{}", c.escape_default())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// The base name of a path as some platform writes it: what follows the last `/` or `\`.
///
/// `None` if no file can be stored under it: it is empty, `.`, `..`, or has a
/// control character (PROTOCOL.md 7.4).
#[must_use]
pub fn base_name(path: &str) -> Option<&str> {
    let base = path.rsplit(['/', '\\']).next()?;
    let usable = !matches!(base, "" | "." | "..") && !base.chars().any(char::is_control);
    usable.then_some(base)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Name, DecodeError> {
        Name::read(&mut Reader::new(bytes, 23), "file name")
    }

    #[test]
    fn ignores_what_follows_the_nul() {
        let mut bytes = [b'x'; Name::SIZE];
        bytes[..6].copy_from_slice(b"alice\0");
        bytes[7] = 0xFF;
        assert_eq!(read(&bytes).unwrap().as_str(), "alice");
    }

    #[test]
    fn stands_alone_in_exactly_its_size() {
        let name = Name::new("alice").unwrap();
        let field = name.encode();
        assert_eq!(Name::decode(&field), Ok(name));
        assert_eq!(Name::decode(&field[1..]).unwrap_err().slug(), "truncated");
        assert_eq!(
            Name::decode(&[&field[..], b"\0"].concat())
                .unwrap_err()
                .slug(),
            "trailing-data"
        );
    }

    #[test]
    fn rejects_a_field_without_a_nul() {
        assert_eq!(
            read(&[b'x'; Name::SIZE]).unwrap_err().slug(),
            "unterminated-name"
        );
    }

    #[test]
    fn rejects_a_field_that_begins_with_its_nul() {
        assert_eq!(read(&[0; Name::SIZE]).unwrap_err().slug(), "empty-name");
    }

    #[test]
    fn says_where_the_text_stops_being_utf8() {
        let mut bytes = [0; Name::SIZE];
        bytes[..4].copy_from_slice(b"ab\xFF\xFE");
        assert_eq!(
            read(&bytes),
            Err(DecodeError::NameNotUtf8 {
                field: "file name",
                offset: 23,
                valid: 2
            })
        );
    }

    #[test]
    fn takes_254_bytes_and_not_255() {
        assert!(Name::new(&"n".repeat(254)).is_ok());
        assert_eq!(Name::new(&"n".repeat(255)), Err(NameError::TooLong(255)));
        assert_eq!(Name::new(""), Err(NameError::Empty));
        assert_eq!(Name::new("a\0b"), Err(NameError::ContainsNul));
    }

    #[test]
    fn takes_the_base_name_after_either_separator() {
        for (path, base) in [
            ("plain.txt", Some("plain.txt")),
            ("/home/u/a.txt", Some("a.txt")),
            (r"C:\docs\b.txt", Some("b.txt")),
            (r"mixed/dir\c", Some("c")),
            ("dir/", None),
            ("..", None),
            (r"..\..", None),
            ("a\n", None),
            ("di\u{7}r/a", Some("a")),
        ] {
            assert_eq!(base_name(path), base, "{path:?}");
        }
    }

    #[test]
    fn escapes_control_characters_when_shown() {
        assert_eq!(
            Name::new("a\u{1b}[2Jb").unwrap().to_string(),
            "a\\u{1b}[2Jb"
        );
    }
}
