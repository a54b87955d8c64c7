//! What a scenario wants to have happened, besides what the judge sees by itself.

use crate::cell::{Cell, RunHandle, Step, Stop, TestFile, ours};
use crate::frame;
use crate::judge::{self, Case, Whose};
use crate::message::{Direction, Field, Kind};
use crate::record::Side;
use crate::store::{self, Store};

impl Cell {
    /// The requests of a run so far, as it sent them.
    pub(crate) fn course(&self, run: RunHandle) -> Vec<Kind> {
        let (dialect, keys, runs) = (&self.setting.dialect, &self.keys, &self.runs);
        self.tap.look(|recording| {
            let case = Case {
                dialect,
                recording,
                keys,
                runs,
            };
            judge::course(&case, run.0)
        })
    }

    /// Wants the requests of a run to be these. A key exchange before a further file is left out of
    /// account: 4.4 recommends it, 2.4 allows it at any time.
    pub(crate) fn expect_course(&mut self, run: RunHandle, expected: &[Kind]) -> Step {
        self.settle()?;
        let mut course = self.course(run);
        let mut before_file = false;
        course.retain(|kind| {
            let repeated = *kind == Kind::SendPublicKey && before_file;
            before_file |= kind.is_verdict();
            !repeated
        });
        if course == expected {
            return Ok(());
        }
        let codes = |kinds: &[Kind]| {
            let codes: Vec<_> = kinds
                .iter()
                .map(|kind| self.dialect().code(*kind).to_string())
                .collect();
            codes.join(" ")
        };
        let (expected, got) = (codes(expected), codes(&course));
        Err(self.fail(Whose::Client, Field::Scenario, &expected, &got, "6"))
    }

    /// Wants so many connections to have been made.
    pub(crate) fn expect_connections(&mut self, expected: usize) -> Step {
        let got = self.tap.look(|recording| recording.connections.len());
        if got >= expected {
            return Ok(());
        }
        let (expected, got) = (format!("{expected} connections"), got.to_string());
        Err(self.fail(Whose::Client, Field::Scenario, &expected, &got, "1.3"))
    }

    /// Wants a message and the fixed fields of the next to have been in one write, as this side saw
    /// it.
    pub(crate) fn expect_in_one_write(&mut self, side: Side, pair: [Kind; 2]) -> Step {
        let dialect = &self.setting.dialect;
        let found = self.tap.look(|recording| {
            recording.connections.iter().any(|connection| {
                let (stream, _) = connection.seen_by(side);
                let (frames, _) = frame::split(dialect, Direction::Request, &stream.bytes);
                frames.windows(2).any(|window| match window {
                    [first, second] => {
                        [first.kind, second.kind] == pair.map(Some)
                            && stream.in_one_read(first.start, second.fixed_end())
                    }
                    _ => false,
                })
            })
        });
        if found {
            return Ok(());
        }
        let [first, second] = pair.map(|kind| dialect.title_of(kind));
        let expected = format!("{first} and the start of {second} in one write");
        if side == Side::Server {
            return Err(Stop::Ours(format!("the tap did not join: {expected}")));
        }
        Err(self.fail(
            Whose::Client,
            Field::OneWrite,
            &expected,
            "two writes",
            "3.1",
        ))
    }

    /// Wants a file to be in the server's folder, now.
    pub(crate) fn expect_stored(&mut self, file: &TestFile) -> Step {
        self.expect_in_store(file, true)
    }

    /// Wants a file not to be in the server's folder, now.
    pub(crate) fn expect_not_stored(&mut self, file: &TestFile) -> Step {
        self.expect_in_store(file, false)
    }

    fn expect_in_store(&mut self, file: &TestFile, expected: bool) -> Step {
        let store = ours(&self.data(), Store::read(&self.data()))?;
        if store.holds(&file.content, store::base_name(&file.name)) == expected {
            return Ok(());
        }
        let name = &file.name;
        let (expected, got) = match expected {
            true => (
                format!("the content of {name:?} in the server's folder"),
                "it is not there",
            ),
            false => (
                format!("no content of {name:?} in the server's folder"),
                "it is there",
            ),
        };
        Err(self.fail(Whose::Server, Field::StoredFile, &expected, got, "7.3"))
    }
}
