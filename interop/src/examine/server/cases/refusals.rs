//! Requests that the header alone makes impossible: refused at once, and the connection closed.

use super::{Setting, must};
use crate::cell::Step;
use crate::examine::case::Case;
use crate::frame;
use crate::message::{Direction, Field, Kind};

pub(super) const CASES: &[Case<Setting>] = &[
    must(
        "server/refusals/unknown-code",
        "2.10",
        "sends a request of code 9999 without payload",
        "a refusal and the end of the stream",
        |s| unknown(s, 9999),
    ),
    must(
        "server/refusals/code-0",
        "2.10",
        "sends a request of code 0",
        "a refusal and the end of the stream",
        |s| unknown(s, 0),
    ),
    must(
        "server/refusals/code-of-a-response",
        "2.10",
        "sends a request with the code of 2100",
        "a refusal and the end of the stream",
        |s| {
            let code = s.dialect().code(Kind::Registered).unwrap_or_default();
            unknown(s, code)
        },
    ),
    must(
        "server/refusals/swapped-code",
        "1.2",
        "sends a registration whose code has its two bytes swapped",
        "a refusal and the end of the stream",
        |s| {
            let code = s.dialect().code(Kind::Register).unwrap_or_default();
            unknown(s, code.swap_bytes())
        },
    ),
    must(
        "server/refusals/register-too-short",
        "2.10",
        "sends the header of a 1100 that says one byte less than a name field has, and no payload",
        "a refusal at once and the end of the stream",
        |s| header_alone(s, Kind::Register, |size| size - 1),
    ),
    must(
        "server/refusals/register-too-long",
        "2.10",
        "sends the header of a 1100 that says one byte more than a name field has, and no payload",
        "a refusal at once and the end of the stream",
        |s| header_alone(s, Kind::Register, |size| size + 1),
    ),
    must(
        "server/refusals/register-without-payload",
        "2.10",
        "sends the header of a 1100 that says 0 bytes of payload",
        "a refusal at once and the end of the stream",
        |s| header_alone(s, Kind::Register, |_| 0),
    ),
    must(
        "server/refusals/public-key-size",
        "2.10",
        "sends the header of a 1101 that says one byte less than name and key have",
        "a refusal at once and the end of the stream",
        |s| header_alone(s, Kind::SendPublicKey, |size| size - 1),
    ),
    must(
        "server/refusals/file-shorter-than-its-fields",
        "2.10",
        "sends the header of a 1103 that says one byte less than its fixed fields have",
        "a refusal at once and the end of the stream",
        |s| header_alone(s, Kind::SendFile, |size| size - 1),
    ),
    must(
        "server/refusals/right-size",
        "2.10",
        "sends the header of a 1104 that says one byte more than its fields have",
        "a refusal at once and the end of the stream",
        |s| header_alone(s, Kind::CksumRight, |size| size + 1),
    ),
    must(
        "server/refusals/wrong-size",
        "2.10",
        "sends the header of a 1105 that says one byte less than its fields have",
        "a refusal at once and the end of the stream, although 1105 is never answered otherwise",
        |s| header_alone(s, Kind::CksumWrong, |size| size - 1),
    ),
    must(
        "server/refusals/give-up-size",
        "2.10",
        "sends the header of a 1106 that says 4 GiB less one byte",
        "a refusal at once and the end of the stream",
        |s| header_alone(s, Kind::GiveUp, |_| u32::MAX),
    ),
    must(
        "server/refusals/text",
        "2.10",
        "sends the request line of an HTTP client",
        "a refusal and the end of the stream",
        |s| {
            let link = s.connect()?;
            link.send(b"GET /index.html HTTP/1.1\r\nHost: backup\r\n\r\n")?;
            s.refused_and_closed(&link, None)
        },
    ),
];

/// A request whose code no request has, without payload.
fn unknown(s: &mut Setting, code: u16) -> Step {
    let link = s.connect()?;
    let dialect = s.dialect().clone();
    let size = frame::header_size(&dialect, Direction::Request);
    let request = s
        .register(b"")
        .with_number(&dialect, Field::Code, code.into());
    let request = request.with_number(&dialect, Field::PayloadSize, 0);
    link.send(request.bytes().get(..size).unwrap_or_default())?;
    s.refused_and_closed(&link, None)
}

/// The header of a request with another payload size, and nothing behind it.
fn header_alone(s: &mut Setting, kind: Kind, other: fn(u32) -> u32) -> Step {
    let link = s.connect()?;
    let client = s.client(&link, "alice")?;
    let dialect = s.dialect().clone();
    let request = match kind {
        Kind::Register => s.register(b""),
        Kind::SendPublicKey => s.public_key(&client),
        Kind::SendFile => s.file(&client, b"a.txt", b"", 0),
        verdict => s.verdict(verdict, &client, b"a.txt"),
    };
    let size = frame::header_size(&dialect, Direction::Request);
    let right = match kind {
        Kind::SendPublicKey => request.bytes().len() - size,
        kind => frame::fixed_payload_size(&dialect, kind),
    };
    let wrong = other(u32::try_from(right).unwrap_or(u32::MAX));
    let request = request.with_number(&dialect, Field::PayloadSize, wrong);
    link.send(request.bytes().get(..size).unwrap_or_default())?;
    s.refused_and_closed(&link, Some(kind))
}
