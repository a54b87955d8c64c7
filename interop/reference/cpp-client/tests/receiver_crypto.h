// The receiver's half of PROTOCOL.md 4, which the client itself does not need.

#ifndef BACKUP_TESTS_RECEIVER_CRYPTO_H
#define BACKUP_TESTS_RECEIVER_CRYPTO_H

#include "bytes.h"
#include "crypto.h"

namespace backup {
namespace tests {

// Decrypts content and takes its padding off. ProtocolError `content-not-blocks`, `padding`.
Bytes decrypt_content(const Bytes& aes_key, const Bytes& content);

// Encrypts in one piece, with the client's code.
Bytes encrypt_content(const Bytes& aes_key, const Bytes& plaintext);

// Wraps an AES key of any size for the owner of a public key (4.2).
Bytes wrap_key(const Bytes& public_key, const Bytes& aes_key);

SecretBytes to_secret(const Bytes& bytes);

}  // namespace tests
}  // namespace backup

#endif
