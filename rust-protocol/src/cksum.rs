//! Checksums: that of the POSIX utility `cksum`, and what some dialects have in its place
//! (PROTOCOL.md 5, 10.2).

use crc_fast::{CrcAlgorithm, Digest};

use crate::dialect::{Checksum, ChecksumInput, Dialect};

/// Computes a checksum in chunks of any size: that of `cksum`, unless it is told otherwise.
///
/// That of `cksum` is CRC-32 with bits not reflected, over the data and then over its length; not
/// zlib's CRC-32.
///
/// ```
/// use backup_protocol::Cksum;
///
/// let mut cksum = Cksum::new();
/// cksum.update(b"12345");
/// cksum.update(b"6789");
/// assert_eq!(cksum.finish(), 930_766_865);
/// ```
#[derive(Clone, Debug)]
pub struct Cksum {
    state: State,
    size: u64,
}

#[derive(Clone)]
enum State {
    Posix(Digest),
    Zlib(Digest),
    Crc8(crc::Digest<'static, u8, crc::Table<16>>),
}

static CRC8: crc::Crc<u8, crc::Table<16>> = crc::Crc::<u8, crc::Table<16>>::new(&crc::CRC_8_SMBUS);

impl Cksum {
    /// Starts a file, for the checksum of `cksum`.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Checksum::Posix)
    }

    /// Starts a file.
    #[must_use]
    pub fn with(checksum: Checksum) -> Self {
        let state = match checksum {
            Checksum::Posix => State::Posix(Digest::new(CrcAlgorithm::Crc32Cksum)),
            Checksum::Zlib => State::Zlib(Digest::new(CrcAlgorithm::Crc32IsoHdlc)),
            Checksum::Crc8 => State::Crc8(CRC8.digest()),
        };
        Self { state, size: 0 }
    }

    /// The checksum of `cksum` over a whole plaintext.
    #[must_use]
    pub fn of(plain: &[u8]) -> u32 {
        let mut cksum = Self::new();
        cksum.update(plain);
        cksum.finish()
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Posix(digest) | State::Zlib(digest) => digest.update(bytes),
            State::Crc8(digest) => digest.update(bytes),
        }
        self.size = self.size.saturating_add(bytes.len() as u64);
    }

    /// Bytes so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Ends the file. In `cksum` the length follows the data, least significant byte first, in as few
    /// bytes as it takes.
    #[must_use]
    pub fn finish(self) -> u32 {
        let digest = match self.state {
            State::Crc8(digest) => return digest.finalize().into(),
            State::Zlib(digest) => digest,
            State::Posix(mut digest) => {
                let mut size = self.size;
                while size > 0 {
                    let [byte, ..] = size.to_le_bytes();
                    digest.update(&[byte]);
                    size >>= 8;
                }
                digest
            }
        };
        // A CRC of 32 bits in a type for all of them.
        u32::try_from(digest.finalize()).unwrap_or_default()
    }
}

impl Default for Cksum {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Posix(_) => "Posix",
            Self::Zlib(_) => "Zlib",
            Self::Crc8(_) => "Crc8",
        })
    }
}

/// The checksum of a file as a dialect has it, whatever it is computed over.
///
/// It is told both sides of the cipher, in chunks of any size, and takes the one it needs.
///
/// ```
/// use backup_protocol::cksum::FileCksum;
/// use backup_protocol::crypto::{AesKey, encrypt};
/// use backup_protocol::{Cksum, Dialect};
///
/// let plain = b"123456789";
/// let content = encrypt(&AesKey::from_bytes(&[7; 16])?, plain);
/// let mut cksum = FileCksum::new(&Dialect::parse("2023a,crc=zlib")?);
/// cksum.plain(plain);
/// cksum.content(&content);
/// assert_eq!(cksum.finish(), 0xCBF4_3926);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FileCksum {
    cksum: Cksum,
    input: ChecksumInput,
    plain_size: u64,
}

impl FileCksum {
    /// Starts a file.
    #[must_use]
    pub fn new(dialect: &Dialect) -> Self {
        Self::with(dialect.checksum, dialect.checksum_input)
    }

    /// Starts a file, for a checksum that is no dialect's.
    #[must_use]
    pub fn with(checksum: Checksum, input: ChecksumInput) -> Self {
        Self {
            cksum: Cksum::with(checksum),
            input,
            plain_size: 0,
        }
    }

    /// Takes the next bytes of the plaintext.
    pub fn plain(&mut self, plain: &[u8]) {
        self.plain_size = self.plain_size.saturating_add(plain.len() as u64);
        match self.input {
            ChecksumInput::Plaintext | ChecksumInput::Padded => self.cksum.update(plain),
            ChecksumInput::Content => {}
        }
    }

    /// Takes the next bytes of the encrypted content.
    pub fn content(&mut self, content: &[u8]) {
        match self.input {
            ChecksumInput::Plaintext | ChecksumInput::Padded => {}
            ChecksumInput::Content => self.cksum.update(content),
        }
    }

    /// Bytes of plaintext so far.
    #[must_use]
    pub const fn plain_size(&self) -> u64 {
        self.plain_size
    }

    /// Ends the file. The padding follows from its size.
    #[must_use]
    pub fn finish(mut self) -> u32 {
        if self.input == ChecksumInput::Padded {
            let size = crate::crypto::content_size(self.plain_size).saturating_sub(self.plain_size);
            let byte = u8::try_from(size).unwrap_or_default();
            let padding = [byte; crate::crypto::BLOCK_SIZE];
            self.cksum
                .update(padding.get(..usize::from(byte)).unwrap_or(&padding));
        }
        self.cksum.finish()
    }
}

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::crypto::{AesKey, encrypt};

    fn of(checksum: Checksum, bytes: &[u8]) -> u32 {
        let mut cksum = Cksum::with(checksum);
        cksum.update(bytes);
        cksum.finish()
    }

    /// The same bit by bit, with nothing in common: the oracle.
    fn oracle(checksum: Checksum, bytes: &[u8]) -> u32 {
        let size = bytes.len().to_le_bytes();
        let used = size
            .iter()
            .rposition(|&byte| byte != 0)
            .map_or(0, |i| i + 1);
        match checksum {
            Checksum::Posix => {
                let with_size = bytes.iter().chain(&size[..used]);
                !with_size.fold(0, |crc, &byte| {
                    (0..8).fold(crc ^ u32::from(byte) << 24, |crc: u32, _| {
                        (crc << 1) ^ (0x04C1_1DB7 * (crc >> 31))
                    })
                })
            }
            Checksum::Zlib => !bytes.iter().fold(!0, |crc, &byte| {
                (0..8).fold(crc ^ u32::from(byte), |crc: u32, _| {
                    (crc >> 1) ^ (0xEDB8_8320 * (crc & 1))
                })
            }),
            Checksum::Crc8 => bytes
                .iter()
                .fold(0, |crc: u8, &byte| {
                    (0..8).fold(crc ^ byte, |crc: u8, _| (crc << 1) ^ (0x07 * (crc >> 7)))
                })
                .into(),
        }
    }

    fn random(size: usize) -> Vec<u8> {
        let mut bytes = vec![0; size];
        rand::rng().fill(&mut bytes[..]);
        bytes
    }

    #[test]
    fn has_the_values_of_the_specification() {
        for (checksum, nothing, digits) in [
            (Checksum::Posix, 4_294_967_295, 930_766_865),
            (Checksum::Zlib, 0, 0xCBF4_3926),
            (Checksum::Crc8, 0, 0xF4),
        ] {
            assert_eq!(of(checksum, b""), nothing);
            assert_eq!(of(checksum, b"123456789"), digits);
        }
        assert_eq!(Cksum::of(b"123456789"), 930_766_865);
    }

    #[test]
    fn agrees_with_the_definition_at_every_size_of_the_length() {
        for &checksum in Checksum::ALL {
            for size in [1, 15, 16, 17, 254, 255, 256, 257, 65_535, 65_536, 65_537] {
                let plain = random(size);
                assert_eq!(of(checksum, &plain), oracle(checksum, &plain), "{size}");
                let zeros = vec![0; size];
                assert_eq!(
                    of(checksum, &zeros),
                    oracle(checksum, &zeros),
                    "{size} zeros"
                );
            }
        }
        let large = random(1 << 24);
        assert_eq!(Cksum::of(&large), oracle(Checksum::Posix, &large));
    }

    #[test]
    fn does_not_depend_on_how_the_file_is_cut() {
        let plain = random(70_000);
        for &checksum in Checksum::ALL {
            for chunk_size in [1, 2, 15, 16, 17, 255, 256, 4095, 65_536, 65_537] {
                let mut cksum = Cksum::with(checksum);
                for chunk in plain.chunks(chunk_size) {
                    cksum.update(chunk);
                    cksum.update(b"");
                }
                assert_eq!(cksum.size(), 70_000);
                assert_eq!(cksum.finish(), oracle(checksum, &plain), "{chunk_size}");
            }
        }
    }

    #[test]
    fn takes_the_side_of_the_cipher_that_the_dialect_wants() {
        for size in [0, 1, 15, 16, 17, 32, 100] {
            let plain = random(size);
            let content = encrypt(&AesKey::from_bytes(&[7; 16]).unwrap(), &plain);
            let missing = 16 - size % 16;
            let padded = [&plain[..], &vec![missing as u8; missing]].concat();
            for &checksum in Checksum::ALL {
                for &input in ChecksumInput::ALL {
                    let bytes = match input {
                        ChecksumInput::Plaintext => &plain,
                        ChecksumInput::Padded => &padded,
                        ChecksumInput::Content => &content,
                    };
                    let mut cksum = FileCksum::with(checksum, input);
                    for chunk in plain.chunks(7) {
                        cksum.plain(chunk);
                    }
                    for chunk in content.chunks(7) {
                        cksum.content(chunk);
                    }
                    assert_eq!(cksum.plain_size(), size as u64);
                    assert_eq!(cksum.finish(), oracle(checksum, bytes), "{size}");
                }
            }
        }
    }
}
