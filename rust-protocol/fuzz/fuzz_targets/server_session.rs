//! A whole session of a server, with a store in memory.
#![no_main]

use backup_fuzz::{server, split};
use backup_protocol::session::server::{Auto, ServerSession};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let [255, rest @ ..] = input {
        server::serve(ServerSession::auto(&Auto::new(Vec::new())), None, rest);
    } else if let Some((dialect, rest)) = split(input) {
        server::serve(ServerSession::new(dialect.clone()), Some(dialect), rest);
    }
});
