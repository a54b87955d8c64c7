//! The payload of a response, field by field.

use crate::dialect::RefusedPayload;
use crate::frame::{self, ID_SIZE, Id};
use crate::judge::checks::{self, Examination};
use crate::judge::model::{Key, Model, Received, Reply};
use crate::judge::suspect;
use crate::message::{Field, Kind};
use crate::oracle::AesKey;

/// Size of the payload of a response, in bytes.
pub(super) fn payload_size(examination: &Examination<'_>, reply: &Reply<'_>, kind: Kind) -> usize {
    match reply {
        Reply::Acknowledged { with_id } => usize::from(*with_id) * ID_SIZE,
        _ => frame::fixed_payload_size(examination.dialect(), kind),
    }
}

/// The payload of a response of the right kind and size.
pub(super) fn check(
    model: &mut Model,
    examination: &mut Examination<'_>,
    reply: &Reply<'_>,
    id: &Id,
) {
    match reply {
        Reply::Nothing => {}
        Reply::Registered { name } => registered(model, examination, name),
        Reply::Negative { kind, .. } => {
            let refused = examination.dialect().refused_payload;
            if *kind == Kind::Refused && refused == RefusedPayload::ClientId {
                examination.bytes(Field::ClientId, id, "2.6");
            }
        }
        Reply::ReconnectRefused { .. } => {
            examination.bytes(Field::ClientId, id, "10.4");
        }
        Reply::Acknowledged { with_id } => {
            if *with_id {
                examination.bytes(Field::ClientId, id, "10.5");
            }
        }
        Reply::Key {
            public_key, same, ..
        } => {
            examination.bytes(Field::ClientId, id, "2");
            wrapped_key(model, examination, id, public_key, same.as_ref());
        }
        Reply::FileReceived(received) => {
            file_received(examination, id, received);
            model.received(examination.connection, *id, received);
        }
    }
    examination.padding();
}

fn registered(model: &mut Model, examination: &mut Examination<'_>, name: &[u8]) {
    let id = examination.frame.id(Field::ClientId).unwrap_or_default();
    if id.starts_with(&[0, 0]) {
        let difference = examination.difference(
            Field::ClientId,
            "an ID that does not start with 00 00".into(),
            checks::hex(&id),
        );
        let cause = suspect::client_id(examination.dialect(), examination.frame.bytes);
        examination.report(difference, "1.9", cause);
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

fn wrapped_key(
    model: &mut Model,
    examination: &mut Examination<'_>,
    id: &Id,
    public_key: &[u8],
    same: Option<&Key>,
) {
    let case = examination.case;
    let wrapped = examination.frame.get(Field::WrappedKey);
    let connection = examination.connection;
    let anew = same.is_none();
    let Some(pair) = case.keys.find(public_key) else {
        // The client's side says that its info file has no such key.
        model.key_given(connection, *id, Key::Unknown, anew);
        return;
    };
    let opened = pair.unwrap(wrapped);
    let Some(bytes) = opened else {
        let cause = pair
            .unwrap_otherwise(wrapped)
            .map(str::to_owned)
            .or_else(|| {
                case.keys.opener(wrapped).map(|_| {
                    "it is wrapped for another public key than the last one of this client".into()
                })
            });
        let difference = examination.difference(
            Field::WrappedKey,
            "an AES key that the client's private key unwraps".into(),
            checks::hex(wrapped),
        );
        examination.report(difference, "4.2", cause);
        model.key_given(connection, *id, Key::Unknown, anew);
        return;
    };
    let wanted = examination.dialect().aes_key_size;
    let size = bytes.len();
    if size != wanted {
        let cause = suspect::aes_key_size(size, wanted);
        let difference = examination.difference(
            Field::WrappedKey,
            format!("an AES key of {wanted} bytes"),
            format!("{size} bytes"),
        );
        examination.report(difference, "4.3", cause);
    }
    let key = AesKey::new(bytes).map_or(Key::Unknown, Key::Known);
    if let Some(Key::Known(_)) = same
        && same != Some(&key)
    {
        let difference = examination.difference(
            Field::WrappedKey,
            "the AES key that is stored".into(),
            "another one".into(),
        );
        let cause = Some("a new key was made: reconnect-key=new".into());
        examination.report(difference, "10.4", cause);
    }
    if !model.key_given(connection, *id, key, anew) {
        let (section, cause) = match examination.frame.kind {
            Some(Kind::Reconnected) => (
                "10.4",
                Some("the stored key was handed out: reconnect-key=same".into()),
            ),
            _ => ("2.4", None),
        };
        let difference = examination.difference(
            Field::WrappedKey,
            "a new AES key each time".into(),
            "a key that was given before".into(),
        );
        examination.report(difference, section, cause);
    }
}

fn file_received(examination: &mut Examination<'_>, id: &Id, received: &Received<'_>) {
    let has = |field| examination.frame.place(field).is_some();
    let (has_id, has_size, has_zeros) = (
        has(Field::ClientId),
        has(Field::ContentSize),
        has(Field::Zeros),
    );
    if has_id {
        examination.bytes(Field::ClientId, id, "2.8");
    }
    let plain = received.plain.as_ref();
    if let Some(size) = received.size.filter(|_| has_size) {
        let others = [
            Some(received.content.len() as u64),
            plain.map(|plain| plain.size),
        ];
        examination.number(Field::ContentSize, size, "2.8", |got| {
            suspect::echoed_size(got, size, others)
        });
    }
    examination.name(Field::FileName, &received.name, "2.8");
    if let Some(plain) = plain {
        let content = &received.content;
        let dialect = examination.dialect();
        examination.number(Field::Cksum, plain.cksum, "5", |got| {
            suspect::cksum(dialect, got, plain.cksum, content, &plain.key)
        });
    }
    if has_zeros {
        let width = examination.dialect().cksum_width - 4;
        examination.bytes(Field::Zeros, &vec![0; width], "2.7");
    }
}
