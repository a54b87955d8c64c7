//! Scripted peers: a server and a client that do everything right, and one thing wrong on demand.
//!
//! They exist to examine the examiner: with no fault every cell passes, and with a fault the cell
//! that is about it fails. They share the examiner's own frames and oracle, so they say nothing about
//! the protocol; that is what the independent peers are for.

mod client;
mod script;
pub(crate) mod server;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};

pub(crate) use client::ClientArguments;
#[cfg(test)]
pub(crate) use client::{ClientFault, client_in};

use crate::dialect::Dialect;
use crate::play::server::ServerFault;

/// Which peer to play.
#[derive(Debug, Subcommand)]
pub(crate) enum Play {
    /// A server
    Server(ServerArguments),
    /// A client
    Client(ClientArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ServerArguments {
    /// Where it listens; the first line that it prints says where
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
    /// Its folder: state, and the files that it was sent
    #[arg(long)]
    data: PathBuf,
    /// What it speaks, by name or by its JSON file, perhaps with modifiers
    #[arg(long, default_value = "seed", value_parser = Dialect::find)]
    dialect: Dialect,
    /// What it does wrong
    #[arg(long, value_name = "ID", value_enum)]
    fault: Option<ServerFault>,
    /// Make the changes of a script to what it sends and is sent (interop/README.md)
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
}

/// The exit code where a script cannot be followed.
const USAGE: u8 = 2;

/// Plays a peer; the value is its exit code.
pub(crate) fn run(play: Play) -> u8 {
    match play {
        Play::Server(arguments) => server::run(arguments),
        Play::Client(arguments) => match script::before(arguments) {
            // The tap lasts as long as the client.
            Ok((arguments, _tap)) => client::run(arguments),
            Err(error) => {
                let _ = writeln!(io::stderr(), "{error}");
                USAGE
            }
        },
    }
}

/// An enum of faults with their names on the command line.
macro_rules! faults {
    ($(#[$meta:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $slug:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
        pub(crate) enum $name {
            $($(#[$of])* #[value(name = $slug)] $variant,)+
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($slug => Ok(Self::$variant),)+
                    _ => Err(format!("'{text}' is none of {}", [$($slug),+].join(", "))),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => $slug,)+
                })
            }
        }
    };
}

pub(crate) use faults;
