use super::*;

#[test]
fn cksum_is_that_of_the_specification() {
    assert_eq!(cksum(b""), 4_294_967_295);
    assert_eq!(cksum(b"123456789"), 930_766_865);
    assert_eq!(zlib_crc(b"123456789"), 0xcbf4_3926);
}

#[test]
fn cksum_is_that_of_the_program() {
    use std::io::Write;
    for size in [0, 1, 255, 256, 65_535, 65_536, 1_000_003] {
        let data: Vec<u8> = (0..size).map(|i: usize| (i * 7 % 251) as u8).collect();
        let mut program = std::process::Command::new("cksum")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("cksum of coreutils");
        let mut input = program.stdin.take().expect("a pipe");
        input.write_all(&data).expect("written");
        drop(input);
        let output = program.wait_with_output().expect("ended").stdout;
        let text = String::from_utf8(output).expect("digits");
        assert_eq!(
            text.split(' ').next(),
            Some(cksum(&data).to_string().as_str())
        );
    }
}

#[test]
fn decrypts_what_it_encrypted_and_nothing_else() {
    for key_size in [16, 24, 32] {
        let key = AesKey::new(vec![5; key_size]).expect("a size of AES");
        for size in [0, 1, 15, 16, 17, 100] {
            let plain = vec![9; size];
            let content = key.encrypt(&plain);
            assert_eq!(content.len() as u64, content_size(size as u64));
            assert_eq!(key.decrypt(&content), Some(plain));
            let mut broken = content;
            if let Some(byte) = broken.last_mut() {
                *byte ^= 1;
            }
            assert_eq!(key.decrypt(&broken), None);
        }
    }
}

#[test]
fn aes_is_that_of_the_standard() {
    // The first block of NIST SP 800-38A F.2.1 has an IV of its own; XORed into the plaintext
    // beforehand it gives the same ciphertext from a zero IV.
    let key = AesKey::new(hex("2b7e151628aed2a6abf7158809cf4f3c")).expect("a key");
    let iv = hex("000102030405060708090a0b0c0d0e0f");
    let mut block = hex("6bc1bee22e409f96e93d7e117393172a");
    block.iter_mut().zip(iv).for_each(|(byte, iv)| *byte ^= iv);
    let content = key.encrypt(&block);
    assert_eq!(content[..16], hex("7649abac8119b246cee98e9b12e9197d"));
}

#[test]
fn recognises_a_key_by_its_der() {
    let pair = KeyPair::generate().expect("a pair");
    let der = pair.public_der().to_vec();
    assert_eq!(public_key_fault(&der, &[160], &[17]), None);
    let slug = |at: usize, value: u8| {
        let mut der = der.clone();
        der[at] = value;
        public_key_fault(&der, &[160], &[17]).map(|fault| (fault.slug, fault.offset))
    };
    assert_eq!(slug(0, 0x31), Some(("public-key-der", 0)));
    assert_eq!(slug(28, 1), Some(("public-key-der", 28)));
    assert_eq!(slug(29, 0x7f), Some(("public-key-modulus", 29)));
    assert_eq!(slug(158, 2), Some(("public-key-der", 158)));
    assert_eq!(slug(159, 3), Some(("public-key-exponent", 159)));
    let fault = public_key_fault(&der[..159], &[160], &[17]).expect("too short");
    assert_eq!(fault.slug, "public-key-size");
}

#[test]
fn a_longer_key_is_one_only_where_the_dialect_has_it() {
    let pair = KeyPair::generate_with(65_537).expect("a pair");
    let mut der = pair.public_der().to_vec();
    assert_eq!(der.len(), 162);
    assert_eq!(public_key_fault(&der, &[160, 162], &[17]), None);
    let fault = public_key_fault(&der, &[160], &[17]).expect("too long");
    assert_eq!(fault.slug, "public-key-size");
    der[161] = 2;
    let fault = public_key_fault(&der, &[160, 162], &[17]).expect("even");
    assert_eq!((fault.slug, fault.offset), ("public-key-exponent", 161));
}

#[test]
fn checksums_of_every_kind_over_every_input() {
    let plain = b"123456789";
    let content = [0; 16];
    let of = |checksum, input| checksum_over(checksum, input, plain, &content);
    assert_eq!(of(Checksum::Posix, ChecksumInput::Plaintext), 930_766_865);
    assert_eq!(of(Checksum::Zlib, ChecksumInput::Plaintext), 0xcbf4_3926);
    assert_eq!(of(Checksum::Crc8, ChecksumInput::Plaintext), 0xf4);
    let padded = zlib_crc(b"123456789\x07\x07\x07\x07\x07\x07\x07");
    assert_eq!(of(Checksum::Zlib, ChecksumInput::Padded), padded);
    assert_eq!(of(Checksum::Posix, ChecksumInput::Content), cksum(&content));
}

#[test]
fn unwraps_what_is_wrapped_and_names_another_scheme() {
    let pair = KeyPair::generate().expect("a pair");
    let key = AesKey::new(vec![3; 16]).expect("a key");
    let wrapped = wrap(pair.public_der(), &key).expect("wrapped");
    assert_eq!(pair.unwrap(&wrapped).as_deref(), Some(key.bytes()));
    let public = pair.private.to_public_key();
    let other = public
        .oaep_encrypt::<sha2::Sha256>(key.bytes())
        .expect("wrapped");
    assert_eq!(pair.unwrap(&other), None);
    assert!(
        pair.unwrap_otherwise(&other)
            .is_some_and(|cause| cause.contains("SHA256"))
    );
    let other = public.pkcs1v15_encrypt(key.bytes()).expect("wrapped");
    assert!(
        pair.unwrap_otherwise(&other)
            .is_some_and(|cause| cause.contains("v1.5"))
    );
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex"))
        .collect()
}
