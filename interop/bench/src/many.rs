//! Many files by several clients at once: with a key for each file, and with one for each connection.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::contestants::Contestant;
use crate::process::{Service, Used, client, clients, free_port, write_noise_of};
use crate::report::Figures;

/// Clients at once, each with a connection and an identity of its own.
const CLIENTS: usize = 4;

/// A dialect whose connections carry any number of files, so that a key can serve more than one.
const DIALECT: &str = "readme";

/// Both settings.
pub(crate) fn all(bin: &Path) -> Vec<Contestant> {
    let contestant = |name, does, key_per: &'static str| {
        let server = bin.join("backup-server");
        let sender = bin.join("backup-client");
        let needs = vec![server.clone(), sender.clone()];
        let run =
            move |source: &Path, place: &Path| backup(&server, &sender, key_per, source, place);
        Contestant::new(name, does, needs, run)
    };
    vec![
        contestant("key a file", "one unwrap a file", "file"),
        contestant(
            "key a connection",
            "files side by side in the cipher",
            "connection",
        ),
    ]
}

/// Files that are `mib` together.
pub(crate) fn write_files(folder: &Path, mib: u64, files: u64) -> Result<()> {
    fs::create_dir(folder)?;
    for number in 0..files {
        write_noise_of(
            &folder.join(format!("{number:06}")),
            (mib << 20) / files,
            number,
        )?;
    }
    Ok(())
}

fn backup(
    server: &Path,
    sender: &Path,
    key_per: &str,
    source: &Path,
    place: &Path,
) -> Result<(Figures, Option<PathBuf>)> {
    let port = free_port()?;
    let address = format!("127.0.0.1:{port}");
    let data = place.join("data");
    let mut serve = Command::new(server);
    serve.args([
        "serve",
        "--dialect",
        DIALECT,
        "--listen",
        &address,
        "--data",
    ]);
    let service = Service::start(serve.arg(&data), port)?;
    let send = |verb: &str, number: usize| {
        let mut command = Command::new(sender);
        let name = format!("bench-{number}");
        command.args([verb, "--server", &address, "--name", &name, "--quiet"]);
        command.args(["--key-per", key_per, "--dialect", DIALECT, "--identity"]);
        command.arg(place.join(name));
        command
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(source)? {
        files.push(entry?.path());
    }
    files.sort();
    let mut commands = Vec::new();
    for (number, files) in files.chunks(files.len().div_ceil(CLIENTS)).enumerate() {
        client(&mut send("register", number))?;
        let mut command = send("send", number);
        command.args(files);
        commands.push(command);
    }
    let started = Instant::now();
    let used = clients(&mut commands)?;
    let wall = started.elapsed().as_secs_f64();
    let served = service.end(false)?;
    let mut copies = 0;
    for folder in fs::read_dir(data.join("clients"))? {
        copies += fs::read_dir(folder?.path())?.count();
    }
    ensure!(
        copies == files.len(),
        "{copies} files were stored of {}",
        files.len()
    );
    let most = used.iter().map(|used: &Used| used.rss).max();
    let figures = Figures {
        wall,
        client_cpu: used.iter().map(|used| used.cpu).sum(),
        server_cpu: served.cpu,
        client_rss: most.context("no client ran")?,
        server_rss: served.rss,
    };
    Ok((figures, None))
}
