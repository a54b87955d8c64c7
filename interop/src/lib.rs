//! The examiner of the backup protocol: plays every client against every server, as processes, with
//! a recording tap between them, and compares every field of every message with `docs/PROTOCOL.md`.
//!
//! It shares no code with the programs that it examines, since a fault on both sides of an
//! examination cancels out. What it is made of:
//!
//! | module | what it knows |
//! |---|---|
//! | `message`, `frame`, `dialect` | the words, and where the fields of a message lie |
//! | `oracle`, `info_file` | ciphers, keys, checksum; the client's private key |
//! | `tap` | the proxy between client and server: records, cuts, holds, changes |
//! | `proxy` | the tap between any two programs, decoding as they speak |
//! | `record` | what the tap wrote down |
//! | `judge` | what PROTOCOL.md asks of each side, given what reached it |
//! | `peer`, `process`, `store` | the programs, and the server's folder |
//! | `scenarios`, `cell` | what happens in a cell of the matrix |
//! | `play` | scripted peers with faults, to examine the examiner |
//! | `examine` | the examination of one program, by cases |
//! | `vectors` | the golden vectors, confirmed with codec and oracle |
//! | `matrix`, `wire_log`, `report`, `cli` | running the cells and telling of them |
//! | `busy`, `stdout`, `glob` | threads that are waited for, a reader that goes away, patterns for ids |
//!
//! The judge sees bytes alone; the tap knows nothing of right and wrong.

mod busy;
mod cell;
mod cli;
mod dialect;
mod examine;
mod frame;
mod glob;
mod impossible;
mod info_file;
mod judge;
mod matrix;
mod message;
mod oracle;
mod peer;
mod play;
mod process;
mod proxy;
mod record;
mod report;
mod scenarios;
mod stdout;
mod store;
mod tap;
mod vectors;
mod wire_log;

pub use cli::{Exit, main};
