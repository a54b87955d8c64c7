//! What a scenario wants to have happened, besides what the judge sees by itself.

use std::sync::Arc;

use crate::cell::{Cell, ClientHandle, RunHandle, Step, Stop, TestFile, ours};
use crate::dialect::Dialect;
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
            let exchange = matches!(kind, Kind::SendPublicKey | Kind::Reconnect);
            let repeated = exchange && before_file;
            before_file |= kind.is_verdict();
            !repeated
        });
        if course == expected {
            return Ok(());
        }
        let codes = |kinds: &[Kind]| {
            let dialect = self.runs.get(run.0).map(|run| &run.dialect);
            let code = |kind: &Kind| dialect.and_then(|dialect| dialect.code(*kind));
            let codes: Vec<_> = kinds
                .iter()
                .map(|kind| code(kind).map_or_else(|| kind.slug(), |code| code.to_string()))
                .collect();
            codes.join(" ")
        };
        let (expected, got) = (codes(expected), codes(&course));
        Err(self.fail(Whose::Client, Field::Scenario, &expected, &got, "6"))
    }

    /// Wants the last requests of a run to be these, whatever it tried before.
    pub(crate) fn expect_course_to_end(&mut self, run: RunHandle, expected: &[Kind]) -> Step {
        self.settle()?;
        let course = self.course(run);
        if course.ends_with(expected) {
            return Ok(());
        }
        let titles = |kinds: &[Kind]| {
            let titles: Vec<_> = kinds.iter().map(|kind| kind.slug()).collect();
            titles.join(" ")
        };
        let (expected, got) = (format!(".. {}", titles(expected)), titles(&course));
        Err(self.fail(Whose::Client, Field::Scenario, &expected, &got, "10.11"))
    }

    /// Wants so many packets of a file to have been sent, at least.
    pub(crate) fn expect_packets(&mut self, run: RunHandle, least: usize) -> Step {
        let dialect = self.runs.get(run.0).map(|run| Arc::clone(&run.dialect));
        let dialect = dialect.ok_or_else(|| Stop::Ours("a run of another cell".into()))?;
        let got = self.tap.look(|recording| {
            let of_run = recording.connections.iter();
            of_run
                .filter(|connection| connection.door == run.0)
                .flat_map(|connection| {
                    let bytes = &connection.requests.sent.bytes;
                    frame::split(&dialect, Direction::Request, bytes).0
                })
                .filter(|frame| frame.kind == Some(Kind::SendFile))
                .count()
        });
        if got >= least {
            return Ok(());
        }
        let (expected, got) = (format!("{least} packets"), got.to_string());
        Err(self.fail(Whose::Client, Field::Scenario, &expected, &got, "10.7"))
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
        let dialect = Arc::clone(&self.setting.dialect);
        let found = self.tap.look(|recording| {
            recording.connections.iter().any(|connection| {
                let run = self.runs.get(connection.door);
                let dialect = run.map_or(&dialect, |run| &run.dialect);
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

    /// Wants the server to tell of these clients, and in which dialect each is.
    pub(crate) fn expect_shown_dialects(&mut self, clients: &[ClientHandle]) -> Step {
        let output = self.show_clients()?;
        let shown = match shown_clients(&output) {
            Ok(shown) => shown,
            Err(reason) => {
                let expected = "a JSON list of clients with their names and dialects";
                return Err(self.fail(Whose::Server, Field::Scenario, expected, &reason, "10.10"));
            }
        };
        for handle in clients {
            let client = self.get(*handle)?;
            let (name, dialect) = (client.name.clone(), Arc::clone(&client.dialect));
            let found = shown.iter().find(|(known, _)| *known == name);
            let got = found.map_or("no such client", |(_, dialect)| dialect.as_str());
            let same = Dialect::find(got).is_ok_and(|shown| shown.says_the_same_as(&dialect));
            if !same {
                let expected = format!("client {name:?} in the dialect {dialect}");
                let got = got.to_owned();
                self.fail(Whose::Server, Field::Scenario, &expected, &got, "10.10");
            }
        }
        Ok(())
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

/// Name and dialect of each client that a server shows.
fn shown_clients(output: &str) -> Result<Vec<(String, String)>, String> {
    let json: serde_json::Value =
        serde_json::from_str(output).map_err(|error| format!("{error}: {output}"))?;
    let clients = json.as_array().or_else(|| json.get("clients")?.as_array());
    let clients = clients.ok_or_else(|| format!("no list: {output}"))?;
    let member = |client: &serde_json::Value, name: &str| {
        let text = client.get(name).and_then(|value| value.as_str());
        text.map(str::to_owned)
            .ok_or_else(|| format!("no '{name}' in {client}"))
    };
    clients
        .iter()
        .map(|client| Ok((member(client, "name")?, member(client, "dialect")?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_server_shows_of_its_clients() {
        let shown = r#"{"clients": [{"name": "a", "dialect": "seed", "files": 1}]}"#;
        let one = vec![("a".to_owned(), "seed".to_owned())];
        assert_eq!(shown_clients(shown), Ok(one.clone()));
        assert_eq!(
            shown_clients(r#"[{"name": "a", "dialect": "seed"}]"#),
            Ok(one)
        );
        // A client whose dialect is not told is no client in the right dialect.
        for text in ["", "{}", r#"{"clients": [{"name": "a", "dialect": null}]}"#] {
            assert!(shown_clients(text).is_err(), "{text}");
        }
    }
}
