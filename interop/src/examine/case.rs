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

/// All cases of one role.
pub(crate) struct Table<S: 'static> {
    /// The least that a program has to do for an examination to make sense. It runs first; quietly after each
    /// case that failed; and, as `last`, at the end.
    pub(crate) first: Case<S>,
    /// What is said of the same at the end.
    pub(crate) last: About,
    pub(crate) chapters: &'static [&'static [Case<S>]],
}

impl<S: 'static> Table<S> {
    /// The cases between the first and the last.
    pub(crate) fn cases(&self) -> impl Iterator<Item = &'static Case<S>> + use<S> {
        self.chapters.iter().flat_map(|chapter| chapter.iter())
    }

    /// Every case in the order in which it runs.
    pub(crate) fn abouts(&self) -> impl Iterator<Item = About> {
        let between = self.cases().map(|case| case.about);
        [self.first.about]
            .into_iter()
            .chain(between)
            .chain([self.last])
    }
}
