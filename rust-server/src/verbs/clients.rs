//! `clients`: who backs up here.

use backup_server::Shown;
use backup_server::store::operator::ClientInfo;
use backup_server::store::{self, ClientRow};
use bytesize::ByteSize;
use serde::Serialize;

use super::{Done, change, count, look, time};
use crate::args::{Clients, Listing, OneClient, RemoveClient, RenameClient, ShowClients};
use crate::exit::Exit;
use crate::output::{Failure, json, print, table};

pub(crate) fn run(verb: &Clients) -> Done {
    match verb {
        Clients::Ls(args) => list(args),
        Clients::Show(args) => match &args.client {
            Some(client) => show(args, client),
            None => list(&Listing {
                store: args.store.clone(),
                form: args.form,
            }),
        },
        Clients::Rename(args) => rename(args),
        Clients::Disable(args) => disable(args, true),
        Clients::Enable(args) => disable(args, false),
        Clients::Rm(args) => remove(args),
    }
}

/// Reads stores of earlier releases too.
fn list(args: &Listing) -> Done {
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

#[derive(Serialize)]
struct Client {
    client: Details,
}

#[derive(Serialize)]
struct Details {
    name: String,
    label: String,
    short_id: String,
    /// Only if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    dialect: Option<String>,
    has_key: bool,
    registered: String,
    last_seen: String,
    disabled: Option<String>,
    files: u64,
    versions: u64,
    waiting: u64,
    bytes: u64,
}

fn details(client: ClientInfo, with_id: bool) -> Details {
    let hex = || {
        client
            .id
            .as_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    };
    Details {
        short_id: short_id(&client),
        id: with_id.then(hex),
        name: client.name,
        label: client.label,
        dialect: client.dialect,
        has_key: client.has_key,
        registered: time(client.registered),
        last_seen: time(client.last_seen),
        disabled: client.disabled.map(time),
        files: client.files,
        versions: client.versions,
        waiting: client.waiting,
        bytes: client.bytes,
    }
}

fn short_id(client: &ClientInfo) -> String {
    client
        .id
        .to_string()
        .trim_end_matches('\u{2026}')
        .to_owned()
}

fn show(args: &ShowClients, client: &str) -> Done {
    let client = details(look(&args.store)?.client(client)?, args.id);
    if args.form.json {
        json(&Client { client })?;
        return Ok(Exit::Done);
    }
    let none = || "-".to_owned();
    let lines = [
        ("name", Shown(&client.name).to_string()),
        ("label", client.label),
        ("id", client.id.unwrap_or(client.short_id)),
        ("dialect", client.dialect.unwrap_or_else(none)),
        (
            "public key",
            if client.has_key { "sent" } else { "never sent" }.to_owned(),
        ),
        ("registered", client.registered),
        ("last seen", client.last_seen),
        (
            "disabled",
            client
                .disabled
                .map_or_else(|| "no".to_owned(), |since| format!("since {since}")),
        ),
        ("files", client.files.to_string()),
        ("versions", client.versions.to_string()),
        ("waiting", client.waiting.to_string()),
        ("size", ByteSize(client.bytes).to_string()),
    ];
    print(
        &lines
            .map(|(key, value)| format!("{key:<11} {value}\n"))
            .concat(),
    )?;
    Ok(Exit::Done)
}

/// What was done to a client.
#[derive(Serialize)]
struct Changed<'a> {
    client: &'a str,
    label: &'a str,
    changed: bool,
    removed_versions: u64,
    removed_bytes: u64,
}

impl<'a> Changed<'a> {
    fn new(client: &'a ClientInfo) -> Self {
        Self {
            client: &client.name,
            label: &client.label,
            changed: true,
            removed_versions: 0,
            removed_bytes: 0,
        }
    }
}

fn rename(args: &RenameClient) -> Done {
    let mut operator = change(&args.store)?;
    let client = operator.client(&args.client)?;
    operator.rename(&client, &args.name)?;
    if args.form.json {
        json(&Changed {
            client: &args.name,
            ..Changed::new(&client)
        })?;
    } else {
        print(&format!(
            "{} is {} now\n",
            Shown(&client.name),
            Shown(&args.name)
        ))?;
    }
    Ok(Exit::Done)
}

fn disable(args: &OneClient, disabled: bool) -> Done {
    let mut operator = change(&args.store)?;
    let client = operator.client(&args.client)?;
    let changed = operator.disable(&client, disabled)?;
    if args.form.json {
        json(&Changed {
            changed,
            ..Changed::new(&client)
        })?;
    } else {
        let already = if changed { "" } else { "already " };
        let is = if disabled { "disabled" } else { "enabled" };
        print(&format!("{} is {already}{is}\n", Shown(&client.name)))?;
    }
    Ok(Exit::Done)
}

fn remove(args: &RemoveClient) -> Done {
    let mut operator = change(&args.store)?;
    let client = operator.client(&args.client)?;
    let versions = client.versions + client.waiting;
    if versions > 0 && !args.force {
        let message = format!(
            "{:?} has {} in {}",
            client.name,
            count(versions, "version"),
            count(client.files, "file")
        );
        let advice = "add --force to remove them too, or use `clients disable`";
        return Err(Failure::new(Exit::Failure, message, advice));
    }
    let removed = operator.remove_client(&client)?;
    if args.form.json {
        json(&Changed {
            removed_versions: removed.versions,
            removed_bytes: removed.bytes,
            ..Changed::new(&client)
        })?;
    } else {
        let size = ByteSize(removed.bytes);
        let versions = count(removed.versions, "version");
        print(&format!(
            "{} is removed, with {versions}, {size}\n",
            Shown(&client.name)
        ))?;
    }
    Ok(Exit::Done)
}
