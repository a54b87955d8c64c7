//! One request and what came of it, as a server of some dialect would see it.

use super::super::ContentSums;
use crate::dialect::{Connection, Dialect, EchoedSize, VerdictAnswer};
use crate::wire::{
    ClientId, FileReceived, Name, Request, RequestHeader, RequestKind, Response, ResponseHeader,
    ResponseKind,
};

/// A request, and what came of it.
#[derive(Clone, Debug)]
pub(in super::super) struct Exchange {
    /// What was meant.
    pub(in super::super) request: Request,
    /// The message as it was sent, or the first of its packets, without the content.
    pub(in super::super) sent: Vec<u8>,
    /// Bytes of content that followed it.
    pub(in super::super) content_size: u64,
    pub(in super::super) client_id: Option<ClientId>,
    /// The file, if it is one that was sent.
    pub(in super::super) file: Option<SentFile>,
    /// Whether nothing was answered on the connection before.
    pub(in super::super) first: bool,
    /// Whether a "cksum wrong" went out in the same write before it.
    pub(in super::super) after_wrong: bool,
    pub(in super::super) heard: Heard,
    /// Whether the server closed the connection after its answer, if that is known.
    pub(in super::super) closed: Option<bool>,
}

#[derive(Clone, Debug)]
pub(in super::super) struct SentFile {
    pub(in super::super) name: Name,
    pub(in super::super) plain_size: u64,
    pub(in super::super) content_size: u32,
    /// `None` if not all of it was sent.
    pub(in super::super) sums: Option<ContentSums>,
}

/// What came of a request.
#[derive(Clone, Debug)]
pub(in super::super) enum Heard {
    /// An answer, and the zeros after it.
    Message(Vec<u8>),
    /// The end of the stream, or a reset.
    End,
    /// Nothing.
    Silence,
}

/// What a server makes of a request (PROTOCOL.md 2.10).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in super::super) enum Reaction {
    /// It is what was meant.
    Understood,
    /// It is refused for its payload, or taken for something else.
    Misread,
    /// It is refused for its header, and the connection closed.
    Rejected,
    /// The server waits for the rest of it.
    Starved,
}

/// How the bytes that came fit a dialect.
#[derive(Clone, Debug)]
pub(in super::super) enum Fit {
    /// They do not.
    None,
    /// They do so far.
    NeedMore,
    /// A response in so many bytes, `missing` more zeros after which belong to it.
    Whole {
        size: usize,
        missing: usize,
        response: Response,
    },
}

impl Exchange {
    /// What a server of `dialect` makes of the request.
    pub(in super::super) fn reaction(&self, dialect: &Dialect) -> Reaction {
        let header_size = dialect.request_header_size();
        let Some((header, rest)) = self.sent.split_at_checked(header_size) else {
            return Reaction::Starved;
        };
        let Ok(header) = RequestHeader::decode(header, dialect) else {
            return Reaction::Rejected;
        };
        let Ok(kind) = header.check(dialect) else {
            return Reaction::Rejected;
        };
        let Ok(rest_size) = header.rest_size(dialect) else {
            return Reaction::Rejected;
        };
        let content = match kind {
            RequestKind::SendFile => {
                u64::from(header.payload_size).saturating_sub(rest_size as u64)
            }
            _ => 0,
        };
        let asked = content.saturating_add(rest_size as u64);
        let there = self.content_size.saturating_add(rest.len() as u64);
        if there < asked {
            return Reaction::Starved;
        }
        // Where a server takes more for fixed fields than there were, it takes it from the content.
        let mut fixed = rest.to_vec();
        fixed.resize(rest_size, 0);
        match Request::decode(&header, &fixed, dialect) {
            Ok(request) if request == self.request => Reaction::Understood,
            _ => Reaction::Misread,
        }
    }

    /// Whether `dialect` explains what came.
    pub(in super::super) fn is_explained_by(&self, dialect: &Dialect) -> bool {
        let reaction = self.reaction(dialect);
        match &self.heard {
            Heard::Message(bytes) => {
                let Fit::Whole { response, .. } = self.fit(dialect, reaction, bytes) else {
                    return false;
                };
                let closes = reaction != Reaction::Rejected || self.closed != Some(false);
                closes && self.sum_fits(dialect, reaction, &response)
            }
            Heard::End => reaction != Reaction::Understood || self.may_end(dialect),
            Heard::Silence => reaction != Reaction::Understood,
        }
    }

    /// Whether a server of `dialect` may end the stream although it understands the request.
    fn may_end(&self, dialect: &Dialect) -> bool {
        let closed_before = dialect.connection == Connection::Request && !self.first;
        closed_before || self.after_wrong && dialect.after_wrong.close
    }

    /// How `bytes`, the first that came, fit `dialect`, whose reaction to the request is `reaction`.
    pub(in super::super) fn fit(&self, dialect: &Dialect, reaction: Reaction, bytes: &[u8]) -> Fit {
        if dialect.connection == Connection::Request && !self.first {
            return Fit::None;
        }
        let header_size = dialect.response_header_size();
        let Some((header, rest)) = bytes.split_at_checked(header_size) else {
            let before_size = header_size.saturating_sub(dialect.response_size_width.bytes());
            return match bytes.len() < before_size || has_a_code(dialect, bytes) {
                true => Fit::NeedMore,
                false => Fit::None,
            };
        };
        let Ok(header) = ResponseHeader::decode(header, dialect) else {
            return Fit::None;
        };
        let Ok(sizes) = header.rest(dialect) else {
            return Fit::None;
        };
        if !self.can_be_answered_by(sizes.kind, reaction) {
            return Fit::None;
        }
        // The codec takes either size for a refusal; here it tells dialects apart.
        let own_size = dialect.response_size(sizes.kind) as usize;
        if sizes.kind == ResponseKind::Refused && sizes.payload != own_size {
            return Fit::None;
        }
        let size = header_size.saturating_add(sizes.payload);
        let Some((payload, after)) = rest.split_at_checked(sizes.payload) else {
            return if self.begins_well(dialect, sizes.kind, reaction, rest) {
                Fit::NeedMore
            } else {
                Fit::None
            };
        };
        let zeros = after.iter().take_while(|&&byte| byte == 0).count();
        if zeros > sizes.padding || zeros < sizes.padding && zeros < after.len() {
            return Fit::None;
        }
        let mut payload = payload.to_vec();
        payload.resize(sizes.size(), 0);
        match Response::decode(&header, &payload, dialect) {
            Ok(response) if self.content_fits(dialect, reaction, &response) => Fit::Whole {
                size,
                missing: sizes.padding.saturating_sub(zeros),
                response,
            },
            _ => Fit::None,
        }
    }

    fn can_be_answered_by(&self, kind: ResponseKind, reaction: Reaction) -> bool {
        let request = self.request.kind();
        let negative = matches!(kind, ResponseKind::Refused | ResponseKind::GeneralError);
        let positive = kind == answer_to(request);
        match reaction {
            Reaction::Understood => {
                let reconnect = request == RequestKind::Reconnect;
                negative
                    || positive
                    || kind == ResponseKind::Acknowledged
                    || kind == ResponseKind::ReconnectRefused && reconnect
            }
            // Some servers answer over whatever they read.
            Reaction::Misread => negative || positive,
            Reaction::Rejected => negative,
            Reaction::Starved => false,
        }
    }

    /// Whether the part of a payload that is there can begin one: the client ID is the client's, or
    /// can be one if it is new (PROTOCOL.md 1.9).
    fn begins_well(
        &self,
        dialect: &Dialect,
        kind: ResponseKind,
        reaction: Reaction,
        payload: &[u8],
    ) -> bool {
        let has_our_id = match kind {
            ResponseKind::Registered => return !payload.starts_with(&[0, 0]),
            ResponseKind::AesKey | ResponseKind::Reconnected => true,
            ResponseKind::FileReceived => {
                reaction == Reaction::Understood && dialect.file_received_fields.has_client_id()
            }
            // What a refusal repeats is not relied on.
            _ => false,
        };
        let ours = self.client_id.unwrap_or(ClientId::ZERO);
        let mut pairs = payload.iter().zip(ours.as_bytes());
        !has_our_id || pairs.all(|(a, b)| a == b)
    }

    fn content_fits(&self, dialect: &Dialect, reaction: Reaction, response: &Response) -> bool {
        match response {
            Response::Registered(registered) => {
                !registered.client_id.as_bytes().starts_with(&[0, 0])
            }
            Response::AesKey(key) | Response::Reconnected(key) => {
                Some(key.client_id) == self.client_id
            }
            Response::FileReceived(answer) if reaction == Reaction::Understood => {
                self.repeats_the_request(dialect, answer)
            }
            // Whoever took other bytes for name and size has neither of them right.
            Response::FileReceived(answer) => self.file.as_ref().is_some_and(|file| {
                let sizes = [file.content_size.into(), file.plain_size];
                let differs = |got| !sizes.contains(&u64::from(got));
                answer.file_name != file.name && answer.content_size.is_none_or(differs)
            }),
            _ => true,
        }
    }

    fn repeats_the_request(&self, dialect: &Dialect, answer: &FileReceived) -> bool {
        let Some(file) = &self.file else { return false };
        answer.client_id.is_none_or(|id| Some(id) == self.client_id)
            && answer
                .content_size
                .is_none_or(|got| u64::from(got) == file.echoed_size(dialect))
            && answer.file_name == file.name
    }

    /// Whether the checksum is what `dialect` makes of the file. One that no dialect makes of it is a
    /// wrong one, and says nothing of the dialect.
    fn sum_fits(&self, dialect: &Dialect, reaction: Reaction, response: &Response) -> bool {
        let (Response::FileReceived(answer), Some(file)) = (response, &self.file) else {
            return true;
        };
        match &file.sums {
            Some(sums) if reaction == Reaction::Understood => {
                let own = sums.get(dialect.checksum, dialect.checksum_input);
                own == Some(answer.cksum) || !sums.all().any(|(_, _, sum)| sum == answer.cksum)
            }
            _ => true,
        }
    }
}

impl SentFile {
    /// The size that a server of `dialect` repeats (PROTOCOL.md 2.8).
    pub(in super::super) fn echoed_size(&self, dialect: &Dialect) -> u64 {
        match dialect.echoed_size {
            EchoedSize::Content => self.content_size.into(),
            EchoedSize::Plain => self.plain_size,
        }
    }
}

/// Whether bytes that are not a whole header begin one: of a response that the dialect has.
fn has_a_code(dialect: &Dialect, bytes: &[u8]) -> bool {
    let mut header = bytes.to_vec();
    header.resize(dialect.response_header_size(), 0);
    let header = ResponseHeader::decode(&header, dialect);
    header.is_ok_and(|header| dialect.response_kind(header.code).is_some())
}

/// The answer that a request asks for.
pub(in super::super) const fn answer_to(request: RequestKind) -> ResponseKind {
    match request {
        RequestKind::Register => ResponseKind::Registered,
        RequestKind::SendPublicKey => ResponseKind::AesKey,
        RequestKind::Reconnect => ResponseKind::Reconnected,
        RequestKind::SendFile => ResponseKind::FileReceived,
        RequestKind::Verdict(_) => ResponseKind::Acknowledged,
    }
}

/// What dialects call a response to a verdict.
pub(in super::super) const fn verdict_answer(response: &Response) -> Option<VerdictAnswer> {
    match response {
        Response::Acknowledged(acknowledged) if acknowledged.client_id.is_some() => {
            Some(VerdictAnswer::AcknowledgedWithId)
        }
        Response::Acknowledged(_) => Some(VerdictAnswer::Acknowledged),
        Response::Refused(_) => Some(VerdictAnswer::Refused),
        Response::GeneralError => Some(VerdictAnswer::GeneralError),
        _ => None,
    }
}
