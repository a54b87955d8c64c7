//! What a probe found: each parameter of PROTOCOL.md 10.2 that the server has otherwise than the nearest dialect. Every
//! other case is run with the modifier, so that one fault is told once.

use super::{Setting, must};
use crate::cell::{Step, Stop};
use crate::examine::case::Case;
use crate::message::Field;

/// One case a parameter.
macro_rules! parameters {
    ($($key:literal, $does:literal;)+) => {
        pub(super) const CASES: &[Case<Setting>] = &[
            $(must(
                concat!("server/dialect/", $key),
                "10.2",
                $does,
                "what the nearest dialect that has a name has",
                |s| parameter(s, $key),
            ),)+
        ];
    };
}

parameters! {
    "order", "looks at the byte order of the integers in responses";
    "packet-order", "looks at the byte order in which packet number and total are read";
    "align", "looks at the alignment of the headers";
    "name", "looks at the width of name fields";
    "size-width", "looks at the width of the payload size in responses";
    "size", "looks at what the payload size of responses counts";
    "pad", "looks at the padding of responses";
    "request-pad", "looks at the padding of requests that the server waits for";
    "id", "looks whether requests repeat the client ID in their payload";
    "refused", "looks at the payload of 2101";
    "received", "looks at the fields of 2103";
    "echo", "looks at the size that 2103 repeats";
    "crc", "looks at the kind of the checksum";
    "crc-input", "looks at the bytes that are summed up";
    "cksum-width", "looks at the width of the checksum in 2103";
    "aes", "looks at the size of the AES key";
    "connection", "looks whether a connection carries a session or one request";
    "packets", "looks whether 1103 has packet fields";
    "reconnect-key", "looks at the AES key that a reconnect hands out";
    "right", "looks at what follows 1104";
    "wrong", "looks at what follows 1105";
    "give-up", "looks at what follows 1106";
}

fn parameter(s: &mut Setting, key: &str) -> Step {
    let Some(departures) = s.departures.clone() else {
        return Err(Stop::Skip("the dialect was told and not found out".into()));
    };
    let of_key = |modifier: &str| modifier.split_once('=').is_some_and(|(of, _)| of == key);
    for departure in departures.iter().filter(|found| of_key(&found.modifier)) {
        s.found(Field::Scenario, &departure.expected, &departure.got);
        let cause = format!("the server has this otherwise: {}", departure.modifier);
        if let Some(found) = s.findings.last_mut() {
            found.cause = Some(cause);
        }
    }
    Ok(())
}
