//! What a client finds out about a server whose dialect it does not know (PROTOCOL.md 10.11).

// What was found is worth reading: `cargo test --test find -- --nocapture`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod support;

use std::sync::LazyLock;

use backup_protocol::Dialect;
use backup_protocol::crypto::KeyPair;
use backup_protocol::dialect::Modifier;
use backup_protocol::session::client::{ClientSession, FileOutcome, Knowledge};
use backup_protocol::session::{ClientError, ClientOptions, Refusal};
use backup_protocol::wire::{ClientId, RequestKind};
use support::{World, name};

static KEY: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate(&mut rand::rng()).unwrap());

/// A client that knows nothing.
fn stranger() -> ClientOptions {
    let first = Dialect::all()[0].clone();
    let mut options = ClientOptions::new(name("alice"), KEY.clone(), first);
    options.knowledge = Knowledge::Guess;
    options
}

fn text(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i % 251) as u8).collect()
}

fn backup(world: &mut World, options: ClientOptions) -> (ClientSession, Vec<FileOutcome>) {
    let before = world.store.clients.len();
    let (session, outcomes) = world.backup(options, &[("a.txt", text(100))]);
    let dialect = world.dialect.to_string();
    let outcomes = outcomes.unwrap_or_else(|e| panic!("{dialect}: {e}\n{:?}", world.log));
    assert!(outcomes.iter().all(FileOutcome::is_verified), "{dialect}");
    assert!(
        world.store.clients.len() <= before.max(1),
        "{dialect}: registered twice"
    );
    (session, outcomes)
}

/// The parameters that no server shows to a client: what it accepts, what only a client does, and
/// whether two keys are the same.
const HIDDEN: [&str; 5] = ["key", "packet", "reconnect-key", "transmissions", "port"];
/// Those that show only when something goes wrong.
const LATER: [&str; 3] = ["refused", "wrong", "give-up"];

/// In what a server cannot be told from another, and why.
fn cannot_tell(server: &Dialect, modifier: &Modifier) -> Option<(&'static str, &'static str)> {
    let value = modifier.value(server);
    match modifier.key {
        "packet-order" if !server.packets => Some(("packet-order", "there are no packets")),
        "size" if value == "padded" && server.response_padding.bytes() == 0 => {
            Some(("size", "there is no padding to count"))
        }
        "right" if REFUSALS.contains(&value.as_str()) => {
            Some(("right", "so answers who does not honour the verdict"))
        }
        "id" if server.client_id_in_payload && server.request_codes.register.0 == 1100 => Some((
            CODES,
            "reconnect and general error would tell, and nothing asks for them",
        )),
        _ => None,
    }
}

const CODES: &str = "codes";
const REFUSALS: [&str; 2] = ["refused+close", "general-error+close"];

/// The parameters in which two dialects differ, but for those of `without`.
fn differences(a: &Dialect, b: &Dialect, without: &[&str]) -> Vec<&'static str> {
    let all = Modifier::all().iter();
    let differ = all.filter(|modifier| modifier.value(a) != modifier.value(b));
    let keys = differ.map(|modifier| modifier.key);
    keys.filter(|key| !without.contains(key)).collect()
}

#[test]
fn finds_each_dialect_by_its_name() {
    for server in Dialect::all() {
        for chunk in [1, 7, usize::MAX] {
            let mut world = World::new(server);
            world.chunk = chunk;
            let (session, _) = backup(&mut world, stranger());
            let found = session.dialect().unwrap();
            assert_eq!(found.to_string(), server.to_string(), "{:?}", world.log);
        }
    }
}

#[test]
fn finds_each_dialect_with_an_identity() {
    for server in Dialect::all() {
        let mut world = World::new(server);
        let (session, _) = backup(&mut world, stranger());
        let mut options = stranger();
        options.identity = session.client_id();
        let (session, _) = backup(&mut world, options.clone());
        assert_eq!(session.dialect(), Some(server), "{:?}", world.log);

        // What was learned is tried first, and nothing else is.
        options.knowledge = Knowledge::Learned;
        options.dialect = server.clone();
        world.log.clear();
        let (session, _) = backup(&mut world, options);
        assert_eq!(session.dialect(), Some(server));
        let connections = world.log.iter().filter(|what| *what == "connect").count();
        assert_eq!(connections, 1, "{:?}", world.log);
        let first = if server.has_reconnect() {
            "reconnect"
        } else {
            "send public key"
        };
        assert_eq!(world.log[1], first);
    }
}

/// Every built-in dialect with every modifier that has it otherwise.
fn single_modifiers() -> impl Iterator<Item = (Dialect, &'static Modifier)> {
    Dialect::all().iter().flat_map(|base| {
        Modifier::all().iter().flat_map(move |modifier| {
            let servers = modifier
                .values()
                .into_iter()
                .filter_map(move |value| base.modified(&format!("{}={value}", modifier.key)).ok());
            let others = servers.filter(move |server| server != base);
            others.map(move |server| (server, modifier))
        })
    })
}

#[test]
fn finds_each_single_modifier() {
    let mut wrong = Vec::new();
    for (server, modifier) in single_modifiers() {
        // A byte at a time, and what a network would rather do: the same is found.
        let mut world = World::new(&server);
        world.chunk = 1;
        let (slowly, _) = backup(&mut world, stranger());
        let mut world = World::new(&server);
        let (session, _) = backup(&mut world, stranger());
        let found = session.dialect().unwrap();
        assert_eq!(slowly.dialect(), Some(found));
        let connections = world.log.iter().filter(|what| *what == "connect").count();
        let cannot = cannot_tell(&server, modifier);
        let (ignored, why) = cannot.unwrap_or_default();
        println!(
            "{:<50} {connections} connections: {found} {why}",
            server.to_string()
        );

        let differ = differences(found, &server, &[&HIDDEN[..], &LATER, &[ignored]].concat());
        let codes = (found.request_codes, found.response_codes);
        let same_codes = codes == (server.request_codes, server.response_codes);
        if !differ.is_empty() || !same_codes && ignored != CODES {
            wrong.push(format!(
                "{server}: found {found}, which differs in {differ:?}"
            ));
        }
        assert!(connections <= 7, "{server}: {:?}", world.log);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn finds_what_shows_only_when_something_goes_wrong() {
    for (server, modifier) in single_modifiers() {
        let mut world = World::new(&server);
        let (session, _) = backup(&mut world, stranger());
        let mut options = stranger();
        options.identity = session.client_id();
        options.dialect = session.dialect().unwrap().clone();
        match modifier.key {
            "wrong" => world.wrong_cksums = 1,
            "give-up" => world.wrong_cksums = u32::MAX,
            "refused" => {
                // Nothing is refused with that code where there is a general error, but a register.
                options.identity = None;
                let (session, outcomes) = world.backup(options, &[("a.txt", text(100))]);
                assert!(matches!(outcomes, Err(ClientError::NameTaken { .. })));
                let found = session.dialect();
                assert!(found.is_none(), "a refusal is no answer to go by");
                continue;
            }
            _ => continue,
        }
        let (session, outcomes) = world.backup(options, &[("a.txt", text(100))]);
        let outcomes = outcomes.unwrap_or_else(|e| panic!("{server}: {e}\n{:?}", world.log));
        assert_eq!(
            outcomes[0].is_verified(),
            modifier.key == "wrong",
            "{server}"
        );
        let found = session.dialect().unwrap();
        println!("{:<50} {found}", server.to_string());
        if REFUSALS.contains(&modifier.value(&server).as_str()) {
            // So answers also who does not honour the verdict.
            continue;
        }
        assert_eq!(
            modifier.value(found),
            modifier.value(&server),
            "{:?}",
            world.log
        );
    }
}

#[test]
fn finds_several_modifiers_at_once() {
    for text in [
        "seed,align=natural,crc=zlib,crc-input=content,pad=1024",
        "2023a,crc=zlib,pad=1024",
        "2023a,pad=1024,size=padded",
        "2023a,pad=2048,size=message",
        "2024a,order=big,packet-order=big,crc=crc8",
        "2023c,echo=plain,aes=32,right=close",
        "2022c,connection=request,crc=zlib",
        "2024c,received=content_size+file_name+cksum,crc-input=padded,size=message",
    ] {
        let server = Dialect::parse(text).unwrap();
        let mut world = World::new(&server);
        let (session, _) = backup(&mut world, stranger());
        let found = session.dialect().unwrap();
        println!("{text}: {found}");
        assert_eq!(*found, server, "{found}: {:?}", world.log);
    }
}

#[test]
fn a_learned_dialect_that_is_another_by_now_is_found_again() {
    for server in Dialect::all() {
        for learned in Dialect::all() {
            let mut world = World::new(server);
            let mut options = stranger();
            options.knowledge = Knowledge::Learned;
            options.dialect = learned.clone();
            let (session, _) = backup(&mut world, options.clone());
            assert_eq!(
                (
                    session.dialect().unwrap().request_codes,
                    &session.dialect().unwrap().response_codes
                ),
                (server.request_codes, &server.response_codes),
            );
            options.identity = session.client_id();
            backup(&mut world, options);
        }
    }
}

#[test]
fn finds_the_dialect_of_a_server_whose_ids_begin_with_zeros() {
    for server in Dialect::all() {
        let mut world = World::new(server);
        let mut bytes = *ClientId::generate(&mut rand::rng()).as_bytes();
        bytes[0] = 0;
        bytes[1] = 0;
        let id = ClientId::from_bytes(bytes);
        world.store.clients.insert(id, (name("alice"), None));
        let mut options = stranger();
        options.identity = Some(id);
        let (session, _) = backup(&mut world, options);
        assert_eq!(session.dialect(), Some(server));
    }
}

#[test]
fn a_name_that_is_taken_is_that_in_every_dialect() {
    let modified = single_modifiers().map(|(server, _)| server);
    for server in Dialect::all().iter().cloned().chain(modified) {
        let mut world = World::new(&server);
        let id = ClientId::generate(&mut rand::rng());
        world.store.clients.insert(id, (name("alice"), None));
        let (session, outcomes) = world.backup(stranger(), &[("a.txt", text(10))]);
        assert!(
            matches!(outcomes, Err(ClientError::NameTaken { .. })),
            "{server}: {outcomes:?} {:?}",
            world.log
        );
        assert_eq!(session.client_id(), None);
        assert_eq!(world.store.clients.len(), 1);
    }
}

#[test]
fn a_file_that_is_refused_in_every_way_is_sent_no_more_often_than_there_are_ways() {
    for server in Dialect::all() {
        for discard_limit in [0, u64::MAX] {
            let mut world = World::new(server);
            world.discard_limit = discard_limit;
            world.store.refuse = Some(("send file", Refusal::Limit, u32::MAX));
            let (_, outcomes) = world.backup(stranger(), &[("a.txt", text(100))]);
            let request = RequestKind::SendFile;
            assert_eq!(
                outcomes,
                Err(ClientError::Refused { request, tries: 3 }),
                "{server}"
            );
            let connections = world.log.iter().filter(|what| *what == "connect").count();
            assert!(connections <= 9, "{server}: {:?}", world.log);
            // With and without client ID and packets, and the likeliest way three times.
            let verdicts = world
                .log
                .iter()
                .filter(|what| what.contains("cksum"))
                .count();
            assert_eq!(verdicts, 0);
        }
    }
}
