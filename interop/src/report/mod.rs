//! What a run looks like to people and to programs.

mod console;
mod json;

pub(crate) use console::print;
pub(crate) use json::write;

use crate::matrix::{Outcome, Run};

/// How many cells ended how.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Counts {
    pub(crate) cells: usize,
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) impossible: usize,
    pub(crate) not_started: usize,
    pub(crate) errors: usize,
    pub(crate) interrupted: usize,
    /// Findings that only a SHOULD is behind.
    pub(crate) warnings: usize,
}

impl Counts {
    pub(crate) fn of(run: &Run) -> Self {
        let mut counts = Self {
            cells: run.cells.len(),
            ..Self::default()
        };
        for cell in &run.cells {
            let count = match cell.outcome {
                Outcome::Passed => &mut counts.passed,
                Outcome::Failed => &mut counts.failed,
                Outcome::Impossible(_) => &mut counts.impossible,
                Outcome::NotStarted(_) => &mut counts.not_started,
                Outcome::Error(_) => &mut counts.errors,
                Outcome::Interrupted => &mut counts.interrupted,
            };
            *count += 1;
            let should =
                |finding: &&crate::judge::Finding| finding.level == crate::judge::Level::Should;
            counts.warnings += cell.findings.iter().filter(should).count();
        }
        counts
    }
}
