//! A peer under test: what docs/PEERS.md lets a TOML file say about a program.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A program that the harness can start.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) language: String,
    /// How to build it: shown when it is missing.
    pub(crate) build: String,
    /// Program and arguments. A list in the list is repeated for each file.
    command: Vec<Argument>,
    /// Paths besides the program that have to be there.
    #[serde(default)]
    requires: Vec<String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    /// Text files that are written into the working folder before a start.
    #[serde(default)]
    write: BTreeMap<String, String>,
    /// Server: the line of stdout that begins so ends in `HOST:PORT` once it accepts.
    #[serde(default = "listening_on")]
    pub(crate) ready: String,
    /// Client: the folder of `me.info`.
    #[serde(default = "identity_folder")]
    identity: String,
    /// Client: dialects in which it needs not to be told the dialect; `*` for all.
    #[serde(default)]
    pub(crate) untold_dialects: Vec<String>,
    /// Further arguments, or another command, for each ability.
    #[serde(default)]
    abilities: BTreeMap<Ability, Extra>,
    /// Client: what its exit codes mean. Without them its exit is not judged.
    pub(crate) exit: Option<ExitCodes>,
    #[serde(skip)]
    home: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    Server,
    Client,
}

/// What a scenario may need of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ability {
    /// Is told its dialect.
    Dialect,
    /// Goes on under the identity that an earlier run left.
    KnownClient,
    /// Sends several files in one run.
    ManyFiles,
    /// Uses a new connection for every request.
    ConnectionPerRequest,
    /// Sends a file under another name.
    SendAs,
    /// Reads responses that come in any pieces.
    AnySegmentation,
    /// Is set up by the info files in its folder alone.
    SetUpFiles,
    /// Need not be told the dialect of the cell.
    DialectUntold,
    /// A server: finds out the dialect of each of its clients.
    DialectAuto,
    /// A server: tells which clients it has and in which dialect, as JSON.
    ShowClients,
}

/// The exit codes of a client.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ExitCodes {
    pub(crate) done: i32,
    pub(crate) refused: i32,
    pub(crate) gave_up: i32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Argument {
    One(String),
    ForEachFile(Vec<String>),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Extra {
    Arguments(Vec<String>),
    Instead(Instead),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Instead {
    command: Vec<Argument>,
    #[serde(default)]
    write: BTreeMap<String, String>,
    identity: Option<String>,
}

/// Values of the placeholders.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values {
    /// `{host}`, `{port}`, `{name}`, `{work}`, `{data}`, `{dialect}`, `{send_as}`, ...
    pub(crate) texts: BTreeMap<&'static str, String>,
    /// `{file}` in a list that is repeated, `{files}` as arguments of their own.
    pub(crate) files: Vec<String>,
}

/// A command with every placeholder filled in.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) program: OsString,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) write: BTreeMap<String, String>,
}

/// Where programs are: the values of `{bin}`, `{python}` and `{root}`.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) bin: PathBuf,
    pub(crate) python: PathBuf,
}

/// A peer that cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeerError {
    #[error("'{path}': {reason}")]
    File { path: PathBuf, reason: String },
    #[error("no peers in '{0}'")]
    None(PathBuf),
    #[error("no {role} is named '{name}'; there are {known}")]
    Unknown {
        role: &'static str,
        name: String,
        known: String,
    },
    #[error("{name} cannot be started: '{missing}' is not there (build it: {build})")]
    Missing {
        name: String,
        missing: PathBuf,
        build: String,
    },
}

impl Peer {
    /// Every peer of a folder, by name.
    pub(crate) fn read_folder(folder: &Path) -> Result<Vec<Self>, PeerError> {
        let fault = |reason: std::io::Error| PeerError::File {
            path: folder.to_owned(),
            reason: reason.to_string(),
        };
        let mut peers = Vec::new();
        for entry in fs::read_dir(folder).map_err(fault)? {
            let path = entry.map_err(fault)?.path();
            let is_peer = path
                .extension()
                .is_some_and(|extension| extension == "toml")
                && path.file_stem().is_some_and(|stem| stem != "impossible");
            if is_peer {
                peers.push(Self::read(&path)?);
            }
        }
        if peers.is_empty() {
            return Err(PeerError::None(folder.to_owned()));
        }
        peers.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(peers)
    }

    fn read(path: &Path) -> Result<Self, PeerError> {
        let fault = |reason: String| PeerError::File {
            path: path.to_owned(),
            reason,
        };
        let text = fs::read_to_string(path).map_err(|e| fault(e.to_string()))?;
        let mut peer: Self = toml::from_str(&text).map_err(|e| fault(e.to_string()))?;
        if path.file_stem().and_then(|stem| stem.to_str()) != Some(peer.name.as_str()) {
            return Err(fault(format!(
                "its name is '{}', that of the file another",
                peer.name
            )));
        }
        let home = path.parent().unwrap_or_else(|| Path::new("."));
        peer.home = fs::canonicalize(home).map_err(|e| fault(e.to_string()))?;
        Ok(peer)
    }

    pub(crate) fn has(&self, ability: Ability, dialect: &str) -> bool {
        match ability {
            Ability::DialectUntold => {
                self.finds_dialects() || self.untold_dialects.iter().any(|name| name == dialect)
            }
            _ => self.abilities.contains_key(&ability),
        }
    }

    /// Whether a run with these abilities is told its dialect.
    pub(crate) fn is_told(&self, abilities: &[Ability]) -> bool {
        let names_it =
            |text: &str| text.contains("{dialect}") || text.contains("{dialect_modified}");
        let extras = abilities
            .iter()
            .filter_map(|ability| self.abilities.get(ability));
        extras.into_iter().any(|extra| match extra {
            Extra::Arguments(arguments) => arguments.iter().any(|text| names_it(text)),
            Extra::Instead(instead) => instead.command.iter().any(|argument| match argument {
                Argument::One(text) => names_it(text),
                Argument::ForEachFile(texts) => texts.iter().any(|text| names_it(text)),
            }),
        })
    }

    /// A client that finds out every dialect by itself.
    pub(crate) fn finds_dialects(&self) -> bool {
        self.untold_dialects.iter().any(|name| name == "*")
    }

    /// Fails where the program, or what it needs, is not there.
    pub(crate) fn check(&self, places: &Places) -> Result<(), PeerError> {
        let values = self.values(places, Values::default());
        let program = self.command.first().and_then(|first| match first {
            Argument::One(text) => Some(fill(text, &values)),
            Argument::ForEachFile(_) => None,
        });
        let required = self.requires.iter().map(|path| fill(path, &values));
        for path in program.into_iter().chain(required) {
            let found = if path.contains('/') {
                Path::new(&path).exists()
            } else {
                on_path(&path)
            };
            if !found {
                return Err(PeerError::Missing {
                    name: self.name.clone(),
                    missing: path.into(),
                    build: self.build.clone(),
                });
            }
        }
        Ok(())
    }

    /// The folder in which a client keeps its identity in a run that uses these abilities.
    pub(crate) fn identity(
        &self,
        places: &Places,
        values: Values,
        abilities: &[Ability],
    ) -> PathBuf {
        let other = abilities
            .iter()
            .find_map(|ability| match self.abilities.get(ability) {
                Some(Extra::Instead(instead)) => instead.identity.as_ref(),
                _ => None,
            });
        let identity = other.unwrap_or(&self.identity);
        fill(identity, &self.values(places, values)).into()
    }

    /// The command for a run that uses these abilities.
    pub(crate) fn invocation(
        &self,
        places: &Places,
        values: Values,
        abilities: &[Ability],
    ) -> Invocation {
        let values = self.values(places, values);
        let extras = abilities
            .iter()
            .filter_map(|ability| self.abilities.get(ability));
        let mut command = &self.command;
        let mut write = &self.write;
        let mut further = Vec::new();
        for extra in extras {
            match extra {
                Extra::Arguments(arguments) => further.extend(arguments),
                Extra::Instead(instead) => {
                    command = &instead.command;
                    write = &instead.write;
                }
            }
        }
        let mut words = Vec::new();
        for argument in command {
            match argument {
                Argument::One(text) if text == "{files}" => words.extend(values.files.clone()),
                Argument::One(text) => words.push(fill(text, &values)),
                Argument::ForEachFile(texts) => {
                    for file in &values.files {
                        words.extend(
                            texts
                                .iter()
                                .map(|text| fill(&text.replace("{file}", file), &values)),
                        );
                    }
                }
            }
        }
        words.extend(further.into_iter().map(|text| fill(text, &values)));
        let mut words = words.into_iter().map(OsString::from);
        let filled = |texts: &BTreeMap<String, String>| {
            texts
                .iter()
                .map(|(name, text)| (name.clone(), fill(text, &values)))
                .collect()
        };
        Invocation {
            program: words.next().unwrap_or_default(),
            arguments: words.collect(),
            environment: filled(&self.environment),
            write: filled(write),
        }
    }

    fn values(&self, places: &Places, mut values: Values) -> Values {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        if let Some(first) = values.files.first() {
            values.texts.insert("file", first.clone());
        }
        values.texts.insert("bin", text(&places.bin));
        values.texts.insert("python", text(&places.python));
        values.texts.insert("here", text(&self.home));
        values
    }
}

fn fill(text: &str, values: &Values) -> String {
    let texts: Vec<_> = values
        .texts
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    fill_texts(text, &texts)
}

/// Puts texts in the place of `{placeholders}`; what is none of them stays.
pub(crate) fn fill_texts(text: &str, texts: &[(&str, &str)]) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let found = after.split_once('}').and_then(|(name, behind)| {
            let (_, text) = texts.iter().find(|(known, _)| *known == name)?;
            Some((*text, behind))
        });
        if let Some((text, behind)) = found {
            filled.push_str(text);
            rest = behind;
        } else {
            filled.push('{');
            rest = after;
        }
    }
    filled.push_str(rest);
    filled
}

/// Whether a program of this name is on the PATH.
pub(crate) fn on_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    })
}

fn listening_on() -> String {
    "listening on ".into()
}

fn identity_folder() -> String {
    "{work}/identity".into()
}

impl Role {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

impl Ability {
    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::Dialect => "dialect",
            Self::KnownClient => "known-client",
            Self::ManyFiles => "many-files",
            Self::ConnectionPerRequest => "connection-per-request",
            Self::SendAs => "send-as",
            Self::AnySegmentation => "any-segmentation",
            Self::SetUpFiles => "set-up-files",
            Self::DialectUntold => "dialect-untold",
            Self::DialectAuto => "dialect-auto",
            Self::ShowClients => "show-clients",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> Peer {
        toml::from_str(text).expect("a peer")
    }

    fn places() -> Places {
        Places {
            bin: "/bin-folder".into(),
            python: "/usr/bin/python3".into(),
        }
    }

    const CLIENT: &str = r#"
        name = "client"
        role = "client"
        language = "any"
        build = "make client"
        command = ["{bin}/client", "--name", "{name}", ["--file", "{file}"]]
        [write]
        "transfer.info" = "{host}:{port}\n{name}\n{file}\n"
        [abilities]
        send-as = ["--send-as", "{send_as}"]
        set-up-files = { command = ["{bin}/client"] }
    "#;

    #[test]
    fn fills_in_a_command() {
        let mut values = Values::default();
        values.texts.insert("name", "{file} of alice".into());
        values.texts.insert("host", "h".into());
        values.texts.insert("port", "1".into());
        values.texts.insert("send_as", "x".into());
        values.files = vec!["a".into(), "b {name}".into()];
        let peer = peer(CLIENT);
        let invocation = peer.invocation(&places(), values.clone(), &[Ability::SendAs]);
        assert_eq!(invocation.program, "/bin-folder/client");
        let expected = ["--name", "{file} of alice", "--file", "a", "--file"];
        assert_eq!(invocation.arguments[..5], expected.map(OsString::from));
        assert_eq!(invocation.arguments.len(), 8);
        assert_eq!(
            invocation.write["transfer.info"],
            "h:1\n{file} of alice\na\n"
        );
        let invocation = peer.invocation(&places(), values, &[Ability::SetUpFiles]);
        assert!(invocation.arguments.is_empty());
        assert!(invocation.write.is_empty());
    }

    #[test]
    fn a_missing_program_is_named_with_the_way_to_build_it() {
        let error = peer(CLIENT)
            .check(&places())
            .expect_err("missing")
            .to_string();
        assert!(error.contains("/bin-folder/client"), "{error}");
        assert!(error.contains("make client"), "{error}");
    }

    #[test]
    fn refuses_a_key_that_it_does_not_know() {
        let text = CLIENT.replace("[abilities]", "[abilitys]");
        assert!(toml::from_str::<Peer>(&text).is_err());
    }

    #[test]
    fn every_peer_of_this_repository_can_be_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let peers = Peer::read_folder(&folder).expect("peers");
        let of = |role| peers.iter().filter(|peer| peer.role == role).count();
        assert_eq!((of(Role::Server), of(Role::Client)), (2, 3));
    }
}
