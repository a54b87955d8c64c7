//! Which cells a run has: every scenario with every pair, and the mixed tables.

use std::path::Path;
use std::sync::Arc;

use crate::dialect::{Dialect, DialectError};
use crate::matrix::config::{Crowd, config};
use crate::peer::{Ability, Peer};
use crate::scenarios::{Place, Scenario};

/// What the command line selects.
pub(crate) struct Selection {
    /// Empty where it names none.
    pub(crate) dialects: Vec<Dialect>,
    /// Every scenario in every dialect.
    pub(crate) all: bool,
    pub(crate) scenarios: Vec<&'static Scenario>,
    /// They were named, so that they run in every dialect that is selected.
    pub(crate) scenarios_named: bool,
    pub(crate) servers: Vec<Peer>,
    pub(crate) clients: Vec<Peer>,
}

/// A cell to be run.
pub(crate) struct Job {
    /// Title of the table in which it stands, and its row there.
    pub(crate) table: String,
    pub(crate) row: String,
    pub(crate) scenario: &'static Scenario,
    pub(crate) dialect: Arc<Dialect>,
    /// What the server is told where it is not the dialect.
    pub(crate) server_told: Option<String>,
    pub(crate) server: Peer,
    pub(crate) clients: Vec<Peer>,
    pub(crate) crowd: Vec<Arc<Dialect>>,
}

/// The cells of a selection, in the order dialect, server, client, scenario. `files` is the folder to
/// which the dialect files of `matrix.toml` are relative.
pub(crate) fn jobs(selection: &Selection, files: &Path) -> Result<Vec<Job>, DialectError> {
    let mut jobs = Vec::new();
    let named = !selection.dialects.is_empty();
    let dialects = match named {
        true => &selection.dialects[..],
        false => Dialect::built_in(),
    };
    for dialect in dialects.iter().cloned().map(Arc::new) {
        let whole = selection.all
            || selection.scenarios_named
            || config().full.contains(&dialect.to_string());
        selection.pairs(&mut jobs, |server, client, scenario| {
            let runs = match scenario.place {
                Place::Full => whole,
                Place::Core => true,
                _ => false,
            };
            (runs && (scenario.applies)(&dialect)).then(|| Job {
                table: dialect.to_string(),
                row: scenario.id.into(),
                ..Job::new(scenario, &dialect, server, client)
            })
        });
    }
    for place in [Place::Told, Place::Untold, Place::File] {
        if !selection.has(place) {
            continue;
        }
        for dialect in selection.rows(place, files)?.into_iter().map(Arc::new) {
            selection.pairs(&mut jobs, |server, client, scenario| {
                // Into which packets it cuts a file is told to a client, or nothing.
                let untold = client.finds_dialects() && dialect.packet_size == 0;
                let able = place != Place::Untold || untold;
                (scenario.place == place && able).then(|| Job {
                    table: format!("{}: {}", scenario.id, scenario.title),
                    row: dialect.to_string(),
                    ..Job::new(scenario, &dialect, server, client)
                })
            });
        }
    }
    if !named {
        for crowd in &config().mixed.crowd {
            selection.crowd(&mut jobs, crowd)?;
        }
    }
    Ok(jobs)
}

impl Selection {
    fn has(&self, place: Place) -> bool {
        self.scenarios
            .iter()
            .any(|scenario| scenario.place == place)
    }

    fn pairs(
        &self,
        jobs: &mut Vec<Job>,
        job: impl Fn(&Peer, &Peer, &'static Scenario) -> Option<Job>,
    ) {
        for server in &self.servers {
            for client in &self.clients {
                let of_pair = self.scenarios.iter();
                jobs.extend(of_pair.filter_map(|scenario| job(server, client, scenario)));
            }
        }
    }

    /// The dialects of a mixed table.
    fn rows(&self, place: Place, files: &Path) -> Result<Vec<Dialect>, DialectError> {
        if !self.dialects.is_empty() && self.scenarios_named {
            return Ok(self.dialects.clone());
        }
        let mixed = &config().mixed;
        let mut rows = Vec::new();
        if place == Place::Untold {
            rows.extend_from_slice(Dialect::built_in());
        }
        if place != Place::File {
            for modified in &mixed.modified {
                rows.push(Dialect::find(modified)?);
            }
        }
        if place != Place::Told {
            for file in &mixed.files {
                rows.push(Dialect::find(&files.join(file).to_string_lossy())?);
            }
        }
        let named: Vec<_> = self.dialects.iter().map(Dialect::to_string).collect();
        rows.retain(|row| named.is_empty() || named.contains(&row.to_string()));
        Ok(rows)
    }

    fn crowd(&self, jobs: &mut Vec<Job>, crowd: &Crowd) -> Result<(), DialectError> {
        let dialects = crowd
            .clients
            .iter()
            .map(|name| Dialect::find(name).map(Arc::new));
        let dialects: Vec<_> = dialects.collect::<Result<_, _>>()?;
        let Some(first) = dialects.first() else {
            return Ok(());
        };
        let able = |server: &&Peer| server.has(Ability::DialectAuto, &first.name);
        for server in self.servers.iter().filter(able) {
            for scenario in &self.scenarios {
                if scenario.place == Place::Crowd {
                    jobs.push(Job {
                        table: format!("{}: {}", scenario.id, scenario.title),
                        row: format!("{} ({})", crowd.name, crowd.server),
                        server_told: Some(crowd.server.clone()),
                        clients: self.clients.clone(),
                        crowd: dialects.clone(),
                        ..Job::new(scenario, first, server, server)
                    });
                }
            }
        }
        Ok(())
    }
}

impl Job {
    fn new(
        scenario: &'static Scenario,
        dialect: &Arc<Dialect>,
        server: &Peer,
        client: &Peer,
    ) -> Self {
        Self {
            table: String::new(),
            row: String::new(),
            scenario,
            dialect: Arc::clone(dialect),
            server_told: None,
            server: server.clone(),
            clients: vec![client.clone()],
            crowd: Vec::new(),
        }
    }

    /// An ability that a client of it lacks.
    pub(crate) fn missing(&self) -> Option<Ability> {
        let mut clients = self.clients.iter();
        clients.find_map(|client| self.scenario.missing(client, &self.dialect))
    }

    /// The dialect in reports; of a crowd, what tells it from the others.
    pub(crate) fn dialect_name(&self) -> String {
        match self.scenario.place {
            Place::Crowd => self.row.clone(),
            _ => self.dialect.to_string(),
        }
    }

    /// The clients in reports.
    pub(crate) fn client_name(&self) -> String {
        let names: Vec<_> = self.clients.iter().map(|peer| peer.name.as_str()).collect();
        names.join("+")
    }

    /// What selects this cell alone.
    pub(crate) fn again(&self) -> String {
        let mut words = vec![format!(
            "backup-interop matrix --scenario {} --server {}",
            self.scenario.id, self.server.name
        )];
        words.extend(
            self.clients
                .iter()
                .map(|peer| format!("--client {}", peer.name)),
        );
        if self.server_told.is_none() {
            words.push(format!("--dialect {}", self.dialect.expression()));
        }
        words.join(" ")
    }
}
