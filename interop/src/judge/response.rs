//! The payload of a response, field by field.

use crate::dialect::RefusedPayload;
use crate::frame::Id;
use crate::judge::checks::{self, Examination};
use crate::judge::model::{Answer, Key, Model, Received};
use crate::judge::suspect;
use crate::message::Field;
use crate::oracle::AesKey;

/// The payload of a response of the right kind and size.
pub(super) fn check(
    model: &mut Model,
    examination: &mut Examination<'_>,
    answer: &Answer<'_>,
    id: &Id,
) {
    match answer {
        Answer::Nothing | Answer::End => {}
        Answer::Registered { name } => registered(model, examination, name),
        Answer::Refused { .. } => {
            if examination.dialect().refused_payload == RefusedPayload::ClientId {
                examination.bytes(Field::ClientId, id, "2.6");
            }
        }
        Answer::AesKey { public_key } => {
            examination.bytes(Field::ClientId, id, "2");
            wrapped_key(model, examination, id, public_key);
        }
        Answer::FileReceived(received) => {
            file_received(examination, id, received);
            model.received(examination.connection, *id, received);
        }
    }
}

fn registered(model: &mut Model, examination: &mut Examination<'_>, name: &[u8]) {
    let id = examination.frame.id(Field::ClientId).unwrap_or_default();
    if id.starts_with(&[0, 0]) {
        let difference = examination.difference(
            Field::ClientId,
            "an ID that does not start with 00 00".into(),
            checks::hex(&id),
        );
        examination.report(difference, "1.9", None);
    }
    if !model.registered(id, name.to_vec()) {
        let difference = examination.difference(
            Field::ClientId,
            "an ID that no other client has".into(),
            checks::hex(&id),
        );
        examination.report(difference, "1.9", None);
    }
}

fn wrapped_key(model: &mut Model, examination: &mut Examination<'_>, id: &Id, public_key: &[u8]) {
    let case = examination.case;
    let wrapped = examination.frame.get(Field::WrappedKey);
    let connection = examination.connection;
    let Some(pair) = case.keys.find(public_key) else {
        // The client's side says that its info file has no such key.
        model.key_made(connection, *id, Key::Unknown);
        return;
    };
    let opened = pair.unwrap(wrapped);
    let Some(bytes) = opened else {
        let cause = pair
            .unwrap_otherwise(wrapped)
            .map(str::to_owned)
            .or_else(|| {
                case.keys.opener(wrapped).map(|_| {
                    "it is wrapped for another public key than the one of this 1101".into()
                })
            });
        let difference = examination.difference(
            Field::WrappedKey,
            "an AES key that the client's private key unwraps".into(),
            checks::hex(wrapped),
        );
        examination.report(difference, "4.2", cause);
        model.key_made(connection, *id, Key::Unknown);
        return;
    };
    let size = bytes.len();
    if size != case.dialect.aes_key_size {
        let difference = examination.difference(
            Field::WrappedKey,
            format!("an AES key of {} bytes", case.dialect.aes_key_size),
            format!("{size} bytes"),
        );
        examination.report(difference, "4.3", None);
    }
    let key = AesKey::new(bytes).map_or(Key::Unknown, Key::Known);
    if !model.key_made(connection, *id, key) {
        let difference = examination.difference(
            Field::WrappedKey,
            "a new AES key for each 1101".into(),
            "a key that was given before".into(),
        );
        examination.report(difference, "2.4", None);
    }
}

fn file_received(examination: &mut Examination<'_>, id: &Id, received: &Received<'_>) {
    examination.bytes(Field::ClientId, id, "2.8");
    let size = received.content_size;
    let plain = received.plain.as_ref();
    examination.number(Field::ContentSize, size, "2.8", |got| {
        suspect::content_size(got, size, plain.map(|plain| plain.size))
    });
    examination.name(Field::FileName, &received.name, "2.8");
    if let Some(plain) = plain {
        let content = received.content;
        examination.number(Field::Cksum, plain.cksum, "5", |got| {
            suspect::cksum(got, plain.cksum, content, &plain.key)
        });
    }
    if examination.frame.place(Field::Zeros).is_some() {
        let width = examination.dialect().cksum_width - 4;
        examination.bytes(Field::Zeros, &vec![0; width], "2.7");
    }
}
