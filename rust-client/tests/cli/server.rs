//! A server in a thread: the protocol crate's session over a store in memory, with faults to order.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use backup_protocol::crypto::{AesKey, Decryptor};
use backup_protocol::session::Refusal;
use backup_protocol::session::server::{
    Action, Answer, Ask, Content, Event, NewFile, ServerSession, UploadId,
};
use backup_protocol::wire::{
    ClientId, Name, Refused, Registered, RequestKind, Response, VERSION, VerdictKind,
};
use backup_protocol::{Dialect, crypto::PublicKey};

/// What the server does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The first so many 2103 carry a wrong cksum.
    WrongCksum(u32),
    /// The first so many 1103 are refused, and the connection goes on.
    RefuseFile(u32),
    /// Every 1101 is refused.
    RefuseKey,
    /// Every 1103 is refused after the first bytes of its content, and the connection is closed.
    RefuseEarly,
    /// As before, but the connection stays open, and nothing is read from it.
    RefuseEarlyAndHold,
    /// Every 1104 is refused.
    RefuseRight,
    /// After 1104 and 1106 the connection stays open and silent, whatever the dialect says.
    SilentAfterVerdict,
    /// 1104 is answered with a 2100.
    StrangeAfterVerdict,
    /// 1101 is never answered, and the connection stays open.
    SilentAfterKey,
    /// The connection is closed where 2103 is due.
    CloseBeforeReceived,
    /// A byte at this offset of the *payload* of the first response with this code is flipped.
    Flip {
        code: u16,
        offset: usize,
    },
    /// 1101 is answered with bytes that are no response.
    Garbage,
    /// A request of more bytes than this is never answered, and not read to its end.
    Limit(u32),
    /// As before, but the connection is closed.
    LimitAndClose(u32),
}

/// One upload as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    pub name: String,
    pub plain: Vec<u8>,
    pub verified: bool,
}

#[derive(Debug, Default)]
struct Store {
    clients: HashMap<ClientId, Client>,
    uploads: HashMap<UploadId, Upload>,
    next: i64,
    faults_done: u32,
    /// Connection (counted from 1) and request.
    requests: Vec<(usize, RequestKind)>,
}

#[derive(Debug)]
struct Client {
    name: Name,
    keys: Option<(PublicKey, AesKey)>,
}

/// Lives until the test process ends.
pub struct TestServer {
    address: SocketAddr,
    store: Arc<Mutex<Store>>,
}

impl TestServer {
    pub fn start(dialect: &str, fault: Fault) -> Self {
        let dialect = Dialect::parse(dialect).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let store = Arc::new(Mutex::new(Store::default()));
        let shared = Arc::clone(&store);
        thread::spawn(move || {
            for (index, stream) in listener.incoming().enumerate() {
                let connection = Connection {
                    stream: stream.unwrap(),
                    number: index + 1,
                    dialect: dialect.clone(),
                    fault,
                    store: Arc::clone(&shared),
                };
                thread::spawn(move || connection.serve());
            }
        });
        Self { address, store }
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Takes a name for somebody else.
    pub fn occupy(&self, name: &str) {
        let client = Client {
            name: Name::new(name).unwrap(),
            keys: None,
        };
        lock(&self.store)
            .clients
            .insert(ClientId::generate(&mut rand::rng()), client);
    }

    /// Forgets every client.
    pub fn forget_clients(&self) {
        lock(&self.store).clients.clear();
    }

    /// What is stored, in the order of the names.
    pub fn uploads(&self) -> Vec<Upload> {
        let mut uploads: Vec<_> = lock(&self.store).uploads.values().cloned().collect();
        uploads.sort_by(|a, b| a.name.cmp(&b.name));
        uploads
    }

    /// The kinds of all requests so far, in words.
    pub fn requests(&self) -> Vec<String> {
        lock(&self.store)
            .requests
            .iter()
            .map(|(_, kind)| kind.to_string())
            .collect()
    }

    /// The connection of each request so far.
    pub fn connections(&self) -> Vec<usize> {
        lock(&self.store)
            .requests
            .iter()
            .map(|(connection, _)| *connection)
            .collect()
    }
}

/// A file that comes in.
struct Receiving {
    new: Box<NewFile>,
    decryptor: Decryptor,
    plain: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    number: usize,
    dialect: Dialect,
    fault: Fault,
    store: Arc<Mutex<Store>>,
}

impl Connection {
    /// Ends where the client does, or where a fault says so.
    fn serve(mut self) {
        let _ = self.stream.set_nodelay(true);
        let mut session = ServerSession::new(self.dialect.clone());
        let mut bytes = Vec::new();
        let mut file = None;
        let mut action = session.start();
        loop {
            let result = match action {
                Action::ReadHeader { size } => self.read(size, &mut bytes).map(Event::Header),
                Action::ReadPayload { size } => self.read(size, &mut bytes).map(Event::Payload),
                Action::Ask(ask) => self.answer(&ask).map(Event::Answer),
                Action::BeginFile(new) => {
                    file = Some(Receiving {
                        decryptor: Decryptor::new(&new.key),
                        plain: Vec::new(),
                        new,
                    });
                    Ok(Event::Done)
                }
                Action::ReceiveContent { size, last } => {
                    self.receive(&mut file, size, last).map(Event::Content)
                }
                Action::Discard { size } => self.discard(size).map(|()| Event::Done),
                Action::Send(bytes) => self.send(bytes).map(|()| Event::Done),
                Action::Close => {
                    let _ = self.stream.shutdown(Shutdown::Write);
                    let _ = self.stream.set_read_timeout(Some(Duration::from_secs(1)));
                    let _ = self.discard(1 << 20);
                    return;
                }
            };
            let Ok(event) = result else { return };
            let was_header = matches!(event, Event::Header(_));
            action = session.handle(event, &mut rand::rng());
            if was_header && let Some(kind) = session.request() {
                lock(&self.store).requests.push((self.number, kind));
            }
        }
    }

    fn read<'b>(&mut self, size: usize, bytes: &'b mut Vec<u8>) -> io::Result<&'b [u8]> {
        bytes.resize(size, 0);
        self.stream.read_exact(bytes)?;
        Ok(bytes)
    }

    fn answer(&mut self, ask: &Ask) -> io::Result<Answer> {
        let fault = self.fault;
        let mut store = lock(&self.store);
        let answer = match ask {
            Ask::Register { name } => {
                if store.clients.values().any(|client| client.name == *name) {
                    Answer::Refused(Refusal::NameTaken)
                } else {
                    let id = ClientId::generate(&mut rand::rng());
                    store.clients.insert(
                        id,
                        Client {
                            name: name.clone(),
                            keys: None,
                        },
                    );
                    Answer::Registered(id)
                }
            }
            Ask::SendPublicKey { .. } if fault == Fault::RefuseKey => {
                Answer::Refused(Refusal::UnknownClient)
            }
            Ask::SendPublicKey {
                client,
                name,
                public_key,
                aes_key,
            } => match store.clients.get_mut(client) {
                Some(known) if known.name == *name => {
                    known.keys = Some((public_key.clone(), aes_key.clone()));
                    Answer::KeyStored
                }
                _ => Answer::Refused(Refusal::UnknownClient),
            },
            Ask::Reconnect { client, name } => match store.clients.get(client) {
                Some(known) if known.name == *name => match known.keys.clone() {
                    Some((public_key, aes_key)) => Answer::Keys {
                        public_key,
                        aes_key,
                    },
                    None => Answer::Refused(Refusal::NoKey),
                },
                _ => Answer::Refused(Refusal::UnknownClient),
            },
            Ask::StoreAesKey { client, aes_key } => {
                let known = store.clients.get_mut(client).unwrap();
                let (public_key, _) = known.keys.take().unwrap();
                known.keys = Some((public_key, aes_key.clone()));
                Answer::KeyStored
            }
            Ask::Recall { .. } => Answer::Recalled(None),
            Ask::SendFile { client, .. } => {
                let known = store.clients.get(client);
                let key = known
                    .and_then(|client| client.keys.clone())
                    .map(|(_, key)| key);
                match fault {
                    Fault::RefuseFile(times) if store.faults_done < times => {
                        store.faults_done += 1;
                        Answer::Refused(Refusal::Limit)
                    }
                    _ => Answer::Accepted { stored_key: key },
                }
            }
            Ask::Verdict {
                kind,
                file_name,
                upload,
                ..
            } => {
                let upload = upload.or_else(|| {
                    let waiting = |(id, upload): (&UploadId, &Upload)| {
                        (upload.name == file_name.as_str() && !upload.verified).then_some(*id)
                    };
                    store.uploads.iter().filter_map(waiting).max()
                });
                match (upload, kind) {
                    (_, VerdictKind::Right) if fault == Fault::RefuseRight => {
                        Answer::Refused(Refusal::NothingWaiting)
                    }
                    (None, _) => Answer::Refused(Refusal::NothingWaiting),
                    (Some(upload), VerdictKind::Right) => {
                        store.uploads.get_mut(&upload).unwrap().verified = true;
                        Answer::VerdictTaken
                    }
                    (Some(upload), VerdictKind::Wrong | VerdictKind::GiveUp) => {
                        store.uploads.remove(&upload);
                        Answer::VerdictTaken
                    }
                }
            }
        };
        drop(store);
        if let (
            Fault::StrangeAfterVerdict,
            Ask::Verdict {
                client: client_id, ..
            },
        ) = (fault, ask)
        {
            let client_id = *client_id;
            let strange = Response::Registered(Registered { client_id });
            self.stream.write_all(&strange.encode(&self.dialect, 3))?;
        }
        if fault == Fault::SilentAfterVerdict && matches!(ask, Ask::Verdict { .. }) {
            hold_open();
        }
        Ok(answer)
    }

    fn receive(
        &mut self,
        file: &mut Option<Receiving>,
        size: u32,
        last: bool,
    ) -> io::Result<Content> {
        match self.fault {
            Fault::RefuseEarly | Fault::RefuseEarlyAndHold => {
                self.stream.read_exact(&mut [0; 16])?;
                let client_id = Some(ClientId::ZERO);
                let refused = Response::Refused(Refused { client_id });
                self.stream
                    .write_all(&refused.encode(&self.dialect, VERSION))?;
                if self.fault == Fault::RefuseEarlyAndHold {
                    hold_open();
                }
                // Dropped with content unread: the client meets a reset.
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Fault::Limit(most) if size > most => hold_open(),
            Fault::LimitAndClose(most) if size > most => {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            _ => {}
        }
        let receiving = file.as_mut().unwrap();
        let mut left = size as usize;
        let mut chunk = vec![0; 64 * 1024];
        while left > 0 {
            let part = left.min(chunk.len());
            let part = &mut chunk[..part];
            self.stream.read_exact(part)?;
            receiving.new.cksum.content(part);
            receiving.decryptor.update(part, &mut receiving.plain);
            left -= part.len();
        }
        if !last {
            return Ok(Content::Received);
        }
        let Some(Receiving {
            mut new,
            decryptor,
            mut plain,
        }) = file.take()
        else {
            panic!("content without a file");
        };
        if self.fault == Fault::CloseBeforeReceived {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        if let Err(error) = decryptor.finish(&mut plain) {
            return Ok(Content::Refused {
                refusal: Refusal::Crypto(error),
                unread: 0,
            });
        }
        new.cksum.plain(&plain);
        let mut store = lock(&self.store);
        store.next += 1;
        let upload = UploadId(store.next);
        let plain_size = plain.len() as u64;
        let mut cksum = new.cksum.finish();
        if let Fault::WrongCksum(times) = self.fault
            && store.faults_done < times
        {
            store.faults_done += 1;
            cksum ^= 1;
        }
        store.uploads.insert(
            upload,
            Upload {
                name: new.file_name.as_str().to_owned(),
                plain,
                verified: false,
            },
        );
        Ok(Content::Stored {
            upload,
            plain_size,
            cksum,
        })
    }

    fn send(&mut self, mut bytes: Vec<u8>) -> io::Result<()> {
        let code = u16::from_le_bytes([bytes[1], bytes[2]]);
        let payload = self.dialect.response_header_size();
        match self.fault {
            Fault::Flip {
                code: wanted,
                offset,
            } if code == wanted => {
                let mut store = lock(&self.store);
                if store.faults_done == 0 {
                    store.faults_done += 1;
                    bytes[payload + offset] ^= 1;
                }
            }
            Fault::Garbage if code == 2102 => bytes = b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
            Fault::SilentAfterKey if code == 2102 => hold_open(),
            _ => {}
        }
        self.stream.write_all(&bytes)
    }

    fn discard(&mut self, size: u64) -> io::Result<()> {
        io::copy(&mut (&self.stream).take(size), &mut io::sink()).map(drop)
    }
}

/// Keeps the connection of this thread open and silent until the test process ends.
fn hold_open() -> ! {
    loop {
        thread::park();
    }
}

fn lock(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap()
}
