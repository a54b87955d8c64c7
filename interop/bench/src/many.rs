//! Many files by several clients at once: with a key for each file, and with one for each connection.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, ensure};
use rustix::fs::syncfs;

use crate::contestants::{Contestant, measure, ours};
use crate::process::{Service, client, free_port, write_noise};
use crate::report::Figures;

/// Clients at once, each with a connection and an identity of its own.
const CLIENTS: usize = 4;

/// A dialect whose connections carry any number of files, so that a key can serve more than one.
const DIALECT: &str = "readme";

/// Files for one `syncfs`, where that is all that makes them durable.
const TOGETHER: usize = 64;

/// One file of the same size first, then every way to send many.
pub(crate) fn all(bin: &Path) -> Vec<Contestant> {
    let programs = [bin.join("backup-server"), bin.join("backup-client")];
    let contestant = |name, does, key_per: &'static str, durability: &'static str| {
        let [server, sender] = programs.clone();
        Contestant::new(name, does, programs.to_vec(), move |source, place| {
            backup(&server, &sender, key_per, durability, source, place)
        })
    };
    let [server, sender] = programs.clone();
    vec![
        Contestant::new(
            "one file",
            "as many bytes, one client",
            programs.to_vec(),
            move |source, place| {
                let (figures, copy) = ours(&server, &sender, &whole(source), place)?;
                ensure!(
                    copy.is_some_and(|copy| copy.is_file()),
                    "nothing was stored"
                );
                Ok((figures, None))
            },
        ),
        contestant("key a file", "one unwrap a file", "file", "full"),
        contestant(
            "key a connection",
            "files side by side in the cipher",
            "connection",
            "full",
        ),
        contestant(
            "key a connection, relaxed",
            "nothing is synced",
            "connection",
            "relaxed",
        ),
        Contestant::new(
            "write, rename, syncfs",
            "no network, no cipher, one syncfs for 64 files",
            Vec::new(),
            bare,
        ),
    ]
}

/// The file with as many bytes as all files in `source`.
fn whole(source: &Path) -> PathBuf {
    source.with_file_name("whole.bin")
}

/// Files that are `mib` together, and beside their folder one file that is as large.
pub(crate) fn write_files(folder: &Path, mib: u64, files: u64) -> Result<()> {
    fs::create_dir(folder)?;
    for number in 0..files {
        let path = folder.join(format!("{number:06}"));
        write_noise(&path, (mib << 20) / files, number)?;
    }
    write_noise(&whole(folder), mib << 20, files)
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        files.push(entry?.path());
    }
    files.sort();
    Ok(files)
}

fn backup(
    server: &Path,
    sender: &Path,
    key_per: &str,
    durability: &str,
    source: &Path,
    place: &Path,
) -> Result<(Figures, Option<PathBuf>)> {
    let port = free_port()?;
    let address = format!("127.0.0.1:{port}");
    let data = place.join("data");
    let mut serve = Command::new(server);
    serve.args(["serve", "--dialect", DIALECT, "--durability", durability]);
    serve.args(["--listen", &address, "--data"]).arg(&data);
    let service = Service::start(&mut serve, port)?;
    let send = |verb: &str, number: usize| {
        let mut command = Command::new(sender);
        let name = format!("bench-{number}");
        command.args([verb, "--server", &address, "--name", &name, "--quiet"]);
        command.args(["--key-per", key_per, "--dialect", DIALECT, "--identity"]);
        command.arg(place.join(name));
        command
    };
    let files = sources(source)?;
    let mut senders = Vec::new();
    for (number, files) in files.chunks(files.len().div_ceil(CLIENTS)).enumerate() {
        client(&mut send("register", number))?;
        let mut command = send("send", number);
        command.args(files);
        senders.push(command);
    }
    let figures = measure(service, false, &mut senders)?;
    let mut copies = 0;
    for folder in fs::read_dir(data.join("clients"))? {
        copies += fs::read_dir(folder?.path())?.count();
    }
    let sent = files.len();
    ensure!(copies == sent, "{copies} files were stored of {sent}");
    Ok((figures, None))
}

/// What the disk can do with files that become durable many at a time: copies them here.
fn bare(source: &Path, place: &Path) -> Result<(Figures, Option<PathBuf>)> {
    let folders = [place.join("incoming"), place.join("files")];
    for folder in &folders {
        fs::create_dir(folder)?;
    }
    let [incoming, kept] = &folders;
    let disk = File::open(place)?;
    let files = sources(source)?;
    let started = Instant::now();
    for (number, file) in files.iter().enumerate() {
        let (path, name) = (incoming.join("new"), kept.join(number.to_string()));
        File::create(&path)?.write_all(&fs::read(file)?)?;
        fs::rename(&path, name)?;
        if number % TOGETHER == TOGETHER - 1 {
            syncfs(&disk)?;
        }
    }
    syncfs(&disk)?;
    let figures = Figures {
        wall: started.elapsed().as_secs_f64(),
        ..Figures::default()
    };
    Ok((figures, None))
}
