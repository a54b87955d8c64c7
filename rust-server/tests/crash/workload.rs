//! What clients do all day: upload, repeat, give up, overwrite, and leave without a word.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use backup_protocol::dialect::VerdictAnswer;
use backup_protocol::wire::{Response, VerdictKind};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::common::{Client, bytes};
use crate::model::{Model, Verdict};

/// Files of each client: few, so that they are overwritten often.
const FILES: usize = 4;

/// No two contents are the same.
static CONTENTS: AtomicU64 = AtomicU64::new(1);

/// What all clients of one data folder share.
#[derive(Clone, Default)]
pub(crate) struct World {
    pub(crate) model: Arc<Mutex<Model>>,
    /// A kill is on its way: from here on an end of the stream may be the kill.
    pub(crate) killed: Arc<AtomicBool>,
}

/// What became of one file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The client was told that it is verified.
    Verified,
    /// The server refused it.
    Refused,
    /// It was judged in another way, or not at all.
    Other,
    /// The connection is gone.
    Gone,
}

impl World {
    fn with<T>(&self, work: impl FnOnce(&mut Model) -> T) -> T {
        work(&mut self.model.lock().expect("no panic"))
    }

    /// Backs files up until the server is gone, on connections of `client`.
    pub(crate) fn work(&self, mut client: Client, seed: u64) {
        let mut rng = StdRng::seed_from_u64(seed);
        while self.one_file(&mut client, &mut rng) != Outcome::Gone {}
    }

    /// One file, from its first byte to whatever the client makes of it.
    pub(crate) fn one_file(&self, client: &mut Client, rng: &mut StdRng) -> Outcome {
        let file = format!("file {}", rng.random_range(0..FILES));
        let size = match rng.random_range(0..10) {
            0 => rng.random_range(100_000..700_000),
            1..4 => rng.random_range(10_000..60_000),
            _ => rng.random_range(16..4_000),
        };
        let plan = rng.random_range(0..10);
        self.file(client, &file, size, plan)
    }

    pub(crate) fn file(&self, client: &mut Client, file: &str, size: usize, plan: u32) -> Outcome {
        let plain = bytes(size, CONTENTS.fetch_add(1, Ordering::Relaxed));
        let name = client.name.as_str().to_owned();
        let number = self.with(|model| model.send(&name, file, &plain));
        match client.try_ask(&client.file(file, &plain)) {
            None => return Outcome::Gone,
            Some(Response::FileReceived(_)) => self.with(|model| model.received(number)),
            Some(_) => return Outcome::Refused,
        }
        match plan {
            // It is never judged.
            0 => Outcome::Other,
            // It comes again, and is called right then.
            1 => match self.judge(client, number, file, VerdictKind::Wrong) {
                Outcome::Gone => Outcome::Gone,
                _ => self.file(client, file, size, 9),
            },
            2 => self.judge(client, number, file, VerdictKind::GiveUp),
            _ => self.judge(client, number, file, VerdictKind::Right),
        }
    }

    fn judge(&self, client: &mut Client, number: usize, file: &str, kind: VerdictKind) -> Outcome {
        let (sent, told) = match kind {
            VerdictKind::Right => (Verdict::RightSent, Verdict::RightTold),
            VerdictKind::Wrong | VerdictKind::GiveUp => (Verdict::WrongSent, Verdict::WrongTold),
        };
        self.with(|model| model.judge(number, sent));
        let heard = self.verdict(client, file, kind);
        if heard.told {
            self.with(|model| model.judge(number, told));
        }
        match kind {
            VerdictKind::Right if heard.told => Outcome::Verified,
            _ if !heard.goes_on => Outcome::Gone,
            _ => Outcome::Other,
        }
    }

    /// Sends a verdict and listens for what its dialect has to say.
    fn verdict(&self, client: &mut Client, file: &str, kind: VerdictKind) -> Heard {
        let after = client.dialect.after(kind);
        let message = client.verdict(kind, file);
        if client.stream.write_all(&message).is_err() {
            return Heard::default();
        }
        let mut told = match after.answer {
            VerdictAnswer::None => None,
            VerdictAnswer::Acknowledged | VerdictAnswer::AcknowledgedWithId => {
                match client.try_ask(&[]) {
                    Some(Response::Acknowledged(_)) => Some(true),
                    _ => return Heard::default(),
                }
            }
            // The same 2101 as that of a failure.
            VerdictAnswer::Refused | VerdictAnswer::GeneralError => match client.try_ask(&[]) {
                Some(_) => Some(false),
                None => return Heard::default(),
            },
        };
        if after.close {
            let ended = matches!(client.stream.read(&mut [0]), Ok(0));
            // Asked after the read: a kill that came first would have been known by now.
            let by_itself = ended && !self.killed.load(Ordering::SeqCst);
            let goes_on = client.reopen().is_ok();
            return Heard {
                told: told.unwrap_or(by_itself),
                goes_on,
            };
        }
        if told.is_none() && kind == VerdictKind::Right {
            // Answers to later requests tell. Two of them: a verdict that is refused has one itself, and then
            // the end of the stream.
            let later = client.verdict(VerdictKind::GiveUp, "nothing of that name");
            let answered = (0..2).all(|_| client.try_ask(&later).is_some());
            if !answered {
                return Heard::default();
            }
            told = Some(true);
        }
        Heard {
            told: told.unwrap_or_default(),
            goes_on: true,
        }
    }
}

/// What a client knows after a verdict.
#[derive(Default)]
struct Heard {
    /// The verdict was taken in.
    told: bool,
    /// The connection, or a new one, is there.
    goes_on: bool,
}
