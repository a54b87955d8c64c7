//! `clients`: who backs up here.

use backup_server::Shown;
use backup_server::store::{self, ClientRow};
use serde::Serialize;

use super::{Done, time};
use crate::args::ShowClients;
use crate::exit::Exit;
use crate::output::{json, print, table};

pub(crate) fn show(args: &ShowClients) -> Done {
    let clients = store::clients(&args.store.data)?;
    if args.form.json {
        let clients = clients.iter().map(entry).collect();
        json(&Document { clients })?;
    } else {
        print(&listed(&clients))?;
    }
    Ok(Exit::Done)
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

fn entry(client: &ClientRow) -> Entry<'_> {
    Entry {
        name: &client.name,
        label: &client.label,
        short_id: &client.short_id,
        dialect: client.dialect.as_deref(),
        last_seen: time(client.last_seen),
        files: client.files,
        waiting: client.waiting,
    }
}

fn listed(clients: &[ClientRow]) -> String {
    let titles = [
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
    table(titles, clients.iter().map(row))
}
