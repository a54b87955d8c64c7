//! Everything that PROTOCOL.md 2.10 refuses, and what becomes of the connection.

mod common;

use std::io::Write;

use backup_protocol::Dialect;
use backup_protocol::crypto::{AesKey, encrypt};
use backup_protocol::wire::{
    ClientId, Refused, Register, Request, RequestCode, RequestHeader, Response, SendPublicKey,
    VERSION, VerdictKind,
};

use common::{Client, Data, Server, bytes, name};

/// Requests by the offsets of their fields, so that any of them can be spoilt.
struct Field;
impl Field {
    const PAYLOAD_SIZE: usize = 19;
    const PAYLOAD: usize = 23;
    const CONTENT_SIZE: usize = Self::PAYLOAD + 16;
    const FILE_NAME: usize = Self::CONTENT_SIZE + 4;
    const PUBLIC_KEY: usize = Self::PAYLOAD + 255;
}

fn spoilt(mut message: Vec<u8>, offset: usize, bytes: &[u8]) -> Vec<u8> {
    message[offset..offset + bytes.len()].copy_from_slice(bytes);
    message
}

fn register(client: &Client, text: &str) -> Vec<u8> {
    client.encode(&Request::Register(Register { name: name(text) }))
}

fn public_key(client: &Client, text: &str) -> Vec<u8> {
    let public_key = *client.keys.public_key().as_bytes();
    client.encode(&Request::SendPublicKey(SendPublicKey {
        name: name(text),
        public_key,
    }))
}

fn header(client: &Client, code: u16, payload_size: u32) -> Vec<u8> {
    let mut message = Vec::new();
    let code = RequestCode(code);
    RequestHeader {
        client_id: client.id,
        version: VERSION,
        code,
        payload_size,
    }
    .write(&mut message);
    message
}

fn refused(client: &mut Client, why: &str) {
    let client_id = match client.dialect.refused_payload {
        backup_protocol::dialect::RefusedPayload::Empty => None,
        backup_protocol::dialect::RefusedPayload::ClientId => Some(client.id),
    };
    assert_eq!(
        client.read(),
        Response::Refused(Refused { client_id }),
        "{why}"
    );
}

#[test]
fn refuses_and_goes_on() {
    for dialect in Dialect::all() {
        let data = Data::new();
        let server = Server::start(data.path(), dialect, &["--max-file", "1MiB"]);
        let mut client = Client::ready(&server, "alice");
        let bob = Client::ready(&server, "bob");
        let file = client.file("a.txt", b"plain");
        let one = client.file("a.txt", &bytes(40_000, 1));
        let nobody = ClientId::from_bytes([0xAB; 16]);
        let other_key = AesKey::from_bytes(&[7; 16]).expect("16 bytes");
        let undecryptable = {
            let content = encrypt(&other_key, &[1; 100]);
            let mut file = client.file("a.txt", &[1; 100]);
            let start = file.len() - content.len();
            file[start..].copy_from_slice(&content);
            file
        };
        let id = Field::PAYLOAD;
        let as_bob = |message: Vec<u8>| spoilt(message, 0, bob.id.as_bytes());
        let as_nobody = |message: Vec<u8>| spoilt(message, 0, nobody.as_bytes());
        let name_field = Field::FILE_NAME;
        let key = public_key(&client, "alice");
        let cases = [
            (
                "a file of an unknown client",
                as_nobody(spoilt(one, id, nobody.as_bytes())),
            ),
            ("a key of an unknown client", as_nobody(key.clone())),
            ("a file whose IDs differ", as_bob(file.clone())),
            (
                "a file in another client's name",
                spoilt(file.clone(), id, bob.id.as_bytes()),
            ),
            ("a key in another client's name", public_key(&client, "bob")),
            ("a key in nobody's name", public_key(&client, "carol")),
            ("a taken name", register(&client, "bob")),
            (
                "a client name without a NUL",
                spoilt(register(&client, "x"), id, &[b'x'; 255]),
            ),
            (
                "an empty client name",
                spoilt(register(&client, "x"), id, &[0]),
            ),
            (
                "a client name not in UTF-8",
                spoilt(register(&client, "x"), id, &[0xFF]),
            ),
            (
                "a file name without a NUL",
                spoilt(file.clone(), name_field, &[b'x'; 255]),
            ),
            ("an empty file name", spoilt(file.clone(), name_field, &[0])),
            (
                "a file name not in UTF-8",
                spoilt(file.clone(), name_field, &[0xC0, 0xAF]),
            ),
            ("a folder", client.file("folder/", b"plain")),
            ("the folder above", client.file("..", b"plain")),
            (
                "the folder above, from afar",
                client.file(r"C:\x\..", b"plain"),
            ),
            ("a line break in a file name", client.file("a\nb", b"plain")),
            (
                "a key that is no DER",
                spoilt(key.clone(), Field::PUBLIC_KEY, &[0; 160]),
            ),
            (
                "a key with exponent 16",
                spoilt(key.clone(), Field::PUBLIC_KEY + 159, &[16]),
            ),
            (
                "a content size of 0",
                spoilt(file.clone(), Field::CONTENT_SIZE, &[0]),
            ),
            (
                "a content size of 15",
                spoilt(file.clone(), Field::CONTENT_SIZE, &[15]),
            ),
            (
                "a content size of 4 GiB",
                spoilt(file.clone(), Field::CONTENT_SIZE, &[0xFF; 4]),
            ),
            ("no content", {
                let mut file = spoilt(file.clone(), Field::CONTENT_SIZE, &[0; 4]);
                file.truncate(Field::FILE_NAME + 255);
                spoilt(file, Field::PAYLOAD_SIZE, &275u32.to_le_bytes())
            }),
            ("content in the middle of a block", {
                let mut file = spoilt(file.clone(), Field::CONTENT_SIZE, &15u32.to_le_bytes());
                file.pop();
                spoilt(file, Field::PAYLOAD_SIZE, &290u32.to_le_bytes())
            }),
            ("content that does not decrypt", undecryptable),
            (
                "a file over the limit",
                client.file("a.txt", &bytes(2 << 20, 1)),
            ),
        ];
        for (why, message) in cases {
            // 2101 repeats the ID of the header, whoever that is.
            let id = client.id;
            client.id = ClientId::from_bytes(message[..16].try_into().expect("16 bytes"));
            client.write(&message);
            refused(&mut client, why);
            client.id = id;
            assert!(data.incoming().is_empty(), "{why}");
            // The connection is in step, and has the key it had.
            client.send_file("good", why.as_bytes());
            let wrong = client.verdict(VerdictKind::Wrong, "good");
            client.write(&wrong);
        }
        client.send_file("good", b"the last one");
        assert_eq!(data.incoming(), [b"the last one"]);
    }
}

#[test]
fn refuses_a_file_before_any_key() {
    for dialect in Dialect::all() {
        let data = Data::new();
        let server = Server::start(data.path(), dialect, &[]);
        let mut client = server.connect();
        client.register("alice");
        client.aes = AesKey::from_bytes(&[7; 16]).ok();
        let file = client.file("a.txt", b"plain");
        client.write(&file);
        refused(&mut client, "no key yet");
        client.send_key();
        client.send_file("a.txt", b"plain");
    }
}

#[test]
fn refuses_and_closes() {
    for dialect in Dialect::all() {
        let data = Data::new();
        let server = Server::start(data.path(), dialect, &["--discard-limit", "64KiB"]);
        let mut client = Client::ready(&server, "alice");
        client.send_file("waits", b"waits");
        let too_much = spoilt(
            client.file("a", &bytes(100_000, 1)),
            Field::PAYLOAD,
            &[9; 16],
        );
        let cases = [
            ("code 0", header(&client, 0, 0)),
            ("code 1102", header(&client, 1102, 255)),
            ("code 1107", header(&client, 1107, u32::MAX)),
            ("a code of the responses", header(&client, 2100, 16)),
            ("1100 with 254 bytes", header(&client, 1100, 254)),
            ("1100 with 256 bytes", header(&client, 1100, 256)),
            ("1100 with 4 GiB", header(&client, 1100, u32::MAX)),
            ("1101 with 414 bytes", header(&client, 1101, 414)),
            ("1101 with 4 GiB", header(&client, 1101, u32::MAX)),
            ("1103 with 274 bytes", header(&client, 1103, 274)),
            ("1104 with 270 bytes", header(&client, 1104, 270)),
            ("1105 with 272 bytes", header(&client, 1105, 272)),
            ("1106 with 4 GiB", header(&client, 1106, u32::MAX)),
            (
                "more than is thrown away",
                too_much[..Field::FILE_NAME + 255].to_vec(),
            ),
            ("more than is thrown away, all of it", too_much),
            (
                "1104 with nothing waiting",
                client.verdict(VerdictKind::Right, "nothing"),
            ),
            ("1104 whose IDs differ", {
                spoilt(
                    client.verdict(VerdictKind::Right, "waits"),
                    Field::PAYLOAD,
                    &[9; 16],
                )
            }),
            ("1104 without a NUL", {
                let right = client.verdict(VerdictKind::Right, "waits");
                spoilt(right, Field::PAYLOAD + 16, &[b'x'; 255])
            }),
        ];
        for (why, message) in cases {
            let mut connection = client.again(&server);
            connection.write(&message);
            refused(&mut connection, why);
            connection.ends();
        }
        assert_eq!(data.incoming(), [b"waits"]);
        assert!(data.verified().is_empty());
    }
}

/// A close while data arrives would be a reset, and could take the answer with it.
#[test]
fn takes_what_still_arrives_before_it_closes() {
    let data = Data::new();
    let server = Server::start(data.path(), &Dialect::all()[0], &[]);
    let mut client = server.connect();
    let unknown = header(&client, 1107, u32::MAX);
    client.write(&unknown);
    refused(&mut client, "unknown code");
    client.ends();
    for _ in 0..100 {
        client.write(&[0; 4096]);
    }
}

#[test]
fn a_wrong_verdict_is_never_answered() {
    for dialect in Dialect::all() {
        let data = Data::new();
        let server = Server::start(data.path(), dialect, &[]);
        let mut client = Client::ready(&server, "alice");
        let wrong = client.verdict(VerdictKind::Wrong, "nothing");
        let unknown = spoilt(spoilt(wrong.clone(), 0, &[9; 16]), Field::PAYLOAD, &[9; 16]);
        let differs = spoilt(wrong.clone(), Field::PAYLOAD, &[9; 16]);
        client.write(&[wrong, unknown, differs].concat());
        client.send_file("a", b"the next answer is this one's");
    }
}

#[test]
fn a_claim_of_4_gib_takes_no_memory() {
    for dialect in Dialect::all() {
        let data = Data::new();
        let server = Server::start(data.path(), dialect, &[]);
        let client = Client::ready(&server, "alice");
        let content_size = dialect.max_content_size();
        let mut claim = client.file("a", b"");
        claim.truncate(Field::FILE_NAME + 255);
        let claim = spoilt(claim, Field::CONTENT_SIZE, &content_size.to_le_bytes());
        let claim = spoilt(
            claim,
            Field::PAYLOAD_SIZE,
            &(content_size + 275).to_le_bytes(),
        );
        // Nothing follows the first; the second continues a little, and both are accepted.
        let mut silent = client.again(&server);
        silent.write(&claim);
        let mut started = client.again(&server);
        started.write(&[claim, bytes(100_000, 1)].concat());
        common::wait_for("the upload to begin", || {
            (!data.incoming().is_empty()).then_some(())
        });
        #[cfg(target_os = "linux")]
        assert!(
            server.peak_memory() < 32 << 20,
            "{} bytes",
            server.peak_memory()
        );
        drop((silent, started));
        common::wait_for("the upload to be gone", || {
            data.incoming().is_empty().then_some(())
        });
    }
}

#[test]
fn a_request_that_ends_early_changes_nothing() {
    for dialect in Dialect::all() {
        let data = Data::new();
        let server = Server::start(data.path(), dialect, &[]);
        let mut client = Client::ready(&server, "alice");
        let other = {
            let mut other = server.connect();
            other.name = name("bob");
            register(&other, "bob")
        };
        let file = client.file("a", &bytes(100_000, 1));
        for message in [&other[..], &file[..]] {
            for size in [1, 22, 23, 24, message.len() - 1] {
                let mut cut = client.again(&server);
                cut.stream.write_all(&message[..size]).expect("sent");
                cut.stream
                    .shutdown(std::net::Shutdown::Write)
                    .expect("shut down");
                cut.ends();
            }
        }
        assert!(data.incoming().is_empty());
        client.register("bob");
    }
}
