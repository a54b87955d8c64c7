//! Exit codes, the same for every client of this repository.

/// How a run ended, as a number for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// Every file is on the server.
    Done = 0,
    /// A local failure: a file, the identity folder, the disk.
    Failure = 1,
    /// The command or a set-up file cannot be understood.
    Usage = 2,
    /// The server refused.
    Refused = 3,
    /// Every transmission came back with a wrong cksum, and 1106 was sent.
    GaveUp = 4,
    /// No connection, or it was lost.
    Connection = 5,
    /// The server violated the protocol.
    Violation = 6,
}

impl Exit {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Done,
        Self::Failure,
        Self::Usage,
        Self::Refused,
        Self::GaveUp,
        Self::Connection,
        Self::Violation,
    ];

    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The word for it in `--json`.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failure => "failure",
            Self::Usage => "usage",
            Self::Refused => "refused",
            Self::GaveUp => "gave-up",
            Self::Connection => "connection",
            Self::Violation => "violation",
        }
    }

    /// One line for `--help`.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done; a file may be `unconfirmed`, which is a warning",
            Self::Failure => "local failure: a file, the identity folder, the disk",
            Self::Usage => "the command line or transfer.info is wrong",
            Self::Refused => "the server refused, or the name is taken",
            Self::GaveUp => "gave up: the server's cksum was wrong every time",
            Self::Connection => "cannot connect, or the connection was lost",
            Self::Violation => "the server violated the protocol",
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
