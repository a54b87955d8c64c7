//! What a case expects besides what the judge says of the bytes: the course of the last run, and its end.

use super::Setting;
use crate::cell::{Step, Stop};
use crate::judge::{Finding, Whose};
use crate::message::{Field, Kind};

/// How a client should have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Refused,
    GaveUp,
    NotDone,
}

impl Setting {
    /// The requests of the last run.
    pub(crate) fn course(&self) -> Vec<Kind> {
        self.host
            .state()
            .courses
            .last()
            .cloned()
            .unwrap_or_default()
    }

    /// Wants the requests of the last run to be these. A key exchange before a further file is left out of
    /// account: 4.4 recommends it.
    pub(crate) fn expect_course(&mut self, due: &[Kind], section: &'static str) -> Step {
        let mut course = self.course();
        let mut before_file = false;
        course.retain(|kind| {
            let exchange = matches!(kind, Kind::SendPublicKey | Kind::Reconnect);
            let repeated = exchange && before_file;
            before_file |= kind.is_verdict();
            !repeated
        });
        if course == due {
            return Ok(());
        }
        let (due, got) = (self.codes(due), self.codes(&course));
        Err(self.fail(Field::Order, &due, &got, section))
    }

    /// Wants none of these requests to have been made in the last run.
    pub(crate) fn expect_none_of(&mut self, kinds: &[Kind], section: &'static str) -> Step {
        let course = self.course();
        if !course.iter().any(|kind| kinds.contains(kind)) {
            return Ok(());
        }
        let titles: Vec<_> = kinds
            .iter()
            .map(|kind| self.dialect().title_of(*kind))
            .collect();
        let due = format!("no {}", titles.join(", no "));
        let got = self.codes(&course);
        Err(self.fail(Field::Order, &due, &got, section))
    }

    fn codes(&self, kinds: &[Kind]) -> String {
        let codes: Vec<_> = kinds
            .iter()
            .map(|kind| match self.dialect().code(*kind) {
                Some(code) => code.to_string(),
                None => kind.slug(),
            })
            .collect();
        match codes.is_empty() {
            true => "no request".into(),
            false => codes.join(" "),
        }
    }

    /// Wants the exit code to say done, refused or given up, where the client has a table of them.
    pub(crate) fn expect_exit(&mut self, outcome: Outcome) -> Step {
        let (Some(codes), Some(ended)) = (self.examination.program.exit_codes(), self.last.clone())
        else {
            return Ok(());
        };
        let [done, refused, gave_up] = codes;
        let (right, due) = match outcome {
            Outcome::Done => (ended.code == Some(done), format!("exit code {done}")),
            Outcome::Refused => (ended.code == Some(refused), format!("exit code {refused}")),
            Outcome::GaveUp => (ended.code == Some(gave_up), format!("exit code {gave_up}")),
            Outcome::NotDone => (
                ended.code != Some(done),
                format!("an exit code other than {done}"),
            ),
        };
        if right {
            return Ok(());
        }
        Err(self.fail(Field::Exit, &due, &ended.said, "8.5"))
    }

    /// Puts down what is wrong besides the bytes; the case may end with the value or go on.
    pub(crate) fn fail(
        &mut self,
        field: Field,
        due: &str,
        got: &str,
        section: &'static str,
    ) -> Stop {
        self.findings.push(Finding {
            whose: Whose::Client,
            level: self.level,
            field,
            place: None,
            expected: due.into(),
            got: got.into(),
            section,
            cause: None,
            order: u64::MAX,
        });
        Stop::Failed
    }
}
