use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::dialect::Dialect;
use crate::examine::event::{
    CaseEnded, CaseLevel, FORMAT, FindingEvent, PairEvent, PlaceEvent, RunEnded, RunStarted,
    Verdict,
};
use crate::frame;
use crate::message::{Field, Kind};

/// What a peer might say to get at a reader's terminal, browser or parser.
const HOSTILE: &str = "<script>alert(1)</script>\u{1b}[2J\u{0}]]>\u{202e}| `x` & \"";

fn case(id: &str, verdict: Verdict) -> CaseEnded {
    CaseEnded {
        case: id.into(),
        section: "5".into(),
        level: CaseLevel::Must,
        does: "sends a file of 9 bytes".into(),
        expects: "the checksum that `cksum` prints".into(),
        verdict,
        reason: None,
        seconds: 0.25,
        tries: 1,
        findings: Vec::new(),
        wire_logs: vec!["wire-1.txt".into()],
        output: Vec::new(),
        again: format!("backup-interop server --addr 127.0.0.1:1 --case {id}"),
        pair: None,
    }
}

fn finding() -> FindingEvent {
    let dialect = Dialect::find("seed").expect("a dialect");
    let values = frame::Values::default()
        .bytes(Field::FileName, b"report.txt")
        .number(&dialect, Field::Cksum, 3_421_780_262);
    let payload = frame::payload(&dialect, Kind::FileReceived, &values);
    let bytes = frame::response(&dialect, Kind::FileReceived, &payload);
    FindingEvent {
        level: CaseLevel::Must,
        field: "cksum".into(),
        expected: "930766865".into(),
        got: "3421780262".into(),
        section: "5".into(),
        cause: Some("it is zlib's CRC-32 of the plaintext in its place: crc=zlib".into()),
        place: Some(PlaceEvent {
            connection: 1,
            direction: "response".into(),
            frame: 3,
            message: "2103 file received".into(),
            offset: bytes.len() - 4,
            bytes: bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            due: None,
        }),
    }
}

/// A run with a case of every verdict, and one with all that a peer can do to the text of a report.
fn events() -> Vec<Event> {
    let mut failed = case("server/checksum/zlib", Verdict::Fail);
    failed.findings.push(finding());
    let mut hostile = case("server/names/hostile", Verdict::Warn);
    hostile.level = CaseLevel::Should;
    hostile.findings.push(FindingEvent {
        level: CaseLevel::Should,
        got: HOSTILE.into(),
        cause: None,
        place: None,
        ..finding()
    });
    let mut cases = vec![case("server/first/backup", Verdict::Pass), failed, hostile];
    for (id, verdict) in [
        ("server/packets/late", Verdict::Skip),
        ("server/packets/none", Verdict::Skip),
        ("server/first/ours", Verdict::Error),
        ("server/first/known", Verdict::Xfail),
        ("server/first/better", Verdict::Xpass),
        ("server/first/sometimes", Verdict::Flaky),
    ] {
        let mut other = case(id, verdict);
        other.reason = Some("it means nothing in this dialect".into());
        cases.push(other);
    }
    let mut events = vec![Event::RunStarted(RunStarted {
        format: FORMAT,
        role: "server".into(),
        peer: "python3 server.py".into(),
        dialect: "seed".into(),
        nearest: "seed".into(),
        evidence: vec!["crc: the cksum of 1 byte is zlib's".into()],
        cases: cases.len(),
        version: "1.0.0".into(),
        started: 1_700_000_000,
    })];
    for case in cases {
        events.push(Event::CaseStarted {
            case: case.case.clone(),
        });
        events.push(Event::CaseEnded(Box::new(case)));
    }
    events.push(Event::RunEnded(RunEnded {
        seconds: 2.5,
        broke_after: Some("server/checksum/zlib".into()),
        stale: vec!["server/gone".into()],
        exit: 1,
    }));
    events
}

/// Some cells of a matrix.
fn matrix() -> Vec<Event> {
    let mut events = events();
    events.truncate(1);
    if let Some(Event::RunStarted(started)) = events.first_mut() {
        started.role = "matrix".into();
    }
    for client in ["backup-client", "cpp-client"] {
        for (id, verdict) in [
            ("matrix/first-backup", Verdict::Pass),
            ("matrix/names", Verdict::Fail),
        ] {
            let mut cell = case(id, verdict);
            if verdict == Verdict::Fail {
                cell.findings.push(finding());
            }
            cell.pair = Some(PairEvent {
                client: client.into(),
                server: "some-server".into(),
                dialect: "seed".into(),
            });
            events.push(Event::CaseEnded(Box::new(cell)));
        }
    }
    events.push(Event::RunEnded(RunEnded {
        seconds: 1.0,
        broke_after: None,
        stale: Vec::new(),
        exit: 1,
    }));
    events
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let log = "> 1100 register, 278 bytes\n  client-name = \"</pre><script>\u{7}\"\n  !!!! cksum at 282\n";
    fs::write(folder.path().join("wire-1.txt"), log).expect("written");
    folder
}

fn rendered(format: Format, events: &[Event]) -> String {
    let folder = folder();
    let mut out = Vec::new();
    render(format, &mut out, events, folder.path()).expect("rendered");
    String::from_utf8(out).expect("text")
}

#[test]
fn the_console_shows_a_failure_with_its_bytes_cause_and_command() {
    let text = rendered(Format::Console, &events());
    for part in [
        "server python3 server.py in seed, 9 cases",
        "FAIL  server/checksum/zlib  (must, PROTOCOL.md 5)",
        "      does      sends a file of 9 bytes",
        "      expects   the checksum that `cksum` prints",
        "    * cksum (PROTOCOL.md 5)",
        "      expected  930766865",
        "      got       3421780262",
        "      likely    it is zlib's CRC-32 of the plaintext in its place: crc=zlib",
        "      in        response 3, 2103 file received, of connection 1; offset 282",
        "           282  cksum             26 39 f4 cb",
        "                                  11 60 7a 37                                      due",
        "wire-1.txt",
        "      again     backup-interop server --addr 127.0.0.1:1 --case server/checksum/zlib",
        "skip  2: it means nothing in this dialect",
        "note  the program did not work any more after server/checksum/zlib",
        "9 cases: 1 passed, 1 warned of, 1 failed, 1 errors of the examiner, 1 flaky, \
         1 passed unexpectedly, 1 failed as expected, 2 skipped in 2.5 s",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(
        !text.contains("server/first/backup"),
        "a case that passed needs no words"
    );
}

#[test]
fn no_report_passes_on_what_a_terminal_or_a_browser_obeys() {
    for format in [
        Format::Console,
        Format::Junit,
        Format::Markdown,
        Format::Html,
    ] {
        let text = rendered(format, &events());
        let bad = text
            .chars()
            .find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
        assert_eq!(bad, None, "{format:?}");
        if format != Format::Console {
            let page = text.replace("text\n", "");
            let script = match format {
                // Inside a fence nothing is markup.
                Format::Markdown => page.contains("\n<script>"),
                _ => page.contains("<script>alert"),
            };
            assert!(!script, "{format:?}\n{page}");
        }
    }
    assert!(!rendered(Format::Html, &events()).contains("</pre><script>"));
}

#[test]
fn a_run_without_an_end_is_reported_as_cut_short() {
    let mut all = events();
    all.pop();
    for format in [Format::Console, Format::Markdown, Format::Html] {
        let text = rendered(format, &all);
        assert!(text.contains("cut short"), "{format:?}\n{text}");
    }
}

#[test]
fn what_is_saved_reads_back_and_is_what_the_schema_says() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../../docs/schema/run.schema.json")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for all in [events(), matrix()] {
        let text = rendered(Format::Jsonl, &all);
        assert_eq!(text.lines().count(), all.len());
        for line in text.lines() {
            let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
            if let Err(error) = validator.validate(&value) {
                panic!("{error} at {}\n{line}", error.instance_path());
            }
            // Every member is in the schema, and none is missing in silence.
            let mut more = value.clone();
            more["another"] = 1.into();
            assert!(!validator.is_valid(&more));
            let mut less = value;
            less.as_object_mut().expect("an object").remove("event");
            assert!(!validator.is_valid(&less));
        }
        let folder = folder();
        fs::write(folder.path().join("run.jsonl"), &text).expect("written");
        assert_eq!(read(folder.path()).expect("a run"), all);
    }
}

#[test]
fn a_run_that_is_none_is_refused_with_the_line() {
    let folder = folder();
    let file = folder.path().join("run.jsonl");
    for (text, part) in [
        ("", "does not begin as a run does"),
        (
            "{\"event\":\"case-started\",\"case\":\"x\"}",
            "does not begin",
        ),
        ("\n{\"event\":\"nothing\"}", "line 2"),
    ] {
        fs::write(&file, text).expect("written");
        let error = read(&file).expect_err("no run").to_string();
        assert!(
            error.contains(part) && error.contains("run.jsonl"),
            "{error}"
        );
    }
    assert!(read(Path::new("/no/such/run")).is_err());
}

/// The schema that Jenkins reads JUnit XML by, with its licence inside.
#[test]
fn the_junit_report_is_what_jenkins_reads() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/junit-10/junit-10.xsd");
    let folder = folder();
    for (name, all) in [("server", events()), ("matrix", matrix())] {
        let file = folder.path().join(format!("{name}.xml"));
        fs::write(&file, rendered(Format::Junit, &all)).expect("written");
        let xmllint = Command::new("xmllint")
            .arg("--noout")
            .arg("--schema")
            .arg(&schema)
            .arg(&file)
            .output()
            .expect("xmllint runs: it is in Debian's libxml2-utils (make setup)");
        let said = String::from_utf8_lossy(&xmllint.stderr);
        assert!(xmllint.status.success(), "{said}");
    }
    let text = rendered(Format::Junit, &events());
    assert!(
        text.contains(r#"tests="9" failures="2" errors="1""#),
        "{text}"
    );
    assert!(
        text.contains(
            r#"<failure type="fail" message="cksum: expected 930766865, got 3421780262">"#
        )
    );
}

#[test]
fn markdown_has_a_row_a_chapter_and_escapes_what_it_would_obey() {
    let text = rendered(Format::Markdown, &events());
    for part in [
        "| chapter | pass | warn | fail | error | flaky | xpass | xfail | skip |",
        "| server/checksum |  |  | 1 |  |  |  |  |  |",
        "## fail server/checksum/zlib",
        "| 2 | it means nothing in this dialect |",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn the_page_needs_nothing_but_itself() {
    for all in [events(), matrix()] {
        let page = rendered(Format::Html, &all);
        for outside in ["http://", "https://", "src=", "url(", "@import", "<link"] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("prefers-color-scheme: dark"));
        assert!(page.contains("<mark>26</mark>"), "the wrong byte is marked");
        assert!(page.contains(r#"<span class="due">11 60 7a 37</span>"#));
    }
    let page = rendered(Format::Html, &matrix());
    assert!(
        page.contains(r##"<a class="fail" href="#case-2""##),
        "{page}"
    );
}

/// A browser reads the page: the script runs, the case of the address opens, and nothing is wider than a phone.
#[test]
fn a_browser_shows_the_page() {
    let Some(browser) = browser() else {
        // A machine without one has the other tests of the page.
        return;
    };
    let folder = folder();
    for (name, all) in [("server", events()), ("matrix", matrix())] {
        let mut page = rendered(Format::Html, &all);
        page.push_str(
            "<script>document.title = document.documentElement.scrollWidth <= window.innerWidth ? 'fits' : \
             'too wide: ' + document.documentElement.scrollWidth</script>",
        );
        let file = folder.path().join(format!("{name}.html"));
        fs::write(&file, page).expect("written");
        let shown = Command::new(&browser)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--window-size=500,900",
            ])
            .arg(format!(
                "--user-data-dir={}",
                folder.path().join("profile").display()
            ))
            .arg("--dump-dom")
            .arg(format!("file://{}#case-1", file.display()))
            .output()
            .expect("the browser runs");
        let dom = String::from_utf8_lossy(&shown.stdout);
        assert!(dom.contains("<title>fits</title>"), "{dom}");
        let opened = r#"<details class="case" id="case-1" data-verdict="pass" open="">"#;
        assert!(dom.contains(opened), "{dom}");
    }
}

fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    std::env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|file| file.is_file())
}

#[test]
fn a_report_is_asked_for_by_format_and_file() {
    let wanted: Wanted = "html=a=b.html".parse().expect("a report");
    assert_eq!(wanted.file, Path::new("a=b.html"));
    assert_eq!(wanted.format, Format::Html);
    for wrong in ["html", "html=", "pdf=x", "=x"] {
        assert!(wrong.parse::<Wanted>().is_err(), "{wrong}");
    }
    let wanted = ["junit=/no/such/folder/x.xml".parse().expect("a report")];
    let error = sinks(&wanted, Path::new("."))
        .err()
        .expect("no such folder");
    assert!(
        error.to_string().contains("/no/such/folder/x.xml"),
        "{error}"
    );
}
