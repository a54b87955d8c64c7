//! How what comes is kept: part of `serve`.

use std::path::PathBuf;
use std::time::Duration;

use backup_server::store::{Durability, StoreOptions};
use clap::ValueEnum;

#[derive(Debug, clap::Args)]
pub(super) struct Keeping {
    /// What is on disk when a client is answered. GUARANTEES.md says what each promises.
    #[arg(long, value_name = "HOW", value_enum, default_value = "full")]
    durability: Syncing,

    /// Remove a version that nobody has judged after this long, such as 30days or 12h; `never` keeps it.
    /// Verified versions are not touched.
    #[arg(long, value_name = "TIME", default_value = "30days", value_parser = time_or_never)]
    keep_unverified: Time,

    /// File with the key under which the AES keys of clients are encrypted in the database; it is made if it
    /// is not there. On another disk, a copy of the data folder holds no key [default: seal.key in the data
    /// folder]
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// Durability, for the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Syncing {
    /// Everything: a power cut loses nothing that was answered.
    Full,
    /// Nothing: a kill loses nothing, a power cut perhaps the last minute.
    Relaxed,
}

/// A time that may be without end.
#[derive(Debug, Clone, Copy)]
struct Time(Option<Duration>);

impl Keeping {
    pub(super) fn options(&self) -> StoreOptions {
        StoreOptions {
            durability: match self.durability {
                Syncing::Full => Durability::Full,
                Syncing::Relaxed => Durability::Relaxed,
            },
            keep_unverified: self.keep_unverified.0,
            key_file: self.key_file.clone(),
        }
    }
}

fn time_or_never(text: &str) -> Result<Time, String> {
    if text == "never" {
        return Ok(Time(None));
    }
    let time = humantime::parse_duration(text);
    let wrong = |error| format!("{error}: expected a time such as 30days or 12h, or never");
    time.map(|time| Time(Some(time))).map_err(wrong)
}
