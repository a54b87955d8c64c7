//! What no client may exceed, and what becomes of whoever tries (PROTOCOL.md 2.10).
//!
//! Each limit is looked at before memory or disk is set aside for what it bounds. What is over one is
//! refused with the same bytes as everything else, and logged with an [`Exceeded`].

mod keys;
mod ledger;
mod rate;
mod seats;

use std::time::Duration;

pub(crate) use keys::{SpentKeys, TRIES};
pub(crate) use ledger::{Ledger, Reservation};
pub(crate) use rate::{Quiet, Registrations};
pub(crate) use seats::{Seat, Seats, Taken};

/// The operator's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a refused payload that are read and thrown away, so that the connection goes on.
    /// Beyond them it is closed (PROTOCOL.md 2.10).
    pub discard: u64,
    /// Bytes of encrypted content that one 1103 may carry.
    pub max_file: u64,
    /// Bytes that the versions of one client may take, those in flight too, each counted in whole
    /// blocks of 4 KiB.
    pub client_quota: Option<u64>,
    /// The same for all clients together.
    pub total_quota: Option<u64>,
    /// Bytes that must be left free on the disk of the data folder once a file has come.
    pub min_free: u64,
    /// Clients that may be registered.
    pub max_clients: u64,
    /// Registrations a minute from one address; as many may come at once.
    pub registrations_per_minute: u32,
    /// Connections served at once. When all are taken, one that is between two requests makes room for a
    /// new one; else the new one waits. `None` takes what the limit of open files allows: two a
    /// connection.
    pub max_connections: Option<usize>,
    /// Connections from one address, of IPv6 from one network of 64 bits; further ones are closed at
    /// once. `None` is a quarter of all, but at least 256.
    pub max_connections_per_address: Option<usize>,
    /// How long a connection may be silent, or not take what it is sent.
    pub idle_timeout: Duration,
    /// How long the header of a request, or its fixed fields, may take from their first byte to their
    /// last; a TLS handshake too.
    pub request_timeout: Duration,
    /// Bytes a second that content must bring on average over each [`request_timeout`](Self::request_timeout)
    /// that is spent waiting for it; 0 takes any.
    pub min_rate: u64,
    /// How long requests under way may take to finish once the server is told to stop.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            discard: 16 << 20,
            max_file: u64::from(u32::MAX),
            client_quota: None,
            total_quota: None,
            min_free: 256 << 20,
            max_clients: 100_000,
            registrations_per_minute: 1000,
            max_connections: None,
            max_connections_per_address: None,
            idle_timeout: Duration::from_secs(600),
            request_timeout: Duration::from_secs(30),
            min_rate: 1024,
            grace: Duration::from_secs(10),
        }
    }
}

/// Descriptors that are no client's: standard streams, listeners, database, runtime.
const OWN_FILES: u64 = 64;

/// Least of them where it is lower than any server can live with.
const LEAST: u64 = 16;

/// Most connections where the file limit is higher than any machine's memory.
const MOST: u64 = 100_000;

/// Least of what one address may have, since a whole office can stand behind one.
const LEAST_PER_ADDRESS: usize = 256;

impl Limits {
    /// Connections in all, for a process that may open `files` files: each may be an upload, which has a
    /// socket and a file.
    pub(crate) fn connections(&self, files: Option<u64>) -> usize {
        self.max_connections.unwrap_or_else(|| {
            let files = files.unwrap_or(2048);
            let derived = (files.saturating_sub(OWN_FILES) / 2).clamp(LEAST, MOST);
            usize::try_from(derived).unwrap_or(usize::MAX)
        })
    }

    /// Connections from one address, of `all` in all.
    pub(crate) fn connections_per_address(&self, all: usize) -> usize {
        self.max_connections_per_address
            .unwrap_or_else(|| (all / 4).max(LEAST_PER_ADDRESS))
            .min(all)
    }
}

/// Which limit a request or a connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Exceeded {
    /// The file is too large.
    #[error("{size} bytes of content, --max-file is {most}")]
    File {
        /// Bytes of content.
        size: u64,
        /// The limit.
        most: u64,
    },
    /// The client has too much.
    #[error("the client would have {bytes} bytes, --client-quota is {most}")]
    ClientQuota {
        /// Bytes with this file.
        bytes: u64,
        /// The limit.
        most: u64,
    },
    /// All clients together have too much.
    #[error("all clients would have {bytes} bytes, --total-quota is {most}")]
    TotalQuota {
        /// Bytes with this file.
        bytes: u64,
        /// The limit.
        most: u64,
    },
    /// The disk is nearly full.
    #[error("{left} bytes would be left on the disk, --min-free is {least}")]
    FreeSpace {
        /// Bytes that would be left.
        left: u64,
        /// The limit.
        least: u64,
    },
    /// Too many clients.
    #[error("{most} clients are registered, which is --max-clients")]
    Clients {
        /// The limit.
        most: u64,
    },
    /// Too many registrations from one address.
    #[error(
        "more than {most} registrations a minute from this address (--registrations-per-minute)"
    )]
    Registrations {
        /// The limit.
        most: u32,
    },
    /// Too much content under one key that does not decrypt.
    #[error("{tries} contents did not decrypt under this key: a new one is needed")]
    Tries {
        /// The limit.
        tries: u8,
    },
}

impl Exceeded {
    /// One word, for metrics.
    pub(crate) const fn slug(&self) -> &'static str {
        match self {
            Self::File { .. } => "max-file",
            Self::ClientQuota { .. } => "client-quota",
            Self::TotalQuota { .. } => "total-quota",
            Self::FreeSpace { .. } => "min-free",
            Self::Clients { .. } => "max-clients",
            Self::Registrations { .. } => "registration-rate",
            Self::Tries { .. } => "key-tries",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_follow_from_the_files_that_may_be_open() {
        let limits = Limits::default();
        assert_eq!(limits.connections(Some(20_000)), 9968);
        assert_eq!(limits.connections(Some(u64::MAX)), 100_000);
        assert_eq!(limits.connections(Some(10)), 16);
        assert_eq!(limits.connections_per_address(9968), 2492);
        assert_eq!(limits.connections_per_address(500), 256);
        assert_eq!(limits.connections_per_address(100), 100);
    }

    #[test]
    fn what_is_given_counts() {
        let limits = Limits {
            max_connections: Some(7),
            max_connections_per_address: Some(3),
            ..Limits::default()
        };
        assert_eq!(limits.connections(Some(20_000)), 7);
        assert_eq!(limits.connections_per_address(7), 3);
        assert_eq!(limits.connections_per_address(2), 2);
    }
}
