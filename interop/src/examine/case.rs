//! The table of cases: what one is, whatever it examines.

use crate::dialect::Dialect;
use crate::examine::event::CaseLevel;

/// One case. `S` is what its function works on: the setting of a server's or of a client's case.
pub(crate) struct Case<S: 'static> {
    pub(crate) about: About,
    /// Whether it means anything in a dialect.
    pub(crate) applies: fn(&Dialect) -> bool,
    pub(crate) run: fn(&mut S) -> crate::cell::Step,
}

/// What is said of a case: the same in reports, in `explain`, and in `docs/CASES.md`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About {
    /// `server/chapter/behaviour` or `client/chapter/behaviour`; never reused for another.
    pub(crate) id: &'static str,
    /// Section of PROTOCOL.md.
    pub(crate) section: &'static str,
    pub(crate) level: CaseLevel,
    /// What the examiner does, in one sentence.
    pub(crate) does: &'static str,
    /// What the program has to do, in one sentence.
    pub(crate) expects: &'static str,
}
