//! Several contents at once: their chains are independent, so that the processor works on all of them
//! while each waits for itself.
//!
//! A block in CBC waits for the one before it: ten rounds of AES, each of which takes several cycles, in
//! a unit that could begin another one in every cycle. With one file that time is lost. With the blocks
//! of four files next to each other it is not, and they take little longer than one.

use aes::cipher::consts::U16;
use aes::cipher::{
    Array, BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, KeyInit,
};
use aes::{Aes128Enc, Aes192Enc, Aes256Enc};

use super::AesKey;
use super::aes::Bytes;
use super::content::{Block, IV, padding_size};

/// As many chains as there are at a time. Four fill the unit where a round takes four cycles; with eight
/// neither chains nor round keys stay in registers, and it was slower where it was measured.
pub const LANES: usize = 4;

/// Encrypts whole plaintexts where they are, as [`encrypt`](super::encrypt) does one after the other,
/// and several times as fast: best with [`LANES`] of them and of one size. Each grows by its 1 to 16 bytes of padding.
///
/// All under one key, and so only for a client that asks for a key for each connection: PROTOCOL.md
/// 4.4 says what two files with the same beginning then give away.
pub fn encrypt_several(key: &AesKey, plaintexts: &mut [Vec<u8>]) {
    for plain in &mut *plaintexts {
        let padding = padding_size(plain.len());
        plain.resize(plain.len().saturating_add(padding), padding as u8);
    }
    let lanes = plaintexts.iter_mut().map(|plain| Lane {
        chain: IV,
        left: plain.as_chunks_mut().0,
    });
    let lanes = Lanes(lanes.collect());
    match key.bytes() {
        Bytes::Aes128(key) => Aes128Enc::new(key.into()).encrypt_with_backend(lanes),
        Bytes::Aes192(key) => Aes192Enc::new(key.into()).encrypt_with_backend(lanes),
        Bytes::Aes256(key) => Aes256Enc::new(key.into()).encrypt_with_backend(lanes),
    }
}

/// One content.
struct Lane<'a> {
    chain: Block,
    /// What is not encrypted yet.
    left: &'a mut [Block],
}

struct Lanes<'a>(Vec<Lane<'a>>);

impl BlockSizeUser for Lanes<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Lanes<'_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let mut lanes = self.0;
        loop {
            lanes.retain(|lane| !lane.left.is_empty());
            // The longest ones together: then few are left for the end, where each goes alone.
            lanes.sort_unstable_by_key(|lane| std::cmp::Reverse(lane.left.len()));
            match lanes.len() {
                0 => return,
                1 => run::<B, 1>(backend, &mut lanes),
                2..LANES => run::<B, 2>(backend, &mut lanes),
                _ => run::<B, LANES>(backend, &mut lanes),
            }
        }
    }
}

/// Encrypts the first `N` lanes side by side, until the shortest of them ends.
#[inline(always)]
fn run<B: BlockCipherEncBackend<BlockSize = U16>, const N: usize>(
    backend: &B,
    lanes: &mut [Lane<'_>],
) {
    let Some(lanes) = lanes.first_chunk_mut::<N>() else {
        return;
    };
    let size = lanes.iter().map(|lane| lane.left.len()).min().unwrap_or(0);
    let mut chains = lanes.each_ref().map(|lane| Array::from(lane.chain));
    let mut blocks = lanes.each_mut().map(|lane| {
        let left = std::mem::take(&mut lane.left);
        let (now, later) = left.split_at_mut_checked(size).unwrap_or_default();
        lane.left = later;
        now.iter_mut()
    });
    for _ in 0..size {
        for (chain, blocks) in chains.iter_mut().zip(&mut blocks) {
            let Some(block) = blocks.next() else { return };
            // As for one content: byte by byte stays in a vector register.
            for (chained, plain) in chain.iter_mut().zip(block.iter()) {
                *chained ^= *plain;
            }
            backend.encrypt_block(chain.into());
            *block = (*chain).into();
        }
    }
    for (lane, chain) in lanes.iter_mut().zip(chains) {
        lane.chain = chain.into();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::crypto::encrypt;

    /// Contents of these sizes are what they are one after the other.
    fn check(sizes: &[usize]) {
        for key_size in [16, 24, 32] {
            let key = AesKey::from_bytes(&vec![key_size as u8; key_size]).unwrap();
            let mut plaintexts: Vec<Vec<u8>> = sizes.iter().map(|&size| vec![0; size]).collect();
            for plain in &mut plaintexts {
                rand::rng().fill(&mut plain[..]);
            }
            let expected: Vec<_> = plaintexts.iter().map(|p| encrypt(&key, p)).collect();
            encrypt_several(&key, &mut plaintexts);
            assert_eq!(plaintexts, expected, "{sizes:?} {key_size}");
        }
    }

    #[test]
    fn gives_what_one_after_the_other_gives() {
        for number in 0..=20 {
            check(&vec![100; number]);
            check(&(0..number).map(|i| i * 7).collect::<Vec<_>>());
            check(&(0..number).map(|i| 3000 - i * 150).collect::<Vec<_>>());
        }
        check(&[0, 1, 15, 16, 17, 31, 32, 33, 4096, 65_537]);
    }
}
