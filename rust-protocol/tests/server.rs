//! What a server session makes of requests that are right and wrong (PROTOCOL.md 2.2, 2.4, 2.10, 2.11,
//! 10.6, 10.9), in every dialect.

#![allow(clippy::unwrap_used)]

mod support;

use backup_protocol::Dialect;
use backup_protocol::cksum::FileCksum;
use backup_protocol::crypto::{AesKey, KeyPair, encrypt};
use backup_protocol::dialect::{After, VerdictAnswer};
use backup_protocol::session::Refusal;
use backup_protocol::wire::{
    Acknowledged, ClientId, Name, Packet, Refused, Register, Request, RequestCode, RequestHeader,
    RequestKind, Response, ResponseHeader, ResponseKind, SendFile, SendPublicKey, VERSION, Verdict,
    VerdictKind,
};
use support::{Connection, World, every_dialect, name};

const VERDICTS: [VerdictKind; 3] = [VerdictKind::Right, VerdictKind::Wrong, VerdictKind::GiveUp];

/// A client that says what a test has it say.
struct Client {
    id: ClientId,
    pair: KeyPair,
}

impl Client {
    fn register(world: &mut World, client_name: &str) -> Self {
        let mut connection = world.connection();
        let request = Request::Register(Register {
            name: name(client_name),
        });
        let bytes = request.encode(&world.dialect, ClientId::ZERO, VERSION);
        let answer = connection.exchange(&bytes, world);
        let Response::Registered(registered) = decode(&answer, &world.dialect) else {
            panic!("{answer:02x?}")
        };
        Self {
            id: registered.client_id,
            pair: KeyPair::generate(&mut rand::rng()).unwrap(),
        }
    }

    fn exchange_keys(
        &self,
        client_name: &str,
        connection: &mut Connection,
        world: &mut World,
    ) -> AesKey {
        let request = Request::SendPublicKey(SendPublicKey {
            name: name(client_name),
            public_key: self.pair.public_key().as_bytes().to_vec(),
        });
        let bytes = request.encode(&world.dialect, self.id, VERSION);
        let answer = connection.exchange(&bytes, world);
        let Response::AesKey(answer) = decode(&answer, &world.dialect) else {
            panic!("{answer:02x?}")
        };
        let rng = &mut rand::rng();
        let key = self.pair.unwrap(&answer.wrapped, rng).unwrap();
        assert_eq!(key.as_bytes().len(), world.dialect.aes_key_size.bytes());
        key
    }

    /// A file in one request.
    fn file(&self, file_name: &str, content: &[u8], dialect: &Dialect) -> Vec<u8> {
        let size = content.len() as u32;
        let packet = dialect.packets.then_some(Packet {
            original_size: size.saturating_sub(1),
            number: 1,
            total: 1,
            size,
        });
        let request = Request::SendFile(SendFile {
            content_size: size,
            packet,
            file_name: name(file_name),
        });
        let mut bytes = request.encode(dialect, self.id, VERSION);
        bytes.extend(content);
        bytes
    }

    fn verdict(&self, kind: VerdictKind, file_name: &str, dialect: &Dialect) -> Vec<u8> {
        let file_name = name(file_name);
        Request::Verdict(Verdict { kind, file_name }).encode(dialect, self.id, VERSION)
    }

    fn refusal(&self, dialect: &Dialect) -> Vec<u8> {
        negative(self.id, Some(RequestKind::SendFile), dialect)
    }

    /// What follows a verdict that is honoured.
    fn honoured(&self, after: After, dialect: &Dialect) -> Vec<u8> {
        let client_id = Some(self.id);
        let response = match after.answer {
            VerdictAnswer::None => return Vec::new(),
            VerdictAnswer::Refused => Response::Refused(Refused { client_id }),
            VerdictAnswer::GeneralError => Response::GeneralError,
            VerdictAnswer::Acknowledged => Response::Acknowledged(Acknowledged { client_id: None }),
            VerdictAnswer::AcknowledgedWithId => Response::Acknowledged(Acknowledged { client_id }),
        };
        response.encode(dialect, VERSION)
    }
}

/// The refusal of a request (PROTOCOL.md 10.6).
fn negative(id: ClientId, request: Option<RequestKind>, dialect: &Dialect) -> Vec<u8> {
    let client_id = Some(id);
    let response = match dialect.response_codes.general_error {
        Some(_) if request != Some(RequestKind::Register) => Response::GeneralError,
        _ => Response::Refused(Refused { client_id }),
    };
    response.encode(dialect, VERSION)
}

fn decode(bytes: &[u8], dialect: &Dialect) -> Response {
    let (header, rest) = bytes.split_at(dialect.response_header_size());
    let header = ResponseHeader::decode(header, dialect).unwrap();
    Response::decode(&header, rest, dialect).unwrap()
}

/// A world with one client that has a key, on a connection of its own.
fn with_key(dialect: &Dialect) -> (World, Client, Connection, AesKey) {
    let mut world = World::new(dialect);
    let client = Client::register(&mut world, "alice");
    let mut connection = world.connection();
    let key = client.exchange_keys("alice", &mut connection, &mut world);
    renew(&mut connection, &world);
    (world, client, connection, key)
}

/// A new connection where the dialect closes after each answer.
fn renew(connection: &mut Connection, world: &World) {
    assert_eq!(
        connection.server_ended,
        world.dialect.closes_after_each(),
        "{}",
        world.dialect
    );
    if connection.server_ended {
        *connection = world.connection();
    }
}

/// Where the fields of a send file request stand.
struct Offsets {
    client_id: Option<usize>,
    content_size: usize,
    file_name: usize,
    content: usize,
}

impl Offsets {
    fn of(dialect: &Dialect) -> Self {
        let header = dialect.request_header_size();
        let client_id = dialect.client_id_in_payload.then_some(header);
        let content_size = header + client_id.map_or(0, |_| 16);
        let file_name = content_size + if dialect.packets { 12 } else { 4 };
        Self {
            client_id,
            content_size,
            file_name,
            content: file_name + dialect.name_width.bytes(),
        }
    }
}

#[test]
fn refuses_and_closes_when_the_header_alone_is_wrong() {
    for dialect in &every_dialect() {
        let fixed = |kind| dialect.request_fixed_size(kind);
        let file = dialect.request_codes.send_file;
        let mut headers: Vec<(RequestCode, u32)> = vec![
            (RequestCode(0), 0),
            (RequestCode(2100), 16),
            (RequestCode(4242), u32::MAX),
            (file, fixed(RequestKind::SendFile) - 1),
            (file, 0),
        ];
        for kind in RequestKind::ALL {
            let Some(code) = dialect.request_code(kind) else {
                continue;
            };
            if kind != RequestKind::SendFile {
                let sizes = [fixed(kind) - 1, fixed(kind) + 1, 0, u32::MAX];
                headers.extend(sizes.map(|size| (code, size)));
            }
        }
        for (code, payload_size) in headers {
            let mut world = World::new(dialect);
            let mut connection = world.connection();
            let mut bytes = Vec::new();
            let client_id = ClientId::from_bytes([7; 16]);
            RequestHeader {
                client_id,
                version: 3,
                code,
                payload_size,
            }
            .write(dialect, &mut bytes);
            let answer = connection.exchange(&bytes, &mut world);
            let expected = negative(client_id, dialect.request_kind(code), dialect);
            assert_eq!(answer, expected, "{code} {payload_size} in {dialect}");
            assert!(connection.server_ended, "{code} {payload_size}");
            assert!(matches!(
                connection.session.refusal(),
                Some(Refusal::Decode(_))
            ));
        }
    }
}

#[test]
fn refuses_and_goes_on_when_the_payload_is_wrong() {
    for dialect in &every_dialect() {
        let (mut world, client, mut connection, key) = with_key(dialect);
        let content = encrypt(&key, b"some text");
        let good = client.file("a.txt", &content, dialect);
        let at = Offsets::of(dialect);
        let spoilt = |offset: usize, bytes: &[u8]| {
            let mut message = good.clone();
            message[offset..offset + bytes.len()].copy_from_slice(bytes);
            message
        };
        let wrong_size: &[u8] = &match dialect.byte_order.word() {
            "little" => 32u32.to_le_bytes(),
            _ => 32u32.to_be_bytes(),
        };
        let mut damaged = good.clone();
        *damaged.last_mut().unwrap() ^= 1;
        let mut cases = vec![
            (spoilt(at.content_size, wrong_size), "content-size-mismatch"),
            (
                client.file("a.txt", &[0; 15], dialect),
                "content-not-blocks",
            ),
            (client.file("a.txt", &[], dialect), "content-not-blocks"),
            (
                spoilt(at.file_name, &vec![b'x'; dialect.name_width.bytes()]),
                "unterminated-name",
            ),
            (spoilt(at.file_name, &[0]), "empty-name"),
            (spoilt(at.file_name, &[0xE9]), "name-not-utf8"),
            (damaged, "padding"),
        ];
        if let Some(client_id) = at.client_id {
            let other = [good[client_id] ^ 1];
            cases.push((spoilt(client_id, &other), "client-id-mismatch"));
        }
        for (bytes, slug) in &cases {
            // A damaged last block is padding all the same once in 256 times.
            let decrypts = backup_protocol::crypto::decrypt(&key, &bytes[at.content..]).is_ok();
            if *slug == "padding" && decrypts {
                continue;
            }
            let answer = connection.exchange(bytes, &mut world);
            assert_eq!(answer, client.refusal(dialect), "{slug} in {dialect}");
            assert_eq!(connection.session.refusal().unwrap().slug(), Some(*slug));
            renew(&mut connection, &world);
        }
        for file_name in ["..", "dir/", r"dir\..", "a\u{1}b"] {
            let bytes = client.file(file_name, &content, dialect);
            let answer = connection.exchange(&bytes, &mut world);
            assert_eq!(answer, client.refusal(dialect), "{file_name:?}");
            assert_eq!(connection.session.refusal(), Some(&Refusal::FileName));
            renew(&mut connection, &world);
        }
        assert!(world.store.versions.is_empty());

        let answer = connection.exchange(&good, &mut world);
        let Response::FileReceived(received) = decode(&answer, dialect) else {
            panic!("{answer:02x?}")
        };
        let mut cksum = FileCksum::new(dialect);
        cksum.plain(b"some text");
        cksum.content(&content);
        assert_eq!(received.cksum, cksum.finish(), "{dialect}");
        assert_eq!(world.store.versions[0].plain, b"some text");
    }
}

#[test]
fn honours_verdicts_as_the_dialect_says() {
    for dialect in &every_dialect() {
        for kind in VERDICTS {
            let (mut world, client, mut connection, key) = with_key(dialect);
            let file = client.file("a.txt", &encrypt(&key, b"text"), dialect);
            connection.exchange(&file, &mut world);
            renew(&mut connection, &world);
            let verdict = client.verdict(kind, "a.txt", dialect);
            let answer = connection.exchange(&verdict, &mut world);
            let after = dialect.after(kind);
            assert_eq!(
                answer,
                client.honoured(after, dialect),
                "{kind:?} {dialect}"
            );
            let closes = after.close || dialect.closes_after_each();
            assert_eq!(connection.server_ended, closes, "{kind:?} in {dialect}");
            let verified: Vec<_> = world.store.versions.iter().map(|v| v.verified).collect();
            let expected: &[bool] = match kind {
                VerdictKind::Right => &[true],
                _ => &[],
            };
            assert_eq!(verified, expected, "{kind:?} in {dialect}");
        }
    }
}

#[test]
fn answers_what_arrives_in_one_segment_in_order() {
    for dialect in &every_dialect() {
        if dialect.closes_after_each() || dialect.after_wrong.close {
            continue;
        }
        let (mut world, client, mut connection, key) = with_key(dialect);
        let contents = [encrypt(&key, b"one"), encrypt(&key, b"two")];
        let file = client.file("a.txt", &contents[0], dialect);
        let again = client.verdict(VerdictKind::Wrong, "a.txt", dialect);
        let other = client.file("a.txt", &contents[1], dialect);
        let right = client.verdict(VerdictKind::Right, "a.txt", dialect);
        let mut answers = connection.exchange(&[file, again, other, right].concat(), &mut world);

        for (content, plain) in contents.iter().zip(["one", "two"]) {
            let rest = dialect.response_size(ResponseKind::FileReceived);
            let message = dialect.response_header_size() + rest as usize;
            let after = answers.split_off(message + dialect.response_padding_size(rest));
            let Response::FileReceived(received) = decode(&answers, dialect) else {
                panic!("{answers:02x?}")
            };
            let mut cksum = FileCksum::new(dialect);
            cksum.plain(plain.as_bytes());
            cksum.content(content);
            assert_eq!(received.cksum, cksum.finish());
            answers = after;
            if plain == "one" {
                let answer = client.honoured(dialect.after_wrong, dialect);
                answers = answers.strip_prefix(&answer[..]).unwrap().to_vec();
            }
        }
        assert_eq!(answers, client.honoured(dialect.after_right, dialect));
        assert_eq!(connection.server_ended, dialect.after_right.close);
        assert_eq!(world.store.versions.len(), 1);
        assert!(world.store.versions[0].verified);
        assert_eq!(world.store.versions[0].plain, b"two");
    }
}

#[test]
fn a_verdict_for_nothing_is_answered_by_its_kind() {
    for dialect in &every_dialect() {
        for kind in VERDICTS {
            let (mut world, client, mut connection, _) = with_key(dialect);
            let bytes = client.verdict(kind, "never-sent.txt", dialect);
            let answer = connection.exchange(&bytes, &mut world);
            let after = dialect.after(kind);
            let (expected, closed) = match kind {
                VerdictKind::Right => (client.refusal(dialect), true),
                VerdictKind::Wrong if after.answer == VerdictAnswer::None => (vec![], after.close),
                // A client that waits for an answer gets one.
                VerdictKind::Wrong => (client.refusal(dialect), after.close),
                VerdictKind::GiveUp => (client.honoured(after, dialect), after.close),
            };
            assert_eq!(answer, expected, "{kind:?} in {dialect}");
            let closed = closed || dialect.closes_after_each();
            assert_eq!(connection.server_ended, closed, "{kind:?} in {dialect}");
        }
    }
}

#[test]
fn a_verdict_of_an_unknown_client_is_answered_by_its_kind() {
    for dialect in &every_dialect() {
        let damages = [None, Offsets::of(dialect).client_id];
        for (kind, damage) in VERDICTS
            .into_iter()
            .flat_map(|kind| damages.map(|damage| (kind, damage)))
        {
            let (mut world, client, mut connection, _) = with_key(dialect);
            let stranger = Client {
                id: ClientId::from_bytes([9; 16]),
                ..client
            };
            let mut bytes = stranger.verdict(kind, "a.txt", dialect);
            if let Some(offset) = damage {
                // The IDs of header and payload differ.
                bytes[offset] ^= 1;
            }
            let answer = connection.exchange(&bytes, &mut world);
            let after = dialect.after(kind);
            let (expected, closed) = match kind {
                VerdictKind::Right => (stranger.refusal(dialect), true),
                VerdictKind::Wrong if after.answer == VerdictAnswer::None => (vec![], after.close),
                _ => (stranger.refusal(dialect), after.close),
            };
            assert_eq!(answer, expected, "{kind:?} in {dialect}");
            let closed = closed || dialect.closes_after_each();
            assert_eq!(connection.server_ended, closed, "{kind:?} in {dialect}");
        }
    }
}

#[test]
fn giving_up_never_touches_a_verified_version() {
    for dialect in &every_dialect() {
        let (mut world, client, mut connection, key) = with_key(dialect);
        let file = client.file("a.txt", &encrypt(&key, b"kept"), dialect);
        connection.exchange(&file, &mut world);
        renew(&mut connection, &world);
        let right = client.verdict(VerdictKind::Right, "a.txt", dialect);
        connection.exchange(&right, &mut world);
        for kind in [VerdictKind::Wrong, VerdictKind::GiveUp] {
            let mut connection = world.connection();
            let verdict = client.verdict(kind, "a.txt", dialect);
            connection.exchange(&verdict, &mut world);
            assert_eq!(world.store.versions.len(), 1, "{kind:?}");
            assert!(world.store.versions[0].verified);
        }
    }
}

#[test]
fn a_repeated_verdict_does_not_fall_on_another_connections_upload() {
    for dialect in &every_dialect() {
        if dialect.closes_after_each() || dialect.after_wrong.close {
            continue;
        }
        let (mut world, client, mut connection, key) = with_key(dialect);
        let file = |text: &[u8]| client.file("a.txt", &encrypt(&key, text), dialect);
        let mine = file(b"mine");
        connection.exchange(&mine, &mut world);
        let mut other = world.connection();
        let theirs = file(b"theirs");
        other.exchange(&theirs, &mut world);

        let wrong = client.verdict(VerdictKind::Wrong, "a.txt", dialect);
        connection.exchange(&wrong, &mut world);
        connection.exchange(&wrong, &mut world);
        let left: Vec<_> = world.store.versions.iter().map(|v| &v.plain[..]).collect();
        assert_eq!(left, [b"theirs"]);
    }
}

#[test]
fn content_is_decrypted_with_the_key_of_its_own_connection() {
    for dialect in every_dialect().iter().filter(|it| !it.closes_after_each()) {
        let (mut world, client, mut first, first_key) = with_key(dialect);
        let mut second = world.connection();
        let second_key = client.exchange_keys("alice", &mut second, &mut world);
        let mut third = world.connection();
        for (connection, key) in [
            (&mut first, &first_key),
            (&mut second, &second_key),
            // No exchange here: the stored key is the last one.
            (&mut third, &second_key),
        ] {
            let file = client.file("a.txt", &encrypt(key, b"text"), dialect);
            let answer = connection.exchange(&file, &mut world);
            assert!(matches!(
                decode(&answer, dialect),
                Response::FileReceived(_)
            ));
        }
        assert!(world.store.versions.iter().all(|v| v.plain == b"text"));
    }
}

#[test]
fn two_clients_on_one_connection_do_not_share_a_key() {
    for dialect in every_dialect().iter().filter(|it| !it.closes_after_each()) {
        let (mut world, alice, mut connection, alices_key) = with_key(dialect);
        let bob = Client::register(&mut world, "bob");
        let file = bob.file("b.txt", &encrypt(&alices_key, b"text"), dialect);
        let answer = connection.exchange(&file, &mut world);
        assert_eq!(answer, bob.refusal(dialect));
        assert_eq!(connection.session.refusal(), Some(&Refusal::NoKey));

        let bobs_key = bob.exchange_keys("bob", &mut connection, &mut world);
        let file = alice.file("a.txt", &encrypt(&alices_key, b"alice"), dialect);
        connection.exchange(&file, &mut world);
        let file = bob.file("b.txt", &encrypt(&bobs_key, b"bob"), dialect);
        connection.exchange(&file, &mut world);
        let plains: Vec<_> = world.store.versions.iter().map(|v| &v.plain[..]).collect();
        assert_eq!(plains, [&b"alice"[..], b"bob"]);
    }
}

#[test]
fn the_name_in_a_key_exchange_is_the_clients_own() {
    for dialect in every_dialect().iter().filter(|it| !it.closes_after_each()) {
        let (mut world, alice, mut connection, _) = with_key(dialect);
        Client::register(&mut world, "bob");
        let request = |public_key: Vec<u8>, client_name: Name| {
            let request = Request::SendPublicKey(SendPublicKey {
                name: client_name,
                public_key,
            });
            request.encode(dialect, alice.id, VERSION)
        };
        let key = alice.pair.public_key().as_bytes().to_vec();
        let answer = connection.exchange(&request(key, name("bob")), &mut world);
        assert_eq!(answer, alice.refusal(dialect));
        assert_eq!(connection.session.refusal(), Some(&Refusal::NameDiffers));

        let answer = connection.exchange(&request(vec![0x41; 160], name("alice")), &mut world);
        assert_eq!(answer, alice.refusal(dialect));
        let slug = connection.session.refusal().unwrap().slug();
        assert_eq!(slug, Some("public-key-der"));
        assert!(!connection.server_ended);
    }
}

#[test]
fn throws_away_what_it_refuses_up_to_its_limit() {
    for dialect in &every_dialect() {
        let (mut world, client, _, _) = with_key(dialect);
        world.discard_limit = 64;
        for (size, closes) in [(64, false), (80, true)] {
            let mut connection = world.connection();
            let stranger = Client {
                id: ClientId::from_bytes([9; 16]),
                pair: client.pair.clone(),
            };
            let file = stranger.file("a.txt", &vec![0; size], dialect);
            // The limit is judged before the content comes, and what is within it is waited for.
            let (fixed, content) = file.split_at(Offsets::of(dialect).content);
            let early = connection.exchange(fixed, &mut world);
            assert_eq!(early.is_empty(), !closes);
            let late = connection.exchange(content, &mut world);
            assert_eq!([early, late].concat(), stranger.refusal(dialect));
            assert_eq!(
                connection.server_ended,
                closes || dialect.closes_after_each()
            );
        }
    }
}
