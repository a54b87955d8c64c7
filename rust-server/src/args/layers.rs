//! Command line, environment and configuration file, one over the other.
//!
//! The long options of `serve` are the settings. Each is a variable and a key of the file as well, so
//! that an option is written down once: clap checks its value wherever it comes from, what the file
//! says is its default, and a variable stands between the two.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, CommandFactory, FromArgMatches};
use toml::de::{DeTable, DeValue};

use super::Args;

const PREFIX: &str = "BACKUP_SERVER_";

/// Names the file, and so is not in it.
const FILE_OPTION: &str = "config";

/// A setting has one of these, or several after the words of its file's line.
type Values = Vec<OsString>;

/// The line of a process, with all that lies beneath it.
pub(crate) struct Line {
    pub(crate) args: Args,
    /// Every setting of `serve` as it stands, for the commands that take them.
    pub(crate) settings: Vec<Setting>,
    /// What the operator may not have meant.
    pub(crate) warnings: Vec<String>,
}

/// One setting.
pub(crate) struct Setting {
    pub(crate) key: String,
    /// None: it is unset. Several: it is a list.
    pub(crate) values: Vec<String>,
    pub(crate) source: Source,
}

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    CommandLine,
    /// The variable.
    Environment(String),
    /// Path and line.
    File(PathBuf, usize),
    Default,
}

/// Why a line cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Complaint {
    /// Help, the version, or a wrong argument or variable.
    #[error(transparent)]
    Clap(#[from] clap::Error),
    #[error("cannot read the configuration file {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// One line each, with the place.
    #[error("{}", .0.join("\n"))]
    File(Vec<String>),
}

/// Reads arguments, variables and the file that one of them names.
///
/// # Errors
///
/// [`Complaint`], with everything that is wrong in the file.
pub(crate) fn read(line: &[OsString]) -> Result<Line, Complaint> {
    let settings = settings();
    let variable = |name: &str| env::var_os(name);
    // Without the file first, to learn which it is.
    let bare = with_layers(&settings, &BTreeMap::new());
    let mut matches = bare.try_get_matches_from(line)?;
    let path = innermost(&matches)
        .try_get_one::<PathBuf>(FILE_OPTION)
        .ok()
        .flatten()
        .cloned();
    let mut file = BTreeMap::new();
    if let Some(path) = &path {
        file = read_file(path, &settings)?;
        matches = with_layers(&settings, &file).try_get_matches_from(line)?;
    }
    let shown = shown(&settings, innermost(&matches), path.as_deref(), &file);
    let args = Args::from_arg_matches(&matches)?;
    let known: Vec<_> = settings.iter().map(variable_of).collect();
    let warnings = env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with(PREFIX) && variable(name).is_some())
        .filter(|name| name != &file_variable() && !known.contains(name))
        // Not an error: Kubernetes sets BACKUP_SERVER_PORT and more for a service of this name.
        .map(|name| {
            format!(
                "the variable {name} is none of this program's: did you mean {}?",
                nearest(&name, &known)
            )
        })
        .collect();
    Ok(Line {
        args,
        settings: shown,
        warnings,
    })
}

/// The long options of `serve`, but for the one that names the file.
fn settings() -> Vec<Arg> {
    let mut all = Args::command();
    all.build();
    let serve = all.find_subcommand("serve");
    let options = serve.into_iter().flat_map(clap::Command::get_arguments);
    options
        .filter(|option| option.get_long().is_some())
        .filter(|option| !matches!(option.get_id().as_str(), FILE_OPTION | "help" | "version"))
        .cloned()
        .collect()
}

fn key_of(setting: &Arg) -> String {
    setting.get_long().unwrap_or_default().to_owned()
}

fn variable_of(setting: &Arg) -> String {
    PREFIX.to_owned() + &key_of(setting).replace('-', "_").to_uppercase()
}

fn file_variable() -> String {
    PREFIX.to_owned() + &FILE_OPTION.to_uppercase()
}

/// What the file says, by key: the line, and the values.
type FileSettings = BTreeMap<String, (usize, Values)>;

/// The command line with variables, and what the file says as defaults, in every command that has
/// the option.
pub(crate) fn with_layers(settings: &[Arg], file: &FileSettings) -> clap::Command {
    fn layer(command: clap::Command, settings: &[Arg], file: &FileSettings) -> clap::Command {
        let command = command.mut_args(|option| {
            if option.get_id() == FILE_OPTION {
                return option
                    .env(leaked(file_variable().into()))
                    .hide_env_values(true);
            }
            let Some(setting) = settings.iter().find(|it| it.get_id() == option.get_id()) else {
                return option;
            };
            let option = option
                .env(leaked(variable_of(setting).into()))
                .hide_env_values(true);
            match file.get(&key_of(setting)) {
                Some((_, values)) => option.default_values(values.iter().cloned().map(leaked)),
                None => option,
            }
        });
        command.mut_subcommands(|command| layer(command, settings, file))
    }
    layer(Args::command(), settings, file)
}

/// clap keeps texts for as long as the program runs; so do we, once each.
fn leaked(text: OsString) -> &'static OsStr {
    Box::leak(text.into_boxed_os_str())
}

fn innermost(matches: &ArgMatches) -> &ArgMatches {
    match matches.subcommand() {
        Some((_, inner)) => innermost(inner),
        None => matches,
    }
}

fn shown(
    settings: &[Arg],
    matches: &ArgMatches,
    path: Option<&Path>,
    file: &FileSettings,
) -> Vec<Setting> {
    let show = |setting: &Arg| {
        let id = setting.get_id().as_str();
        let raw = matches.try_get_raw(id).ok().flatten();
        let values = raw.into_iter().flatten();
        let values = values
            .map(|value| value.to_string_lossy().into_owned())
            .collect();
        let key = key_of(setting);
        let source = match (matches.value_source(id), file.get(&key), path) {
            (Some(ValueSource::CommandLine), _, _) => Source::CommandLine,
            (Some(ValueSource::EnvVariable), _, _) => Source::Environment(variable_of(setting)),
            (_, Some((line, _)), Some(path)) => Source::File(path.to_owned(), *line),
            _ => Source::Default,
        };
        Setting {
            key,
            values,
            source,
        }
    };
    let takes = |setting: &&Arg| matches.try_contains_id(setting.get_id().as_str()).is_ok();
    settings.iter().filter(takes).map(show).collect()
}

fn read_file(path: &Path, settings: &[Arg]) -> Result<FileSettings, Complaint> {
    let text = fs::read_to_string(path).map_err(|source| Complaint::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    parse_file(&text, settings).map_err(|problems| {
        let at = |(line, problem)| format!("{}:{line}: {problem}", path.display());
        Complaint::File(problems.into_iter().map(at).collect())
    })
}

/// What a file says, or all that is wrong in it, with the lines.
fn parse_file(text: &str, settings: &[Arg]) -> Result<FileSettings, Vec<(usize, String)>> {
    let line = |span: Range<usize>| {
        1 + text
            .bytes()
            .take(span.start)
            .filter(|byte| *byte == b'\n')
            .count()
    };
    let table = DeTable::parse(text).map_err(|error| {
        vec![(
            line(error.span().unwrap_or_default()),
            error.message().to_owned(),
        )]
    })?;
    let known: Vec<_> = settings.iter().map(key_of).collect();
    let mut found = BTreeMap::new();
    let mut problems = Vec::new();
    for (key, value) in table.get_ref() {
        let line = line(key.span());
        let key: &str = key.get_ref();
        let Some(setting) = settings.iter().find(|setting| key_of(setting) == key) else {
            problems.push((
                line,
                format!(
                    "unknown key {key:?}: did you mean {:?}?",
                    nearest(key, &known)
                ),
            ));
            continue;
        };
        match values(setting, value.get_ref()).and_then(|values| checked(setting, values)) {
            Ok(values) => {
                found.insert(key.to_owned(), (line, values));
            }
            Err(problem) => problems.push((line, format!("{key}: {problem}"))),
        }
    }
    problems.sort();
    if problems.is_empty() {
        Ok(found)
    } else {
        Err(problems)
    }
}

/// The words that would stand on the command line.
fn values(setting: &Arg, value: &DeValue<'_>) -> Result<Values, String> {
    let one = |value: &DeValue<'_>| match value {
        DeValue::String(text) => Ok(OsString::from(&**text)),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().into()),
        DeValue::Boolean(word) => Ok(word.to_string().into()),
        other => Err(format!(
            "expected a text or a number, found {}",
            article(other.type_str())
        )),
    };
    let is_list = matches!(setting.get_action(), ArgAction::Append);
    let is_switch = matches!(setting.get_action(), ArgAction::SetTrue);
    match value {
        DeValue::Array(values) if is_list => {
            values.iter().map(|value| one(value.get_ref())).collect()
        }
        DeValue::Boolean(_) if !is_switch => {
            Err("expected a text or a number, found a boolean".to_owned())
        }
        _ if is_switch && !value.is_bool() => Err("expected true or false".to_owned()),
        value => Ok(vec![one(value)?]),
    }
}

fn article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {noun}")
}

/// Asks clap what it says of the values, with nothing else that could be wrong.
fn checked(setting: &Arg, values: Values) -> Result<Values, String> {
    if matches!(setting.get_action(), ArgAction::SetTrue) {
        return Ok(values);
    }
    let mut line: Vec<OsString> = vec!["backup-server".into()];
    for value in &values {
        let mut word = OsString::from("--");
        word.push(key_of(setting));
        word.push("=");
        word.push(value);
        line.push(word);
    }
    // What it asks for beside it may come from another layer, and groups are not known here.
    let command = clap::Command::new("backup-server").arg(setting.clone());
    match command.try_get_matches_from(line) {
        Ok(_) => Ok(values),
        Err(error) => Err(plain(&error)),
    }
}

/// What clap says, without usage and markup, on one line.
pub(crate) fn plain(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().map(str::trim);
    let lines = lines
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty());
    let text = lines.collect::<Vec<_>>().join(" ");
    text.trim_start_matches("error: ").to_owned()
}

/// The one that was probably meant.
fn nearest<'a>(word: &str, known: &'a [String]) -> &'a str {
    let alike = |a: &&String| strsim::normalized_damerau_levenshtein(word, a);
    let best = known.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
    best.map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<FileSettings, Vec<(usize, String)>> {
        parse_file(text, &settings())
    }

    #[test]
    fn every_long_option_of_serve_is_a_key() {
        let keys: Vec<_> = settings().iter().map(key_of).collect();
        for key in ["listen", "data", "dialect", "max-file", "log", "log-format"] {
            assert!(
                keys.contains(&key.to_owned()),
                "{key} is missing in {keys:?}"
            );
        }
        assert!(!keys.contains(&"config".to_owned()));
        assert!(!keys.contains(&"help".to_owned()));
    }

    #[test]
    fn texts_and_numbers_are_what_they_are_on_the_command_line() {
        let file = parsed("# ours\nmax-file = \"2GiB\"\n\nidle-timeout = 30\n").expect("a file");
        assert_eq!(file["max-file"], (2, vec!["2GiB".into()]));
        assert_eq!(file["idle-timeout"], (4, vec!["30".into()]));
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        for (text, line, expected) in [
            (
                "lisen = \"127.0.0.1:1\"",
                1,
                "unknown key \"lisen\": did you mean \"listen\"?",
            ),
            ("\nmax_file = 1", 2, "did you mean \"max-file\"?"),
            ("config = \"other.toml\"", 1, "unknown key \"config\""),
            ("[limits]\nmax-file = 1", 1, "unknown key \"limits\""),
            (
                "max-file = \"much\"",
                1,
                "invalid value 'much' for '--max-file <SIZE>'",
            ),
            ("\n\nidle-timeout = 0", 3, "idle-timeout: "),
            ("log = \"loud\"", 1, "possible values: off, error"),
            ("listen = 1234", 1, "expected HOST:PORT"),
            ("listen = true", 1, "found a boolean"),
            ("listen = [\"127.0.0.1:1\"]", 1, "found an array"),
            ("max-connections = 1.5", 1, "found a float"),
            ("log = \"info\"\nlog = \"warn\"", 2, "duplicate key"),
            ("log = ", 1, ""),
        ] {
            let problems = parsed(text).expect_err(text);
            assert_eq!(problems.len(), 1, "{text}: {problems:?}");
            assert_eq!(problems[0].0, line, "{text}: {problems:?}");
            assert!(problems[0].1.contains(expected), "{text}: {problems:?}");
        }
    }

    #[test]
    fn names_everything_that_is_wrong_at_once() {
        let problems = parsed("log = \"loud\"\nlisen = 1\nidle-timeout = 0\n").expect_err("wrong");
        let lines: Vec<_> = problems.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 2, 3]);
    }
}
