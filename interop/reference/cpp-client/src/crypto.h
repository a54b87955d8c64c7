// Keys and ciphers of PROTOCOL.md 4, on top of Crypto++.

#ifndef BACKUP_CRYPTO_H
#define BACKUP_CRYPTO_H

#include <cryptopp/aes.h>
#include <cryptopp/modes.h>
#include <cryptopp/rsa.h>
#include <cryptopp/secblock.h>

#include <cstddef>
#include <string>
#include <vector>

#include "bytes.h"

namespace backup {

// Wiped when it goes out of scope.
using SecretBytes = CryptoPP::SecByteBlock;

// The sizes of a public key: with an exponent that encodes in one byte (4.1), and in three (10.8).
constexpr std::size_t short_public_key = 160;
constexpr std::size_t long_public_key = 162;

// The client's RSA key pair of 1024 bits.
class RsaKeyPair {
  public:
    // A new pair, with the exponent 17 for a public key of 160 bytes and 65537 for one of 162.
    static RsaKeyPair generate(std::size_t public_key_size);

    // From a PKCS#8 PrivateKeyInfo in DER. LocalError if it is none, or if the key does not fit the protocol.
    static RsaKeyPair from_pkcs8(const Bytes& der);

    // The PKCS#8 PrivateKeyInfo in DER, for me.info (8.3).
    Bytes pkcs8() const;

    // The X.509 SubjectPublicKeyInfo in DER: 160 or 162 bytes.
    Bytes public_key() const;

    // Unwraps the 128 bytes of 2102 (4.2). ProtocolError `wrapped-key-size`, `unwrap-failed`, `aes-key-size`.
    SecretBytes unwrap(const Bytes& wrapped) const;

  private:
    explicit RsaKeyPair(const CryptoPP::RSA::PrivateKey& key) : key_(key) {}
    CryptoPP::RSA::PrivateKey key_;
};

// Reads the public key field of 1101 as a receiver does that accepts these sizes (4.1, 10.8). ProtocolError
// with the slugs `public-key-size`, `public-key-der`, `public-key-modulus` and `public-key-exponent`, in this
// order.
CryptoPP::RSA::PublicKey decode_public_key(const Bytes& der, const std::vector<std::size_t>& sizes);
Bytes encode_public_key(const CryptoPP::RSA::PublicKey& key);

// Encrypts a file's content piece by piece: AES-CBC, IV zero, PKCS#7 padding (4.3).
class ContentEncryptor {
  public:
    // A key of 16, 24 or 32 bytes.
    explicit ContentEncryptor(const SecretBytes& key);

    // The ciphertext of all blocks that are whole by now.
    Bytes update(const Byte* data, std::size_t size);

    // The last block, padded by 1 to 16 bytes. Nothing may follow.
    Bytes finish();

  private:
    CryptoPP::CBC_Mode<CryptoPP::AES>::Encryption cipher_;
    Bytes pending_;  // less than a block
};

std::string encode_base64(const Bytes& bytes);  // on one line

// Strict: only the alphabet, padding at the end, whole groups. LocalError otherwise.
Bytes decode_base64(const std::string& text);

}  // namespace backup

#endif
