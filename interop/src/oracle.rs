//! The examiner's own cipher, key and checksum (PROTOCOL.md 4 and 5), on the plain crates. Nothing
//! here is fast or shared with a program that is examined; it only has to be right.

use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use aes::{Aes128, Aes192, Aes256};
use cbc::{Decryptor, Encryptor};
use crc::{Algorithm, Crc, Table};
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use rsa::{PrivateKey, PublicKey};

use crate::frame::PUBLIC_KEY_SIZE;

/// Size of an AES block, and so of the padding's unit, in bytes.
pub(crate) const BLOCK: usize = 16;

/// Up to the modulus, every public key of 160 bytes has these bytes: DER leaves no choice.
const PUBLIC_KEY_START: [u8; 29] = [
    0x30, 0x81, 0x9d, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
    0x05, 0x00, 0x03, 0x81, 0x8b, 0x00, 0x30, 0x81, 0x87, 0x02, 0x81, 0x81, 0x00,
];
/// Offset of the exponent's tag; the exponent itself is the last byte.
const EXPONENT_AT: usize = 157;

/// CRC-32 as POSIX starts its `cksum`; the length follows the data as further bytes.
const POSIX: Algorithm<u32> = Algorithm {
    width: 32,
    poly: 0x04c1_1db7,
    init: 0,
    refin: false,
    refout: false,
    xorout: 0xffff_ffff,
    check: 0x765e_7680,
    residue: 0xc704_dd7b,
};
static POSIX_CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&POSIX);
static ZLIB_CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&crc::CRC_32_ISO_HDLC);

/// The checksum of POSIX `cksum` (5).
pub(crate) fn cksum(data: &[u8]) -> u32 {
    let mut digest = POSIX_CRC.digest();
    digest.update(data);
    let length = (data.len() as u64).to_le_bytes();
    let used = length
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    digest.update(length.get(..used).unwrap_or_default());
    digest.finalize()
}

/// The same CRC without the length: a mistake to recognise.
pub(crate) fn cksum_without_length(data: &[u8]) -> u32 {
    POSIX_CRC.checksum(data)
}

/// The CRC-32 of zlib: the commonest mistake (5).
pub(crate) fn zlib_crc(data: &[u8]) -> u32 {
    ZLIB_CRC.checksum(data)
}

/// An AES key of 16, 24 or 32 bytes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct AesKey(Vec<u8>);

impl AesKey {
    pub(crate) fn new(bytes: Vec<u8>) -> Option<Self> {
        [16, 24, 32].contains(&bytes.len()).then_some(Self(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Decrypts blocks in CBC mode from a zero IV (4.3) and leaves the padding on. A rest that is no
    /// whole block stays as it is.
    pub(crate) fn decrypt_blocks(&self, content: &[u8]) -> Vec<u8> {
        let mut data = content.to_vec();
        let (blocks, _) = data.as_chunks_mut::<BLOCK>();
        let blocks = aes::cipher::Array::cast_slice_from_core_mut(blocks);
        let iv = [0; BLOCK].into();
        match self.0.len() {
            16 => with_key(&self.0, |key| {
                Decryptor::<Aes128>::new(&<[u8; 16]>::into(key), &iv).decrypt_blocks(blocks);
            }),
            24 => with_key(&self.0, |key| {
                Decryptor::<Aes192>::new(&<[u8; 24]>::into(key), &iv).decrypt_blocks(blocks);
            }),
            _ => with_key(&self.0, |key| {
                Decryptor::<Aes256>::new(&<[u8; 32]>::into(key), &iv).decrypt_blocks(blocks);
            }),
        }
        data
    }

    /// The plaintext of a content, or `None` where it is not whole blocks or ends in no PKCS#7 padding.
    pub(crate) fn decrypt(&self, content: &[u8]) -> Option<Vec<u8>> {
        if content.is_empty() || !content.len().is_multiple_of(BLOCK) {
            return None;
        }
        let mut data = self.decrypt_blocks(content);
        let padding = usize::from(*data.last()?);
        if padding == 0 || padding > BLOCK {
            return None;
        }
        let plain = data.len().checked_sub(padding)?;
        if data
            .get(plain..)?
            .iter()
            .any(|byte| usize::from(*byte) != padding)
        {
            return None;
        }
        data.truncate(plain);
        Some(data)
    }

    /// The content that a file becomes (4.3).
    pub(crate) fn encrypt(&self, plain: &[u8]) -> Vec<u8> {
        let padding = BLOCK - plain.len() % BLOCK;
        let mut data = plain.to_vec();
        data.resize(plain.len() + padding, padding as u8);
        let (blocks, _) = data.as_chunks_mut::<BLOCK>();
        let blocks = aes::cipher::Array::cast_slice_from_core_mut(blocks);
        let iv = [0; BLOCK].into();
        match self.0.len() {
            16 => with_key(&self.0, |key| {
                Encryptor::<Aes128>::new(&<[u8; 16]>::into(key), &iv).encrypt_blocks(blocks);
            }),
            24 => with_key(&self.0, |key| {
                Encryptor::<Aes192>::new(&<[u8; 24]>::into(key), &iv).encrypt_blocks(blocks);
            }),
            _ => with_key(&self.0, |key| {
                Encryptor::<Aes256>::new(&<[u8; 32]>::into(key), &iv).encrypt_blocks(blocks);
            }),
        }
        data
    }
}

/// Hands the key over as an array of its length; [`AesKey::new`] made sure that it has one of them.
fn with_key<const N: usize>(key: &[u8], then: impl FnOnce([u8; N])) {
    if let Ok(array) = key.try_into() {
        then(array);
    }
}

/// Size of the content that a file of this size becomes (4.3).
pub(crate) fn content_size(plain: u64) -> u64 {
    (plain / BLOCK as u64 + 1) * BLOCK as u64
}

/// What is wrong with a public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyFault {
    /// Slug of PROTOCOL.md 11.
    pub(crate) slug: &'static str,
    /// Offset in the field.
    pub(crate) offset: usize,
    pub(crate) expected: String,
    pub(crate) got: String,
}

/// Checks a public key as a client has to send it (4.1), in the order of section 11.
pub(crate) fn public_key_fault(key: &[u8], exponents: &[u8]) -> Option<KeyFault> {
    if key.len() != PUBLIC_KEY_SIZE {
        return Some(KeyFault {
            slug: "public-key-size",
            offset: 0,
            expected: format!("{PUBLIC_KEY_SIZE} bytes"),
            got: format!("{} bytes", key.len()),
        });
    }
    let differs = |range: std::ops::Range<usize>, right: &[u8]| {
        let bytes = key.get(range.clone()).unwrap_or_default();
        let at = bytes.iter().zip(right).position(|(a, b)| a != b)?;
        Some(KeyFault {
            slug: "public-key-der",
            offset: range.start + at,
            expected: format!("{:02x}", right.get(at)?),
            got: format!("{:02x}", bytes.get(at)?),
        })
    };
    if let Some(fault) = differs(0..PUBLIC_KEY_START.len(), &PUBLIC_KEY_START) {
        return Some(fault);
    }
    if let Some(fault) = differs(EXPONENT_AT..EXPONENT_AT + 2, &[0x02, 0x01]) {
        return Some(fault);
    }
    let top = PUBLIC_KEY_START.len();
    if key.get(top).is_some_and(|byte| byte & 0x80 == 0) {
        return Some(KeyFault {
            slug: "public-key-modulus",
            offset: top,
            expected: "a modulus of 1024 bits".into(),
            got: "a smaller one".into(),
        });
    }
    let exponent = key.last().copied().unwrap_or_default();
    (!exponents.contains(&exponent)).then(|| KeyFault {
        slug: "public-key-exponent",
        offset: PUBLIC_KEY_SIZE - 1,
        expected: match exponents {
            [only] => format!("exponent {only}"),
            _ => "an odd exponent from 3 to 127".into(),
        },
        got: format!("exponent {exponent}"),
    })
}

/// The exponents that a receiver has to accept.
pub(crate) fn accepted_exponents() -> Vec<u8> {
    (3..=127).step_by(2).collect()
}

/// A private key and the public key as it stands in a 1101.
#[derive(Clone)]
pub(crate) struct KeyPair {
    private: PrivateKey,
    public_der: Vec<u8>,
}

impl KeyPair {
    /// Reads the PKCS#8 DER of an info file (8.3).
    pub(crate) fn from_pkcs8(der: &[u8]) -> Result<Self, String> {
        let private = PrivateKey::from_pkcs8_der(der).map_err(|e| e.to_string())?;
        Self::new(private)
    }

    /// A new pair of 1024 bits with exponent 17.
    pub(crate) fn generate() -> Result<Self, String> {
        Self::generate_with(17)
    }

    pub(crate) fn generate_with(exponent: u64) -> Result<Self, String> {
        let private = PrivateKey::new_with_exp(&mut rand::rng(), 1024, exponent.into())
            .map_err(|e| e.to_string())?;
        Self::new(private)
    }

    fn new(private: PrivateKey) -> Result<Self, String> {
        let der = private
            .to_public_key()
            .to_public_key_der()
            .map_err(|e| e.to_string())?;
        Ok(Self {
            private,
            public_der: der.as_bytes().to_vec(),
        })
    }

    pub(crate) fn public_der(&self) -> &[u8] {
        &self.public_der
    }

    pub(crate) fn to_pkcs8(&self) -> Result<Vec<u8>, String> {
        let der = self.private.to_pkcs8_der().map_err(|e| e.to_string())?;
        Ok(der.as_bytes().to_vec())
    }

    /// Undoes RSAES-OAEP with SHA-1 (4.2).
    pub(crate) fn unwrap(&self, wrapped: &[u8]) -> Option<Vec<u8>> {
        self.private.oaep_decrypt::<sha1::Sha1>(wrapped).ok()
    }

    /// By which other scheme the wrapped key opens, if by any: a mistake to recognise.
    pub(crate) fn unwrap_otherwise(&self, wrapped: &[u8]) -> Option<&'static str> {
        let opens = |found: Option<Vec<u8>>| found.is_some_and(|key| AesKey::new(key).is_some());
        if opens(self.private.oaep_decrypt::<sha2::Sha256>(wrapped).ok()) {
            return Some("the key is wrapped with OAEP-SHA256 in place of OAEP-SHA1");
        }
        if opens(self.private.pkcs1v15_decrypt(wrapped).ok()) {
            return Some("the key is wrapped with PKCS#1 v1.5 in place of OAEP");
        }
        let reversed: Vec<u8> = wrapped.iter().rev().copied().collect();
        if opens(self.unwrap(&reversed)) {
            return Some("the wrapped key has its bytes reversed");
        }
        None
    }
}

/// Wraps an AES key for a public key in DER (4.2).
pub(crate) fn wrap(public_der: &[u8], key: &AesKey) -> Result<Vec<u8>, String> {
    public_key(public_der)?
        .oaep_encrypt::<sha1::Sha1>(key.bytes())
        .map_err(|e| e.to_string())
}

/// The same with SHA-256, which is wrong.
pub(crate) fn wrap_with_sha256(public_der: &[u8], key: &AesKey) -> Result<Vec<u8>, String> {
    public_key(public_der)?
        .oaep_encrypt::<sha2::Sha256>(key.bytes())
        .map_err(|e| e.to_string())
}

fn public_key(der: &[u8]) -> Result<PublicKey, String> {
    PublicKey::from_public_key_der(der).map_err(|e| e.to_string())
}

/// The private keys that the examiner has seen in the clients' info files.
#[derive(Clone, Default)]
pub(crate) struct Keyring(Vec<KeyPair>);

impl Keyring {
    pub(crate) fn add(&mut self, pair: KeyPair) {
        if self.find(&pair.public_der).is_none() {
            self.0.push(pair);
        }
    }

    /// The pair of this public key.
    pub(crate) fn find(&self, public_der: &[u8]) -> Option<&KeyPair> {
        self.0.iter().find(|pair| pair.public_der == public_der)
    }

    /// Any pair that opens this wrapped key.
    pub(crate) fn opener(&self, wrapped: &[u8]) -> Option<&KeyPair> {
        self.0.iter().find(|pair| pair.unwrap(wrapped).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cksum_is_that_of_the_specification() {
        assert_eq!(cksum(b""), 4_294_967_295);
        assert_eq!(cksum(b"123456789"), 930_766_865);
        assert_eq!(zlib_crc(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn cksum_is_that_of_the_program() {
        use std::io::Write;
        for size in [0, 1, 255, 256, 65_535, 65_536, 1_000_003] {
            let data: Vec<u8> = (0..size).map(|i: usize| (i * 7 % 251) as u8).collect();
            let mut program = std::process::Command::new("cksum")
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .expect("cksum of coreutils");
            let mut input = program.stdin.take().expect("a pipe");
            input.write_all(&data).expect("written");
            drop(input);
            let output = program.wait_with_output().expect("ended").stdout;
            let text = String::from_utf8(output).expect("digits");
            assert_eq!(
                text.split(' ').next(),
                Some(cksum(&data).to_string().as_str())
            );
        }
    }

    #[test]
    fn decrypts_what_it_encrypted_and_nothing_else() {
        for key_size in [16, 24, 32] {
            let key = AesKey::new(vec![5; key_size]).expect("a size of AES");
            for size in [0, 1, 15, 16, 17, 100] {
                let plain = vec![9; size];
                let content = key.encrypt(&plain);
                assert_eq!(content.len() as u64, content_size(size as u64));
                assert_eq!(key.decrypt(&content), Some(plain));
                let mut broken = content;
                if let Some(byte) = broken.last_mut() {
                    *byte ^= 1;
                }
                assert_eq!(key.decrypt(&broken), None);
            }
        }
    }

    #[test]
    fn aes_is_that_of_the_standard() {
        // The first block of NIST SP 800-38A F.2.1 has an IV of its own; XORed into the plaintext
        // beforehand it gives the same ciphertext from a zero IV.
        let key = AesKey::new(hex("2b7e151628aed2a6abf7158809cf4f3c")).expect("a key");
        let iv = hex("000102030405060708090a0b0c0d0e0f");
        let mut block = hex("6bc1bee22e409f96e93d7e117393172a");
        block.iter_mut().zip(iv).for_each(|(byte, iv)| *byte ^= iv);
        let content = key.encrypt(&block);
        assert_eq!(content[..16], hex("7649abac8119b246cee98e9b12e9197d"));
    }

    #[test]
    fn recognises_a_key_by_its_der() {
        let pair = KeyPair::generate().expect("a pair");
        let der = pair.public_der().to_vec();
        assert_eq!(public_key_fault(&der, &[17]), None);
        let slug = |at: usize, value: u8| {
            let mut der = der.clone();
            der[at] = value;
            public_key_fault(&der, &[17]).map(|fault| (fault.slug, fault.offset))
        };
        assert_eq!(slug(0, 0x31), Some(("public-key-der", 0)));
        assert_eq!(slug(28, 1), Some(("public-key-der", 28)));
        assert_eq!(slug(29, 0x7f), Some(("public-key-modulus", 29)));
        assert_eq!(slug(158, 2), Some(("public-key-der", 158)));
        assert_eq!(slug(159, 3), Some(("public-key-exponent", 159)));
        let fault = public_key_fault(&der[..159], &[17]).expect("too short");
        assert_eq!(fault.slug, "public-key-size");
    }

    #[test]
    fn unwraps_what_is_wrapped_and_names_another_scheme() {
        let pair = KeyPair::generate().expect("a pair");
        let key = AesKey::new(vec![3; 16]).expect("a key");
        let wrapped = wrap(pair.public_der(), &key).expect("wrapped");
        assert_eq!(pair.unwrap(&wrapped).as_deref(), Some(key.bytes()));
        let public = pair.private.to_public_key();
        let other = public
            .oaep_encrypt::<sha2::Sha256>(key.bytes())
            .expect("wrapped");
        assert_eq!(pair.unwrap(&other), None);
        assert!(
            pair.unwrap_otherwise(&other)
                .is_some_and(|cause| cause.contains("SHA256"))
        );
        let other = public.pkcs1v15_encrypt(key.bytes()).expect("wrapped");
        assert!(
            pair.unwrap_otherwise(&other)
                .is_some_and(|cause| cause.contains("v1.5"))
        );
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex"))
            .collect()
    }
}
