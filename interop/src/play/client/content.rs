//! What a file becomes on its way: read, named, encrypted.

use std::fs;
use std::io;
use std::path::Path;

use crate::frame;
use crate::oracle::{self, AesKey, BLOCK};
use crate::play::client::{Client, Fault};
use crate::store::base_name;

/// The largest file that a request can carry, in bytes (PROTOCOL.md 2.3).
pub(super) const LARGEST: u64 = 4_294_967_007;
/// Files above this size are of zeros, and are never in memory as a whole.
const IN_MEMORY: u64 = 64 << 20;

/// A file that is sent.
pub(super) enum Plain {
    Bytes(Vec<u8>),
    Zeros(u64),
}

impl Plain {
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Zeros(size) => *size,
        }
    }
}

impl Client {
    pub(super) fn read_file(&self, path: &Path) -> io::Result<Plain> {
        let size = match fs::metadata(path) {
            Err(_) if self.is(Fault::MissingIsEmpty) => return Ok(Plain::Bytes(Vec::new())),
            data => data?.len(),
        };
        if size > IN_MEMORY {
            return Ok(Plain::Zeros(size));
        }
        let mut plain = fs::read(path)?;
        let whole = |buffer: usize| match plain.len() {
            size if size > buffer => size / buffer * buffer,
            size => size,
        };
        let kept = match self.job.fault {
            Some(Fault::Buffers1024) => whole(1024),
            Some(Fault::Buffers4096) => whole(4096),
            Some(Fault::Buffers65536) => whole(65536),
            Some(Fault::Most200000) => 200_000,
            Some(Fault::StopsAtNul) => plain.iter().position(|b| *b == 0).unwrap_or(plain.len()),
            _ => plain.len(),
        };
        plain.truncate(kept);
        if self.is(Fault::TextMode) {
            plain.retain(|byte| *byte != b'\r');
        }
        Ok(Plain::Bytes(plain))
    }

    /// The content of a file that is in memory.
    pub(super) fn content(&self, key: &AesKey, plain: &[u8]) -> Vec<u8> {
        match self.job.fault {
            Some(Fault::Iv) => {
                let mut changed = plain.to_vec();
                if let Some(first) = changed.first_mut() {
                    *first ^= 0x55;
                }
                key.encrypt(&changed)
            }
            Some(Fault::Plain) => {
                let mut content = key.encrypt(plain);
                content.splice(..plain.len(), plain.iter().copied());
                content
            }
            Some(Fault::NoPaddingBlock)
                if plain.len().is_multiple_of(BLOCK) && !plain.is_empty() =>
            {
                let mut content = key.encrypt(plain);
                content.truncate(plain.len());
                content
            }
            Some(Fault::PacketsAlone) if self.dialect().packet_size > 0 => {
                let size = self.dialect().packet_size as usize;
                let whole = key.encrypt(plain);
                let padded = key.decrypt_blocks(&whole);
                let alone = |part: &[u8]| {
                    let mut content = key.encrypt(part);
                    content.truncate(part.len());
                    content
                };
                padded.chunks(size).flat_map(alone).collect()
            }
            _ => key.encrypt(plain),
        }
    }

    /// The checksum that 2103 has to have.
    pub(super) fn checksum(&self, plain: &Plain, content: &[u8]) -> u32 {
        match plain {
            Plain::Bytes(plain) => oracle::checksum(self.dialect(), plain, content),
            Plain::Zeros(size) => oracle::cksum_of_zeros(*size),
        }
    }

    pub(super) fn client_name(&self) -> Vec<u8> {
        let mut name = self.job.name.clone();
        match self.job.fault {
            Some(Fault::CutsName) => name.truncate(254),
            Some(Fault::Name253) => name.truncate(253),
            Some(Fault::AsciiName) => name = ascii(&name),
            _ => {}
        }
        self.name_field(&name)
    }

    pub(super) fn file_name(&self, path: &Path) -> Vec<u8> {
        let text = path.to_string_lossy().into_owned();
        let mut name = match &self.job.send_as {
            Some(name) => name.clone(),
            None => base_name(&text).to_owned(),
        };
        match self.job.fault {
            Some(Fault::FileName100) => name.truncate(100),
            Some(Fault::AsciiFileName) => name = ascii(&name),
            _ => {}
        }
        let mut field = self.name_field(&name);
        if self.is(Fault::UnclearedFileName) {
            self.leave_noise(&name, &mut field);
        }
        field
    }

    pub(super) fn name_field(&self, text: &str) -> Vec<u8> {
        let mut field = frame::name_field(self.dialect(), text.as_bytes());
        if self.is(Fault::Uncleared) {
            self.leave_noise(text, &mut field);
        }
        field
    }

    fn leave_noise(&self, text: &str, field: &mut [u8]) {
        if let Some(last) = field.last_mut()
            && text.len() < self.dialect().name_width - 1
        {
            *last = b'x';
        }
    }
}

fn ascii(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii() { c } else { '?' })
        .collect()
}

/// Encrypts zeros in pieces: CBC over the whole, of which only a piece is in memory.
pub(super) struct ZeroContent {
    key: AesKey,
    left: u64,
    before: [u8; BLOCK],
}

impl ZeroContent {
    pub(super) fn new(key: &AesKey, size: u64) -> Self {
        Self {
            key: key.clone(),
            left: size,
            before: [0; BLOCK],
        }
    }
}

impl Iterator for ZeroContent {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        /// A multiple of the block.
        const PIECE: u64 = 4 << 20;
        if self.left == u64::MAX {
            return None;
        }
        let size = self.left.min(PIECE);
        let last = self.left < PIECE;
        let mut plain = vec![0; usize::try_from(size).unwrap_or_default()];
        for (byte, before) in plain.iter_mut().zip(self.before) {
            *byte ^= before;
        }
        let mut content = self.key.encrypt(&plain);
        if last {
            self.left = u64::MAX;
        } else {
            content.truncate(plain.len());
            self.left -= size;
        }
        if let Some(last) = content.last_chunk() {
            self.before = *last;
        }
        Some(content)
    }
}
