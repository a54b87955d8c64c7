//! The end of a cell: everything that passed is judged, and the folders are looked into.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::busy::Waited;
use crate::cell::{Cell, Finished, Stop};
use crate::info_file::InfoFile;
use crate::judge::{self, Case, Judgement, State, Whose};
use crate::message::Field;
use crate::process;
use crate::store::{self, Store};

impl Cell {
    /// Stops the server, judges everything that passed, and looks at the server's folder.
    pub(crate) fn finish(mut self, stop: Option<Stop>) -> Finished {
        let waited = self.tap.wait_idle();
        let mut stop = match waited {
            // Whatever the peers seem to have done, it may be the tap's fault.
            Waited::Panicked => Some(Stop::Ours("the tap panicked".into())),
            Waited::Idle | Waited::TooLong => stop,
        };
        if let Some(server) = &self.server
            && let Some(status) = server.ended()
        {
            let said = process::describe(Some(status));
            let expected = "a server that runs until it is told to stop";
            self.fail(Whose::Server, Field::Exit, expected, &said, "");
        }
        // Before the server is told to stop: its end is then nobody's fault.
        let recording = self.tap.take_recording();
        let flipped = self.setting.flip.is_none() || self.tap.flipped();
        if waited == Waited::Idle {
            let stopped = self.stop_server().err();
            stop = stop.or(stopped);
        } else {
            self.kill_server();
        }
        let case = Case {
            dialect: &self.setting.dialect,
            recording: &recording,
            keys: &self.keys,
            runs: &self.runs,
        };
        let mut judgement = judge::judge(&case);
        let mut findings = std::mem::take(&mut judgement.findings);
        self.check_identities(&judgement);
        match Store::read(&self.data()) {
            Ok(store) => self.check_store(&judgement, &store),
            Err(error) => stop = stop.or_else(|| Some(Stop::Ours(error.to_string()))),
        }
        findings.append(&mut self.findings);
        Finished {
            findings,
            recording,
            dialects: self
                .runs
                .iter()
                .map(|run| Arc::clone(&run.dialect))
                .collect(),
            flipped,
            stop,
        }
    }

    /// Every upload against what its verdicts left of it (2.11, 7.3).
    fn check_store(&mut self, judgement: &Judgement, store: &Store) {
        let kept: Vec<_> = judgement
            .uploads
            .iter()
            .filter(|upload| upload.state != State::Dropped)
            .filter_map(|upload| upload.plain)
            .collect();
        for upload in &judgement.uploads {
            let Some(content) = upload.plain else {
                continue;
            };
            let name = String::from_utf8_lossy(&upload.name);
            let there = store.holds(&content, store::base_name(&name));
            let (expected, got) = match (upload.state, there) {
                (State::Verified, false) => ("a file with the content that 1104 verified", "none"),
                (State::Waiting, false) => ("a file with the content that nobody judged", "none"),
                (State::Dropped, true) if content.1 > 0 && !kept.contains(&content) => (
                    "no file with the content that 1105 or 1106 ended",
                    "it is there",
                ),
                _ => continue,
            };
            let expected = format!("{expected}, {name:?}");
            self.fail(Whose::Server, Field::StoredFile, &expected, got, "7.3");
        }
    }

    /// Every info file against what the client was told (8.3).
    fn check_identities(&mut self, judgement: &Judgement) {
        for number in 0..self.clients.len() {
            let Some(client) = self.clients.get(number) else {
                continue;
            };
            let Some(id) = judgement.ids.get(&number) else {
                continue;
            };
            let name = client.name.clone();
            let folder = client.identity.clone();
            if let Some(reason) = client.unreadable.clone() {
                let expected = "an info file that can be read";
                self.fail(Whose::Client, Field::MeInfo, expected, &reason, "8.3");
                continue;
            }
            let mut wrong = |expected: &str, got: &str| {
                self.fail(Whose::Client, Field::MeInfo, expected, got, "8.3");
            };
            let Ok(info) = InfoFile::read(&folder) else {
                continue;
            };
            if info.name != name {
                wrong(&format!("the name {name:?}"), &format!("{:?}", info.name));
            }
            if info.id != Some(*id) {
                wrong("the client ID of the 2100", "another one");
            }
            if let Some(mode) = InfoFile::find(&folder).and_then(|path| mode_of(&path))
                && mode & 0o077 != 0
            {
                wrong("mode 0600: it holds a secret", &format!("mode {mode:04o}"));
            }
        }
    }
}

fn mode_of(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    Some(fs::metadata(path).ok()?.permissions().mode() & 0o7777)
}
