//! What to do now: one line for each failure that somebody can do something about.

use std::borrow::Cow;

use backup_client::identity::IdentityError;
use backup_client::source::FileError;
use backup_client::{ClientError, Dialect};
use backup_protocol::wire::RequestKind;

pub(crate) fn advice(error: &ClientError, dialect: Option<&Dialect>) -> Option<Cow<'static, str>> {
    match error {
        ClientError::Lost {
            request_size: Some(size),
            ..
        }
        | ClientError::TimedOut {
            request_size: Some(size),
            ..
        } if *size > READ_AT_ONCE => Some(limit(dialect)),
        _ => plain(error).map(Cow::Borrowed),
    }
}

/// What every server of the family takes in one read, in bytes; many take no more than they get so.
const READ_AT_ONCE: u64 = 1024;

/// For a server that may have met a limit with a file.
fn limit(dialect: Option<&Dialect>) -> Cow<'static, str> {
    match dialect {
        Some(dialect) if dialect.packets => format!(
            "many servers fail at a request that does not come in one read: send the file in packets \
             of 1024 bytes with --dialect {dialect},packet=1024"
        )
        .into(),
        _ => "many servers fail at a request that does not come in one read, and this one's dialect has \
              no packets: see whether a smaller file goes through, and give a slow server more time \
              with --timeout"
            .into(),
    }
}

fn plain(error: &ClientError) -> Option<&'static str> {
    match error {
        ClientError::File(error) => file(error),
        ClientError::Identity(error) => identity(error),
        ClientError::NameTaken { .. } => Some(
            "choose another name with --name, or have the operator remove or rename that client; \
             if it is yours, its me.info is in another folder: give that with --identity",
        ),
        ClientError::Refused {
            request: RequestKind::SendPublicKey,
            ..
        } => Some(
            "the server may not know this client any more: ask its operator, or register under \
             another name with a new --identity folder",
        ),
        ClientError::Refused {
            request: RequestKind::SendFile,
            ..
        } => Some(
            "the server gives no reason; its log does: a limit, a full disk, or a file name that it \
             does not take",
        ),
        ClientError::GaveUp { .. } => Some(
            "nothing of it was kept; if it happens with every file, the server sums or decrypts \
             wrongly",
        ),
        ClientError::Connect { source, .. } if backup_client::is_distrust(source) => Some(
            "with --ca the certificate must be for the host of --server and be signed by one in the file; \
             one from `openssl req -x509` needs `-addext basicConstraints=critical,CA:FALSE` to sign itself",
        ),
        // TLS, whose errors say themselves what to do.
        ClientError::Connect { source, .. } if source.get_ref().is_some() => None,
        ClientError::Connect { .. } => Some("check that the server runs and --server is right"),
        ClientError::TimedOut { .. } => Some("give a slow server more time with --timeout"),
        ClientError::Violation { .. } => {
            Some("if the server speaks another dialect, name it with --dialect")
        }
        _ => None,
    }
}

pub(crate) fn identity(error: &IdentityError) -> Option<&'static str> {
    match error {
        IdentityError::Locked(_) => Some("wait for it to end, or use another folder"),
        IdentityError::MeInfo(_) => Some(
            "put the file back from a copy; without one move it away and register under another \
             name, since the server gives an ID only once",
        ),
        IdentityError::Record(_) => Some(
            "it holds nothing but what is known of the server: remove it and give --server once, \
             and it is written again",
        ),
        IdentityError::OtherName { .. } => {
            Some("leave --name out to use it, or give another folder with --identity")
        }
        _ => None,
    }
}

fn file(error: &FileError) -> Option<&'static str> {
    match error {
        FileError::NotAFile { .. } => {
            Some("send regular files: name those in a folder, or send an archive of it")
        }
        FileError::TooLarge { .. } => Some("send it in parts"),
        FileError::Name { .. } => Some("give another name with --send-as"),
        FileError::Changed { .. } => {
            Some("the server stored nothing of it; send it when nothing writes to it")
        }
        _ => None,
    }
}
