//! A cursor over bytes that a peer chose.

use super::DecodeError;

/// Reads fields one after the other and cannot run over the end.
///
/// Every read says which field it is for, so that an error names the field and its offset in the
/// message.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first of `bytes`, which stands `offset` bytes into its message.
    pub(crate) const fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self {
            rest: bytes,
            offset,
        }
    }

    /// Offset of the next byte, from the start of the message.
    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }

    /// Takes a field of `N` bytes.
    pub(crate) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<&'a [u8; N], DecodeError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(DecodeError::Truncated {
                field,
                offset: self.offset,
                needed: N,
                left: self.rest.len(),
            });
        };
        self.rest = rest;
        self.offset = self.offset.saturating_add(N);
        Ok(taken)
    }

    /// Takes one byte.
    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.array(field).map(|&[byte]| byte)
    }

    /// Takes a 2-byte integer, least significant byte first.
    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.array(field).map(|bytes| u16::from_le_bytes(*bytes))
    }

    /// Takes a 4-byte integer, least significant byte first.
    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.array(field).map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// Ends the reading: bytes that no field claimed are an error.
    pub(crate) const fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::TrailingData {
                offset: self.offset,
                left: self.rest.len(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_field_that_is_cut_off() {
        let mut reader = Reader::new(&[1, 2, 3], 7);
        assert_eq!(reader.u16("code"), Ok(0x0201));
        assert_eq!(
            reader.u32("size"),
            Err(DecodeError::Truncated {
                field: "size",
                offset: 9,
                needed: 4,
                left: 1
            })
        );
    }

    #[test]
    fn refuses_bytes_that_no_field_claimed() {
        let mut reader = Reader::new(&[1, 2, 3], 0);
        assert_eq!(reader.u8("version"), Ok(1));
        assert_eq!(
            reader.finish(),
            Err(DecodeError::TrailingData { offset: 1, left: 2 })
        );
    }
}
