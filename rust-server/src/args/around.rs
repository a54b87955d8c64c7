//! TLS and metrics on the command line.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use backup_server::TlsConfig;

use super::serve::{Unresolved, host_and_port};

/// What is around the protocol, and no part of it.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "TLS and metrics")]
pub(crate) struct AroundArguments {
    /// Speak TLS on this address too, with --tls-cert and --tls-key; that of --listen stays as it is.
    #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
    tls_listen: Option<String>,

    /// PEM file with the certificate of this server, and those that lead to its root.
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,

    /// PEM file with its private key.
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,

    /// Take only those TLS clients whose certificate is signed by one in this PEM file. Each acts for the
    /// client alone whose name is the common name of its certificate.
    #[arg(long, value_name = "FILE")]
    tls_client_ca: Option<PathBuf>,

    /// Serve metrics for Prometheus at /metrics, and /health, in the clear; a port alone is one of
    /// 127.0.0.1 [default: none]
    #[arg(long, value_name = "[IP:]PORT", value_parser = loopback_unless_said)]
    metrics: Option<SocketAddr>,

    /// Tell in metrics when a file of each client was verified last, by the name of the client's folder.
    #[arg(long)]
    pub(crate) metrics_clients: bool,
}

impl AroundArguments {
    /// What of it TLS needs, all or nothing.
    pub(crate) fn tls(&self) -> Result<Option<TlsConfig>, Unresolved> {
        match (&self.tls_listen, &self.tls_cert, &self.tls_key) {
            (Some(listen), Some(certificate), Some(key)) => Ok(Some(TlsConfig {
                listen: listen.clone(),
                certificate: certificate.clone(),
                key: key.clone(),
                client_ca: self.tls_client_ca.clone(),
            })),
            (None, None, None) if self.tls_client_ca.is_none() => Ok(None),
            _ => Err(Unresolved::HalfTls),
        }
    }

    pub(crate) const fn metrics(&self) -> Option<SocketAddr> {
        self.metrics
    }
}

fn loopback_unless_said(text: &str) -> Result<SocketAddr, &'static str> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    text.parse()
        .map_err(|_| "expected a port, or IP:PORT, such as 127.0.0.1:9184")
}
