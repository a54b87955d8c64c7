//! Which dialect a server speaks, told by what it makes of requests (PROTOCOL.md 10.11).
//!
//! A search keeps every dialect that explains all that was seen: at first the built-in ones, then each
//! of them with one modifier. The first of them is spoken. A server that does not understand it closes,
//! is silent, refuses, or answers in a way of its own: each of these leaves those dialects whose servers
//! would do the same on these very bytes, and the next of them is spoken. Where none is left, one more
//! modifier is tried on those that were there before.
//!
//! Nothing here knows a dialect or a parameter by name: what a server of a dialect would do is asked of
//! the codec.

mod exchange;

use std::sync::LazyLock;

pub(super) use exchange::{Exchange, Fit, Heard, Reaction, SentFile, answer_to, verdict_answer};

use crate::dialect::{Checksum, ChecksumInput, Connection, Dialect, Modifier, VerdictAnswer};
use crate::wire::{Response, VerdictKind};

#[derive(Debug)]
pub(super) struct Search {
    /// What the search began with.
    first: Dialect,
    /// What explains all that was seen, the likeliest first. Never empty.
    candidates: Vec<Dialect>,
    /// The candidates with one more modifier, once they were needed.
    wider: Option<Vec<Dialect>>,
    /// Whether what explains all that was seen with one more modifier is among the candidates.
    grown: bool,
    seen: Vec<Observation>,
    /// The requests, as they were sent, that came to nothing.
    tried: Vec<Vec<u8>>,
}

/// Something that tells dialects apart.
#[derive(Clone, Debug)]
enum Observation {
    Exchange(Box<Exchange>),
    /// A server made an AES key of so many bytes.
    AesKey(usize),
    /// What followed a verdict that was honoured; whether the server closed, if that is known.
    Verdict(VerdictKind, VerdictAnswer, Option<bool>),
}

/// What the bytes say that came.
#[derive(Debug)]
pub(super) enum Hearing {
    /// Not enough yet.
    NeedMore,
    /// A response. With the zeros after it that are there it has so many bytes.
    Response {
        size: usize,
        response: Response,
        /// The dialect that it is in, and what that one's servers make of the request.
        dialect: Dialect,
        reaction: Reaction,
    },
    /// No dialect says this.
    Nothing,
}

/// The built-in dialects, and each with one modifier.
static SIMPLE: LazyLock<Vec<Dialect>> = LazyLock::new(|| {
    let mut candidates = Dialect::all().to_vec();
    candidates.extend(Dialect::all().iter().flat_map(neighbours));
    candidates
});

impl Search {
    /// `first` is the dialect to begin with.
    pub(super) fn new(first: &Dialect) -> Self {
        let mut candidates = vec![first.clone()];
        candidates.extend(SIMPLE.iter().filter(|&other| other != first).cloned());
        Self {
            first: first.clone(),
            candidates,
            wider: None,
            grown: false,
            seen: Vec::new(),
            tried: Vec::new(),
        }
    }

    /// The likeliest dialect.
    pub(super) fn best(&self) -> Option<&Dialect> {
        self.candidates.first()
    }

    /// Whether a dialect explains all that was seen.
    pub(super) fn has(&self, dialect: &Dialect) -> bool {
        self.candidates.contains(dialect)
    }

    /// Whether all candidates agree in something.
    pub(super) fn agree<T: PartialEq>(&self, of: impl Fn(&Dialect) -> T) -> bool {
        let mut all = self.candidates.iter().map(of);
        let first = all.next();
        all.all(|other| Some(other) == first)
    }

    /// Whether it was seen what follows a verdict.
    pub(super) fn knows(&self, kind: VerdictKind) -> bool {
        let mut seen = self.seen.iter();
        seen.any(|seen| matches!(seen, Observation::Verdict(of, ..) if *of == kind))
    }

    /// What `bytes` say, the first that came for `exchange`. If there are no more of them, a response
    /// that only some dialect finds whole is as good.
    pub(super) fn hear(&mut self, exchange: &Exchange, bytes: &[u8], all: bool) -> Hearing {
        match hear(&self.candidates, exchange, bytes, all) {
            Hearing::Nothing => hear(self.wider(), exchange, bytes, all),
            hearing => hearing,
        }
    }

    /// Takes note of an exchange that is over. `false`, and nothing is changed, if no dialect explains
    /// it together with what was seen before.
    pub(super) fn see(&mut self, exchange: Exchange) -> bool {
        self.observe(Observation::Exchange(Box::new(exchange)))
    }

    pub(super) fn see_aes_key(&mut self, size: usize) -> bool {
        self.observe(Observation::AesKey(size))
    }

    /// Takes note of what followed a verdict, in place of what was thought of that verdict before.
    pub(super) fn see_verdict(
        &mut self,
        kind: VerdictKind,
        answer: VerdictAnswer,
        closed: Option<bool>,
    ) -> bool {
        self.seen
            .retain(|seen| !matches!(seen, Observation::Verdict(of, ..) if *of == kind));
        self.observe(Observation::Verdict(kind, answer, closed))
    }

    /// Takes note of zeros that followed the last response after it was thought to be over. `false`,
    /// and nothing is changed, if they cannot be padding.
    pub(super) fn see_padding(&mut self, zeros: usize) -> bool {
        let before = self.seen.clone();
        let last = self.seen.iter_mut().rev().find_map(|seen| match seen {
            Observation::Exchange(exchange) => match &mut exchange.heard {
                Heard::Message(bytes) => Some(bytes),
                _ => None,
            },
            _ => None,
        });
        let Some(bytes) = last else { return false };
        bytes.resize(bytes.len().saturating_add(zeros), 0);
        let explained = self.filter();
        if !explained {
            self.seen = before;
        }
        explained
    }

    /// Takes note of a request that came to nothing.
    pub(super) fn tried(&mut self, sent: Vec<u8>) {
        self.tried.push(sent);
    }

    /// The likeliest dialect that says the request, as `say` has it, in a way that was not tried.
    pub(super) fn untried(&mut self, say: impl Fn(&Dialect) -> Option<Vec<u8>>) -> Option<Dialect> {
        let tried = std::mem::take(&mut self.tried);
        let is_new = |dialect: &&Dialect| say(dialect).is_some_and(|it| !tried.contains(&it));
        let mut found = self.candidates.iter().find(is_new).cloned();
        if found.is_none() && !self.grown && !self.looks_simple() {
            self.grow();
            found = self.candidates.iter().find(is_new).cloned();
        }
        self.tried = tried;
        found
    }

    fn observe(&mut self, observation: Observation) -> bool {
        self.seen.push(observation);
        let explained = self.filter();
        if !explained {
            self.seen.pop();
        }
        explained
    }

    /// Keeps what explains all that was seen; else takes what does with one more modifier. `false` if
    /// nothing does.
    fn filter(&mut self) -> bool {
        let seen = std::mem::take(&mut self.seen);
        let explains = |dialect: &&Dialect| seen.iter().all(|one| one.is_explained_by(dialect));
        let left: Vec<_> = self.candidates.iter().filter(explains).cloned().collect();
        let (left, grow) = if left.is_empty() {
            (
                self.wider().iter().filter(explains).cloned().collect(),
                true,
            )
        } else {
            (left, false)
        };
        self.seen = seen;
        if left.is_empty() {
            return false;
        }
        self.candidates = left;
        self.wider = None;
        if grow {
            self.grow();
        }
        true
    }

    /// Whether a dialect that needs no modifier explains all that was seen. Several at once are then not
    /// worth a try.
    fn looks_simple(&self) -> bool {
        let mut candidates = self.candidates.iter();
        candidates.any(|dialect| *dialect == self.first || Dialect::all().contains(dialect))
    }

    /// Adds what explains all that was seen with one more modifier: what has not shown yet may be
    /// otherwise too.
    fn grow(&mut self) {
        self.grown = true;
        let explains = |dialect: &Dialect| self.seen.iter().all(|one| one.is_explained_by(dialect));
        let others = self.candidates.iter().flat_map(neighbours);
        let others: Vec<_> = others.filter(explains).collect();
        self.candidates.extend(others);
    }

    fn wider(&mut self) -> &[Dialect] {
        let candidates = &self.candidates;
        self.wider
            .get_or_insert_with(|| candidates.iter().flat_map(neighbours).collect())
    }
}

/// Every way to take a checksum that some dialect can have.
pub(super) fn every_sum() -> impl Iterator<Item = (Checksum, ChecksumInput)> {
    let inputs = |&kind| ChecksumInput::ALL.iter().map(move |&input| (kind, input));
    Checksum::ALL.iter().flat_map(inputs)
}

impl Observation {
    fn is_explained_by(&self, dialect: &Dialect) -> bool {
        match self {
            Self::Exchange(exchange) => exchange.is_explained_by(dialect),
            Self::AesKey(size) => dialect.aes_key_size.bytes() == *size,
            Self::Verdict(kind, answer, closed) => {
                let after = dialect.after(*kind);
                let closes = after.close || dialect.connection == Connection::Request;
                after.answer == *answer && closed.is_none_or(|closed| closed == closes)
            }
        }
    }
}

fn hear(candidates: &[Dialect], exchange: &Exchange, bytes: &[u8], all: bool) -> Hearing {
    for dialect in candidates {
        let reaction = exchange.reaction(dialect);
        match exchange.fit(dialect, reaction, bytes) {
            Fit::NeedMore if !all => return Hearing::NeedMore,
            Fit::Whole { missing, .. } if missing > 0 && !all => return Hearing::NeedMore,
            Fit::Whole { size, response, .. } => {
                let after = bytes.get(size..).unwrap_or_default();
                let zeros = after.iter().take_while(|&&byte| byte == 0).count();
                return Hearing::Response {
                    size: size.saturating_add(zeros),
                    response,
                    dialect: dialect.clone(),
                    reaction,
                };
            }
            Fit::None | Fit::NeedMore => {}
        }
    }
    Hearing::Nothing
}

/// What single modifiers make of a dialect.
fn neighbours(dialect: &Dialect) -> impl Iterator<Item = Dialect> {
    Modifier::all().iter().flat_map(move |modifier| {
        let own = modifier.value(dialect);
        let values = modifier
            .values()
            .into_iter()
            .filter(move |value| *value != own);
        values.filter_map(move |value| dialect.modified(&format!("{}={value}", modifier.key)).ok())
    })
}
