//! What is in a file: sizes, padding, and the checksum that 2103 carries.

use super::{Setting, must};
use crate::cell::Step;
use crate::examine::case::Case;

pub(super) const CASES: &[Case<Setting>] = &[
    must(
        "server/content/answer",
        "2",
        "sends a file of 26 bytes",
        "2103 with the client ID, the content size, the file name, and the cksum of the plaintext",
        |s| upload(s, &[b"abcdefghijklmnopqrstuvwxyz"]),
    ),
    must(
        "server/content/nine-digits",
        "5",
        "sends a file with `123456789`",
        "the cksum 930766865, not the 3421780262 of zlib's CRC-32",
        |s| upload(s, &[b"123456789"]),
    ),
    must(
        "server/content/length-counts",
        "5",
        "sends files of 1, 2, 255, 256 and 257 zero bytes",
        "five different cksums: the length is part of what is summed up",
        |s| {
            let zeros = [0; 257];
            let sizes = [1, 2, 255, 256, 257];
            let files = sizes.map(|size| zeros.get(..size).unwrap_or_default());
            upload(s, &files)
        },
    ),
    must(
        "server/content/empty-file",
        "4.3",
        "sends an empty file, which is 16 bytes of content",
        "2103 with the cksum 4294967295",
        |s| upload(s, &[b""]),
    ),
    must(
        "server/content/one-byte",
        "4.3",
        "sends a file of one byte",
        "2103 with the cksum of one byte: 15 bytes of padding are taken off",
        |s| upload(s, &[b"x"]),
    ),
    must(
        "server/content/one-byte-less-than-a-block",
        "4.3",
        "sends a file of 15 bytes",
        "2103 with the cksum of 15 bytes: one byte of padding is taken off",
        |s| upload(s, &[b"123456789012345"]),
    ),
    must(
        "server/content/whole-blocks",
        "4.3",
        "sends files of 16 and of 32 bytes",
        "2103 with their cksums: a whole block of padding is taken off",
        |s| {
            upload(
                s,
                &[b"1234567890123456", b"12345678901234567890123456789012"],
            )
        },
    ),
    must(
        "server/content/one-byte-more-than-a-block",
        "4.3",
        "sends a file of 17 bytes",
        "2103 with the cksum of 17 bytes",
        |s| upload(s, &[b"12345678901234567"]),
    ),
    must(
        "server/content/around-1024",
        "1.4",
        "sends files of 1007, 1008, 1023, 1024 and 1025 bytes",
        "2103 with their cksums",
        |s| sizes(s, &[1007, 1008, 1023, 1024, 1025]),
    ),
    must(
        "server/content/around-4096",
        "1.4",
        "sends files of 4079, 4080, 4095, 4096 and 4097 bytes",
        "2103 with their cksums",
        |s| sizes(s, &[4079, 4080, 4095, 4096, 4097]),
    ),
    must(
        "server/content/around-65536",
        "1.4",
        "sends files of 65519, 65520, 65535, 65536 and 65537 bytes",
        "2103 with their cksums",
        |s| sizes(s, &[65519, 65520, 65535, 65536, 65537]),
    ),
    must(
        "server/content/one-mebibyte",
        "1.4",
        "sends a file of 1 MiB and 1 byte",
        "2103 with its cksum",
        |s| sizes(s, &[(1 << 20) + 1]),
    ),
    must(
        "server/content/newlines",
        "5",
        "sends a file with CR LF, LF and CR, and one that ends in a newline",
        "2103 with their cksums: bytes are bytes, no text is converted",
        |s| upload(s, &[b"one\r\ntwo\nthree\rfour\r\n\r\n", b"a line\n"]),
    ),
    must(
        "server/content/end-of-text",
        "5",
        "sends files with NUL and with the byte 1a, which ends a text on some systems",
        "2103 with their cksums",
        |s| upload(s, &[b"before\0after", b"before\x1aafter", b"\0\0\0"]),
    ),
    must(
        "server/content/every-byte",
        "5",
        "sends a file with all 256 bytes, which is no text in any encoding",
        "2103 with its cksum",
        |s| {
            let all: Vec<u8> = (0..=255).collect();
            upload(s, &[&all])
        },
    ),
    must(
        "server/content/trailing-zeros",
        "4.3",
        "sends files that end in zeros and in bytes that look like padding",
        "2103 with their cksums: only the padding is taken off",
        |s| {
            upload(
                s,
                &[b"zeros\0\0\0\0", b"looks like padding\x02\x02", b"\x01"],
            )
        },
    ),
];

/// Sends each as a file of its own, and has each right.
fn upload(s: &mut Setting, files: &[&[u8]]) -> Step {
    let mut link = s.connect()?;
    let mut client = s.client(&link, "alice")?;
    for (number, plain) in files.iter().enumerate() {
        if number > 0 {
            link = s.connect_after(&link)?;
            s.exchanged(&link, &mut client)?;
        }
        let name = format!("file-{number}.bin");
        s.uploaded(&link, &client, name.as_bytes(), plain)?;
    }
    Ok(())
}

fn sizes(s: &mut Setting, sizes: &[usize]) -> Step {
    let files: Vec<_> = sizes.iter().map(|size| s.bytes(*size)).collect();
    let files: Vec<_> = files.iter().map(|file| &file[..]).collect();
    upload(s, &files)
}
