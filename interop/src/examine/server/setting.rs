//! What a server's case works on: connections, clients, requests, and what the case itself finds out.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use sha2::{Digest, Sha256};

use crate::cell::{Step, Stop};
use crate::dialect::{AfterAnswer, ConnectionUse, Dialect};
use crate::examine::event::{CaseLevel, FindingEvent};
use crate::examine::finding::without_place;
use crate::examine::server::link::{Link, Response, Terms};
use crate::examine::server::message::Message;
use crate::examine::server::probe::Departure;
use crate::examine::subject::Subject;
use crate::frame::{Id, Values};
use crate::message::{Field, Kind};
use crate::oracle::{AesKey, KeyPair, Keyring};
use crate::store::Store;

/// Two pairs serve all clients of the process: making one takes longer than most cases.
static PAIRS: LazyLock<Result<[KeyPair; 2], String>> =
    LazyLock::new(|| Ok([KeyPair::generate()?, KeyPair::generate()?]));

/// A client as the examiner plays it.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) name: Vec<u8>,
    pub(crate) id: Id,
    pub(crate) pair: KeyPair,
    key: Option<AesKey>,
}

impl Client {
    /// The AES key of its last exchange; one of zeros before there was any.
    pub(crate) fn key(&self) -> Step<AesKey> {
        let zeros = || AesKey::new(vec![0; 16]);
        let key = self.key.clone().or_else(zeros);
        key.ok_or_else(|| Stop::Ours("no AES key of 16 bytes".into()))
    }
}

/// The setting of one case.
pub(crate) struct Setting {
    pub(super) terms: Terms,
    pub(super) subject: Arc<Subject>,
    /// The case has the server for itself.
    pub(super) own: bool,
    pub(super) links: Vec<Link>,
    pub(super) keys: Keyring,
    pub(super) findings: Vec<FindingEvent>,
    pub(super) level: CaseLevel,
    pub(super) section: &'static str,
    /// Of the case, for its logs and for a server of its own.
    pub(super) folder: PathBuf,
    /// Makes the names of this case's clients different from those of all others.
    pub(super) tag: String,
    /// How far the conversation of a probe came.
    pub(super) steps: usize,
    /// How the server departs from the nearest dialect; `None` where nobody looked.
    pub(super) departures: Option<Arc<Vec<Departure>>>,
}

impl Setting {
    pub(crate) fn dialect(&self) -> &Dialect {
        &self.terms.dialect
    }

    /// A new connection.
    pub(crate) fn connect(&mut self) -> Step<Link> {
        let link = Link::open(self.terms.clone(), self.subject.address()?)?;
        self.links.push(link.clone());
        Ok(link)
    }

    /// A new connection, after the end of another: a server may serve one at a time.
    pub(crate) fn connect_after(&mut self, link: &Link) -> Step<Link> {
        link.end()?;
        link.closed()?;
        self.connect()
    }

    /// A name that no other case uses.
    pub(crate) fn name(&self, name: &str) -> Vec<u8> {
        format!("{name}-{}", self.tag).into_bytes()
    }

    // ---- requests ----

    pub(crate) fn register(&self, name: &[u8]) -> Message {
        let values = Values::default().bytes(Field::ClientName, name);
        self.message(Kind::Register, &[0; 16], &values)
    }

    pub(crate) fn public_key(&self, client: &Client) -> Message {
        let values = Values::default()
            .bytes(Field::ClientName, &client.name)
            .bytes(Field::PublicKey, client.pair.public_der());
        self.message(Kind::SendPublicKey, &client.id, &values)
    }

    pub(crate) fn reconnect(&self, client: &Client) -> Message {
        let values = Values::default().bytes(Field::ClientName, &client.name);
        self.message(Kind::Reconnect, &client.id, &values)
    }

    /// A 1103 with this content; where the dialect has packets, the only one.
    pub(crate) fn file(
        &self,
        client: &Client,
        name: &[u8],
        content: &[u8],
        plain: usize,
    ) -> Message {
        let size = u32::try_from(content.len()).unwrap_or(u32::MAX);
        let values = self
            .file_values(client, name, size, plain)
            .number(self.dialect(), Field::PacketNumber, 1)
            .number(self.dialect(), Field::TotalPackets, 1)
            .bytes(Field::Content, content);
        self.message(Kind::SendFile, &client.id, &values)
    }

    /// A 1103 of a file in packets of so many bytes.
    pub(crate) fn packets(
        &self,
        client: &Client,
        name: &[u8],
        plain: &[u8],
        most: usize,
    ) -> Step<Vec<Message>> {
        let content = client.key()?.encrypt(plain);
        let size = u32::try_from(content.len()).unwrap_or(u32::MAX);
        let parts: Vec<_> = content.chunks(most.max(1)).collect();
        let total = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        let messages = (1..).zip(&parts).map(|(number, part)| {
            let values = self
                .file_values(client, name, size, plain.len())
                .number(self.dialect(), Field::PacketNumber, number)
                .number(self.dialect(), Field::TotalPackets, total)
                .bytes(Field::Content, part);
            self.message(Kind::SendFile, &client.id, &values)
        });
        Ok(messages.collect())
    }

    fn file_values(&self, client: &Client, name: &[u8], size: u32, plain: usize) -> Values {
        let plain = u32::try_from(plain).unwrap_or(u32::MAX);
        Values::default()
            .bytes(Field::PayloadClientId, &client.id)
            .number(self.dialect(), Field::ContentSize, size)
            .number(self.dialect(), Field::OriginalSize, plain)
            .bytes(Field::FileName, name)
    }

    pub(crate) fn verdict(&self, kind: Kind, client: &Client, name: &[u8]) -> Message {
        let values = Values::default()
            .bytes(Field::PayloadClientId, &client.id)
            .bytes(Field::FileName, name);
        self.message(kind, &client.id, &values)
    }

    fn message(&self, kind: Kind, id: &Id, values: &Values) -> Message {
        Message::new(self.dialect(), kind, id, values)
    }

    // ---- steps that are right ----

    /// Registers a client under a name of its own.
    pub(crate) fn registered(&mut self, link: &Link, name: &str) -> Step<Client> {
        let name = self.name(name);
        self.registered_as(link, &name)
    }

    /// Registers a client under exactly this name.
    pub(crate) fn registered_as(&mut self, link: &Link, name: &[u8]) -> Step<Client> {
        link.send(self.register(name).bytes())?;
        let response = link.expect(Kind::Registered)?;
        let id = response.field(Field::ClientId).try_into();
        let pair = self.pair(0)?;
        Ok(Client {
            name: name.to_vec(),
            id: id.map_err(|_| Stop::Failed)?,
            pair,
            key: None,
        })
    }

    /// A client that nobody registered.
    pub(crate) fn stranger(&mut self, name: &str) -> Step<Client> {
        let mut id: Id = rand::random();
        if let Some(first) = id.first_mut() {
            *first |= 1;
        }
        Ok(Client {
            name: self.name(name),
            id,
            pair: self.pair(0)?,
            key: None,
        })
    }

    /// Exchanges keys.
    pub(crate) fn exchanged(&mut self, link: &Link, client: &mut Client) -> Step {
        link.send(self.public_key(client).bytes())?;
        let response = link.expect(Kind::AesKey)?;
        self.take_key(client, &response)
    }

    /// Keeps the AES key of a response.
    pub(crate) fn take_key(&mut self, client: &mut Client, response: &Response) -> Step {
        let key = client.pair.unwrap(response.field(Field::WrappedKey));
        client.key = Some(key.and_then(AesKey::new).ok_or(Stop::Failed)?);
        Ok(())
    }

    /// A registered client with a key.
    pub(crate) fn client(&mut self, link: &Link, name: &str) -> Step<Client> {
        let mut client = self.registered(link, name)?;
        self.exchanged(link, &mut client)?;
        Ok(client)
    }

    /// Sends a file and has it received.
    pub(crate) fn uploaded(
        &mut self,
        link: &Link,
        client: &Client,
        name: &[u8],
        plain: &[u8],
    ) -> Step<Response> {
        for message in self.upload(client, name, plain)? {
            link.send(message.bytes())?;
        }
        link.expect(Kind::FileReceived)
    }

    /// The requests that send a file in this dialect.
    pub(crate) fn upload(&self, client: &Client, name: &[u8], plain: &[u8]) -> Step<Vec<Message>> {
        let most = match self.dialect().packet_size as usize {
            0 => usize::MAX,
            most => most,
        };
        self.packets(client, name, plain, most)
    }

    /// Sends a verdict that can be honoured, and waits for what the dialect has for an answer.
    pub(crate) fn judged(&mut self, link: &Link, kind: Kind, client: &Client, name: &[u8]) -> Step {
        link.send(self.verdict(kind, client, name).bytes())?;
        self.honoured(link, kind)
    }

    /// Waits for what follows a verdict that is honoured.
    pub(crate) fn honoured(&self, link: &Link, kind: Kind) -> Step {
        let after = self.dialect().after(kind);
        if after.is_some_and(|after| after.answer != AfterAnswer::None) {
            link.response()?;
        }
        let per_request = self.dialect().connection == ConnectionUse::Request;
        if per_request || after.is_some_and(|after| after.close) {
            link.closed()?;
        }
        Ok(())
    }

    /// Reads the refusal of a request and looks whether the connection goes on: a further client registers on it.
    pub(crate) fn refused_and_goes_on(&mut self, link: &Link, kind: Kind) -> Step {
        link.expect(self.dialect().negative(Some(kind)))?;
        self.registered(link, "after").map(drop)
    }

    /// Reads the refusal of a request and the end of the connection.
    pub(crate) fn refused_and_closed(&mut self, link: &Link, kind: Option<Kind>) -> Step {
        link.expect(self.dialect().negative(kind))?;
        link.closed()
    }

    /// One of the examiner's key pairs, by number.
    pub(crate) fn pair(&mut self, number: usize) -> Step<KeyPair> {
        let pairs = PAIRS.as_ref().map_err(|error| Stop::Ours(error.clone()))?;
        let pair = pairs.get(number).cloned();
        let pair = pair.ok_or_else(|| Stop::Ours("no such key pair".into()))?;
        self.keys.add(pair.clone());
        Ok(pair)
    }

    /// A key pair with this exponent.
    pub(crate) fn pair_with(&mut self, exponent: u64) -> Step<KeyPair> {
        let pair = KeyPair::generate_with(exponent).map_err(Stop::Ours)?;
        self.keys.add(pair.clone());
        Ok(pair)
    }

    // ---- the program ----

    /// From now on the case has a server of its own, which it may restart.
    pub(crate) fn own_server(&mut self) -> Step {
        let another = self.subject.another(self.folder.join("server"));
        let needed = "it starts the server again, which needs --cmd or --peer";
        self.subject = Arc::new(another.ok_or_else(|| Stop::Skip(needed.into()))?);
        self.own = true;
        Ok(())
    }

    /// Stops the case's own server (SIGTERM); the next connection starts it again on the same folder.
    pub(crate) fn stop_server(&mut self) -> Step {
        self.excuse_all();
        if !self.subject.stop() {
            self.found(Field::Exit, "an end upon SIGTERM", "it still runs");
        }
        Ok(())
    }

    /// Kills the case's own server (SIGKILL); the next connection starts it again on the same folder.
    pub(crate) fn kill_server(&mut self) {
        self.excuse_all();
        self.subject.kill();
    }

    fn excuse_all(&self) {
        self.links.iter().for_each(Link::excuse);
    }

    /// The folder in which the server keeps its files.
    pub(crate) fn work(&self) -> Step<PathBuf> {
        let needed = "it looks into the server's folder, which needs --cmd or --peer";
        self.subject.work().ok_or_else(|| Stop::Skip(needed.into()))
    }

    /// Whether a file of this content lies anywhere in the server's folder.
    pub(crate) fn stores(&self, plain: &[u8], base_name: &str) -> Step<bool> {
        let work = self.work()?;
        let store = Store::read(&work)
            .map_err(|error| Stop::Ours(format!("{}: {error}", work.display())))?;
        let content = (Sha256::digest(plain).into(), plain.len() as u64);
        Ok(store.holds(&content, base_name))
    }

    /// Puts down what no byte shows.
    pub(crate) fn found(&mut self, field: Field, expected: &str, got: &str) {
        self.findings.push(without_place(
            field,
            self.level,
            self.section,
            expected,
            got,
        ));
    }

    /// Puts down that a file should be stored and is not, or the other way round.
    pub(crate) fn wants_stored(&mut self, plain: &[u8], base: &str, wanted: bool) -> Step {
        let stored = self.stores(plain, base)?;
        if stored != wanted {
            let words = |stored| match stored {
                true => format!("a file with the {} bytes of {base:?}", plain.len()),
                false => format!("no file with the {} bytes of {base:?}", plain.len()),
            };
            self.found(Field::StoredFile, &words(wanted), &words(stored));
        }
        Ok(())
    }

    /// Bytes that no other case and no other call sends.
    pub(crate) fn bytes(&self, size: usize) -> Vec<u8> {
        let seed = self.terms.order.fetch_add(1, Ordering::SeqCst);
        let mut state = Sha256::digest(format!("{}-{seed}", self.tag));
        let mut bytes = Vec::with_capacity(size + 32);
        while bytes.len() < size {
            bytes.extend_from_slice(&state);
            state = Sha256::digest(state);
        }
        bytes.truncate(size);
        bytes
    }

    /// The folder of the case.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Counts the events of a new case.
pub(super) fn order() -> Arc<AtomicU64> {
    Arc::default()
}
