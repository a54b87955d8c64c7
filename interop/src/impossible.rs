//! Cells that cannot exist: a checked-in list with reasons, so that none is left out in silence.

use std::path::Path;

use serde::Deserialize;

use crate::dialect::Dialect;
use crate::peer::Peer;
use crate::scenarios::Scenario;

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
    pub(crate) fn reason(
        &self,
        scenario: &Scenario,
        client: &Peer,
        dialect: &Dialect,
    ) -> Option<&str> {
        let entry = self.cell.iter().find(|entry| {
            entry.scenario == scenario.id
                && entry.client == client.name
                && entry.dialect == dialect.name
        });
        entry.map(|entry| entry.reason.as_str())
    }

    /// Entries about parts that are in this run, but about no cell that cannot exist: the reason is
    /// gone, and the entry has to go too.
    pub(crate) fn stale(
        &self,
        scenarios: &[&Scenario],
        clients: &[Peer],
        dialects: &[Dialect],
    ) -> Vec<String> {
        let mut stale = Vec::new();
        for entry in &self.cell {
            let all_known = crate::scenarios::all().any(|known| known.id == entry.scenario);
            let scenario = scenarios.iter().find(|known| known.id == entry.scenario);
            let client = clients.iter().find(|known| known.name == entry.client);
            let dialect = dialects.iter().find(|known| known.name == entry.dialect);
            let cell = format!(
                "{} with {} in {}",
                entry.scenario, entry.client, entry.dialect
            );
            if !all_known {
                stale.push(format!("{cell}: there is no such scenario"));
            } else if let (Some(scenario), Some(client), Some(dialect)) =
                (scenario, client, dialect)
                && scenario.missing(client, dialect).is_none()
            {
                stale.push(format!("{cell}: the client can do it now"));
            }
        }
        stale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let peers = Peer::read_folder(&folder).expect("peers");
        let scenarios: Vec<_> = crate::scenarios::all().collect();
        let stale = list.stale(&scenarios, &peers, &Dialect::built_in());
        assert_eq!(stale.len(), 2, "{stale:?}");
        // A run without that client says nothing about it.
        let stale = list.stale(&scenarios, &[], &Dialect::built_in());
        assert_eq!(stale.len(), 1, "{stale:?}");
    }

    #[test]
    fn the_list_of_this_repository_names_every_cell_that_cannot_exist_and_no_other() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let list = Impossible::read(&folder).expect("a list");
        let mut peers = Peer::read_folder(&folder).expect("peers");
        peers.retain(|peer| peer.role == crate::peer::Role::Client);
        let scenarios: Vec<_> = crate::scenarios::all().collect();
        let dialects = Dialect::built_in();
        assert!(list.stale(&scenarios, &peers, &dialects).is_empty());
        for scenario in scenarios {
            for client in &peers {
                for dialect in &dialects {
                    let listed = list.reason(scenario, client, dialect).is_some();
                    let missing = scenario.missing(client, dialect).is_some();
                    assert_eq!(listed, missing, "{} {} {dialect}", scenario.id, client.name);
                    assert!(!(listed && dialect.name == "seed"), "{}", scenario.id);
                }
            }
        }
    }
}
