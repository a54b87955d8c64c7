//! Inside TLS: the server of the other tests behind a front that speaks TLS.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;

use rcgen::{CertificateParams, KeyPair};
use tokio::io::copy_bidirectional;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::server::Fault;
use super::{Place, stderr, stdout};

/// Speaks TLS in front of the plain server, and lives until the test process ends. Where it listens; its
/// certificate, which is its own authority, is written to `certificate`.
fn front(place: &Place, certificate: &Path) -> String {
    let key = KeyPair::generate().unwrap();
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let signed = CertificateParams::new(names)
        .unwrap()
        .self_signed(&key)
        .unwrap();
    fs::write(certificate, signed.pem()).unwrap();
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.der().clone()], private)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server: SocketAddr = place.server.address().parse().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // One that is turned down, or does not take this certificate, is its own business.
                    let mut tls = acceptor.accept(stream).await.ok()?;
                    let mut plain = tokio::net::TcpStream::connect(server).await.ok()?;
                    copy_bidirectional(&mut tls, &mut plain).await.ok()
                });
            }
        });
    });
    address
}

#[test]
fn keeps_the_key_that_it_meets_first_and_takes_no_other() {
    let place = Place::new("seed", Fault::None);
    place.write("a.txt", "123456789");
    let address = front(&place, &place.path("first.pem"));
    let send = [
        "--tls",
        "--known-servers",
        "known",
        "send",
        "a.txt",
        "--server",
    ];
    for _ in 0..2 {
        let run = place.run(&[&send[..], &[&address]].concat()).success();
        // The end that confirms a verdict has come through, as an end.
        assert_eq!(stdout(&run), "a.txt: 9 bytes, cksum 930766865, verified\n");
        assert_eq!(
            fs::read_to_string(place.path("known"))
                .unwrap()
                .lines()
                .count(),
            1
        );
    }
    assert_eq!(place.server.uploads().len(), 2);

    // Somebody else under the same address: the line says what the first one had.
    let other = front(&place, &place.path("other.pem"));
    let known = fs::read_to_string(place.path("known")).unwrap();
    place.write("known", known.replace(&address, &other));
    let before = place.server.requests().len();
    let run = place.run(&[&send[..], &[&other]].concat()).code(5);
    let said = stderr(&run);
    assert!(said.contains("another key than before"), "{said}");
    assert!(said.contains("line 1 of known"), "{said}");
    assert!(!said.contains("check that the server runs"), "{said}");
    assert_eq!(
        place.server.requests().len(),
        before,
        "it was told something"
    );
}

#[test]
fn a_server_is_taken_for_its_certificate() {
    let place = Place::new("seed", Fault::None);
    place.write("a.txt", "123456789");
    let address = front(&place, &place.path("own.pem"));
    let _other = front(&place, &place.path("other.pem"));
    let send = ["--tls", "send", "a.txt", "--server", &address, "--ca"];
    let run = place.run(&[&send[..], &["own.pem"]].concat()).success();
    assert_eq!(stdout(&run), "a.txt: 9 bytes, cksum 930766865, verified\n");
    let before = place.server.requests().len();
    let run = place.run(&[&send[..], &["other.pem"]].concat()).code(5);
    let said = stderr(&run);
    assert!(said.contains("must be for the host of --server"), "{said}");
    place.run(&[&send[..], &["a.txt"]].concat()).code(5);
    assert_eq!(
        place.server.requests().len(),
        before,
        "it was told something"
    );
}

#[test]
fn a_server_without_tls_is_told_nothing() {
    let place = Place::new("seed", Fault::None);
    place.write("a.txt", "123456789");
    let run = place
        .run(&["--tls", "--timeout", "2", "send", "a.txt"])
        .code(5);
    assert!(stderr(&run).contains("cannot connect"), "{}", stderr(&run));
    assert!(place.server.requests().is_empty());
    assert!(
        !place
            .path(".local/share/backup-client/known_servers")
            .exists()
    );
}

#[test]
fn whom_to_trust_is_not_said_for_a_connection_in_the_clear() {
    let place = Place::new("seed", Fault::None);
    place.write("a.txt", "123456789");
    for option in ["--ca", "--known-servers", "--client-cert", "--client-key"] {
        let run = place.run(&["send", "a.txt", option, "file"]).code(2);
        assert!(
            stderr(&run).contains("of no use without --tls"),
            "{}",
            stderr(&run)
        );
    }
    let run = place
        .run(&["--tls", "send", "a.txt", "--client-cert", "file"])
        .code(2);
    assert!(stderr(&run).contains("belong together"), "{}", stderr(&run));
    assert!(place.server.requests().is_empty());
}

/// Ends with the test.
struct Tunnel(Child);

impl Drop for Tunnel {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_tunnel_lets_a_program_through_that_knows_nothing_of_tls() {
    for dialect in ["seed", "readme", "2024a"] {
        let place = Place::new(dialect, Fault::None);
        let plain: Vec<u8> = (0..=250).cycle().take(1_000_003).collect();
        place.write("a.txt", &plain);
        let address = front(&place, &place.path("own.pem"));
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("backup-client"));
        command
            .current_dir(place.path("."))
            .args(["tunnel", "--listen", "127.0.0.1:0"]);
        command.args(["--ca", "own.pem", "--server", &address]);
        let mut tunnel = Tunnel(command.stdout(Stdio::piped()).spawn().unwrap());
        let mut line = String::new();
        let mut lines = BufReader::new(tunnel.0.stdout.take().unwrap());
        lines.read_line(&mut line).unwrap();
        let near = line.trim().strip_prefix("listening on ").unwrap();
        let run = place.run(&["send", "a.txt", "--server", near]).success();
        assert!(stdout(&run).ends_with(", verified\n"), "{}", stdout(&run));
        assert_eq!(place.server.uploads()[0].plain, plain, "{dialect}");
    }
}
