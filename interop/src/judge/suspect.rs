//! Likely causes: known mistakes, each tried on the bytes at hand before it is named.

use crate::dialect::{AfterAnswer, Checksum, ChecksumInput, Dialect};
use crate::frame::{self, Frame};
use crate::message::{Direction, Field, Kind};
use crate::oracle::{self, AesKey, BLOCK};

/// A size field that does not say what it has to say of its message.
pub(super) fn size(
    dialect: &Dialect,
    direction: Direction,
    bytes: &[u8],
    expected: usize,
) -> Option<String> {
    let read = frame::header(dialect, direction, bytes)?;
    let got = read.size as usize;
    if got == 0 {
        return Some("the size was never filled in".into());
    }
    if let Some(other) = other_layout(dialect, direction, bytes, None) {
        return Some(other);
    }
    let header = frame::header_size(dialect, direction);
    if got == expected + header {
        return Some(format!("the size counts the header of {header} bytes too"));
    }
    let width = match direction {
        Direction::Request => 4,
        Direction::Response => dialect.response_size_width,
    };
    (swapped(read.size, width) as usize == expected)
        .then(|| "the size has its bytes swapped".into())
}

/// A content size in 1103 that is not that of the content.
pub(super) fn content_size(got: u32, expected: u32, plain: Option<u64>) -> Option<String> {
    if plain == Some(u64::from(got)) {
        return Some(
            "it is the size of the plaintext; the size of the encrypted content is due".into(),
        );
    }
    if swapped(got, 4) == expected {
        return Some("the number has its bytes swapped".into());
    }
    let added = got.checked_sub(expected)?;
    (added > 0 && added <= 300).then(|| format!("it counts {added} bytes more than the content"))
}

/// A size in 2103 that is not the one to repeat; `others` are those of content and plaintext.
pub(super) fn echoed_size(got: u32, expected: u32, others: [Option<u64>; 2]) -> Option<String> {
    let [content, plain] = others;
    if plain == Some(u64::from(got)) {
        return Some(
            "it is the size of the plaintext; that of the encrypted content is due: echo=plain"
                .into(),
        );
    }
    if content == Some(u64::from(got)) {
        return Some(
            "it is the size of the encrypted content; that of the plaintext is due: echo=content"
                .into(),
        );
    }
    content_size(got, expected, None)
}

/// An AES key of another size.
pub(super) fn aes_key_size(got: usize, wanted: usize) -> Option<String> {
    (got != wanted && [16, 32].contains(&got))
        .then(|| format!("the server makes such keys: aes={got}"))
}

/// A checksum in 2103 that is not the dialect's.
pub(super) fn cksum(
    dialect: &Dialect,
    got: u32,
    right: u32,
    content: &[u8],
    key: &AesKey,
) -> Option<String> {
    if swapped(got, 4) == right {
        return Some("the right cksum, but with its bytes swapped".into());
    }
    let padded = key.decrypt_blocks(content);
    let padding = padded.last().map_or(0, |last| usize::from(*last));
    let plain = padded.get(..padded.len().checked_sub(padding)?)?;
    let checksums = [
        (Checksum::Posix, "the POSIX cksum", "crc=posix"),
        (Checksum::Zlib, "zlib's CRC-32", "crc=zlib"),
        (Checksum::Crc8, "a CRC-8", "crc=crc8"),
    ];
    let inputs = [
        (
            ChecksumInput::Plaintext,
            "the plaintext",
            "crc-input=plaintext",
        ),
        (
            ChecksumInput::Padded,
            "the plaintext with its padding left on",
            "crc-input=padded",
        ),
        (
            ChecksumInput::Content,
            "the encrypted content",
            "crc-input=content",
        ),
    ];
    let mut due = "another one";
    let mut found = Vec::new();
    for (checksum, named, modifier) in checksums {
        for (input, over, of_input) in inputs {
            let both = [
                (checksum != dialect.checksum).then_some(modifier),
                (input != dialect.checksum_input).then_some(of_input),
            ];
            let modifiers: Vec<_> = both.into_iter().flatten().collect();
            if modifiers.is_empty() {
                due = named;
            } else if oracle::checksum_over(checksum, input, plain, content) == got {
                found.push((modifiers, named, over));
            }
        }
    }
    // The one that differs in the fewest parameters.
    found.sort_by_key(|(modifiers, ..)| modifiers.len());
    if let Some((modifiers, named, over)) = found.first() {
        let place = if *named == due { "" } else { " in its place" };
        return Some(format!(
            "it is {named} of {over}{place}: {}",
            modifiers.join(",")
        ));
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
    (got == oracle::cksum_without_length(plain))
        .then(|| "the POSIX CRC without the length of the data behind it".into())
}

/// A response whose code is not the one that is due.
pub(super) fn response_code(
    dialect: &Dialect,
    frame: &Frame<'_>,
    expected: Option<Kind>,
    request: &str,
) -> Option<String> {
    let due = expected?;
    let kind = frame.kind;
    if let (Some(got), Some(negative)) = (kind, Some(due).filter(|kind| kind.is_negative()))
        && got.is_negative()
    {
        return Some(format!(
            "this dialect says no with {}",
            dialect.title_of(negative)
        ));
    }
    if kind.is_some_and(Kind::is_negative) {
        return Some(format!(
            "the server refuses a {request} that it has to accept"
        ));
    }
    other_layout(dialect, Direction::Response, frame.bytes, Some(due))
}

/// A request whose code is none of those that may come.
pub(super) fn request_code(dialect: &Dialect, frame: &Frame<'_>, due: &[Kind]) -> Option<String> {
    if frame.kind == Some(Kind::SendPublicKey) && due == [Kind::Reconnect] {
        return Some("a client that has an identity begins with a reconnect here".into());
    }
    let direction = Direction::Request;
    let mut due = due.iter();
    due.find_map(|kind| other_layout(dialect, direction, frame.bytes, Some(*kind)))
}

/// A request that is not whole, or whose size never came.
pub(super) fn misread_request(
    dialect: &Dialect,
    rest: &[u8],
    due: Option<&[Kind]>,
) -> Option<String> {
    const FIRST: &[Kind] = &[Kind::Register, Kind::Reconnect, Kind::SendPublicKey];
    let direction = Direction::Request;
    let mut due = due.unwrap_or(FIRST).iter();
    due.find_map(|kind| other_layout(dialect, direction, rest, Some(*kind)))
}

/// A client ID that begins as none may, since a response of another size width looks so.
pub(super) fn client_id(dialect: &Dialect, bytes: &[u8]) -> Option<String> {
    other_reading(dialect, Direction::Response, bytes, Some(Kind::Registered))
}

/// A response when none is due.
pub(super) fn stray_response(dialect: &Dialect, frame: &Frame<'_>) -> Option<String> {
    if frame.kind == Some(Kind::Acknowledged) {
        return Some(format!(
            "in '{dialect}' this verdict is not acknowledged: {}",
            ["right", "wrong", "give-up"]
                .map(|key| format!("{key}="))
                .join(" or ")
        ));
    }
    if frame.bytes.iter().all(|byte| *byte == 0) {
        return Some(PADDED.into());
    }
    let verdicts = [Kind::CksumRight, Kind::CksumWrong, Kind::GiveUp];
    let says_no = |kind: &Kind| {
        dialect.after(*kind).is_some_and(|after| {
            matches!(
                after.answer,
                AfterAnswer::Refused | AfterAnswer::GeneralError
            )
        })
    };
    if frame.kind.is_some_and(Kind::is_negative) && !verdicts.iter().all(says_no) {
        return Some("a verdict was answered that this dialect leaves without an answer".into());
    }
    None
}

const PADDED: &str = "the response before was padded with zeros: pad=";

/// Bytes at the end of a stream of responses that are no message of this dialect.
pub(super) fn misread_stream(dialect: &Dialect, rest: &[u8], due: Option<Kind>) -> Option<String> {
    if !rest.is_empty() && rest.iter().all(|byte| *byte == 0) {
        return Some(PADDED.into());
    }
    let direction = Direction::Response;
    other_layout(dialect, direction, rest, due).or_else(|| {
        let header = frame::header(dialect, direction, rest)?;
        let kind = dialect.kind(direction, header.code)?;
        let payload = frame::fixed_payload_size(dialect, kind);
        size(
            dialect,
            direction,
            rest,
            frame::size_field(dialect, kind, payload),
        )
    })
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
    if found.is_none() && text.len() < got.len() {
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

/// Content that does not decrypt to the file. `packets` are the offsets at which packets begin.
pub(super) fn content(
    key: &AesKey,
    content: &[u8],
    file: &[u8],
    packets: &[usize],
) -> Option<String> {
    let named = |text: &str| Some(text.to_owned());
    if content.starts_with(file) && !file.is_empty() {
        return named("the file was sent unencrypted");
    }
    if packets.len() > 1 && each_packet_alone(key, content, file, packets) {
        return named("each packet was encrypted on its own; a file is one CBC stream");
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

fn each_packet_alone(key: &AesKey, content: &[u8], file: &[u8], packets: &[usize]) -> bool {
    let ends = packets.iter().copied().skip(1).chain([content.len()]);
    let mut plain = Vec::new();
    for (start, end) in packets.iter().zip(ends) {
        plain.extend(key.decrypt_blocks(content.get(*start..end).unwrap_or_default()));
    }
    plain.starts_with(file)
}

/// The same bytes read in another way, where they make no sense in this one: as a dialect that differs
/// in one parameter, or as another dialect of the repository. Only what makes a possible message of them
/// is named; of `due`, where that is given.
fn other_layout(
    dialect: &Dialect,
    direction: Direction,
    bytes: &[u8],
    due: Option<Kind>,
) -> Option<String> {
    if makes_sense(dialect, direction, bytes, due) {
        return None;
    }
    other_reading(dialect, direction, bytes, due)
}

fn other_reading(
    dialect: &Dialect,
    direction: Direction,
    bytes: &[u8],
    due: Option<Kind>,
) -> Option<String> {
    let end = |dialect: &Dialect| {
        let header = frame::header(dialect, direction, bytes)?;
        Some(frame::extent(dialect, direction, &header).total)
    };
    // Where these bytes make sense here too, one that has the message end in the same place is no reason for them.
    let here = makes_sense(dialect, direction, bytes, due).then(|| end(dialect));
    let reads =
        |other: &Dialect| makes_sense(other, direction, bytes, due) && here != Some(end(other));
    let mut others = Dialect::built_in().iter();
    let other = others.find(|other| other.name != dialect.name && reads(other));
    let neighbour = dialect.neighbours().iter().find(|(_, other)| reads(other));
    let names = [
        other.map(|other| format!("'{other}'")),
        neighbour.map(|(modifier, _)| format!("'{dialect},{modifier}'")),
    ];
    let names: Vec<_> = names.into_iter().flatten().collect();
    (!names.is_empty()).then(|| {
        let word = direction.name();
        format!("this is a {word} of the dialect {}", names.join(", or of "))
    })
}

/// Whether bytes begin with a message of the dialect whose sizes agree with each other.
fn makes_sense(dialect: &Dialect, direction: Direction, bytes: &[u8], due: Option<Kind>) -> bool {
    let Some(header) = frame::header(dialect, direction, bytes) else {
        return false;
    };
    let Some(kind) = dialect.kind(direction, header.code) else {
        return false;
    };
    let payload = frame::extent(dialect, direction, &header).payload;
    let fixed = frame::stated_payload(dialect, kind, payload);
    let sizes_agree = match kind {
        Kind::SendFile => {
            let places = frame::places(dialect, direction, &header);
            let place = places
                .iter()
                .find(|place| place.field == Field::ContentSize);
            let stated = place.and_then(|place| bytes.get(place.range.clone()));
            let stated = stated.map(|bytes| dialect.byte_order.number(bytes) as usize);
            match (payload.checked_sub(fixed), stated) {
                (None, _) => false,
                // A packet has a part of the content.
                (Some(content), Some(stated)) if dialect.packets => content <= stated,
                (Some(content), Some(stated)) => content == stated,
                (Some(_), None) => true,
            }
        }
        _ => header.size as usize == frame::size_field(dialect, kind, fixed),
    };
    let possible = header.version == frame::VERSION && due.is_none_or(|due| due == kind);
    sizes_agree && possible && payload > 0
}

/// A number of `width` bytes with their order reversed.
fn swapped(number: u32, width: usize) -> u32 {
    match width {
        2 => u32::from((number as u16).swap_bytes()),
        _ => number.swap_bytes(),
    }
}
