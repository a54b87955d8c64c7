//! `matrix.toml`: what runs where the command line does not say.

use std::sync::LazyLock;

use serde::Deserialize;

/// What the file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Names of the dialects in which every scenario runs.
    pub(crate) full: Vec<String>,
    pub(crate) mixed: Mixed,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mixed {
    /// Dialects with modifiers, one parameter each.
    pub(crate) modified: Vec<String>,
    /// Dialect files, relative to this file.
    pub(crate) files: Vec<String>,
    pub(crate) crowd: Vec<Crowd>,
}

/// A server that finds out who speaks to it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Crowd {
    pub(crate) name: String,
    /// What the server is told.
    pub(crate) server: String,
    pub(crate) clients: Vec<String>,
}

const TEXT: &str = include_str!("../../matrix.toml");

static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    toml::from_str(TEXT).unwrap_or_else(|error| panic!("matrix.toml of the build: {error}"))
});

pub(crate) fn config() -> &'static Config {
    &CONFIG
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::dialect::Dialect;

    #[test]
    fn names_dialects_that_there_are() {
        let config = config();
        let crowds = config.mixed.crowd.iter().flat_map(|crowd| &crowd.clients);
        for named in config
            .full
            .iter()
            .chain(&config.mixed.modified)
            .chain(crowds)
        {
            Dialect::find(named).unwrap_or_else(|error| panic!("{error}"));
        }
        for crowd in &config.mixed.crowd {
            let bases = crowd.server.split(',').filter(|word| *word != "auto");
            bases.for_each(|base| drop(Dialect::find(base).expect("a base")));
            assert!(crowd.clients.len() >= 4, "{}", crowd.name);
        }
    }

    #[test]
    fn changes_every_parameter_of_the_protocol_once() {
        let tried: BTreeSet<String> = config()
            .mixed
            .modified
            .iter()
            .flat_map(|named| named.split(',').skip(1))
            .filter_map(|modifier| Some(modifier.split_once('=')?.0.to_owned()))
            .collect();
        let mut missing: BTreeSet<String> = Dialect::built_in()
            .iter()
            .flat_map(Dialect::neighbours)
            .filter_map(|(modifier, _)| Some(modifier.split_once('=')?.0.to_owned()))
            .collect();
        missing.retain(|key| !tried.contains(key));
        assert!(missing.is_empty(), "{missing:?}");
    }
}
