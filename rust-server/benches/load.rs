//! Many clients at once: `cargo bench -p backup-server --bench load -- [--clients N] [--sessions N] [--idle N] [--rows N]`.
//!
//! Each client opens a connection, registers, sends its key, a file of 1 KiB and its verdict, and begins anew
//! under another name. The server is a process of its own; its processor time and memory are what counts,
//! since the clients here do their RSA on the same processors.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use backup_protocol::crypto::{KeyPair, encrypt};
use backup_protocol::wire::{
    ClientId, Name, Register, Request, Response, ResponseHeader, SendFile, SendPublicKey, VERSION,
    Verdict, VerdictKind,
};
use backup_protocol::{Cksum, Dialect};
use clap::Parser;

/// Puts a server under load.
#[derive(Parser)]
struct Arguments {
    /// Clients at once
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// Sessions in all
    #[arg(long, default_value_t = 4000)]
    sessions: usize,
    /// Bytes of each file
    #[arg(long, default_value_t = 1024)]
    size: usize,
    /// Connections that stay open and silent meanwhile
    #[arg(long, default_value_t = 0)]
    idle: usize,
    /// Versions that the database knows before, of a tenth as many clients
    #[arg(long, default_value_t = 0)]
    rows: u64,
    /// Where the store lies [default: a new folder under the system's]
    #[arg(long)]
    folder: Option<PathBuf>,
    /// What else the server is told, as in `--server=--durability=relaxed`
    #[arg(long)]
    server: Vec<String>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let arguments = Arguments::parse();
    let folder = arguments.folder.clone().unwrap_or_else(std::env::temp_dir);
    let data = tempfile::tempdir_in(folder).unwrap();
    if arguments.rows > 0 {
        let (mut server, ..) = start(&arguments, data.path());
        server.kill().unwrap();
        server.wait().unwrap();
        know(data.path(), arguments.rows).unwrap();
    }
    let (mut server, address, ready) = start(&arguments, data.path());
    let quiet = memory(&server, "VmRSS");

    let idle: Vec<TcpStream> = (0..arguments.idle).map(|_| connect(address)).collect();
    let before = cpu(&server);
    let begun = AtomicUsize::new(0);
    let started = Instant::now();
    let mut spent: Vec<Duration> = thread::scope(|scope| {
        let clients: Vec<_> = (0..arguments.clients)
            .map(|_| scope.spawn(|| client(address, &arguments, &begun)))
            .collect();
        let all = clients
            .into_iter()
            .flat_map(|client| client.join().unwrap());
        all.collect()
    });
    let wall = started.elapsed().as_secs_f64();
    let most = memory(&server, "VmHWM");
    let loaded = cpu(&server) - before;
    drop(idle);

    // What was answered is durable: a kill loses nothing that is counted here.
    server.kill().unwrap();
    server.wait().unwrap();
    spent.sort_unstable();
    let sessions = spent.len() as f64;
    let at = |part: f64| spent[((spent.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    println!(
        "ready after                {:10.1} ms",
        ready.as_secs_f64() * 1e3
    );
    println!("sessions a second          {:10.0}", sessions / wall);
    println!("requests a second          {:10.0}", 4.0 * sessions / wall);
    println!(
        "server CPU a request       {:10.1} us",
        loaded / (4.0 * sessions) * 1e6
    );
    println!("a session, median          {:10.1} ms", at(0.5));
    println!("a session, 99 of 100       {:10.1} ms", at(0.99));
    println!("a session, slowest         {:10.1} ms", at(1.0));
    println!("server memory, quiet       {:10.1} MiB", quiet / 1024.0);
    println!("server memory, at most     {:10.1} MiB", most / 1024.0);
}

fn start(arguments: &Arguments, data: &Path) -> (Child, SocketAddr, Duration) {
    let started = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_backup-server"));
    command
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--dialect",
            "seed",
            "--data",
        ])
        .arg(data)
        .args(&arguments.server)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    // All of it comes from one address, and at once.
    let connections = (arguments.idle + arguments.clients + 100).to_string();
    command.args(["--max-connections", &connections]);
    command.args(["--max-connections-per-address", &connections]);
    command.args(["--registrations-per-minute", "4000000000"]);
    command.args(["--max-clients", "4000000000"]);
    let mut server = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line.trim().rsplit(' ').next().unwrap().parse().unwrap();
    (server, address, started.elapsed())
}

/// Puts rows into the database of a server that does not run, as if clients had sent files before.
fn know(data: &Path, rows: u64) -> rusqlite::Result<()> {
    let database = rusqlite::Connection::open(data.join("backup.db"))?;
    let count = format!(
        "WITH RECURSIVE count (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < {rows})"
    );
    let clients = rows.div_ceil(10);
    database.execute_batch(&format!(
        "BEGIN;
         {count} INSERT INTO clients (id, name, label, version, registered_at, last_seen_at)
             SELECT randomblob(16), 'known ' || n, 'known-' || n, 3, 0, 0 FROM count WHERE n <= {clients};
         {count} INSERT INTO files (client, name, path, path_key)
             SELECT 1 + n % {clients}, 'f' || n, 'f' || n, 'f' || n FROM count;
         {count} INSERT INTO versions
                 (file, stored_as, size, content_size, cksum, received_at, verified_at, placed, digest)
             SELECT n, hex(randomblob(8)), 1, 16, 0, 0, 0, 1, randomblob(32) FROM count;
         COMMIT;"
    ))
}

/// In KiB.
fn memory(server: &Child, what: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(what));
    let words = line.and_then(|line| line.split_whitespace().nth(1));
    words
        .and_then(|number| number.parse().ok())
        .unwrap_or(f64::NAN)
}

/// Seconds of processor time so far, in the program and in the system for it.
fn cpu(server: &Child) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.id())).unwrap_or_default();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks
        .map(|ticks| ticks.parse::<f64>().unwrap())
        .sum::<f64>()
        / 100.0
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sessions, one after the other, until there have been enough: how long each took.
fn client(address: SocketAddr, arguments: &Arguments, begun: &AtomicUsize) -> Vec<Duration> {
    let dialect = Dialect::parse("seed").unwrap();
    let mut rng = rand::rng();
    let key = KeyPair::generate(&mut rng).unwrap();
    let plain = vec![7; arguments.size];
    let cksum = Cksum::of(&plain);
    let mut spent = Vec::new();
    loop {
        let number = begun.fetch_add(1, Ordering::Relaxed);
        if number >= arguments.sessions {
            return spent;
        }
        let started = Instant::now();
        let mut stream = connect(address);
        let name = Name::new(&format!("client {number}")).unwrap();
        let register = Request::Register(Register { name: name.clone() });
        let Response::Registered(registered) =
            ask(&mut stream, &dialect, &register, ClientId::ZERO, &[])
        else {
            panic!("not registered")
        };
        let client = registered.client_id;
        let public_key = key.public_key().as_bytes().to_vec();
        let send_key = Request::SendPublicKey(SendPublicKey { name, public_key });
        let Response::AesKey(wrapped) = ask(&mut stream, &dialect, &send_key, client, &[]) else {
            panic!("no key")
        };
        let aes_key = key.unwrap(&wrapped.wrapped, &mut rng).unwrap();
        let content = encrypt(&aes_key, &plain);
        let file_name = Name::new("file").unwrap();
        let file = Request::SendFile(SendFile {
            content_size: content.len() as u32,
            packet: None,
            file_name: file_name.clone(),
        });
        let Response::FileReceived(received) = ask(&mut stream, &dialect, &file, client, &content)
        else {
            panic!("not received")
        };
        assert_eq!(received.cksum, cksum);
        let kind = VerdictKind::Right;
        let verdict = Request::Verdict(Verdict { kind, file_name });
        stream
            .write_all(&verdict.encode(&dialect, client, VERSION))
            .unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        // In this dialect the server closes once the verdict is durable.
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        spent.push(started.elapsed());
    }
}

fn ask(
    stream: &mut TcpStream,
    dialect: &Dialect,
    request: &Request,
    client: ClientId,
    content: &[u8],
) -> Response {
    let mut bytes = request.encode(dialect, client, VERSION);
    bytes.extend(content);
    stream.write_all(&bytes).unwrap();
    let mut header = vec![0; dialect.response_header_size()];
    stream.read_exact(&mut header).unwrap();
    let header = ResponseHeader::decode(&header, dialect).unwrap();
    let mut payload = vec![0; header.payload_size as usize];
    stream.read_exact(&mut payload).unwrap();
    Response::decode(&header, &payload, dialect).unwrap()
}
