//! Files in packets (PROTOCOL.md 10.7): the sequences of `vectors/v1/packets.json`, each given to a
//! server session, and what needs more than one sequence to be seen.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::Path;

use backup_protocol::Dialect;
use backup_protocol::cksum::FileCksum;
use backup_protocol::crypto::{AesKey, KeyPair, encrypt};
use backup_protocol::session::Refusal;
use backup_protocol::wire::{
    ClientId, FileReceived, Response, ResponseHeader, SendFile, VERSION, Verdict, VerdictKind,
};
use backup_protocol::wire::{Packet, Request};
use serde_json::Value;
use support::{Connection, World, dialect, name};

const ID: ClientId = ClientId::from_bytes(*b"alice's own ID..");

/// A server that knows a client and its key, and a connection to it.
fn known(dialect: &Dialect, id: ClientId, key: &AesKey) -> (World, Connection) {
    let mut world = World::new(dialect);
    let entry = (name("alice"), Some(key.clone()));
    world.store.clients.insert(id, entry);
    let pair = KeyPair::generate(&mut rand::rng()).unwrap();
    let public_key = pair.public_key().clone();
    world.store.public_keys.insert(id, public_key);
    let connection = world.connection();
    (world, connection)
}

fn decode(bytes: &[u8], dialect: &Dialect) -> Response {
    let (header, rest) = bytes.split_at(dialect.response_header_size());
    let header = ResponseHeader::decode(header, dialect).unwrap();
    Response::decode(&header, rest, dialect).unwrap()
}

#[test]
fn a_session_makes_of_every_sequence_what_the_vectors_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/v1/packets.json");
    let vectors: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(vectors["decodes"], "packets");
    let mut count = 0;
    for group in vectors["groups"].as_array().unwrap() {
        for test in group["tests"].as_array().unwrap() {
            for text in group["dialects"].as_array().unwrap() {
                for chunk in [1, 16, usize::MAX] {
                    run(group, test, &dialect(text.as_str().unwrap()), chunk);
                }
            }
            count += 1;
        }
    }
    assert_eq!(vectors["count"], count);
}

fn run(group: &Value, test: &Value, dialect: &Dialect, chunk: usize) {
    let context = format!("{} in {dialect}", test["id"]);
    let key = AesKey::from_bytes(&unhex(&group["aes_key"])).unwrap();
    let messages = test["messages"].as_array().unwrap();
    let first = unhex(&messages[0]["bytes"]);
    let id = ClientId::from_bytes(first[..16].try_into().unwrap());
    let (mut world, mut connection) = known(dialect, id, &key);
    world.chunk = chunk;
    let mut answer = Vec::new();
    for message in messages {
        let bytes = unhex(&message["bytes"]);
        answer = match chunk {
            usize::MAX => connection.exchange(&bytes, &mut world),
            _ => {
                let mut chunks = bytes.chunks(chunk);
                let mut take = || chunks.next();
                std::iter::from_fn(|| Some(connection.exchange(take()?, &mut world)))
                    .collect::<Vec<_>>()
                    .concat()
            }
        };
        assert!(!connection.server_ended, "{context}");
        match message["outcome"].as_str().unwrap() {
            "more" => assert!(answer.is_empty() && connection.in_file(), "{context}"),
            "discarded" => assert!(answer.is_empty() && !connection.in_file(), "{context}"),
            "complete" => {
                let received = decode(&answer, dialect);
                assert!(matches!(received, Response::FileReceived(_)), "{context}");
            }
            "refused" => {
                assert_eq!(
                    decode(&answer, dialect),
                    Response::GeneralError,
                    "{context}"
                );
                let slug = connection.session.refusal().unwrap().slug().unwrap();
                let aliases = test["aliases"].as_array().cloned().unwrap_or_default();
                let right = test["error"] == slug || aliases.contains(&slug.into());
                assert!(right, "{context}: {slug}");
            }
            other => panic!("what is {other}?"),
        }
    }
    if test["result"] != "invalid" {
        let fields = &test["fields"];
        let plain = unhex(&fields["plaintext"]);
        let mut cksum = FileCksum::new(dialect);
        cksum.plain(&plain);
        let expected = Response::FileReceived(FileReceived {
            client_id: Some(id),
            content_size: fields["content_size"].as_u64().unwrap().try_into().ok(),
            file_name: name(fields["file_name"].as_str().unwrap()),
            cksum: cksum.finish(),
        });
        assert_eq!(decode(&answer, dialect), expected, "{context}");
        let kept: Vec<_> = world.store.versions.iter().map(|v| &v.plain).collect();
        assert_eq!(kept, [&plain], "{context}");
    }
}

fn unhex(value: &Value) -> Vec<u8> {
    let (pairs, rest) = value.as_str().unwrap().as_bytes().as_chunks::<2>();
    assert!(rest.is_empty());
    let pairs = pairs.iter().map(|pair| std::str::from_utf8(pair).unwrap());
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

/// The packets of a file as this crate's own sender cuts it.
fn packets(dialect: &Dialect, file_name: &str, key: &AesKey, plain: &[u8]) -> Vec<Vec<u8>> {
    let content = encrypt(key, plain);
    let mut rest = &content[..];
    let requests = SendFile::requests(dialect, plain.len() as u64, &name(file_name)).unwrap();
    let packets = requests.map(|request| {
        let (this, after) = rest.split_at(request.size() as usize);
        rest = after;
        [
            &Request::SendFile(request).encode(dialect, ID, VERSION),
            this,
        ]
        .concat()
    });
    let packets = packets.collect();
    assert!(rest.is_empty());
    packets
}

fn key() -> AesKey {
    AesKey::from_bytes(&[7; 32]).unwrap()
}

#[test]
fn takes_what_our_own_sender_cuts_in_every_dialect_with_packets() {
    let plain: Vec<u8> = (0..1000).map(|i| (i % 251) as u8).collect();
    for text in [
        "2024a",
        "2024a,packet=16",
        "2024c,packet=48,packet-order=big",
        "2024c,packet=1024,id=yes,name=256,align=natural",
        "seed,packets=yes,packet=32,order=big",
        "2023a,packets=yes,packet=64,crc=zlib,crc-input=content,echo=plain",
    ] {
        let dialect = dialect(text);
        let (mut world, mut connection) = known(&dialect, ID, &key());
        let packets = packets(&dialect, "a.txt", &key(), &plain);
        let answer = connection.exchange(&packets.concat(), &mut world);
        let Response::FileReceived(received) = decode(&answer, &dialect) else {
            panic!("{text}: {answer:02x?}")
        };
        let mut cksum = FileCksum::new(&dialect);
        cksum.plain(&plain);
        cksum.content(&encrypt(&key(), &plain));
        assert_eq!(received.cksum, cksum.finish(), "{text}");
        let echoed = match text.contains("echo=plain") {
            true => 1000,
            false => 1008,
        };
        assert_eq!(received.content_size, Some(echoed), "{text}");
        assert_eq!(world.store.versions[0].plain, plain, "{text}");
    }
}

#[test]
fn another_request_between_packets_ends_the_file() {
    let dialect = dialect("2024a,packet=16");
    let (mut world, mut connection) = known(&dialect, ID, &key());
    let packets = packets(&dialect, "a.txt", &key(), &[1; 40]);
    assert_eq!(packets.len(), 3);
    assert!(connection.exchange(&packets[0], &mut world).is_empty());
    let give_up = Request::Verdict(Verdict {
        kind: VerdictKind::GiveUp,
        file_name: name("a.txt"),
    });
    let give_up = give_up.encode(&dialect, ID, VERSION);
    let answer = connection.exchange(&give_up, &mut world);
    assert!(matches!(
        decode(&answer, &dialect),
        Response::Acknowledged(_)
    ));
    assert!(!connection.in_file());
    let answer = connection.exchange(&packets[1], &mut world);
    assert_eq!(decode(&answer, &dialect), Response::GeneralError);
    let slug = connection.session.refusal().unwrap().slug();
    assert_eq!(slug, Some("packet-number"));
}

#[test]
fn a_file_that_is_refused_takes_its_packets_along_without_a_further_answer() {
    let dialect = dialect("2024a,packet=16");
    for (file_name, stranger) in [("..", false), ("a.txt", true)] {
        let (mut world, mut connection) = known(&dialect, ID, &key());
        if stranger {
            world.store.clients.clear();
        }
        let packets = packets(&dialect, file_name, &key(), &[1; 40]);
        let answer = connection.exchange(&packets.concat(), &mut world);
        assert_eq!(decode(&answer, &dialect), Response::GeneralError, "once");
        let reconnect = Request::Verdict(Verdict {
            kind: VerdictKind::Wrong,
            file_name: name("a.txt"),
        });
        let bytes = reconnect.encode(&dialect, ID, VERSION);
        assert!(connection.exchange(&bytes, &mut world).is_empty());
        assert!(!connection.server_ended);
    }
}

#[test]
fn content_that_does_not_decrypt_is_refused_with_its_last_packet() {
    let dialect = dialect("2024a,packet=16");
    let (mut world, mut connection) = known(&dialect, ID, &key());
    let other = AesKey::from_bytes(&[8; 32]).unwrap();
    let packets = packets(&dialect, "a.txt", &other, &[1; 40]);
    let answer = connection.exchange(&packets.concat(), &mut world);
    // Under a wrong key the last block ends in padding once in 256 times.
    if world.store.versions.is_empty() {
        assert_eq!(decode(&answer, &dialect), Response::GeneralError);
        let refusal = connection.session.refusal().unwrap();
        assert!(matches!(refusal, Refusal::Crypto(_)), "{refusal}");
    }
}

#[test]
fn what_is_thrown_away_is_limited_for_a_file_and_for_its_packets() {
    let dialect = dialect("2024a");
    let packet = |size: u32, number, total, content: usize| {
        let request = Request::SendFile(SendFile {
            content_size: size,
            packet: Some(Packet {
                original_size: size - 1,
                number,
                total,
                size: content as u32,
            }),
            file_name: name(".."),
        });
        [request.encode(&dialect, ID, VERSION), vec![0; content]].concat()
    };
    // The content size counts, however little of it is in packet 1.
    for (size, closes) in [(64, false), (80, true)] {
        let (mut world, _) = known(&dialect, ID, &key());
        world.discard_limit = 64;
        let mut connection = world.connection();
        let answer = connection.exchange(&packet(size, 1, 2, 0), &mut world);
        assert_eq!(decode(&answer, &dialect), Response::GeneralError);
        assert_eq!(connection.server_ended, closes);
    }
    // With the last packet nothing is left to be thrown away.
    let (mut world, _) = known(&dialect, ID, &key());
    world.discard_limit = 64;
    let mut connection = world.connection();
    let answer = connection.exchange(&packet(80, 1, 1, 64), &mut world);
    assert_eq!(decode(&answer, &dialect), Response::GeneralError);
    assert!(!connection.server_ended);
    // Packets may not bring more than that either.
    let (mut world, _) = known(&dialect, ID, &key());
    world.discard_limit = 64;
    let mut connection = world.connection();
    connection.exchange(&packet(64, 1, 4, 30), &mut world);
    assert!(
        connection
            .exchange(&packet(64, 2, 4, 30), &mut world)
            .is_empty()
    );
    assert!(!connection.server_ended);
    assert!(
        connection
            .exchange(&packet(64, 3, 4, 30), &mut world)
            .is_empty()
    );
    assert!(connection.server_ended);
}
