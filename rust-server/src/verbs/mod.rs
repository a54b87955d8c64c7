//! The commands of an operator: one file a group.

pub(crate) mod clients;
pub(crate) mod config;

use std::time::SystemTime;

use crate::exit::Exit;
use crate::output::Failure;

/// What came of a command.
pub(crate) type Done = Result<Exit, Failure>;

/// In UTC, to the second.
fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}
