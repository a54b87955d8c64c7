//! Answers that say something else than they should, and others that only look so (PROTOCOL.md 1.7, 1.8, 2.7, 4.2, 4.3, 6.2).

use crate::cell::Step;
use crate::dialect::Dialect;
use crate::examine::case::Case;
use crate::examine::client::cases::refusals::stops_before;
use crate::examine::client::cases::{FIRST, always, case, first_backup, has_sessions};
use crate::examine::client::setting::{Focus, Setting};
use crate::frame;
use crate::message::{Field, Kind};

pub(super) const CASES: &[Case<Setting>] = &[
    case!("answers/other-version", "1.7", Must, always,
    does "answers with version 9 in every header",
    expects "the client accepts any version",
    |s| {
        s.script(|_, reply| reply.set(Field::Version, &[9]));
        first_backup(s)
    }),
    case!("answers/noise-behind-name", "1.8", Must, always,
    does "leaves other bytes than zeros behind the NUL of the file name in the answer to the file",
    expects "the client stops reading a name at its NUL",
    |s| {
        s.script(|asked, reply| {
            if asked.is(Kind::SendFile)
                && let Some(last) = reply.field(Field::FileName).last_mut()
            {
                *last = b'x';
            }
        });
        first_backup(s)
    }),
    case!("answers/aes-key-of-16", "4.3", Must, always,
        does "hands out an AES key of 16 bytes",
        expects "the client encrypts with it",
        |s| with_key_of(s, 16)),
    case!("answers/aes-key-of-32", "4.3", Must, always,
        does "hands out an AES key of 32 bytes",
        expects "the client encrypts with it",
        |s| with_key_of(s, 32)),
    case!("answers/aes-key-of-24", "4.3", Must, always,
        does "hands out an AES key of 24 bytes",
        expects "the client encrypts with it",
        |s| with_key_of(s, 24)),
    case!("answers/aes-key-of-5", "4.3", Should, always,
    does "hands out an AES key of 5 bytes",
    expects "the client stops: it sends no file",
    |s| {
        s.look_at(Focus::Course);
        s.aes_keys_of(5);
        stops_before(s, Kind::SendFile, "4.3")
    }),
    case!("answers/wrapped-key-spoilt", "4.2", Should, always,
    does "hands out 128 bytes that no private key opens",
    expects "the client stops: it sends no file",
    |s| {
        s.look_at(Focus::Course);
        s.script(|asked, reply| {
            if asked.is(Kind::SendPublicKey) {
                reply.spoil(Field::WrappedKey);
            }
        });
        stops_before(s, Kind::SendFile, "4.2")
    }),
    case!("answers/key-for-another-id", "2", Should, always,
        does "hands out the AES key under another client's ID",
        expects "the client stops: it sends no file",
        |s| spoilt(s, Kind::SendPublicKey, Field::ClientId, Kind::SendFile)),
    case!("answers/received-from-another-id", "6.2", Should, received_has_id,
        does "answers the file under another client's ID",
        expects "the client stops without a verdict",
        |s| spoilt(s, Kind::SendFile, Field::ClientId, Kind::CksumRight)),
    case!("answers/received-of-another-size", "6.2", Should, received_has_size,
        does "answers the file with another content size",
        expects "the client stops without a verdict",
        |s| spoilt(s, Kind::SendFile, Field::ContentSize, Kind::CksumRight)),
    case!("answers/received-of-another-name", "6.2", Should, always,
        does "answers the file with another file name",
        expects "the client stops without a verdict",
        |s| spoilt(s, Kind::SendFile, Field::FileName, Kind::CksumRight)),
    case!("answers/zeros-behind-cksum", "2.7", Must, has_zeros,
        does "leaves other bytes than zeros behind the cksum in the answer to the file",
        expects "the client stops without a verdict",
        |s| spoilt(s, Kind::SendFile, Field::Zeros, Kind::CksumRight)),
    case!("answers/id-too-long", "11", Should, always,
    does "answers the registration with 4 bytes more than a client ID, which the size counts",
    expects "the client stops: no key exchange",
    |s| {
        s.look_at(Focus::Course);
        s.script(|asked, reply| {
            if asked.is(Kind::Register) {
                let mut payload = reply.field(Field::ClientId).to_vec();
                payload.extend([7; 4]);
                reply.raw(Kind::Registered, &payload);
            }
        });
        stops_before(s, Kind::SendPublicKey, "11")
    }),
    case!("answers/huge-size", "11", Should, has_wide_size,
    does "answers the registration with a payload size of 4 GiB, and ends the stream",
    expects "the client ends by itself, without a key exchange",
    |s| {
        s.look_at(Focus::Course);
        s.script(|asked, reply| {
            if asked.is(Kind::Register) {
                reply.set_number(Field::PayloadSize, u32::MAX);
                reply.then_close();
            }
        });
        stops_before(s, Kind::SendPublicKey, "11")
    }),
    case!("answers/bytes-behind", "1.4", Should, has_sessions,
    does "writes five bytes behind the response to the registration that its size does not count",
    expects "the client sends no file: what comes next is no response",
    |s| {
        s.look_at(Focus::Course);
        s.script(|asked, reply| {
            if asked.is(Kind::Register) {
                reply.follow(b"stray");
            }
        });
        stops_before(s, Kind::SendFile, "1.4")
    }),
    case!("answers/before-the-request", "6", May, has_sessions,
    does "sends the response to the registration twice, so that one stands where the AES key is due",
    expects "the client stops: it sends no file",
    |s| {
        s.look_at(Focus::Course);
        s.script(|asked, reply| {
            if asked.is(Kind::Register) {
                let again = reply.bytes.clone();
                reply.follow(&again);
            }
        });
        stops_before(s, Kind::SendFile, "6")
    }),
    case!("answers/acknowledgement-of-16", "2.12", Must, has_sessions,
        does "sends an acknowledgement with a client ID before the response to the file",
        expects "the acknowledgement is skipped",
        |s| acknowledged_before(s, 16)),
    case!("answers/acknowledgement-of-0", "2.12", Must, has_sessions,
        does "sends an acknowledgement without a client ID before the response to the file",
        expects "the acknowledgement is skipped",
        |s| acknowledged_before(s, 0)),
];

fn received_has_id(dialect: &Dialect) -> bool {
    received_has(dialect, Field::ClientId)
}

fn received_has_size(dialect: &Dialect) -> bool {
    received_has(dialect, Field::ContentSize)
}

fn received_has(dialect: &Dialect, field: Field) -> bool {
    let fields = &dialect.file_received_fields;
    fields.iter().any(|received| received.field() == field)
}

fn has_zeros(dialect: &Dialect) -> bool {
    dialect.cksum_width > 4
}

fn has_wide_size(dialect: &Dialect) -> bool {
    dialect.response_size_width == 4
}

fn with_key_of(s: &mut Setting, size: usize) -> Step {
    s.aes_keys_of(size);
    first_backup(s)
}

/// A field of the answer to `asked` is changed; the client must not get as far as `stop`.
fn spoilt(s: &mut Setting, asked: Kind, field: Field, stop: Kind) -> Step {
    s.look_at(Focus::Course);
    s.script(move |request, reply| {
        if request.is(asked) {
            reply.spoil(field);
        }
    });
    stops_before(s, stop, "6.2")
}

fn acknowledged_before(s: &mut Setting, size: usize) -> Step {
    let acknowledged = frame::response(s.dialect(), Kind::Acknowledged, &vec![7; size]);
    let at = acknowledged.len();
    s.script(move |asked, reply| {
        if asked.is(Kind::SendFile) {
            reply.precede(&acknowledged);
            reply.split_at(at);
        }
    });
    let file = s.text()?;
    s.send(&file)?;
    s.expect_course(&FIRST, "2.12")
}
