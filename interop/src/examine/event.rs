//! What happens in an examination, as a stream of events: the one thing that every report is made
//! from. A run is saved as one JSON object a line, `run.jsonl`, in its folder; `docs/schema/run.schema.json`
//! is the schema. Members are added, never changed.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The version of the stream's shape.
pub(crate) const FORMAT: u32 = 1;

/// One line of `run.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Event {
    /// The first event of a run.
    RunStarted(RunStarted),
    /// A case begins.
    CaseStarted {
        /// Its id.
        case: String,
    },
    /// A case has its verdict.
    CaseEnded(Box<CaseEnded>),
    /// The last event of a run; a run without one was cut short.
    RunEnded(RunEnded),
}

/// What is examined, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunStarted {
    pub(crate) format: u32,
    /// `server`, `client` or `matrix`.
    pub(crate) role: String,
    /// The command or the address of the examined program.
    pub(crate) peer: String,
    /// The dialect that the cases run in, modifiers included.
    pub(crate) dialect: String,
    /// The nearest dialect that has a name.
    pub(crate) nearest: String,
    /// What was told or found out about the dialect: one line a parameter.
    pub(crate) evidence: Vec<String>,
    /// How many cases are selected.
    pub(crate) cases: usize,
    /// Version of `backup-interop`.
    pub(crate) version: String,
    /// Seconds since 1970-01-01 UTC.
    pub(crate) started: u64,
}

/// A case and how it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CaseEnded {
    /// `server/registration/name-taken`.
    pub(crate) case: String,
    /// Section of PROTOCOL.md.
    pub(crate) section: String,
    pub(crate) level: CaseLevel,
    pub(crate) does: String,
    pub(crate) expects: String,
    pub(crate) verdict: Verdict,
    /// Why it was skipped, what the examiner's own error was, what an expected failure is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    pub(crate) seconds: f64,
    /// How many times it ran; above 1 only with `--retries`.
    pub(crate) tries: u32,
    pub(crate) findings: Vec<FindingEvent>,
    /// Annotated wire logs, relative to the folder of the run.
    pub(crate) wire_logs: Vec<PathBuf>,
    /// What the examined program printed, relative to the folder of the run.
    pub(crate) output: Vec<PathBuf>,
    /// The command that runs this case alone.
    pub(crate) again: String,
    /// Who met whom, where the case is one cell of a matrix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pair: Option<PairEvent>,
}

/// The two programs of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PairEvent {
    pub(crate) client: String,
    pub(crate) server: String,
    /// What they speak, modifiers included.
    pub(crate) dialect: String,
}

/// How much a case asks, in the words of RFC 2119.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CaseLevel {
    Must,
    Should,
    May,
}

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Pass,
    /// Something that it should do, it does not; a failure under `--strict`.
    Warn,
    Fail,
    /// Not run, for the reason given.
    Skip,
    /// A fault of the examiner, or something that it needs.
    Error,
    /// Failed as the file of expected failures says.
    Xfail,
    /// Passed although the file of expected failures says that it fails.
    Xpass,
    /// Failed, then passed when tried again.
    Flaky,
}

/// One thing that is not as PROTOCOL.md has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FindingEvent {
    /// `must` or `should`.
    pub(crate) level: CaseLevel,
    /// The field's slug, as in the wire log.
    pub(crate) field: String,
    pub(crate) expected: String,
    pub(crate) got: String,
    /// Section of PROTOCOL.md.
    pub(crate) section: String,
    /// What it looks like, where the pattern is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<String>,
    /// Where it is in the bytes, if it is about bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<PlaceEvent>,
}

/// The place of a finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PlaceEvent {
    /// Number of the connection, from 1.
    pub(crate) connection: usize,
    /// `request` or `response`.
    pub(crate) direction: String,
    /// Number of the message in its direction of the connection, from 1.
    pub(crate) frame: usize,
    /// The message with its code: `2103 file received`.
    pub(crate) message: String,
    /// Offset of the first wrong byte from the start of the message.
    pub(crate) offset: usize,
    /// The bytes of the whole message as hex (a long content shortened to its first and last 64 bytes).
    pub(crate) bytes: String,
    /// The bytes that were due in the field's place, as hex, where they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) due: Option<String>,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunEnded {
    pub(crate) seconds: f64,
    /// The case after which the program did not pass the sanity case any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) broke_after: Option<String>,
    /// Entries of the file of expected failures that match no case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) stale: Vec<String>,
    /// Exit code of `backup-interop`.
    pub(crate) exit: u8,
}
