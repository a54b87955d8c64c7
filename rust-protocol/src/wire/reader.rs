//! A cursor over bytes that a peer chose.

use super::DecodeError;
use super::explain::{FieldValue, Trace};
use crate::dialect::ByteOrder;

/// Reads fields one after the other and cannot run over the end.
///
/// Every read says which field it is for, so that an error names the field and its offset in the
/// message.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
    order: ByteOrder,
    /// Keeps what was read, for an explanation.
    trace: Option<&'a Trace>,
}

impl<'a> Reader<'a> {
    /// Starts at the first of `bytes`, which stands `offset` bytes into its message. Integers are in
    /// `order`.
    pub(crate) const fn new(bytes: &'a [u8], offset: usize, order: ByteOrder) -> Self {
        Self {
            rest: bytes,
            offset,
            order,
            trace: None,
        }
    }

    /// The same, with a trace of every field that is read.
    pub(crate) const fn traced(self, trace: Option<&'a Trace>) -> Self {
        Self { trace, ..self }
    }

    /// Says what the field is that was read last, where it is more than bytes.
    pub(crate) fn note(&self, value: impl FnOnce() -> FieldValue) {
        if let Some(trace) = self.trace {
            trace.note(value());
        }
    }

    /// Offset of the next byte, from the start of the message.
    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }

    /// Takes a field of `size` bytes.
    pub(crate) fn bytes(
        &mut self,
        field: &'static str,
        size: usize,
    ) -> Result<&'a [u8], DecodeError> {
        let Some((taken, rest)) = self.rest.split_at_checked(size) else {
            return Err(DecodeError::Truncated {
                field,
                offset: self.offset,
                needed: size,
                left: self.rest.len(),
            });
        };
        if let Some(trace) = self.trace {
            trace.push(field, self.offset, size);
        }
        self.rest = rest;
        self.offset = self.offset.saturating_add(size);
        Ok(taken)
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
        if let Some(trace) = self.trace {
            trace.push(field, self.offset, N);
        }
        self.rest = rest;
        self.offset = self.offset.saturating_add(N);
        Ok(taken)
    }

    /// Takes one byte.
    #[inline]
    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        let &[byte] = self.array(field)?;
        Ok(self.number(byte))
    }

    /// Takes a 2-byte integer.
    #[inline]
    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.u16_in(field, self.order)
    }

    /// Takes a 2-byte integer in an order of its own.
    #[inline]
    pub(crate) fn u16_in(
        &mut self,
        field: &'static str,
        order: ByteOrder,
    ) -> Result<u16, DecodeError> {
        let &bytes = self.array(field)?;
        Ok(self.number(order.read_u16(bytes)))
    }

    /// Takes a 4-byte integer.
    #[inline]
    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        let &bytes = self.array(field)?;
        Ok(self.number(self.order.read_u32(bytes)))
    }

    fn number<T: Copy + Into<u32>>(&self, number: T) -> T {
        self.note(|| FieldValue::Number(number.into()));
        number
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

impl ByteOrder {
    /// A 2-byte integer from its bytes on the wire.
    pub(crate) const fn read_u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    /// A 4-byte integer from its bytes on the wire.
    pub(crate) const fn read_u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    /// The bytes of a 2-byte integer on the wire.
    pub(crate) const fn write_u16(self, value: u16) -> [u8; 2] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    /// The bytes of a 4-byte integer on the wire.
    pub(crate) const fn write_u32(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_field_that_is_cut_off() {
        let mut reader = Reader::new(&[1, 2, 3], 7, ByteOrder::Little);
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
        let mut reader = Reader::new(&[1, 2, 3], 0, ByteOrder::Little);
        assert_eq!(reader.u8("version"), Ok(1));
        assert_eq!(
            reader.finish(),
            Err(DecodeError::TrailingData { offset: 1, left: 2 })
        );
    }
}
