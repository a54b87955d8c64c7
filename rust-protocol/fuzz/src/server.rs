//! A whole server session over bytes, with everything that must never happen.

use std::collections::HashMap;

use backup_protocol::Dialect;
use backup_protocol::crypto::{AesKey, Decryptor, PublicKey};
use backup_protocol::session::Refusal;
use backup_protocol::session::server::{
    Action, Answer, Ask, Content, Event, Learned, NewFile, ServerSession, UploadId,
};
use backup_protocol::wire::{ClientId, Response, ResponseHeader, VerdictKind};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// The client of the vectors.
const ALICE: [u8; 16] = [
    0x3f, 0x2a, 0x9c, 0x5e, 0x7b, 0x1d, 0x4e, 0x60, 0xa8, 0xc4, 0xd2, 0xf1, 0x90, 0x6b, 0x5e, 0x73,
];

const DISCARD_LIMIT: u64 = 4096;

/// Another client, whose ID and content nobody here may get at.
const BOB: [u8; 16] = [0xB0; 16];

/// More than any input here can ask for: beyond it, the session goes round in circles.
const MOST_ACTIONS: usize = 100_000;

struct Client {
    name: String,
    public_key: Option<PublicKey>,
    aes_key: Option<AesKey>,
    learned: Option<Learned>,
}

struct Version {
    id: i64,
    client: ClientId,
    name: String,
    verified: bool,
}

struct Store {
    clients: HashMap<ClientId, Client>,
    versions: Vec<Version>,
    registered: u8,
    uploads: i64,
}

impl Store {
    fn new() -> Self {
        let client = |name: &str, byte| Client {
            name: name.into(),
            public_key: None,
            aes_key: AesKey::from_bytes(&[byte; 16]).ok(),
            learned: None,
        };
        let alice = (ClientId::from_bytes(ALICE), client("alice", 1));
        let bob = (ClientId::from_bytes(BOB), client("bob", 2));
        Self {
            clients: HashMap::from([alice, bob]),
            versions: vec![Version {
                id: 0,
                client: ClientId::from_bytes(BOB),
                name: "report.txt".into(),
                verified: true,
            }],
            registered: 0,
            uploads: 0,
        }
    }

    fn answer(&mut self, ask: Ask, asking: ClientId) -> Answer {
        // Nobody asks in the name of another client than that of the header.
        let named = match &ask {
            Ask::Register { .. } => None,
            Ask::SendPublicKey { client, .. }
            | Ask::Reconnect { client, .. }
            | Ask::StoreAesKey { client, .. }
            | Ask::SendFile { client, .. }
            | Ask::Verdict { client, .. }
            | Ask::Recall { client } => Some(*client),
        };
        assert!(named.is_none_or(|named| named == asking));
        match ask {
            Ask::Register { name } => self.register(name.as_str()),
            Ask::SendPublicKey {
                client,
                name,
                public_key,
                aes_key,
            } => match self.clients.get_mut(&client) {
                None => Answer::Refused(Refusal::UnknownClient),
                Some(known) if known.name != name.as_str() => Answer::Refused(Refusal::NameDiffers),
                Some(known) => {
                    known.public_key = Some(public_key);
                    known.aes_key = Some(aes_key);
                    Answer::KeyStored
                }
            },
            Ask::Reconnect { client, name } => match self.clients.get(&client) {
                None => Answer::Refused(Refusal::UnknownClient),
                Some(known) if known.name != name.as_str() => Answer::Refused(Refusal::NameDiffers),
                Some(known) => match (known.public_key.clone(), known.aes_key.clone()) {
                    (Some(public_key), Some(aes_key)) => Answer::Keys {
                        public_key,
                        aes_key,
                    },
                    _ => Answer::Refused(Refusal::NoKey),
                },
            },
            Ask::StoreAesKey { client, aes_key } => match self.clients.get_mut(&client) {
                None => Answer::Refused(Refusal::UnknownClient),
                Some(known) => {
                    known.aes_key = Some(aes_key);
                    Answer::KeyStored
                }
            },
            Ask::SendFile {
                client,
                file_name,
                content_size,
            } => {
                assert!(file_name.base_name().is_some());
                assert!(content_size > 0 && content_size % 16 == 0);
                match self.clients.get(&client) {
                    None => Answer::Refused(Refusal::UnknownClient),
                    Some(_) if content_size > 1 << 20 => Answer::Refused(Refusal::Limit),
                    Some(known) => Answer::Accepted {
                        stored_key: known.aes_key.clone(),
                    },
                }
            }
            Ask::Verdict {
                client,
                kind,
                file_name,
                upload,
            } => self.judge(client, kind, file_name.as_str(), upload),
            Ask::Recall { client } => {
                let known = self.clients.get(&client);
                Answer::Recalled(known.and_then(|known| known.learned.clone()))
            }
        }
    }

    fn register(&mut self, name: &str) -> Answer {
        if self.clients.values().any(|known| known.name == name) {
            return Answer::Refused(Refusal::NameTaken);
        }
        self.registered = self.registered.wrapping_add(1);
        let mut id = [0xC0; 16];
        id[15] = self.registered;
        let id = ClientId::from_bytes(id);
        let client = Client {
            name: name.into(),
            public_key: None,
            aes_key: None,
            learned: None,
        };
        self.clients.insert(id, client);
        Answer::Registered(id)
    }

    fn judge(
        &mut self,
        client: ClientId,
        kind: VerdictKind,
        name: &str,
        upload: Option<UploadId>,
    ) -> Answer {
        if !self.clients.contains_key(&client) {
            return Answer::Refused(Refusal::UnknownClient);
        }
        if let Some(UploadId(id)) = upload {
            // What the session remembers of its uploads is this client's, and of this name; it may be gone.
            assert!(id > 0 && id <= self.uploads);
            let named = self.versions.iter().find(|version| version.id == id);
            assert!(named.is_none_or(|version| version.client == client && version.name == name));
        }
        let waiting = self.versions.iter().rposition(|version| {
            let meant = upload.is_none_or(|UploadId(id)| version.id == id);
            version.client == client && version.name == name && !version.verified && meant
        });
        match (waiting, kind) {
            (None, _) => Answer::Refused(Refusal::NothingWaiting),
            (Some(index), VerdictKind::Right) => {
                self.versions[index].verified = true;
                Answer::VerdictTaken
            }
            (Some(index), _) => {
                self.versions.remove(index);
                Answer::VerdictTaken
            }
        }
    }
}

/// A file on its way in.
struct Incoming {
    new: Box<NewFile>,
    decryptor: Decryptor,
    taken: u64,
    plain: Vec<u8>,
}

/// Serves `input` to its end.
pub fn serve(session: ServerSession, fixed: Option<&Dialect>, input: &[u8]) {
    let mut session = session.with_discard_limit(DISCARD_LIMIT);
    let mut rng = StdRng::seed_from_u64(7);
    let mut store = Store::new();
    let mut rest = input;
    let mut incoming: Option<Incoming> = None;
    // Whether a 2103 may be sent now.
    let mut stored = false;
    let mut registered = None;
    let mut action = session.start();
    for _ in 0..MOST_ACTIONS {
        if let Some((client, learned)) = session.take_learned()
            && let Some(known) = store.clients.get_mut(&client)
        {
            known.learned = Some(learned);
        }
        let event = match action {
            Action::ReadHeader { size } => {
                assert!(size == 23 || size == 24);
                let Some((header, after)) = rest.split_at_checked(size) else {
                    break;
                };
                rest = after;
                Event::Header(header)
            }
            Action::ReadPayload { size } => {
                assert!(size <= 1024);
                let Some((payload, after)) = rest.split_at_checked(size) else {
                    break;
                };
                rest = after;
                Event::Payload(payload)
            }
            Action::Ask(ask) => {
                let asking = session.header().expect("a request").client_id;
                let answer = store.answer(ask, asking);
                if let Answer::Registered(id) = answer {
                    registered = Some(id);
                }
                Event::Answer(answer)
            }
            Action::BeginFile(new) => {
                assert!(store.clients.contains_key(&new.client));
                let decryptor = Decryptor::new(&new.key);
                incoming = Some(Incoming {
                    new,
                    decryptor,
                    taken: 0,
                    plain: Vec::new(),
                });
                Event::Done
            }
            Action::ReceiveContent { size, last } => {
                let file = incoming.as_mut().expect("a file was begun");
                let Some((content, after)) = rest.split_at_checked(size as usize) else {
                    break;
                };
                rest = after;
                file.taken += u64::from(size);
                assert!(
                    file.taken <= u64::from(file.new.content_size),
                    "more than was announced"
                );
                file.new.cksum.content(content);
                file.decryptor.update(content, &mut file.plain);
                let content = match last {
                    false => Content::Received,
                    true => {
                        assert_eq!(file.taken, u64::from(file.new.content_size));
                        finish(incoming.take().expect("a file"), &mut store)
                    }
                };
                stored = matches!(content, Content::Stored { .. });
                Event::Content(content)
            }
            Action::Discard { size } => {
                assert!(size > 0 && size <= DISCARD_LIMIT);
                let size = usize::try_from(size).expect("small");
                let Some((_, after)) = rest.split_at_checked(size) else {
                    break;
                };
                rest = after;
                Event::Done
            }
            Action::Send(message) => {
                let asking = session.header().map(|header| header.client_id);
                if let Some(dialect) = fixed {
                    check(&message, dialect, asking, registered, &mut stored);
                }
                Event::Done
            }
            Action::Close => return,
        };
        action = session.handle(event, &mut rng);
    }
    assert!(rest.len() < input.len() || input.len() < 24 || rest.is_empty());
}

fn finish(mut file: Incoming, store: &mut Store) -> Content {
    if let Err(error) = file.decryptor.finish(&mut file.plain) {
        let refusal = Refusal::Crypto(error);
        return Content::Refused { refusal, unread: 0 };
    }
    file.new.cksum.plain(&file.plain);
    store.uploads += 1;
    store.versions.push(Version {
        id: store.uploads,
        client: file.new.client,
        name: file.new.file_name.as_str().to_owned(),
        verified: false,
    });
    Content::Stored {
        upload: UploadId(store.uploads),
        plain_size: file.plain.len() as u64,
        cksum: file.new.cksum.finish(),
    }
}

/// What is sent is a response of this dialect, whole, and hands nobody's ID to another.
fn check(
    message: &[u8],
    dialect: &Dialect,
    asking: Option<ClientId>,
    registered: Option<ClientId>,
    stored: &mut bool,
) {
    let (header, rest) = message.split_at(dialect.response_header_size());
    let header = ResponseHeader::decode(header, dialect).expect("a header");
    let response = Response::decode(&header, rest, dialect).expect("a response");
    let named = match &response {
        Response::Registered(it) => {
            assert_eq!(Some(it.client_id), registered);
            return;
        }
        Response::Refused(it) => it.client_id,
        Response::AesKey(it) | Response::Reconnected(it) => Some(it.client_id),
        Response::FileReceived(it) => {
            assert!(std::mem::take(stored), "2103 for what is not stored");
            it.client_id
        }
        Response::Acknowledged(it) => it.client_id,
        Response::ReconnectRefused(it) => Some(it.client_id),
        Response::GeneralError => None,
    };
    assert!(
        named.is_none_or(|named| Some(named) == asking),
        "another's ID"
    );
}
