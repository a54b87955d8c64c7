//! A client of the backup protocol (PROTOCOL.md), for programs and bindings; the command
//! `backup-client` is a thin layer over it.
//!
//! ```no_run
//! use backup_client::source::SourceFile;
//! use backup_client::{Client, ClientOptions, Name};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = ClientOptions::new("localhost:1234".parse()?, Name::new("alice")?, "identity");
//! let mut client = Client::open(options)?;
//! let files = [SourceFile::check("report.pdf".as_ref(), None)?];
//! for result in client.send(&files, &mut |_event| {}) {
//!     println!("{:?}", result?);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | module | what for |
//! |---|---|
//! | [`source`] | files, and what is wrong with them before anything is sent |
//! | [`identity`] | `me.info` and what is kept beside it (PROTOCOL.md 8.3) |
//! | [`setup`] | `transfer.info` (8.2) |
//!
//! The protocol itself is `backup_protocol::session::client`. This crate gives it a socket, files, a
//! clock and a disk. It blocks, prints nothing, and starts one thread while a large file is sent and one
//! for each connection inside TLS.

mod ahead;
mod client;
mod connection;
mod error;
mod event;
mod exit;
pub mod identity;
mod interrupt;
mod link;
mod platform;
mod run;
mod server;
pub mod setup;
pub mod source;
mod tls;
mod upload;

pub use backup_protocol::Dialect;
pub use backup_protocol::wire::{ClientId, Name};

pub use client::{Client, ClientOptions, KeyPer};
pub use error::ClientError;
pub use event::{Event, Sent, Verdict, Warning};
pub use exit::Exit;
pub use interrupt::Interrupt;
pub use server::{ServerAddress, ServerAddressError};
pub use tls::{PinError, TlsError, TlsOptions, Tunnel, is_distrust};
