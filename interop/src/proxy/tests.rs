use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use etherparse::SlicedPacket;
use pcap_file::pcapng::{Block, PcapNgReader};

use super::*;
use crate::busy::Waited;
use crate::dialect::Dialect;
use crate::frame::{self, Values};
use crate::message::{Field, Kind};
use crate::tap::{Flip, Plan, Tap};

/// What a proxy prints, for its test.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Printed {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What came out of a proxy that was sent requests and answered with responses.
struct Passed {
    requests: Vec<u8>,
    responses: Vec<u8>,
    printed: String,
    folder: tempfile::TempDir,
}

fn dialect() -> Arc<Dialect> {
    Arc::new(Dialect::find("seed").expect("a dialect"))
}

fn pass(changes: &str, split: Option<usize>, requests: &[u8], responses: &[u8]) -> Passed {
    pass_and_flip(None, changes, split, requests, responses)
}

fn pass_and_flip(
    flip: Option<Flip>,
    changes: &str,
    split: Option<usize>,
    requests: &[u8],
    responses: &[u8],
) -> Passed {
    let dialect = dialect();
    let folder = tempfile::tempdir().expect("a folder");
    let printed = Printed::default();
    let capture = Capture::create(&folder.path().join("capture.pcapng")).expect("a capture");
    let watch = Arc::new(Watch::new(
        &dialect,
        Box::new(printed.clone()),
        Some(folder.path().to_owned()),
        Some(capture),
    ));
    let file = folder.path().join("script.toml");
    fs::write(&file, changes).expect("written");
    let changes = if changes.is_empty() {
        Vec::new()
    } else {
        script(&file).expect("a script")
    };
    let teller = Arc::clone(&watch);
    let meddle = Changes::new(&dialect, &changes, Box::new(move |text| teller.note(text)));
    let plan = Plan {
        meddle: match changes.is_empty() {
            true => None,
            false => Some(Box::new(meddle.expect("changes"))),
        },
        split,
        observe: Some(Arc::clone(&watch) as Arc<_>),
        ..Plan::default()
    };
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let mut tap = Tap::new(flip, Instant::now() + Duration::from_secs(30));
    tap.set_target(server.local_addr().expect("an address"));
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let door = tap.open_door_at(anywhere, plan, &dialect).expect("a door");
    let (requests, responses) = thread::scope(|scope| {
        let served = scope.spawn(|| {
            let (mut stream, _) = server.accept().expect("a client");
            let mut came = Vec::new();
            stream.read_to_end(&mut came).expect("requests");
            stream.write_all(responses).expect("written");
            came
        });
        let mut client = TcpStream::connect(door).expect("connected");
        client.write_all(requests).expect("written");
        client.shutdown(Shutdown::Write).expect("ended");
        let mut came = Vec::new();
        client.read_to_end(&mut came).expect("responses");
        (served.join().expect("served"), came)
    });
    assert_eq!(tap.wait_idle(), Waited::Idle);
    assert!(watch.fault().is_none());
    Passed {
        requests,
        responses,
        printed: printed.text(),
        folder,
    }
}

fn register() -> Vec<u8> {
    let dialect = dialect();
    let payload = frame::payload(
        &dialect,
        Kind::Register,
        &Values::default().bytes(Field::ClientName, b"alice"),
    );
    frame::request(&dialect, Kind::Register, &[0; 16], &payload)
}

fn received() -> Vec<u8> {
    let dialect = dialect();
    let values =
        Values::default()
            .bytes(Field::FileName, b"a.txt")
            .number(&dialect, Field::Cksum, 7);
    frame::response(
        &dialect,
        Kind::FileReceived,
        &frame::payload(&dialect, Kind::FileReceived, &values),
    )
}

fn registered() -> Vec<u8> {
    frame::response(&dialect(), Kind::Registered, &[9; 16])
}

/// Bytes of the protocol and bytes of none: half a header, an unknown message, noise.
fn anything() -> Vec<Vec<u8>> {
    let mut noise: Vec<u8> = (0..100_000_u32)
        .map(|number| (number * 7 % 251) as u8)
        .collect();
    let mut unknown = register();
    unknown[17] = 0xee;
    noise.truncate(70_001);
    let half = register().get(..11).expect("half a header").to_vec();
    vec![
        Vec::new(),
        half,
        unknown,
        noise,
        [register(), register()].concat(),
    ]
}

#[test]
fn without_a_knob_every_byte_goes_on_as_it_came() {
    for requests in anything() {
        for responses in [received(), vec![0xff; 3]] {
            let passed = pass("", None, &requests, &responses);
            assert!(passed.requests == requests && passed.responses == responses);
        }
    }
}

#[test]
fn split_changes_no_byte_either() {
    let passed = pass("", Some(3), &register(), &received());
    assert!(passed.requests == register() && passed.responses == received());
}

#[test]
fn says_what_passes_and_logs_it_with_its_fields() {
    let passed = pass("", None, &register(), &received());
    for part in [
        "1 > 1100 register, 278 bytes: client-id 00000000000000000000000000000000, client-name \"alice\"\n",
        "1 < 2103 file received, 286 bytes: client-id",
        "file-name \"a.txt\", cksum 7\n",
        "1 > end of the stream\n",
    ] {
        assert!(passed.printed.contains(part), "{part}\n{}", passed.printed);
    }
    let log = fs::read_to_string(passed.folder.path().join("wire-1.txt")).expect("a log");
    assert!(
        log.contains("> 1100 register, 278 bytes\n") && log.contains("  cksum = 7\n"),
        "{log}"
    );
    let half = pass("", None, &[1; 5], &[]);
    assert!(
        half.printed
            .contains("1 > 5 bytes that are no whole message"),
        "{}",
        half.printed
    );
}

/// The payloads of the capture, put together by their sequence numbers, are the streams.
#[test]
fn captures_what_wireshark_puts_together_again() {
    let requests = [register(), vec![5; 100_000]].concat();
    let passed = pass("", None, &requests, &received());
    let file = File::open(passed.folder.path().join("capture.pcapng")).expect("a capture");
    let mut reader = PcapNgReader::new(file).expect("pcapng");
    let mut streams: Vec<(u16, Vec<u8>)> = Vec::new();
    let mut flags = Vec::new();
    while let Some(block) = reader.next_block() {
        let Block::EnhancedPacket(packet) = block.expect("a block") else {
            continue;
        };
        let sliced = SlicedPacket::from_ip(&packet.data).expect("an IP packet");
        let Some(etherparse::TransportSlice::Tcp(tcp)) = sliced.transport else {
            panic!("no TCP")
        };
        if tcp.syn() {
            streams.push((tcp.source_port(), Vec::new()));
        }
        flags.push((tcp.syn(), tcp.fin(), tcp.rst()));
        let stream = streams
            .iter_mut()
            .find(|(port, _)| *port == tcp.source_port());
        let (_, bytes) = stream.expect("a stream that began");
        if !tcp.payload().is_empty() {
            // The sequence number counts the SYN as one.
            assert_eq!(tcp.sequence_number() as usize, bytes.len() + 1);
            bytes.extend_from_slice(tcp.payload());
        }
    }
    let streams: Vec<_> = streams.into_iter().map(|(_, bytes)| bytes).collect();
    assert!(streams == [requests, received()]);
    assert_eq!(flags.iter().filter(|(_, fin, _)| *fin).count(), 2);
    assert!(flags.iter().all(|(.., rst)| !rst));
}

#[test]
fn a_script_changes_the_message_that_it_names_and_no_other() {
    let responses = [received(), received(), registered()].concat();
    let script = "[[change]]\nmessage = \"file-received\"\nnth = 2\nset = { cksum = 258, file-name = \"b\" }\nappend = \"ff\"\n";
    let passed = pass(script, None, &register(), &responses);
    let mut due = received();
    let end = due.len();
    due[end - 4..].copy_from_slice(&[2, 1, 0, 0]);
    due[27..32].copy_from_slice(b"b\0\0\0\0");
    due.push(0xff);
    assert!(passed.responses == [received(), due, registered()].concat());
    assert!(
        passed.printed.contains("! file received: changed\n"),
        "{}",
        passed.printed
    );
}

#[test]
fn what_a_knob_changed_is_shown_as_sent_and_as_it_arrives() {
    let responses = [received(), registered()].concat();
    let cksum = "[[change]]\nmessage = 2103\nset = { cksum = 258 }\n";
    let flip = || Some("1100.version".parse().expect("a flip"));
    for (flip, changes, sent, arrives) in [
        (
            None,
            cksum,
            "1 < 2103 file received, 286 bytes: client-id",
            "1 < arrives as 2103 file received, 286 bytes: client-id",
        ),
        (
            None,
            "[[change]]\nmessage = 2103\nsend = \"0102\"\n",
            "cksum 7\n",
            // Together with the message behind it, as its receiver reads the two.
            "1 < arrives as 770 unknown, 1050683 bytes, of which 25 came",
        ),
        (
            flip(),
            "",
            "1 > 1100 register",
            "1 > arrives as 1100 register",
        ),
    ] {
        let passed = pass_and_flip(flip, changes, None, &register(), &responses);
        let printed = &passed.printed;
        for part in [sent, arrives] {
            assert!(printed.contains(part), "{part}\n{printed}");
        }
        assert_eq!(printed.matches("arrives as").count(), 1, "{printed}");
        let log = fs::read_to_string(passed.folder.path().join("wire-1.txt")).expect("a log");
        assert_eq!(log.matches("arrives as").count(), 1, "{log}");
    }
    let passed = pass(cksum, None, &register(), &responses);
    assert!(passed.printed.contains("cksum 7\n") && passed.printed.contains("cksum 258\n"));
    let drop = "[[change]]\nmessage = 2103\ndrop = true\n";
    let passed = pass(drop, None, &register(), &responses);
    assert!(!passed.printed.contains("arrives as"), "{}", passed.printed);
}

#[test]
fn a_script_drops_ends_and_replaces() {
    let responses = [registered(), received(), registered()].concat();
    let of = |what: &str| {
        let script = format!("[[change]]\nmessage = 2103\n{what}\n");
        pass(&script, None, &register(), &responses).responses
    };
    assert!(of("drop = true") == [registered(), registered()].concat());
    assert!(of("end = true") == registered());
    assert!(of("send = \"0102\"") == [&registered()[..], &[1, 2], &registered()].concat());
}

#[test]
fn what_is_dropped_goes_with_its_content() {
    let dialect = dialect();
    let values =
        Values::default()
            .bytes(Field::FileName, b"a.txt")
            .number(&dialect, Field::ContentSize, 48);
    let mut payload = frame::payload(&dialect, Kind::SendFile, &values);
    payload.extend([7; 48]);
    let file = frame::request(&dialect, Kind::SendFile, &[0; 16], &payload);
    let requests = [register(), file, register()].concat();
    let script = "[[change]]\nmessage = \"send-file\"\ndrop = true\n";
    let passed = pass(script, None, &requests, &[]);
    assert!(passed.requests == [register(), register()].concat());
    assert!(
        passed.printed.contains("content-size 48"),
        "{}",
        passed.printed
    );
}

#[test]
fn a_script_that_makes_no_sense_is_refused_with_the_reason() {
    for (text, part) in [
        (
            "message = \"nothing\"\ndrop = true",
            "'nothing' is no message of seed",
        ),
        (
            "message = 9999\ndrop = true",
            "'9999' is no message of seed",
        ),
        ("message = 2103", "needs one of drop, end, send"),
        ("message = 2103\ndrop = true\nend = true", "needs one of"),
        (
            "message = 2103\nset = { nothing = 1 }",
            "has no field 'nothing': ",
        ),
        (
            "message = 2103\nset = { cksum = \"hex:0102030405\" }",
            "cksum has 4 bytes, not 5",
        ),
        ("message = 2103\nset = { cksum = \"hex:0\" }", "hex digits"),
        ("message = 2103\nsend = \"xy\"", "hex digits"),
        ("message = 2103\nnth = 0\ndrop = true", "nth counts from 1"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("script.toml");
        fs::write(&file, format!("[[change]]\n{text}\n")).expect("written");
        let changes = script(&file).expect("TOML");
        let error = Changes::new(&dialect(), &changes, Box::new(|_| ()))
            .err()
            .expect("a reason");
        assert!(error.contains(part), "{error}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("script.toml");
    fs::write(&file, "[[change]]\nmessage = 2103\ndorp = true\n").expect("written");
    assert!(
        script(&file)
            .expect_err("a wrong key")
            .contains("script.toml")
    );
}
