//! A server process in a fresh folder, and a client that says exactly what a test wants it to.
// Each test program uses a part of this module, as its own.
#![allow(dead_code, unreachable_pub)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use backup_protocol::crypto::{AesKey, Encryptor, KeyPair, encrypt};
use backup_protocol::dialect::{Checksum, ChecksumInput, EchoedSize, VerdictAnswer};
use backup_protocol::wire::{
    Acknowledged, ClientId, FileReceived, Name, Reconnect, Refused, Register, Request, RequestKind,
    Response, ResponseHeader, ResponseKind, SendFile, SendPublicKey, VERSION, Verdict, VerdictKind,
};
use backup_protocol::{Cksum, Dialect};
use tempfile::TempDir;

/// No test waits longer for anything; none that passes waits nearly as long.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_backup-server");

/// A running server. Killed when dropped.
pub struct Server {
    process: Child,
    stdout: BufReader<ChildStdout>,
    log: Option<JoinHandle<String>>,
    pub address: SocketAddr,
    pub dialect: Dialect,
}

impl Server {
    pub fn start(data: &Path, dialect: &Dialect, options: &[&str]) -> Self {
        Self::start_as(data, &dialect.to_string(), dialect, options)
    }

    /// `choice` is what the server is told of dialects, `dialect` what its clients here speak.
    pub fn start_as(data: &Path, choice: &str, dialect: &Dialect, options: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--listen", "127.0.0.1:0", "--dialect", choice]);
        command.arg("--data").arg(data).args(options);
        Self::spawn(command, dialect)
    }

    pub fn spawn(mut command: Command, dialect: &Dialect) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("the program starts");
        let mut stderr = process.stderr.take().expect("piped");
        let log = std::thread::spawn(move || {
            let mut log = String::new();
            let _ = stderr.read_to_string(&mut log);
            log
        });
        let mut line = String::new();
        let mut stdout = BufReader::new(process.stdout.take().expect("piped"));
        stdout.read_line(&mut line).expect("readable");
        let address = line
            .trim()
            .strip_prefix("listening on ")
            .and_then(|it| it.parse().ok());
        let Some(address) = address else {
            panic!(
                "no address in {line:?}; log:\n{}",
                log.join().unwrap_or_default()
            );
        };
        Self {
            process,
            stdout,
            log: Some(log),
            address,
            dialect: dialect.clone(),
        }
    }

    /// The next line that it writes.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("readable");
        line
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address, &self.dialect)
    }

    /// A client of another dialect.
    pub fn connect_as(&self, dialect: &Dialect) -> Client {
        Client::connect(self.address, dialect)
    }

    /// Whether it takes no connection any more.
    pub fn is_deaf(&self) -> bool {
        TcpStream::connect(self.address).is_err()
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// SIGKILL.
    pub fn kill(mut self) -> String {
        self.process.kill().expect("killed");
        self.end().1
    }

    /// SIGTERM, without waiting.
    pub fn terminate(&self) {
        let pid = self.pid().to_string();
        let kill = Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .expect("kill");
        assert!(kill.success());
    }

    /// Exit status and log, once the process has ended by itself.
    pub fn end(mut self) -> (ExitStatus, String) {
        let status = wait_for("the server to end", || {
            self.process.try_wait().expect("a child")
        });
        (
            status,
            self.log
                .take()
                .expect("not taken yet")
                .join()
                .expect("a log"),
        )
    }

    /// Bytes of memory at the worst moment so far.
    pub fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("Linux");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .expect("a peak");
        let kib: u64 = line
            .split_whitespace()
            .nth(1)
            .expect("a number")
            .parse()
            .expect("a number");
        kib * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A client, on one connection; on a new one after each answer where the dialect wants it so.
pub struct Client {
    pub stream: TcpStream,
    pub address: SocketAddr,
    pub dialect: Dialect,
    pub id: ClientId,
    pub name: Name,
    pub keys: KeyPair,
    pub aes: Option<AesKey>,
}

fn ready(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(DEADLINE)).expect("set");
    stream.set_nodelay(true).expect("set");
    stream
}

impl Client {
    fn connect(address: SocketAddr, dialect: &Dialect) -> Self {
        Self {
            stream: ready(TcpStream::connect(address).expect("connected")),
            address,
            dialect: dialect.clone(),
            id: ClientId::ZERO,
            name: name("nobody"),
            keys: KeyPair::generate(&mut rand::rng()).expect("a key"),
            aes: None,
        }
    }

    /// A registered client, with a key.
    pub fn ready(server: &Server, client: &str) -> Self {
        server.connect().made_ready(client)
    }

    pub fn made_ready(mut self, client: &str) -> Self {
        self.register(client);
        self.send_key();
        self
    }

    /// The same client on a new connection, perhaps to the server after a restart.
    pub fn again(&self, server: &Server) -> Self {
        Self {
            stream: ready(TcpStream::connect(server.address).expect("connected")),
            address: server.address,
            dialect: self.dialect.clone(),
            id: self.id,
            name: self.name.clone(),
            keys: self.keys.clone(),
            aes: self.aes.clone(),
        }
    }

    /// A new connection to the same server, if it is there.
    pub fn reopen(&mut self) -> std::io::Result<()> {
        self.stream = ready(TcpStream::connect(self.address)?);
        Ok(())
    }

    pub fn register(&mut self, client: &str) {
        self.name = name(client);
        match self.ask(&Request::Register(Register {
            name: self.name.clone(),
        })) {
            Response::Registered(registered) => self.id = registered.client_id,
            other => panic!("{other:?} in {}", self.dialect),
        }
    }

    pub fn send_key(&mut self) {
        let public_key = self.keys.public_key().as_bytes().to_vec();
        let request = Request::SendPublicKey(SendPublicKey {
            name: self.name.clone(),
            public_key,
        });
        match self.ask(&request) {
            Response::AesKey(key) => self.take_key(&key.wrapped, key.client_id),
            other => panic!("{other:?} in {}", self.dialect),
        }
    }

    pub fn reconnect(&mut self) {
        let name = self.name.clone();
        match self.ask(&Request::Reconnect(Reconnect { name })) {
            Response::Reconnected(key) => self.take_key(&key.wrapped, key.client_id),
            other => panic!("{other:?} in {}", self.dialect),
        }
    }

    fn take_key(&mut self, wrapped: &[u8], id: ClientId) {
        assert_eq!(id, self.id);
        let unwrapped = self.keys.unwrap(wrapped, &mut rand::rng());
        let aes = unwrapped.expect("unwrapped");
        assert_eq!(aes.as_bytes().len(), self.dialect.aes_key_size.bytes());
        self.aes = Some(aes);
    }

    /// All requests that bring a file, and its content.
    pub fn file(&self, file: &str, plain: &[u8]) -> Vec<u8> {
        let content = self.content(plain);
        let mut rest = &content[..];
        let mut bytes = Vec::new();
        let size = plain.len() as u64;
        for request in SendFile::requests(&self.dialect, size, &name(file)).expect("small") {
            let (this, after) = rest.split_at(request.size() as usize);
            bytes.extend(self.encode(&Request::SendFile(request)));
            bytes.extend(this);
            rest = after;
        }
        bytes
    }

    fn content(&self, plain: &[u8]) -> Vec<u8> {
        encrypt(self.aes.as_ref().expect("a key"), plain)
    }

    pub fn verdict(&self, kind: VerdictKind, file: &str) -> Vec<u8> {
        self.encode(&Request::Verdict(Verdict {
            kind,
            file_name: name(file),
        }))
    }

    /// Sends a file, and checks everything in the answer.
    pub fn send_file(&mut self, file: &str, plain: &[u8]) {
        let message = self.file(file, plain);
        self.write(&message);
        self.file_received(file, plain);
    }

    pub fn file_received(&mut self, file: &str, plain: &[u8]) {
        let dialect = &self.dialect;
        let content = self.content(plain);
        let size = match dialect.echoed_size {
            EchoedSize::Content => content.len(),
            EchoedSize::Plain => plain.len(),
        };
        let fields = dialect.file_received_fields;
        let expected = FileReceived {
            client_id: fields.has_client_id().then_some(self.id),
            content_size: fields
                .has_content_size()
                .then_some(u32::try_from(size).expect("small")),
            file_name: name(file),
            cksum: file_cksum(dialect, plain, &content),
        };
        let answer = self.read();
        assert_eq!(answer, Response::FileReceived(expected), "{}", self.dialect);
    }

    /// Sends a file of `size` bytes that never is in memory, in chunks that `fill` makes; its cksum.
    pub fn stream_file(
        &mut self,
        file: &str,
        size: u64,
        mut fill: impl FnMut(&mut Vec<u8>, u64),
    ) -> u32 {
        let content_size = self.dialect.content_size(size).expect("fits");
        assert!(!self.dialect.packets);
        let request = Request::SendFile(SendFile {
            content_size,
            packet: None,
            file_name: name(file),
        });
        let message = self.encode(&request);
        self.write(&message);
        let mut encryptor = Encryptor::new(self.aes.as_ref().expect("a key"));
        let (mut cksum, mut chunk) = (Cksum::new(), Vec::new());
        for number in 0.. {
            fill(&mut chunk, number);
            let left = size - cksum.size();
            chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            if chunk.is_empty() {
                break;
            }
            cksum.update(&chunk);
            encryptor.update_in_place(&mut chunk);
            self.write(&chunk);
        }
        encryptor.finish(&mut chunk);
        self.write(&chunk);
        cksum.finish()
    }

    pub fn read_cksum(&mut self) -> u32 {
        match self.read() {
            Response::FileReceived(received) => received.cksum,
            other => panic!("{other:?}"),
        }
    }

    /// Judges a file right, and sees the verdict through.
    pub fn right(&mut self, file: &str) {
        let verdict = self.verdict(VerdictKind::Right, file);
        self.write(&verdict);
        self.honoured(VerdictKind::Right);
        if !self.dialect.after_right.close && !self.dialect.closes_after_each() {
            self.stream.shutdown(Shutdown::Write).expect("shut down");
            self.ends();
        }
    }

    /// What follows a verdict that is honoured, and a new connection where it ends the old one.
    pub fn honoured(&mut self, kind: VerdictKind) {
        let after = self.dialect.after(kind);
        let id = Some(self.id);
        let expected = match after.answer {
            VerdictAnswer::None => None,
            VerdictAnswer::Refused => Some(self.negative(ResponseKind::Refused)),
            VerdictAnswer::GeneralError => Some(Response::GeneralError),
            VerdictAnswer::Acknowledged => {
                Some(Response::Acknowledged(Acknowledged { client_id: None }))
            }
            VerdictAnswer::AcknowledgedWithId => {
                Some(Response::Acknowledged(Acknowledged { client_id: id }))
            }
        };
        if let Some(expected) = expected {
            let answer = self.try_ask(&[]);
            assert_eq!(answer, Some(expected), "{kind:?} in {}", self.dialect);
        }
        if after.close || self.dialect.closes_after_each() {
            self.renew();
        }
    }

    /// The server ends the connection, and another one takes its place, unless the server has stopped.
    fn renew(&mut self) {
        self.ends();
        let _ = self.reopen();
    }

    fn negative(&self, kind: ResponseKind) -> Response {
        let with_id = self.dialect.response_size(kind) > 0;
        match kind {
            ResponseKind::GeneralError => Response::GeneralError,
            _ => Response::Refused(Refused {
                client_id: with_id.then_some(self.id),
            }),
        }
    }

    pub fn encode(&self, request: &Request) -> Vec<u8> {
        request.encode(&self.dialect, self.id, VERSION)
    }

    pub fn ask(&mut self, request: &Request) -> Response {
        let message = self.encode(request);
        self.write(&message);
        self.read()
    }

    /// The answer, or `None` if the connection is lost before it.
    pub fn try_ask(&mut self, message: &[u8]) -> Option<Response> {
        self.stream.write_all(message).ok()?;
        let mut header = vec![0; self.dialect.response_header_size()];
        self.stream.read_exact(&mut header).ok()?;
        let header = ResponseHeader::decode(&header, &self.dialect).expect("a header");
        let rest = header.rest(&self.dialect).expect("a size");
        let mut payload = vec![0; rest.size()];
        self.stream.read_exact(&mut payload).ok()?;
        Some(Response::decode(&header, &payload, &self.dialect).expect("a response"))
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("sent");
    }

    pub fn read(&mut self) -> Response {
        let answer = self.try_ask(&[]).expect("an answer");
        if self.dialect.closes_after_each() {
            self.renew();
        }
        answer
    }

    /// The answer to a request that is refused.
    pub fn refused(&mut self, request: Option<RequestKind>, why: &str) {
        let expected = self.negative(self.dialect.negative_answer(request));
        assert_eq!(
            self.try_ask(&[]),
            Some(expected),
            "{why} in {}",
            self.dialect
        );
        if self.dialect.closes_after_each() {
            self.renew();
        }
    }

    /// The server ends the stream, in order.
    pub fn ends(&mut self) {
        let mut rest = Vec::new();
        let end = self.stream.read_to_end(&mut rest);
        assert_eq!(
            (end.map_err(|error| error.kind()), rest.as_slice()),
            (Ok(0), [].as_slice())
        );
    }
}

pub fn name(text: &str) -> Name {
    Name::new(text).expect("fits the field")
}

/// The checksum of a file, by the `crc` crate.
pub fn file_cksum(dialect: &Dialect, plain: &[u8], content: &[u8]) -> u32 {
    let missing = content.len() - plain.len();
    let bytes = match dialect.checksum_input {
        ChecksumInput::Plaintext => plain.to_vec(),
        ChecksumInput::Padded => [plain, &vec![missing as u8; missing]].concat(),
        ChecksumInput::Content => content.to_vec(),
    };
    match dialect.checksum {
        Checksum::Posix => cksum(&bytes),
        Checksum::Zlib => crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&bytes),
        Checksum::Crc8 => crc::Crc::<u8>::new(&crc::CRC_8_SMBUS)
            .checksum(&bytes)
            .into(),
    }
}

/// CRC-32/CKSUM over data and length.
pub fn cksum(plain: &[u8]) -> u32 {
    const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_CKSUM);
    let mut digest = CRC.digest();
    digest.update(plain);
    let mut length = plain.len();
    while length > 0 {
        digest.update(&[(length & 0xFF) as u8]);
        length >>= 8;
    }
    digest.finalize()
}

/// Every modifier, on a dialect that has it otherwise.
pub const MODIFIED: [&str; 44] = [
    "seed,order=big",
    "2024c,order=big,packet-order=big",
    "2024a,packet-order=big",
    "seed,align=natural",
    "2024a,align=natural",
    "seed,name=256",
    "2024c,name=256",
    "seed,size-width=2",
    "readme,size-width=4",
    "2023a,size=message",
    "seed,size=padded",
    "2023a,pad=1024,size=padded",
    "2024a,pad=2048",
    "readme,pad=1024",
    "seed,request-pad=1024",
    "2024a,request-pad=1024,id=yes",
    "seed,id=no",
    "2023a,id=yes",
    "seed,refused=client-id",
    "2023a,refused=client-id",
    "seed,received=client_id+file_name+cksum",
    "2024a,received=content_size+file_name+cksum",
    "2024a,echo=plain",
    "seed,echo=plain",
    "seed,crc=zlib",
    "2023c,crc=crc8",
    "2022c,crc-input=padded",
    "2023a,crc=zlib,crc-input=content",
    "seed,cksum-width=16",
    "seed,aes=32",
    "2024a,aes=16",
    "2022c,key=160+162",
    "seed,connection=request",
    "2024c,connection=request,packet=48",
    "2023a,packets=yes",
    "2024a,packets=no",
    "2024a,packet=16",
    "2023c,reconnect-key=same",
    "seed,right=none,wrong=acknowledged",
    "2023a,wrong=general-error+close",
    "2024a,right=close,wrong=refused",
    "2024c,give-up=general-error+close",
    "2022c,wrong=close,give-up=none",
    "seed,align=natural,pad=1024,crc=zlib,crc-input=content",
];

/// Bytes without a period that a lost or doubled buffer could hide in.
pub fn bytes(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(size).collect()
}

/// A data folder and what is in it.
pub struct Data(pub TempDir);

impl Data {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Names and contents of all verified files, in the order of their names.
    pub fn verified(&self) -> Vec<(String, Vec<u8>)> {
        let mut found: Vec<_> = files(&self.path().join("clients"))
            .iter()
            .map(|path| {
                let name = path
                    .file_name()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned();
                (name, fs::read(path).expect("readable"))
            })
            .collect();
        found.sort();
        found
    }

    /// Contents of what waits or is in flight.
    pub fn incoming(&self) -> Vec<Vec<u8>> {
        let paths = unverified(self.path());
        // A server that runs may be done with one in the meantime.
        paths
            .iter()
            .filter_map(|path| fs::read(path).ok())
            .collect()
    }
}

/// Paths of what waits for a verdict, or is on its way: the versions that are not verified, and what has
/// no row yet.
fn unverified(root: &Path) -> Vec<PathBuf> {
    let mut paths = BTreeMap::new();
    let rows = rusqlite::Connection::open(root.join("backup.db")).expect("rows");
    let mut select = rows
        .prepare("SELECT stored_as FROM versions WHERE verified_at IS NULL")
        .expect("our tables");
    let names = select.query_map([], |row| row.get::<_, String>(0));
    for name in names.expect("rows") {
        let name = name.expect("a name");
        paths.insert(name.clone(), root.join("versions").join(name));
    }
    for path in files(&root.join("incoming")) {
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        paths.entry(name).or_insert(path);
    }
    paths.into_values().collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path))
        } else {
            found.push(path)
        }
    }
    found
}

/// What `look` finds, as soon as it finds something.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
