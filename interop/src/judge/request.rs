//! A request, field by field.

use std::fs;

use crate::frame::{self, Id};
use crate::judge::checks::{self, Difference, Examination};
use crate::judge::{Source, suspect};
use crate::message::{Direction, Field, Kind};
use crate::oracle::{self, AesKey};

/// Whether the message is one that may come now; else says which of code and size is wrong.
pub(super) fn is_due(examination: &mut Examination<'_>, due: &[Kind]) -> bool {
    let frame = examination.frame;
    if frame.kind.is_some_and(|kind| due.contains(&kind)) {
        return true;
    }
    let dialect = examination.case.dialect;
    let code = frame.header.code;
    let expected = match due {
        [] => "no further request".into(),
        due => checks::titles(dialect, due),
    };
    let swapped = due
        .iter()
        .any(|kind| dialect.code(*kind) == code.swap_bytes());
    let cause = swapped.then(|| "the code is big-endian".into());
    let difference = examination.difference(
        Field::Code,
        expected,
        checks::title(dialect, Direction::Request, code),
    );
    examination.report(difference, "6", cause);
    false
}

pub(super) fn send_public_key(examination: &mut Examination<'_>, name: &str) -> bool {
    if !examination.size(415, "2") {
        return false;
    }
    examination.name(Field::ClientName, name.as_bytes(), "2.2");
    let key = examination.frame.get(Field::PublicKey);
    let offset = examination.offset(Field::PublicKey);
    if let Some(fault) = oracle::public_key_fault(key, &[17]) {
        let difference = Difference {
            field: Field::PublicKey,
            offset: offset + fault.offset,
            expected: fault.expected,
            got: fault.got,
        };
        examination.report(difference, "4.1", Some(fault.slug.into()));
    } else if examination.case.keys.find(key).is_none() {
        let difference = examination.difference(
            Field::PublicKey,
            "the public key of the private key in the client's info file".into(),
            "another one".into(),
        );
        examination.report(difference, "8.3", None);
    }
    true
}

/// What a file on disk makes of a 1103, and of the 2103 that answers it.
pub(super) struct Expected {
    pub(super) cksum: u32,
    pub(super) content_size: u32,
}

/// A 1103 against the file on disk; `None` where its size puts the stream out of step.
pub(super) fn send_file(
    examination: &mut Examination<'_>,
    file: &Source,
    id: Option<&Id>,
    key: Option<&AesKey>,
) -> Option<Expected> {
    let plain = match fs::read(&file.path) {
        Ok(plain) => plain,
        Err(error) => {
            // Nobody's fault but the harness's, and no reason to pass a content unseen.
            let expected = format!("the examiner reads '{}'", file.path.display());
            let difference = examination.difference(Field::Content, expected, error.to_string());
            examination.report(difference, "", None);
            return None;
        }
    };
    let content_size = oracle::content_size(plain.len() as u64) as usize;
    let fixed = frame::fixed_payload_size(examination.case.dialect, Kind::SendFile);
    let right = Expected {
        cksum: oracle::cksum(&plain),
        content_size: u32::try_from(content_size).unwrap_or(u32::MAX),
    };
    if !examination.size(fixed + content_size, "2.3") {
        return None;
    }
    if let Some(id) = id
        && examination.case.dialect.client_id_in_payload
    {
        examination.bytes(Field::PayloadClientId, id, "2.2");
    }
    let expected = right.content_size;
    examination.number(Field::ContentSize, expected, "2.3", |got| {
        suspect::content_size(got, expected, Some(plain.len() as u64))
    });
    examination.name(Field::FileName, file.sent_as.as_bytes(), "7.4");
    if let Some(key) = key {
        decrypted(examination, key, &plain);
    }
    Some(right)
}

/// The content, opened with the key of the last 2102, against the file.
fn decrypted(examination: &mut Examination<'_>, key: &AesKey, plain: &[u8]) {
    let content = examination.frame.content();
    match key.decrypt(content) {
        Some(found) if found == plain => {}
        found => {
            let cause = suspect::content(key, content, plain);
            let blocks = key.decrypt_blocks(content);
            let at = checks::first_difference(found.as_deref().unwrap_or(&blocks), plain)
                .unwrap_or(0)
                .min(content.len().saturating_sub(1));
            let got = match found {
                Some(found) => format!(
                    "{} bytes that differ at {at}: {}",
                    found.len(),
                    checks::hex(found.get(at..).unwrap_or_default())
                ),
                None => "content that does not end in PKCS#7 padding".into(),
            };
            let difference = Difference {
                field: Field::Content,
                offset: examination.offset(Field::Content) + at,
                expected: format!(
                    "the {} bytes of the file, at {at}: {}",
                    plain.len(),
                    checks::hex(plain.get(at..).unwrap_or_default())
                ),
                got,
            };
            examination.report(difference, "4.3", cause);
        }
    }
}
