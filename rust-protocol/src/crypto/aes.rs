//! The key that a server makes and a client unwraps.

use std::fmt;

use rsa::rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::CryptoError;
use crate::dialect::AesKeySize;

/// An AES key of 16, 24 or 32 bytes (PROTOCOL.md 4.3). It is wiped when dropped, and `Debug` shows
/// its size alone.
#[derive(Clone, Eq, PartialEq, Zeroize, ZeroizeOnDrop)]
pub struct AesKey(Bytes);

#[derive(Clone, Eq, PartialEq, Zeroize)]
pub(super) enum Bytes {
    Aes128([u8; 16]),
    Aes192([u8; 24]),
    Aes256([u8; 32]),
}

impl AesKey {
    /// Takes key bytes as they are.
    ///
    /// # Errors
    ///
    /// `aes-key-size` if there are not 16, 24 or 32.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CryptoError> {
        if let Ok(&key) = bytes.try_into() {
            Ok(Self(Bytes::Aes128(key)))
        } else if let Ok(&key) = bytes.try_into() {
            Ok(Self(Bytes::Aes192(key)))
        } else if let Ok(&key) = bytes.try_into() {
            Ok(Self(Bytes::Aes256(key)))
        } else {
            Err(CryptoError::AesKeySize { got: bytes.len() })
        }
    }

    /// Makes a new key, of the size that a server of the dialect makes.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(size: AesKeySize, rng: &mut R) -> Self {
        match size {
            AesKeySize::Sixteen => {
                let mut key = [0; 16];
                rng.fill_bytes(&mut key);
                Self(Bytes::Aes128(key))
            }
            AesKeySize::ThirtyTwo => {
                let mut key = [0; 32];
                rng.fill_bytes(&mut key);
                Self(Bytes::Aes256(key))
            }
        }
    }

    /// The key. Whoever copies it has to wipe the copy.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::Aes128(key) => key,
            Bytes::Aes192(key) => key,
            Bytes::Aes256(key) => key,
        }
    }

    pub(super) const fn bytes(&self) -> &Bytes {
        &self.0
    }
}

impl fmt::Debug for AesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AesKey({} bytes)", self.as_bytes().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_three_sizes_of_aes_and_no_other() {
        for size in 0..40 {
            let key = AesKey::from_bytes(&vec![7; size]);
            match size {
                16 | 24 | 32 => assert_eq!(key.map(|key| key.as_bytes().len()), Ok(size)),
                _ => assert_eq!(key, Err(CryptoError::AesKeySize { got: size })),
            }
        }
    }

    #[test]
    fn does_not_show_the_key() {
        let key = AesKey::from_bytes(&[0xAB; 16]).expect("16 bytes are a key");
        assert_eq!(format!("{key:?}"), "AesKey(16 bytes)");
    }
}
