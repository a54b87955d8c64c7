//! Who takes part, and how each is started.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::process::{Service, Used, client, clients, free_port, worked};
use crate::report::Figures;

/// A program, or two, that move a file through a socket into another folder.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    /// What it does for its time.
    pub(crate) does: &'static str,
    /// The programs that it needs, by name or by path.
    needs: Vec<PathBuf>,
    /// The largest file that is not a waste of everybody's time.
    pub(crate) most_mib: u64,
    move_file: Box<Move>,
}

/// Moves a file into a folder: starts what serves, runs what sends, and finds the copy.
type Move = dyn Fn(&Path, &Path) -> Result<(Figures, Option<PathBuf>)>;

impl Contestant {
    /// One whose files may be of any size.
    pub(crate) fn new(
        name: &'static str,
        does: &'static str,
        needs: Vec<PathBuf>,
        run: impl Fn(&Path, &Path) -> Result<(Figures, Option<PathBuf>)> + 'static,
    ) -> Self {
        Self {
            name,
            does,
            needs,
            most_mib: u64::MAX,
            move_file: Box::new(run),
        }
    }

    /// The programs that are not there.
    pub(crate) fn missing(&self) -> Vec<String> {
        let there = |program: &Path| {
            let paths = std::env::var_os("PATH").unwrap_or_default();
            let found = std::env::split_paths(&paths).any(|folder| folder.join(program).is_file());
            program.is_file() || found
        };
        let missing = self.needs.iter().filter(|program| !there(program));
        missing
            .map(|program| program.display().to_string())
            .collect()
    }

    /// Moves the file once. The copy, where one can be seen, must be as large as the file.
    pub(crate) fn run(&self, source: &Path, place: &Path) -> Result<Figures> {
        let (figures, copy) = (self.move_file)(source, place)?;
        if let Some(copy) = copy {
            let found = fs::metadata(&copy).with_context(|| format!("no {}", copy.display()))?;
            ensure!(
                found.len() == fs::metadata(source)?.len(),
                "the copy has another size"
            );
        }
        Ok(figures)
    }
}

/// Everybody, ours first.
pub(crate) fn all(bin: &Path, root: &Path) -> Vec<Contestant> {
    let server = bin.join("backup-server");
    let sender = bin.join("backup-client");
    let python = root.join(".venv/bin/python");
    let reference = root.join("interop/reference/cpp-client/build/backup_client_reference");
    let python_server = root.join("interop/reference/python-server");
    vec![
        Contestant {
            name: "backup-client -> backup-server",
            does: "AES-CBC, cksum",
            needs: vec![server.clone(), sender.clone()],
            most_mib: u64::MAX,
            move_file: Box::new(move |source, place| ours(&server, &sender, source, place)),
        },
        Contestant {
            name: "cpp-client -> python-server",
            does: "AES-CBC, cksum: the references",
            needs: vec![python.clone(), reference.clone()],
            most_mib: 64,
            move_file: Box::new(move |source, place| {
                references(&python, &python_server, &reference, source, place)
            }),
        },
        Contestant {
            name: "nc -> nc",
            does: "nothing: a plain copy",
            needs: vec!["nc".into(), "bash".into()],
            most_mib: u64::MAX,
            move_file: Box::new(|source, place| pipes(source, place, "cat", "cat")),
        },
        Contestant {
            name: "openssl | nc -> nc | openssl",
            does: "AES-CBC",
            needs: vec!["nc".into(), "bash".into(), "openssl".into()],
            most_mib: u64::MAX,
            move_file: Box::new(|source, place| {
                let key = "-aes-128-cbc -K 00112233445566778899aabbccddeeff -iv 00";
                pipes(
                    source,
                    place,
                    &format!("openssl enc {key}"),
                    &format!("openssl enc -d {key}"),
                )
            }),
        },
        Contestant {
            name: "rsync -> rsync daemon",
            does: "checksums, plaintext",
            needs: vec!["rsync".into()],
            most_mib: u64::MAX,
            move_file: Box::new(rsync),
        },
        Contestant {
            name: "rclone -> rclone webdav",
            does: "HTTP, plaintext",
            needs: vec!["rclone".into()],
            most_mib: u64::MAX,
            move_file: Box::new(|source, place| rclone(source, place, false)),
        },
        Contestant {
            name: "rclone crypt -> rclone webdav",
            does: "HTTP, XSalsa20-Poly1305",
            needs: vec!["rclone".into()],
            most_mib: u64::MAX,
            move_file: Box::new(|source, place| rclone(source, place, true)),
        },
        Contestant {
            name: "restic -> rclone restic",
            does: "chunks, AES-CTR, SHA-256",
            needs: vec!["rclone".into(), "restic".into()],
            most_mib: u64::MAX,
            move_file: Box::new(restic),
        },
    ]
}

/// Runs clients beside the service, then ends the service.
pub(crate) fn measure(
    service: Service,
    by_itself: bool,
    senders: &mut [Command],
) -> Result<Figures> {
    let (started, before) = (Instant::now(), worked());
    let sent = clients(senders)?;
    let wall = started.elapsed();
    let server = service.end(by_itself)?;
    let all = started.elapsed().as_secs_f64();
    let client_cpu = sent.iter().map(|used: &Used| used.cpu).sum::<f64>();
    let others = (worked() - before - client_cpu - server.cpu).max(0.0);
    let processors = thread::available_parallelism().map_or(1, usize::from);
    Ok(Figures {
        wall: wall.as_secs_f64(),
        client_cpu,
        server_cpu: server.cpu,
        client_rss: sent.iter().map(|used| used.rss).max().unwrap_or_default(),
        server_rss: server.rss,
        others: others / (all * processors as f64),
    })
}

/// Our client beside our server.
pub(crate) fn ours(
    server: &Path,
    sender: &Path,
    source: &Path,
    place: &Path,
) -> Result<(Figures, Option<PathBuf>)> {
    let port = free_port()?;
    let address = format!("127.0.0.1:{port}");
    let data = place.join("data");
    let mut serve = Command::new(server);
    serve
        .args(["serve", "--listen", &address, "--data"])
        .arg(&data);
    let service = Service::start(&mut serve, port)?;
    let send = |verb: &str| {
        let mut command = Command::new(sender);
        command.args([verb, "--server", &address, "--name", "bench", "--quiet"]);
        command
            .args(["--dialect", "seed", "--identity"])
            .arg(place.join("identity"));
        command
    };
    // The key pair of a new client is not what takes time in a backup.
    client(&mut send("register"))?;
    let mut command = send("send");
    command.arg(source);
    let figures = measure(service, false, &mut [command])?;
    let folder = fs::read_dir(data.join("clients"))?
        .next()
        .context("nothing was stored")??;
    let name = source.file_name().context("the file has no name")?;
    Ok((figures, Some(folder.path().join(name))))
}

fn references(
    python: &Path,
    server: &Path,
    sender: &Path,
    source: &Path,
    place: &Path,
) -> Result<(Figures, Option<PathBuf>)> {
    let port = free_port()?;
    let mut serve = Command::new(python);
    serve.args(["-m", "backup_server", "--dialect", "seed", "--listen"]);
    serve
        .arg(format!("127.0.0.1:{port}"))
        .arg("--data")
        .arg(place.join("data"));
    serve
        .env("PYTHONPATH", server)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let service = Service::start(&mut serve, port)?;
    let info = format!("127.0.0.1:{port}\nbench\n{}\n", source.display());
    fs::write(place.join("transfer.info"), info)?;
    let mut send = Command::new(sender);
    send.arg("--file").arg(source).current_dir(place);
    Ok((measure(service, false, &mut [send])?, None))
}

fn pipes(
    source: &Path,
    place: &Path,
    before: &str,
    after: &str,
) -> Result<(Figures, Option<PathBuf>)> {
    let port = free_port()?;
    let copy = place.join("copy");
    // Without a filter, nc reads and writes the files itself.
    let (receive, send) = if before == "cat" {
        (
            format!("exec nc -l -N 127.0.0.1 {port} > \"$1\""),
            format!("exec nc -N 127.0.0.1 {port} < \"$1\""),
        )
    } else {
        (
            format!("nc -l -N 127.0.0.1 {port} | {after} > \"$1\""),
            format!("{before} -in \"$1\" | nc -N 127.0.0.1 {port}"),
        )
    };
    let mut serve = Command::new("bash");
    let service = Service::start(serve.args(["-c", &receive, "bash"]).arg(&copy), port)?;
    let mut sender = Command::new("bash");
    sender.args(["-c", &send, "bash"]).arg(source);
    let figures = measure(service, true, &mut [sender])?;
    Ok((figures, Some(copy)))
}

fn rsync(source: &Path, place: &Path) -> Result<(Figures, Option<PathBuf>)> {
    let port = free_port()?;
    let data = place.join("data");
    fs::create_dir(&data)?;
    let configuration = place.join("rsyncd.conf");
    let mut module = format!(
        "use chroot = no\n[bench]\npath = {}\nread only = no\n",
        data.display()
    );
    if rustix::process::getuid().is_root() {
        // Else it would become somebody who may not write there.
        module.push_str("uid = 0\ngid = 0\n");
    }
    fs::write(&configuration, module)?;
    let mut serve = Command::new("rsync");
    serve.args([
        "--daemon",
        "--no-detach",
        "--address=127.0.0.1",
        &format!("--port={port}"),
    ]);
    serve.arg(format!("--config={}", configuration.display()));
    let service = Service::start(&mut serve, port)?;
    let mut send = Command::new("rsync");
    send.arg("--whole-file")
        .arg(source)
        .arg(format!("rsync://127.0.0.1:{port}/bench/"));
    Ok((
        measure(service, false, &mut [send])?,
        Some(data.join("source.bin")),
    ))
}

/// rclone without the user's configuration.
fn plain_rclone(place: &Path) -> Command {
    let mut command = Command::new("rclone");
    command.arg("--config").arg(place.join("none"));
    command
}

fn rclone(source: &Path, place: &Path, crypt: bool) -> Result<(Figures, Option<PathBuf>)> {
    let port = free_port()?;
    let data = place.join("data");
    fs::create_dir(&data)?;
    let address = format!("127.0.0.1:{port}");
    let mut serve = plain_rclone(place);
    serve
        .args(["serve", "webdav", "--addr", &address])
        .arg(&data);
    let service = Service::start(&mut serve, port)?;
    let mut send = plain_rclone(place);
    send.env("RCLONE_CONFIG_TO_TYPE", "webdav")
        .env("RCLONE_CONFIG_TO_VENDOR", "other")
        .env("RCLONE_CONFIG_TO_URL", format!("http://{address}"))
        .env("RCLONE_CONFIG_SECRET_TYPE", "crypt")
        .env("RCLONE_CONFIG_SECRET_REMOTE", "to:")
        .env("RCLONE_CONFIG_SECRET_FILENAME_ENCRYPTION", "off")
        // Obscured, as rclone wants it; no secret of anybody's.
        .env("RCLONE_CONFIG_SECRET_PASSWORD", OBSCURED)
        .arg("copyto")
        .arg(source)
        .arg(if crypt {
            "secret:source.bin"
        } else {
            "to:source.bin"
        });
    let figures = measure(service, false, &mut [send])?;
    Ok((figures, (!crypt).then(|| data.join("source.bin"))))
}

/// `rclone obscure bench`.
const OBSCURED: &str = "SoIoJU945HrWKCgSpMFHGM-7BMrv";

fn restic(source: &Path, place: &Path) -> Result<(Figures, Option<PathBuf>)> {
    let port = free_port()?;
    let data = place.join("data");
    fs::create_dir(&data)?;
    let address = format!("127.0.0.1:{port}");
    let mut serve = plain_rclone(place);
    serve
        .args(["serve", "restic", "--addr", &address])
        .arg(&data);
    let service = Service::start(&mut serve, port)?;
    let restic = |arguments: &[&str]| {
        let mut command = Command::new("restic");
        command
            .args(["--no-cache", "--repo", &format!("rest:http://{address}/")])
            .args(arguments)
            .env("RESTIC_PASSWORD", "bench");
        command
    };
    client(&mut restic(&["init"]))?;
    let mut backup = restic(&["backup"]);
    backup.arg(source);
    Ok((measure(service, false, &mut [backup])?, None))
}
