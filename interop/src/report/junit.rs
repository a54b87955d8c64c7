//! A run as JUnit XML, as the Jenkins schema `junit-10.xsd` has it: what CI servers read.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use quick_xml::Writer;
use quick_xml::events::BytesText;

use crate::dialect::Dialect;
use crate::examine::event::{CaseEnded, Event, Verdict};
use crate::report::console;
use crate::report::run::{Run, chapter, name, plain, word};

/// Writes a run: a suite for each chapter.
pub(super) fn write(out: impl Write, events: &[Event], folder: &Path) -> io::Result<()> {
    let run = Run::of(events);
    let mut suites: BTreeMap<&str, Vec<&CaseEnded>> = BTreeMap::new();
    for case in &run.cases {
        suites.entry(chapter(case)).or_default().push(case);
    }
    let dialect = Dialect::find(run.dialect()).ok();
    let mut xml = Writer::new_with_indent(out, b' ', 2);
    let document = xml
        .create_element("testsuites")
        .with_attribute(("name", plain(&run.title()).as_str()));
    let document = totals(&run.cases)
        .into_iter()
        .filter(|(name, _)| *name != "skipped")
        .fold(document, |element, (name, value)| {
            element.with_attribute((name, value.as_str()))
        });
    document.write_inner_content(|xml| {
        for (chapter, cases) in &suites {
            let suite = xml
                .create_element("testsuite")
                .with_attribute(("name", plain(chapter).as_str()));
            let suite = totals(cases)
                .into_iter()
                .fold(suite, |element, (name, value)| {
                    element.with_attribute((name, value.as_str()))
                });
            suite.write_inner_content(|xml| {
                for case in cases {
                    write_case(xml, case, dialect.as_ref(), folder)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    let mut out = xml.into_inner();
    writeln!(out)
}

fn totals(cases: &[&CaseEnded]) -> [(&'static str, String); 5] {
    let count = |what: fn(Verdict) -> bool| {
        let of = cases.iter().filter(|case| what(case.verdict));
        of.count().to_string()
    };
    let seconds: f64 = cases.iter().map(|case| case.seconds).sum();
    [
        ("tests", cases.len().to_string()),
        ("failures", count(is_failure)),
        ("errors", count(|verdict| verdict == Verdict::Error)),
        ("skipped", count(is_skipped)),
        ("time", format!("{seconds:.3}")),
    ]
}

/// A warning is none: JUnit knows no third way, and a build must not break by a should.
fn is_failure(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Fail | Verdict::Xpass)
}

fn is_skipped(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Skip | Verdict::Xfail)
}

fn write_case<W: Write>(
    xml: &mut Writer<W>,
    case: &CaseEnded,
    dialect: Option<&Dialect>,
    folder: &Path,
) -> io::Result<()> {
    let element = xml
        .create_element("testcase")
        .with_attribute(("name", plain(&name(case)).as_str()))
        .with_attribute(("classname", plain(chapter(case)).replace('/', ".").as_str()))
        .with_attribute(("time", format!("{:.3}", case.seconds).as_str()));
    let text = allowed(&console::case_text(case, dialect, folder));
    let kind = match case.verdict {
        Verdict::Pass => {
            element.write_empty()?;
            return Ok(());
        }
        Verdict::Warn => None,
        Verdict::Flaky => Some("flakyFailure"),
        Verdict::Error => Some("error"),
        verdict if is_skipped(verdict) => Some("skipped"),
        _ => Some("failure"),
    };
    element.write_inner_content(|xml| {
        let Some(kind) = kind else {
            xml.create_element("system-out")
                .write_text_content(BytesText::new(&text))?;
            return Ok(());
        };
        xml.create_element(kind)
            .with_attribute(("type", word(case.verdict)))
            .with_attribute(("message", message(case).as_str()))
            .write_text_content(BytesText::new(&text))?;
        Ok(())
    })?;
    Ok(())
}

fn message(case: &CaseEnded) -> String {
    match (&case.reason, case.findings.first()) {
        (Some(reason), _) => plain(reason),
        (None, Some(found)) => plain(&format!(
            "{}: expected {}, got {}",
            found.field, found.expected, found.got
        )),
        (None, None) => plain(&case.expects),
    }
}

/// Without what XML 1.0 has no way to say; line ends stay.
fn allowed(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(plain).collect();
    lines.join("\n")
}
