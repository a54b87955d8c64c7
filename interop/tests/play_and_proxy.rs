//! `play` and `proxy` as programs: what a stranger starts by hand.

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use common::command;
use rustix::process::{Pid, Signal, kill_process};

/// A program of ours that listens, and ends with the test.
struct Listening {
    child: Child,
    stdout: BufReader<ChildStdout>,
    address: String,
}

impl Listening {
    /// Starts it and reads its first line, which says where it listens.
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("its output"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        let address = line.split("listening on ").nth(1).expect("an address");
        Self {
            address: address.split(',').next().unwrap_or_default().trim().into(),
            child,
            stdout,
        }
    }

    fn server(folder: &Path, more: &[&str]) -> Self {
        let data = folder.join("data");
        fs::create_dir_all(&data).expect("a folder");
        Self::start(
            command()
                .args(["play", "server", "--data"])
                .arg(data)
                .args(more),
        )
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The exit code of a played client that backs up a file, and what it said.
fn back_up_and_say(folder: &Path, server: &str, more: &[&str]) -> (Option<i32>, String) {
    fs::create_dir_all(folder.join("identity")).expect("a folder");
    let file = folder.join("a.txt");
    fs::write(&file, "some content").expect("written");
    let client = command()
        .args([
            "play",
            "client",
            "--server",
            server,
            "--name",
            "alice",
            "--identity",
        ])
        .arg(folder.join("identity"))
        .arg(&file)
        .args(more)
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&client.stderr).into_owned();
    (client.status.code(), said)
}

fn back_up(folder: &Path, server: &str, more: &[&str]) -> Option<i32> {
    let (code, said) = back_up_and_say(folder, server, more);
    assert!(code.is_some(), "{said}");
    code
}

fn script(folder: &Path, text: &str) -> String {
    let file = folder.join("script.toml");
    fs::write(&file, text).expect("written");
    file.display().to_string()
}

#[test]
fn a_played_server_says_what_its_script_says() {
    for (text, code) in [
        ("", 0),
        ("nth = 1\n", 0),
        // The cksum is wrong to the end: the client gives up.
        ("\n", 4),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let text = match text {
            "" => "change = []\n".into(),
            nth => format!("[[change]]\nmessage = \"file-received\"\n{nth}set = {{ cksum = 1 }}\n"),
        };
        let script = script(folder.path(), &text);
        let server = Listening::server(folder.path(), &["--script", &script]);
        assert_eq!(
            back_up(folder.path(), &server.address, &[]),
            Some(code),
            "{text}"
        );
    }
}

#[test]
fn a_played_client_says_what_its_script_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Listening::server(folder.path(), &[]);
    let text = "[[change]]\nmessage = \"send-public-key\"\nend = true\n";
    let script = script(folder.path(), text);
    let (code, said) = back_up_and_say(folder.path(), &server.address, &["--script", &script]);
    // The server sees the end and ends: the connection is lost.
    assert_eq!(code, Some(5), "{said}");
    assert!(
        said.contains("send public key: in its place the stream ends"),
        "{said}"
    );
    let wrong = ["--script", "/no/such/script.toml"];
    assert_eq!(back_up(folder.path(), &server.address, &wrong), Some(2));
}

#[test]
fn help_lists_every_fault_with_what_it_does_wrong() {
    for (role, fault, words) in [
        ("server", "zlib-cksum", "zlib's CRC-32"),
        ("client", "always-right", "1104 whatever the cksum"),
    ] {
        let help = command()
            .args(["play", role, "--help"])
            .output()
            .expect("help");
        let text = String::from_utf8_lossy(&help.stdout).into_owned();
        let line = text
            .lines()
            .find(|line| line.contains(&format!("- {fault}:")));
        assert!(line.is_some_and(|line| line.contains(words)), "{text}");
    }
}

#[test]
fn a_proxy_shows_a_backup_and_changes_nothing_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Listening::server(folder.path(), &[]);
    let pcap = folder.path().join("capture.pcapng");
    let mut proxy = Listening::start(
        command()
            .args([
                "proxy",
                "--listen",
                "127.0.0.1:0",
                "--to",
                &server.address,
                "--log",
            ])
            .arg(folder.path())
            .arg("--pcap")
            .arg(&pcap),
    );
    assert_eq!(back_up(folder.path(), &proxy.address, &[]), Some(0));
    let pid = Pid::from_child(&proxy.child);
    kill_process(pid, Signal::TERM).expect("a signal");
    assert_eq!(proxy.child.wait().expect("its end").code(), Some(0));
    let mut text = String::new();
    proxy.stdout.read_to_string(&mut text).expect("its output");
    let codes: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("1 "))
        .filter(|line| line.contains(" bytes"))
        .map(|line| line.get(..6).unwrap_or_default())
        .collect();
    let due = [
        "> 1100", "< 2100", "> 1101", "< 2102", "> 1103", "< 2103", "> 1104",
    ];
    assert_eq!(codes, due, "{text}");
    let log = fs::read_to_string(folder.path().join("wire-1.txt")).expect("a log");
    assert!(log.contains("file-name = \"a.txt\""), "{log}");
    assert!(fs::metadata(&pcap).expect("a capture").len() > 1000);
}

#[test]
fn a_proxy_that_cannot_do_what_it_is_told_says_so() {
    for (arguments, part) in [
        (
            &["--to", "127.0.0.1:1", "--drop", "nothing"][..],
            "'nothing' is no message",
        ),
        (&["--to", "127.0.0.1:1", "--drop", "2103:0"], "from 1"),
        (&["--to", "nowhere"], "--to nowhere"),
        (
            &["--to", "127.0.0.1:1", "--pcap", "/no/such/file"],
            "/no/such/file",
        ),
    ] {
        let output = command()
            .args(["proxy", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .output();
        let output = output.expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(part), "{said}");
    }
}
