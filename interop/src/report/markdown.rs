//! A run as Markdown, for a pull request or the summary of a CI job.

use std::io::{self, Write};
use std::path::Path;

use crate::dialect::Dialect;
use crate::examine::cases::level;
use crate::examine::event::{Event, Verdict};
use crate::report::console;
use crate::report::run::{ALL, Run, chapter, name, plain, word};

/// Writes the sum, a row a chapter, and everything that did not pass.
pub(super) fn write(mut out: impl Write, events: &[Event], folder: &Path) -> io::Result<()> {
    let run = Run::of(events);
    let dialect = Dialect::find(run.dialect()).ok();
    writeln!(out, "# {}\n", escaped(&run.title()))?;
    writeln!(out, "{}\n", escaped(&run.sum()))?;
    for remark in run.remarks() {
        writeln!(out, "- {}", escaped(&remark))?;
    }
    for line in run.started.iter().flat_map(|started| &started.evidence) {
        writeln!(out, "- {}", escaped(line))?;
    }
    let shown: Vec<_> = ALL
        .into_iter()
        .filter(|verdict| run.count(*verdict) > 0)
        .collect();
    let heads: Vec<_> = shown.iter().map(|verdict| word(*verdict)).collect();
    writeln!(out, "\n| chapter | {} |", heads.join(" | "))?;
    writeln!(out, "|---|{}", "---:|".repeat(heads.len()))?;
    let mut chapters: Vec<_> = run.cases.iter().map(|case| chapter(case)).collect();
    chapters.sort_unstable();
    chapters.dedup();
    for of in chapters {
        let count = |verdict: &Verdict| {
            let wanted = run.cases.iter().filter(|case| chapter(case) == of);
            match wanted.filter(|case| case.verdict == *verdict).count() {
                0 => String::new(),
                count => count.to_string(),
            }
        };
        let counts: Vec<_> = shown.iter().map(count).collect();
        writeln!(out, "| {} | {} |", escaped(of), counts.join(" | "))?;
    }
    for case in &run.cases {
        if matches!(case.verdict, Verdict::Pass | Verdict::Skip) {
            continue;
        }
        writeln!(
            out,
            "\n## {} {}\n\n{}, PROTOCOL.md {}\n",
            word(case.verdict),
            escaped(&name(case)),
            level(case.level),
            escaped(&case.section)
        )?;
        let text = console::case_text(case, dialect.as_ref(), folder);
        let fence = fence(&text);
        writeln!(out, "{fence}text\n{}\n{fence}", text.trim_end())?;
    }
    let skipped = run.skipped();
    if !skipped.is_empty() {
        writeln!(out, "\n## skipped\n\n| cases | reason |\n|---:|---|")?;
    }
    for (reason, count) in skipped {
        writeln!(out, "| {count} | {} |", escaped(reason))?;
    }
    Ok(())
}

/// Text that Markdown takes for nothing but text.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for character in plain(text).chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' => {
                out.push('\\');
                out.push(character);
            }
            _ => out.push(character),
        }
    }
    out
}

/// A fence that the text does not end.
fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat((longest + 1).max(3))
}
