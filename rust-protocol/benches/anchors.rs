//! Ciphers and checksum beside what the machine's own programs reach: `cargo bench -p backup-protocol --bench anchors [-- FILTER]`.
//!
//! Ours and the anchor take turns, each is timed by the processor time that it got, and every line is the
//! ratio within a round: so the figures mean something on a machine that does other things too.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::fs::File;
use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use backup_protocol::crypto::{AesKey, Decryptor, Encryptor, HEADROOM};
use backup_protocol::{Cksum, hardware::Hardware};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rustix::time::{ClockId, clock_gettime};
use wait4::Wait4 as _;

const CHUNK: usize = 256 << 10;
const ROUNDS: usize = 7;
/// Of a measurement of ours.
const LONG_ENOUGH: f64 = 0.4;
/// Bytes of the file for `cksum`.
const FILE: usize = 512 << 20;

fn main() {
    let selected = Hardware::selected();
    println!("cipher {}, cksum {}", selected.cipher, selected.cksum);
    println!(
        "{:44} {:>7} {:>7} {:>7} {:>8} {:>8}",
        "ratio of speeds", "min", "median", "max", "ours", "anchor"
    );
    ciphers();
    for size in [64 << 10, CHUNK, 1 << 20] {
        cksum_in_memory(size);
    }
    cksum_of_a_file();
}

fn ciphers() {
    for (size, cipher) in [(16, "aes-128-cbc"), (32, "aes-256-cbc")] {
        rounds(&format!("encrypt {cipher} / openssl"), || {
            Some((encrypt(size), openssl(&["-evp", cipher])?))
        });
        rounds(&format!("decrypt {cipher} / openssl"), || {
            Some((decrypt(size), openssl(&["-decrypt", "-evp", cipher])?))
        });
    }
}

fn key(size: usize) -> AesKey {
    AesKey::from_bytes(&vec![7; size]).unwrap()
}

fn encrypt(key_size: usize) -> f64 {
    let mut encryptor = Encryptor::new(&key(key_size));
    let mut chunk = vec![1; CHUNK];
    speed(CHUNK, || encryptor.update_in_place(black_box(&mut chunk)))
}

fn decrypt(key_size: usize) -> f64 {
    let mut decryptor = Decryptor::new(&key(key_size));
    let mut buffer = vec![1; HEADROOM + CHUNK];
    speed(CHUNK, || {
        black_box(decryptor.update_in_place(black_box(&mut buffer)));
    })
}

fn cksum_in_memory(size: usize) {
    static TABLES: crc::Crc<u32, crc::Table<16>> =
        crc::Crc::<u32, crc::Table<16>>::new(&crc::CRC_32_CKSUM);
    // Noise: equal bytes would look at one line of each table. And its result is used, or nothing would be computed.
    let chunk = noise(size);
    let what = format!("cksum of {} KiB / crc Table<16>", size >> 10);
    rounds(&what, || {
        let mut ours = Cksum::new();
        let mut theirs = TABLES.digest();
        let ours = speed(size, || ours.update(black_box(&chunk)));
        let anchor = speed(size, || theirs.update(black_box(&chunk)));
        black_box(theirs.finalize());
        Some((ours, anchor))
    });
}

fn noise(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    StdRng::seed_from_u64(1).fill(&mut bytes[..]);
    bytes
}

fn cksum_of_a_file() {
    let folder = Path::new("/dev/shm");
    let folder = if folder.is_dir() {
        folder.to_owned()
    } else {
        std::env::temp_dir()
    };
    let path = folder.join(format!("anchors-{}", std::process::id()));
    let mut file = File::create(&path).unwrap();
    for number in 0..FILE / CHUNK {
        file.write_all(&vec![number as u8; CHUNK]).unwrap();
    }
    // GNU cksum reads 64 KiB at a time, our client and server 256 KiB.
    for block in [64 << 10, CHUNK] {
        let with = |path: &Path| {
            let mut cksum = Cksum::new();
            read_through(path, block, |chunk| cksum.update(chunk))
        };
        let what = format!("cksum of a file, {} KiB / plain reading", block >> 10);
        rounds(&what, || {
            let read = read_through(&path, block, |_| {});
            Some((with(&path), read))
        });
        let what = format!("cksum of a file, {} KiB / GNU cksum", block >> 10);
        rounds(&what, || Some((with(&path), gnu_cksum(&path)?)));
    }
    std::fs::remove_file(&path).unwrap();
}

/// Bytes a second of processor time.
fn read_through(path: &Path, block: usize, mut with: impl FnMut(&[u8])) -> f64 {
    let mut buffer = vec![0; block];
    let mut file = File::open(path).unwrap();
    let before = cpu_time();
    loop {
        let read = file.read(&mut buffer).unwrap();
        if read == 0 {
            return FILE as f64 / (cpu_time() - before);
        }
        with(black_box(&buffer[..read]));
    }
}

/// Bytes a second of processor time, where each call takes `size` bytes.
fn speed(size: usize, mut chunk: impl FnMut()) -> f64 {
    let before = cpu_time();
    let mut bytes = 0.0;
    loop {
        for _ in 0..16 {
            chunk();
            bytes += size as f64;
        }
        let spent = cpu_time() - before;
        if spent > LONG_ENOUGH {
            return bytes / spent;
        }
    }
}

/// Bytes a second of processor time, as `openssl speed` says.
fn openssl(arguments: &[&str]) -> Option<f64> {
    let output = Command::new("openssl")
        .args(["speed", "-mr", "-seconds", "1", "-bytes", "262144"])
        .args(arguments)
        .output()
        .ok()?;
    // +F:22:AES-128-CBC:1189842490.00
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().find(|line| line.starts_with("+F:"))?;
    line.rsplit(':').next()?.parse().ok()
}

fn gnu_cksum(path: &Path) -> Option<f64> {
    let mut child = Command::new("cksum")
        .arg(path)
        .stdout(Stdio::null())
        .spawn()
        .ok()?;
    let used = child.wait4().ok()?.rusage;
    Some(FILE as f64 / (used.utime + used.stime).as_secs_f64())
}

/// Of this thread.
fn cpu_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32).as_secs_f64()
}

/// Prints the ratio of two speeds, and both in MB/s.
fn rounds(what: &str, mut pair: impl FnMut() -> Option<(f64, f64)>) {
    let filter = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    if filter.is_some_and(|filter| !what.contains(&filter)) {
        return;
    }
    let pairs: Option<Vec<(f64, f64)>> = (0..ROUNDS).map(|_| pair()).collect();
    let Some(pairs) = pairs else {
        println!("{what:44} the anchor is missing");
        return;
    };
    let sorted = |of: fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = pairs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let ratios = sorted(|(ours, anchor)| ours / anchor);
    let (ours, anchor) = (sorted(|pair| pair.0), sorted(|pair| pair.1));
    println!(
        "{what:44} {:7.2} {:7.2} {:7.2} {:8.0} {:8.0}",
        ratios[0],
        ratios[ROUNDS / 2],
        ratios[ROUNDS - 1],
        ours[ROUNDS / 2] / 1e6,
        anchor[ROUNDS / 2] / 1e6
    );
}
