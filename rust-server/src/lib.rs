//! The server of the backup protocol, as a library.
//!
//! ```no_run
//! use backup_server::{Config, Limits, Server, store::StoreOptions};
//!
//! # async fn run() -> Result<(), backup_server::ServeError> {
//! let server = Server::bind(Config {
//!     listen: "127.0.0.1:0".into(),
//!     data: "backup-data".into(),
//!     dialect: backup_protocol::Dialect::default().into(),
//!     store: StoreOptions::default(),
//!     limits: Limits::default(),
//!     tls: None,
//!     metrics_of_clients: false,
//! })
//! .await?;
//! println!("listening on {}", server.local_addr());
//! server.run(std::future::pending()).await;
//! # Ok(())
//! # }
//! ```
//!
//! From outside to inside: [`Server`] accepts, `connection` moves bytes between a socket and a
//! session of `backup_protocol`, [`store`] keeps what it is given.

mod config;
mod connection;
mod dialect;
mod event;
mod limits;
mod listen;
mod metrics;
mod platform;
mod server;
mod socket;
pub mod store;
mod stream;
mod text;
mod tls;
mod upload;

pub use crate::metrics::{MetricsError, serve_metrics};
pub use config::{Config, PortInfoError, read_port_info};
pub use dialect::DialectChoice;
pub use event::Event;
pub use limits::{Exceeded, Limits};
pub use platform::{raise_file_limit, stop_signal};
pub use server::{ServeError, Server};
pub use text::Shown;
pub use tls::{TlsConfig, TlsError};
