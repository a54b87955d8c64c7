//! 1103 and 2103: whose file it is, which sizes agree, and what does not decrypt.

use super::{Setting, must, only};
use crate::cell::{Step, Stop};
use crate::dialect::Dialect;
use crate::examine::case::Case;
use crate::examine::server::message::Message;
use crate::examine::server::setting::Client;
use crate::message::{Field, Kind};
use crate::oracle::{AesKey, BLOCK};

/// Where a 1103 is a whole file; the other dialects have the chapter `packets`.
const WHOLE: fn(&Dialect) -> bool = |dialect| !dialect.packets;

pub(super) const CASES: &[Case<Setting>] = &[
    must(
        "server/files/unknown-client",
        "2.10",
        "sends a file under a client ID that was never given out",
        "a refusal, and the connection goes on; no 2103 over nothing",
        |s| {
            let link = s.connect()?;
            let client = s.stranger("alice")?;
            let content = client.key()?.encrypt(b"from nobody");
            link.send(s.file(&client, b"a.txt", &content, 11).bytes())?;
            s.refused_and_goes_on(&link, Kind::SendFile)
        },
    ),
    must(
        "server/files/before-the-key",
        "2.10",
        "registers and sends a file without any 1101 before",
        "a refusal, and the connection goes on",
        |s| {
            let link = s.connect()?;
            let client = s.registered(&link, "alice")?;
            let content = client.key()?.encrypt(b"too early");
            link.send(s.file(&client, b"a.txt", &content, 9).bytes())?;
            s.refused_and_goes_on(&link, Kind::SendFile)
        },
    ),
    only(
        |dialect| dialect.client_id_in_payload,
        must(
            "server/files/other-id-in-payload",
            "2.2",
            "sends a file with one client's ID in the header and another's in the payload",
            "a refusal, and the connection goes on",
            |s| {
                let link = s.connect()?;
                let other = s.client(&link, "bob")?;
                let client = s.client(&link, "alice")?;
                let content = client.key()?.encrypt(b"whose is it");
                let request = s.file(&client, b"a.txt", &content, 11);
                link.send(request.with(Field::PayloadClientId, &other.id).bytes())?;
                s.refused_and_goes_on(&link, Kind::SendFile)
            },
        ),
    ),
    must(
        "server/files/key-of-another-client",
        "4.3",
        "sends a file that is encrypted under another client's key",
        "a refusal: it does not decrypt under the key of its own client",
        |s| {
            let link = s.connect()?;
            let other = s.client(&link, "bob")?;
            let client = s.client(&link, "alice")?;
            // One that under the wrong key ends in a byte which no padding has.
            let (own, wrong) = (client.key()?, other.key()?);
            let plain = (0..64_u8).map(|number| vec![number; 20]);
            let mut contents = plain.map(|plain| wrong.encrypt(&plain));
            let content = contents.find(|content| {
                let last = own.decrypt_blocks(content).last().copied();
                last.is_some_and(|last| usize::from(last) > BLOCK)
            });
            let content = content.ok_or_else(|| Stop::Ours("no such content".into()))?;
            link.send(s.file(&client, b"a.txt", &content, 20).bytes())?;
            s.refused_and_goes_on(&link, Kind::SendFile)
        },
    ),
    must(
        "server/files/last-padding-byte-0",
        "4.3",
        "sends a content whose last byte is 0 once decrypted",
        "a refusal, and the connection goes on",
        |s| padded_with(s, &[0]),
    ),
    must(
        "server/files/last-padding-byte-17",
        "4.3",
        "sends a content whose last byte is 17 once decrypted, more than a block",
        "a refusal, and the connection goes on",
        |s| padded_with(s, &[17]),
    ),
    must(
        "server/files/padding-bytes-that-differ",
        "4.3",
        "sends a content that ends in 05 04 03 once decrypted",
        "a refusal: every byte of the padding holds its length",
        |s| padded_with(s, &[5, 4, 3]),
    ),
    only(
        WHOLE,
        must(
            "server/files/content-size-0",
            "2.3",
            "sends a 1103 without content, of content size 0",
            "a refusal, and the connection goes on",
            |s| {
                let link = s.connect()?;
                let client = s.client(&link, "alice")?;
                link.send(s.file(&client, b"a.txt", b"", 0).bytes())?;
                s.refused_and_goes_on(&link, Kind::SendFile)
            },
        ),
    ),
    only(
        WHOLE,
        must(
            "server/files/content-not-blocks",
            "2.3",
            "sends a content of 24 bytes, which is no multiple of 16",
            "a refusal, and the connection goes on",
            |s| {
                let link = s.connect()?;
                let client = s.client(&link, "alice")?;
                let content = s.bytes(24);
                link.send(s.file(&client, b"a.txt", &content, 20).bytes())?;
                s.refused_and_goes_on(&link, Kind::SendFile)
            },
        ),
    ),
    only(
        WHOLE,
        must(
            "server/files/content-size-of-the-plaintext",
            "2.3",
            "sends a file with the size of its plaintext for the content size",
            "a refusal: payload size and content size contradict each other",
            |s| content_size(s, |right| right - 3),
        ),
    ),
    only(
        WHOLE,
        must(
            "server/files/content-size-too-small",
            "2.3",
            "sends a file with a content size that is a block less than what follows",
            "a refusal, and all of the payload is thrown away",
            |s| content_size(s, |right| right - 16),
        ),
    ),
    only(
        WHOLE,
        must(
            "server/files/content-size-too-large",
            "2.3",
            "sends a file with a content size that is a block more than what follows",
            "a refusal at once: the payload size says where the message ends",
            |s| content_size(s, |right| right + 16),
        ),
    ),
    only(
        WHOLE,
        must(
            "server/files/content-size-of-4-gib",
            "2.3",
            "sends a small file with a content size of 4,294,967,280",
            "a refusal at once",
            |s| content_size(s, |_| 0xffff_fff0),
        ),
    ),
    must(
        "server/files/goes-on-after-a-refusal",
        "2.10",
        "has a file of 40 KiB refused and sends another on the same connection",
        "a refusal, then 2103: the server threw away exactly the payload",
        |s| {
            let link = s.connect()?;
            let client = s.client(&link, "alice")?;
            let mut content = s.bytes(40 << 10);
            damage(&client.key()?, &mut content)?;
            link.send(
                s.file(&client, b"bad.bin", &content, (40 << 10) - 5)
                    .bytes(),
            )?;
            link.expect(s.dialect().negative(Some(Kind::SendFile)))?;
            s.uploaded(&link, &client, b"good.bin", b"this one is right")
                .map(drop)
        },
    ),
    must(
        "server/files/second-version",
        "6",
        "sends a file, has it verified, and sends other bytes under the same name",
        "2103 with the cksum of the second content alone",
        |s| {
            let link = s.connect()?;
            let mut client = s.client(&link, "alice")?;
            s.uploaded(
                &link,
                &client,
                b"a.txt",
                b"the first version, which is longer",
            )?;
            s.judged(&link, Kind::CksumRight, &client, b"a.txt")?;
            let other = s.connect_after(&link)?;
            s.exchanged(&other, &mut client)?;
            s.uploaded(&other, &client, b"a.txt", b"the second")?;
            s.judged(&other, Kind::CksumRight, &client, b"a.txt")
        },
    ),
    must(
        "server/files/same-name-of-two-clients",
        "7.4",
        "two clients send different files of the same name; the second gives its own up, the first has its verified",
        "both verdicts honoured: a file is identified by client and name",
        |s| {
            let link = s.connect()?;
            let alice = s.client(&link, "alice")?;
            s.uploaded(&link, &alice, b"a.txt", b"of alice")?;
            let other = s.connect_after(&link)?;
            let bob = s.client(&other, "bob")?;
            s.uploaded(&other, &bob, b"a.txt", b"of bob")?;
            s.judged(&other, Kind::GiveUp, &bob, b"a.txt")?;
            let third = s.connect_after(&other)?;
            s.judged(&third, Kind::CksumRight, &alice, b"a.txt")
        },
    ),
    must(
        "server/files/three-in-a-row",
        "4.4",
        "sends three files of one client, each under a new key, and has each verified",
        "three 2103 with the right cksum, and what the dialect has after 1104",
        |s| {
            let mut link = s.connect()?;
            let mut client = s.client(&link, "alice")?;
            for name in [&b"one"[..], b"two", b"three"] {
                s.uploaded(&link, &client, name, name)?;
                s.judged(&link, Kind::CksumRight, &client, name)?;
                link = s.connect_after(&link)?;
                s.exchanged(&link, &mut client)?;
            }
            Ok(())
        },
    ),
];

/// Sends a content whose plaintext ends in these bytes.
fn padded_with(s: &mut Setting, last: &[u8]) -> Step {
    let link = s.connect()?;
    let client = s.client(&link, "alice")?;
    let mut plain = vec![b'x'; 2 * BLOCK - last.len()];
    plain.extend_from_slice(last);
    let mut content = client.key()?.encrypt(&plain);
    // Without the padding that this was given.
    content.truncate(2 * BLOCK);
    link.send(s.file(&client, b"a.txt", &content, 30).bytes())?;
    s.refused_and_goes_on(&link, Kind::SendFile)
}

/// Sends a right content with another content size.
fn content_size(s: &mut Setting, other: fn(u32) -> u32) -> Step {
    let link = s.connect()?;
    let client = s.client(&link, "alice")?;
    let content = client.key()?.encrypt(&[b'x'; 29]);
    let request = file_of_size(s, &client, &content, other);
    link.send(request.bytes())?;
    s.refused_and_goes_on(&link, Kind::SendFile)
}

fn file_of_size(s: &Setting, client: &Client, content: &[u8], other: fn(u32) -> u32) -> Message {
    let right = u32::try_from(content.len()).unwrap_or(u32::MAX);
    let request = s.file(client, b"a.txt", content, 29);
    request.with_number(s.dialect(), Field::ContentSize, other(right))
}

/// Makes sure that a content ends in no valid padding under this key.
fn damage(key: &AesKey, content: &mut [u8]) -> Step {
    for byte in 0..=255 {
        if let Some(last) = content.last_mut() {
            *last = byte;
        }
        if key.decrypt(content).is_none() {
            return Ok(());
        }
    }
    Err(Stop::Ours("every last byte decrypts".into()))
}
