//! What later generations add, and many generations at once (PROTOCOL.md 10), over real connections
//! to the real program.

mod common;

use std::fs;
use std::net::Shutdown;

use assert_cmd::Command;
use backup_protocol::Dialect;
use backup_protocol::wire::{
    ClientId, Reconnect, ReconnectRefused, Register, Request, Response, SendFile, VerdictKind,
};
use predicates::str::contains;

use common::{Client, Data, PROGRAM, Server, bytes, name};

fn dialect(text: &str) -> Dialect {
    Dialect::parse(text).expect("a dialect")
}

fn reconnecting() -> impl Iterator<Item = &'static Dialect> {
    Dialect::all().iter().filter(|it| it.has_reconnect())
}

/// What `clients show` prints.
fn show(data: &Data, options: &[&str]) -> String {
    let mut command = Command::new(PROGRAM);
    command.args(["clients", "show", "--data"]).arg(data.path());
    let output = command
        .args(options)
        .assert()
        .success()
        .get_output()
        .stdout
        .clone();
    String::from_utf8(output).expect("UTF-8")
}

/// The dialects of all clients, in the order of their names.
fn learned(data: &Data) -> Vec<(String, Option<String>)> {
    let json: serde_json::Value = serde_json::from_str(&show(data, &["--json"])).expect("JSON");
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let clients = json["clients"].as_array().expect("a list");
    clients
        .iter()
        .map(|client| {
            (
                text(&client["name"]).expect("a name"),
                text(&client["dialect"]),
            )
        })
        .collect()
}

#[test]
fn a_client_reconnects_after_a_restart_and_gets_the_key_of_its_dialect() {
    for dialect in reconnecting() {
        for (modifiers, same) in [("reconnect-key=new", false), ("reconnect-key=same", true)] {
            let dialect = dialect.modified(modifiers).expect("a dialect");
            let data = Data::new();
            let server = Server::start(data.path(), &dialect, &[]);
            let client = Client::ready(&server, "alice");
            server.kill();

            let server = Server::start(data.path(), &dialect, &[]);
            let mut again = client.again(&server);
            again.reconnect();
            assert_eq!(again.aes == client.aes, same, "{dialect}");
            again.send_file("a.txt", b"after a restart");
            again.right("a.txt");
            // The key is stored: a connection without an exchange has it too.
            let mut third = again.again(&server);
            third.send_file("b.txt", b"without an exchange");
            third.right("b.txt");
        }
    }
}

#[test]
fn a_reconnect_that_no_client_could_make_is_refused_with_the_id_that_asked() {
    for dialect in reconnecting() {
        let data = Data::new();
        let server = Server::start(data.path(), dialect, &[]);
        let bob = Client::ready(&server, "bob");
        let mut keyless = server.connect();
        keyless.register("keyless");
        let (nobody, bobs, own) = (ClientId::from_bytes([9; 16]), bob.id, keyless.id);
        for (client_id, text) in [(nobody, "bob"), (bobs, "alice"), (own, "keyless")] {
            keyless.id = client_id;
            let name = name(text);
            let answer = keyless.ask(&Request::Reconnect(Reconnect { name }));
            let refused = ReconnectRefused { client_id };
            assert_eq!(answer, Response::ReconnectRefused(refused), "{text}");
        }
        // The connection goes on, and what was refused changed nothing.
        (keyless.id, keyless.name) = (own, name("keyless"));
        keyless.send_key();
        keyless.send_file("a.txt", b"plain");
        bob.again(&server)
            .send_file("b.txt", b"under the key of before");
    }
}

/// Cuts a file into packets of these sizes, and one of what is left.
fn packets(client: &Client, file: &str, plain: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    let whole = client.file(file, plain);
    let content = (plain.len() / 16 + 1) * 16;
    let fixed = &whole[..whole.len() - content];
    let mut rest = &whole[fixed.len()..];
    let total = sizes.len() as u16 + 1;
    let mut packets = Vec::new();
    for number in 1..=total {
        let size = sizes
            .get(usize::from(number) - 1)
            .map_or(rest.len(), |&size| size);
        let (this, after) = rest.split_at(size);
        rest = after;
        let mut packet = fixed.to_vec();
        let payload = (fixed.len() - 23 + size) as u32;
        packet[19..23].copy_from_slice(&payload.to_le_bytes());
        packet[31..33].copy_from_slice(&number.to_le_bytes());
        packet[33..35].copy_from_slice(&total.to_le_bytes());
        packet.extend(this);
        packets.push(packet);
    }
    packets
}

#[test]
fn takes_packets_that_are_cut_anywhere() {
    let plain = bytes(100_000, 1);
    for dialect in Dialect::all().iter().filter(|it| it.packets) {
        let data = Data::new();
        let server = Server::start(data.path(), dialect, &[]);
        let mut client = Client::ready(&server, "alice");
        for (number, cuts) in [
            vec![],
            vec![1],
            vec![100_015],
            vec![0, 0, 17, 16_384, 1],
            vec![7; 14_000],
            vec![1024; 97],
            vec![100_016],
        ]
        .iter()
        .enumerate()
        {
            let file = format!("file {number}");
            for packet in packets(&client, &file, &plain, cuts) {
                client.write(&packet);
            }
            client.file_received(&file, &plain);
            let right = client.verdict(VerdictKind::Right, &file);
            client.write(&right);
            client.honoured(VerdictKind::Right);
        }
        assert_eq!(data.verified().len(), 7);
        assert!(data.verified().iter().all(|(_, content)| *content == plain));
    }
}

#[test]
fn a_wrong_sequence_is_refused_once_and_leaves_nothing() {
    let plain = bytes(1000, 1);
    for dialect in Dialect::all().iter().filter(|it| it.packets) {
        let data = Data::new();
        let server = Server::start(data.path(), dialect, &[]);
        let mut client = Client::ready(&server, "alice");
        let good = packets(&client, "a.txt", &plain, &[100, 200, 300, 5]);
        let other = packets(&client, "other.txt", &plain, &[100, 200, 300, 5]);
        let shorter = packets(&client, "a.txt", &plain[..900], &[100, 200, 300, 5]);
        let fuller = packets(&client, "a.txt", &plain, &[100, 200]);
        for (why, sequence) in [
            ("no first packet", vec![&good[1]]),
            ("missing", vec![&good[0], &good[2], &good[3], &good[4]]),
            (
                "repeated",
                vec![&good[0], &good[1], &good[1], &good[2], &good[3], &good[4]],
            ),
            (
                "out of order",
                vec![&good[0], &good[2], &good[1], &good[3], &good[4]],
            ),
            (
                "another name",
                vec![&good[0], &other[1], &good[2], &good[3], &good[4]],
            ),
            (
                "other sizes",
                vec![&good[0], &shorter[1], &good[2], &good[3], &good[4]],
            ),
            (
                "another total",
                vec![&good[0], &fuller[1], &good[2], &good[3], &good[4]],
            ),
        ] {
            for packet in sequence {
                client.write(packet);
            }
            client.refused(None, why);
            if why == "no first packet" {
                // Those that follow are discarded.
                client.write(&good[2..].concat());
            }
            // The connection is in step: the next answer is that to the next file.
            client.send_file("good", why.as_bytes());
            let wrong = client.verdict(VerdictKind::Wrong, "good");
            client.write(&wrong);
        }
        client.send_file("good", b"the last one");
        assert_eq!(data.incoming(), [b"the last one"]);
    }
}

#[test]
fn a_file_that_ends_between_its_packets_changes_nothing() {
    let dialect = dialect("2024a");
    let data = Data::new();
    let server = Server::start(data.path(), &dialect, &[]);
    let client = Client::ready(&server, "alice");
    let half = packets(&client, "a.txt", &bytes(100_000, 1), &[70_000]).swap_remove(0);
    for goes_on in [false, true] {
        let mut cut = client.again(&server);
        cut.write(&half);
        common::wait_for("the upload to begin", || {
            (!data.incoming().is_empty()).then_some(())
        });
        if goes_on {
            cut.send_key();
        } else {
            cut.stream.shutdown(Shutdown::Write).expect("shut down");
            cut.ends();
        }
        assert!(data.incoming().is_empty());
    }
}

#[test]
fn a_stop_lets_a_file_in_packets_come_to_its_end() {
    let dialect = dialect("2024c");
    let data = Data::new();
    let server = Server::start(data.path(), &dialect, &[]);
    let mut client = Client::ready(&server, "alice");
    let plain = bytes(200_000, 1);
    let [first, second] = &packets(&client, "a.txt", &plain, &[150_000])[..] else {
        panic!("two packets");
    };
    client.write(first);
    common::wait_for("the upload to begin", || {
        (!data.incoming().is_empty()).then_some(())
    });
    server.terminate();
    client.write(second);
    client.file_received("a.txt", &plain);
    client.right("a.txt");
    assert!(server.end().0.success());
    assert_eq!(data.verified(), [("a.txt".into(), plain)]);
}

#[test]
fn serves_four_generations_at_once_and_says_which() {
    let data = Data::new();
    let generations = ["seed", "2023a", "2024a,order=big", "2024c"];
    let dialects = generations.map(dialect);
    let server = Server::start_as(data.path(), "auto,seed,2024a", &dialects[0], &[]);
    let all_there = std::sync::Barrier::new(generations.len());
    std::thread::scope(|threads| {
        for (number, dialect) in dialects.iter().enumerate() {
            let (server, all_there) = (&server, &all_there);
            threads.spawn(move || {
                let mut client = server.connect_as(dialect).made_ready(&format!("{number}"));
                let plain = bytes(100_000, number as u64);
                let message = client.file("a.txt", &plain);
                let (start, end) = message.split_at(50_000);
                client.write(start);
                all_there.wait();
                client.write(end);
                client.file_received("a.txt", &plain);
                client.right("a.txt");
                // What was learned holds for the first request of a new connection, and for answers
                // that nothing in the request could tell.
                let mut again = client.again(server);
                if dialect.has_reconnect() {
                    again.reconnect();
                }
                let give_up = again.verdict(VerdictKind::GiveUp, "nothing");
                again.write(&give_up);
                again.honoured(VerdictKind::GiveUp);
            });
        }
    });
    let expected: Vec<_> = (0..4)
        .map(|i| (i.to_string(), Some(generations[i].to_owned())))
        .collect();
    assert_eq!(learned(&data), expected, "while the server runs");
    server.terminate();
    server.end();
    assert_eq!(learned(&data), expected, "and after it");
    let files: Vec<_> = data
        .verified()
        .into_iter()
        .map(|(_, content)| content)
        .collect();
    for number in 0..4 {
        assert!(files.contains(&bytes(100_000, number)), "{number}");
    }
}

#[test]
fn what_was_learned_of_a_client_outlives_a_restart() {
    let data = Data::new();
    let later = dialect("2023a");
    let server = Server::start_as(data.path(), "auto", &later, &[]);
    // Nothing before the file tells this client from one of the first generation.
    let mut client = Client::ready(&server, "alice");
    assert_eq!(learned(&data), [("alice".into(), Some("seed".into()))]);
    client.send_file("a.txt", b"plain");
    client.right("a.txt");
    assert_eq!(learned(&data), [("alice".into(), Some("2023a".into()))]);
    server.kill();

    let server = Server::start_as(data.path(), "auto", &later, &[]);
    let mut client = client.again(&server);
    // In its generation a refusal has another code than in the first one.
    let name = name("somebody else");
    let mut key = client.encode(&Request::SendPublicKey(
        backup_protocol::wire::SendPublicKey {
            name,
            public_key: client.keys.public_key().as_bytes().to_vec(),
        },
    ));
    client.write(&std::mem::take(&mut key));
    assert_eq!(client.read(), Response::GeneralError);
}

#[test]
fn learns_every_layout_that_a_request_shows() {
    let data = Data::new();
    let seed = Dialect::default();
    let server = Server::start_as(data.path(), "auto", &seed, &[]);
    for (text, shown) in [
        ("seed,order=big", "seed,order=big"),
        ("seed,align=natural", "seed,align=natural"),
        (
            "seed,order=big,align=natural",
            "seed,order=big,align=natural",
        ),
        ("2023a", "2023a"),
        ("2023a,align=natural", "2023a,align=natural"),
        ("2023a,id=yes", "2023a,id=yes"),
        ("2023c", "2023c"),
        ("2023c,id=yes,order=big", "2023c,order=big,id=yes"),
        ("2024c", "2024c"),
        ("2024c,packet=48", "2024c"),
        ("2024c,id=yes", "2024c,id=yes"),
        ("2024c,packet-order=big", "2024c,packet-order=big"),
        ("2024c,packets=no", "2024c,packets=no"),
    ] {
        let dialect = dialect(text);
        let mut client = server.connect_as(&dialect).made_ready(text);
        if dialect.has_reconnect() {
            client.reconnect();
        }
        client.send_file("a.txt", text.as_bytes());
        client.right("a.txt");
        let found = learned(&data).into_iter().find(|(name, _)| name == text);
        assert_eq!(found, Some((text.into(), Some(shown.into()))));
    }
}

#[test]
fn a_base_says_what_requests_do_not_show() {
    let data = Data::new();
    let (old, new) = (
        dialect("seed,crc=zlib,pad=1024"),
        dialect("2024a,aes=16,give-up=close"),
    );
    let choice = format!("auto,{old},{new}");
    let server = Server::start_as(data.path(), &choice, &old, &[]);
    for (client, dialect) in [("old", &old), ("new", &new)] {
        let mut client = server.connect_as(dialect).made_ready(client);
        client.send_file("a.txt", b"plain");
        let give_up = client.verdict(VerdictKind::GiveUp, "a.txt");
        client.write(&give_up);
        client.honoured(VerdictKind::GiveUp);
    }
}

#[test]
fn under_auto_a_wrong_request_is_refused_in_the_dialect_of_its_code() {
    let data = Data::new();
    let server = Server::start_as(data.path(), "auto", &Dialect::default(), &[]);
    for text in [
        "seed",
        "2023c",
        "2024c",
        "2024c,order=big",
        "seed,align=natural",
    ] {
        let dialect = dialect(text);
        let mut client = server.connect_as(&dialect);
        let mut message = client.encode(&Request::SendFile(SendFile {
            content_size: 16,
            packet: None,
            file_name: name("a.txt"),
        }));
        let header = dialect.request_header_size();
        message[header - 4..header].fill(0);
        client.write(&message[..header]);
        client.refused(Some(backup_protocol::wire::RequestKind::SendFile), text);
        client.ends();
    }
    // No code at all: as the first base.
    let mut client = server.connect();
    client.write(&[0xFF; 23]);
    assert!(matches!(client.read(), Response::Refused(_)));
    client.ends();
}

#[test]
fn both_layouts_are_taken_under_auto_alone() {
    let data = Data::new();
    let (with, without) = (dialect("seed"), dialect("seed,id=no"));
    let server = Server::start(data.path(), &with, &[]);
    let mut client = server.connect_as(&without).made_ready("alice");
    let file = client.file("a.txt", b"plain");
    client.write(&file);
    client.refused(None, "no client ID");
    assert_eq!(learned(&data), [("alice".into(), None)]);
}

#[test]
fn takes_a_dialect_from_a_file() {
    let data = Data::new();
    let own = dialect("2023a,align=natural,pad=1024,crc=zlib,crc-input=content");
    let json = own.to_json().replace("\"2023a\"", "\"mine\"");
    let path = data.path().join("mine.json");
    fs::write(&path, json).expect("written");
    let path = path.to_str().expect("UTF-8");
    let folder = Data::new();
    let server = Server::start_as(folder.path(), path, &own, &[]);
    let mut client = Client::ready(&server, "alice");
    client.reconnect();
    client.send_file("a.txt", b"plain");
    client.right("a.txt");
    server.kill();

    let modified = own.modified("crc=posix").expect("a dialect");
    let choice = format!("auto,{path},crc=posix");
    let server = Server::start_as(folder.path(), &choice, &modified, &[]);
    let mut client = client.again(&server);
    client.dialect = modified;
    client.send_file("b.txt", b"plain");
    client.right("b.txt");
    assert_eq!(learned(&folder), [("alice".into(), Some("mine".into()))]);

    fs::write(path, "{}").expect("written");
    let mut command = Command::new(PROGRAM);
    let assert = command.args(["serve", "--dialect", path]).assert();
    assert.code(2).stderr(contains("not a dialect"));
}

#[test]
fn shows_clients_in_a_table_without_their_ids() {
    let data = Data::new();
    let server = Server::start_as(data.path(), "auto", &dialect("2023c"), &[]);
    let mut client = Client::ready(&server, "alice\u{1b}[31m");
    client.send_file("a.txt", b"plain");
    client.right("a.txt");
    let mut bob = server.connect();
    bob.register("bob");
    let id = client.id.reveal_hex();
    for table in [show(&data, &[]), {
        server.terminate();
        server.end();
        show(&data, &[])
    }] {
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines.len(), 3, "{table}");
        let words = |line: &str| {
            line.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let titles = [
            "NAME", "LABEL", "ID", "DIALECT", "LAST", "SEEN", "FILES", "WAITING",
        ];
        assert_eq!(words(lines[0]), titles);
        let alice = words(lines[1]);
        assert_eq!(alice[0], r"alice\u{1b}[31m");
        assert_eq!(alice[2..4], [&id[..8], "2023c"]);
        assert_eq!(alice[5..], ["1", "0"]);
        assert!(
            alice[4].ends_with('Z') && alice[4].contains('T'),
            "{}",
            alice[4]
        );
        assert_eq!(words(lines[2])[5..], ["0", "0"]);
        assert!(!table.contains(&id[..12]));
    }
    assert!(!show(&data, &["--json"]).contains(&id[..12]));
}

#[test]
fn a_folder_without_a_database_ends_with_4() {
    let data = Data::new();
    let mut command = Command::new(PROGRAM);
    command.args(["clients", "show", "--data"]).arg(data.path());
    let assert = command.assert().code(4).stdout("");
    assert
        .stderr(contains("there is no database"))
        .stderr(contains("--data"));
    assert_eq!(fs::read_dir(data.path()).expect("a folder").count(), 0);
}

/// A register request of a client that the server of `a_base_says_...` would take for another one.
#[test]
fn before_a_file_an_ambiguous_client_is_answered_as_the_base() {
    let data = Data::new();
    let server = Server::start_as(data.path(), "auto,2024a", &dialect("2023c"), &[]);
    let mut client = server.connect_as(&dialect("2024a"));
    let name = name("alice");
    let answer = client.ask(&Request::Register(Register { name }));
    assert!(matches!(answer, Response::Registered(_)));
}
