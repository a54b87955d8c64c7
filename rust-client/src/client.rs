//! A client: options, an identity folder, and the calls that bindings and the command make.

use std::path::PathBuf;
use std::time::Duration;

use backup_protocol::Dialect;
use backup_protocol::crypto::KeyPair;
use backup_protocol::session::client::Knowledge;
use backup_protocol::wire::{ClientId, Name};

use crate::error::ClientError;
use crate::event::{Event, Sent, Warning};
use crate::identity::{self, IdentityError, IdentityFolder, MeInfo, PendingMeInfo, ServerRecord};
use crate::interrupt::Interrupt;
use crate::run::Run;
use crate::server::ServerAddress;
use crate::source::SourceFile;
use crate::tls::TlsOptions;

/// How a client works. The setters may be chained.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    pub(crate) server: ServerAddress,
    pub(crate) name: Name,
    pub(crate) folder: PathBuf,
    pub(crate) dialect: Option<Dialect>,
    pub(crate) connection_per_request: bool,
    pub(crate) key_per: KeyPer,
    pub(crate) timeout: Duration,
    pub(crate) interrupt: Interrupt,
    pub(crate) wrong_verdicts: u8,
    pub(crate) tls: Option<TlsOptions>,
}

/// How often the client asks for a new AES key (PROTOCOL.md 4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyPer {
    /// Before each file: with a constant IV a key must not serve two.
    #[default]
    File,
    /// Once for each connection, as the programs of the family do.
    Connection,
}

impl ClientOptions {
    /// A client `name` of `server` whose identity is kept in `folder`: the dialect found out from
    /// the server's answers, one connection for as long as the server keeps it, a key for each file,
    /// 30 seconds for every wait.
    pub fn new(server: ServerAddress, name: Name, folder: impl Into<PathBuf>) -> Self {
        Self {
            server,
            name,
            folder: folder.into(),
            dialect: None,
            connection_per_request: false,
            key_per: KeyPer::default(),
            timeout: Duration::from_secs(30),
            interrupt: Interrupt::default(),
            wrong_verdicts: 0,
            tls: None,
        }
    }

    /// What the server speaks; `None` finds out (PROTOCOL.md 10.11), and keeps what it found with the
    /// identity.
    #[must_use]
    pub fn dialect(mut self, dialect: Option<Dialect>) -> Self {
        self.dialect = dialect;
        self
    }

    /// Whether every request goes on a connection of its own, also where the dialect does not ask for
    /// it.
    #[must_use]
    pub fn connection_per_request(mut self, yes: bool) -> Self {
        self.connection_per_request = yes;
        self
    }

    /// How often to ask for a new AES key.
    #[must_use]
    pub fn key_per(mut self, key_per: KeyPer) -> Self {
        self.key_per = key_per;
        self
    }

    /// Speaks inside TLS.
    #[must_use]
    pub fn tls(mut self, tls: Option<TlsOptions>) -> Self {
        self.tls = tls;
        self
    }

    /// The longest wait for a connection, a write, or an answer. The answer to a file is given a
    /// second more for every 2 MB of it: a server may have to decrypt and sum it first, and those
    /// written in Python take their time.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// What ends a call from another thread.
    #[must_use]
    pub fn interrupt(mut self, interrupt: Interrupt) -> Self {
        self.interrupt = interrupt;
        self
    }

    /// Says of the first `transmissions` of each file that the cksum is wrong, whatever it is: for tests
    /// of servers.
    #[must_use]
    pub fn wrong_verdicts(mut self, transmissions: u8) -> Self {
        self.wrong_verdicts = transmissions;
        self
    }
}

/// A client with its identity folder, which stays locked for the life of the value.
#[derive(Debug)]
pub struct Client {
    pub(crate) options: ClientOptions,
    pub(crate) folder: IdentityFolder,
    pub(crate) key: KeyPair,
    pub(crate) client_id: Option<ClientId>,
    record: Option<ServerRecord>,
    warning: Option<IdentityError>,
}

impl Client {
    /// Opens and locks the identity folder, and makes a key pair if it holds no identity. Nothing is
    /// written to the folder and nothing sent yet.
    ///
    /// # Errors
    /// [`ClientError::Identity`]: the folder is in use or damaged, or is another client's;
    /// [`ClientError::KeyPair`].
    pub fn open(options: ClientOptions) -> Result<Self, ClientError> {
        let folder = IdentityFolder::open(&options.folder)?;
        let (key, client_id) = match folder.load()? {
            Some(me_info) => {
                if me_info.name != options.name {
                    return Err(ClientError::Identity(IdentityError::OtherName {
                        folder: options.folder,
                        found: me_info.name.as_str().to_owned(),
                        wanted: options.name.as_str().to_owned(),
                    }));
                }
                (
                    identity::read_key(folder.me_info_path(), &me_info)?,
                    Some(me_info.client_id),
                )
            }
            None => {
                let key = KeyPair::generate(&mut rand::rng()).map_err(|_| ClientError::KeyPair)?;
                (key, None)
            }
        };
        let (record, warning) = match folder.load_record() {
            Ok(record) => (record, None),
            Err(error) => (None, Some(error)),
        };
        Ok(Self {
            options,
            folder,
            key,
            client_id,
            record,
            warning,
        })
    }

    /// Whether there is an identity.
    pub fn is_registered(&self) -> bool {
        self.client_id.is_some()
    }

    /// The client ID, if there is an identity. Its `Display` is short enough to be shown.
    pub fn client_id(&self) -> Option<ClientId> {
        self.client_id
    }

    /// The client name.
    pub fn name(&self) -> &Name {
        &self.options.name
    }

    /// The server.
    pub fn server(&self) -> &ServerAddress {
        &self.options.server
    }

    /// The dialect: the one that was asked for, else what the server was heard speaking. It is shown as
    /// a name and modifiers.
    pub fn dialect(&self) -> Option<Dialect> {
        match &self.options.dialect {
            Some(dialect) => Some(dialect.clone()),
            None => Dialect::parse(self.record_of_this_server()?.dialect.as_deref()?).ok(),
        }
    }

    /// SHA-256 of the public key as it goes over the wire, in the manner of ssh.
    pub fn key_fingerprint(&self) -> String {
        identity::fingerprint(&self.key)
    }

    /// Registers and exchanges keys if there is no identity; else does nothing. The identity is on
    /// the disk before anything is sent that uses it.
    ///
    /// # Errors
    /// [`ClientError::NameTaken`] if a client of the server has the name already.
    pub fn register(&mut self, on_event: &mut dyn FnMut(Event<'_>)) -> Result<(), ClientError> {
        if self.is_registered() {
            Ok(())
        } else {
            self.exchange_keys(on_event)
        }
    }

    /// Exchanges keys without sending a file, registering first if there is no identity: shows that
    /// the server still knows this client.
    ///
    /// # Errors
    /// As those of a file, but for what a file alone meets.
    pub fn exchange_keys(
        &mut self,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), ClientError> {
        self.warn(on_event);
        Run::new(self, &[], on_event).keys()
    }

    /// Sends files in order, registering first if there is no identity. There is one result a file;
    /// each is also told as [`Event::Finished`] as soon as it is known.
    ///
    /// A file that fails does not keep the others from being sent, unless the failure is one that all
    /// of them would meet; those are then [`ClientError::NotTried`].
    pub fn send(
        &mut self,
        files: &[SourceFile],
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Vec<Result<Sent, ClientError>> {
        self.warn(on_event);
        Run::new(self, files, on_event).all()
    }

    /// The dialect to begin with, and how well it is known.
    pub(crate) fn first_dialect(&self) -> Option<(Dialect, Knowledge)> {
        match (&self.options.dialect, self.dialect()) {
            (Some(dialect), _) => Some((dialect.clone(), Knowledge::Fixed)),
            (None, Some(learned)) => {
                let record = self.record_of_this_server();
                match record.is_some_and(|record| record.about_a_file) {
                    true => Some((learned, Knowledge::Learned)),
                    false => Some((learned, Knowledge::Guess)),
                }
            }
            (None, None) => Some((Dialect::all().first()?.clone(), Knowledge::Guess)),
        }
    }

    /// Keeps the identity, with a new key pair if there is one: the file is on the disk when this
    /// returns. If it fails, the old one is as it was.
    pub(crate) fn keep_identity(
        &mut self,
        pending: PendingMeInfo,
        client_id: ClientId,
        new_key: Option<KeyPair>,
    ) -> Result<(), ClientError> {
        let key = new_key.unwrap_or_else(|| self.key.clone());
        let private_key = key.to_pkcs8_der().map_err(|_| ClientError::KeyPair)?;
        pending.store(&MeInfo {
            name: self.options.name.clone(),
            client_id,
            private_key,
        })?;
        self.key = key;
        self.client_id = Some(client_id);
        Ok(())
    }

    /// Keeps what was learned of the server, and whether from a file, if it is news.
    pub(crate) fn keep_record(
        &mut self,
        dialect: Option<&Dialect>,
        about_a_file: bool,
    ) -> Result<(), IdentityError> {
        let known = self.record_of_this_server();
        let before = known.is_some_and(|record| record.about_a_file);
        let (learned, about_a_file) = match (&self.options.dialect, dialect) {
            (None, Some(dialect)) => (Some(dialect.to_string()), about_a_file || before),
            _ => {
                let learned = known.and_then(|record| record.dialect.clone());
                let about_a_file = learned.is_none() || before;
                (learned, about_a_file)
            }
        };
        let record = ServerRecord {
            version: ServerRecord::VERSION,
            server: self.options.server.to_string(),
            dialect: learned,
            about_a_file,
        };
        if self.record.as_ref() != Some(&record) {
            self.folder.store_record(&record)?;
            self.record = Some(record);
        }
        Ok(())
    }

    fn record_of_this_server(&self) -> Option<&ServerRecord> {
        self.record
            .as_ref()
            .filter(|record| record.server == self.options.server.to_string())
    }

    fn warn(&mut self, on_event: &mut dyn FnMut(Event<'_>)) {
        if let Some(error) = self.warning.take() {
            on_event(Event::Warning(Warning::Record(&error)));
        }
        if let Some(record) = &self.record
            && self.is_registered()
            && self.record_of_this_server().is_none()
        {
            let used = &self.options.server;
            on_event(Event::Warning(Warning::OtherServer {
                recorded: &record.server,
                used,
            }));
        }
    }
}
