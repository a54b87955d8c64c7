//! The scenarios of the matrix. One is a value in a table and a function beside it, in the file of
//! its chapter.

mod content;
mod course;
mod crowd;
mod habits;
mod meddlers;
mod mixed;
mod names;
mod reconnect;
mod segments;
mod verdicts;

use crate::cell::{Cell, Step};
use crate::dialect::Dialect;
use crate::message::Kind;
use crate::peer::{Ability, Peer};

/// Something that every client does with every server.
pub(crate) struct Scenario {
    /// `matrix/behaviour` or `mixed/behaviour`; never reused for another.
    pub(crate) id: &'static str,
    /// Section of PROTOCOL.md.
    pub(crate) section: &'static str,
    /// What happens, in one line.
    pub(crate) title: &'static str,
    /// What the client has to be able to do.
    pub(crate) needs: &'static [Ability],
    /// How many deadlines of an ordinary cell it has.
    pub(crate) patience: u32,
    pub(crate) place: Place,
    /// Whether it means anything in a dialect.
    pub(crate) applies: fn(&Dialect) -> bool,
    pub(crate) run: fn(&mut Cell) -> Step,
}

/// In which tables a scenario stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// With every pair in every dialect.
    Core,
    /// With every pair, in the dialects that run in full.
    Full,
    /// With every pair in modified dialects that both sides are told.
    Told,
    /// With every client that finds its dialect out, in every dialect and with every modifier.
    Untold,
    /// With every pair in dialects that a file of a user describes.
    File,
    /// With all clients at once, and a server that finds out what they speak.
    Crowd,
}

fn always(_: &Dialect) -> bool {
    true
}

impl Scenario {
    /// What follows `matrix/` or `mixed/`: the name of its folder.
    pub(crate) fn short(&self) -> &'static str {
        self.id.split_once('/').map_or(self.id, |(_, short)| short)
    }

    /// An ability that this client lacks, in this dialect, for the scenario.
    pub(crate) fn missing(&self, client: &Peer, dialect: &Dialect) -> Option<Ability> {
        let lacks = |ability: &&Ability| !client.has(**ability, &dialect.name);
        self.needs.iter().find(lacks).copied()
    }
}

/// Every scenario, in the order of the report.
pub(crate) fn all() -> impl Iterator<Item = &'static Scenario> {
    [
        course::SCENARIOS,
        reconnect::SCENARIOS,
        content::SCENARIOS,
        names::SCENARIOS,
        segments::SCENARIOS,
        verdicts::SCENARIOS,
        habits::SCENARIOS,
        crowd::SCENARIOS,
        mixed::SCENARIOS,
    ]
    .into_iter()
    .flatten()
}

/// The requests of a backup of one file by a client that is new to the server.
const FIRST: [Kind; 4] = [
    Kind::Register,
    Kind::SendPublicKey,
    Kind::SendFile,
    Kind::CksumRight,
];

/// The same by a client that is known.
fn known(dialect: &Dialect) -> [Kind; 3] {
    [begin_known(dialect), Kind::SendFile, Kind::CksumRight]
}

/// With what a client begins that has an identity (4.5, 10.4).
fn begin_known(dialect: &Dialect) -> Kind {
    if dialect.reconnects() {
        Kind::Reconnect
    } else {
        Kind::SendPublicKey
    }
}

/// Bytes that look like nothing in particular and are the same in every run: a file's content.
fn bytes(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_scenario_has_an_id_of_its_own() {
        let ids: BTreeSet<_> = all().map(|scenario| scenario.id).collect();
        assert_eq!(ids.len(), all().count());
        for scenario in all() {
            let mixed = !matches!(scenario.place, Place::Core | Place::Full);
            let prefix = if mixed { "mixed/" } else { "matrix/" };
            assert!(scenario.id.starts_with(prefix), "{}", scenario.id);
            let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(scenario.short().chars().all(allowed), "{}", scenario.id);
            assert!(!scenario.title.is_empty() && !scenario.section.is_empty());
            assert!(scenario.patience > 0);
        }
    }

    #[test]
    fn content_is_the_same_in_every_run() {
        assert_eq!(bytes(20, 1), bytes(20, 1));
        assert_ne!(bytes(20, 1), bytes(20, 2));
        assert_eq!(bytes(0, 1).len(), 0);
        assert_eq!(bytes(17, 1).len(), 17);
    }
}
