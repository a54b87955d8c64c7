//! A request, field by field.

use std::fs;

use crate::dialect::EchoedSize;
use crate::frame::{self, Id};
use crate::judge::checks::{self, Difference, Examination};
use crate::judge::{FramePlace, Source, suspect};
use crate::message::{Direction, Field, Kind};
use crate::oracle::{self, AesKey};

/// Whether the message is one that may come now; else says which of code and size is wrong.
pub(super) fn is_due(examination: &mut Examination<'_>, due: &[Kind]) -> bool {
    let frame = examination.frame;
    if frame.kind.is_some_and(|kind| due.contains(&kind)) {
        return true;
    }
    let dialect = examination.dialect();
    let code = frame.header.code;
    let expected = match due {
        [] => "no further request".into(),
        due => checks::titles(dialect, due),
    };
    let cause = suspect::request_code(dialect, frame, due);
    let difference = examination.difference(
        Field::Code,
        expected,
        checks::title(dialect, Direction::Request, code),
    );
    examination.report(difference, "6", cause);
    false
}

pub(super) fn send_public_key(
    examination: &mut Examination<'_>,
    name: &str,
    old_key: Option<&[u8]>,
) -> bool {
    let dialect = examination.dialect();
    let header = &examination.frame.header;
    let stated = frame::extent(dialect, Direction::Request, header).payload;
    let size = frame::stated_payload(dialect, Kind::SendPublicKey, stated);
    if !examination.size(size, "2") {
        return false;
    }
    examination.name(Field::ClientName, name.as_bytes(), "2.2");
    let key = examination.frame.get(Field::PublicKey);
    let offset = examination.offset(Field::PublicKey);
    if let Some(fault) = oracle::public_key_fault(key, &dialect.public_key_sizes, &[17]) {
        let difference = Difference {
            field: Field::PublicKey,
            offset: offset + fault.offset,
            expected: fault.expected,
            got: fault.got,
        };
        examination.report(difference, "4.1", Some(fault.slug.into()));
    } else if old_key == Some(key) {
        let difference = examination.difference(
            Field::PublicKey,
            "a new key pair, since the reconnect was refused".into(),
            "the public key of the old identity".into(),
        );
        examination.report(difference, "10.4", None);
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

/// What a file on disk makes of the 2103 that answers its upload.
#[derive(Clone, Copy)]
pub(super) struct Expected {
    pub(super) cksum: u32,
    /// The size that 2103 repeats.
    pub(super) echoed: u32,
}

/// A file on its way, in one packet or in several.
pub(super) struct Sending {
    plain: Vec<u8>,
    content_size: usize,
    content: Vec<u8>,
    /// What has come of the content, and where it stands.
    parts: Vec<Part>,
    total: u32,
    next: u32,
    /// Packets of one file share a connection.
    pub(super) connection: usize,
}

/// The content of one packet.
struct Part {
    /// Offset of its first byte in the whole content.
    start: usize,
    place: FramePlace,
}

impl Sending {
    /// The file on disk; `None` where the harness cannot read it.
    pub(super) fn begin(examination: &mut Examination<'_>, file: &Source) -> Option<Self> {
        match fs::read(&file.path) {
            Ok(plain) => Some(Self {
                content_size: oracle::content_size(plain.len() as u64) as usize,
                plain,
                content: Vec::new(),
                parts: Vec::new(),
                total: 1,
                next: 1,
                connection: examination.connection,
            }),
            Err(error) => {
                // Nobody's fault but the harness's, and no reason to pass a content unseen.
                let expected = format!("the examiner reads '{}'", file.path.display());
                let difference =
                    examination.difference(Field::Content, expected, error.to_string());
                examination.report(difference, "", None);
                None
            }
        }
    }

    /// A 1103 or a packet of it, but for its content; `false` where it puts the stream out of step.
    pub(super) fn packet(
        &mut self,
        examination: &mut Examination<'_>,
        file: &Source,
        id: Option<&Id>,
    ) -> bool {
        let dialect = examination.dialect();
        let fixed = frame::fixed_payload_size(dialect, Kind::SendFile);
        let left = self.content_size.saturating_sub(self.content.len());
        let content = examination.frame.content();
        let size = match dialect.packet_size as usize {
            0 => left,
            most => content.len().min(left).min(most),
        };
        if !examination.size(fixed + size, "2.3") {
            return false;
        }
        if let Some(id) = id
            && dialect.client_id_in_payload
        {
            examination.bytes(Field::PayloadClientId, id, "2.2");
        }
        let expected = u32::try_from(self.content_size).unwrap_or(u32::MAX);
        let plain_size = self.plain.len() as u64;
        examination.number(Field::ContentSize, expected, "2.3", |got| {
            suspect::content_size(got, expected, Some(plain_size))
        });
        if dialect.packets {
            self.packet_fields(examination, content.len());
        }
        examination.name(Field::FileName, file.sent_as.as_bytes(), "7.4");
        self.parts.push(Part {
            start: self.content.len(),
            place: examination.place(examination.offset(Field::Content)),
        });
        self.content.extend_from_slice(content);
        self.next += 1;
        true
    }

    fn packet_fields(&mut self, examination: &mut Examination<'_>, size: usize) {
        let original = u32::try_from(self.plain.len()).unwrap_or(u32::MAX);
        examination.number(Field::OriginalSize, original, "10.7", |_| None);
        let (next, whole) = (self.next, self.content_size);
        examination.number(Field::PacketNumber, next, "10.7", |got| {
            (got + 1 == next).then(|| "packets are counted from 0".into())
        });
        let most = examination.dialect().packet_size as usize;
        if self.next == 1 {
            self.total = examination.frame.number(Field::TotalPackets);
            let least = match most {
                0 => 1,
                most => u32::try_from(whole.div_ceil(most)).unwrap_or(u32::MAX),
            };
            let right = match most {
                0 => self.total == 1,
                _ => self.total >= least,
            };
            if !right {
                let (total, or_more) = (self.total, if most == 0 { "" } else { " or more" });
                let difference = examination.difference(
                    Field::TotalPackets,
                    format!("{least}{or_more}"),
                    total.to_string(),
                );
                examination.report(difference, "10.7", None);
                self.total = least;
            }
        } else {
            let total = self.total;
            examination.number(Field::TotalPackets, total, "10.7", |_| None);
        }
        let come = self.content.len() + size;
        if self.next == self.total && come < self.content_size {
            let difference = examination.difference(
                Field::Content,
                format!("{} bytes of content by the last packet", self.content_size),
                format!("{come} bytes"),
            );
            examination.report(difference, "10.7", Some("packet-overflow".into()));
        }
    }

    /// Whether one packet has come, the first.
    pub(super) fn has_begun_now(&self) -> bool {
        self.next == 2
    }

    /// Whether the last packet has come.
    pub(super) fn is_whole(&self) -> bool {
        self.next > self.total
    }

    /// The whole content, opened with the last key, against the file; and what has to be answered.
    pub(super) fn finish(
        self,
        examination: &mut Examination<'_>,
        key: Option<&AesKey>,
    ) -> Expected {
        let dialect = examination.dialect();
        if let Some(key) = key {
            self.compare(examination, key);
        }
        let echoed = match dialect.echoed_size {
            EchoedSize::Content => self.content_size,
            EchoedSize::Plain => self.plain.len(),
        };
        // The content as it has to be: where the client's is not, that is told already.
        let content = key.map(|key| key.encrypt(&self.plain));
        Expected {
            cksum: oracle::checksum(
                dialect,
                &self.plain,
                content.as_ref().unwrap_or(&self.content),
            ),
            echoed: u32::try_from(echoed).unwrap_or(u32::MAX),
        }
    }

    fn compare(&self, examination: &mut Examination<'_>, key: &AesKey) {
        let found = key.decrypt(&self.content);
        if found.as_ref() == Some(&self.plain) {
            return;
        }
        let cause = suspect::content(key, &self.content, &self.plain, &self.starts());
        let blocks = key.decrypt_blocks(&self.content);
        let at = checks::first_difference(found.as_deref().unwrap_or(&blocks), &self.plain)
            .unwrap_or(0)
            .min(self.content.len().saturating_sub(1));
        let got = match found {
            Some(found) => format!(
                "{} bytes that differ at {at}: {}",
                found.len(),
                checks::hex(found.get(at..).unwrap_or_default())
            ),
            None => "content that does not end in PKCS#7 padding".into(),
        };
        let expected = format!(
            "the {} bytes of the file, at {at}: {}",
            self.plain.len(),
            checks::hex(self.plain.get(at..).unwrap_or_default())
        );
        let difference = examination.difference(Field::Content, expected, got);
        let part = self.parts.iter().rev().find(|part| part.start <= at);
        match part {
            Some(part) => {
                let mut place = part.place.clone();
                place.offset += at - part.start;
                examination.report_at(place, difference, "4.3", cause);
            }
            None => examination.report(difference, "4.3", cause),
        }
    }

    fn starts(&self) -> Vec<usize> {
        self.parts.iter().map(|part| part.start).collect()
    }
}
