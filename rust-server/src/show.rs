//! `clients show`.

use std::io::{self, Write};
use std::time::SystemTime;

use backup_server::Shown;
use backup_server::store::{self, ClientRow};
use serde::Serialize;
use tracing::level_filters::LevelFilter;

use crate::args::{LogFormat, ShowClients};
use crate::exit::Exit;
use crate::{advice_on, failed, logging};

pub(crate) fn clients(args: &ShowClients) -> Exit {
    logging::start(LevelFilter::INFO, LogFormat::Text);
    let clients = match store::clients(&args.data) {
        Ok(clients) => clients,
        Err(error) => return failed(Exit::Data, &error, advice_on(&error)),
    };
    let text = match args.json {
        true => json(&clients),
        false => table(&clients),
    };
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Exit::Done,
        // Whoever reads has seen enough, such as `head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => failed(Exit::Failure, &error, "the list could not be written"),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    clients: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    label: &'a str,
    short_id: &'a str,
    dialect: Option<&'a str>,
    last_seen: String,
    files: u64,
    waiting: u64,
}

fn json(clients: &[ClientRow]) -> String {
    let clients = clients.iter().map(|client| Entry {
        name: &client.name,
        label: &client.label,
        short_id: &client.short_id,
        dialect: client.dialect.as_deref(),
        last_seen: time(client.last_seen),
        files: client.files,
        waiting: client.waiting,
    });
    let clients = clients.collect();
    // Texts and numbers: there is nothing in it that JSON cannot say.
    let text = serde_json::to_string_pretty(&Document { clients }).unwrap_or_default();
    text + "\n"
}

fn table(clients: &[ClientRow]) -> String {
    const TITLES: [&str; 7] = [
        "NAME",
        "LABEL",
        "ID",
        "DIALECT",
        "LAST SEEN",
        "FILES",
        "WAITING",
    ];
    let row = |client: &ClientRow| {
        [
            Shown(&client.name).to_string(),
            client.label.clone(),
            client.short_id.clone(),
            client.dialect.clone().unwrap_or_else(|| "-".to_owned()),
            time(client.last_seen),
            client.files.to_string(),
            client.waiting.to_string(),
        ]
    };
    let rows: Vec<_> = std::iter::once(TITLES.map(str::to_owned))
        .chain(clients.iter().map(row))
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<_> = (0..TITLES.len()).map(|i| width(i).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths);
        let line: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// In UTC, to the second.
fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}
