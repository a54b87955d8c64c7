//! A run as its events tell it, for the reports that need the whole of it.

use std::fs;
use std::io;
use std::path::Path;

use crate::examine::event::{CaseEnded, Event, RunEnded, RunStarted, Verdict};
use crate::examine::folder;

/// The events of a run, sorted by what they are.
pub(super) struct Run<'a> {
    pub(super) started: Option<&'a RunStarted>,
    /// In the order in which they ended.
    pub(super) cases: Vec<&'a CaseEnded>,
    /// Missing where the run was cut short.
    pub(super) ended: Option<&'a RunEnded>,
}

impl<'a> Run<'a> {
    pub(super) fn of(events: &'a [Event]) -> Self {
        let mut run = Self {
            started: None,
            cases: Vec::new(),
            ended: None,
        };
        for event in events {
            match event {
                Event::RunStarted(started) => run.started = Some(started),
                Event::CaseStarted { .. } => {}
                Event::CaseEnded(ended) => run.cases.push(ended),
                Event::RunEnded(ended) => run.ended = Some(ended),
            }
        }
        run
    }

    /// What was examined, in one line.
    pub(super) fn title(&self) -> String {
        match self.started {
            Some(started) if started.role == "matrix" => format!("matrix: {}", started.peer),
            Some(started) => format!("{} {} in {}", started.role, started.peer, started.dialect),
            None => "a run without a start".into(),
        }
    }

    pub(super) fn dialect(&self) -> &'a str {
        self.started.map_or("", |started| started.dialect.as_str())
    }

    pub(super) fn count(&self, verdict: Verdict) -> usize {
        self.cases
            .iter()
            .filter(|case| case.verdict == verdict)
            .count()
    }

    /// `12 cases: 10 passed, 1 failed, 1 skipped`; what there is none of is left out, failures apart.
    pub(super) fn sum(&self) -> String {
        let plural = if self.cases.len() == 1 { "" } else { "s" };
        let mut parts = Vec::new();
        for verdict in ALL {
            let count = self.count(verdict);
            if count > 0 || matches!(verdict, Verdict::Pass | Verdict::Fail) {
                parts.push(format!("{count} {}", counted(verdict)));
            }
        }
        let seconds = self
            .ended
            .map(|ended| format!(" in {:.1} s", ended.seconds));
        format!(
            "{} case{plural}: {}{}",
            self.cases.len(),
            parts.join(", "),
            seconds.unwrap_or_default()
        )
    }

    /// What is to be said of the run besides its cases.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        match self.ended {
            None => remarks.push("the run was cut short: it has no end".into()),
            Some(ended) => {
                if let Some(case) = &ended.broke_after {
                    remarks.push(format!("the program did not work any more after {case}"));
                }
                for entry in &ended.stale {
                    remarks.push(format!(
                        "stale: the file of expected failures lists {entry}, and no case is about that"
                    ));
                }
            }
        }
        remarks
    }

    /// Cases that were skipped, once a reason.
    pub(super) fn skipped(&self) -> Vec<(&'a str, usize)> {
        let mut reasons: Vec<(&str, usize)> = Vec::new();
        for case in self
            .cases
            .iter()
            .filter(|case| case.verdict == Verdict::Skip)
        {
            let reason = case.reason.as_deref().unwrap_or("no reason given");
            match reasons.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, count)) => *count += 1,
                None => reasons.push((reason, 1)),
            }
        }
        reasons
    }
}

/// Every verdict, in the order in which they are counted.
pub(super) const ALL: [Verdict; 8] = [
    Verdict::Pass,
    Verdict::Warn,
    Verdict::Fail,
    Verdict::Error,
    Verdict::Flaky,
    Verdict::Xpass,
    Verdict::Xfail,
    Verdict::Skip,
];

/// The verdict as it stands in the event stream.
pub(super) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Warn => "warn",
        Verdict::Fail => "fail",
        Verdict::Skip => "skip",
        Verdict::Error => "error",
        Verdict::Xfail => "xfail",
        Verdict::Xpass => "xpass",
        Verdict::Flaky => "flaky",
    }
}

fn counted(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "passed",
        Verdict::Warn => "warned of",
        Verdict::Fail => "failed",
        Verdict::Skip => "skipped",
        Verdict::Error => "errors of the examiner",
        Verdict::Xfail => "failed as expected",
        Verdict::Xpass => "passed unexpectedly",
        Verdict::Flaky => "flaky",
    }
}

/// What a case is called: its id, and the pair where it is one cell of a matrix.
pub(super) fn name(case: &CaseEnded) -> String {
    match &case.pair {
        Some(pair) => format!(
            "{}  {} -> {}  {}",
            case.case, pair.client, pair.server, pair.dialect
        ),
        None => case.case.clone(),
    }
}

/// The chapter of a case: its id without the behaviour.
pub(super) fn chapter(case: &CaseEnded) -> &str {
    case.case
        .rsplit_once('/')
        .map_or(case.case.as_str(), |(chapter, _)| chapter)
}

/// Reads the events of a saved run: its folder, or its `run.jsonl`.
pub(crate) fn read(path: &Path) -> io::Result<Vec<Event>> {
    let file = if path.is_dir() {
        path.join(folder::EVENTS)
    } else {
        path.to_owned()
    };
    let about = |reason: String| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{}: {reason}", file.display()),
        )
    };
    let text = fs::read_to_string(&file).map_err(|error| about(error.to_string()))?;
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    let events = lines
        .map(|(number, line)| {
            serde_json::from_str(line)
                .map_err(|error| about(format!("line {}: {error}", number + 1)))
        })
        .collect::<io::Result<Vec<_>>>()?;
    if !matches!(events.first(), Some(Event::RunStarted(_))) {
        return Err(about("it does not begin as a run does".into()));
    }
    Ok(events)
}

/// A peer's text on one line, with nothing in it that a terminal or a parser would obey.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        let turns = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if character.is_control() || turns || matches!(character, '\u{fffe}' | '\u{ffff}') {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}
