//! Why a key or some content could not be used.

/// A key, a wrapped key or encrypted content that is not what PROTOCOL.md 4 says.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CryptoError {
    /// The public key has another size than 160 bytes, or 162 where the dialect takes them.
    #[error("a public key of {got} bytes, which is none of the sizes that are accepted")]
    PublicKeySize {
        /// Its size in bytes.
        got: usize,
    },
    /// The public key is not an RSA SubjectPublicKeyInfo in DER.
    #[error("the public key is not an RSA SubjectPublicKeyInfo in DER")]
    PublicKeyDer,
    /// The modulus has another size than 1024 bits, or is even.
    #[error("the modulus of the public key is not an odd number of 1024 bits, but has {bits}")]
    PublicKeyModulus {
        /// Its size in bits.
        bits: usize,
    },
    /// The public exponent is even, or does not have one byte in a key of 160 bytes.
    #[error(
        "the exponent of the public key is not an odd number of as few bytes as its size asks for"
    )]
    PublicKeyExponent,
    /// The wrapped key has another size than 128 bytes.
    #[error("a wrapped key of {got} bytes, expected 128")]
    WrappedKeySize {
        /// Its size in bytes.
        got: usize,
    },
    /// OAEP did not decode: the key was wrapped for another public key, or damaged.
    #[error("the AES key could not be unwrapped")]
    UnwrapFailed,
    /// The AES key has another size than 16, 24 or 32 bytes.
    #[error("an AES key of {got} bytes, expected 16, 24 or 32")]
    AesKeySize {
        /// Its size in bytes.
        got: usize,
    },
    /// The content is empty or ends inside a block.
    #[error("content that is not a positive multiple of 16 bytes")]
    ContentNotBlocks,
    /// The last block does not end in PKCS#7 padding: another key, or damaged content.
    #[error("the content does not end in padding")]
    Padding,
    /// A private key that is no PKCS#8 DER of an RSA key, or does not belong to a public key that
    /// [`PublicKey::parse`](super::PublicKey::parse) would take.
    #[error("the private key is not a PKCS#8 DER of an RSA key that fits the protocol")]
    PrivateKey,
    /// The RSA implementation failed at something that cannot fail. No peer can bring this about.
    #[error("RSA failed")]
    Rsa,
}

impl CryptoError {
    /// The name of this reason in all languages and in the vectors (PROTOCOL.md 11); `None` for a
    /// fault of our own side.
    #[must_use]
    pub const fn slug(&self) -> Option<&'static str> {
        Some(match self {
            Self::PublicKeySize { .. } => "public-key-size",
            Self::PublicKeyDer => "public-key-der",
            Self::PublicKeyModulus { .. } => "public-key-modulus",
            Self::PublicKeyExponent => "public-key-exponent",
            Self::WrappedKeySize { .. } => "wrapped-key-size",
            Self::UnwrapFailed => "unwrap-failed",
            Self::AesKeySize { .. } => "aes-key-size",
            Self::ContentNotBlocks => "content-not-blocks",
            Self::Padding => "padding",
            Self::PrivateKey | Self::Rsa => return None,
        })
    }

    /// The section of PROTOCOL.md that is broken.
    #[must_use]
    pub const fn section(&self) -> &'static str {
        match self {
            Self::PublicKeySize { .. }
            | Self::PublicKeyDer
            | Self::PublicKeyModulus { .. }
            | Self::PublicKeyExponent
            | Self::Rsa => "4.1",
            Self::WrappedKeySize { .. } | Self::UnwrapFailed => "4.2",
            Self::AesKeySize { .. } | Self::Padding => "4.3",
            Self::ContentNotBlocks => "2.3",
            Self::PrivateKey => "8.3",
        }
    }
}
