//! Scripted peers: a server and a client that do everything right, and one thing wrong on demand.
//!
//! They exist to examine the examiner: with no fault every cell passes, and with a fault the cell
//! that is about it fails. They share the examiner's own frames and oracle, so they say nothing about
//! the protocol; that is what the independent peers are for.

mod client;
mod script;
pub(crate) mod server;

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};

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

#[derive(Debug, Args)]
pub(crate) struct ClientArguments {
    /// The files to back up
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Where the server is
    #[arg(long)]
    server: String,
    /// Name to register
    #[arg(long)]
    name: String,
    /// Folder of its info file
    #[arg(long)]
    identity: PathBuf,
    /// What it speaks, by name or by its JSON file, perhaps with modifiers
    #[arg(long, default_value = "seed", value_parser = Dialect::find)]
    dialect: Dialect,
    /// A connection for each request
    #[arg(long)]
    connection_per_request: bool,
    /// The name to send for the file, in place of its own
    #[arg(long)]
    send_as: Option<String>,
    /// What it does wrong
    #[arg(long, value_name = "ID", value_enum)]
    fault: Option<ClientFault>,
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

faults! {
    /// What a played client can do wrong.
    ClientFault {
        /// 1104 whatever the cksum.
        AlwaysRight = "always-right",
        /// One transmission more than the dialect allows.
        OneMore = "one-more",
        /// One transmission less.
        OneLess = "one-less",
        /// 1105 in a write of its own.
        Apart = "apart",
        /// A reset at the end.
        Resets = "resets",
        /// Bytes behind the NUL of a name that are not zero.
        Uncleared = "uncleared",
        /// The first block encrypted under an IV that is not zero.
        Iv = "iv",
        /// Sends the file without encryption.
        Plain = "plain",
        /// Reads the file in text mode.
        TextMode = "text-mode",
        /// Public exponent 3.
        Exponent = "exponent",
        /// Keeps another private key than the one it uses.
        OtherKey = "other-key",
        /// An info file that everyone can read.
        OpenInfo = "open-info",
        /// Registers again although it is known.
        RegistersAgain = "registers-again",
        /// Goes on with 1101 after its name was refused.
        GoesOn = "goes-on",
        /// Reads a response with one read.
        OneRead = "one-read",
        /// No verdict.
        Silent = "silent",
        /// Exit code 0 whatever happens.
        ExitsWell = "exits-well",
        /// Header and payload in two writes.
        TwoWrites = "two-writes",
        /// Two 1103 without a 1105 between them.
        NoVerdictBetween = "no-verdict-between",
        /// The content size of the plaintext.
        PlainContentSize = "plain-content-size",
        /// One key exchange for all files.
        OneKey = "one-key",
        /// Begins with 1101 where the dialect reconnects.
        NoReconnect = "no-reconnect",
        /// Registers anew with its old key pair.
        KeepsPair = "keeps-pair",
        /// Discards its identity once a reconnect is refused.
        Discards = "discards",
        /// Counts packets from 0.
        PacketsFrom0 = "packets-from-0",
        /// Encrypts every packet on its own.
        PacketsAlone = "packets-alone",
        /// Sends more in a packet than it is told.
        LargePackets = "large-packets",
        /// The content size of the packet, not of the file.
        PacketContentSize = "packet-content-size",
        /// Uses a connection again where the dialect has one for each request.
        KeepsConnection = "keeps-connection",
    }
}
