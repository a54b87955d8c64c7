//! The ciphers with the protocol's parameters, and nothing general (PROTOCOL.md 4).
//!
//! The parameters are those that the family of programs shipped with. RSA with 1024 bits, a constant
//! IV and no MAC are not what anyone should choose today (PROTOCOL.md 9).

mod aes;
mod content;
mod error;
mod rsa;
mod several;

pub use aes::AesKey;
pub use content::{BLOCK_SIZE, Decryptor, Encryptor, HEADROOM, content_size, decrypt, encrypt};
pub use error::CryptoError;
pub use rsa::{KeyPair, PublicKey};
pub use several::{LANES, encrypt_several};
