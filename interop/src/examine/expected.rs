//! The file of expected failures: what is known, written down with its reason, and has to keep failing.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::examine::event::{CaseEnded, FindingEvent, Verdict};
use crate::glob::Glob;

/// The entries of a file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    #[serde(default, rename = "failure")]
    failures: Vec<Failure>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    /// Id of a case; `*` stands for anything.
    case: String,
    reason: String,
    /// What a finding of the case has to contain, in its field, expected, got or likely cause. A failure of
    /// another kind stays a failure then.
    text: Option<String>,
}

impl Expected {
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|e| format!("'{}': {e}", path.display()))?;
        let expected: Self =
            toml::from_str(&text).map_err(|e| format!("'{}': {e}", path.display()))?;
        match expected
            .failures
            .iter()
            .find(|f| f.reason.trim().is_empty())
        {
            Some(failure) => Err(format!(
                "'{}': the entry of {} has no reason",
                path.display(),
                failure.case
            )),
            None => Ok(expected),
        }
    }

    /// Turns the verdict of a case that is written down into the one that this makes of it.
    pub(crate) fn apply(&self, ended: &mut CaseEnded, strict: bool) {
        let of_case = |failure: &&Failure| Glob::new(&failure.case).matches(&ended.case);
        let mut entries = self.failures.iter().filter(of_case).peekable();
        let Some(first) = entries.peek() else {
            return;
        };
        let reason = first.reason.clone();
        let failed = match ended.verdict {
            Verdict::Fail => true,
            Verdict::Warn => strict,
            Verdict::Pass => {
                ended.verdict = Verdict::Xpass;
                ended.reason = Some(reason);
                return;
            }
            _ => false,
        };
        let same = entries.find(|failure| {
            let text = failure.text.as_deref();
            text.is_none_or(|text| ended.findings.iter().any(|found| says(found, text)))
        });
        if let Some(failure) = same.filter(|_| failed) {
            ended.verdict = Verdict::Xfail;
            ended.reason = Some(failure.reason.clone());
        }
    }

    /// Entries that are about no case of the table.
    pub(crate) fn stale<'a>(&self, ids: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
        let gone = |failure: &&Failure| {
            let glob = Glob::new(&failure.case);
            !ids.clone().any(|id| glob.matches(id))
        };
        let stale = self.failures.iter().filter(gone);
        stale.map(|failure| failure.case.clone()).collect()
    }
}

fn says(finding: &FindingEvent, text: &str) -> bool {
    let cause = finding.cause.as_deref().unwrap_or_default();
    [&finding.field, &finding.expected, &finding.got, cause]
        .iter()
        .any(|part| part.contains(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examine::event::CaseLevel;

    fn ended(verdict: Verdict, got: &str) -> CaseEnded {
        CaseEnded {
            case: "server/files/empty".into(),
            section: "5".into(),
            level: CaseLevel::Must,
            does: String::new(),
            expects: String::new(),
            verdict,
            reason: None,
            seconds: 0.0,
            tries: 1,
            findings: vec![FindingEvent {
                level: CaseLevel::Must,
                field: "cksum".into(),
                expected: "1".into(),
                got: got.into(),
                section: "5".into(),
                cause: None,
                place: None,
            }],
            wire_logs: Vec::new(),
            output: Vec::new(),
            again: String::new(),
            pair: None,
        }
    }

    fn expected(text: &str) -> Expected {
        toml::from_str(text).expect("a file")
    }

    fn verdict(file: &Expected, verdict: Verdict, got: &str, strict: bool) -> Verdict {
        let mut ended = ended(verdict, got);
        file.apply(&mut ended, strict);
        ended.verdict
    }

    #[test]
    fn a_failure_that_is_written_down_is_expected_and_a_pass_is_not() {
        let file = expected("[[failure]]\ncase = \"*/empty\"\nreason = \"known\"\ntext = \"42\"");
        let of = |before, got, strict| verdict(&file, before, got, strict);
        assert_eq!(of(Verdict::Fail, "420", false), Verdict::Xfail);
        assert_eq!(of(Verdict::Fail, "7", false), Verdict::Fail);
        assert_eq!(of(Verdict::Pass, "7", false), Verdict::Xpass);
        assert_eq!(of(Verdict::Warn, "42", false), Verdict::Warn);
        assert_eq!(of(Verdict::Warn, "42", true), Verdict::Xfail);
        assert_eq!(of(Verdict::Skip, "42", true), Verdict::Skip);
    }

    #[test]
    fn an_entry_without_a_case_is_stale() {
        let file = expected("[[failure]]\ncase = \"server/gone\"\nreason = \"known\"");
        assert_eq!(
            file.stale(["server/files/empty"].into_iter()),
            ["server/gone"]
        );
        assert!(file.stale(["server/gone"].into_iter()).is_empty());
        assert_eq!(verdict(&file, Verdict::Pass, "", false), Verdict::Pass);
    }

    #[test]
    fn a_key_that_is_not_known_is_refused() {
        assert!(toml::from_str::<Expected>("[[failure]]\nid = \"x\"\nreason = \"y\"").is_err());
    }
}
