//! Everything that PROTOCOL.md 2.10 refuses, and what becomes of the connection.

mod common;

use std::io::Write;

use backup_protocol::Dialect;
use backup_protocol::crypto::{AesKey, encrypt};
use backup_protocol::wire::{
    ClientId, Packet, Reconnect, Register, Request, RequestCode, RequestHeader, RequestKind,
    SendFile, SendPublicKey, VERSION, VerdictKind,
};

use common::{Client, Data, Server, bytes, name};

/// Requests by the offsets of their fields, so that any of them can be spoilt.
struct Field {
    payload_size: usize,
    payload: usize,
    /// Where the payload has the client ID, if it has.
    client_id: Option<usize>,
    content_size: usize,
    file_name: usize,
    content: usize,
    public_key: usize,
}

impl Field {
    fn of(dialect: &Dialect) -> Self {
        let payload = dialect.request_header_size();
        let client_id = dialect.client_id_in_payload.then_some(payload);
        let content_size = payload + client_id.map_or(0, |_| 16);
        let file_name = content_size + if dialect.packets { 12 } else { 4 };
        let name = dialect.name_width.bytes();
        Self {
            payload_size: payload - 4,
            payload,
            client_id,
            content_size,
            file_name,
            content: file_name + name,
            public_key: payload + name,
        }
    }
}

fn spoilt(mut message: Vec<u8>, offset: usize, bytes: &[u8]) -> Vec<u8> {
    message[offset..offset + bytes.len()].copy_from_slice(bytes);
    message
}

fn register(client: &Client, text: &str) -> Vec<u8> {
    client.encode(&Request::Register(Register { name: name(text) }))
}

fn public_key(client: &Client, text: &str) -> Vec<u8> {
    let public_key = client.keys.public_key().as_bytes().to_vec();
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
    .write(&client.dialect, &mut message);
    message
}

/// Which request a message is.
fn kind(message: &[u8], dialect: &Dialect) -> Option<RequestKind> {
    let header = message.get(..dialect.request_header_size())?;
    let header = RequestHeader::decode(header, dialect).ok()?;
    dialect.request_kind(header.code)
}

/// A message in the name of another client.
fn as_client(message: Vec<u8>, id: ClientId, at: &Field) -> Vec<u8> {
    let message = spoilt(message, 0, id.as_bytes());
    match at.client_id {
        Some(offset) => spoilt(message, offset, id.as_bytes()),
        None => message,
    }
}

/// A file in one request, with sizes that need not fit.
fn claimed(client: &Client, content_size: u32, content: &[u8]) -> Vec<u8> {
    let size = content.len() as u32;
    let packet = client.dialect.packets.then_some(Packet {
        original_size: content_size.saturating_sub(1),
        number: 1,
        total: 1,
        size,
    });
    let request = Request::SendFile(SendFile {
        content_size,
        packet,
        file_name: name("a.txt"),
    });
    let mut message = client.encode(&request);
    let fixed = client.dialect.request_fixed_size(RequestKind::SendFile);
    let offset = client.dialect.request_header_size() - 4;
    message = spoilt(message, offset, &(fixed + size).to_le_bytes());
    [&message, content].concat()
}

#[test]
fn refuses_and_goes_on() {
    for dialect in Dialect::all() {
        let data = Data::new();
        let server = Server::start(data.path(), dialect, &["--max-file", "1MiB"]);
        let mut client = Client::ready(&server, "alice");
        let bob = Client::ready(&server, "bob");
        let at = Field::of(dialect);
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
        let client_name = at.payload;
        let key = public_key(&client, "alice");
        let mut cases = vec![
            ("a file of an unknown client", as_client(one, nobody, &at)),
            (
                "a key of an unknown client",
                spoilt(key.clone(), 0, nobody.as_bytes()),
            ),
            ("a key in another client's name", public_key(&client, "bob")),
            ("a key in nobody's name", public_key(&client, "carol")),
            ("a taken name", register(&client, "bob")),
            (
                "a client name without a NUL",
                spoilt(register(&client, "x"), client_name, &[b'x'; 255]),
            ),
            (
                "an empty client name",
                spoilt(register(&client, "x"), client_name, &[0]),
            ),
            (
                "a client name not in UTF-8",
                spoilt(register(&client, "x"), client_name, &[0xFF]),
            ),
            (
                "a file name without a NUL",
                spoilt(file.clone(), at.file_name, &[b'x'; 255]),
            ),
            (
                "an empty file name",
                spoilt(file.clone(), at.file_name, &[0]),
            ),
            (
                "a file name not in UTF-8",
                spoilt(file.clone(), at.file_name, &[0xC0, 0xAF]),
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
                spoilt(key.clone(), at.public_key, &[0; 160]),
            ),
            (
                "a key with exponent 16",
                spoilt(key.clone(), at.public_key + 159, &[16]),
            ),
            (
                "a content size of 0",
                spoilt(file.clone(), at.content_size, &[0]),
            ),
            (
                "a content size of 15",
                spoilt(file.clone(), at.content_size, &[15]),
            ),
            ("no content", claimed(&client, 0, &[])),
            (
                "content in the middle of a block",
                claimed(&client, 15, &[0; 15]),
            ),
            ("less content than its size", claimed(&client, 32, &[0; 16])),
            ("more content than its size", claimed(&client, 16, &[0; 32])),
            ("content that does not decrypt", undecryptable),
            (
                "a file over the limit",
                client.file("a.txt", &bytes(2 << 20, 1)),
            ),
        ];
        if let Some(offset) = at.client_id {
            cases.push((
                "a file whose IDs differ",
                spoilt(file.clone(), 0, bob.id.as_bytes()),
            ));
            cases.push((
                "a file in another client's name",
                spoilt(file.clone(), offset, bob.id.as_bytes()),
            ));
        }
        if dialect.has_reconnect() {
            cases.push(("a name without a NUL in a reconnect", {
                let name = name("x");
                let reconnect = client.encode(&Request::Reconnect(Reconnect { name }));
                spoilt(reconnect, client_name, &[b'x'; 255])
            }));
        }
        for (why, message) in cases {
            // 2101 repeats the ID of the header, whoever that is.
            let id = client.id;
            client.id = ClientId::from_bytes(message[..16].try_into().expect("16 bytes"));
            client.write(&message);
            client.refused(kind(&message, dialect), why);
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
        client.refused(Some(RequestKind::SendFile), "no key yet");
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
        let at = Field::of(dialect);
        let nobody = ClientId::from_bytes([9; 16]);
        let too_much = as_client(client.file("a", &bytes(100_000, 1)), nobody, &at);
        let right = client.verdict(VerdictKind::Right, "waits");
        let name_of_right = right.len() - 255;
        let mut cases = vec![
            ("code 0", header(&client, 0, 0)),
            ("an unknown code", header(&client, 4242, 255)),
            ("another one", header(&client, 1107, u32::MAX)),
            ("a code of the responses", header(&client, 2100, 16)),
            ("more than is thrown away", too_much[..at.content].to_vec()),
            ("more than is thrown away, all of it", too_much),
            (
                "right, with nothing waiting",
                client.verdict(VerdictKind::Right, "nothing"),
            ),
            (
                "right, from an unknown client",
                as_client(right.clone(), nobody, &at),
            ),
            (
                "right, without a NUL",
                spoilt(right.clone(), name_of_right, &[b'x'; 255]),
            ),
        ];
        if let Some(offset) = at.client_id {
            cases.push((
                "right, with IDs that differ",
                spoilt(right, offset, &[9; 16]),
            ));
        }
        for kind in RequestKind::ALL {
            let Some(code) = dialect.request_code(kind) else {
                continue;
            };
            let size = dialect.request_fixed_size(kind);
            cases.push(("a byte short", header(&client, code.0, size - 1)));
            if kind != RequestKind::SendFile {
                cases.push(("a byte more", header(&client, code.0, size + 1)));
                cases.push(("4 GiB", header(&client, code.0, u32::MAX)));
            }
        }
        for (why, message) in cases {
            let mut connection = client.again(&server);
            connection.id = ClientId::from_bytes(message[..16].try_into().expect("16 bytes"));
            connection.write(&message);
            connection.refused(kind(&message, dialect), why);
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
    let server = Server::start(data.path(), &Dialect::default(), &[]);
    let mut client = server.connect();
    let unknown = header(&client, 1107, u32::MAX);
    client.write(&unknown);
    client.refused(None, "unknown code");
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
        let at = Field::of(dialect);
        let wrong = client.verdict(VerdictKind::Wrong, "nothing");
        let nobody = ClientId::from_bytes([9; 16]);
        let unknown = as_client(wrong.clone(), nobody, &at);
        let mut verdicts = [wrong.clone(), unknown].concat();
        if let Some(offset) = at.client_id {
            verdicts.extend(spoilt(wrong, offset, &[9; 16]));
        }
        client.write(&verdicts);
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
        let at = Field::of(dialect);
        let fixed = dialect.request_fixed_size(RequestKind::SendFile);
        let claim = claimed(&client, content_size, &[]);
        let all = (content_size + fixed).to_le_bytes();
        let claim = spoilt(claim, at.payload_size, &all);
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
