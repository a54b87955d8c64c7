//! What a server session makes of requests that are wrong (PROTOCOL.md 2.2, 2.4, 2.10, 2.11).

#![allow(clippy::unwrap_used)]

mod support;

use backup_protocol::Dialect;
use backup_protocol::crypto::{AesKey, KeyPair, encrypt};
use backup_protocol::session::Refusal;
use backup_protocol::wire::{
    ClientId, Name, Refused, Register, Request, RequestCode, RequestHeader, RequestKind, Response,
    ResponseHeader, SendFile, SendPublicKey, VERSION, Verdict, VerdictKind,
};
use support::{Connection, World, name};

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
            public_key: *self.pair.public_key().as_bytes(),
        });
        let bytes = request.encode(&world.dialect, self.id, VERSION);
        let answer = connection.exchange(&bytes, world);
        let Response::AesKey(answer) = decode(&answer, &world.dialect) else {
            panic!("{answer:02x?}")
        };
        let rng = &mut rand::rng();
        self.pair.unwrap(&answer.wrapped, rng).unwrap()
    }

    fn file(&self, file_name: &str, content: &[u8], dialect: &Dialect) -> Vec<u8> {
        let request = Request::SendFile(SendFile {
            content_size: content.len() as u32,
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
        refusal(self.id, dialect)
    }
}

fn refusal(id: ClientId, dialect: &Dialect) -> Vec<u8> {
    let client_id = Some(id);
    Response::Refused(Refused { client_id }).encode(dialect, VERSION)
}

fn decode(bytes: &[u8], dialect: &Dialect) -> Response {
    let (header, payload) = bytes.split_at(dialect.response_header_size());
    let header = ResponseHeader::decode(header, dialect).unwrap();
    Response::decode(&header, payload, dialect).unwrap()
}

/// A world with one client that has a key, on a connection of its own.
fn with_key(dialect: &Dialect) -> (World, Client, Connection, AesKey) {
    let mut world = World::new(dialect);
    let client = Client::register(&mut world, "alice");
    let mut connection = world.connection();
    let key = client.exchange_keys("alice", &mut connection, &mut world);
    (world, client, connection, key)
}

#[test]
fn refuses_and_closes_when_the_header_alone_is_wrong() {
    for dialect in Dialect::all() {
        let size = |kind| dialect.request_fixed_size(kind);
        let mut headers: Vec<(RequestCode, u32)> = vec![
            (RequestCode(0), 0),
            (RequestCode(1102), 16),
            (RequestCode(4242), u32::MAX),
            (dialect.request_code(RequestKind::SendFile), 274),
            (dialect.request_code(RequestKind::SendFile), 0),
        ];
        for kind in RequestKind::ALL {
            if kind != RequestKind::SendFile {
                let code = dialect.request_code(kind);
                headers.extend([size(kind) - 1, size(kind) + 1, 0, u32::MAX].map(|s| (code, s)));
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
            .write(&mut bytes);
            let answer = connection.exchange(&bytes, &mut world);
            assert_eq!(answer, refusal(client_id, dialect), "{code} {payload_size}");
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
    for dialect in Dialect::all() {
        let (mut world, client, mut connection, key) = with_key(dialect);
        let content = encrypt(&key, b"some text");
        let good = client.file("a.txt", &content, dialect);

        let mut other_id = good.clone();
        other_id[23] ^= 1;
        let mut wrong_size = good.clone();
        wrong_size[39] ^= 32;
        let mut not_blocks = client.file("a.txt", &[0; 15], dialect);
        let mut empty = client.file("a.txt", &[], dialect);
        let mut no_nul = good.clone();
        no_nul[43..298].fill(b'x');
        let mut no_name = good.clone();
        no_name[43] = 0;
        let mut latin = good.clone();
        latin[43] = 0xE9;
        let mut damaged = good.clone();
        *damaged.last_mut().unwrap() ^= 1;
        for (bytes, slug) in [
            (&mut other_id, "client-id-mismatch"),
            (&mut wrong_size, "content-size-mismatch"),
            (&mut not_blocks, "content-not-blocks"),
            (&mut empty, "content-not-blocks"),
            (&mut no_nul, "unterminated-name"),
            (&mut no_name, "empty-name"),
            (&mut latin, "name-not-utf8"),
            (&mut damaged, "padding"),
        ] {
            // A damaged last block is padding all the same once in 256 times.
            if slug == "padding" && backup_protocol::crypto::decrypt(&key, &bytes[298..]).is_ok() {
                continue;
            }
            let answer = connection.exchange(bytes, &mut world);
            assert_eq!(answer, client.refusal(dialect), "{slug}");
            assert_eq!(connection.session.refusal().unwrap().slug(), Some(slug));
            assert!(!connection.server_ended);
        }
        for file_name in ["..", "dir/", r"dir\..", "a\u{1}b"] {
            let bytes = client.file(file_name, &content, dialect);
            let answer = connection.exchange(&bytes, &mut world);
            assert_eq!(answer, client.refusal(dialect), "{file_name:?}");
            assert_eq!(connection.session.refusal(), Some(&Refusal::FileName));
        }
        assert!(world.store.versions.is_empty());

        let answer = connection.exchange(&good, &mut world);
        assert!(matches!(
            decode(&answer, dialect),
            Response::FileReceived(_)
        ));
        assert_eq!(world.store.versions[0].plain, b"some text");
    }
}

#[test]
fn answers_what_arrives_in_one_segment_in_order() {
    for dialect in Dialect::all() {
        let (mut world, client, mut connection, key) = with_key(dialect);
        let file = client.file("a.txt", &encrypt(&key, b"one"), dialect);
        let again = client.verdict(VerdictKind::Wrong, "a.txt", dialect);
        let other = client.file("a.txt", &encrypt(&key, b"two"), dialect);
        let right = client.verdict(VerdictKind::Right, "a.txt", dialect);
        let answers = connection.exchange(&[file, again, other, right].concat(), &mut world);
        let (first, second) = answers.split_at(answers.len() / 2);
        for (answer, plain) in [(first, "one"), (second, "two")] {
            let Response::FileReceived(answer) = decode(answer, dialect) else {
                panic!("{answer:02x?}")
            };
            assert_eq!(answer.cksum, backup_protocol::Cksum::of(plain.as_bytes()));
        }
        assert_eq!(connection.server_ended, dialect.after_right.close);
        assert_eq!(world.store.versions.len(), 1);
        assert!(world.store.versions[0].verified);
        assert_eq!(world.store.versions[0].plain, b"two");
    }
}

#[test]
fn a_verdict_for_nothing_is_answered_by_its_kind() {
    for dialect in Dialect::all() {
        for kind in VERDICTS {
            let (mut world, client, mut connection, _) = with_key(dialect);
            let bytes = client.verdict(kind, "never-sent.txt", dialect);
            let answer = connection.exchange(&bytes, &mut world);
            let after = dialect.after(kind);
            let (expected, closed) = match kind {
                VerdictKind::Right => (client.refusal(dialect), true),
                VerdictKind::Wrong => (vec![], false),
                VerdictKind::GiveUp => match after.answer {
                    backup_protocol::dialect::VerdictAnswer::None => (vec![], after.close),
                    _ => (client.refusal(dialect), after.close),
                },
            };
            assert_eq!(answer, expected, "{kind:?}");
            assert_eq!(connection.server_ended, closed, "{kind:?}");
        }
    }
}

#[test]
fn a_verdict_of_an_unknown_client_is_answered_by_its_kind() {
    for dialect in Dialect::all() {
        for (kind, damage) in VERDICTS
            .into_iter()
            .flat_map(|kind| [(kind, 0), (kind, 23)])
        {
            let (mut world, client, mut connection, _) = with_key(dialect);
            let stranger = Client {
                id: ClientId::from_bytes([9; 16]),
                ..client
            };
            let mut bytes = stranger.verdict(kind, "a.txt", dialect);
            if damage > 0 {
                // The IDs of header and payload differ.
                bytes[damage] ^= 1;
            }
            let answer = connection.exchange(&bytes, &mut world);
            let (expected, closed) = match kind {
                VerdictKind::Right => (stranger.refusal(dialect), true),
                VerdictKind::Wrong => (vec![], false),
                VerdictKind::GiveUp => (stranger.refusal(dialect), dialect.after_give_up.close),
            };
            assert_eq!(answer, expected, "{kind:?}");
            assert_eq!(connection.server_ended, closed, "{kind:?}");
        }
    }
}

#[test]
fn giving_up_never_touches_a_verified_version() {
    for dialect in Dialect::all() {
        let (mut world, client, mut connection, key) = with_key(dialect);
        let file = client.file("a.txt", &encrypt(&key, b"kept"), dialect);
        connection.exchange(&file, &mut world);
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
    for dialect in Dialect::all() {
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
    for dialect in Dialect::all() {
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
    for dialect in Dialect::all() {
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
    for dialect in Dialect::all() {
        let (mut world, alice, mut connection, _) = with_key(dialect);
        Client::register(&mut world, "bob");
        let request = |public_key: [u8; 160], client_name: Name| {
            let request = Request::SendPublicKey(SendPublicKey {
                name: client_name,
                public_key,
            });
            request.encode(dialect, alice.id, VERSION)
        };
        let key = *alice.pair.public_key().as_bytes();
        let answer = connection.exchange(&request(key, name("bob")), &mut world);
        assert_eq!(answer, alice.refusal(dialect));
        assert_eq!(connection.session.refusal(), Some(&Refusal::NameDiffers));

        let answer = connection.exchange(&request([0x41; 160], name("alice")), &mut world);
        assert_eq!(answer, alice.refusal(dialect));
        let slug = connection.session.refusal().unwrap().slug();
        assert_eq!(slug, Some("public-key-der"));
        assert!(!connection.server_ended);
    }
}

#[test]
fn throws_away_what_it_refuses_up_to_its_limit() {
    for dialect in Dialect::all() {
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
            let (fixed, content) = file.split_at(298);
            let early = connection.exchange(fixed, &mut world);
            assert_eq!(early.is_empty(), !closes);
            let late = connection.exchange(content, &mut world);
            assert_eq!([early, late].concat(), stranger.refusal(dialect));
            assert_eq!(connection.server_ended, closes);
        }
    }
}
