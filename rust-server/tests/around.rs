//! What is around the protocol: TLS, metrics, sockets of a service manager.

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use backup_protocol::Dialect;
use backup_protocol::wire::{ClientId, Register, Request, VERSION, VerdictKind};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use common::{Client, DEADLINE, Data, PROGRAM, Server, name};

/// Certificates in a folder: `ca.pem`, and `NAME.pem` with `NAME.key` for each of the names.
struct Certificates(Data);

impl Certificates {
    fn new(names: &[&str]) -> Self {
        let folder = Data::new();
        let key = KeyPair::generate().expect("a key");
        let mut ca = CertificateParams::new(Vec::<String>::new()).expect("no names");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = ca.self_signed(&key).expect("signed");
        fs::write(folder.path().join("ca.pem"), authority.pem()).expect("written");
        let issuer = Issuer::new(ca, key);
        for name in names {
            let key = KeyPair::generate().expect("a key");
            let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
            params.distinguished_name.push(DnType::CommonName, *name);
            let signed = params.signed_by(&key, &issuer).expect("signed");
            let file = |ending: &str| folder.path().join(format!("{name}.{ending}"));
            fs::write(file("pem"), signed.pem()).expect("written");
            fs::write(file("key"), key.serialize_pem()).expect("written");
        }
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// A server that speaks TLS beside the other port. Where, is the second line that it writes.
fn start(data: &Path, certificates: &Certificates, ca: Option<&str>) -> (Server, SocketAddr) {
    let mut command = Command::new(PROGRAM);
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data);
    command.args(["--tls-listen", "127.0.0.1:0", "--tls-cert"]);
    command
        .arg(certificates.file("server.pem"))
        .arg("--tls-key");
    command
        .arg(certificates.file("server.key"))
        .args(["--request-timeout", "1"]);
    if let Some(ca) = ca {
        command.arg("--tls-client-ca").arg(certificates.file(ca));
    }
    let mut server = Server::spawn(command, &Dialect::all()[0]);
    let line = server.line();
    let address = line
        .trim()
        .strip_prefix("listening on ")
        .and_then(|it| it.strip_suffix(" with TLS"));
    (
        server,
        address
            .and_then(|it| it.parse().ok())
            .expect("a second address"),
    )
}

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A TLS connection of somebody who has the certificate of `who`, or none.
fn connect(address: SocketAddr, certificates: &Certificates, who: Option<&str>) -> Tls {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(certificates.file("ca.pem")).expect("a certificate");
    roots.add(ca).expect("a root");
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    let config = match who {
        None => builder.with_no_client_auth(),
        Some(who) => {
            let file = |ending: &str| certificates.file(&format!("{who}.{ending}"));
            let certificate = CertificateDer::from_pem_file(file("pem")).expect("a certificate");
            let key = PrivateKeyDer::from_pem_file(file("key")).expect("a key");
            builder
                .with_client_auth_cert(vec![certificate], key)
                .expect("a pair")
        }
    };
    let server = ServerName::try_from("localhost").expect("a name");
    let session = ClientConnection::new(Arc::new(config), server).expect("a session");
    let stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(DEADLINE)).expect("set");
    StreamOwned::new(session, stream)
}

fn register(client: &str) -> Vec<u8> {
    let request = Request::Register(Register { name: name(client) });
    request.encode(&Dialect::all()[0], ClientId::ZERO, VERSION)
}

/// Code of the answer, and its payload.
fn answer(stream: &mut Tls) -> Option<(u16, Vec<u8>)> {
    let mut header = [0; 7];
    stream.read_exact(&mut header).ok()?;
    let size = u32::from_le_bytes(header[3..].try_into().expect("4 bytes"));
    let mut payload = vec![0; size as usize];
    stream.read_exact(&mut payload).ok()?;
    Some((u16::from_le_bytes([header[1], header[2]]), payload))
}

#[test]
fn tls_carries_a_backup_and_both_ends_of_it() {
    let (data, certificates) = (Data::new(), Certificates::new(&["server"]));
    let (server, address) = start(data.path(), &certificates, None);
    // The clear port is what it was, and so are the bytes.
    let mut alice = Client::ready(&server, "alice");
    alice.send_file("clear", b"in the clear");
    let mut stream = connect(address, &certificates, None);
    stream
        .write_all(&alice.file("hidden", b"inside TLS"))
        .expect("sent");
    let (code, payload) = answer(&mut stream).expect("an answer");
    assert_eq!((code, payload.len()), (2103, 279));
    assert_eq!(payload[275..], common::cksum(b"inside TLS").to_le_bytes());
    // The client ends its side: what it sent before is honoured, and the end comes back as one.
    stream
        .write_all(&alice.verdict(VerdictKind::Right, "hidden"))
        .expect("sent");
    stream.conn.send_close_notify();
    stream.flush().expect("sent");
    let mut rest = Vec::new();
    // An end without close_notify would be an error.
    stream.read_to_end(&mut rest).expect("an end that is one");
    assert!(rest.is_empty());
    assert_eq!(
        data.verified(),
        [("hidden".to_owned(), b"inside TLS".to_vec())]
    );
}

#[test]
fn a_certificate_is_good_for_its_own_client_alone() {
    let (data, certificates) = (Data::new(), Certificates::new(&["server", "alice", "bob"]));
    let (server, address) = start(data.path(), &certificates, Some("ca.pem"));
    let mut bob = Client::ready(&server, "bob");
    bob.send_file("b", b"waits");

    // Without one, nothing is answered.
    let mut stream = connect(address, &certificates, None);
    let _ = stream.write_all(&register("nobody"));
    assert_eq!(answer(&mut stream), None);

    let mut stream = connect(address, &certificates, Some("alice"));
    stream.write_all(&register("carol")).expect("sent");
    assert_eq!(answer(&mut stream), Some((2101, Vec::new())));
    // Bob's ID, which Alice has read somewhere, is of no use to her: neither for a file nor for a verdict.
    stream.write_all(&bob.file("b", b"hers")).expect("sent");
    assert_eq!(answer(&mut stream), Some((2101, Vec::new())));
    stream.write_all(&register("alice")).expect("sent");
    assert_eq!(answer(&mut stream).map(|(code, _)| code), Some(2100));
    stream
        .write_all(&bob.verdict(VerdictKind::Right, "b"))
        .expect("sent");
    assert_eq!(answer(&mut stream), Some((2101, Vec::new())));
    assert!(data.verified().is_empty());

    let mut stream = connect(address, &certificates, Some("bob"));
    stream
        .write_all(&bob.verdict(VerdictKind::Right, "b"))
        .expect("sent");
    stream.conn.send_close_notify();
    stream.flush().expect("sent");
    stream.read_to_end(&mut Vec::new()).expect("an end");
    assert_eq!(data.verified(), [("b".to_owned(), b"waits".to_vec())]);
}

#[test]
fn a_certificate_of_somebody_else_is_none() {
    let (data, certificates) = (Data::new(), Certificates::new(&["server"]));
    let others = Certificates::new(&["alice"]);
    let (_server, address) = start(data.path(), &certificates, Some("ca.pem"));
    for file in ["alice.pem", "alice.key"] {
        fs::copy(others.file(file), certificates.file(file)).expect("copied");
    }
    let mut stream = connect(address, &certificates, Some("alice"));
    let _ = stream.write_all(&register("alice"));
    assert_eq!(answer(&mut stream), None);
}

#[test]
fn a_handshake_that_never_ends_is_ended_and_rubbish_harms_nobody() {
    let (data, certificates) = (Data::new(), Certificates::new(&["server"]));
    let (_server, address) = start(data.path(), &certificates, None);
    let silent = TcpStream::connect(address).expect("connected");
    silent.set_read_timeout(Some(DEADLINE)).expect("set");
    for rubbish in [
        &register("plain")[..],
        &[0x16, 3, 1, 0xFF, 0xFF],
        &[0xFF; 5000],
    ] {
        let mut stream = TcpStream::connect(address).expect("connected");
        stream.write_all(rubbish).expect("sent");
        stream.set_read_timeout(Some(DEADLINE)).expect("set");
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let mut rest = Vec::new();
    let _ = (&silent).read_to_end(&mut rest);
    assert!(rest.is_empty());
    let mut stream = connect(address, &certificates, None);
    stream.write_all(&register("alice")).expect("sent");
    assert_eq!(answer(&mut stream).map(|(code, _)| code), Some(2100));
}

#[test]
fn what_tls_needs_is_asked_for_and_read_before_anything_else() {
    let certificates = Certificates::new(&["server", "other"]);
    let file = |name: &str| certificates.file(name).display().to_string();
    let listen = ["--tls-listen", "127.0.0.1:0"];
    let [cert, key, other] = ["server.pem", "server.key", "other.key"].map(file);
    for (arguments, expected) in [
        (vec![], "the settings for TLS are not complete"),
        (vec!["--tls-cert", &cert], "give all of --tls-listen"),
        (
            vec!["--tls-cert", &cert, "--tls-key", "absent"],
            "a private key from absent",
        ),
        (
            vec!["--tls-cert", &key, "--tls-key", &key],
            "no certificate in",
        ),
        (
            vec!["--tls-cert", &cert, "--tls-key", &other],
            "check --tls-cert",
        ),
        (
            vec![
                "--tls-cert",
                &cert,
                "--tls-key",
                &key,
                "--tls-client-ca",
                &key,
            ],
            "no certificate in",
        ),
    ] {
        let folder = Data::new();
        let mut command = assert_cmd::Command::new(PROGRAM);
        command.current_dir(folder.path()).timeout(DEADLINE);
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(listen)
            .args(&arguments);
        let failed = command.assert().code(2).stdout("");
        let log = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
        assert!(log.contains(expected), "{arguments:?}: {log}");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("metrics are served");
    stream.set_read_timeout(Some(DEADLINE)).expect("set");
    let request = format!("GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    answer
}

#[test]
fn metrics_count_what_happened_and_name_nobody() {
    let data = Data::new();
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address")
    };
    let port = address.port().to_string();
    let options = [
        "--metrics",
        &port,
        "--metrics-clients",
        "--max-file",
        "1KiB",
    ];
    let server = Server::start(data.path(), &Dialect::all()[0], &options);
    let mut alice = Client::ready(&server, "alice");
    alice.send_file("secret name", b"plain");
    alice.write(&alice.verdict(VerdictKind::Wrong, "secret name"));
    alice.send_file("secret name", b"plain");
    alice.right("secret name");
    let mut again = alice.again(&server);
    let large = again.file("large", &[0; 5000]);
    again.write(&large);
    again.refused(None, "too large");
    let address = address.to_string();
    let metrics = get(&address, "/metrics");
    let mut label = fs::read_dir(data.path().join("clients")).expect("a folder");
    let label = label.next().expect("one").expect("one").file_name();
    for expected in [
        "backup_files_received_total 2".to_owned(),
        "backup_plaintext_bytes_received_total 10".to_owned(),
        "backup_files_verified_total 1".to_owned(),
        "backup_cksum_repeats_total 1".to_owned(),
        "backup_files_given_up_total 0".to_owned(),
        "backup_refused_total{reason=\"max-file\"} 1".to_owned(),
        "backup_commit_seconds_bucket{le=\"5\"} 2".to_owned(),
        "backup_connections_open ".to_owned(),
        format!(
            "backup_last_verified_timestamp_seconds{{client={:?}}} 1",
            label.display().to_string()
        ),
    ] {
        assert!(
            metrics.contains(&expected),
            "{expected} is missing in:\n{metrics}"
        );
    }
    let id: String = alice
        .id
        .as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    for secret in [&id[..8], "secret name"] {
        assert!(!metrics.contains(secret), "{secret} in:\n{metrics}");
    }
    assert!(get(&address, "/health").ends_with("OK"));
}

/// As systemd does it: the socket is descriptor 3, and two variables say that it is for this process.
#[cfg(unix)]
#[test]
fn serves_on_a_socket_that_was_passed() {
    use std::os::fd::OwnedFd;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let data = Data::new();
    let mut command = Command::new("sh");
    command.args([
        "-c",
        r#"exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@""#,
        "sh",
        PROGRAM,
        "serve",
        "--data",
    ]);
    command.arg(data.path()).current_dir(data.path());
    command.stdin(OwnedFd::from(listener));
    let server = Server::spawn(command, &Dialect::all()[0]);
    assert_eq!(server.address, address);
    let mut alice = Client::ready(&server, "alice");
    alice.send_file("a", b"through it");
    alice.right("a");
    server.terminate();
    let (status, log) = server.end();
    assert!(status.success(), "{log}");
    assert!(log.contains("in place of --listen"), "{log}");
    assert!(!log.contains("no port.info"), "{log}");
}
