//! A matrix as events: each cell is a case of a pair.

use std::path::Path;

use crate::cli::Exit;
use crate::examine::event::{
    CaseEnded, CaseLevel, Event, FORMAT, PairEvent, RunEnded, RunStarted, Verdict,
};
use crate::examine::folder;
use crate::matrix::{CellReport, Outcome, Run};

/// The events of a run whose logs are below `folder`.
pub(crate) fn events(run: &Run, folder: &Path, exit: Exit) -> Vec<Event> {
    let mut peers: Vec<&str> = run
        .cells
        .iter()
        .flat_map(|cell| [cell.client.as_str(), cell.server.as_str()])
        .collect();
    peers.sort_unstable();
    peers.dedup();
    let whole = run.seconds.max(0.0) as u64;
    let mut events = vec![Event::RunStarted(RunStarted {
        format: FORMAT,
        role: "matrix".into(),
        peer: peers.join(", "),
        dialect: String::new(),
        nearest: String::new(),
        evidence: Vec::new(),
        cases: run.cells.len(),
        version: env!("CARGO_PKG_VERSION").into(),
        started: folder::seconds_since_1970().saturating_sub(whole),
    })];
    for cell in &run.cells {
        events.push(Event::CaseStarted {
            case: cell.scenario.id.into(),
        });
        events.push(Event::CaseEnded(Box::new(case(cell, folder))));
    }
    events.push(Event::RunEnded(RunEnded {
        seconds: run.seconds,
        broke_after: None,
        stale: run.stale.clone(),
        exit: exit as u8,
    }));
    events
}

fn case(cell: &CellReport, folder: &Path) -> CaseEnded {
    let (verdict, reason) = match &cell.outcome {
        Outcome::Passed if cell.events.is_empty() => (Verdict::Pass, None),
        Outcome::Passed => (Verdict::Warn, None),
        Outcome::Failed => (Verdict::Fail, None),
        Outcome::Impossible(reason) => (Verdict::Skip, Some(reason.clone())),
        Outcome::NotStarted(reason) | Outcome::Error(reason) => {
            (Verdict::Error, Some(reason.clone()))
        }
        Outcome::Interrupted => (Verdict::Skip, Some("interrupted".into())),
    };
    let below = |path: &Path| path.strip_prefix(folder).unwrap_or(path).to_owned();
    CaseEnded {
        case: cell.scenario.id.into(),
        section: cell.scenario.section.into(),
        level: CaseLevel::Must,
        does: cell.scenario.title.into(),
        expects: "both sides do as PROTOCOL.md says".into(),
        verdict,
        reason,
        seconds: cell.seconds,
        tries: 1,
        findings: cell.events.clone(),
        wire_logs: cell.wire_logs.iter().map(|path| below(path)).collect(),
        output: Vec::new(),
        again: cell.again.clone(),
        pair: Some(PairEvent {
            client: cell.client.clone(),
            server: cell.server.clone(),
            dialect: cell.dialect.clone(),
        }),
    }
}
