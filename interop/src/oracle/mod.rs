//! The examiner's own cipher, key and checksum (PROTOCOL.md 4 and 5), on the plain crates. Nothing
//! here is fast or shared with a program that is examined; it only has to be right.

use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use aes::{Aes128, Aes192, Aes256};
use cbc::{Decryptor, Encryptor};
use crc::{Algorithm, Crc, Table};
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use rsa::{PrivateKey, PublicKey};

use crate::dialect::{Checksum, ChecksumInput, Dialect};

/// Size of an AES block, and so of the padding's unit, in bytes.
pub(crate) const BLOCK: usize = 16;

/// What a public key of one size consists of; DER leaves no choice but modulus and exponent.
struct KeyShape {
    size: usize,
    /// Up to the modulus.
    start: [u8; 29],
    /// Tag and length of the exponent, behind the modulus.
    exponent: [u8; 2],
}

/// The sizes of public keys: with an exponent of one byte (4.1), and with one of three (10.8).
const KEY_SHAPES: [KeyShape; 2] = [
    KeyShape {
        size: 160,
        start: [
            0x30, 0x81, 0x9d, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01,
            0x01, 0x01, 0x05, 0x00, 0x03, 0x81, 0x8b, 0x00, 0x30, 0x81, 0x87, 0x02, 0x81, 0x81,
            0x00,
        ],
        exponent: [0x02, 0x01],
    },
    KeyShape {
        size: 162,
        start: [
            0x30, 0x81, 0x9f, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01,
            0x01, 0x01, 0x05, 0x00, 0x03, 0x81, 0x8d, 0x00, 0x30, 0x81, 0x89, 0x02, 0x81, 0x81,
            0x00,
        ],
        exponent: [0x02, 0x03],
    },
];
/// Bytes of a modulus of 1024 bits.
const MODULUS_SIZE: usize = 128;

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

static CRC8: Crc<u8> = Crc::<u8>::new(&crc::CRC_8_SMBUS);

/// The checksum that 2103 has to carry in this dialect, by the plaintext and the content it became.
pub(crate) fn checksum(dialect: &Dialect, plain: &[u8], content: &[u8]) -> u32 {
    checksum_over(dialect.checksum, dialect.checksum_input, plain, content)
}

/// A checksum of one kind over one of the inputs (10.2).
pub(crate) fn checksum_over(
    checksum: Checksum,
    input: ChecksumInput,
    plain: &[u8],
    content: &[u8],
) -> u32 {
    let padded;
    let data = match input {
        ChecksumInput::Plaintext => plain,
        ChecksumInput::Padded => {
            padded = with_padding(plain);
            &padded
        }
        ChecksumInput::Content => content,
    };
    match checksum {
        Checksum::Posix => cksum(data),
        Checksum::Zlib => zlib_crc(data),
        Checksum::Crc8 => CRC8.checksum(data).into(),
    }
}

/// The checksum of POSIX `cksum` (5).
pub(crate) fn cksum(data: &[u8]) -> u32 {
    let mut digest = POSIX_CRC.digest();
    digest.update(data);
    digest.update(significant(&(data.len() as u64).to_le_bytes()));
    digest.finalize()
}

/// The same of so many zeros, without them: they leave the CRC at its initial 0.
pub(crate) fn cksum_of_zeros(size: u64) -> u32 {
    let mut digest = POSIX_CRC.digest();
    digest.update(significant(&size.to_le_bytes()));
    digest.finalize()
}

/// An integer without the zeros at its end.
fn significant(bytes: &[u8]) -> &[u8] {
    let last = bytes.iter().rposition(|byte| *byte != 0);
    let used = last.map_or(0, |last| last + 1);
    bytes.get(..used).unwrap_or_default()
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
        let mut data = with_padding(plain);
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

/// A plaintext with its PKCS#7 padding.
fn with_padding(plain: &[u8]) -> Vec<u8> {
    let padding = BLOCK - plain.len() % BLOCK;
    let mut data = plain.to_vec();
    data.resize(plain.len() + padding, padding as u8);
    data
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

/// Checks a public key of one of these sizes (4.1, 10.8), in the order of section 11. Of the shorter
/// ones the exponent has to be among those that are given; of the longer ones it has to be odd.
pub(crate) fn public_key_fault(key: &[u8], sizes: &[usize], exponents: &[u8]) -> Option<KeyFault> {
    let known = |shape: &&KeyShape| shape.size == key.len() && sizes.contains(&shape.size);
    let Some(shape) = KEY_SHAPES.iter().find(known) else {
        let sizes: Vec<_> = sizes.iter().map(usize::to_string).collect();
        return Some(KeyFault {
            slug: "public-key-size",
            offset: 0,
            expected: format!("{} bytes", sizes.join(" or ")),
            got: format!("{} bytes", key.len()),
        });
    };
    let differs = |start: usize, right: &[u8]| {
        let bytes = key.get(start..start + right.len()).unwrap_or_default();
        let at = bytes.iter().zip(right).position(|(a, b)| a != b)?;
        Some(KeyFault {
            slug: "public-key-der",
            offset: start + at,
            expected: format!("{:02x}", right.get(at)?),
            got: format!("{:02x}", bytes.get(at)?),
        })
    };
    let modulus = shape.start.len();
    let exponent = modulus + MODULUS_SIZE;
    if let Some(fault) = differs(0, &shape.start).or_else(|| differs(exponent, &shape.exponent)) {
        return Some(fault);
    }
    if key.get(modulus).is_some_and(|byte| byte & 0x80 == 0) {
        return Some(KeyFault {
            slug: "public-key-modulus",
            offset: modulus,
            expected: "a modulus of 1024 bits".into(),
            got: "a smaller one".into(),
        });
    }
    let value = key.get(exponent + 2..).unwrap_or_default();
    let (right, expected) = match (value, exponents) {
        ([only], [wanted]) => (only == wanted, format!("exponent {wanted}")),
        ([only], several) => (
            several.contains(only),
            "an odd exponent from 3 to 127".into(),
        ),
        ([first, .., last], _) => (
            (1..0x80).contains(first) && last % 2 == 1,
            "an odd exponent of 3 bytes".into(),
        ),
        ([], _) => (false, "an exponent".into()),
    };
    (!right).then(|| KeyFault {
        slug: "public-key-exponent",
        offset: key.len() - 1,
        expected,
        got: format!(
            "exponent {}",
            value
                .iter()
                .fold(0, |all: u32, byte| all << 8 | u32::from(*byte))
        ),
    })
}

/// The exponents of one byte that a receiver has to accept.
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
    wrap_bytes(public_der, key.bytes())
}

/// The same with any bytes, which need be no key.
pub(crate) fn wrap_bytes(public_der: &[u8], bytes: &[u8]) -> Result<Vec<u8>, String> {
    public_key(public_der)?
        .oaep_encrypt::<sha1::Sha1>(bytes)
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

/// What opens wrapped keys: the private keys that the examiner has seen in the clients' info files, and
/// what it wrapped itself.
#[derive(Clone, Default)]
pub(crate) struct Keyring {
    pairs: Vec<KeyPair>,
    wrapped: Vec<(Vec<u8>, AesKey)>,
}

impl Keyring {
    pub(crate) fn add(&mut self, pair: KeyPair) {
        if self.find(&pair.public_der).is_none() {
            self.pairs.push(pair);
        }
    }

    pub(crate) fn join(&mut self, other: Self) {
        other.pairs.into_iter().for_each(|pair| self.add(pair));
        self.wrapped.extend(other.wrapped);
    }

    /// A key that the examiner wrapped: it needs no private key to know it again.
    pub(crate) fn add_wrapped(&mut self, wrapped: Vec<u8>, key: AesKey) {
        self.wrapped.push((wrapped, key));
    }

    /// The pair of this public key.
    pub(crate) fn find(&self, public_der: &[u8]) -> Option<&KeyPair> {
        self.pairs.iter().find(|pair| pair.public_der == public_der)
    }

    /// Any pair that opens this wrapped key.
    pub(crate) fn opener(&self, wrapped: &[u8]) -> Option<&KeyPair> {
        self.pairs
            .iter()
            .find(|pair| pair.unwrap(wrapped).is_some())
    }

    /// The AES key that was wrapped for this public key.
    pub(crate) fn open(&self, public_der: &[u8], wrapped: &[u8]) -> Option<AesKey> {
        let own = self.wrapped.iter().find(|(known, _)| known == wrapped);
        own.map(|(_, key)| key.clone())
            .or_else(|| AesKey::new(self.find(public_der)?.unwrap(wrapped)?))
    }
}

#[cfg(test)]
mod tests;
