#include "crypto.h"

#include <cryptopp/base64.h>
#include <cryptopp/filters.h>
#include <cryptopp/osrng.h>

#include <algorithm>
#include <array>

#include "errors.h"
#include "fields.h"

namespace backup {

namespace {

constexpr unsigned modulus_bits = 1024;

// The odd exponents that give a public key one size, and the one of a new pair.
struct Exponents {
    long least;
    long greatest;
    unsigned of_new_pair;
};

// One byte of exponent, or three (4.1, 10.8).
Exponents exponents_for(std::size_t public_key_size) {
    return public_key_size == long_public_key ? Exponents{0x008001, 0x7FFFFF, 65537} : Exponents{3, 127, 17};
}

template <typename Key>
Bytes to_der(const Key& key) {
    CryptoPP::ByteQueue queue;
    key.Save(queue);
    Bytes der(static_cast<std::size_t>(queue.CurrentSize()));
    queue.Get(der.data(), der.size());
    return der;
}

bool fits(const CryptoPP::Integer& exponent, const Exponents& range) {
    return exponent.IsOdd() && exponent >= range.least && exponent <= range.greatest;
}

bool is_base64_digit(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

}  // namespace

RsaKeyPair RsaKeyPair::generate(std::size_t public_key_size) {
    CryptoPP::AutoSeededRandomPool random;
    CryptoPP::RSA::PrivateKey key;
    key.Initialize(random, modulus_bits, exponents_for(public_key_size).of_new_pair);
    return RsaKeyPair(key);
}

RsaKeyPair RsaKeyPair::from_pkcs8(const Bytes& der) {
    CryptoPP::RSA::PrivateKey key;
    try {
        CryptoPP::ArraySource source(der.data(), der.size(), true);
        key.Load(source);
        if (source.AnyRetrievable()) {
            throw LocalError("bytes follow the private key");
        }
    } catch (const CryptoPP::Exception&) {
        throw LocalError("the private key is not an RSA key in PKCS#8 DER");
    }
    try {
        decode_public_key(encode_public_key(key), {short_public_key, long_public_key});
    } catch (const ProtocolError& error) {
        throw LocalError(std::string("the private key does not fit the protocol: ") + error.what());
    }
    // Level 2 checks that the parts belong to each other: a damaged file shall not fail on the wire.
    CryptoPP::AutoSeededRandomPool random;
    if (!key.Validate(random, 2)) {
        throw LocalError("the private key is damaged: its parts do not belong to each other");
    }
    return RsaKeyPair(key);
}

Bytes RsaKeyPair::pkcs8() const {
    return to_der(key_);
}

Bytes RsaKeyPair::public_key() const {
    return encode_public_key(key_);
}

SecretBytes RsaKeyPair::unwrap(const Bytes& wrapped) const {
    if (wrapped.size() != wrapped_key_size) {
        throw ProtocolError("wrapped-key-size", "the wrapped key is not 128 bytes");
    }
    CryptoPP::AutoSeededRandomPool random;
    const CryptoPP::RSAES_OAEP_SHA_Decryptor decryptor(key_);
    SecretBytes plain(decryptor.MaxPlaintextLength(wrapped.size()));
    CryptoPP::DecodingResult result;
    try {
        result = decryptor.Decrypt(random, wrapped.data(), wrapped.size(), plain);
    } catch (const CryptoPP::Exception&) {
        result = CryptoPP::DecodingResult();
    }
    if (!result.isValidCoding) {
        throw ProtocolError("unwrap-failed",
                            "the wrapped AES key does not decode under the client's RSA key");
    }
    const std::size_t size = result.messageLength;
    if (size != 16 && size != 24 && size != 32) {
        throw ProtocolError("aes-key-size", "the AES key has " + std::to_string(size) + " bytes");
    }
    plain.resize(size);
    return plain;
}

CryptoPP::RSA::PublicKey decode_public_key(const Bytes& der, const std::vector<std::size_t>& sizes) {
    if (std::find(sizes.begin(), sizes.end(), der.size()) == sizes.end()) {
        throw ProtocolError("public-key-size",
                            "a public key of " + std::to_string(der.size()) + " bytes is not accepted");
    }
    CryptoPP::RSA::PublicKey key;
    try {
        CryptoPP::ArraySource source(der.data(), der.size(), true);
        key.Load(source);
    } catch (const CryptoPP::Exception&) {
        throw ProtocolError("public-key-der", "the public key is not an RSA SubjectPublicKeyInfo");
    }
    // Crypto++ reads BER; DER is what it writes. This also catches bytes that follow the key.
    if (to_der(key) != der) {
        throw ProtocolError("public-key-der", "the public key is not in DER");
    }
    if (key.GetModulus().IsNegative() || key.GetModulus().BitCount() != modulus_bits) {
        throw ProtocolError("public-key-modulus", "the modulus has not 1024 bits");
    }
    if (!fits(key.GetPublicExponent(), exponents_for(der.size()))) {
        throw ProtocolError("public-key-exponent", "the exponent is even or too small");
    }
    return key;
}

// A private key is a public key too, and Save is virtual: the copy keeps the private part out.
Bytes encode_public_key(const CryptoPP::RSA::PublicKey& key) {
    return to_der(CryptoPP::RSA::PublicKey(key));
}

ContentEncryptor::ContentEncryptor(const SecretBytes& key) {
    const std::array<Byte, block_size> zero_iv{};
    cipher_.SetKeyWithIV(key, key.size(), zero_iv.data(), zero_iv.size());
}

Bytes ContentEncryptor::update(const Byte* data, std::size_t size) {
    pending_.insert(pending_.end(), data, data + size);
    const std::size_t whole = pending_.size() - pending_.size() % block_size;
    Bytes out(whole);
    if (whole != 0) {
        cipher_.ProcessData(out.data(), pending_.data(), whole);
        pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(whole));
    }
    return out;
}

Bytes ContentEncryptor::finish() {
    const std::size_t padding = block_size - pending_.size();
    pending_.resize(block_size, static_cast<Byte>(padding));
    Bytes out(block_size);
    cipher_.ProcessData(out.data(), pending_.data(), block_size);
    pending_.clear();
    return out;
}

std::string encode_base64(const Bytes& bytes) {
    CryptoPP::Base64Encoder encoder(nullptr, false);
    encoder.Put(bytes.data(), bytes.size());
    encoder.MessageEnd();
    std::string text(static_cast<std::size_t>(encoder.MaxRetrievable()), '\0');
    encoder.Get(reinterpret_cast<Byte*>(&text[0]), text.size());
    return text;
}

Bytes decode_base64(const std::string& text) {
    // Crypto++ skips what it does not know, so the alphabet is checked here.
    std::size_t digits = 0;
    while (digits < text.size() && is_base64_digit(text[digits])) {
        ++digits;
    }
    const std::size_t padding = text.size() - digits;
    if (text.size() % 4 != 0 || padding > 2 || text.find_first_not_of('=', digits) != std::string::npos) {
        throw LocalError("the text is not base64");
    }
    CryptoPP::Base64Decoder decoder;
    decoder.Put(reinterpret_cast<const Byte*>(text.data()), text.size());
    decoder.MessageEnd();
    Bytes bytes(static_cast<std::size_t>(decoder.MaxRetrievable()));
    decoder.Get(bytes.data(), bytes.size());
    return bytes;
}

}  // namespace backup
