//! How far a run of a client has come, and what may come next (PROTOCOL.md 6, 10.9, 10.11).

use std::collections::BTreeSet;

use crate::dialect::{AfterAnswer, ConnectionUse, Dialect};
use crate::judge::Run;
use crate::judge::checks::{Difference, Examination};
use crate::judge::request::{Expected, Sending};
use crate::message::{Direction, Field, Kind};

/// How far a run has come.
pub(super) struct Progress {
    pub(super) course: Vec<Kind>,
    /// What may come next. `None` before the first request.
    pub(super) due: Option<Vec<Kind>>,
    /// It has to come: the run may not end before it.
    pub(super) obliged: bool,
    /// The request that waits for a response.
    pub(super) asked: Option<Kind>,
    /// A verdict that may still be answered.
    pub(super) verdict_out: bool,
    /// Number of the file that is sent now, in the run's list.
    pub(super) file: usize,
    /// The packets of it that have come, between the first and the last one.
    pub(super) sending: Option<Sending>,
    /// Times the present file was sent and answered with 2103.
    pub(super) transmissions: u32,
    pub(super) tries: u32,
    /// What the file on disk makes of the 2103 that is waited for.
    pub(super) expected: Option<Expected>,
    /// Connections on which the dialect lets nothing follow.
    spent: BTreeSet<usize>,
    /// The run was told nonsense, or sent it; nothing after this can be judged.
    pub(super) lost: bool,
    learning: Option<Learning>,
}

/// What there is to know of a run that does not know its dialect: it may try, until a file came across
/// and was judged.
#[derive(Default)]
struct Learning {
    connection: Option<usize>,
    /// Place in the order of events of the last 1103.
    sent: u64,
    /// That of the 1103 on which the first verdict was.
    learned: Option<u64>,
    /// It was given an ID in this run.
    registered: bool,
    registered_again: bool,
}

/// How many connections may lead to nothing: one for each dialect, and one for each way to read the
/// answers of its code set.
const TRIES: usize = 16;

impl Progress {
    pub(super) fn new(given: &Run) -> Self {
        Self {
            course: Vec::new(),
            due: None,
            obliged: false,
            asked: None,
            verdict_out: false,
            file: 0,
            sending: None,
            transmissions: 0,
            tries: 0,
            expected: None,
            spent: BTreeSet::new(),
            lost: false,
            learning: given.untold.then(Learning::default),
        }
    }

    /// A further connection of a run that does not know its dialect is a new try, at whatever request;
    /// so is a further request after one that led to nothing.
    pub(super) fn try_again(&mut self, connection: usize) {
        let Some(learning) = &mut self.learning else {
            return;
        };
        let same = learning.connection == Some(connection);
        if learning.learned.is_some() || (same && !self.lost) {
            return;
        }
        learning.connection = Some(connection);
        self.lost = false;
        self.asked = None;
        self.sending = None;
        self.transmissions = 0;
        self.tries = 0;
        if self.due.is_some() {
            self.allow(Direction::Request.kinds());
        }
    }

    /// A 2100 came.
    pub(super) fn registered(&mut self) {
        if let Some(learning) = &mut self.learning {
            learning.registered = true;
        }
        self.allow(&[Kind::SendPublicKey]);
    }

    /// Whether it does not know its dialect yet.
    pub(super) fn is_looking(&self) -> bool {
        let learning = self.learning.as_ref();
        learning.is_some_and(|learning| learning.learned.is_none())
    }

    /// Whether the run answers for what it did then.
    pub(super) fn is_held_to(&self, order: u64) -> bool {
        self.learning
            .as_ref()
            .is_none_or(|learning| learning.learned.is_some_and(|learned| order >= learned))
    }

    /// What was wrong with how it found out its dialect: what is expected, and what came.
    pub(super) fn learned_badly(&self, connections: usize) -> Option<(String, String)> {
        let learning = self.learning.as_ref()?;
        if learning.registered_again {
            return Some(("no second 1100 after a 2100".into(), "one".into()));
        }
        if learning.learned.is_none() {
            let expected = "a file that comes across, and its verdict".into();
            return Some((expected, format!("none, in {connections} connections")));
        }
        let useful = self.course.len();
        (connections > useful + TRIES).then(|| {
            let expected = "at most one connection for each dialect".into();
            (expected, format!("{connections} connections"))
        })
    }

    /// Whether a request may come now, and on this connection.
    pub(super) fn in_turn(&self, examination: &mut Examination<'_>, dialect: &Dialect, kind: Kind) {
        let connection = examination.connection;
        let got = dialect.title_of(kind);
        let mut order = |expected: String, got: String, section| {
            let difference = Difference {
                field: Field::Order,
                offset: 0,
                expected,
                got,
            };
            examination.report(difference, section, None);
        };
        if let Some(asked) = self.asked {
            let expected = format!("the response to {} is waited for", dialect.title_of(asked));
            order(expected, format!("{got} before it"), "6");
        }
        if let Some(sending) = &self.sending {
            if sending.connection != connection {
                let expected = "packets of one file on one connection".into();
                order(expected, "another connection".into(), "10.7");
            }
        } else if self.spent.contains(&connection) {
            let (expected, section) = match dialect.connection {
                ConnectionUse::Session => (
                    "a new connection: the server ends this one after the last verdict",
                    "2.11",
                ),
                ConnectionUse::Request => ("a connection for each request", "10.9"),
            };
            order(expected.into(), got, section);
        }
    }

    /// What a request that was sent changes.
    pub(super) fn after_request(
        &mut self,
        dialect: &Dialect,
        kind: Kind,
        connection: usize,
        order: u64,
    ) {
        self.learn(kind, order);
        if dialect.connection == ConnectionUse::Request {
            self.spent.insert(connection);
        }
        let after = dialect.after(kind);
        if after.is_some_and(|after| after.close) {
            self.spent.insert(connection);
        }
        let says_no = after.is_some_and(|after| {
            matches!(
                after.answer,
                AfterAnswer::Refused | AfterAnswer::GeneralError
            )
        });
        match kind {
            Kind::SendFile if self.sending.is_some() => self.oblige(Kind::SendFile),
            Kind::CksumWrong => {
                // An answer that says no is read before the file is sent again (10.5).
                self.asked = says_no.then_some(kind);
                self.oblige(Kind::SendFile);
            }
            kind if kind.is_verdict() => {
                self.file += 1;
                self.transmissions = 0;
                self.tries = 0;
                self.allow(&[Kind::SendPublicKey, Kind::Reconnect, Kind::SendFile]);
                self.verdict_out = says_no || kind == Kind::CksumRight;
            }
            kind => {
                self.asked = Some(kind);
                self.obliged = false;
            }
        }
    }

    fn learn(&mut self, kind: Kind, order: u64) {
        let first_packet = self.sending.as_ref().is_none_or(Sending::has_begun_now);
        let Some(learning) = &mut self.learning else {
            return;
        };
        match kind {
            Kind::SendFile if first_packet => learning.sent = order,
            Kind::Register => learning.registered_again |= learning.registered,
            kind if kind.is_verdict() && !self.lost => {
                learning.learned.get_or_insert(learning.sent);
            }
            _ => {}
        }
    }

    /// These may come next, and the run may end.
    pub(super) fn allow(&mut self, due: &[Kind]) {
        self.due = Some(due.to_vec());
        self.obliged = false;
    }

    /// This has to come next.
    pub(super) fn oblige(&mut self, due: Kind) {
        self.due = Some(vec![due]);
        self.obliged = true;
    }
}
