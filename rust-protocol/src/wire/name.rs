//! The fixed-width field that carries client names and file names (PROTOCOL.md 1.8).

use core::ffi::CStr;
use core::fmt;

use super::explain::FieldValue;
use super::{DecodeError, Reader};
use crate::dialect::{ByteOrder, Dialect, NameWidth};

/// A client name or a file name: 1 to 254 bytes of UTF-8 without NUL.
///
/// On the wire it always fills the dialect's width.
///
/// ```text
///   0        n     n + 1   255 or 256
///   +--------+-----+------------+
///   | text   | NUL | padding    |
///   +--------+-----+------------+
/// ```
///
/// A field of 256 bytes has room for a text of 255, and one that a peer sends is taken; nothing else
/// makes a name of that size.
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
    /// Bytes of the longest text that fits the field of every dialect.
    pub const MAX: usize = 254;

    /// Takes a text that fits the field.
    ///
    /// # Errors
    ///
    /// The text is empty, has more than 254 bytes, or has a NUL.
    pub fn new(text: &str) -> Result<Self, NameError> {
        match text.len() {
            0 => Err(NameError::Empty),
            len if len > Self::MAX => Err(NameError::TooLong(len)),
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
    /// `truncated` or `trailing-data` if there are not exactly as many bytes as the field has;
    /// `unterminated-name`, `empty-name` or `name-not-utf8`. Offsets are those in the field.
    pub fn decode(bytes: &[u8], dialect: &Dialect) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes, 0, ByteOrder::Little);
        let name = Self::read(&mut r, "name", dialect.name_width)?;
        r.finish()?;
        Ok(name)
    }

    /// The field, padded with NULs.
    #[must_use]
    pub fn encode(&self, dialect: &Dialect) -> Vec<u8> {
        let mut out = Vec::with_capacity(dialect.name_width.bytes());
        self.write(dialect.name_width, &mut out);
        out
    }

    /// Reads the field that the message calls `field`.
    ///
    /// The padding is not looked at: a peer that reuses its buffer leaves old text there.
    pub(crate) fn read(
        r: &mut Reader<'_>,
        field: &'static str,
        width: NameWidth,
    ) -> Result<Self, DecodeError> {
        let offset = r.offset();
        let bytes = r.bytes(field, width.bytes())?;
        r.note(|| {
            let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
            FieldValue::Text(String::from_utf8_lossy(text).into_owned())
        });
        let text = CStr::from_bytes_until_nul(bytes)
            .map_err(|_| DecodeError::UnterminatedName { field, offset })?
            .to_str()
            .map_err(|error| DecodeError::NameNotUtf8 {
                field,
                offset,
                valid: error.valid_up_to(),
            })?;
        if text.is_empty() {
            return Err(DecodeError::EmptyName { field, offset });
        }
        Ok(Self(text.to_owned()))
    }

    /// Appends the field to `out`, padded with NULs so that equal names are equal bytes.
    pub(crate) fn write(&self, width: NameWidth, out: &mut Vec<u8>) {
        let end = out.len().saturating_add(width.bytes());
        // A text from a wider field than this one would leave no room for its NUL.
        let room = width.bytes().saturating_sub(1);
        out.extend(self.0.bytes().take(room));
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

    const SIZE: usize = 255;

    fn read(bytes: &[u8]) -> Result<Name, DecodeError> {
        let mut r = Reader::new(bytes, 23, ByteOrder::Little);
        Name::read(&mut r, "file name", NameWidth::Name255)
    }

    #[test]
    fn ignores_what_follows_the_nul() {
        let mut bytes = [b'x'; SIZE];
        bytes[..6].copy_from_slice(b"alice\0");
        bytes[7] = 0xFF;
        assert_eq!(read(&bytes).unwrap().as_str(), "alice");
    }

    #[test]
    fn stands_alone_in_exactly_the_width_of_the_dialect() {
        for (text, width) in [("seed", 255), ("seed,name=256", 256)] {
            let dialect = Dialect::parse(text).unwrap();
            let name = Name::new("alice").unwrap();
            let field = name.encode(&dialect);
            assert_eq!(field.len(), width);
            assert_eq!(Name::decode(&field, &dialect), Ok(name));
            let slug = |bytes: &[u8]| Name::decode(bytes, &dialect).unwrap_err().slug();
            assert_eq!(slug(&field[1..]), "truncated");
            assert_eq!(slug(&[&field[..], b"\0"].concat()), "trailing-data");
        }
    }

    #[test]
    fn a_wide_field_has_room_for_255_bytes_and_a_narrow_one_keeps_its_nul() {
        let dialect = |text| Dialect::parse(text).unwrap();
        let mut field = [b'x'; 256];
        field[255] = 0;
        let name = Name::decode(&field, &dialect("seed,name=256")).unwrap();
        assert_eq!(name.as_str().len(), 255);
        assert_eq!(name.encode(&dialect("seed,name=256")), field);
        let narrow = name.encode(&dialect("seed"));
        assert_eq!((narrow.len(), narrow[253], narrow[254]), (255, b'x', 0));
    }

    #[test]
    fn rejects_a_field_without_a_nul() {
        assert_eq!(read(&[b'x'; SIZE]).unwrap_err().slug(), "unterminated-name");
    }

    #[test]
    fn rejects_a_field_that_begins_with_its_nul() {
        assert_eq!(read(&[0; SIZE]).unwrap_err().slug(), "empty-name");
    }

    #[test]
    fn says_where_the_text_stops_being_utf8() {
        let mut bytes = [0; SIZE];
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
