//! Whether content is what it was when it was stored.

use std::fs::{self, File};
use std::io::{self, Read};

use backup_protocol::Cksum;
use backup_protocol::dialect::Checksum;

use super::VersionInfo;

/// Bytes read at once.
const BUFFER: usize = 256 << 10;

/// AES's, for checksums that take in the padding (PROTOCOL.md 10.2).
const BLOCK: u64 = 16;

/// What is wrong with the content of a version.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// There is none.
    #[error("the content is missing")]
    Missing,
    /// A folder, a symbolic link, or something stranger.
    #[error("the content is not a file")]
    NotAFile,
    /// The disk, or whoever changed its mode.
    #[error("the content cannot be read: {0}")]
    Unreadable(io::Error),
    /// Bytes are missing, or too many.
    #[error("the content has {found} bytes, not {expected}")]
    Size {
        /// When it was stored.
        expected: u64,
        /// Now.
        found: u64,
    },
    /// BLAKE3 says so.
    #[error("the digest of the content is another one")]
    Digest,
    /// There is no digest, and no kind of checksum that a dialect has gives the stored number.
    #[error("the cksum of the content is {found}, not {expected}")]
    Cksum {
        /// When it was stored.
        expected: u32,
        /// Now, as `cksum` computes it.
        found: u32,
    },
}

/// Why a copy of content was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Spoilt {
    /// The content is not what it was. What was written is to be thrown away.
    #[error(transparent)]
    Damage(#[from] Damage),
    /// The copy cannot be written.
    #[error("cannot write the copy: {0}")]
    Write(io::Error),
}

impl VersionInfo {
    /// Reads the content, and compares size, digest and cksum with what was stored.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub fn verify(&self) -> Result<(), Damage> {
        match self.copy_to(&mut io::sink()) {
            Ok(()) => Ok(()),
            Err(Spoilt::Damage(damage)) => Err(damage),
            // A sink takes everything.
            Err(Spoilt::Write(error)) => Err(Damage::Unreadable(error)),
        }
    }

    /// Writes the content, and compares what was read with what was stored. Only when this returns is the copy
    /// known to be good.
    ///
    /// # Errors
    ///
    /// [`Spoilt`]: what was written is to be thrown away.
    pub fn copy_to(&self, copy: &mut impl io::Write) -> Result<(), Spoilt> {
        let mut cksum = Cksum::new();
        let mut digest = blake3::Hasher::new();
        let mut size = 0_u64;
        let mut failed = None;
        self.read(|bytes| {
            cksum.update(bytes);
            digest.update(bytes);
            size += bytes.len() as u64;
            failed = copy.write_all(bytes).err();
            failed.is_none()
        })?;
        if let Some(error) = failed {
            return Err(Spoilt::Write(error));
        }
        if size != self.size {
            let (expected, found) = (self.size, size);
            return Err(Damage::Size { expected, found }.into());
        }
        if let Some(expected) = self.digest {
            return match digest.finalize() == expected {
                true => Ok(()),
                false => Err(Damage::Digest.into()),
            };
        }
        let found = cksum.finish();
        if found != self.cksum && !self.has_another_cksum()? {
            let expected = self.cksum;
            return Err(Damage::Cksum { expected, found }.into());
        }
        Ok(())
    }

    /// Whether the stored number is a checksum of another kind, which the client's dialect has.
    fn has_another_cksum(&self) -> Result<bool, Damage> {
        let kinds = [Checksum::Posix, Checksum::Zlib, Checksum::Crc8];
        let mut sums = kinds.map(Cksum::with);
        self.read(|bytes| {
            sums.iter_mut().for_each(|sum| sum.update(bytes));
            true
        })?;
        let padding = BLOCK - self.size % BLOCK;
        // From 1 to 16, each byte the count of them (PROTOCOL.md 4.3).
        let padding =
            vec![u8::try_from(padding).unwrap_or_default(); padding.try_into().unwrap_or_default()];
        Ok(sums.into_iter().any(|sum| {
            let mut padded = sum.clone();
            padded.update(&padding);
            [sum.finish(), padded.finish()].contains(&self.cksum)
        }))
    }

    /// Hands over the content, until it ends or is not wanted any more.
    fn read(&self, mut take: impl FnMut(&[u8]) -> bool) -> Result<(), Damage> {
        match fs::symlink_metadata(&self.content) {
            Ok(found) if found.is_file() => {}
            Ok(_) => return Err(Damage::NotAFile),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Damage::Missing),
            Err(error) => return Err(Damage::Unreadable(error)),
        }
        let mut file = File::open(&self.content).map_err(Damage::Unreadable)?;
        let mut buffer = vec![0; BUFFER];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) if !take(&buffer[..read]) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Damage::Unreadable(error)),
            }
        }
    }
}
