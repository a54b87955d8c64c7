//! Small files that are encrypted before their turn, several at once.
//!
//! The cipher of one file is a serial chain; several chains side by side take about as long as two
//! ([`encrypt_several`]). That needs files that share a key: those of one connection, with `KeyPer::Connection`, at a server
//! that keeps connections open.

use std::io::{self, Read as _};

use backup_protocol::crypto::{AesKey, LANES, encrypt_several};
use backup_protocol::session::client::{ContentSums, Transmission};

use crate::source::{FileError, SourceFile};

/// The largest file that is encrypted so, in bytes. A larger one is worth a thread of its own.
const LARGEST: u64 = 1 << 20;

/// Bytes of all files that are encrypted at once.
const TOGETHER: u64 = 4 << 20;

/// What was done ahead.
#[derive(Default)]
pub(crate) struct Ahead {
    /// Of the transmission before, and of what is ready.
    key: Option<AesKey>,
    ready: Vec<Ready>,
    /// Of contents that were sent: memory that is new to the process costs as much as a cipher.
    spare: Vec<Vec<u8>>,
}

/// The content of one file.
struct Ready {
    index: usize,
    plain_size: u64,
    content: Vec<u8>,
    sums: ContentSums,
}

impl Ahead {
    /// The content of the transmission of file `index`, and its checksums, if it is worth to have them at
    /// once. `files` are that file and those that may follow it, with their indices.
    ///
    /// # Errors
    /// [`FileError`] for the file itself: [`FileError::Changed`] if there are not exactly `plain_size`
    /// bytes to read.
    pub(crate) fn content<'f>(
        &mut self,
        transmission: &Transmission,
        index: usize,
        files: impl Iterator<Item = (usize, &'f SourceFile)>,
    ) -> Result<Option<(Vec<u8>, ContentSums)>, FileError> {
        let same_key = self.key.as_ref() == Some(&transmission.key);
        if !same_key {
            // A key that serves one file is no reason to think that it will serve another.
            self.key = Some(transmission.key.clone());
            self.ready.clear();
            return Ok(None);
        }
        if transmission.plain_size > LARGEST {
            return Ok(None);
        }
        if let Some(found) = self.take(transmission, index) {
            return Ok(Some(found));
        }
        self.fill(transmission, index, files)?;
        Ok(self.take(transmission, index))
    }

    /// Takes back the memory of a content.
    pub(crate) fn recycle(&mut self, content: Vec<u8>) {
        if self.spare.len() < LANES {
            self.spare.push(content);
        }
    }

    fn take(
        &mut self,
        transmission: &Transmission,
        index: usize,
    ) -> Option<(Vec<u8>, ContentSums)> {
        let position = self.ready.iter().position(|ready| ready.index == index)?;
        // Used once: what is sent again is read again.
        let ready = self.ready.swap_remove(position);
        // Its size is announced already, and may be another by now.
        let fits = ready.plain_size == transmission.plain_size
            && ready.sums.takes_the_same(&transmission.sums);
        fits.then_some((ready.content, ready.sums))
    }

    fn fill<'f>(
        &mut self,
        transmission: &Transmission,
        index: usize,
        files: impl Iterator<Item = (usize, &'f SourceFile)>,
    ) -> Result<(), FileError> {
        self.ready.clear();
        let mut plaintexts = Vec::new();
        let mut room = TOGETHER;
        for (next, source) in files {
            let mut sums = transmission.sums.clone();
            let mut plain = self.spare.pop().unwrap_or_default();
            match read(source, room.min(LARGEST), &mut plain) {
                Ok(true) => {}
                // Its own turn will say what is wrong with it.
                Ok(false) | Err(_) if next != index => {
                    self.recycle(plain);
                    continue;
                }
                Ok(false) => return Ok(()),
                Err(error) => return Err(error),
            }
            let plain_size = plain.len() as u64;
            if next == index && plain_size != transmission.plain_size {
                return Err(source.changed(transmission.plain_size, plain_size));
            }
            sums.plain(&plain);
            room = room.saturating_sub(plain_size);
            plaintexts.push(plain);
            self.ready.push(Ready {
                index: next,
                plain_size,
                content: Vec::new(),
                sums,
            });
            if plaintexts.len() == LANES || room == 0 {
                break;
            }
        }
        encrypt_several(&transmission.key, &mut plaintexts);
        for (ready, content) in self.ready.iter_mut().zip(plaintexts) {
            // Nothing, unless the dialect sums the content.
            ready.sums.content(&content);
            ready.content = content;
        }
        Ok(())
    }
}

/// Reads all of a file into `plain`; `false` if it has more than `most` bytes.
fn read(source: &SourceFile, most: u64, plain: &mut Vec<u8>) -> Result<bool, FileError> {
    let (file, size) = source.open()?;
    if size > most {
        return Ok(false);
    }
    let unreadable = |error: io::Error| FileError::Unreadable {
        path: source.path().to_owned(),
        source: error,
    };
    // With room for the padding; one byte more than there should be tells of a file that grew.
    plain.clear();
    plain.reserve_exact(usize::try_from(size).unwrap_or_default() + 32);
    let read = (&file)
        .take(size.saturating_add(1))
        .read_to_end(plain)
        .map_err(unreadable)?;
    match read as u64 == size {
        true => Ok(true),
        false => Err(source.changed(size, read as u64)),
    }
}
