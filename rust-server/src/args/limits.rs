//! The limits on the command line.

use std::time::Duration;

use backup_server::Limits;
use bytesize::ByteSize;
use clap::value_parser;

/// What no client may exceed.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArguments {
    /// Refuse a file that would bring one client above this, all its stored versions and those on their
    /// way counted in blocks of 4KiB [default: none]
    #[arg(long, value_name = "SIZE")]
    client_quota: Option<ByteSize>,

    /// The same for all clients together [default: none]
    #[arg(long, value_name = "SIZE")]
    total_quota: Option<ByteSize>,

    /// Refuse a file after which less than this would be free on the disk of the data folder.
    #[arg(long, value_name = "SIZE", default_value = "256MiB")]
    min_free: ByteSize,

    /// Refuse registrations once there are so many clients.
    #[arg(long, value_name = "N", default_value = "100000",
          value_parser = value_parser!(u32).range(1..))]
    max_clients: u32,

    /// Refuse more registrations a minute from one address; as many may come at once.
    #[arg(long, value_name = "N", default_value = "1000",
          value_parser = value_parser!(u32).range(1..))]
    registrations_per_minute: u32,

    /// Close further connections from one address (of IPv6, one /64) [default: a quarter of
    /// --max-connections, but at least 256]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=100_000))]
    max_connections_per_address: Option<u32>,

    /// Close a connection whose request takes longer to arrive, its content aside.
    #[arg(long, value_name = "SECONDS", default_value = "30",
          value_parser = value_parser!(u32).range(1..))]
    request_timeout: u32,

    /// Close a connection whose content comes slower, on average over each --request-timeout; 0 takes
    /// any pace.
    #[arg(long, value_name = "BYTES A SECOND", default_value = "1KiB")]
    min_rate: ByteSize,
}

impl LimitArguments {
    /// Puts them into the limits.
    pub(crate) fn apply(&self, limits: &mut Limits) {
        limits.client_quota = self.client_quota.map(|size| size.as_u64());
        limits.total_quota = self.total_quota.map(|size| size.as_u64());
        limits.min_free = self.min_free.as_u64();
        limits.max_clients = self.max_clients.into();
        limits.registrations_per_minute = self.registrations_per_minute;
        limits.max_connections_per_address = self.max_connections_per_address.map(to_usize);
        limits.request_timeout = Duration::from_secs(self.request_timeout.into());
        limits.min_rate = self.min_rate.as_u64();
    }
}

/// Saturates where it does not fit.
pub(crate) fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
