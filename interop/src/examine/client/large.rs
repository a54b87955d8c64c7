//! The content of a file that no memory has to hold: zeros, as many as a request can carry (PROTOCOL.md 2.3).

use crate::oracle::{AesKey, BLOCK};

/// Takes in the content of a file of zeros, in any pieces, and compares it.
pub(super) struct Zeros {
    key: AesKey,
    /// Bytes of the file.
    size: u64,
    seen: u64,
    rest: Vec<u8>,
    /// The last block of the content so far: what CBC mixes into the next one.
    before: [u8; BLOCK],
    wrong_at: Option<u64>,
}

impl Zeros {
    pub(super) fn new(key: AesKey, size: u64) -> Self {
        Self {
            key,
            size,
            seen: 0,
            rest: Vec::new(),
            before: [0; BLOCK],
            wrong_at: None,
        }
    }

    pub(super) fn take(&mut self, content: &[u8]) {
        self.rest.extend_from_slice(content);
        let whole = self.rest.len() / BLOCK * BLOCK;
        let blocks: Vec<u8> = self.rest.drain(..whole).collect();
        let mut plain = self.key.decrypt_blocks(&blocks);
        for (byte, before) in plain.iter_mut().zip(self.before) {
            *byte ^= before;
        }
        if let Some(last) = blocks.last_chunk() {
            self.before = *last;
        }
        let left = usize::try_from(self.size.saturating_sub(self.seen)).unwrap_or(usize::MAX);
        let (of_file, padding) = plain.split_at(left.min(plain.len()));
        let padding_size = BLOCK as u64 - self.size % BLOCK as u64;
        let wrong = of_file.iter().position(|byte| *byte != 0).or_else(|| {
            let wrong = padding
                .iter()
                .position(|byte| u64::from(*byte) != padding_size);
            wrong.map(|at| of_file.len() + at)
        });
        if let Some(at) = wrong {
            self.wrong_at.get_or_insert(self.seen + at as u64);
        }
        self.seen += plain.len() as u64;
    }

    /// What is wrong with it, once all of it has come: what was due, and what came.
    pub(super) fn fault(&self) -> Option<(String, String)> {
        let due = format!("the {} zeros of the file, encrypted", self.size);
        let came = self.seen + self.rest.len() as u64;
        // Padding is at least a byte.
        let whole = self.size / BLOCK as u64 * BLOCK as u64 + BLOCK as u64;
        match self.wrong_at {
            Some(at) => Some((due, format!("another byte at {at}"))),
            None if came != whole => Some((due, format!("{came} bytes of content, not {whole}"))),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_zeros_in_any_pieces_and_names_the_first_other_byte() {
        let key = AesKey::new(vec![7; 16]).expect("a key");
        for (change, wrong) in [(None, None), (Some(40), Some(40)), (Some(0), Some(0))] {
            let mut plain = vec![0; 100];
            if let Some(at) = change {
                plain[at] = 1;
            }
            let content = key.encrypt(&plain);
            for piece in [1, 5, 16, 33, 112] {
                let mut zeros = Zeros::new(key.clone(), 100);
                content.chunks(piece).for_each(|part| zeros.take(part));
                assert_eq!(zeros.wrong_at, wrong, "{piece}");
                assert_eq!(zeros.fault().is_some(), wrong.is_some());
            }
        }
    }

    #[test]
    fn wants_the_padding_too() {
        let key = AesKey::new(vec![7; 32]).expect("a key");
        // 16 zeros more in place of a block of padding.
        let mut zeros = Zeros::new(key.clone(), 16);
        zeros.take(&key.encrypt(&[0; 32])[..32]);
        assert_eq!(zeros.wrong_at, Some(16));
    }

    #[test]
    fn wants_the_whole_content() {
        let key = AesKey::new(vec![7; 16]).expect("a key");
        let content = key.encrypt(&[0; 100]);
        for (size, right) in [(0, false), (96, false), (111, false), (112, true)] {
            let mut zeros = Zeros::new(key.clone(), 100);
            zeros.take(&content[..size]);
            assert_eq!(zeros.fault().is_none(), right, "{size}");
        }
    }
}
