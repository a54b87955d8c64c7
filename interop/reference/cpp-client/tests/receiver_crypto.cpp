#include "receiver_crypto.h"

#include <cryptopp/osrng.h>

#include <algorithm>
#include <array>

#include "errors.h"
#include "fields.h"

namespace backup {
namespace tests {

SecretBytes to_secret(const Bytes& bytes) {
    return SecretBytes(bytes.data(), bytes.size());
}

Bytes decrypt_content(const Bytes& aes_key, const Bytes& content) {
    if (content.empty() || content.size() % block_size != 0) {
        throw ProtocolError("content-not-blocks", "not whole blocks");
    }
    const std::array<Byte, block_size> zero_iv{};
    CryptoPP::CBC_Mode<CryptoPP::AES>::Decryption cipher;
    cipher.SetKeyWithIV(aes_key.data(), aes_key.size(), zero_iv.data(), zero_iv.size());
    Bytes plain(content.size());
    cipher.ProcessData(plain.data(), content.data(), content.size());
    const std::size_t padding = plain.back();
    const bool possible = padding >= 1 && padding <= block_size;
    const bool right = possible && std::all_of(plain.end() - static_cast<std::ptrdiff_t>(padding),
                                               plain.end(), [&](Byte byte) { return byte == padding; });
    if (!right) {
        throw ProtocolError("padding", "the last block does not end in PKCS#7 padding");
    }
    plain.resize(plain.size() - padding);
    return plain;
}

Bytes encrypt_content(const Bytes& aes_key, const Bytes& plaintext) {
    ContentEncryptor encryptor(to_secret(aes_key));
    Bytes content = encryptor.update(plaintext.data(), plaintext.size());
    const Bytes tail = encryptor.finish();
    content.insert(content.end(), tail.begin(), tail.end());
    return content;
}

Bytes wrap_key(const Bytes& public_key, const Bytes& aes_key) {
    CryptoPP::AutoSeededRandomPool random;
    const CryptoPP::RSAES_OAEP_SHA_Encryptor encryptor(
        decode_public_key(public_key, {short_public_key, long_public_key}));
    Bytes wrapped(encryptor.CiphertextLength(aes_key.size()));
    encryptor.Encrypt(random, aes_key.data(), aes_key.size(), wrapped.data());
    return wrapped;
}

}  // namespace tests
}  // namespace backup
