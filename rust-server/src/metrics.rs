//! What a monitor may know: counts and times, never a client ID, a key, or a file name.
//!
//! The names are promises. Without a recorder, nothing is counted and nothing costs anything.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use backup_protocol::session::Refusal;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};

/// The port cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve metrics on {address}")]
pub struct MetricsError {
    /// As configured.
    pub address: SocketAddr,
    /// Why not.
    #[source]
    pub source: BuildError,
}

const CONNECTIONS: &str = "backup_connections_open";
const ACCEPTED: &str = "backup_connections_total";
const TURNED_AWAY: &str = "backup_connections_turned_away_total";
const REFUSED: &str = "backup_refused_total";
const RECEIVED: &str = "backup_files_received_total";
const BYTES: &str = "backup_plaintext_bytes_received_total";
const VERIFIED: &str = "backup_files_verified_total";
const REPEATED: &str = "backup_cksum_repeats_total";
const GIVEN_UP: &str = "backup_files_given_up_total";
const LAST: &str = "backup_last_verified_timestamp_seconds";
const COMMIT: &str = "backup_commit_seconds";

/// Seconds of a commit, from an idle SSD to a disk that is about to fail.
const COMMIT_BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

/// Serves metrics in the text format of Prometheus at `/metrics`, and `OK` at `/health`, for as long as
/// the runtime runs. Counts what happens from here on in the whole process. Needs a runtime of tokio.
///
/// # Errors
///
/// The address cannot be had, or there is a recorder already.
pub fn serve_metrics(address: SocketAddr) -> Result<(), MetricsError> {
    let failed = |source| MetricsError { address, source };
    let (recorder, exporter) = PrometheusBuilder::new()
        .with_http_listener(address)
        .set_buckets_for_metric(Matcher::Full(COMMIT.to_owned()), &COMMIT_BUCKETS)
        .and_then(PrometheusBuilder::build)
        .map_err(failed)?;
    metrics::set_global_recorder(recorder).map_err(|error| failed(error.into()))?;
    describe();
    tokio::spawn(exporter);
    Ok(())
}

fn describe() {
    describe_gauge!(CONNECTIONS, "Connections that are open.");
    describe_counter!(ACCEPTED, "Connections that got a seat, plain or TLS.");
    describe_counter!(
        TURNED_AWAY,
        "Connections closed for what their address has already."
    );
    describe_counter!(REFUSED, "Requests that were refused, by reason.");
    describe_counter!(RECEIVED, "Files that were answered with 2103.");
    describe_counter!(BYTES, "Bytes of plaintext in these files.");
    describe_counter!(VERIFIED, "Verdicts \"cksum right\" that were taken in.");
    describe_counter!(REPEATED, "Verdicts \"cksum wrong, sending again\".");
    describe_counter!(GIVEN_UP, "Verdicts \"cksum wrong, giving up\".");
    describe_gauge!(
        LAST,
        "When a file was verified last, in seconds since 1970."
    );
    describe_histogram!(COMMIT, "From complete content to a durable row.");
    gauge!(CONNECTIONS).set(0.0);
    for name in [TURNED_AWAY, RECEIVED, BYTES, VERIFIED, REPEATED, GIVEN_UP] {
        counter!(name).absolute(0);
    }
}

/// Open for as long as the value lives.
pub(crate) struct Open;

impl Open {
    pub(crate) fn new(tls: bool) -> Self {
        counter!(ACCEPTED, "transport" => if tls { "tls" } else { "plain" }).increment(1);
        gauge!(CONNECTIONS).increment(1.0);
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        gauge!(CONNECTIONS).decrement(1.0);
    }
}

pub(crate) fn turned_away() {
    counter!(TURNED_AWAY).increment(1);
}

/// A refusal that is no matter of limits.
pub(crate) fn refused(refusal: &Refusal) {
    let reason = match refusal {
        // Counted where it is known which limit it was.
        Refusal::Limit => return,
        Refusal::UnknownClient => "unknown-client",
        Refusal::NameTaken => "name-taken",
        Refusal::NameDiffers => "name-differs",
        Refusal::NoKey => "no-key",
        Refusal::NothingWaiting => "nothing-waiting",
        Refusal::FileName => "bad-file-name",
        Refusal::Failed => "server-failed",
        other => other.slug().unwrap_or("other"),
    };
    counter!(REFUSED, "reason" => reason).increment(1);
}

pub(crate) fn over_limit(limit: &'static str) {
    counter!(REFUSED, "reason" => limit).increment(1);
}

pub(crate) fn received(bytes: u64, commit: Duration) {
    counter!(RECEIVED).increment(1);
    counter!(BYTES).increment(bytes);
    histogram!(COMMIT).record(commit.as_secs_f64());
}

/// A file is verified; `client` is the label of its client, where the operator wants it to be told.
pub(crate) fn verified(client: Option<String>) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.unwrap_or_default().as_secs_f64();
    counter!(VERIFIED).increment(1);
    gauge!(LAST).set(now);
    if let Some(client) = client {
        gauge!(LAST, "client" => client).set(now);
    }
}

pub(crate) fn repeated() {
    counter!(REPEATED).increment(1);
}

pub(crate) fn given_up() {
    counter!(GIVEN_UP).increment(1);
}
