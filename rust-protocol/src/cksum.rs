//! The checksum of the POSIX utility `cksum` (PROTOCOL.md 5).

use crc_fast::{CrcAlgorithm, Digest};

/// Computes the cksum of a file in chunks of any size.
///
/// It is CRC-32 with bits not reflected, over the data and then over its length; not zlib's CRC-32.
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
    digest: Digest,
    size: u64,
}

impl Cksum {
    /// Starts a file.
    #[must_use]
    pub fn new() -> Self {
        Self {
            digest: Digest::new(CrcAlgorithm::Crc32Cksum),
            size: 0,
        }
    }

    /// The cksum of a whole plaintext.
    #[must_use]
    pub fn of(plain: &[u8]) -> u32 {
        let mut cksum = Self::new();
        cksum.update(plain);
        cksum.finish()
    }

    /// Takes the next bytes of the plaintext.
    pub fn update(&mut self, plain: &[u8]) {
        self.digest.update(plain);
        self.size = self.size.saturating_add(plain.len() as u64);
    }

    /// Bytes so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Ends the file: the length follows the data, least significant byte first, in as few bytes as
    /// it takes.
    #[must_use]
    pub fn finish(mut self) -> u32 {
        let mut size = self.size;
        while size > 0 {
            let [byte, ..] = size.to_le_bytes();
            self.digest.update(&[byte]);
            size >>= 8;
        }
        // A CRC of 32 bits in a type for all of them.
        u32::try_from(self.digest.finalize()).unwrap_or_default()
    }
}

impl Default for Cksum {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
mod tests {
    use rand::RngExt;

    use super::*;

    /// The same by the `crc` crate: the oracle.
    fn oracle(plain: &[u8]) -> u32 {
        let crc = crc::Crc::<u32, crc::Table<16>>::new(&crc::CRC_32_CKSUM);
        let mut digest = crc.digest();
        digest.update(plain);
        let size = plain.len().to_le_bytes();
        let used = size
            .iter()
            .rposition(|&byte| byte != 0)
            .map_or(0, |i| i + 1);
        digest.update(&size[..used]);
        digest.finalize()
    }

    fn random(size: usize) -> Vec<u8> {
        let mut bytes = vec![0; size];
        rand::rng().fill(&mut bytes[..]);
        bytes
    }

    #[test]
    fn has_the_values_of_the_specification() {
        assert_eq!(Cksum::of(b""), 4_294_967_295);
        assert_eq!(Cksum::of(b"123456789"), 930_766_865);
        assert_ne!(Cksum::of(b"123456789"), 0xCBF4_3926, "zlib's");
    }

    #[test]
    fn counts_the_length_in_as_few_bytes_as_it_takes() {
        for size in [
            1, 15, 16, 17, 254, 255, 256, 257, 65_535, 65_536, 65_537, 16_777_216,
        ] {
            let plain = random(size);
            assert_eq!(Cksum::of(&plain), oracle(&plain), "{size}");
            let zeros = vec![0; size];
            assert_eq!(Cksum::of(&zeros), oracle(&zeros), "{size} zeros");
        }
    }

    #[test]
    fn does_not_depend_on_how_the_file_is_cut() {
        let plain = random(70_000);
        for chunk_size in [1, 2, 15, 16, 17, 255, 256, 4095, 65_536, 65_537] {
            let mut cksum = Cksum::new();
            for chunk in plain.chunks(chunk_size) {
                cksum.update(chunk);
                cksum.update(b"");
            }
            assert_eq!(cksum.size(), 70_000);
            assert_eq!(cksum.finish(), oracle(&plain), "{chunk_size}");
        }
    }
}
