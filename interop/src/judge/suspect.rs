//! Likely causes: known mistakes, each tried on the bytes at hand before it is named.

use crate::dialect::{Dialect, RefusedPayload};
use crate::frame::{self, Frame, NAME_SIZE};
use crate::message::{Direction, Kind};
use crate::oracle::{self, AesKey, BLOCK};

/// A payload size that is not the one of the message.
pub(super) fn payload_size(
    dialect: &Dialect,
    direction: Direction,
    bytes: &[u8],
    expected: usize,
) -> Option<String> {
    let read = frame::header(dialect, direction, bytes)?;
    let got = read.payload_size as usize;
    let header = frame::header_size(dialect, direction);
    if got == expected + header {
        return Some(format!("the size counts the header of {header} bytes too"));
    }
    let width = if direction == Direction::Request {
        4
    } else {
        dialect.response_size_width
    };
    if swapped(got as u32, width) as usize == expected {
        return Some("the size is big-endian".into());
    }
    if got == 0 {
        return Some("the size was never filled in".into());
    }
    let kind = dialect.kind(direction, read.code)?;
    let other = other_dialects(dialect).find(|other| frame::fixed_payload_size(other, kind) == got);
    if let Some(other) = other {
        return Some(format!("this is the payload of the dialect '{other}'"));
    }
    (direction == Direction::Response)
        .then(|| other_header(dialect, bytes))
        .flatten()
}

/// A content size in 2103 that does not repeat the request's.
pub(super) fn content_size(got: u32, expected: u32, plain: Option<u64>) -> Option<String> {
    if plain == Some(u64::from(got)) {
        return Some(
            "it is the size of the plaintext; the size of the encrypted content is due".into(),
        );
    }
    if swapped(got, 4) == expected {
        return Some("the number is big-endian".into());
    }
    let added = got.checked_sub(expected)?;
    (added > 0 && added <= 275).then(|| format!("it counts {added} bytes more than the content"))
}

/// A checksum in 2103 that is not that of the plaintext.
pub(super) fn cksum(got: u32, right: u32, content: &[u8], key: &AesKey) -> Option<String> {
    if swapped(got, 4) == right {
        return Some("the right cksum, but big-endian".into());
    }
    if got == oracle::cksum(b"") {
        return Some("it is the cksum of nothing".into());
    }
    if got == 0 {
        return Some("the cksum was never filled in".into());
    }
    if !right == got {
        return Some("the right cksum without the final complement".into());
    }
    let named = |text: &str| Some(text.to_owned());
    if got == oracle::cksum(content) {
        return named("it is the cksum of the encrypted content; that of the plaintext is due");
    }
    if got == oracle::zlib_crc(content) {
        return named("it is zlib's CRC-32 of the encrypted content");
    }
    let padded = key.decrypt_blocks(content);
    let padding = padded.last().map_or(0, |last| usize::from(*last));
    let plain = padded.get(..padded.len().checked_sub(padding)?)?;
    if got == oracle::zlib_crc(plain) {
        return named("zlib's CRC-32 in place of the POSIX cksum");
    }
    if got == oracle::cksum_without_length(plain) {
        return named("the POSIX CRC without the length of the data behind it");
    }
    if got == oracle::cksum(&padded) {
        return named("the cksum of the plaintext with its padding left on");
    }
    if got == oracle::zlib_crc(&padded) {
        return named("zlib's CRC-32 of the plaintext with its padding left on");
    }
    None
}

/// A response whose code is not the one that is due.
pub(super) fn response_code(
    dialect: &Dialect,
    frame: &Frame<'_>,
    expected: Option<Kind>,
    request: &str,
) -> Option<String> {
    let code = frame.header.code;
    let right = dialect.code(expected?);
    if code.swap_bytes() == right {
        return Some("the code is big-endian".into());
    }
    if frame.kind == Some(Kind::Refused) {
        return Some(format!(
            "the server refuses a {request} that it has to accept"
        ));
    }
    if frame.kind.is_none() {
        return other_header(dialect, frame.bytes);
    }
    None
}

/// A response when none is due.
pub(super) fn stray_response(dialect: &Dialect, frame: &Frame<'_>) -> Option<String> {
    if frame.kind == Some(Kind::Acknowledged) {
        return Some(format!("the dialect '{dialect}' acknowledges no verdict"));
    }
    if frame.bytes.iter().all(|byte| *byte == 0) {
        return Some("the response before was padded with zeros".into());
    }
    if frame.kind == Some(Kind::Refused) && dialect.refused_payload == RefusedPayload::Empty {
        return Some("a verdict was answered that this dialect leaves without an answer".into());
    }
    None
}

/// Bytes at the end of a stream of responses that are no message of this dialect.
pub(super) fn misread_stream(dialect: &Dialect, rest: &[u8]) -> Option<String> {
    if !rest.is_empty() && rest.iter().all(|byte| *byte == 0) {
        return Some("the response before was padded with zeros".into());
    }
    let direction = Direction::Response;
    let kind =
        frame::header(dialect, direction, rest).and_then(|h| dialect.kind(direction, h.code));
    kind.and_then(|kind| {
        payload_size(
            dialect,
            direction,
            rest,
            frame::fixed_payload_size(dialect, kind),
        )
    })
    .or_else(|| other_header(dialect, rest))
}

/// A name field that does not hold the text that it has to hold.
pub(super) fn name(got: &[u8], text: &[u8]) -> Option<String> {
    let found = frame::name_text(got);
    if got.starts_with(text) && got.get(text.len()) == Some(&b'\n') {
        return Some("the line end of an info file was taken into the name".into());
    }
    if got.starts_with(text) && got.get(text.len()) == Some(&b'\r') {
        return Some("the CR of a CRLF line end was taken into the name".into());
    }
    if got.starts_with(text) && got.get(text.len()) == Some(&b' ') {
        return Some("the field is padded with spaces".into());
    }
    if found.is_none() && text.len() < NAME_SIZE {
        return Some("the text has no NUL behind it".into());
    }
    let found = found?;
    if found.is_empty() {
        return Some("the name was never filled in".into());
    }
    if found == text {
        return Some("the bytes behind the NUL were not cleared".into());
    }
    let separators = |byte: &u8| *byte == b'/' || *byte == b'\\';
    let base = found.rsplit(separators).next().unwrap_or_default();
    if base == text {
        return Some("the whole path was sent in place of the base name".into());
    }
    if text.starts_with(found) {
        return Some(format!("the name was cut off after {} bytes", found.len()));
    }
    None
}

/// Content that does not decrypt to the file.
pub(super) fn content(key: &AesKey, content: &[u8], file: &[u8]) -> Option<String> {
    let named = |text: &str| Some(text.to_owned());
    if content.starts_with(file) && !file.is_empty() {
        return named("the file was sent unencrypted");
    }
    let blocks = key.decrypt_blocks(content);
    let behind_first = |data: &[u8]| data.get(BLOCK..).map(<[u8]>::to_vec);
    if file.len() > BLOCK
        && blocks.get(BLOCK..file.len()).map(<[u8]>::to_vec) == behind_first(file)
        && blocks.get(..BLOCK) != file.get(..BLOCK)
    {
        return named("only the first block differs: the IV was not zero");
    }
    if blocks.starts_with(file) {
        return named("the file is there, but the padding is not PKCS#7");
    }
    let text_mode: Vec<u8> = file.iter().copied().filter(|byte| *byte != b'\r').collect();
    if text_mode != file && key.decrypt(content).as_ref() == Some(&text_mode) {
        return named("the file was read in text mode: its CR bytes are gone");
    }
    if key.decrypt(content).is_none() {
        return named("another key than the one of the last 2102, or not AES-CBC");
    }
    None
}

/// The same bytes as a response of another dialect.
fn other_header(dialect: &Dialect, bytes: &[u8]) -> Option<String> {
    let direction = Direction::Response;
    other_dialects(dialect).find_map(|other| {
        let header = frame::header(&other, direction, bytes)?;
        let kind = other.kind(direction, header.code)?;
        let size = frame::fixed_payload_size(&other, kind);
        (size == header.payload_size as usize && size > 0)
            .then(|| format!("this is a response of the dialect '{other}'"))
    })
}

fn other_dialects(dialect: &Dialect) -> impl Iterator<Item = Dialect> {
    Dialect::built_in()
        .into_iter()
        .filter(|other| other.name != dialect.name)
}

/// A number of `width` bytes with their order reversed.
fn swapped(number: u32, width: usize) -> u32 {
    match width {
        2 => u32::from((number as u16).swap_bytes()),
        _ => number.swap_bytes(),
    }
}
