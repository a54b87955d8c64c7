//! File content: AES-CBC, an IV of zeros, PKCS#7 padding (PROTOCOL.md 4.3), as a stream.

use aes::cipher::consts::U16;
use aes::cipher::{
    Array, BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockModeDecrypt,
    BlockSizeUser, InnerIvInit, KeyInit,
};
use aes::{Aes128Dec, Aes128Enc, Aes192Dec, Aes192Enc, Aes256Dec, Aes256Enc};
use zeroize::Zeroizing;

use super::aes::Bytes;
use super::{AesKey, CryptoError};

/// Bytes of a block of AES.
pub const BLOCK_SIZE: usize = 16;

pub(super) type Block = [u8; BLOCK_SIZE];

pub(super) const IV: Block = [0; BLOCK_SIZE];

/// Bytes of padding after so many bytes of plaintext: 1 to 16.
pub(super) const fn padding_size(plain_size: usize) -> usize {
    BLOCK_SIZE.saturating_sub(plain_size % BLOCK_SIZE)
}

/// Size of the content that `plain_size` bytes encrypt to: the next multiple of 16 above it, so that
/// an empty file is 16 bytes. Saturates at the end of `u64`; what a message can carry is for
/// [`Parameters::content_size`](crate::dialect::Parameters::content_size) to say.
#[must_use]
pub const fn content_size(plain_size: u64) -> u64 {
    (plain_size & !15).saturating_add(16)
}

/// Bytes that a buffer has before its content for [`Decryptor::update_in_place`].
pub const HEADROOM: usize = BLOCK_SIZE;

/// Encrypts a whole plaintext at once.
#[must_use]
pub fn encrypt(key: &AesKey, plain: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(plain.len().saturating_add(BLOCK_SIZE));
    let mut encryptor = Encryptor::new(key);
    encryptor.update(plain, &mut content);
    encryptor.finish(&mut content);
    content
}

/// Decrypts whole content at once.
///
/// # Errors
///
/// See [`Decryptor::finish`].
pub fn decrypt(key: &AesKey, content: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let mut plain = Vec::with_capacity(content.len());
    let mut decryptor = Decryptor::new(key);
    decryptor.update(content, &mut plain);
    decryptor.finish(&mut plain)?;
    Ok(plain)
}

/// Encrypts a file in chunks of any size, holding less than a block of it.
pub struct Encryptor {
    cipher: EncryptCipher,
    chain: Block,
    /// Plaintext that does not fill a block yet: less than a block.
    pending: Zeroizing<Vec<u8>>,
}

enum EncryptCipher {
    Aes128(Aes128Enc),
    Aes192(Aes192Enc),
    Aes256(Aes256Enc),
}

impl Encryptor {
    /// Starts a file.
    #[must_use]
    pub fn new(key: &AesKey) -> Self {
        let cipher = match key.bytes() {
            Bytes::Aes128(key) => EncryptCipher::Aes128(Aes128Enc::new(key.into())),
            Bytes::Aes192(key) => EncryptCipher::Aes192(Aes192Enc::new(key.into())),
            Bytes::Aes256(key) => EncryptCipher::Aes256(Aes256Enc::new(key.into())),
        };
        Self {
            cipher,
            chain: IV,
            pending: Zeroizing::new(Vec::with_capacity(BLOCK_SIZE)),
        }
    }

    /// Appends to `content` what can be encrypted of the file so far.
    pub fn update(&mut self, plain: &[u8], content: &mut Vec<u8>) {
        let start = content.len();
        content.extend_from_slice(&self.pending);
        content.extend_from_slice(plain);
        self.encrypt_from(start, content);
    }

    /// Encrypts `chunk` where it is: plaintext goes in, the content that is ready comes out.
    ///
    /// Saves the copy of [`Encryptor::update`] as long as every chunk is a multiple of 16 bytes.
    pub fn update_in_place(&mut self, chunk: &mut Vec<u8>) {
        if !self.pending.is_empty() {
            chunk.splice(..0, self.pending.iter().copied());
        }
        self.encrypt_from(0, chunk);
    }

    /// Ends the file: appends the last block, with its 1 to 16 bytes of padding.
    pub fn finish(mut self, content: &mut Vec<u8>) {
        let start = content.len();
        let padding = padding_size(self.pending.len());
        content.extend_from_slice(&self.pending);
        content.resize(
            start.saturating_add(BLOCK_SIZE),
            u8::try_from(padding).unwrap_or_default(),
        );
        self.pending.clear();
        self.encrypt_from(start, content);
    }

    /// Encrypts whole blocks from `start`, and takes the rest back into `pending`.
    fn encrypt_from(&mut self, start: usize, buffer: &mut Vec<u8>) {
        let size = buffer.len().saturating_sub(start);
        let rest = buffer.len().saturating_sub(size % BLOCK_SIZE);
        self.pending.clear();
        self.pending.extend(buffer.drain(rest..));

        let (_, buffer) = buffer.split_at_mut(start);
        let chain = &mut self.chain;
        match &self.cipher {
            EncryptCipher::Aes128(cipher) => {
                cipher.encrypt_with_backend(CbcEncrypt { chain, buffer });
            }
            EncryptCipher::Aes192(cipher) => {
                cipher.encrypt_with_backend(CbcEncrypt { chain, buffer });
            }
            EncryptCipher::Aes256(cipher) => {
                cipher.encrypt_with_backend(CbcEncrypt { chain, buffer });
            }
        }
    }
}

/// CBC over whole blocks, with the chaining value in a local: `cbc::Encryptor` keeps it in memory
/// between blocks and is a fifth slower for it. Encryption in CBC is one serial chain and the slowest
/// part of a transfer, so this is the place where it counts.
struct CbcEncrypt<'a> {
    chain: &'a mut Block,
    buffer: &'a mut [u8],
}

impl BlockSizeUser for CbcEncrypt<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for CbcEncrypt<'_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let mut chain = Array::from(*self.chain);
        let (blocks, _) = self.buffer.as_chunks_mut::<BLOCK_SIZE>();
        for block in blocks {
            // Byte by byte on purpose: a `u128` would detour through general registers.
            for (chained, plain) in chain.iter_mut().zip(block.iter()) {
                *chained ^= *plain;
            }
            backend.encrypt_block((&mut chain).into());
            *block = chain.into();
        }
        *self.chain = chain.into();
    }
}

/// Decrypts content in chunks of any size. It holds the last block back, since only the end of the
/// content says how much of it is padding.
pub struct Decryptor {
    cipher: DecryptCipher,
    /// Content that is not decrypted yet: at most a block, and not empty once there was any content, unless
    /// a block is held back.
    pending: Vec<u8>,
    /// The last block, decrypted already.
    held: Option<Zeroizing<Block>>,
}

enum DecryptCipher {
    Aes128(cbc::Decryptor<Aes128Dec>),
    Aes192(cbc::Decryptor<Aes192Dec>),
    Aes256(cbc::Decryptor<Aes256Dec>),
}

impl Decryptor {
    /// Starts a file.
    #[must_use]
    pub fn new(key: &AesKey) -> Self {
        let iv = &IV.into();
        let cipher = match key.bytes() {
            Bytes::Aes128(key) => DecryptCipher::Aes128(cbc::Decryptor::inner_iv_init(
                Aes128Dec::new(key.into()),
                iv,
            )),
            Bytes::Aes192(key) => DecryptCipher::Aes192(cbc::Decryptor::inner_iv_init(
                Aes192Dec::new(key.into()),
                iv,
            )),
            Bytes::Aes256(key) => DecryptCipher::Aes256(cbc::Decryptor::inner_iv_init(
                Aes256Dec::new(key.into()),
                iv,
            )),
        };
        Self {
            cipher,
            pending: Vec::with_capacity(BLOCK_SIZE),
            held: None,
        }
    }

    /// Decrypts content where it is: it stands in `buffer` behind [`HEADROOM`] bytes that do not
    /// matter, and what can be said of the plaintext so far comes back, a part of the buffer.
    ///
    /// Saves the copy of [`Decryptor::update`], for content in chunks of whole blocks. Of a chunk that is not, the
    /// bytes behind the last whole block count as an end inside a block: [`Decryptor::finish`] fails.
    pub fn update_in_place<'b>(&mut self, buffer: &'b mut [u8]) -> &'b [u8] {
        let Some((room, content)) = buffer.split_first_chunk_mut::<HEADROOM>() else {
            return &[];
        };
        let whole = content.len().saturating_sub(content.len() % BLOCK_SIZE);
        let Some((blocks, rest)) = content.split_at_mut_checked(whole) else {
            return &[];
        };
        // A mixture with `update` would go on behind bytes that wait there.
        if !self.pending.is_empty() || !rest.is_empty() {
            self.pending.extend_from_slice(rest);
            self.pending.resize(BLOCK_SIZE.saturating_add(1), 0);
            return &[];
        }
        self.decrypt_blocks(blocks);
        let Some(&last) = blocks.last_chunk::<BLOCK_SIZE>() else {
            return &[];
        };
        let start = match self.held.replace(Zeroizing::new(last)) {
            Some(before) => {
                *room = *before;
                0
            }
            None => HEADROOM,
        };
        buffer.get(start..whole).unwrap_or_default()
    }

    /// Appends to `plain` what can be said of the plaintext so far.
    pub fn update(&mut self, content: &[u8], plain: &mut Vec<u8>) {
        if !content.is_empty()
            && let Some(held) = self.held.take()
        {
            plain.extend_from_slice(&*held);
        }
        let start = plain.len();
        plain.extend_from_slice(&self.pending);
        plain.extend_from_slice(content);

        let size = plain.len().saturating_sub(start);
        let keep = match size % BLOCK_SIZE {
            0 => size.min(BLOCK_SIZE),
            rest => rest,
        };
        self.pending.clear();
        self.pending
            .extend(plain.drain(plain.len().saturating_sub(keep)..));
        let (_, buffer) = plain.split_at_mut(start);
        self.decrypt_blocks(buffer);
    }

    /// Ends the content: appends what the last block holds before its padding.
    ///
    /// # Errors
    ///
    /// `content-not-blocks` if the content was empty or ended inside a block, `padding` if the last
    /// block does not end in PKCS#7 padding. What came out before is then worth nothing either.
    ///
    /// The time this takes does not depend on the padding, but the answer that a server has to give
    /// tells the same (PROTOCOL.md 9).
    pub fn finish(mut self, plain: &mut Vec<u8>) -> Result<(), CryptoError> {
        let block = match (self.held.take(), self.pending.as_slice()) {
            (Some(held), []) => held,
            (_, pending) => {
                let block: Block = pending
                    .try_into()
                    .map_err(|_| CryptoError::ContentNotBlocks)?;
                let mut block = Zeroizing::new(block);
                self.decrypt_blocks(&mut *block);
                block
            }
        };

        let [.., padding] = *block;
        let text = BLOCK_SIZE.saturating_sub(usize::from(padding));
        let mut wrong = u8::from(padding == 0) | u8::from(usize::from(padding) > BLOCK_SIZE);
        for (i, &byte) in block.iter().enumerate() {
            wrong |= u8::from(i >= text) & u8::from(byte != padding);
        }
        if wrong != 0 {
            return Err(CryptoError::Padding);
        }
        plain.extend(block.iter().take(text));
        Ok(())
    }

    fn decrypt_blocks(&mut self, buffer: &mut [u8]) {
        let (blocks, _) = Array::<u8, U16>::slice_as_chunks_mut(buffer);
        match &mut self.cipher {
            DecryptCipher::Aes128(cipher) => cipher.decrypt_blocks(blocks),
            DecryptCipher::Aes192(cipher) => cipher.decrypt_blocks(blocks),
            DecryptCipher::Aes256(cipher) => cipher.decrypt_blocks(blocks),
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use aes::cipher::block_padding::Pkcs7;
    use aes::cipher::{BlockModeEncrypt, KeyIvInit};
    use rand::RngExt;

    use super::*;

    /// What the `cbc` crate makes of it: the oracle.
    fn oracle(key: &[u8], plain: &[u8]) -> Vec<u8> {
        fn run<C: KeyIvInit + BlockModeEncrypt>(key: &[u8], plain: &[u8]) -> Vec<u8> {
            let mut buffer = [plain, &IV].concat();
            let encryptor = C::new_from_slices(key, &IV).unwrap();
            encryptor
                .encrypt_padded::<Pkcs7>(&mut buffer, plain.len())
                .unwrap()
                .to_vec()
        }
        match key.len() {
            16 => run::<cbc::Encryptor<aes::Aes128>>(key, plain),
            24 => run::<cbc::Encryptor<aes::Aes192>>(key, plain),
            _ => run::<cbc::Encryptor<aes::Aes256>>(key, plain),
        }
    }

    fn random(size: usize) -> Vec<u8> {
        let mut bytes = vec![0; size];
        rand::rng().fill(&mut bytes[..]);
        bytes
    }

    #[test]
    fn agrees_with_the_cbc_crate_at_every_size_around_blocks() {
        for key_size in [16, 24, 32] {
            let key = random(key_size);
            let aes = AesKey::from_bytes(&key).unwrap();
            for size in (0..70).chain([255, 256, 4096, 65_537]) {
                let plain = random(size);
                let content = encrypt(&aes, &plain);
                assert_eq!(content, oracle(&key, &plain), "{key_size} {size}");
                assert_eq!(content.len() as u64, content_size(size as u64));
                assert_eq!(decrypt(&aes, &content), Ok(plain), "{key_size} {size}");
            }
        }
    }

    #[test]
    fn gives_the_same_content_in_chunks_of_any_size() {
        let key = AesKey::from_bytes(&random(16)).unwrap();
        let plain = random(1000);
        let whole = encrypt(&key, &plain);
        for chunk_size in [1, 3, 15, 16, 17, 32, 33, 100, 999, 1000] {
            let (mut appended, mut in_place) = (Vec::new(), Vec::new());
            let (mut a, mut b) = (Encryptor::new(&key), Encryptor::new(&key));
            for chunk in plain.chunks(chunk_size) {
                a.update(chunk, &mut appended);
                let mut chunk = chunk.to_vec();
                b.update_in_place(&mut chunk);
                in_place.extend(chunk);
            }
            a.finish(&mut appended);
            b.finish(&mut in_place);
            assert_eq!(appended, whole, "{chunk_size}");
            assert_eq!(in_place, whole, "{chunk_size}");

            let mut decryptor = Decryptor::new(&key);
            let mut out = Vec::new();
            for chunk in whole.chunks(chunk_size) {
                decryptor.update(chunk, &mut out);
            }
            assert_eq!(out.len(), 992, "holds back the last block");
            decryptor.finish(&mut out).unwrap();
            assert_eq!(out, plain, "{chunk_size}");
        }
    }

    /// Decrypts in place, in chunks of so many blocks.
    fn in_place(key: &AesKey, content: &[u8], blocks: usize) -> Result<Vec<u8>, CryptoError> {
        let mut decryptor = Decryptor::new(key);
        let mut plain = Vec::new();
        for chunk in content.chunks(blocks * BLOCK_SIZE) {
            let mut buffer = [&[0xEE; HEADROOM], chunk].concat();
            plain.extend_from_slice(decryptor.update_in_place(&mut buffer));
        }
        decryptor.finish(&mut plain)?;
        Ok(plain)
    }

    #[test]
    fn decrypts_in_place_what_it_decrypts_into_another_buffer() {
        let key = AesKey::from_bytes(&random(32)).unwrap();
        for size in [0, 1, 15, 16, 17, 100, 1000, 4096] {
            let plain = random(size);
            let content = encrypt(&key, &plain);
            for blocks in [1, 2, 3, 8, 9, 100, 1000] {
                assert_eq!(in_place(&key, &content, blocks).as_ref(), Ok(&plain));
            }
            let (first, rest) = content.split_at(BLOCK_SIZE);
            let mut decryptor = Decryptor::new(&key);
            let mut buffer = [&[0; HEADROOM], first].concat();
            let mut out = decryptor.update_in_place(&mut buffer).to_vec();
            decryptor.update(rest, &mut out);
            assert_eq!(decryptor.finish(&mut out), Ok(()), "{size}");
            assert_eq!(out, plain);
        }
    }

    #[test]
    fn refuses_content_in_place_that_is_not_blocks() {
        let key = AesKey::from_bytes(&random(16)).unwrap();
        let content = encrypt(&key, &[1; 100]);
        for size in [0, 1, 15, 17, 31, 33, 111] {
            let wrong = in_place(&key, &content[..size], 2);
            assert_eq!(wrong, Err(CryptoError::ContentNotBlocks), "{size}");
        }
        // Nor does it go on behind less than a block.
        let mut decryptor = Decryptor::new(&key);
        let mut out = Vec::new();
        decryptor.update(&content[..15], &mut out);
        let mut buffer = [&[0; HEADROOM], &content[15..31]].concat();
        assert!(decryptor.update_in_place(&mut buffer).is_empty());
        assert_eq!(
            decryptor.finish(&mut out),
            Err(CryptoError::ContentNotBlocks)
        );
    }

    #[test]
    fn refuses_content_that_is_not_blocks() {
        let key = AesKey::from_bytes(&random(16)).unwrap();
        let content = encrypt(&key, b"some text of more than a block");
        for size in [0, 1, 15, 17, 31] {
            assert_eq!(
                decrypt(&key, &content[..size]),
                Err(CryptoError::ContentNotBlocks),
                "{size}"
            );
        }
    }

    /// Encrypts blocks without adding padding, by cutting the padding block off again.
    fn without_padding(key: &AesKey, blocks: &[u8]) -> Vec<u8> {
        let mut content = encrypt(key, blocks);
        content.truncate(blocks.len());
        content
    }

    #[test]
    fn refuses_every_last_block_that_is_not_padding() {
        let key = AesKey::from_bytes(&random(16)).unwrap();
        for last in 0..=255u8 {
            let mut block = [last; 16];
            let content = without_padding(&key, &block);
            let right = (1..=16).contains(&last);
            assert_eq!(decrypt(&key, &content).is_ok(), right, "{last}");

            if (2..=16).contains(&last) {
                block[16 - usize::from(last)] ^= 1;
                let content = without_padding(&key, &block);
                assert_eq!(decrypt(&key, &content), Err(CryptoError::Padding), "{last}");
            }
        }
    }
}
