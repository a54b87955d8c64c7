//! One run of the client: how it is started, and how it ended.

use std::fs;
use std::sync::Arc;

use super::{Setting, TestFile, ours};
use crate::cell::{Step, Stop};
use crate::examine::client::program::{Program, Start};
use crate::info_file::InfoFile;
use crate::judge::{Run, Source};
use crate::message::Field;
use crate::peer::Ability;
use crate::process::{self, Process};

/// How a run ended.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) said: String,
}

impl Setting {
    /// Runs the client to its end on a file.
    pub(crate) fn send(&mut self, file: &TestFile) -> Step {
        self.send_with(&[file], &[])
    }

    /// The same for several files, by a client with these abilities.
    pub(crate) fn send_with(&mut self, files: &[&TestFile], abilities: &[Ability]) -> Step {
        for ability in abilities {
            self.needs(*ability)?;
        }
        let number = self.runs.len();
        self.host.begin_run(number);
        let mut abilities = abilities.to_vec();
        if !abilities.contains(&Ability::SetUpFiles) {
            abilities.push(Ability::Dialect);
        }
        let examination = Arc::clone(&self.examination);
        if examination
            .program
            .has_to_look(&abilities, &examination.dialect)
        {
            let reason = "set up by files alone, this client looks for its dialect: the matrix examines that";
            return Err(Stop::Skip(reason.into()));
        }
        self.identity = examination.program.identity(&self.work, &abilities);
        ours(&self.identity, fs::create_dir_all(&self.identity))?;
        let names: Vec<_> = files.iter().map(|file| file.name.clone()).collect();
        let start = Start {
            host: self.host.address.ip().to_string(),
            port: self.host.address.port(),
            name: &self.name,
            files: names,
            work: &self.work,
            dialect: self.told()?,
            abilities: &abilities,
            output: self.folder.join(format!("client-{}", number + 1)),
        };
        if examination.program.is_set_up_by_files() || abilities.contains(&Ability::SetUpFiles) {
            let (end, last) = self.ends;
            let path = self.work.join("transfer.info");
            ours(&path, fs::write(&path, start.transfer_info(end, last)))?;
        }
        self.runs.push(Run {
            dialect: Arc::clone(&examination.dialect),
            untold: false,
            identity: self.planted,
            client: self.client,
            name: self.name.clone(),
            files: files
                .iter()
                .map(|file| Source {
                    path: file.path.clone(),
                    sent_as: file.name.clone(),
                })
                .collect(),
            killed: false,
        });
        let ended = match &examination.program {
            #[cfg(test)]
            Program::Played(fault) => self.play(*fault, &start),
            program => self.run(program, &start)?,
        };
        self.read_identity();
        let Some(ended) = ended else {
            if let Some(run) = self.runs.last_mut() {
                run.killed = true;
            }
            let due = "an end of the client";
            return Err(self.fail(Field::Exit, due, "it still runs at the case's deadline", ""));
        };
        self.host.settle(self.deadline)?;
        let crash = ended.crash();
        self.last = Some(ended);
        if let Some(said) = crash {
            return Err(self.fail(Field::Exit, "an end by itself", &said, ""));
        }
        let faults = std::mem::take(&mut self.host.state().faults);
        if let Some((due, came)) = faults.first() {
            return Err(self.fail(Field::Order, due, came, ""));
        }
        Ok(())
    }

    /// `None` where it still runs at the deadline.
    fn run(&self, program: &Program, start: &Start<'_>) -> Step<Option<Ended>> {
        let order = program.order(start).map_err(Stop::Ours)?;
        let process = Process::start(&order).map_err(|error| {
            let program = order.program.to_string_lossy();
            Stop::NotStarted(format!("{program}: {error}"))
        })?;
        let status = process.wait(self.deadline);
        if status.is_none() {
            self.host.excuse();
            process.kill();
            return Ok(None);
        }
        Ok(Some(Ended {
            code: status.and_then(|status| status.code()),
            said: process::describe(status),
        }))
    }

    /// The scripted client in a thread; `None` where it still runs at the deadline.
    #[cfg(test)]
    fn play(&self, fault: Option<crate::play::ClientFault>, start: &Start<'_>) -> Option<Ended> {
        let dialect = crate::dialect::Dialect::clone(&self.examination.dialect);
        let work = start.work.to_owned();
        let files = match &start.files[..] {
            // One file is read from transfer.info.
            [_] => Vec::new(),
            files => files.to_vec(),
        };
        let (send, receive) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let code = crate::play::client_in(&work, &files, dialect, fault);
            let _ = send.send(code);
        });
        let left = self
            .deadline
            .saturating_duration_since(std::time::Instant::now());
        let Ok(code) = receive.recv_timeout(left) else {
            self.host.excuse();
            return None;
        };
        Some(Ended {
            code: Some(code.into()),
            said: format!("exit code {code}"),
        })
    }

    /// How a program is told the dialect: by a name or a file, and with modifiers.
    fn told(&self) -> Step<[String; 2]> {
        let dialect = self.dialect();
        let plain = match dialect.argument() {
            Some(argument) => argument.to_owned(),
            None => {
                let path = self.work.join(format!("{}.json", dialect.name));
                ours(&path, fs::write(&path, dialect.to_file()))?;
                path.to_string_lossy().into_owned()
            }
        };
        Ok([plain, dialect.expression()])
    }

    fn read_identity(&mut self) {
        if let Ok(info) = InfoFile::read(&self.identity) {
            self.keys.add(info.keys);
        }
    }
}

impl Ended {
    /// How it crashed, if it did: by a signal, or with an exit code that stands for one or for a panic.
    fn crash(&self) -> Option<String> {
        match self.code {
            None => Some(self.said.clone()),
            Some(101) => Some("exit code 101, as of a panic".into()),
            Some(code @ 129..=165) => {
                Some(format!("exit code {code}, as of signal {}", code - 128))
            }
            Some(_) => None,
        }
    }
}
