//! Checksums of a file while it is sent.

use std::fmt;

use crate::cksum::FileCksum;
use crate::dialect::{Checksum, ChecksumInput};

/// The checksums of one transmission that a session asks for: one, or several while the dialect of the
/// server is not known.
///
/// The owner of the session hands over the file with [`ContentSums::plain`] and, if
/// [`ContentSums::wants_content`], the encrypted content with [`ContentSums::content`], both in chunks
/// of any size.
#[derive(Clone)]
pub struct ContentSums {
    sums: Vec<(Checksum, ChecksumInput, FileCksum)>,
    plain_size: u64,
}

impl ContentSums {
    pub(super) fn new(wanted: impl IntoIterator<Item = (Checksum, ChecksumInput)>) -> Self {
        let sums = wanted
            .into_iter()
            .map(|(kind, input)| (kind, input, FileCksum::with(kind, input)));
        Self {
            sums: sums.collect(),
            plain_size: 0,
        }
    }

    /// Takes the next bytes of the file.
    pub fn plain(&mut self, plain: &[u8]) {
        for (.., sum) in &mut self.sums {
            sum.plain(plain);
        }
        self.plain_size = self.plain_size.saturating_add(plain.len() as u64);
    }

    /// Whether the encrypted content is needed too.
    #[must_use]
    pub fn wants_content(&self) -> bool {
        let mut inputs = self.sums.iter().map(|(_, input, _)| *input);
        inputs.any(|input| input == ChecksumInput::Content)
    }

    /// Takes the next bytes of the encrypted content.
    pub fn content(&mut self, content: &[u8]) {
        for (.., sum) in &mut self.sums {
            sum.content(content);
        }
    }

    /// Bytes of the file so far.
    #[must_use]
    pub const fn plain_size(&self) -> u64 {
        self.plain_size
    }

    /// Whether the same checksums were asked for there.
    #[must_use]
    pub fn takes_the_same(&self, other: &Self) -> bool {
        let kinds = |sums: &Self| {
            sums.sums
                .iter()
                .map(|(kind, input, _)| (*kind, *input))
                .collect::<Vec<_>>()
        };
        kinds(self) == kinds(other)
    }

    /// A checksum, if it is one of those that were asked for.
    pub(super) fn get(&self, kind: Checksum, input: ChecksumInput) -> Option<u32> {
        let mut all = self.all();
        all.find_map(|(k, i, sum)| (k == kind && i == input).then_some(sum))
    }

    /// All that were asked for.
    pub(super) fn all(&self) -> impl Iterator<Item = (Checksum, ChecksumInput, u32)> {
        self.sums
            .iter()
            .map(|(kind, input, sum)| (*kind, *input, sum.clone().finish()))
    }
}

impl fmt::Debug for ContentSums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all()).finish()
    }
}
