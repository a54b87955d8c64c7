//! The log, on standard error.

use std::io::{self, IsTerminal};

use tracing::level_filters::LevelFilter;

use crate::args::LogFormat;

/// From here on, events are written.
pub(crate) fn start(level: LevelFilter, format: LogFormat) {
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        // It would complain on standard error, and panic: a log that is full or whose reader is gone must not
        // end the server.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal());
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}
