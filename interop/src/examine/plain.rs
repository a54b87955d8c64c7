//! The plainest report of a run: one line a case, and what is wrong below it.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::examine::event::{CaseEnded, Event, Verdict};
use crate::examine::run::Sink;

/// Prints a run as it goes on. Paths are shown below the folder of the run.
pub(crate) fn sink<'a>(mut out: impl Write + Send + 'a, folder: PathBuf) -> Sink<'a> {
    let mut counts = [0_usize; 8];
    Box::new(move |event| match event {
        Event::RunStarted(run) => writeln!(
            out,
            "{} {}, dialect {}, {} cases",
            run.role, run.peer, run.dialect, run.cases
        ),
        Event::CaseStarted { .. } => Ok(()),
        Event::CaseEnded(ended) => {
            if let Some(count) = counts.get_mut(ended.verdict as usize) {
                *count += 1;
            }
            case(&mut out, ended, &folder)
        }
        Event::RunEnded(run) => {
            let [pass, warn, fail, skip, error, xfail, xpass, flaky] = counts;
            for stale in &run.stale {
                writeln!(out, "expected failure of '{stale}' is about no case")?;
            }
            if let Some(after) = &run.broke_after {
                writeln!(out, "the program did not work any more after {after}")?;
            }
            writeln!(
                out,
                "{pass} passed, {warn} warned, {fail} failed, {skip} skipped, {error} errors, {xfail} failed as \
                 expected, {xpass} passed unexpectedly, {flaky} flaky in {:.1} s; logs in {}",
                run.seconds,
                folder.display()
            )
        }
    })
}

fn case(out: &mut impl Write, ended: &CaseEnded, folder: &std::path::Path) -> io::Result<()> {
    let verdict = match ended.verdict {
        Verdict::Pass => "pass ",
        Verdict::Warn => "WARN ",
        Verdict::Fail => "FAIL ",
        Verdict::Skip => "skip ",
        Verdict::Error => "ERROR",
        Verdict::Xfail => "xfail",
        Verdict::Xpass => "XPASS",
        Verdict::Flaky => "FLAKY",
    };
    let reason = ended.reason.as_deref();
    let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    writeln!(out, "{verdict} {}{reason}", ended.case)?;
    let told = matches!(
        ended.verdict,
        Verdict::Warn | Verdict::Fail | Verdict::Error | Verdict::Flaky
    );
    if !told {
        return Ok(());
    }
    writeln!(out, "      does      {}", ended.does)?;
    writeln!(
        out,
        "      expects   {} (PROTOCOL.md {})",
        ended.expects, ended.section
    )?;
    for finding in &ended.findings {
        writeln!(
            out,
            "    * {} (PROTOCOL.md {})",
            finding.field, finding.section
        )?;
        if let Some(place) = &finding.place {
            writeln!(
                out,
                "      frame     {} {}, {}, of connection {}; offset {}",
                place.direction, place.frame, place.message, place.connection, place.offset
            )?;
        }
        writeln!(out, "      expected  {}", finding.expected)?;
        writeln!(out, "      got       {}", finding.got)?;
        if let Some(cause) = &finding.cause {
            writeln!(out, "      likely    {cause}")?;
        }
    }
    for log in &ended.wire_logs {
        writeln!(out, "      wire      {}", folder.join(log).display())?;
    }
    writeln!(out, "      again     {}", ended.again)
}
