//! Which dialect a server speaks, told by the first bytes that it sends (PROTOCOL.md 2.13).

use crate::dialect::{Dialect, Parameters};
use crate::wire::{ClientId, DecodeError, ResponseHeader, ResponseKind};

/// What the first bytes of a connection say.
#[derive(Debug)]
pub(super) enum Detected {
    /// So many bytes are needed in all.
    NeedMore(usize),
    /// This dialect.
    Dialect(Dialect),
    /// A refusal that several dialects send alike. Where it ends depends on the dialect, so that
    /// nothing more can be read from the connection.
    UndecidedRefusal,
    /// No dialect; the error is that of the most usual one.
    None(DecodeError),
}

/// Tells `first` and `others` apart by the bytes that a server answered with to its first request.
///
/// `client_id` is the client's, once it has one.
pub(super) fn detect(
    first: &Dialect,
    others: &[Dialect],
    bytes: &[u8],
    client_id: Option<ClientId>,
) -> Detected {
    let candidates = || std::iter::once(first).chain(others);
    let headers = candidates().map(|dialect| dialect.response_header_size());
    let enough = headers.max().unwrap_or_default();
    if bytes.len() < enough {
        return Detected::NeedMore(enough);
    }

    let fitting: Vec<_> = candidates()
        .filter_map(|dialect| fit(dialect, bytes, client_id))
        .collect();
    match fitting.as_slice() {
        [] => {
            let header = header(first, bytes).and_then(|header| header.check(first));
            Detected::None(header.err().unwrap_or(DecodeError::Truncated {
                field: "response",
                offset: 0,
                needed: enough,
                left: bytes.len(),
            }))
        }
        [only] => Detected::Dialect(only.dialect.clone()),
        [most_usual, ..] if most_usual.kind == ResponseKind::Refused => Detected::UndecidedRefusal,
        // An ID that begins with zeros, against 1.9: the rest of the message tells.
        [most_usual, ..] => {
            let sizes = fitting.iter().map(|fit| fit.message_size);
            let all = sizes.min().unwrap_or_default();
            if bytes.len() < all {
                Detected::NeedMore(all)
            } else {
                Detected::Dialect(most_usual.dialect.clone())
            }
        }
    }
}

struct Fit<'a> {
    dialect: &'a Dialect,
    kind: ResponseKind,
    message_size: usize,
}

/// Whether `bytes` begin a response of `dialect`: its header is one, and what is there of its client
/// ID is the client's, or can be one if it is new.
fn fit<'a>(dialect: &'a Dialect, bytes: &[u8], client_id: Option<ClientId>) -> Option<Fit<'a>> {
    let header = header(dialect, bytes).ok()?;
    let kind = header.check(dialect).ok()?;
    let payload = bytes.get(dialect.response_header_size()..)?;
    let fits = match kind {
        ResponseKind::Registered => !payload.starts_with(&[0, 0]),
        ResponseKind::AesKey | ResponseKind::FileReceived => client_id.is_none_or(|client_id| {
            let mut pairs = payload.iter().zip(client_id.as_bytes());
            pairs.all(|(a, b)| a == b)
        }),
        // What a refusal repeats is not relied on.
        ResponseKind::Refused | ResponseKind::Acknowledged => true,
    };
    let payload_size = usize::try_from(header.payload_size).ok()?;
    fits.then_some(Fit {
        dialect,
        kind,
        message_size: dialect.response_header_size().saturating_add(payload_size),
    })
}

fn header(dialect: &Dialect, bytes: &[u8]) -> Result<ResponseHeader, DecodeError> {
    let size = dialect.response_header_size();
    ResponseHeader::decode(bytes.get(..size).unwrap_or(bytes), dialect)
}

/// Whether a client can speak to servers of either dialect before it knows which it is.
pub(super) fn same_requests(a: &Parameters, b: &Parameters) -> bool {
    a.request_codes == b.request_codes && a.client_id_in_payload == b.client_id_in_payload
}
