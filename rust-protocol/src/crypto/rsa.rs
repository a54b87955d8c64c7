//! RSA with 1024 bits, and the AES key wrapped with it (PROTOCOL.md 4.1, 4.2).

use std::fmt;

use rsa::pkcs8::spki::SubjectPublicKeyInfoRef;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey};
use rsa::rand_core::CryptoRng;
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, pkcs1};
use zeroize::Zeroizing;

use super::{AesKey, CryptoError};
use crate::dialect::PublicKeySizes;
use crate::wire::{PUBLIC_KEY_SIZE, WRAPPED_KEY_SIZE};

const MODULUS_BITS: usize = 1024;
const EXPONENT: u64 = 17;

/// Exponents whose DER has one byte of value, and those with three.
const EXPONENTS: std::ops::RangeInclusive<u64> = 3..=0x7F;
const LONG_EXPONENTS: std::ops::RangeInclusive<u64> = 0x8000..=0x7F_FFFF;

/// Base64 of a private key has 844 characters when its DER has as many bytes as this.
const DER_SIZES: std::ops::RangeInclusive<usize> = 631..=633;

/// A client's RSA key pair. The private key is wiped when dropped, and `Debug` does not show it.
#[derive(Clone)]
pub struct KeyPair {
    private: rsa::PrivateKey,
    public: PublicKey,
}

impl KeyPair {
    /// Makes a pair of 1024 bits with exponent 17. This takes some milliseconds, without optimisation
    /// a second or so.
    ///
    /// The base64 of the private key has 844 characters, which readers of the family may count on
    /// (PROTOCOL.md 8.3); keys that would be shorter or longer are thrown away.
    ///
    /// # Errors
    ///
    /// None that a working random number generator brings about.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Result<Self, CryptoError> {
        loop {
            let private =
                rsa::PrivateKey::new_with_exp(rng, MODULUS_BITS, BoxedUint::from(EXPONENT))
                    .map_err(|_| CryptoError::Rsa)?;
            let pair = Self::new(private).map_err(|_| CryptoError::Rsa)?;
            if DER_SIZES.contains(&pair.to_pkcs8_der()?.len()) {
                return Ok(pair);
            }
        }
    }

    /// Reads a private key from the DER of its PKCS#8 form, as `me.info` has it (PROTOCOL.md 8.3).
    ///
    /// # Errors
    ///
    /// [`CryptoError::PrivateKey`] if it is none, is inconsistent, or its public key does not fit a
    /// public key field.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, CryptoError> {
        let private = rsa::PrivateKey::from_pkcs8_der(der).map_err(|_| CryptoError::PrivateKey)?;
        Self::new(private)
    }

    /// The DER of the private key's PKCS#8 form.
    ///
    /// # Errors
    ///
    /// None that a key from here brings about.
    pub fn to_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let document = self.private.to_pkcs8_der().map_err(|_| CryptoError::Rsa)?;
        Ok(document.to_bytes())
    }

    /// The public key.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Unwraps an AES key. The random numbers blind the private operation against timing.
    ///
    /// # Errors
    ///
    /// `wrapped-key-size`, `unwrap-failed` or `aes-key-size`.
    pub fn unwrap<R: CryptoRng + ?Sized>(
        &self,
        wrapped: &[u8],
        rng: &mut R,
    ) -> Result<AesKey, CryptoError> {
        if wrapped.len() != WRAPPED_KEY_SIZE {
            return Err(CryptoError::WrappedKeySize { got: wrapped.len() });
        }
        let key = self
            .private
            .oaep_decrypt_with_rng::<sha1::Sha1, _>(rng, wrapped)
            .map(Zeroizing::new)
            .map_err(|_| CryptoError::UnwrapFailed)?;
        AesKey::from_bytes(&key)
    }

    fn new(private: rsa::PrivateKey) -> Result<Self, CryptoError> {
        let der = private
            .as_public_key()
            .to_public_key_der()
            .map_err(|_| CryptoError::PrivateKey)?;
        // What every server takes: some dialects take longer keys, none a server has to.
        let public = PublicKey::parse(der.as_bytes(), PublicKeySizes::Short)
            .map_err(|_| CryptoError::PrivateKey)?;
        Ok(Self { private, public })
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").finish_non_exhaustive()
    }
}

/// A client's public key: 160 bytes of DER that was looked into (PROTOCOL.md 4.1), or 162 (10.8).
#[derive(Clone, Eq, PartialEq)]
pub struct PublicKey {
    der: Box<[u8]>,
    key: rsa::PublicKey,
}

impl PublicKey {
    /// Reads an X.509 SubjectPublicKeyInfo of an RSA key with 1024 bits and an exponent that is odd and
    /// of one byte, or of three where `sizes` has longer keys.
    ///
    /// # Errors
    ///
    /// In this order `public-key-size`, `public-key-der`, `public-key-modulus`,
    /// `public-key-exponent`.
    pub fn parse(bytes: &[u8], sizes: PublicKeySizes) -> Result<Self, CryptoError> {
        if !sizes.accept(bytes.len()) {
            return Err(CryptoError::PublicKeySize { got: bytes.len() });
        }
        let info =
            SubjectPublicKeyInfoRef::try_from(bytes).map_err(|_| CryptoError::PublicKeyDer)?;
        if info.algorithm != pkcs1::ALGORITHM_ID {
            return Err(CryptoError::PublicKeyDer);
        }
        let key = info
            .subject_public_key
            .as_bytes()
            .ok_or(CryptoError::PublicKeyDer)?;
        let key = pkcs1::RsaPublicKeyRef::try_from(key).map_err(|_| CryptoError::PublicKeyDer)?;

        let odd = key
            .modulus
            .as_bytes()
            .last()
            .is_some_and(|byte| byte % 2 == 1);
        let modulus = BoxedUint::from_be_slice_vartime(key.modulus.as_bytes());
        let bits = usize::try_from(modulus.bit_width_vartime()).unwrap_or(usize::MAX);
        // An even number is no product of two large primes, and RSA cannot compute with it.
        if bits != MODULUS_BITS || !odd {
            return Err(CryptoError::PublicKeyModulus { bits });
        }
        let exponent = number(key.public_exponent.as_bytes());
        let possible = match bytes.len() {
            PUBLIC_KEY_SIZE => EXPONENTS,
            _ => LONG_EXPONENTS,
        };
        if !possible.contains(&exponent) || exponent.is_multiple_of(2) {
            return Err(CryptoError::PublicKeyExponent);
        }
        let key = rsa::PublicKey::new(modulus, BoxedUint::from(exponent))
            .map_err(|_| CryptoError::PublicKeyDer)?;
        Ok(Self {
            der: bytes.into(),
            key,
        })
    }

    /// The key as it goes over the wire.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.der
    }

    /// The modulus: 128 bytes, most significant first.
    #[must_use]
    pub fn modulus(&self) -> Vec<u8> {
        self.key.n_bytes().into()
    }

    /// The exponent: odd, from 3 to 127, or of three bytes in a longer key.
    #[must_use]
    pub fn exponent(&self) -> u32 {
        u32::try_from(number(&self.key.e_bytes())).unwrap_or_default()
    }

    /// Wraps an AES key: RSAES-OAEP with SHA-1, MGF1 with SHA-1, and an empty label.
    ///
    /// # Errors
    ///
    /// None that a key from [`PublicKey::parse`] brings about.
    pub fn wrap<R: CryptoRng + ?Sized>(
        &self,
        key: &AesKey,
        rng: &mut R,
    ) -> Result<[u8; WRAPPED_KEY_SIZE], CryptoError> {
        self.key
            .oaep_encrypt_with_rng::<sha1::Sha1, _>(rng, key.as_bytes())
            .ok()
            .and_then(|wrapped| wrapped.try_into().ok())
            .ok_or(CryptoError::Rsa)
    }
}

/// An integer of at most 8 bytes, most significant first; 0, which is no exponent, if it has more.
fn number(bytes: &[u8]) -> u64 {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    let digits = bytes.get(zeros..).unwrap_or_default();
    if digits.len() > 8 {
        return 0;
    }
    let add = |number, &byte: &u8| number << 8 | u64::from(byte);
    digits.iter().fold(0, add)
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use base64::Engine;
    use rsa::pkcs8::AssociatedOid;
    use rsa::pkcs8::der::asn1::{AnyRef, BitStringRef, UintRef};
    use rsa::pkcs8::der::{Decode, Encode};
    use rsa::sha2::Sha256;

    use super::*;

    fn pair() -> KeyPair {
        KeyPair::generate(&mut rand::rng()).unwrap()
    }

    fn parse(der: &[u8]) -> Result<PublicKey, CryptoError> {
        PublicKey::parse(der, PublicKeySizes::Short)
    }

    /// A SubjectPublicKeyInfo of the given numbers.
    fn info(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
        let key = pkcs1::RsaPublicKeyRef {
            modulus: UintRef::new(modulus).unwrap(),
            public_exponent: UintRef::new(exponent).unwrap(),
        };
        let key = key.to_der().unwrap();
        SubjectPublicKeyInfoRef {
            algorithm: pkcs1::ALGORITHM_ID,
            subject_public_key: BitStringRef::new(0, &key).unwrap(),
        }
        .to_der()
        .unwrap()
    }

    #[test]
    fn makes_keys_of_the_sizes_that_the_protocol_has_room_for() {
        for _ in 0..3 {
            let pair = pair();
            assert_eq!(
                pair.public_key().as_bytes().first_chunk(),
                Some(b"\x30\x81\x9D")
            );
            let der = pair.to_pkcs8_der().unwrap();
            let base64 = base64::engine::general_purpose::STANDARD.encode(&*der);
            assert_eq!(base64.len(), 844);
            let again = KeyPair::from_pkcs8_der(&der).unwrap();
            assert_eq!(again.public_key(), pair.public_key());
        }
    }

    #[test]
    fn unwraps_what_was_wrapped_and_nothing_else() {
        let rng = &mut rand::rng();
        let (pair, other) = (pair(), pair());
        for size in [16, 24, 32] {
            let key = AesKey::from_bytes(&vec![size; usize::from(size)]).unwrap();
            let wrapped = pair.public_key().wrap(&key, rng).unwrap();
            assert_eq!(pair.unwrap(&wrapped, rng), Ok(key));
            assert_eq!(other.unwrap(&wrapped, rng), Err(CryptoError::UnwrapFailed));
        }
        assert_eq!(
            pair.unwrap(&[0xFF; 128], rng),
            Err(CryptoError::UnwrapFailed)
        );
        assert_eq!(
            pair.unwrap(&[0; 127], rng),
            Err(CryptoError::WrappedKeySize { got: 127 })
        );
    }

    #[test]
    fn refuses_a_wrapped_key_of_another_size_than_an_aes_key() {
        let rng = &mut rand::rng();
        let pair = pair();
        let key = &pair.public_key().key;
        let wrapped = key
            .oaep_encrypt_with_rng::<sha1::Sha1, _>(rng, &[1; 20])
            .unwrap();
        assert_eq!(
            pair.unwrap(&wrapped, rng),
            Err(CryptoError::AesKeySize { got: 20 })
        );
    }

    #[test]
    fn accepts_odd_exponents_of_one_byte_and_where_told_of_three() {
        let modulus = pair().public_key().key.n_bytes();
        for exponent in 1..=127u8 {
            let parsed = parse(&info(&modulus, &[exponent]));
            if exponent >= 3 && exponent % 2 == 1 {
                assert_eq!(parsed.unwrap().exponent(), u32::from(exponent));
            } else {
                assert_eq!(parsed, Err(CryptoError::PublicKeyExponent), "{exponent}");
            }
        }
        for (exponent, size) in [
            (&[1, 0, 1][..], 162),
            (&[0x80, 1], 162),
            (&[0x7F, 0xFF, 0xFF], 162),
            (&[1, 1], 161),
            (&[0x80, 0, 1], 163),
        ] {
            let der = info(&modulus, exponent);
            let wrong_size = CryptoError::PublicKeySize { got: size };
            assert_eq!(parse(&der), Err(wrong_size));
            match PublicKey::parse(&der, PublicKeySizes::ShortAndLong) {
                Ok(key) => {
                    assert_eq!(size, 162);
                    assert_eq!(u64::from(key.exponent()), number(exponent));
                    assert_eq!(key.as_bytes(), der);
                }
                error => assert_eq!(error, Err(wrong_size)),
            }
        }
        let even = PublicKey::parse(&info(&modulus, &[1, 0, 0]), PublicKeySizes::ShortAndLong);
        assert_eq!(even, Err(CryptoError::PublicKeyExponent));
        let short = info(&modulus, &[17]);
        assert!(PublicKey::parse(&short, PublicKeySizes::ShortAndLong).is_ok());
    }

    #[test]
    fn looks_at_structure_before_modulus_before_exponent() {
        let good = pair().public_key().clone();
        let modulus = good.key.n_bytes();

        // 1023 bits and an exponent of two bytes make 160 bytes too.
        let mut short = modulus.clone();
        *short.first_mut().unwrap() &= 0x7F;
        assert_eq!(
            parse(&info(&short, &[1, 0])).unwrap_err().slug(),
            Some("public-key-modulus")
        );
        let mut even = modulus;
        *even.last_mut().unwrap() &= 0xFE;
        assert_eq!(
            parse(&info(&even, &[2])).unwrap_err().slug(),
            Some("public-key-modulus")
        );
        assert_eq!(parse(&[0x41; 160]).unwrap_err(), CryptoError::PublicKeyDer);
        assert_eq!(
            parse(&[0x41; 159]).unwrap_err(),
            CryptoError::PublicKeySize { got: 159 }
        );
    }

    #[test]
    fn refuses_a_key_of_another_algorithm() {
        let good = pair().public_key().as_bytes().to_vec();
        let mut info = SubjectPublicKeyInfoRef::from_der(&good).unwrap();
        assert_eq!(info.algorithm.parameters, Some(AnyRef::NULL));
        info.algorithm.oid = Sha256::OID;
        let der = info.to_der().unwrap();
        assert_eq!(der.len(), 160, "the object identifiers have the same size");
        assert_eq!(parse(&der), Err(CryptoError::PublicKeyDer));
    }

    #[test]
    fn refuses_a_private_key_whose_public_key_does_not_fit() {
        let large =
            rsa::PrivateKey::new_with_exp(&mut rand::rng(), 1024, 65_537u64.into()).unwrap();
        let der = large.to_pkcs8_der().unwrap();
        assert!(matches!(
            KeyPair::from_pkcs8_der(der.as_bytes()),
            Err(CryptoError::PrivateKey)
        ));
        assert!(KeyPair::from_pkcs8_der(b"no key").is_err());
    }
}
