//! A data folder, its clients, and the figures of a campaign.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use backup_protocol::Dialect;

use crate::common::{Client, Data, PROGRAM, Server};
use crate::workload::World;

/// What a campaign prints.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) runs: u64,
    pub(crate) kills: u64,
    /// Verified versions compared, over all restarts.
    pub(crate) checked: u64,
    /// Versions compared that were received and not judged.
    pub(crate) waiting: u64,
    lost: u64,
    mixed: u64,
}

impl Figures {
    pub(crate) fn lost(&mut self, what: &str) {
        self.lost += 1;
        println!("LOST  {what}");
    }

    pub(crate) fn mixed(&mut self, what: &str) {
        self.mixed += 1;
        println!("MIXED {what}");
    }

    /// Prints the figures. A campaign that looked at nothing proves nothing.
    pub(crate) fn close(&self, campaign: &str) {
        println!(
            "{campaign}: {} runs, {} kills, {} verified and {} waiting versions checked, lost {}, mixed {}",
            self.runs, self.kills, self.checked, self.waiting, self.lost, self.mixed
        );
        assert!(self.runs > 0 && self.checked > 0, "nothing was looked at");
        assert_eq!((self.lost, self.mixed), (0, 0));
    }
}

/// One data folder over many restarts, and the clients that know it.
pub(crate) struct Campaign {
    pub(crate) data: Data,
    pub(crate) world: World,
    pub(crate) dialect: Dialect,
    options: Vec<String>,
    clients: Vec<Client>,
}

/// How many clients upload at once.
const CLIENTS: usize = 3;

impl Campaign {
    pub(crate) fn new(data: Data, dialect: &Dialect, options: &[&str]) -> Self {
        let mut campaign = Self {
            data,
            world: World::default(),
            dialect: dialect.clone(),
            options: options.iter().map(|it| (*it).to_owned()).collect(),
            clients: Vec::new(),
        };
        let server = campaign.start("");
        for number in 0..CLIENTS {
            let client = Client::ready(&server, &format!("client {number}"));
            campaign.clients.push(client);
        }
        campaign
    }

    /// A server that does at each named step what `fail_points` says.
    pub(crate) fn start(&self, fail_points: &str) -> Server {
        Server::spawn(self.command(fail_points), &self.dialect)
    }

    pub(crate) fn command(&self, fail_points: &str) -> Command {
        self.world.killed.store(false, Ordering::SeqCst);
        let mut command = Command::new(PROGRAM);
        command.args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--log",
            "warn",
            // The disk itself is to be full, and not what the server keeps free of it.
            "--min-free",
            "0",
            "--dialect",
        ]);
        command.arg(self.dialect.to_string());
        command.arg("--data").arg(self.data.path());
        command.args(&self.options).env("FAILPOINTS", fail_points);
        command
    }

    /// A start that `fail_points` may kill; whether it did. One that comes to its end is killed after it.
    pub(crate) fn is_start_killed(&self, fail_points: &str) -> bool {
        let mut command = self.command(fail_points);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("the program starts");
        let mut line = String::new();
        let mut stdout = BufReader::new(process.stdout.take().expect("piped"));
        stdout.read_line(&mut line).expect("readable");
        let killed = !line.starts_with("listening on ");
        let _ = process.kill();
        process.wait().expect("a child");
        killed
    }

    /// All clients at work, until the server is gone.
    pub(crate) fn work(&self, server: &Server, seed: u64) -> Vec<JoinHandle<()>> {
        // All of them connect before the first one can be the end of the server.
        let clients: Vec<_> = self.clients.iter().map(|it| it.again(server)).collect();
        clients
            .into_iter()
            .zip(0..)
            .map(|(client, number)| {
                let world = self.world.clone();
                std::thread::spawn(move || world.work(client, seed * CLIENTS as u64 + number))
            })
            .collect()
    }

    pub(crate) fn client(&self, number: usize, server: &Server) -> Client {
        self.clients[number].again(server)
    }

    /// Compares the folder with what clients were told, after a start in which nothing fails.
    pub(crate) fn compare(&self, figures: &mut Figures, when: &str) {
        let server = self.start("");
        server.kill();
        let model = self.world.model.lock().expect("no panic");
        model.compare(self.data.path(), figures, when);
    }
}

/// Dialects in which a client learns of its verdict by an acknowledgement, by the end of the stream and by
/// a later answer.
pub(crate) fn dialects() -> Vec<Dialect> {
    let wanted = [(true, true), (false, true), (false, false), (true, false)];
    let has = |dialect: &Dialect, (answers, closes)| {
        let after = &dialect.after_right;
        let answer = after.answer != backup_protocol::dialect::VerdictAnswer::None;
        (answer, after.close) == (answers, closes)
    };
    let find = |wanted| Dialect::all().iter().find(|it| has(it, wanted)).cloned();
    let found: Vec<_> = wanted.into_iter().filter_map(find).collect();
    assert!(found.len() >= 3, "{} kinds of dialects", found.len());
    found
}
