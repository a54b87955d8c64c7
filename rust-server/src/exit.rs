//! How the program ends.

use std::process::{ExitCode, Termination};

/// Exit codes, as `--help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Carried out; `serve`: stopped by a signal, everything answered is stored.
    Done = 0,
    /// Failed while running.
    Failure = 1,
    /// A wrong option, variable or configuration file, or a `port.info` that holds no port.
    Usage = 2,
    /// The address cannot be listened on.
    CannotListen = 3,
    /// The data folder or its database cannot be used.
    Data = 4,
}

/// For the end of `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0  stopped by SIGINT or SIGTERM, or carried out
  1  failed while running
  2  wrong usage: an option, a variable, a configuration file, or a port.info without a port
  3  cannot listen on the address
  4  the data folder or its database cannot be used";

impl Exit {
    /// The name of the kind of failure in JSON.
    pub(crate) const fn slug(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failure => "failure",
            Self::Usage => "usage",
            Self::CannotListen => "cannot-listen",
            Self::Data => "data",
        }
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}
