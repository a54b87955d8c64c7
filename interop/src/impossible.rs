//! Cells that cannot exist: a checked-in list with reasons, so that none is left out in silence.

use std::path::Path;

use serde::Deserialize;

use crate::matrix::Job;

/// The file `impossible.toml` beside the peers.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Impossible {
    #[serde(default)]
    cell: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    scenario: String,
    client: String,
    dialect: String,
    reason: String,
}

impl Impossible {
    /// Reads the list; a folder without one has no such cells.
    pub(crate) fn read(folder: &Path) -> Result<Self, String> {
        let path = folder.join("impossible.toml");
        match std::fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|e| format!("{}: {e}", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }

    /// Why a cell cannot exist, if it is listed.
    pub(crate) fn reason(&self, job: &Job) -> Option<&str> {
        let entry = self.cell.iter().find(|entry| entry.is_about(job));
        entry.map(|entry| entry.reason.as_str())
    }

    /// Entries about cells of this run that could exist: the reason is gone, and the entry has to go too.
    pub(crate) fn stale(&self, jobs: &[Job]) -> Vec<String> {
        let mut stale = Vec::new();
        for entry in &self.cell {
            let known = crate::scenarios::all().any(|known| known.id == entry.scenario);
            let able = jobs
                .iter()
                .any(|job| entry.is_about(job) && job.missing().is_none());
            let cell = format!(
                "{} with {} in {}",
                entry.scenario, entry.client, entry.dialect
            );
            if !known {
                stale.push(format!("{cell}: there is no such scenario"));
            } else if able {
                stale.push(format!("{cell}: the client can do it now"));
            }
        }
        stale
    }
}

impl Entry {
    fn is_about(&self, job: &Job) -> bool {
        self.scenario == job.scenario.id
            && self.client == job.client_name()
            && self.dialect == job.dialect_name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{Selection, jobs};
    use crate::peer::{Peer, Role};

    /// Every cell that there can be.
    fn every_job() -> Vec<Job> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let peers = Peer::read_folder(&root.join("peers")).expect("peers");
        let (servers, clients) = peers
            .into_iter()
            .partition(|peer| peer.role == Role::Server);
        let selection = Selection {
            dialects: Vec::new(),
            all: true,
            scenarios: crate::scenarios::all().collect(),
            scenarios_named: false,
            servers,
            clients,
        };
        jobs(&selection, root).expect("the dialects of matrix.toml")
    }

    #[test]
    fn a_listed_cell_that_could_exist_is_stale() {
        let text = r#"
            [[cell]]
            scenario = "matrix/first-backup"
            client = "backup-client"
            dialect = "seed"
            reason = "none"
            [[cell]]
            scenario = "matrix/gone"
            client = "backup-client"
            dialect = "seed"
            reason = "none"
        "#;
        let list: Impossible = toml::from_str(text).expect("a list");
        let stale = list.stale(&every_job());
        assert_eq!(stale.len(), 2, "{stale:?}");
        // A run without that client says nothing about it.
        let stale = list.stale(&[]);
        assert_eq!(stale.len(), 1, "{stale:?}");
    }

    #[test]
    fn the_list_of_this_repository_names_every_cell_that_cannot_exist_and_no_other() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let list = Impossible::read(&folder).expect("a list");
        let jobs = every_job();
        assert_eq!(list.stale(&jobs), [""; 0]);
        for job in &jobs {
            let told = format!("{} {} {}", job.scenario.id, job.client_name(), job.row);
            let listed = list.reason(job).is_some();
            assert_eq!(listed, job.missing().is_some(), "{told}");
            assert!(!(listed && job.dialect_name() == "seed"), "{told}");
        }
        for entry in &list.cell {
            assert!(jobs.iter().any(|job| entry.is_about(job)), "{entry:?}");
        }
    }
}
