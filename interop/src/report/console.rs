//! An examination at a terminal: a line that moves while it runs, each failure when it happens, the sum.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::dialect::Dialect;
use crate::examine::cases::level;
use crate::examine::event::{CaseEnded, Event, FindingEvent, RunStarted, Verdict};
use crate::report::bytes::{self, Line};
use crate::report::run::{Run, name, plain, word};

/// How many findings of a case are shown; what follows is mostly their consequence.
const SHOWN: usize = 4;

/// Tells of a run as it goes. What lasts goes to `out`, the moving line to stderr if that is a terminal.
pub(super) struct Console<W> {
    out: W,
    /// The folder of the run, before every path.
    folder: std::path::PathBuf,
    dialect: Option<Dialect>,
    progress: Option<ProgressBar>,
    seen: Vec<Event>,
}

impl<W: Write> Console<W> {
    pub(super) fn new(out: W, folder: &Path, live: bool) -> Self {
        let progress = (live && io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{pos} of {len} cases  {wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self {
            out,
            folder: folder.to_owned(),
            dialect: None,
            progress,
            seen: Vec::new(),
        }
    }

    pub(super) fn take(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::RunStarted(started) => self.start(started)?,
            Event::CaseStarted { case } => {
                if let Some(bar) = &self.progress {
                    bar.set_message(plain(case));
                }
            }
            Event::CaseEnded(ended) => {
                let text = case_text(ended, self.dialect.as_ref(), &self.folder);
                let out = &mut self.out;
                match &self.progress {
                    Some(bar) => {
                        bar.suspend(|| out.write_all(text.as_bytes()))?;
                        bar.inc(1);
                    }
                    None => out.write_all(text.as_bytes())?,
                }
            }
            Event::RunEnded(_) => {
                if let Some(bar) = &self.progress {
                    bar.finish_and_clear();
                }
            }
        }
        self.seen.push(event.clone());
        if matches!(event, Event::RunEnded(_)) {
            self.end()?;
        }
        self.out.flush()
    }

    fn start(&mut self, started: &RunStarted) -> io::Result<()> {
        self.dialect = Dialect::find(&started.dialect).ok();
        if let Some(bar) = &self.progress {
            bar.set_length(started.cases as u64);
        }
        let about = Run::of(&[Event::RunStarted(started.clone())]).title();
        writeln!(self.out, "{}, {} cases", plain(&about), started.cases)?;
        for line in &started.evidence {
            writeln!(self.out, "  {}", plain(line))?;
        }
        writeln!(self.out)
    }

    /// What is said at the end, of a run that has one and of one that was cut short.
    pub(super) fn end(&mut self) -> io::Result<()> {
        let run = Run::of(&self.seen);
        for (reason, count) in run.skipped() {
            writeln!(self.out, "skip  {count}: {}", plain(reason))?;
        }
        for remark in run.remarks() {
            writeln!(self.out, "note  {}", plain(&remark))?;
        }
        writeln!(self.out, "{}", run.sum())?;
        if run.cases.iter().any(|case| !quiet(case)) {
            writeln!(self.out, "logs  {}", self.folder.display())?;
        }
        Ok(())
    }
}

fn quiet(case: &CaseEnded) -> bool {
    matches!(case.verdict, Verdict::Pass | Verdict::Skip)
}

/// A case that is worth words, in full; nothing for the others.
pub(super) fn case_text(case: &CaseEnded, dialect: Option<&Dialect>, folder: &Path) -> String {
    let mut text = Vec::new();
    // A `Vec` takes everything that is written.
    let _ = write_case(&mut text, case, dialect, folder);
    String::from_utf8_lossy(&text).into_owned()
}

fn write_case(
    out: &mut impl Write,
    case: &CaseEnded,
    dialect: Option<&Dialect>,
    folder: &Path,
) -> io::Result<()> {
    if quiet(case) {
        return Ok(());
    }
    writeln!(
        out,
        "{:5} {}  ({}, PROTOCOL.md {})",
        word(case.verdict).to_uppercase(),
        plain(&name(case)),
        level(case.level),
        plain(&case.section)
    )?;
    if let Some(reason) = &case.reason {
        writeln!(out, "      reason    {}", plain(reason))?;
    }
    if matches!(case.verdict, Verdict::Xfail) {
        return writeln!(out);
    }
    writeln!(out, "      does      {}", plain(&case.does))?;
    writeln!(out, "      expects   {}", plain(&case.expects))?;
    let of_pair = case
        .pair
        .as_ref()
        .and_then(|pair| Dialect::find(&pair.dialect).ok());
    for found in case.findings.iter().take(SHOWN) {
        finding(out, found, of_pair.as_ref().or(dialect))?;
    }
    if case.findings.len() > SHOWN {
        writeln!(
            out,
            "      and {} more, in the logs",
            case.findings.len() - SHOWN
        )?;
    }
    for log in case.wire_logs.iter().take(SHOWN) {
        writeln!(out, "      wire      {}", folder.join(log).display())?;
    }
    for output in &case.output {
        writeln!(out, "      printed   {}", folder.join(output).display())?;
    }
    writeln!(out, "      again     {}\n", plain(&case.again))
}

fn finding(
    out: &mut impl Write,
    found: &FindingEvent,
    dialect: Option<&Dialect>,
) -> io::Result<()> {
    let section = match found.section.as_str() {
        "" => String::new(),
        section => format!(" (PROTOCOL.md {})", plain(section)),
    };
    writeln!(out, "    * {}{section}", plain(&found.field))?;
    writeln!(out, "      expected  {}", plain(&found.expected))?;
    writeln!(out, "      got       {}", plain(&found.got))?;
    if let Some(cause) = &found.cause {
        writeln!(out, "      likely    {}", plain(cause))?;
    }
    if let Some(place) = &found.place {
        writeln!(
            out,
            "      in        {} {}, {}, of connection {}; offset {}",
            plain(&place.direction),
            place.frame,
            plain(&place.message),
            place.connection,
            place.offset
        )?;
    }
    for line in bytes::around(&bytes::lines(found, dialect)) {
        write_line(out, line)?;
    }
    Ok(())
}

fn write_line(out: &mut impl Write, line: &Line) -> io::Result<()> {
    let Line { offset, field, .. } = line;
    if let Some(instead) = &line.instead {
        return writeln!(out, "      {offset:>8}  {:17}.. {instead}", "");
    }
    let hex = line.bytes.join(" ");
    writeln!(out, "      {offset:>8}  {field:17} {hex:47}  {}", line.text)?;
    let Some(wrong) = line.wrong else {
        return Ok(());
    };
    let point = format!("{:width$}^^", "", width = 3 * wrong);
    match &line.due {
        Some(due) => writeln!(out, "      {:>8}  {:17} {due:47}  due", "", "")?,
        None => writeln!(out, "      {:>8}  {:17} {point}", "", "")?,
    }
    Ok(())
}
