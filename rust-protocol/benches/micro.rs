//! How fast each part is: `cargo bench -p backup-protocol --bench micro [FILTER]`.
//!
//! On a machine that does other things too, the fastest sample is the one to compare.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use backup_protocol::cksum::Cksum;
use backup_protocol::crypto::{self, AesKey, Decryptor, Encryptor, HEADROOM, KeyPair};
use backup_protocol::dialect::Checksum;
use backup_protocol::wire::{
    ClientId, FileReceived, Name, Register, Request, RequestHeader, Response, ResponseHeader,
    VERSION,
};
use backup_protocol::{Dialect, hardware::Hardware};
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};

/// The size of the programs' buffers.
const CHUNK: usize = 256 << 10;

fn main() {
    let selected = Hardware::selected();
    println!("cipher {}, cksum {}", selected.cipher, selected.cksum);
    divan::main();
}

fn key(size: usize) -> AesKey {
    AesKey::from_bytes(&vec![7; size]).unwrap()
}

mod content {
    use super::*;

    #[divan::bench(args = [16, 24, 32], min_time = 0.3)]
    fn encrypt(bencher: Bencher<'_, '_>, key_size: usize) {
        let mut encryptor = Encryptor::new(&key(key_size));
        let mut chunk = vec![1; CHUNK];
        bencher
            .counter(BytesCount::new(CHUNK))
            .bench_local(|| encryptor.update_in_place(black_box(&mut chunk)));
    }

    #[divan::bench(args = [1, 2, 4], min_time = 0.3)]
    fn encrypt_several(bencher: Bencher<'_, '_>, files: usize) {
        let key = key(16);
        let mut plaintexts = vec![vec![1; CHUNK]; files];
        bencher
            .counter(BytesCount::new(CHUNK * files))
            .bench_local(|| {
                for plain in &mut plaintexts {
                    plain.truncate(CHUNK);
                }
                crypto::encrypt_several(&key, black_box(&mut plaintexts));
            });
    }

    #[divan::bench(args = [16, 24, 32], min_time = 0.3)]
    fn decrypt(bencher: Bencher<'_, '_>, key_size: usize) {
        let mut decryptor = Decryptor::new(&key(key_size));
        let mut buffer = vec![1; HEADROOM + CHUNK];
        bencher
            .counter(BytesCount::new(CHUNK))
            .bench_local(|| decryptor.update_in_place(black_box(&mut buffer)).len());
    }
}

mod checksum {
    use super::*;

    #[divan::bench(args = Checksum::ALL, min_time = 0.3)]
    fn of(bencher: Bencher<'_, '_>, checksum: &Checksum) {
        let chunk = vec![1; CHUNK];
        let mut cksum = Cksum::with(*checksum);
        bencher
            .counter(BytesCount::new(CHUNK))
            .bench_local(|| cksum.update(black_box(&chunk)));
    }
}

mod rsa {
    use super::*;

    #[divan::bench(sample_count = 50)]
    fn generate(bencher: Bencher<'_, '_>) {
        let mut rng = rand::rng();
        bencher.bench_local(|| KeyPair::generate(&mut rng));
    }

    #[divan::bench]
    fn wrap(bencher: Bencher<'_, '_>) {
        let mut rng = rand::rng();
        let pair = KeyPair::generate(&mut rng).unwrap();
        let key = key(16);
        bencher.bench_local(|| pair.public_key().wrap(black_box(&key), &mut rng));
    }

    #[divan::bench]
    fn unwrap(bencher: Bencher<'_, '_>) {
        let mut rng = rand::rng();
        let pair = KeyPair::generate(&mut rng).unwrap();
        let wrapped = pair.public_key().wrap(&key(16), &mut rng).unwrap();
        bencher.bench_local(|| pair.unwrap(black_box(&wrapped), &mut rng));
    }
}

/// Encoding and decoding, in a dialect with every field and in one with fewer.
mod message {
    use super::*;

    const DIALECTS: [&str; 3] = ["seed", "2024a", "seed,order=big,align=natural"];

    #[divan::bench(args = DIALECTS)]
    fn register(bencher: Bencher<'_, '_>, dialect: &str) {
        let dialect = Dialect::parse(dialect).unwrap();
        let name = Name::new("alice").unwrap();
        let request = Request::Register(Register { name });
        bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
            let bytes = black_box(&request).encode(&dialect, ClientId::ZERO, VERSION);
            let (header, payload) = bytes.split_at(dialect.request_header_size());
            let header = RequestHeader::decode(header, &dialect).unwrap();
            Request::decode(&header, payload, &dialect).unwrap()
        });
    }

    #[divan::bench(args = DIALECTS)]
    fn file_received(bencher: Bencher<'_, '_>, dialect: &str) {
        let dialect = Dialect::parse(dialect).unwrap();
        let response = response();
        bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
            let bytes = black_box(&response).encode(&dialect, VERSION);
            let (header, payload) = bytes.split_at(dialect.response_header_size());
            let header = ResponseHeader::decode(header, &dialect).unwrap();
            Response::decode(&header, payload, &dialect).unwrap()
        });
    }

    fn response() -> Response {
        Response::FileReceived(FileReceived {
            client_id: Some(ClientId::ZERO),
            content_size: Some(16),
            file_name: Name::new("a.txt").unwrap(),
            cksum: 1,
        })
    }
}
