//! The cases of a server, one file a chapter. A case is a script: the judge knows what is due to every request of it.

mod content;
mod files;
mod framing;
mod keys;
mod names;
mod packets;
mod parameters;
mod reconnect;
mod refusals;
mod registration;
mod resilience;
mod store;
mod verdicts;

use crate::cell::Step;
use crate::dialect::Dialect;
use crate::examine::case::{About, Case, Table};
use crate::examine::event::CaseLevel;
use crate::examine::server::Setting;

/// All cases of a server.
pub(crate) static TABLE: Table<Setting> = Table {
    first: must(
        "server/sanity/first",
        "2",
        "registers a client",
        "2100 with a client ID",
        |s| {
            let link = s.connect()?;
            s.registered(&link, "sanity").map(drop)
        },
    ),
    last: About {
        id: "server/sanity/last",
        section: "2",
        level: CaseLevel::Must,
        does: "registers a client, after all other cases",
        expects: "2100 with a client ID, as in the beginning",
    },
    chapters: &[
        parameters::CASES,
        registration::CASES,
        keys::CASES,
        reconnect::CASES,
        content::CASES,
        files::CASES,
        names::CASES,
        packets::CASES,
        verdicts::CASES,
        refusals::CASES,
        framing::CASES,
        store::CASES,
        resilience::CASES,
    ],
};

type Run = fn(&mut Setting) -> Step;

const fn must(
    id: &'static str,
    section: &'static str,
    does: &'static str,
    expects: &'static str,
    run: Run,
) -> Case<Setting> {
    Case {
        about: About {
            id,
            section,
            level: CaseLevel::Must,
            does,
            expects,
        },
        applies: |_| true,
        run,
    }
}

/// A case about what PROTOCOL.md only recommends.
const fn should(
    id: &'static str,
    section: &'static str,
    does: &'static str,
    expects: &'static str,
    run: Run,
) -> Case<Setting> {
    let mut case = must(id, section, does, expects, run);
    case.about.level = CaseLevel::Should;
    case
}

/// The same case, in some dialects only.
const fn only(applies: fn(&Dialect) -> bool, mut case: Case<Setting>) -> Case<Setting> {
    case.applies = applies;
    case
}
