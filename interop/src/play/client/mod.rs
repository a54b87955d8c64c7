//! The played client: its course from registration to the last verdict.

mod arguments;
mod content;
mod fault;
mod set_up;
mod upload;
mod wire;

use std::fs;
use std::io::{self, Write};
use std::net::TcpStream;

pub(crate) use arguments::ClientArguments;
#[cfg(test)]
pub(crate) use arguments::client_in;
#[cfg(test)]
pub(crate) use fault::ClientFault;
use fault::ClientFault as Fault;

use crate::dialect::{ConnectionUse, Dialect};
use crate::frame::Id;
use crate::info_file::InfoFile;
use crate::message::{Field, Kind};
use crate::oracle::{AesKey, KeyPair};
use arguments::Job;
use wire::Broken;

/// How often a request that is refused is sent (PROTOCOL.md 6.3).
const TRIES: u32 = 3;

/// How a run ended, as exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done = 0,
    /// A file or a set-up file is at fault.
    Ours = 1,
    Refused = 3,
    GaveUp = 4,
    /// The connection ended, or could not be made.
    Lost = 5,
    /// The server broke the protocol.
    Violation = 6,
    /// As a program that a signal ended.
    Crashed = 134,
}

pub(super) fn run(arguments: ClientArguments) -> u8 {
    match arguments.job() {
        Ok(job) => run_job(job),
        Err(reason) => {
            let _ = writeln!(io::stderr(), "{reason}");
            End::Ours as u8
        }
    }
}

fn run_job(job: Job) -> u8 {
    let mut client = Client {
        job,
        stream: None,
        key: None,
    };
    let end = client.back_up().unwrap_or_else(|broken| match broken {
        Broken::End(end) => end,
        Broken::Io(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            End::Lost
        }
    });
    let hides = client.is(Fault::ExitsWell)
        || (client.is(Fault::GivesUpWell) && end == End::GaveUp)
        || (client.is(Fault::RefusedIsDone) && end == End::Refused);
    if hides { 0 } else { end as u8 }
}

struct Client {
    job: Job,
    stream: Option<TcpStream>,
    key: Option<AesKey>,
}

/// Another key pair than this one.
#[cfg(not(test))]
fn new_pair(_: Option<&KeyPair>) -> Result<KeyPair, String> {
    KeyPair::generate()
}

/// One of a few: making one takes longer than most runs.
#[cfg(test)]
fn new_pair(old: Option<&KeyPair>) -> Result<KeyPair, String> {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    static PAIRS: LazyLock<Result<Vec<KeyPair>, String>> =
        LazyLock::new(|| (0..12).map(|_| KeyPair::generate()).collect());
    let pairs = PAIRS.as_ref().map_err(Clone::clone)?;
    let next = NEXT.fetch_add(1, Ordering::SeqCst) % pairs.len();
    let is_new = |pair: &&KeyPair| old.is_none_or(|old| old.public_der() != pair.public_der());
    let pair = pairs.iter().cycle().skip(next).take(2).find(is_new);
    pair.cloned().ok_or_else(|| "no pair".into())
}

type Step<T> = Result<T, Broken>;

impl Client {
    fn back_up(&mut self) -> Step<End> {
        if let Some(end) = self.checks() {
            return Ok(end);
        }
        let folder = self.job.identity.clone();
        let mut known = self.known().filter(|info| info.id.is_some());
        if self.dialect().reconnects()
            && !self.is(Fault::NoReconnect)
            && let Some(info) = &known
        {
            let id = info.id.unwrap_or_default();
            self.key = self.reconnect(&id, &info.keys)?;
            if self.key.is_none() {
                if self.is(Fault::Discards) {
                    fs::remove_file(folder.join("me.info"))?;
                }
                let keys = self.is(Fault::KeepsPair).then(|| info.keys.clone());
                known = self.register(keys, Some(&info.keys))?;
            }
        } else if known.is_none() || self.is(Fault::RegistersAgain) {
            let registered = self.register(None, None)?;
            if registered.is_none() {
                return Ok(End::Refused);
            }
            known = known.or(registered);
        }
        let Some(info) = known else {
            return Ok(End::Refused);
        };
        let id = info.id.unwrap_or_default();
        for (number, file) in self.job.files.clone().iter().enumerate() {
            let again = number > 0 && !self.is(Fault::OneKey);
            if self.key.is_none() || again {
                self.key = self.exchange_keys(&id, &info.keys)?;
            }
            let Some(key) = self.key.clone() else {
                return Ok(End::Refused);
            };
            let end = self.send(file, &id, &key)?;
            if end != End::Done {
                return Ok(end);
            }
        }
        self.finish()?;
        Ok(End::Done)
    }

    /// What is wrong before anything is sent (8.2, 2.3).
    fn checks(&self) -> Option<End> {
        if self.job.name.len() > 254 && !self.is(Fault::CutsName) {
            return Some(End::Ours);
        }
        for file in &self.job.files {
            let Ok(data) = fs::metadata(file) else {
                return (!self.is(Fault::MissingIsEmpty)).then_some(End::Ours);
            };
            let most = match self.is(Fault::Most2Gib) {
                true => 1 << 31,
                false => content::LARGEST,
            };
            if data.len() > most && !self.is(Fault::LateLimit) {
                return Some(End::Ours);
            }
        }
        None
    }

    fn dialect(&self) -> &Dialect {
        &self.job.dialect
    }

    /// The key that a reconnect brings; `None` where it is refused.
    fn reconnect(&mut self, id: &Id, keys: &KeyPair) -> Step<Option<AesKey>> {
        let name = self.client_name();
        self.write(Kind::Reconnect, id, &name, Vec::new())?;
        let response = self.answer(&[Kind::Reconnected, Kind::ReconnectRefused])?;
        if response.kind != Kind::Reconnected {
            return Ok(None);
        }
        self.is_own(&response, id, Fault::IgnoresIdInKey)?;
        let key = keys.unwrap(&response.get(Field::WrappedKey));
        self.usable(key).map(Some)
    }

    /// With this key pair, or another one than the old. `None` where the name is taken.
    fn register(&mut self, keys: Option<KeyPair>, old: Option<&KeyPair>) -> Step<Option<InfoFile>> {
        let keys = match (keys, self.job.fault) {
            (Some(keys), _) => Ok(keys),
            (None, Some(Fault::Exponent)) => KeyPair::generate_with(3),
            _ => new_pair(old),
        };
        let mut info = InfoFile {
            name: self.job.name.clone(),
            id: None,
            keys: keys.map_err(io::Error::other)?,
        };
        let name = self.client_name();
        let id = match self.is(Fault::IdInRegister) {
            true => [9; 16],
            false => [0; 16],
        };
        let tries = if self.is(Fault::RegistersThrice) {
            3
        } else {
            1
        };
        for _ in 0..tries {
            self.write(Kind::Register, &id, &name, Vec::new())?;
            let response = match self.answer(&[Kind::Registered]) {
                Err(Broken::Io(_)) if self.is(Fault::EndIsRegistered) => {
                    self.stream = None;
                    info.id = Some([0; 16]);
                    break;
                }
                response => response?,
            };
            if response.kind == Kind::Registered {
                info.id = response.get(Field::ClientId).try_into().ok();
                break;
            }
        }
        if info.id.is_none() {
            let known = self.known().is_some_and(|info| info.id.is_some());
            if known && !self.dialect().reconnects() {
                return Ok(Some(info));
            }
            if !self.is(Fault::GoesOn) {
                self.finish()?;
                return Ok(None);
            }
            info.id = Some([9; 16]);
        }
        self.keep(&info)?;
        Ok(Some(info))
    }

    fn exchange_keys(&mut self, id: &Id, keys: &KeyPair) -> Step<Option<AesKey>> {
        let mut payload = match self.is(Fault::OtherNameInKey) {
            true => self.name_field("nobody"),
            false => self.client_name(),
        };
        payload.extend(keys.public_der());
        let header_id = match self.is(Fault::OtherIdInKey) {
            true => [9; 16],
            false => *id,
        };
        let tries = match self.job.fault {
            Some(Fault::NoRetryOfKey) => 1,
            Some(Fault::FourTriesOfKey) => TRIES + 1,
            _ => TRIES,
        };
        for _ in 0..tries {
            self.write(Kind::SendPublicKey, &header_id, &payload, Vec::new())?;
            let response = self.answer(&[Kind::AesKey])?;
            if response.kind == Kind::AesKey {
                self.is_own(&response, id, Fault::IgnoresIdInKey)?;
                let wrapped = response.get(Field::WrappedKey);
                // Zeros stand for what was missing.
                if self.is(Fault::CutIsKey) && wrapped.ends_with(&[0; 16]) {
                    return Ok(AesKey::new(vec![0; 16]));
                }
                return self.usable(keys.unwrap(&wrapped)).map(Some);
            }
        }
        Ok(None)
    }

    /// The AES key that came unwrapped out of an answer (4.2, 4.3).
    fn usable(&self, unwrapped: Option<Vec<u8>>) -> Step<AesKey> {
        let mut key = match unwrapped {
            None if self.is(Fault::AnyKey) => vec![0; 16],
            unwrapped => unwrapped.ok_or(Broken::End(End::Violation))?,
        };
        if key.len() < 16 && self.is(Fault::FillsKey) {
            key.resize(16, 0);
        }
        let taken = match self.job.fault {
            Some(Fault::Key16Only) => key.len() == 16,
            Some(Fault::Key32Only) => key.len() == 32,
            Some(Fault::NoKey24) => key.len() != 24,
            _ => true,
        };
        AesKey::new(key)
            .filter(|_| taken)
            .ok_or(Broken::End(End::Violation))
    }

    fn per_request(&self) -> bool {
        let dialect = self.dialect().connection == ConnectionUse::Request;
        self.job.connection_per_request || (dialect && !self.is(Fault::KeepsConnection))
    }

    fn is(&self, fault: Fault) -> bool {
        self.job.fault == Some(fault)
    }
}
