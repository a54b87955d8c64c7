//! The whole conversations of `vectors/v1/transcripts`, with both sessions: each has to say, byte for
//! byte, what its side says there. The wrapped key alone is compared after unwrapping.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use backup_protocol::Dialect;
use backup_protocol::crypto::{AesKey, KeyPair, PublicKey, encrypt};
use backup_protocol::session::client::{Action, ClientSession, Event, File};
use backup_protocol::session::{ClientError, ClientOptions, ServerSession};
use backup_protocol::wire::ClientId;
use serde_json::Value;
use support::{Connection, World, name};

#[test]
fn the_server_says_what_the_transcripts_say() {
    each_transcript(|group, test, dialect| {
        let mut world = World::new(dialect);
        let client_id = ClientId::from_hex(text(&group["client"]["client_id"])).unwrap();
        world.store.next_id = Some(client_id);
        world.next_aes_key = unhex(&group["aes_key"]);
        if group["client"]["known"] == true {
            let client_name = name(text(&group["client"]["name"]));
            // In the dialects that hand it out again this is the key of before.
            let key = AesKey::from_bytes(&unhex(&group["aes_key"])).ok();
            world.store.clients.insert(client_id, (client_name, key));
            let sizes = dialect.public_key_sizes;
            let public_key = PublicKey::parse(&unhex(&group["public_key"]), sizes).unwrap();
            world.store.public_keys.insert(client_id, public_key);
        }
        if group["client"]["taken"] == true {
            let client_name = name(text(&group["client"]["name"]));
            let other = ClientId::from_bytes([9; 16]);
            world.store.clients.insert(other, (client_name, None));
        }
        let pair = KeyPair::from_pkcs8_der(&unhex(&group["private_key"])).unwrap();

        let mut connection = world.connection();
        let mut answer = Vec::new();
        for step in test["steps"].as_array().unwrap() {
            match (text(&step["event"]), step["from"].as_str()) {
                ("connect", _) => {
                    assert!(answer.is_empty());
                    let session = ServerSession::new(dialect.clone());
                    connection = Connection::new(session);
                }
                ("message", Some("client")) => {
                    let delivered = step.get("delivered").unwrap_or_else(|| &step["bytes"]);
                    answer.extend(connection.exchange(&unhex(delivered), &mut world));
                }
                ("message", _) => {
                    let mut expected = unhex(&step["bytes"]);
                    let said: Vec<u8> = answer.drain(..expected.len()).collect();
                    for place in step["places"].as_array().unwrap() {
                        if place["what"] == "wrapped_key" {
                            let offset = place["offset"].as_u64().unwrap() as usize;
                            let range = offset..offset + 128;
                            let rng = &mut rand::rng();
                            let key = pair.unwrap(&said[range.clone()], rng).unwrap();
                            assert_eq!(key.as_bytes(), unhex(&group["aes_key"]));
                            expected[range.clone()].copy_from_slice(&said[range]);
                        }
                    }
                    assert_eq!(said, expected, "{}", step["message"]);
                }
                ("end", Some("client")) => {
                    connection.client_ended = true;
                    answer.extend(connection.exchange(&[], &mut world));
                }
                ("end", _) => assert!(connection.server_ended),
                other => panic!("what is {other:?}?"),
            }
        }
        assert!(answer.is_empty(), "{answer:02x?}");
    });
}

#[test]
fn the_client_says_what_the_transcripts_say() {
    each_transcript(|group, test, dialect| {
        let pair = KeyPair::from_pkcs8_der(&unhex(&group["private_key"])).unwrap();
        let client_name = name(text(&group["client"]["name"]));
        let mut options = ClientOptions::new(client_name, pair, dialect.clone());
        let client = &group["client"];
        if let Some(former_id) = client.get("former_id") {
            options.identity = ClientId::from_hex(text(former_id));
        } else if client["known"] == true {
            options.identity = ClientId::from_hex(text(&client["client_id"]));
        }
        Script::new(group, test).run(options);
    });
}

/// A server that says what the transcript says, once the client has said its part.
struct Script {
    steps: std::vec::IntoIter<Value>,
    file: File,
    plain: Vec<u8>,
    aes_key: AesKey,
    pair: KeyPair,
    /// Whether somebody else has the name.
    taken: bool,
    written: Vec<u8>,
    to_client: Vec<u8>,
}

impl Script {
    fn new(group: &Value, test: &Value) -> Self {
        let plain = unhex(&group["file"]["plaintext"]);
        Self {
            steps: test["steps"].as_array().unwrap().clone().into_iter(),
            file: File {
                name: name(text(&group["file"]["name"])),
                plain_size: plain.len() as u64,
            },
            plain,
            aes_key: AesKey::from_bytes(&unhex(&group["aes_key"])).unwrap(),
            pair: KeyPair::from_pkcs8_der(&unhex(&group["private_key"])).unwrap(),
            taken: group["client"]["taken"] == true,
            written: Vec::new(),
            to_client: Vec::new(),
        }
    }

    fn run(mut self, options: ClientOptions) {
        let rng = &mut rand::rng();
        let mut session = ClientSession::new(options);
        let mut action = session.start();
        let mut file = Some(self.file.clone());
        for _ in 0..1000 {
            let bytes;
            let event = match action {
                Action::NextFile => file.take().map_or(Event::NoMoreFiles, Event::File),
                Action::Connect => {
                    let mut event = self.next_step();
                    while event["event"] == "end" {
                        event = self.next_step();
                    }
                    assert_eq!(event["event"], "connect");
                    Event::Connected
                }
                Action::KeepIdentity { .. } => Event::IdentityKept,
                Action::Send(message) => {
                    self.written.extend(message);
                    Event::Sent
                }
                Action::MakeKey => Event::KeyMade(Box::new(self.pair.clone())),
                Action::SendContent(mut transmission) => {
                    assert_eq!(transmission.key, self.aes_key);
                    let content = encrypt(&transmission.key, &self.plain);
                    self.written.extend(&transmission.prefix);
                    let (part, mut left) = content.split_at(transmission.first_packet as usize);
                    self.written.extend(part);
                    while let Some((header, size)) = transmission.packets.next_packet() {
                        let (part, rest) = left.split_at(size as usize);
                        left = rest;
                        self.written.extend(header);
                        self.written.extend(part);
                    }
                    assert!(left.is_empty());
                    transmission.sums.plain(&self.plain);
                    transmission.sums.content(&content);
                    let sums = transmission.sums;
                    Event::ContentSent { sums }
                }
                Action::Read { max, .. } => {
                    if self.to_client.is_empty() {
                        self.hear();
                    }
                    let size = max.min(self.to_client.len());
                    bytes = self.to_client.drain(..size).collect::<Vec<_>>();
                    match size {
                        0 => Event::Ended,
                        _ => Event::Received(&bytes),
                    }
                }
                Action::EndSending => Event::SendingEnded,
                Action::Failed(ClientError::NameTaken { .. }) if self.taken => {
                    assert!(self.steps.all(|step| step["event"] == "end"));
                    return;
                }
                Action::Done => {
                    assert!(!self.taken);
                    assert!(self.written.is_empty() && self.to_client.is_empty());
                    assert!(self.steps.all(|step| step["event"] == "end"));
                    return;
                }
                Action::Failed(error) => panic!("{error}"),
            };
            action = session.handle(event, rng);
        }
        panic!("a session without end");
    }

    /// Goes through the steps to the next one that the client hears of: a message or the end.
    fn hear(&mut self) {
        loop {
            let step = self.next_step();
            let from_client = step["from"] == "client";
            match (text(&step["event"]), from_client) {
                ("message", true) => {
                    let expected = unhex(&step["bytes"]);
                    let written: Vec<u8> = self.written.drain(..expected.len()).collect();
                    assert_eq!(written, expected, "{}", step["message"]);
                }
                ("message", false) => {
                    assert!(self.written.is_empty());
                    self.to_client = unhex(&step["bytes"]);
                    return;
                }
                ("end", true) => {}
                ("end", false) => {
                    assert!(self.written.is_empty());
                    return;
                }
                other => panic!("{other:?} while the client reads"),
            }
        }
    }

    fn next_step(&mut self) -> Value {
        self.steps
            .next()
            .expect("the client goes on after the last step")
    }
}

fn each_transcript(mut run: impl FnMut(&Value, &Value, &Dialect)) {
    let index = load(&folder().join("index.json"));
    let files = index["files"].as_object().unwrap();
    let mut files_run = 0;
    for (file, count) in files
        .iter()
        .filter(|(file, _)| file.starts_with("transcripts/"))
    {
        let transcripts = load(&folder().join(file));
        let mut tests_run = 0;
        for group in transcripts["groups"].as_array().unwrap() {
            for test in group["tests"].as_array().unwrap() {
                for dialect in group["dialects"].as_array().unwrap() {
                    run(group, test, &Dialect::parse(text(dialect)).unwrap());
                }
                tests_run += 1;
            }
        }
        assert_eq!(*count, tests_run, "{file}");
        assert_eq!(transcripts["count"], tests_run, "{file}");
        files_run += 1;
    }
    let entries = fs::read_dir(folder().join("transcripts")).unwrap();
    assert_eq!(entries.count(), files_run);
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn unhex(value: &Value) -> Vec<u8> {
    let (pairs, rest) = text(value).as_bytes().as_chunks::<2>();
    assert!(rest.is_empty());
    let pairs = pairs.iter().map(|pair| std::str::from_utf8(pair).unwrap());
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/v1")
}

fn load(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}
