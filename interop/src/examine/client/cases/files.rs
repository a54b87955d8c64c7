//! Files of every kind (PROTOCOL.md 2.3, 4.3).

use crate::cell::Step;
use crate::dialect::Dialect;
use crate::examine::case::Case;
use crate::examine::client::cases::{FIRST, always, backup_of, bytes, case};
use crate::examine::client::setting::{Focus, Outcome, Setting};
use crate::message::Kind;

/// The largest file that one request can carry, in bytes.
const LARGEST: u64 = 4_294_967_007;

pub(super) const CASES: &[Case<Setting>] = &[
    case!("files/empty", "4.3", Must, always,
        does "answers the backup of an empty file",
        expects "a content of one block of padding, and a verdict",
        |s| backup_of(s, "empty.txt", b"")),
    case!("files/one-block", "4.3", Must, always,
        does "answers the backup of a file of 16 bytes, and decrypts what was sent",
        expects "a whole block of padding",
        |s| backup_of(s, "block.bin", &bytes(16))),
    case!("files/line-ends", "4.3", Must, always,
        does "answers the backup of a file with CR, CRLF and the byte 1A, and decrypts what was sent",
        expects "every byte of the file: no text mode",
        |s| backup_of(s, "dos.txt", b"one\r\ntwo\rthree\n\x1afour\r\n")),
    case!("files/nul-bytes", "4.3", Must, always,
    does "answers the backup of a file with every byte value, zeros among them, and decrypts what was sent",
    expects "every byte of the file: content is no string",
    |s| {
        let all: Vec<u8> = (0..=u8::MAX).rev().chain(0..=u8::MAX).filter(|b| *b != b'\r').collect();
        backup_of(s, "all.bin", &all)
    }),
    case!("files/around-1024", "4.3", Must, always,
        does "answers backups of files of 1023, 1024 and 1025 bytes, and decrypts what was sent",
        expects "every byte of each file",
        |s| around(s, 1024)),
    case!("files/around-4096", "4.3", Must, always,
        does "answers backups of files of 4095, 4096 and 4097 bytes, and decrypts what was sent",
        expects "every byte of each file",
        |s| around(s, 4096)),
    case!("files/around-65536", "4.3", Must, always,
        does "answers backups of files of 65535, 65536 and 65537 bytes, and decrypts what was sent",
        expects "every byte of each file",
        |s| around(s, 65536)),
    case!("files/larger-than-buffers", "4.3", Must, always,
        does "answers the backup of a file of 300,000 bytes, and decrypts what was sent",
        expects "every byte of the file",
        |s| backup_of(s, "large.bin", &bytes(300_000))),
    case!("files/missing", "8.2", Should, always,
    does "names a file in transfer.info that is not there",
    expects "the client ends by itself, and sends no file",
    |s| {
        s.look_at(Focus::Course);
        let file = s.missing("nowhere.txt");
        s.send(&file)?;
        s.expect_none_of(&[Kind::SendFile], "8.2")?;
        s.expect_exit(Outcome::NotDone)
    }),
    case!("files/one-byte-too-many", "2.3", Must, has_no_packets,
    does "gives the client a sparse file of 4,294,967,008 bytes, one more than a request can carry",
    expects "the client refuses it before it sends anything",
    |s| {
        s.look_at(Focus::Course);
        let file = s.zeros("too-large.bin", LARGEST + 1)?;
        s.send(&file)?;
        s.expect_course(&[], "2.3")?;
        s.expect_exit(Outcome::NotDone)
    }),
    case!("files/largest", "2.3", Must, has_no_packets,
    does "gives the client a sparse file of 4,294,967,007 bytes, and decrypts what was sent",
    expects "every byte of the file, and a verdict",
    |s| {
        s.is_slow()?;
        // More than any memory should hold: the played server looks at it as it comes.
        s.look_at(Focus::Course);
        let file = s.zeros("largest.bin", LARGEST)?;
        s.send(&file)?;
        s.expect_course(&FIRST, "2.3")?;
        s.expect_exit(Outcome::Done)
    }),
];

fn has_no_packets(dialect: &Dialect) -> bool {
    !dialect.packets
}

fn around(s: &mut Setting, size: usize) -> Step {
    for size in [size - 1, size, size + 1] {
        s.begin_anew()?;
        backup_of(s, &format!("size-{size}.bin"), &bytes(size))?;
    }
    Ok(())
}
