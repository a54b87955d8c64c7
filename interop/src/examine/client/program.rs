//! How the examined client is started: a stranger's command, or a peer of this repository.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::dialect::Dialect;
use crate::peer::{Ability, Peer, Places, Values};
use crate::process::Order;

/// The client under examination.
pub(crate) enum Program {
    /// `--cmd`: knows nothing of us but the files in its folder and the words of its command.
    Command(Command),
    /// `--peer`: described by a TOML file.
    Peer(Box<Peer>, Places),
    /// The scripted client, in a thread of this process.
    #[cfg(test)]
    Played(Option<crate::play::ClientFault>),
}

/// A stranger's command.
pub(crate) struct Command {
    /// As it was given.
    pub(crate) text: String,
    words: Vec<String>,
    beside: Beside,
}

/// Where the files of a command lie when it is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    /// Where they are.
    InPlace,
    /// Copied into the working folder: a client of this family looks for its files beside its executable.
    Copied,
}

/// What a run is about.
pub(super) struct Start<'a> {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) name: &'a str,
    pub(super) files: Vec<String>,
    pub(super) work: &'a Path,
    /// What a peer is told by its dialect's name or file, and with modifiers.
    pub(super) dialect: [String; 2],
    pub(super) abilities: &'a [Ability],
    pub(super) output: PathBuf,
}

impl Command {
    /// Reads a command as a shell would split it. A path that exists is made absolute, since the client starts in a
    /// folder of its own.
    ///
    /// # Errors
    ///
    /// Where the quotes do not close, there is no word, or the program is not there.
    pub(crate) fn parse(text: &str, beside: Option<Beside>) -> Result<Self, String> {
        let words = shlex::split(text).ok_or_else(|| {
            format!("--cmd: a quote is not closed, or a backslash stands last in: {text}")
        })?;
        let words: Vec<_> = words.into_iter().map(absolute).collect();
        let program = words.first().ok_or("--cmd: there is no command in it")?;
        if program.contains('/') && !Path::new(program).is_file() {
            return Err(format!("--cmd: there is no program '{program}'"));
        }
        if !program.contains('/') && !crate::peer::on_path(program) {
            return Err(format!(
                "--cmd: '{program}' is not on the PATH; a program of this folder is ./{program}"
            ));
        }
        let alone = words.len() == 1 && program.contains('/');
        let beside = beside.unwrap_or(match alone {
            true => Beside::Copied,
            false => Beside::InPlace,
        });
        Ok(Self {
            text: text.to_owned(),
            words,
            beside,
        })
    }

    fn order(&self, start: &Start<'_>) -> Result<Order, String> {
        let mut words = Vec::new();
        for word in &self.words {
            let path = Path::new(word);
            let copied = self.beside == Beside::Copied && path.is_absolute() && path.is_file();
            words.push(match path.file_name() {
                Some(name) if copied => {
                    let copy = start.work.join(name);
                    fs::copy(path, &copy).map_err(|e| format!("{}: {e}", copy.display()))?;
                    copy.to_string_lossy().into_owned()
                }
                _ => start.fill(word),
            });
        }
        let mut words = words.into_iter().map(OsString::from);
        Ok(Order {
            program: words.next().unwrap_or_default(),
            arguments: words.collect(),
            folder: start.work.to_owned(),
            environment: Default::default(),
            output: start.output.clone(),
        })
    }
}

impl Start<'_> {
    fn fill(&self, word: &str) -> String {
        let file = self.files.first().map(String::as_str).unwrap_or_default();
        crate::peer::fill_texts(
            word,
            &[
                ("host", &self.host),
                ("port", &self.port.to_string()),
                ("name", self.name),
                ("file", file),
                ("work", &self.work.to_string_lossy()),
            ],
        )
    }

    /// The three lines of `transfer.info` (PROTOCOL.md 8.2).
    pub(super) fn transfer_info(&self, end: &str, last: &str) -> String {
        let file = self.files.first().map(String::as_str).unwrap_or_default();
        let address = format!("{}:{}", self.host, self.port);
        format!("{address}{end}{}{end}{file}{last}", self.name)
    }

    fn values(&self) -> Values {
        let mut values = Values::default();
        let [plain, modified] = &self.dialect;
        let texts = &mut values.texts;
        texts.insert("host", self.host.clone());
        texts.insert("port", self.port.to_string());
        texts.insert("name", self.name.to_owned());
        texts.insert("work", self.work.to_string_lossy().into_owned());
        texts.insert("dialect", plain.clone());
        texts.insert("dialect_modified", modified.clone());
        texts.insert("send_as", String::new());
        values.files.clone_from(&self.files);
        values
    }
}

impl Program {
    /// How it is called in reports.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Command(command) => command.text.clone(),
            Self::Peer(peer, _) => peer.name.clone(),
            #[cfg(test)]
            Self::Played(_) => "the scripted client".into(),
        }
    }

    /// What is given on the command line to examine it again.
    pub(crate) fn argument(&self) -> String {
        match self {
            Self::Command(command) => {
                let quoted = shlex::try_quote(&command.text);
                let text = quoted.map_or_else(|_| command.text.clone(), Into::into);
                format!("--cmd {text}")
            }
            Self::Peer(peer, _) => format!("--peer {}", peer.name),
            #[cfg(test)]
            Self::Played(_) => String::new(),
        }
    }

    /// Whether it can be asked for this.
    pub(super) fn has(&self, ability: Ability, dialect: &str) -> bool {
        match self {
            // It is set up by files, and by nothing else that we know of.
            Self::Command(_) => matches!(
                ability,
                Ability::SetUpFiles | Ability::KnownClient | Ability::AnySegmentation
            ),
            Self::Peer(peer, _) => peer.has(ability, dialect),
            #[cfg(test)]
            Self::Played(_) => true,
        }
    }

    /// Whether everything that it is set up by lies in files.
    pub(super) fn is_set_up_by_files(&self) -> bool {
        !matches!(self, Self::Peer(..))
    }

    /// Whether a run with these abilities has to find out the dialect, beyond what the first answers tell (10.11).
    pub(super) fn has_to_look(&self, abilities: &[Ability], dialect: &Dialect) -> bool {
        match self {
            Self::Peer(peer, _) => dialect.reconnects() && !peer.is_told(abilities),
            _ => false,
        }
    }

    /// Exit codes for done, refused, given up, where it has a table of them.
    pub(super) fn exit_codes(&self) -> Option<[i32; 3]> {
        match self {
            Self::Command(_) => None,
            Self::Peer(peer, _) => peer
                .exit
                .map(|codes| [codes.done, codes.refused, codes.gave_up]),
            #[cfg(test)]
            Self::Played(_) => Some([0, 3, 4]),
        }
    }

    /// The folder of its info file in a run with these abilities.
    pub(super) fn identity(&self, work: &Path, abilities: &[Ability]) -> PathBuf {
        match self {
            Self::Peer(peer, places) => {
                let mut values = Values::default();
                let text = work.to_string_lossy().into_owned();
                values.texts.insert("work", text);
                peer.identity(places, values, abilities)
            }
            _ => work.to_owned(),
        }
    }

    /// What is started for a run; files that it wants in its folder are written.
    pub(super) fn order(&self, start: &Start<'_>) -> Result<Order, String> {
        match self {
            Self::Command(command) => command.order(start),
            Self::Peer(peer, places) => {
                let invocation = peer.invocation(places, start.values(), start.abilities);
                for (name, text) in &invocation.write {
                    // A case may have written another one.
                    let path = start.work.join(name);
                    if !path.exists() {
                        fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
                    }
                }
                Ok(Order {
                    program: invocation.program,
                    arguments: invocation.arguments,
                    folder: start.work.to_owned(),
                    environment: invocation.environment,
                    output: start.output.clone(),
                })
            }
            #[cfg(test)]
            Self::Played(_) => Err("it is no program".into()),
        }
    }
}

/// A word that is the path of a file, as an absolute path.
fn absolute(word: String) -> String {
    let path = Path::new(&word);
    let found = path.is_file() && (word.contains('/') || path.extension().is_some());
    match std::path::absolute(path) {
        Ok(path) if found => path.to_string_lossy().into_owned(),
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_program_is_copied_beside_its_files_and_one_with_arguments_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("my client");
        fs::write(&program, "").expect("written");
        let program = program.to_string_lossy().into_owned();
        let alone = Command::parse(&format!("'{program}'"), None).expect("a command");
        assert_eq!(alone.words, std::slice::from_ref(&program));
        assert_eq!(alone.beside, Beside::Copied);
        let with = Command::parse(&format!("'{program}' {{port}}"), None).expect("a command");
        assert_eq!(with.beside, Beside::InPlace);
        let told = Command::parse("sh -c ''", Some(Beside::Copied)).expect("a command");
        assert_eq!(told.beside, Beside::Copied);
    }

    #[test]
    fn says_what_is_wrong_with_a_command() {
        for (text, reason) in [
            ("", "no command"),
            ("'a", "quote"),
            ("./no-such-program", "no program"),
            ("no-such-program", "PATH"),
        ] {
            let error = Command::parse(text, None).map(|_| ()).expect_err(text);
            assert!(error.contains(reason), "{error}");
        }
    }
}
