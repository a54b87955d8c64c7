//! A server session that learns its client's dialect from requests (PROTOCOL.md 10.10).

#![allow(clippy::unwrap_used)]

mod support;

use backup_protocol::Dialect;
use backup_protocol::crypto::{AesKey, KeyPair, encrypt};
use backup_protocol::session::server::{Auto, Learned};
use backup_protocol::wire::{
    ClientId, Name, Reconnect, Register, Request, Response, ResponseHeader, SendFile,
    SendPublicKey, VERSION, Verdict, VerdictKind,
};
use support::{Connection, World, dialect, every_dialect, name};

/// A client of some dialect before a server that learns.
struct Peer {
    world: World,
    connection: Connection,
    dialect: Dialect,
    id: ClientId,
    pair: KeyPair,
    key: Option<AesKey>,
}

impl Peer {
    fn new(bases: &[&str], spoken: &Dialect) -> Self {
        let mut world = World::new(spoken);
        world.auto = Some(Auto::new(bases.iter().map(|text| dialect(text)).collect()));
        Self {
            connection: world.connection(),
            world,
            dialect: spoken.clone(),
            id: ClientId::ZERO,
            pair: KeyPair::generate(&mut rand::rng()).unwrap(),
            key: None,
        }
    }

    fn says(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.connection.server_ended {
            self.connect();
        }
        self.connection.exchange(bytes, &mut self.world)
    }

    fn connect(&mut self) {
        self.connection = self.world.connection();
    }

    fn asks(&mut self, request: &Request) -> Response {
        let bytes = request.encode(&self.dialect, self.id, VERSION);
        let answer = self.says(&bytes);
        decode(&answer, &self.dialect)
    }

    fn registers(&mut self, client_name: &str) {
        let name = name(client_name);
        match self.asks(&Request::Register(Register { name })) {
            Response::Registered(registered) => self.id = registered.client_id,
            other => panic!("{other:?} in {}", self.dialect),
        }
    }

    fn exchanges_keys(&mut self, client_name: &str) {
        let request = Request::SendPublicKey(SendPublicKey {
            name: name(client_name),
            public_key: self.pair.public_key().as_bytes().to_vec(),
        });
        match self.asks(&request) {
            Response::AesKey(key) => {
                self.key = self.pair.unwrap(&key.wrapped, &mut rand::rng()).ok();
            }
            other => panic!("{other:?} in {}", self.dialect),
        }
    }

    fn file(&self, file_name: &Name, plain: &[u8]) -> Vec<u8> {
        let content = encrypt(self.key.as_ref().unwrap(), plain);
        let mut rest = &content[..];
        let mut bytes = Vec::new();
        let size = plain.len() as u64;
        for request in SendFile::requests(&self.dialect, size, file_name).unwrap() {
            let (this, after) = rest.split_at(request.size() as usize);
            bytes.extend(Request::SendFile(request).encode(&self.dialect, self.id, VERSION));
            bytes.extend(this);
            rest = after;
        }
        bytes
    }

    fn verdict(&self, kind: VerdictKind, file_name: &str) -> Vec<u8> {
        let file_name = name(file_name);
        let request = Request::Verdict(Verdict { kind, file_name });
        request.encode(&self.dialect, self.id, VERSION)
    }

    fn learned(&self) -> Option<&str> {
        self.world.store.learned.get(&self.id).map(Learned::dialect)
    }
}

fn decode(bytes: &[u8], dialect: &Dialect) -> Response {
    let (header, rest) = bytes.split_at(dialect.response_header_size());
    let header = ResponseHeader::decode(header, dialect).unwrap();
    Response::decode(&header, rest, dialect).unwrap_or_else(|e| panic!("{e} in {dialect}"))
}

#[test]
fn serves_every_dialect_that_is_its_base_as_one_that_is_told() {
    for spoken in every_dialect() {
        let mut peer = Peer::new(&[&spoken.to_string()], &spoken);
        peer.registers("alice");
        peer.exchanges_keys("alice");
        let bytes = peer.file(&name("a.txt"), b"plain");
        let answer = peer.says(&bytes);
        assert!(matches!(
            decode(&answer, &spoken),
            Response::FileReceived(_)
        ));
        assert_eq!(peer.world.store.versions[0].plain, b"plain", "{spoken}");
        let learned = peer.learned().unwrap();
        // How many bytes of content a sender puts into a packet is no matter of the receiver's.
        let shown = dialect(learned);
        assert_eq!(shown.file_received_fields, spoken.file_received_fields);
        assert_eq!(shown, spoken, "{learned}");
    }
}

#[test]
fn tells_a_header_however_it_is_cut() {
    for text in [
        "seed",
        "2024c,order=big",
        "2023a,align=natural",
        "seed,order=big,align=natural",
    ] {
        let spoken = dialect(text);
        let mut peer = Peer::new(&[], &spoken);
        let name = name("alice");
        let register = Request::Register(Register { name });
        let bytes = register.encode(&spoken, ClientId::ZERO, VERSION);
        let (last, before) = bytes.split_last().unwrap();
        for byte in before {
            assert!(peer.says(&[*byte]).is_empty(), "{text}");
        }
        let answer = peer.says(&[*last]);
        assert!(matches!(decode(&answer, &spoken), Response::Registered(_)));
    }
}

#[test]
fn a_gap_that_is_not_zero_is_no_hindrance() {
    let spoken = dialect("seed,align=natural");
    let mut peer = Peer::new(&[], &spoken);
    let name = name("alice");
    let register = Request::Register(Register { name });
    for (gap, client_name) in [(0xCC, "a"), (0x4C, "b"), (0x04, "c"), (0xFF, "d")] {
        let mut bytes = register.encode(&spoken, ClientId::ZERO, VERSION);
        bytes[17] = gap;
        bytes[24..24 + 6].copy_from_slice(&[client_name.as_bytes(), &[0; 5]].concat());
        let answer = peer.says(&bytes);
        assert!(
            matches!(decode(&answer, &spoken), Response::Registered(_)),
            "{gap:02x}"
        );
        peer.connect();
    }
}

#[test]
fn a_client_of_a_later_generation_is_told_by_its_file_or_by_its_reconnect() {
    let spoken = dialect("2023a");
    for reconnects in [false, true] {
        let mut peer = Peer::new(&["seed"], &spoken);
        peer.registers("alice");
        peer.exchanges_keys("alice");
        assert_eq!(peer.learned(), Some("seed"));
        if reconnects {
            peer.connect();
            let name = name("alice");
            let answer = peer.asks(&Request::Reconnect(Reconnect { name }));
            assert!(matches!(answer, Response::Reconnected(_)), "{answer:?}");
        } else {
            let bytes = peer.file(&name("a.txt"), b"plain");
            peer.says(&bytes);
        }
        assert_eq!(peer.learned(), Some("2023a"));
    }
}

#[test]
fn a_verdict_alone_tells_the_layout_of_payloads() {
    for (text, learned) in [("2023a", "2023a"), ("2023c,id=yes", "2023c,id=yes")] {
        let spoken = dialect(text);
        let mut peer = Peer::new(&[], &spoken);
        peer.registers("alice");
        let verdict = peer.verdict(VerdictKind::GiveUp, "nothing");
        let answer = peer.says(&verdict);
        assert!(matches!(
            decode(&answer, &spoken),
            Response::Acknowledged(_)
        ));
        assert_eq!(peer.learned(), Some(learned));
    }
}

#[test]
fn what_was_learned_holds_for_the_first_request_of_the_next_connection() {
    let spoken = dialect("2023a");
    let mut peer = Peer::new(&["seed"], &spoken);
    peer.registers("alice");
    peer.exchanges_keys("alice");
    let bytes = peer.file(&name("a.txt"), b"plain");
    peer.says(&bytes);
    peer.connect();
    peer.world.log.clear();
    // A refusal differs between the two.
    let request = Request::SendPublicKey(SendPublicKey {
        name: name("bob"),
        public_key: peer.pair.public_key().as_bytes().to_vec(),
    });
    assert_eq!(peer.asks(&request), Response::GeneralError);
    assert_eq!(peer.connection.session.dialect().to_string(), "2023a");
    // And nothing is learned anew.
    assert_eq!(peer.world.log, ["send public key", "refused"]);
}

#[test]
fn what_was_learned_yields_to_what_is_seen() {
    let mut peer = Peer::new(&["seed"], &dialect("2023a"));
    peer.registers("alice");
    peer.exchanges_keys("alice");
    for text in [
        "2023a",
        "seed",
        "seed,order=big",
        "2023a,align=natural",
        "seed",
    ] {
        peer.connect();
        peer.dialect = dialect(text);
        let bytes = peer.file(&name("a.txt"), text.as_bytes());
        let answer = peer.says(&bytes);
        let answer = decode(&answer, &peer.dialect);
        assert!(matches!(answer, Response::FileReceived(_)), "{text}");
        assert_eq!(peer.learned(), Some(text));
    }
}

#[test]
fn clients_on_one_connection_keep_their_own_layouts() {
    let mut peer = Peer::new(&["seed"], &dialect("seed"));
    let mut clients = Vec::new();
    for (client_name, text) in [("alice", "seed"), ("bob", "2023a"), ("carol", "seed")] {
        peer.dialect = dialect(text);
        peer.registers(client_name);
        peer.exchanges_keys(client_name);
        clients.push((peer.dialect.clone(), peer.id, peer.key.clone()));
    }
    for _ in 0..2 {
        for (spoken, id, key) in &clients {
            (peer.dialect, peer.id, peer.key) = (spoken.clone(), *id, key.clone());
            let bytes = peer.file(&name("a.txt"), b"plain");
            let answer = peer.says(&bytes);
            assert!(matches!(decode(&answer, spoken), Response::FileReceived(_)));
            assert_eq!(peer.learned(), Some(spoken.name.as_str()));
        }
    }
}

#[test]
fn a_file_name_that_counterfeits_the_other_layout_harms_its_sender_alone() {
    // Without an ID the name stands where, with one, the content size would.
    let spoken = dialect("2023a");
    let mut peer = Peer::new(&[], &spoken);
    peer.registers("alice");
    peer.exchanges_keys("alice");
    // Sizes that agree with each other in both layouts: 16 bytes less in the one with an ID.
    let size = u32::from_le_bytes(*b"0a\x01\x01") & !15;
    let mut forged = vec![b'x'; 12];
    forged.extend(&size.to_le_bytes());
    forged.extend(b".txt");
    let file_name = String::from_utf8(forged).unwrap();
    let content = vec![0; size as usize + 16];
    let request = Request::SendFile(SendFile {
        content_size: content.len() as u32,
        packet: None,
        file_name: name(&file_name),
    });
    let mut bytes = request.encode(&spoken, peer.id, VERSION);
    bytes.extend(&content);
    let answer = peer.says(&bytes);
    // 275 is tried first: it is taken for a file with an ID, which is not the client's.
    let slug = peer.connection.session.refusal().unwrap().slug();
    assert_eq!(slug, Some("client-id-mismatch"), "{answer:02x?}");
    assert!(peer.world.store.versions.is_empty());
    peer.connect();
    let bytes = peer.file(&name("honest.txt"), b"plain");
    let answer = peer.says(&bytes);
    assert!(matches!(
        decode(&answer, &spoken),
        Response::FileReceived(_)
    ));
}

#[test]
fn every_size_of_file_and_name_is_told() {
    for text in [
        "seed",
        "2023a",
        "2023c,id=yes",
        "2024c",
        "2024c,id=yes",
        "2024c,packets=no",
    ] {
        let spoken = dialect(text);
        let mut peer = Peer::new(&[], &spoken);
        peer.registers("alice");
        peer.exchanges_keys("alice");
        for length in [1, 2, 3, 4, 8, 11, 12, 13, 15, 16, 100, 254] {
            for size in [0, 15, 16, 255, 4096] {
                let file_name = name(&"n".repeat(length));
                peer.connect();
                let bytes = peer.file(&file_name, &vec![7; size]);
                let answer = peer.says(&bytes);
                let answer = decode(&answer, &spoken);
                let received = matches!(answer, Response::FileReceived(_));
                assert!(received, "{length} {size} in {text}: {answer:?}");
            }
        }
        assert_eq!(peer.learned(), Some(text));
    }
}

#[test]
fn packets_are_not_told_apart_in_the_middle_of_a_file() {
    let spoken = dialect("2024c,packet=16");
    let mut peer = Peer::new(&[], &spoken);
    peer.registers("alice");
    peer.exchanges_keys("alice");
    let plain = [7; 200];
    let bytes = peer.file(&name("a.txt"), &plain);
    let answer = peer.says(&bytes);
    assert!(matches!(
        decode(&answer, &spoken),
        Response::FileReceived(_)
    ));
    assert_eq!(peer.world.store.versions[0].plain, plain);
    assert_eq!(peer.learned(), Some("2024c"));
}

#[test]
fn a_header_of_no_dialect_is_refused_and_the_connection_closed() {
    for (bytes, header) in [(vec![0xFF; 23], 23), (vec![0; 23], 23)] {
        let mut peer = Peer::new(&[], &Dialect::default());
        let answer = peer.says(&bytes[..header]);
        assert!(matches!(
            decode(&answer, &Dialect::default()),
            Response::Refused(_)
        ));
        assert!(peer.connection.server_ended);
    }
}

#[test]
fn an_unknown_client_is_refused_in_the_dialect_it_speaks() {
    for text in ["seed", "2023a", "2023c", "2024c"] {
        let spoken = dialect(text);
        let mut peer = Peer::new(&[], &spoken);
        peer.id = ClientId::from_bytes([9; 16]);
        peer.key = AesKey::from_bytes(&[7; 16]).ok();
        let bytes = peer.file(&name("a.txt"), b"plain");
        let answer = peer.says(&bytes);
        let negative = spoken.response_codes.general_error.is_some();
        let expected = match decode(&answer, &spoken) {
            Response::GeneralError => negative,
            Response::Refused(_) => !negative,
            other => panic!("{other:?}"),
        };
        assert!(expected, "{text}");
        assert!(peer.world.store.learned.is_empty());
    }
}

#[test]
fn learned_is_written_and_read_again() {
    let mut peer = Peer::new(&[], &dialect("2024c,order=big,id=yes"));
    peer.registers("alice");
    peer.exchanges_keys("alice");
    let bytes = peer.file(&name("a.txt"), b"plain");
    peer.says(&bytes);
    let learned = &peer.world.store.learned[&peer.id];
    assert_eq!(learned.dialect(), "2024c,order=big,id=yes");
    assert_eq!(
        Learned::from_json(&learned.to_json()).as_ref(),
        Some(learned)
    );
    assert_eq!(Learned::from_json("{}"), None);
    assert_eq!(Learned::from_json("no JSON"), None);
}
