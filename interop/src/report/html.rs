//! A run as one HTML file that needs nothing else: the cases, each with its bytes and its wire logs.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use askama::Template;

use crate::dialect::Dialect;
use crate::examine::cases::level;
use crate::examine::event::{CaseEnded, Event, FindingEvent, Verdict};
use crate::report::bytes::{self, Line};
use crate::report::run::{ALL, Run, chapter, name, plain, word};

/// How much of one log stands in the page, in bytes.
const LOG: usize = 64 * 1024;
/// How many failures are open at first; the rest is mostly more of the same.
const OPEN: usize = 5;
/// How much of all logs together.
const LOGS: usize = 8 * 1024 * 1024;

#[derive(Template)]
#[template(path = "run.html")]
struct Page {
    title: String,
    sum: String,
    facts: Vec<(&'static str, String)>,
    remarks: Vec<String>,
    counts: Vec<(&'static str, usize)>,
    tables: Vec<Table>,
    chapters: Vec<Chapter>,
}

/// The cells of a matrix in one dialect.
struct Table {
    title: String,
    /// Client and server of each column.
    pairs: Vec<String>,
    rows: Vec<(String, Vec<Option<Mark>>)>,
}

#[derive(Clone)]
struct Mark {
    verdict: &'static str,
    sign: &'static str,
    anchor: String,
    title: String,
}

struct Chapter {
    title: String,
    counts: String,
    worst: &'static str,
    cases: Vec<CaseView>,
}

struct CaseView {
    anchor: String,
    name: String,
    verdict: &'static str,
    level: &'static str,
    section: String,
    does: String,
    expects: String,
    reason: String,
    seconds: String,
    tries: u32,
    again: String,
    findings: Vec<FindingView>,
    logs: Vec<LogView>,
    open: bool,
}

struct FindingView {
    field: String,
    section: String,
    expected: String,
    got: String,
    cause: String,
    place: String,
    lines: Vec<Line>,
}

struct LogView {
    path: String,
    /// Class and text of each line.
    lines: Vec<(&'static str, String)>,
    note: String,
}

/// Writes the page of a run; its logs are taken from the run's folder.
pub(super) fn write(mut out: impl Write, events: &[Event], folder: &Path) -> io::Result<()> {
    let run = Run::of(events);
    let dialect = Dialect::find(run.dialect()).ok();
    let mut logs = Logs { folder, left: LOGS };
    let mut chapters: Vec<Chapter> = Vec::new();
    for (number, case) in run.cases.iter().enumerate() {
        let of = match &case.pair {
            Some(pair) => format!("{}: {} -> {}", pair.dialect, pair.client, pair.server),
            None => chapter(case).to_owned(),
        };
        let view = view(case, number, dialect.as_ref(), &mut logs);
        match chapters.iter_mut().find(|known| known.title == plain(&of)) {
            Some(known) => known.cases.push(view),
            None => chapters.push(Chapter {
                title: plain(&of),
                counts: String::new(),
                worst: "pass",
                cases: vec![view],
            }),
        }
    }
    let views = chapters.iter_mut().flat_map(|chapter| &mut chapter.cases);
    for view in views.filter(|view| view.open).skip(OPEN) {
        view.open = false;
    }
    for chapter in &mut chapters {
        chapter.summarise();
    }
    let page = Page {
        title: plain(&run.title()),
        sum: run.sum(),
        facts: facts(&run),
        remarks: run.remarks().iter().map(|remark| plain(remark)).collect(),
        counts: ALL
            .into_iter()
            .map(|verdict| (word(verdict), run.count(verdict)))
            .filter(|(_, count)| *count > 0)
            .collect(),
        tables: tables(&run),
        chapters,
    };
    page.write_into(&mut out)?;
    writeln!(out)
}

impl Chapter {
    fn summarise(&mut self) {
        let count = |verdict: &str| {
            self.cases
                .iter()
                .filter(|case| case.verdict == verdict)
                .count()
        };
        let parts: Vec<_> = ALL
            .into_iter()
            .map(|verdict| (word(verdict), count(word(verdict))))
            .filter(|(_, count)| *count > 0)
            .map(|(word, count)| format!("{count} {word}"))
            .collect();
        let order = [
            "fail", "error", "xpass", "flaky", "warn", "xfail", "pass", "skip",
        ];
        self.worst = order
            .into_iter()
            .find(|verdict| count(verdict) > 0)
            .unwrap_or("pass");
        self.counts = parts.join(", ");
    }
}

fn facts(run: &Run<'_>) -> Vec<(&'static str, String)> {
    let Some(started) = run.started else {
        return Vec::new();
    };
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(started.started));
    let mut facts = vec![("examined", plain(&started.peer))];
    if started.role != "matrix" {
        facts.push(("dialect", plain(&started.dialect)));
    }
    if started.nearest != started.dialect {
        facts.push(("nearest named dialect", plain(&started.nearest)));
    }
    facts.extend(
        started
            .evidence
            .iter()
            .map(|line| ("evidence", plain(line))),
    );
    if let Some(time) = time.filter(|_| started.started < 253_402_300_800) {
        facts.push((
            "started",
            humantime::format_rfc3339_seconds(time).to_string(),
        ));
    }
    facts.push(("backup-interop", plain(&started.version)));
    facts
}

fn view(
    case: &CaseEnded,
    number: usize,
    dialect: Option<&Dialect>,
    logs: &mut Logs<'_>,
) -> CaseView {
    let of_pair = case
        .pair
        .as_ref()
        .and_then(|pair| Dialect::find(&pair.dialect).ok());
    let dialect = of_pair.as_ref().or(dialect);
    let passed = matches!(case.verdict, Verdict::Pass | Verdict::Skip);
    // A matrix has a thousand cells that passed; their logs stay where they are.
    let wanted = !(passed && case.pair.is_some());
    let paths = case.wire_logs.iter().chain(&case.output).filter(|_| wanted);
    CaseView {
        anchor: format!("case-{}", number + 1),
        name: match &case.pair {
            Some(_) => plain(&case.case),
            None => plain(&name(case)),
        },
        verdict: word(case.verdict),
        level: level(case.level),
        section: plain(&case.section),
        does: plain(&case.does),
        expects: plain(&case.expects),
        reason: case.reason.as_deref().map(plain).unwrap_or_default(),
        seconds: format!("{:.2} s", case.seconds),
        tries: case.tries,
        again: plain(&case.again),
        findings: case
            .findings
            .iter()
            .map(|found| finding(found, dialect))
            .collect(),
        logs: paths.map(|path| logs.read(path)).collect(),
        open: matches!(
            case.verdict,
            Verdict::Fail | Verdict::Error | Verdict::Xpass
        ),
    }
}

fn finding(found: &FindingEvent, dialect: Option<&Dialect>) -> FindingView {
    FindingView {
        field: plain(&found.field),
        section: plain(&found.section),
        expected: plain(&found.expected),
        got: plain(&found.got),
        cause: found.cause.as_deref().map(plain).unwrap_or_default(),
        place: found.place.as_ref().map_or_else(String::new, |place| {
            plain(&format!(
                "{} {}, {}, of connection {}; offset {}",
                place.direction, place.frame, place.message, place.connection, place.offset
            ))
        }),
        lines: bytes::lines(found, dialect),
    }
}

/// Reads logs until the page is full.
struct Logs<'a> {
    folder: &'a Path,
    left: usize,
}

impl Logs<'_> {
    fn read(&mut self, path: &PathBuf) -> LogView {
        let allowed = LOG.min(self.left);
        let mut bytes = Vec::new();
        let read = fs::File::open(self.folder.join(path))
            .and_then(|file| file.take(allowed as u64 + 1).read_to_end(&mut bytes));
        let note = match read {
            Ok(_) if bytes.len() > allowed => "and more, in the file".into(),
            Ok(_) => String::new(),
            Err(error) => format!("not there: {error}"),
        };
        bytes.truncate(allowed);
        self.left -= bytes.len();
        let text = String::from_utf8_lossy(&bytes);
        let lines = text
            .lines()
            .map(|line| (class(line), plain(line)))
            .collect();
        LogView {
            path: plain(&path.display().to_string()),
            lines,
            note,
        }
    }
}

/// What a line of a wire log is.
fn class(line: &str) -> &'static str {
    match line.trim_start() {
        text if text.starts_with("!!!!") => "bad",
        _ if line.starts_with('>') => "out",
        _ if line.starts_with('<') => "in",
        _ => "",
    }
}

fn tables(run: &Run<'_>) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for (number, case) in run.cases.iter().enumerate() {
        let Some(pair) = &case.pair else { continue };
        let title = plain(&pair.dialect);
        let column = plain(&format!("{} -> {}", pair.client, pair.server));
        let row = plain(&case.case);
        let at = tables.iter().position(|table| table.title == title);
        let at = at.unwrap_or_else(|| {
            tables.push(Table {
                title,
                pairs: Vec::new(),
                rows: Vec::new(),
            });
            tables.len() - 1
        });
        let Some(table) = tables.get_mut(at) else {
            continue;
        };
        table.put(row, column, Mark::of(case, number));
    }
    tables
}

impl Table {
    fn put(&mut self, row: String, column: String, mark: Mark) {
        let known = self.pairs.iter().position(|pair| *pair == column);
        let column = known.unwrap_or_else(|| {
            self.pairs.push(column);
            for (_, marks) in &mut self.rows {
                marks.push(None);
            }
            self.pairs.len() - 1
        });
        if !self.rows.iter().any(|(known, _)| *known == row) {
            self.rows.push((row.clone(), vec![None; self.pairs.len()]));
        }
        let marks = self.rows.iter_mut().find(|(known, _)| *known == row);
        if let Some(place) = marks.and_then(|(_, marks)| marks.get_mut(column)) {
            *place = Some(mark);
        }
    }
}

impl Mark {
    fn of(case: &CaseEnded, number: usize) -> Self {
        Self {
            verdict: word(case.verdict),
            sign: match case.verdict {
                Verdict::Pass => "✓",
                Verdict::Fail => "✗",
                Verdict::Skip => "–",
                Verdict::Warn => "!",
                Verdict::Error => "E",
                Verdict::Xfail | Verdict::Xpass | Verdict::Flaky => "x",
            },
            anchor: format!("case-{}", number + 1),
            title: plain(&format!("{}: {}", name(case), word(case.verdict))),
        }
    }
}
