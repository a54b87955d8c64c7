//! The credential of a client (PROTOCOL.md 1.9).

use std::fmt;

use rsa::rand_core::CryptoRng;

/// 16 opaque bytes that the server chose, the only credential of a client (PROTOCOL.md 1.9).
///
/// `Debug` and `Display` show the first four bytes, enough to tell clients apart in a log and too
/// little to act as one. The whole ID is had from [`ClientId::as_bytes`] and
/// [`ClientId::reveal_hex`], whose name is meant to be seen in a review.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ClientId([u8; Self::SIZE]);

impl ClientId {
    /// Bytes that an ID takes on the wire.
    pub const SIZE: usize = 16;

    /// What a client sends that has no ID yet (PROTOCOL.md 2.1).
    pub const ZERO: Self = Self([0; Self::SIZE]);

    /// Takes the 16 bytes as they are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::SIZE]) -> Self {
        Self(bytes)
    }

    /// Chooses a new ID: a UUID of version 4 that does not start `00 00`, which is what lets a client
    /// tell the two response headers apart (PROTOCOL.md 1.9, 2.13).
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        loop {
            let mut bytes = [0; Self::SIZE];
            rng.fill_bytes(&mut bytes);
            let [first, second, _, _, _, _, version, _, variant, ..] = &mut bytes;
            *version = (*version & 0x0F) | 0x40;
            *variant = (*variant & 0x3F) | 0x80;
            if (*first, *second) != (0, 0) {
                return Self(bytes);
            }
        }
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::SIZE] {
        &self.0
    }

    /// The whole ID as 32 lower-case hex digits, for `me.info` (PROTOCOL.md 8.3) and nothing else.
    #[must_use]
    pub fn reveal_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Reads 32 hex digits of either case; `None` for everything else.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; Self::SIZE];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != Self::SIZE || !rest.is_empty() {
            return None;
        }
        for (byte, &[high, low]) in bytes.iter_mut().zip(pairs) {
            let high = char::from(high).to_digit(16)?;
            let low = char::from(low).to_digit(16)?;
            *byte = u8::try_from(high << 4 | low).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "{a:02x}{b:02x}{c:02x}{d:02x}\u{2026}")
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientId({self})")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn shows_four_of_sixteen_bytes() {
        let id = ClientId::from_hex("0123456789abcdef0011223344556677").unwrap();
        assert_eq!(id.to_string(), "01234567\u{2026}");
        assert_eq!(format!("{id:?}"), "ClientId(01234567\u{2026})");
    }

    #[test]
    fn reads_the_hex_it_writes() {
        let id = ClientId::generate(&mut rand::rng());
        assert_eq!(ClientId::from_hex(&id.reveal_hex()), Some(id));
        assert_eq!(
            ClientId::from_hex(&id.reveal_hex().to_uppercase()),
            Some(id)
        );
    }

    #[test]
    fn refuses_hex_of_another_size_or_alphabet() {
        for text in [
            "",
            "00",
            "0123456789abcdef001122334455667",
            "0123456789abcdef00112233445566778",
            "0123456789abcdef001122334455667g",
            "+123456789abcdef0011223344556677",
        ] {
            assert_eq!(ClientId::from_hex(text), None, "{text:?}");
        }
    }
}
