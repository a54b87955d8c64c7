//! The program as an operator meets it.

mod common;

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use assert_cmd::assert::Assert;
use backup_protocol::Dialect;
use predicates::str::contains;

use common::{Client, Data, PROGRAM, Server};

/// Runs the program in a folder until it ends.
fn run(folder: &Data, args: &[&str]) -> Assert {
    let mut command = assert_cmd::Command::new(PROGRAM);
    command
        .current_dir(folder.path())
        .args(args)
        .timeout(common::DEADLINE)
        .assert()
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Serves in a folder, with nothing but what is in it.
fn serve_in(folder: &Data) -> Server {
    let mut command = Command::new(PROGRAM);
    command.current_dir(folder.path()).arg("serve");
    Server::spawn(command, &Dialect::all()[0])
}

#[test]
fn help_has_options_examples_and_exit_codes() {
    let folder = Data::new();
    let serve = run(&folder, &["serve", "--help"]).success();
    let help = String::from_utf8_lossy(&serve.get_output().stdout).into_owned();
    for expected in [
        "--listen <HOST:PORT>",
        "--data <DIR>",
        "[default: backup-data]",
        "--dialect <NAME[,MODIFIER...] | FILE | auto[,BASE...]>",
        "[default: seed]",
        "  2024c    The last generation of 2024",
        "  crc=            posix, zlib, crc8",
        "  port=           1 to 65535",
        "--max-file <SIZE>",
        "--discard-limit <SIZE>",
        "--idle-timeout <SECONDS>",
        "--max-connections <N>",
        "--log <LEVEL>",
        "--log-format <FORMAT>",
        "Examples:\n  backup-server serve\n",
        "Exit codes:\n  0  stopped by SIGINT or SIGTERM",
        "  4  the data folder or its database cannot be used",
    ] {
        assert!(help.contains(expected), "{expected} is missing in:\n{help}");
    }
    run(&folder, &["--help"])
        .success()
        .stdout(contains("Exit codes:"))
        .stdout(contains("serve"));
    let show = run(&folder, &["clients", "show", "--help"]).success();
    show.stdout(contains("--json"))
        .stdout(contains("--data <DIR>"));
    run(&folder, &["--version"])
        .success()
        .stdout(contains("backup-server 0."));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn wrong_usage_ends_with_2() {
    let folder = Data::new();
    for args in [
        &[][..],
        &["serve", "--no-such-option"],
        &["serve", "--listen", "1234"],
        &["serve", "--listen", "localhost"],
        &["serve", "--listen", ":1234"],
        &["serve", "--listen", "localhost:65536"],
        &["serve", "--dialect", "klingon"],
        &["serve", "--dialect", "seed,crc=md5"],
        &["serve", "--dialect", "auto,klingon"],
        &["clients"],
        &["clients", "hide"],
        &["serve", "--max-file", "much"],
        &["serve", "--idle-timeout", "0"],
        &["serve", "--max-connections", "0"],
        &["serve", "--log", "loud"],
    ] {
        run(&folder, args).code(2).stdout("");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn a_wrong_dialect_is_answered_with_what_is_possible() {
    let folder = Data::new();
    for (dialect, expected) in [
        ("klingon", "possible are seed, readme, 2022c"),
        ("seed,crc=md5", "possible are posix, zlib, crc8"),
        (
            "auto,seed,checksum=zlib",
            "possible are order=, packet-order=",
        ),
        ("seed,packet=1024", "packets=yes"),
    ] {
        run(&folder, &["serve", "--dialect", dialect])
            .code(2)
            .stderr(contains(expected));
    }
}

#[test]
fn a_busy_port_ends_with_3_and_leaves_no_folder() {
    let folder = Data::new();
    let busy = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = busy.local_addr().expect("an address").to_string();
    run(&folder, &["serve", "--listen", &address])
        .code(3)
        .stdout("")
        .stderr(contains(format!("cannot listen on {address}")))
        .stderr(contains("choose another port"));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
    // An address of the documentation, which no machine has.
    run(&folder, &["serve", "--listen", "192.0.2.1:0"])
        .code(3)
        .stderr(contains("192.0.2.1:0"));
}

#[test]
fn takes_the_port_from_port_info_in_any_spelling() {
    for (before, after) in [
        ("", ""),
        ("", "\n"),
        ("", "\r\n"),
        ("\u{feff}", "\r\n"),
        (" ", " \n\n"),
    ] {
        let folder = Data::new();
        let port = free_port();
        fs::write(
            folder.path().join("port.info"),
            format!("{before}{port}{after}"),
        )
        .expect("written");
        let server = serve_in(&folder);
        assert_eq!(server.address.to_string(), format!("127.0.0.1:{port}"));
        assert!(folder.path().join("backup-data/backup.db").is_file());
        assert!(!server.kill().contains("WARN"));
    }
}

#[test]
fn a_port_info_without_a_port_ends_with_2() {
    for content in [
        "",
        "\n",
        "port",
        "0",
        "65536",
        "-1",
        "1234 5678",
        "12\n34",
        "\u{0}",
    ] {
        let folder = Data::new();
        fs::write(folder.path().join("port.info"), content).expect("written");
        run(&folder, &["serve"])
            .code(2)
            .stdout("")
            .stderr(contains("port.info"))
            .stderr(contains("--listen"));
    }
    let folder = Data::new();
    fs::create_dir(folder.path().join("port.info")).expect("created");
    run(&folder, &["serve"])
        .code(2)
        .stderr(contains("cannot read"));
}

#[test]
fn an_option_wins_over_port_info() {
    let folder = Data::new();
    fs::write(folder.path().join("port.info"), "certainly not a port").expect("written");
    let mut command = Command::new(PROGRAM);
    command.current_dir(folder.path()).args([
        "serve",
        "--listen",
        "localhost:0",
        "--data",
        "elsewhere",
    ]);
    let server = Server::spawn(command, &Dialect::all()[0]);
    assert_eq!(server.address.ip().to_string(), "127.0.0.1");
    assert!(folder.path().join("elsewhere/backup.db").is_file());
}

/// A log disk that is full, or a reader of the log that is gone.
#[test]
fn serves_on_when_the_log_cannot_be_written() {
    let folder = Data::new();
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it");
    let mut process = Command::new(PROGRAM)
        .current_dir(folder.path())
        .args(["serve", "--listen", "127.0.0.1:0", "--log", "debug"])
        .stdout(Stdio::piped())
        .stderr(full)
        .spawn()
        .expect("the program starts");
    let mut line = String::new();
    let mut stdout = std::io::BufReader::new(process.stdout.take().expect("piped"));
    std::io::BufRead::read_line(&mut stdout, &mut line).expect("a line");
    let address = line.trim().strip_prefix("listening on ").expect("a port");
    for _ in 0..3 {
        let mut stream = std::net::TcpStream::connect(address).expect("it listens");
        std::io::Write::write_all(&mut stream, &[0; 23]).expect("it reads");
        let mut answer = Vec::new();
        std::io::Read::read_to_end(&mut stream, &mut answer).expect("an answer");
        assert_eq!(answer.get(1..3), Some(&2101_u16.to_le_bytes()[..]));
    }
    assert!(process.try_wait().expect("a process").is_none());
    let _ = process.kill();
    let _ = process.wait();
}

/// The default port may be taken on this machine, by anything: both ends are right.
#[test]
fn without_port_info_it_warns_and_takes_the_default_port() {
    let folder = Data::new();
    let mut command = Command::new(PROGRAM);
    command
        .current_dir(folder.path())
        .arg("serve")
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut process = command.spawn().expect("the program starts");
    let mut log = String::new();
    let mut stderr = std::io::BufReader::new(process.stderr.take().expect("piped"));
    while !log.contains("serving") && !log.contains("cannot listen on") {
        assert!(
            std::io::BufRead::read_line(&mut stderr, &mut log).expect("a log") > 0,
            "{log}"
        );
    }
    let _ = process.kill();
    let _ = process.wait();
    assert!(
        log.contains("WARN") && log.contains("no port.info"),
        "{log}"
    );
    assert!(log.contains("127.0.0.1:1234"), "{log}");
}

#[test]
fn a_data_folder_that_cannot_be_used_ends_with_4() {
    let folder = Data::new();
    let listen = ["serve", "--listen", "127.0.0.1:0", "--data"];
    let with = |data: &str| run(&folder, &[&listen[..], &[data]].concat());

    fs::write(folder.path().join("file"), "").expect("written");
    with("file")
        .code(4)
        .stderr(contains("file"))
        .stderr(contains("--data"));
    with("file/below").code(4);

    let server = Server::start(&folder.path().join("used"), &Dialect::all()[0], &[]);
    with("used")
        .code(4)
        .stderr(contains("used by another server"))
        .stderr(contains("stop the other"));
    server.kill();

    let database = folder.path().join("used/backup.db");
    let rows = rusqlite::Connection::open(&database).expect("rows");
    rows.pragma_update(None, "user_version", 999)
        .expect("written");
    drop(rows);
    with("used")
        .code(4)
        .stderr(contains("schema version 999"))
        .stderr(contains("a later one"));

    fs::write(&database, "this is not a database, it only has its name").expect("written");
    with("used").code(4).stderr(contains("database"));
}

#[test]
fn logs_json_when_told_to() {
    let folder = Data::new();
    let server = Server::start(folder.path(), &Dialect::all()[0], &["--log-format", "json"]);
    let client = Client::ready(&server, "al\"ice");
    drop(client);
    server.terminate();
    let (status, log) = server.end();
    assert!(status.success());
    assert!(log.lines().count() >= 3, "{log}");
    assert!(
        log.lines()
            .all(|line| line.starts_with('{') && line.ends_with('}')),
        "{log}"
    );
    assert!(log.contains(r#""name":"al\"ice""#), "{log}");
}

#[cfg(unix)]
#[test]
fn stops_on_sigint_as_on_sigterm() {
    let folder = Data::new();
    let server = Server::start(folder.path(), &Dialect::all()[0], &[]);
    let pid = server.pid().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .expect("kill")
            .success()
    );
    let (status, log) = server.end();
    assert_eq!(status.code(), Some(0), "{log}");
}

/// An end of the stream in its place would tell the client that it was obeyed (PROTOCOL.md 2.12).
#[cfg(unix)]
#[test]
fn a_stop_waits_for_the_verdict_on_what_was_received() {
    let folder = Data::new();
    let server = Server::start(folder.path(), &Dialect::all()[0], &[]);
    let mut client = Client::ready(&server, "alice");
    client.send_file("a", b"plain");
    server.terminate();
    // It no longer listens: so it has taken the signal in.
    common::wait_for("the stop", || server.is_deaf().then_some(()));
    client.right("a");
    let (status, log) = server.end();
    assert!(status.success(), "{log}");
    assert_eq!(folder.verified(), [("a".to_owned(), b"plain".to_vec())]);
}

#[cfg(unix)]
#[test]
fn outlives_a_lack_of_descriptors() {
    let folder = Data::new();
    let mut command = Command::new("sh");
    let script = r#"ulimit -n 40 && exec "$0" serve --listen 127.0.0.1:0 --data data \
                    --max-connections 1000"#;
    command
        .current_dir(folder.path())
        .args(["-c", script, PROGRAM]);
    let server = Server::spawn(command, &Dialect::all()[0]);
    let crowd: Vec<_> = (0..60).map(|_| server.connect()).collect();
    drop(crowd);
    let mut client = Client::ready(&server, "alice");
    client.send_file("a", b"plain");
    server.terminate();
    let (status, log) = server.end();
    assert!(status.success(), "{log}");
    let complaints = log.matches("cannot accept a connection").count();
    assert!(
        (1..100).contains(&complaints),
        "{complaints} complaints in {log}"
    );
}

#[cfg(unix)]
#[test]
fn a_disk_that_takes_no_more_refuses_the_file_and_nothing_else() {
    let folder = Data::new();
    let mut command = Command::new("sh");
    // A limit on the size of a file stands in for a full disk: half a MiB, in units of 512 bytes.
    let script =
        r#"trap '' XFSZ; ulimit -f 1024 && exec "$0" serve --listen 127.0.0.1:0 --data data"#;
    command
        .current_dir(folder.path())
        .args(["-c", script, PROGRAM]);
    let server = Server::spawn(command, &Dialect::all()[0]);
    let mut client = Client::ready(&server, "alice");
    let large = client.file("large", &common::bytes(3 << 20, 1));
    client.write(&large);
    client.refused(None, "a full disk");
    assert_eq!(
        fs::read_dir(folder.path().join("data/incoming"))
            .expect("a folder")
            .count(),
        0
    );
    client.send_file("small", b"plain");
    client.right("small");
    let log = server.kill();
    assert!(log.contains("cannot write the content"), "{log}");
}
