//! A server process in a fresh folder, and a client that says exactly what a test wants it to.
// Each test program uses a part of this module, as its own.
#![allow(dead_code, unreachable_pub)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use backup_protocol::crypto::{AesKey, Encryptor, KeyPair, encrypt};
use backup_protocol::wire::{
    ClientId, FileReceived, Name, Register, Request, Response, ResponseHeader, SendFile,
    SendPublicKey, VERSION, Verdict, VerdictKind,
};
use backup_protocol::{Cksum, Dialect};
use tempfile::TempDir;

/// No test waits longer for anything; none that passes waits nearly as long.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_backup-server");

/// A running server. Killed when dropped.
pub struct Server {
    process: Child,
    log: Option<JoinHandle<String>>,
    pub address: SocketAddr,
    pub dialect: Dialect,
}

impl Server {
    pub fn start(data: &Path, dialect: &Dialect, options: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--dialect",
            &dialect.name,
            "--data",
        ]);
        command.arg(data).args(options);
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
            log: Some(log),
            address,
            dialect: dialect.clone(),
        }
    }

    pub fn connect(&self) -> Client {
        Client::connect(self)
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

/// One connection of one client.
pub struct Client {
    pub stream: TcpStream,
    pub dialect: Dialect,
    pub id: ClientId,
    pub name: Name,
    pub keys: KeyPair,
    pub aes: Option<AesKey>,
}

impl Client {
    fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(server.address).expect("connected");
        stream.set_read_timeout(Some(DEADLINE)).expect("set");
        stream.set_nodelay(true).expect("set");
        Self {
            stream,
            dialect: server.dialect.clone(),
            id: ClientId::ZERO,
            name: name("nobody"),
            keys: KeyPair::generate(&mut rand::rng()).expect("a key"),
            aes: None,
        }
    }

    /// A registered client, with a key.
    pub fn ready(server: &Server, client: &str) -> Self {
        let mut connected = Self::connect(server);
        connected.register(client);
        connected.send_key();
        connected
    }

    /// The same client on a new connection.
    pub fn again(&self, server: &Server) -> Self {
        let mut new = Self::connect(server);
        (new.id, new.name, new.aes) = (self.id, self.name.clone(), self.aes.clone());
        new.keys = self.keys.clone();
        new
    }

    pub fn register(&mut self, client: &str) {
        self.name = name(client);
        match self.ask(&Request::Register(Register {
            name: self.name.clone(),
        })) {
            Response::Registered(registered) => self.id = registered.client_id,
            other => panic!("{other:?}"),
        }
    }

    pub fn send_key(&mut self) {
        let public_key = *self.keys.public_key().as_bytes();
        let request = Request::SendPublicKey(SendPublicKey {
            name: self.name.clone(),
            public_key,
        });
        match self.ask(&request) {
            Response::AesKey(key) => {
                assert_eq!(key.client_id, self.id);
                let aes = self
                    .keys
                    .unwrap(&key.wrapped, &mut rand::rng())
                    .expect("unwrapped");
                self.aes = Some(aes);
            }
            other => panic!("{other:?}"),
        }
    }

    /// Header, fixed fields and content of a 1103.
    pub fn file(&self, file: &str, plain: &[u8]) -> Vec<u8> {
        let content = encrypt(self.aes.as_ref().expect("a key"), plain);
        let content_size = u32::try_from(content.len()).expect("small");
        let request = Request::SendFile(SendFile {
            content_size,
            file_name: name(file),
        });
        [self.encode(&request), content].concat()
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
        let content_size = self
            .dialect
            .content_size(plain.len() as u64)
            .expect("small");
        let (client_id, cksum) = (self.id, cksum(plain));
        let expected = FileReceived {
            client_id,
            content_size,
            file_name: name(file),
            cksum,
        };
        assert_eq!(self.read(), Response::FileReceived(expected));
    }

    /// Sends a file of `size` bytes that never is in memory, in chunks that `fill` makes; its cksum.
    pub fn stream_file(
        &mut self,
        file: &str,
        size: u64,
        mut fill: impl FnMut(&mut Vec<u8>, u64),
    ) -> u32 {
        let content_size = self.dialect.content_size(size).expect("fits");
        let request = Request::SendFile(SendFile {
            content_size,
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
        if !self.dialect.after_right.close {
            self.stream.shutdown(Shutdown::Write).expect("shut down");
        }
        self.ends();
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
        let mut payload = vec![0; header.payload_size as usize];
        self.stream.read_exact(&mut payload).ok()?;
        Some(Response::decode(&header, &payload, &self.dialect).expect("a response"))
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("sent");
    }

    pub fn read(&mut self) -> Response {
        self.try_ask(&[]).expect("an answer")
    }

    pub fn refused(&mut self) {
        match self.read() {
            Response::Refused(_) => {}
            other => panic!("{other:?}"),
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

/// By the `crc` crate, which the server does not use: CRC-32/CKSUM over data and length.
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
        let paths = files(&self.path().join("incoming"));
        paths
            .iter()
            .map(|path| fs::read(path).expect("readable"))
            .collect()
    }
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
