//! `config`: what the settings come to.

use serde::Serialize;

use super::Done;
use crate::args::{CheckedConfig, ListenFrom, Resolved, Setting, Source};
use crate::exit::Exit;
use crate::output::{Failure, json, print, warn};

/// Prints a configuration file that says the same, with the sources as comments.
pub(crate) fn show(args: CheckedConfig, settings: &[Setting], warnings: &[String]) -> Done {
    let form = args.form;
    let resolved = resolve(args)?;
    let listen = vec![resolved.config.listen];
    let settings =
        settings.iter().map(
            |setting| match (setting.key.as_str(), resolved.listen_from) {
                ("listen", ListenFrom::PortInfo) => (setting, &listen, "port.info".to_owned()),
                ("listen", ListenFrom::Dialect) => {
                    (setting, &listen, "default port of the dialect".to_owned())
                }
                _ => (setting, &setting.values, said(&setting.source)),
            },
        );
    if form.json {
        let entry = |(setting, values, source): (&Setting, &Vec<String>, String)| Entry {
            key: setting.key.clone(),
            values: values.clone(),
            source,
        };
        json(&Document {
            settings: settings.map(entry).collect(),
            warnings,
        })?;
    } else {
        warnings.iter().for_each(|warning| warn(warning));
        print(
            &settings
                .map(|(setting, values, source)| line(setting, values, &source))
                .collect::<String>(),
        )?;
    }
    Ok(Exit::Done)
}

/// Whatever is wrong was found on the way here, but for `port.info`.
pub(crate) fn check(args: CheckedConfig, warnings: &[String]) -> Done {
    let form = args.form;
    let resolved = resolve(args)?;
    if form.json {
        json(&Checked { ok: true, warnings })?;
    } else {
        warnings.iter().for_each(|warning| warn(warning));
        let config = resolved.config;
        print(&format!(
            "ok: listens on {}, keeps data in {}, speaks {}\n",
            config.listen,
            config.data.display(),
            config.dialect
        ))?;
    }
    Ok(Exit::Done)
}

fn resolve(args: CheckedConfig) -> Result<Resolved, Failure> {
    (*args.serve)
        .resolve()
        .map_err(|error| Failure::of(Exit::Usage, &error, error.advice()))
}

#[derive(Serialize)]
struct Document<'a> {
    settings: Vec<Entry>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct Entry {
    key: String,
    values: Vec<String>,
    source: String,
}

#[derive(Serialize)]
struct Checked<'a> {
    ok: bool,
    warnings: &'a [String],
}

fn said(source: &Source) -> String {
    match source {
        Source::CommandLine => "command line".to_owned(),
        Source::Environment(variable) => format!("environment, {variable}"),
        Source::File(path, line) => format!("{}:{line}", path.display()),
        Source::Default => "default".to_owned(),
    }
}

fn line(setting: &Setting, values: &[String], source: &str) -> String {
    let key = &setting.key;
    let text = |value: &String| toml::Value::String(value.clone()).to_string();
    let value = match values {
        [] => return format!("# {key} is not set\n"),
        // A switch and a number are none of a text's business.
        [word] if word.parse::<bool>().is_ok() || word.parse::<i64>().is_ok() => word.clone(),
        [value] => text(value),
        values => format!(
            "[{}]",
            values.iter().map(text).collect::<Vec<_>>().join(", ")
        ),
    };
    format!("{:<40} # {source}\n", format!("{key} = {value}"))
}
