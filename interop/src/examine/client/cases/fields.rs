//! What a client sends in every backup, a case for each part of a message.

use crate::cell::Step;
use crate::dialect::Dialect;
use crate::examine::case::Case;
use crate::examine::client::cases::{always, case, first_backup};
use crate::examine::client::setting::{Focus, Setting};
use crate::judge::Finding;
use crate::message::{Field, Kind};

pub(super) const CASES: &[Case<Setting>] = &[
    case!("fields/version", "1.7", Must, always,
        does "answers a new client's first backup",
        expects "every header has version 3",
        |s| look(s, is_version)),
    case!("fields/register-id", "2.1", Should, always,
        does "answers a new client's first backup",
        expects "the client ID in the header of the registration is zeros",
        |s| look(s, is_register_id)),
    case!("fields/client-name", "1.8", Must, always,
        does "answers a new client's first backup",
        expects "registration and key exchange have the client's name, one NUL, and zeros behind it",
        |s| look(s, is_client_name)),
    case!("fields/public-key", "4.1", Must, always,
        does "answers a new client's first backup",
        expects "the public key is 160 bytes of X.509 DER, 1024 bits, exponent 17",
        |s| look(s, is_public_key)),
    case!("fields/key-exchange-id", "1.9", Must, always,
        does "answers a new client's first backup",
        expects "the header of the key exchange has the client ID that the server gave",
        |s| look(s, is_key_exchange_id)),
    case!("fields/file-id", "2.2", Must, always,
        does "answers a new client's first backup",
        expects "header and payload of the file have the client ID that the server gave",
        |s| look(s, is_file_id)),
    case!("fields/file-name", "1.8", Must, always,
        does "answers a new client's first backup",
        expects "the file has the name of transfer.info, one NUL, and zeros behind it",
        |s| look(s, is_file_name)),
    case!("fields/content-size", "2.3", Must, always,
        does "answers a new client's first backup",
        expects "the content size is that of the encrypted content",
        |s| look(s, is_content_size)),
    case!("fields/packets", "10.7", Must, has_packets,
        does "answers a new client's first backup",
        expects "packets have the sizes of the whole file and count from 1 to their total",
        |s| look(s, is_packet)),
    case!("fields/content", "4.3", Must, always,
        does "answers a new client's first backup, and decrypts what it sent",
        expects "AES-CBC from a zero IV with PKCS#7 padding, by the key that the server gave",
        |s| look(s, is_content)),
    case!("fields/verdict-id", "2.2", Must, always,
        does "answers a new client's first backup",
        expects "header and payload of the verdict have the client ID that the server gave",
        |s| look(s, is_verdict_id)),
    case!("fields/verdict-name", "2.11", Must, always,
        does "answers a new client's first backup",
        expects "the verdict has the file's name, one NUL, and zeros behind it",
        |s| look(s, is_verdict_name)),
    case!("fields/one-write", "1.4", Must, always,
        does "answers a new client's first backup, and looks at what comes in one read",
        expects "header and fixed fields of every message leave in one write",
        |s| look(s, is_one_write)),
    case!("fields/nothing-behind", "1.4", Must, always,
        does "answers a new client's first backup",
        expects "no byte follows a payload that belongs to no message",
        |s| look(s, is_behind)),
    case!("fields/end-of-stream", "2.12", Must, always,
        does "answers a new client's first backup",
        expects "the client ends its connections without a reset",
        |s| look(s, is_end)),
];

/// Each of them is told by one case.
const CLAIMS: [fn(&Finding) -> bool; 15] = [
    is_version,
    is_register_id,
    is_client_name,
    is_public_key,
    is_key_exchange_id,
    is_file_id,
    is_file_name,
    is_content_size,
    is_packet,
    is_content,
    is_verdict_id,
    is_verdict_name,
    is_one_write,
    is_behind,
    is_end,
];

/// Whether a case of this chapter tells of it.
pub(in crate::examine::client) fn is_claimed(finding: &Finding) -> bool {
    is_of_identity(finding) || CLAIMS.iter().any(|claims| claims(finding))
}

/// Whether the private key that the client keeps is another one: the chapter `identity` tells of it.
pub(in crate::examine::client) fn is_of_identity(finding: &Finding) -> bool {
    finding.field == Field::PublicKey && finding.section == "8.3"
}

fn look(s: &mut Setting, at: fn(&Finding) -> bool) -> Step {
    s.look_at(Focus::Only(at));
    first_backup(s)
}

fn has_packets(dialect: &Dialect) -> bool {
    dialect.packets
}

/// Whether it is in a message of one of these kinds.
fn is_in(finding: &Finding, kinds: &[Kind]) -> bool {
    // The title is the code and the name of the message.
    let title = finding.place.as_ref().map(|place| place.title.as_str());
    title.is_some_and(|title| kinds.iter().any(|kind| title.ends_with(kind.name())))
}

fn is_id(finding: &Finding) -> bool {
    matches!(finding.field, Field::ClientId | Field::PayloadClientId)
}

fn is_name(finding: &Finding) -> bool {
    let fields = [
        Field::ClientName,
        Field::FileName,
        Field::Nul,
        Field::Padding,
    ];
    fields.contains(&finding.field)
}

const VERDICTS: [Kind; 3] = [Kind::CksumRight, Kind::CksumWrong, Kind::GiveUp];
const WITH_CLIENT_NAME: [Kind; 3] = [Kind::Register, Kind::SendPublicKey, Kind::Reconnect];

fn is_version(finding: &Finding) -> bool {
    finding.field == Field::Version
}

fn is_register_id(finding: &Finding) -> bool {
    is_id(finding) && is_in(finding, &[Kind::Register])
}

fn is_client_name(finding: &Finding) -> bool {
    is_name(finding) && is_in(finding, &WITH_CLIENT_NAME)
}

fn is_public_key(finding: &Finding) -> bool {
    finding.field == Field::PublicKey && !is_of_identity(finding)
}

fn is_key_exchange_id(finding: &Finding) -> bool {
    is_id(finding) && is_in(finding, &[Kind::SendPublicKey, Kind::Reconnect])
}

fn is_file_id(finding: &Finding) -> bool {
    is_id(finding) && is_in(finding, &[Kind::SendFile])
}

fn is_file_name(finding: &Finding) -> bool {
    is_name(finding) && is_in(finding, &[Kind::SendFile])
}

fn is_content_size(finding: &Finding) -> bool {
    finding.field == Field::ContentSize
}

fn is_packet(finding: &Finding) -> bool {
    let fields = [
        Field::OriginalSize,
        Field::PacketNumber,
        Field::TotalPackets,
    ];
    fields.contains(&finding.field)
}

fn is_content(finding: &Finding) -> bool {
    finding.field == Field::Content
}

fn is_verdict_id(finding: &Finding) -> bool {
    is_id(finding) && is_in(finding, &VERDICTS)
}

fn is_verdict_name(finding: &Finding) -> bool {
    is_name(finding) && is_in(finding, &VERDICTS)
}

fn is_one_write(finding: &Finding) -> bool {
    finding.field == Field::OneWrite
}

/// Bytes that are no whole message: the judge names the field in which they end.
fn is_behind(finding: &Finding) -> bool {
    finding.section == "1.4" && finding.field != Field::OneWrite
}

fn is_end(finding: &Finding) -> bool {
    finding.field == Field::EndOfStream
}
