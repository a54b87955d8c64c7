//! Finding out what a server speaks: every dialect with a name is tried by one whole conversation, and where none fits, the
//! nearest one is changed by one modifier after another until the judge has nothing to say.

use std::path::Path;

use super::{Bench, ServerBench, Setting};
use crate::cell::{Step, Stop};
use crate::dialect::Dialect;
use crate::examine::case::About;
use crate::examine::event::{CaseLevel, FindingEvent};
use crate::message::Kind;

/// What a probe found.
pub(crate) struct Probed {
    pub(crate) dialect: Dialect,
    /// The nearest dialect that has a name.
    pub(crate) nearest: Dialect,
    /// How the server departs from it.
    pub(crate) departures: Vec<Departure>,
    /// Whether a whole conversation went as the dialect has it.
    pub(crate) fits: bool,
    /// What was tried and what it showed, one line each.
    pub(crate) evidence: Vec<String>,
}

/// A parameter that the server has otherwise than the nearest dialect.
#[derive(Debug, Clone)]
pub(crate) struct Departure {
    /// As in `crc=zlib`.
    pub(crate) modifier: String,
    /// What showed it.
    pub(crate) expected: String,
    pub(crate) got: String,
}

/// The conversation of a probe, as a case.
const CONVERSATION: About = About {
    id: "server/probe",
    section: "10",
    level: CaseLevel::Must,
    does: "backs a file up in every way that a dialect may have its own of",
    expects: "what the dialect has",
};

/// No server departs from every dialect in more parameters than this.
const MOST_MODIFIERS: usize = 6;

/// How far a conversation came.
struct Outcome {
    steps: usize,
    findings: Vec<FindingEvent>,
}

impl Outcome {
    /// More is better.
    fn rank(&self) -> (usize, isize) {
        let found = isize::try_from(self.findings.len()).unwrap_or(isize::MAX);
        (self.steps, -found)
    }

    /// Whether it comes further, or as far without the first thing that was wrong before. Fewer findings alone say nothing:
    /// what cannot be read is not judged.
    fn is_better_than(&self, before: &Self) -> bool {
        let first = before.findings.first();
        let gone =
            |first: &FindingEvent| self.findings.iter().all(|found| found.field != first.field);
        let without = first.is_some_and(gone) && self.rank() > before.rank();
        self.steps > before.steps || without
    }

    /// Whether a modifier is named as a likely cause.
    fn names(&self, modifier: &str) -> bool {
        let mut causes = self
            .findings
            .iter()
            .filter_map(|found| found.cause.as_deref());
        causes.any(|cause| cause.contains(modifier))
    }

    fn fits(&self) -> bool {
        self.findings.is_empty() && self.steps == STEPS
    }

    fn shown(&self) -> String {
        let first = self.findings.first().map_or_else(
            || "nothing is wrong".into(),
            |found| {
                format!(
                    "{} expected {}, got {}",
                    found.field, found.expected, found.got
                )
            },
        );
        format!("{} of {STEPS} steps; {first}", self.steps)
    }
}

/// Finds out what the server of this bench speaks. `folder` is for the logs.
pub(crate) fn probe(bench: &ServerBench, folder: &Path) -> Step<Probed> {
    let mut evidence = Vec::new();
    let mut tried = Vec::new();
    for dialect in Dialect::built_in() {
        let outcome = converse(bench, dialect, folder)?;
        evidence.push(format!("{dialect}: {}", outcome.shown()));
        let fits = outcome.fits();
        tried.push((dialect.clone(), outcome));
        if fits {
            break;
        }
    }
    try_again(bench, &mut tried, &mut evidence, folder)?;
    let furthest = || {
        let rank = |at: &usize| tried.get(*at).map(|(_, outcome)| outcome.rank());
        // Of several the first.
        (0..tried.len()).rev().max_by_key(rank)
    };
    let best = one_modifier(bench, &tried, folder)?.or_else(furthest);
    let best = best.ok_or_else(|| Stop::Ours("no dialects".into()))?;
    let (nearest, mut outcome) = tried.swap_remove(best);
    let mut dialect = nearest.clone();
    let mut departures = Vec::new();
    for _ in 0..MOST_MODIFIERS {
        if outcome.fits() {
            break;
        }
        let Some((modifier, changed, better)) = improve(bench, &dialect, &outcome, folder)? else {
            break;
        };
        let without = converse(bench, &dialect, folder)?;
        if !better.is_better_than(&without) {
            // It was chance that made it better, and not the modifier.
            outcome = without;
            continue;
        }
        let shown = outcome.findings.first();
        let text = |part: fn(&FindingEvent) -> &String| {
            shown.map_or_else(String::new, |found| part(found).clone())
        };
        evidence.push(format!("{modifier}: {}", better.shown()));
        departures.push(Departure {
            modifier,
            expected: text(|found| &found.expected),
            got: text(|found| &found.got),
        });
        dialect = changed;
        outcome = better;
    }
    Ok(Probed {
        fits: outcome.fits(),
        dialect,
        nearest,
        departures,
        evidence,
    })
}

/// Where no dialect fits, each is tried once more: a server that takes what a read brings for a message stumbles at random,
/// and needs no modifier for that.
fn try_again(
    bench: &ServerBench,
    tried: &mut [(Dialect, Outcome)],
    evidence: &mut Vec<String>,
    folder: &Path,
) -> Step {
    if tried.iter().any(|(_, outcome)| outcome.fits()) {
        return Ok(());
    }
    for (dialect, outcome) in tried {
        let again = converse(bench, dialect, folder)?;
        if again.rank() <= outcome.rank() {
            continue;
        }
        evidence.push(format!("{dialect}, once more: {}", again.shown()));
        *outcome = again;
        if outcome.fits() {
            break;
        }
    }
    Ok(())
}

/// Where no dialect fits: the first that fits with one modifier, those that are a likely cause before all others. The
/// one that came furthest is not always the nearest.
fn one_modifier(
    bench: &ServerBench,
    tried: &[(Dialect, Outcome)],
    folder: &Path,
) -> Step<Option<usize>> {
    if tried.iter().any(|(_, outcome)| outcome.fits()) {
        return Ok(None);
    }
    for likely in [true, false] {
        for (at, (dialect, outcome)) in tried.iter().enumerate() {
            // Where not even a refusal is understood, only a cause helps on.
            let answered = outcome
                .findings
                .first()
                .is_some_and(|found| found.field == "code");
            if !likely && outcome.steps == 0 && !answered {
                continue;
            }
            for (modifier, changed) in neighbours(dialect) {
                if outcome.names(modifier) == likely && converse(bench, changed, folder)?.fits() {
                    return Ok(Some(at));
                }
            }
        }
    }
    Ok(None)
}

/// The first modifier that is named as a likely cause and makes the conversation better, else the best of all.
fn improve(
    bench: &ServerBench,
    dialect: &Dialect,
    before: &Outcome,
    folder: &Path,
) -> Step<Option<(String, Dialect, Outcome)>> {
    let (likely, others): (Vec<_>, Vec<_>) =
        neighbours(dialect).partition(|(modifier, _)| before.names(modifier));
    let mut best: Option<(String, Dialect, Outcome)> = None;
    for (number, (modifier, changed)) in likely.iter().chain(&others).enumerate() {
        if number == likely.len() && best.is_some() {
            break;
        }
        let outcome = converse(bench, changed, folder)?;
        let known = best.as_ref().map_or(before, |(.., known)| known);
        if outcome.is_better_than(before) && outcome.rank() > known.rank() {
            let fits = outcome.fits();
            best = Some((modifier.clone(), changed.clone(), outcome));
            if fits {
                break;
            }
        }
    }
    Ok(best)
}

/// What a modifier makes of a dialect, but for what only an unusual client would see of it.
fn neighbours(dialect: &Dialect) -> impl Iterator<Item = &(String, Dialect)> {
    let all = dialect.neighbours().iter();
    all.filter(|(_, changed)| changed.public_key_sizes == dialect.public_key_sizes)
}

fn converse(bench: &ServerBench, dialect: &Dialect, folder: &Path) -> Step<Outcome> {
    let bench = bench.speaking(dialect);
    std::fs::create_dir_all(folder)
        .map_err(|error| Stop::Ours(format!("{}: {error}", folder.display())))?;
    let mut again = true;
    loop {
        let mut setting = bench.setting(&CONVERSATION, folder)?;
        let stop = conversation(&mut setting).err();
        let steps = setting.steps;
        let finished = bench.finish(setting, &CONVERSATION, stop);
        match finished.stop {
            Some(stop @ Stop::Ours(_)) => return Err(stop),
            Some(stop @ Stop::NotStarted(_)) if !bench.starts_again() => return Err(stop),
            // The conversation before this one was its end, which showed late.
            Some(Stop::NotStarted(_)) if steps == 0 && again => again = false,
            // What a server does not outlive speaks against the dialect.
            _ => {
                return Ok(Outcome {
                    steps,
                    findings: finished.findings,
                });
            }
        }
    }
}

/// The steps of [`conversation`].
const STEPS: usize = 9;

/// All that a dialect may have its own way of.
fn conversation(s: &mut Setting) -> Step {
    let link = s.connect()?;
    let mut client = s.registered(&link, "probe")?;
    s.steps += 1;
    s.exchanged(&link, &mut client)?;
    s.steps += 1;
    // Long enough for two blocks, and of no whole block.
    s.uploaded(&link, &client, b"probe.txt", b"what does it make of this?")?;
    s.steps += 1;
    s.judged(&link, Kind::CksumWrong, &client, b"probe.txt")?;
    let after = s.dialect().after(Kind::CksumWrong);
    let link = match after.is_some_and(|after| after.close) {
        true => s.connect_after(&link)?,
        false => link,
    };
    s.uploaded(&link, &client, b"probe.txt", b"what does it make of that?")?;
    s.steps += 1;
    verdict(s, &link, &client, Kind::CksumRight)?;
    s.steps += 1;
    let link = s.connect_after(&link)?;
    s.exchanged(&link, &mut client)?;
    s.uploaded(&link, &client, b"probe.txt", b"and of this once more?")?;
    verdict(s, &link, &client, Kind::GiveUp)?;
    s.steps += 1;
    let link = s.connect_after(&link)?;
    link.send(s.register(&client.name).bytes())?;
    link.expect(Kind::Refused)?;
    s.steps += 1;
    let stranger = s.stranger("stranger")?;
    link.send(s.public_key(&stranger).bytes())?;
    link.expect(s.dialect().negative(Some(Kind::SendPublicKey)))?;
    s.steps += 1;
    if s.dialect().reconnects() {
        for _ in 0..2 {
            link.send(s.reconnect(&client).bytes())?;
            let response = link.expect(Kind::Reconnected)?;
            s.take_key(&mut client, &response)?;
        }
    }
    s.steps += 1;
    Ok(())
}

/// Judges, and looks whether the connection stays where the dialect keeps it.
fn verdict(
    s: &mut Setting,
    link: &super::link::Link,
    client: &super::setting::Client,
    kind: Kind,
) -> Step {
    s.judged(link, kind, client, b"probe.txt")?;
    let after = s.dialect().after(kind);
    if after.is_some_and(|after| after.close) {
        return Ok(());
    }
    link.send(s.register(&client.name).bytes())?;
    link.expect(Kind::Refused).map(drop)
}
