//! Which code the ciphers and the checksum run on this processor.
//!
//! Both libraries look at the processor when they are first used and take the fastest code it can run. Nothing fails
//! where they find less than they hoped for; everything is only ten times slower. This says what they
//! found, for reports, and for a test that notices a build that lost the fast code.

use std::any::type_name;

use aes::Aes128Enc;
use aes::cipher::consts::U16;
use aes::cipher::typenum::Unsigned;
use aes::cipher::{
    BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, KeyInit,
};
use crc_fast::CrcAlgorithm;

/// What was selected.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hardware {
    /// The module of the `aes` crate that encrypts, such as `x86_aes`; `soft` has no instructions for AES.
    pub cipher: &'static str,
    /// Blocks that it encrypts at once, where they do not depend on each other.
    pub cipher_blocks: usize,
    /// The target of `crc-fast` for the checksum of `cksum`, such as `x86_64-avx512-pclmulqdq`.
    pub cksum: String,
}

impl Hardware {
    /// Asks both libraries.
    #[must_use]
    pub fn selected() -> Self {
        let mut found = ("", 0);
        Aes128Enc::new(&[0; 16].into()).encrypt_with_backend(Look(&mut found));
        let (backend, cipher_blocks) = found;
        let module = backend.split('<').next().unwrap_or(backend);
        let module = module.rsplit("::").nth(1).unwrap_or(module);
        Self {
            cipher: module,
            cipher_blocks,
            cksum: crc_fast::get_calculator_target(CrcAlgorithm::Crc32Cksum),
        }
    }
}

/// Sees the type that was selected, and encrypts nothing.
struct Look<'a>(&'a mut (&'static str, usize));

impl BlockSizeUser for Look<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Look<'_> {
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, _: &B) {
        *self.0 = (type_name::<B>(), B::ParBlocksSize::USIZE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn takes_the_fast_code_that_the_processor_has() {
        let selected = Hardware::selected();
        if is_x86_feature_detected!("aes") {
            assert!(selected.cipher.starts_with("x86_"), "{selected:?}");
            assert!(selected.cipher_blocks >= 8, "{selected:?}");
        }
        if is_x86_feature_detected!("pclmulqdq") && is_x86_feature_detected!("sse4.1") {
            assert!(selected.cksum.contains("pclmul"), "{selected:?}");
        }
        if is_x86_feature_detected!("pclmulqdq") && is_x86_feature_detected!("avx512vl") {
            assert!(selected.cksum.contains("avx512"), "{selected:?}");
        }
    }

    #[cfg(target_arch = "aarch64")]
    #[test]
    fn takes_the_fast_code_that_the_processor_has() {
        if std::arch::is_aarch64_feature_detected!("aes") {
            let selected = Hardware::selected();
            assert_ne!(selected.cipher, "soft", "{selected:?}");
            assert!(selected.cksum.contains("neon"), "{selected:?}");
        }
    }
}
