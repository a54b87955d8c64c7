//! What a client session makes of servers that break the protocol or the connection.

#![allow(clippy::unwrap_used)]

mod support;

use backup_protocol::crypto::{CryptoError, KeyPair};
use backup_protocol::dialect::VerdictAnswer;
use backup_protocol::session::client::{
    Action, ClientSession, Confirmation, Event, File, Knowledge, MAX_READ,
};
use backup_protocol::session::{ClientError, ClientOptions, PeerError};
use backup_protocol::wire::{
    Acknowledged, ClientId, DecodeError, FileReceived, Refused, Registered, RequestKind, Response,
    ResponseKind, VERSION, WrappedKey,
};
use backup_protocol::{Cksum, Dialect};
use support::{dialect, name, options};

const PLAIN: &[u8] = b"123456789";
const ID: ClientId = ClientId::from_bytes([0x5A; 16]);

/// What a server says next, whatever the client says.
enum Say {
    Bytes(Vec<u8>),
    Response(Response),
    /// A 2102 for the key of this client.
    Key,
    End,
    Reset,
    Silence,
    /// The next write fails.
    Break,
}

/// Runs a client with one file against a server that goes through all of `script`.
fn play(options: ClientOptions, script: Vec<Say>) -> (ClientSession, Result<(), ClientError>) {
    play_files(options, 1, script)
}

/// As [`play`], with the same file so many times.
fn play_files(
    options: ClientOptions,
    files: usize,
    script: Vec<Say>,
) -> (ClientSession, Result<(), ClientError>) {
    let rng = &mut rand::rng();
    let pair: KeyPair = options.key.clone();
    let dialect = options.dialect.clone();
    let mut session = ClientSession::new(options);
    let mut script = script.into_iter().peekable();
    let mut said: Vec<u8> = Vec::new();
    let file = File {
        name: name("a.txt"),
        plain_size: PLAIN.len() as u64,
    };
    let mut files = std::iter::repeat_n(file, files);
    let mut action = session.start();
    for _ in 0..1000 {
        let bytes;
        let broken = script.next_if(|say| {
            matches!(action, Action::Send(_) | Action::SendContent(_)) && matches!(say, Say::Break)
        });
        let event = match action {
            _ if broken.is_some() => Event::SendFailed,
            Action::NextFile => files.next().map_or(Event::NoMoreFiles, Event::File),
            Action::Connect => {
                said.clear();
                Event::Connected
            }
            Action::KeepIdentity { .. } => Event::IdentityKept,
            Action::Send(_) => Event::Sent,
            Action::MakeKey => Event::KeyMade(Box::new(pair.clone())),
            Action::SendContent(transmission) => {
                let mut sums = transmission.sums;
                sums.plain(PLAIN);
                Event::ContentSent { sums }
            }
            Action::EndSending => Event::SendingEnded,
            Action::Read { max, .. } => {
                assert!((1..=MAX_READ).contains(&max), "{max}");
                let mut event = None;
                if said.is_empty() {
                    match script.next().expect("the script is too short") {
                        Say::Bytes(bytes) => said = bytes,
                        Say::Response(response) => said = response.encode(&dialect, VERSION),
                        Say::Key => said = key(&pair).encode(&dialect, VERSION),
                        Say::End => event = Some(Event::Ended),
                        Say::Reset => event = Some(Event::Reset),
                        Say::Silence => event = Some(Event::TimedOut),
                        Say::Break => panic!("no write to break"),
                    }
                }
                let size = max.min(said.len());
                bytes = said.drain(..size).collect::<Vec<_>>();
                event.unwrap_or(Event::Received(&bytes))
            }
            Action::Done | Action::Failed(_) => {
                assert!(script.next().is_none(), "the client does not hear it out");
                let result = match action {
                    Action::Failed(error) => Err(error),
                    _ => Ok(()),
                };
                return (session, result);
            }
        };
        action = session.handle(event, rng);
    }
    panic!("a session without end");
}

fn key(pair: &KeyPair) -> Response {
    let rng = &mut rand::rng();
    let key = backup_protocol::crypto::AesKey::from_bytes(&[7; 16]).unwrap();
    let wrapped = pair.public_key().wrap(&key, rng).unwrap();
    Response::AesKey(WrappedKey {
        client_id: ID,
        wrapped,
    })
}

fn registered() -> Say {
    Say::Response(Response::Registered(Registered { client_id: ID }))
}

fn refused() -> Say {
    let client_id = Some(ID);
    Say::Response(Response::Refused(Refused { client_id }))
}

fn acknowledged(client_id: Option<ClientId>) -> Say {
    Say::Response(Response::Acknowledged(Acknowledged { client_id }))
}

fn received(change: impl FnOnce(&mut FileReceived)) -> Say {
    let mut answer = FileReceived {
        client_id: Some(ID),
        content_size: Some(16),
        file_name: name("a.txt"),
        cksum: Cksum::of(PLAIN),
    };
    change(&mut answer);
    Say::Response(Response::FileReceived(answer))
}

/// The peer's fault that a script leads to.
fn fault(dialect: &Dialect, script: Vec<Say>) -> PeerError {
    match play(options(dialect), script).1 {
        Err(ClientError::Peer(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn believes_no_size_that_a_response_cannot_have() {
    for dialect in Dialect::all() {
        let mut huge = Response::Registered(Registered { client_id: ID }).encode(dialect, 3);
        huge.truncate(dialect.response_header_size());
        huge[3..].fill(0xFF);
        let error = fault(dialect, vec![Say::Bytes(huge)]);
        assert_eq!(error.slug(), Some("payload-size"));

        let unknown = Say::Bytes(vec![3, 0x39, 0x05, 0, 0, 0, 0]);
        let error = fault(dialect, vec![unknown]);
        let (code, offset) = (1337, 1);
        let expected = DecodeError::UnknownCode { code, offset };
        assert_eq!(error, PeerError::Decode(expected));
    }
}

#[test]
fn an_answer_to_another_request_breaks_the_session() {
    for dialect in Dialect::all() {
        let error = fault(dialect, vec![received(|_| ())]);
        let expected = PeerError::UnexpectedResponse {
            request: RequestKind::Register,
            expected: ResponseKind::Registered,
            got: ResponseKind::FileReceived,
        };
        assert_eq!(error, expected);
    }
}

#[test]
fn a_2103_that_does_not_repeat_the_request_breaks_the_session() {
    for dialect in Dialect::all() {
        let after = |change: fn(&mut FileReceived)| {
            fault(dialect, vec![registered(), Say::Key, received(change)])
        };
        assert_eq!(
            after(|answer| answer.client_id = Some(ClientId::ZERO)),
            PeerError::WrongClientId {
                response: ResponseKind::FileReceived
            }
        );
        // Some servers repeat the size of the plaintext.
        assert_eq!(
            after(|answer| answer.content_size = Some(9)),
            PeerError::WrongContentSize {
                expected: 16,
                got: 9
            }
        );
        assert_eq!(
            after(|answer| answer.file_name = name("b.txt")),
            PeerError::WrongFileName {
                expected: name("a.txt"),
                got: name("b.txt")
            }
        );
    }
}

#[test]
fn a_key_for_someone_else_breaks_the_session() {
    for dialect in Dialect::all() {
        let other = options(dialect).key;
        let script = vec![registered(), Say::Response(key(&other))];
        let error = fault(dialect, script);
        assert_eq!(error, PeerError::Crypto(CryptoError::UnwrapFailed));
    }
}

#[test]
fn an_acknowledgement_is_skipped_where_another_answer_is_due() {
    for dialect in Dialect::all() {
        for id in [None, Some(ID)] {
            let script = vec![
                registered(),
                acknowledged(id),
                Say::Key,
                acknowledged(id),
                received(|_| ()),
                acknowledged(id),
            ];
            let (session, result) = play(options(dialect), script);
            assert_eq!(result, Ok(()));
            let confirmation = session.outcomes()[0].confirmation;
            assert_eq!(confirmation, Confirmation::Confirmed);
        }
        let endless = (0..17).map(|_| acknowledged(None)).collect();
        assert_eq!(fault(dialect, endless), PeerError::TooManyAcknowledgements);
    }
}

#[test]
fn the_end_of_the_stream_tells_how_a_verdict_was_taken_in() {
    for dialect in Dialect::all() {
        // Where an acknowledgement is due, a refusal in its place says it all.
        let acknowledges = dialect.after_right.answer != VerdictAnswer::None;
        let refused_and = |end| match acknowledges {
            true => vec![refused()],
            false => vec![refused(), end],
        };
        for (end, expected) in [
            (vec![Say::End], Confirmation::Confirmed),
            (vec![Say::Reset], Confirmation::Unconfirmed),
            (vec![Say::Silence], Confirmation::Unconfirmed),
            (vec![Say::Break], Confirmation::Unconfirmed),
            (refused_and(Say::End), Confirmation::Refused),
            (refused_and(Say::Reset), Confirmation::Refused),
            (vec![acknowledged(None)], Confirmation::Confirmed),
            (vec![acknowledged(Some(ID))], Confirmation::Confirmed),
        ] {
            let mut script = vec![registered(), Say::Key, received(|_| ())];
            script.extend(end);
            let (session, result) = play(options(dialect), script);
            assert_eq!(result, Ok(()));
            assert_eq!(session.outcomes()[0].confirmation, expected);
            assert!(session.outcomes()[0].is_verified());
        }
        let script = vec![registered(), Say::Key, received(|_| ()), received(|_| ())];
        let got = ResponseKind::FileReceived;
        let expected = PeerError::ResponseAfterVerdict { got };
        assert_eq!(fault(dialect, script), expected);
    }
}

#[test]
fn an_end_after_a_verdict_is_told_by_what_came_before() {
    let dialect = dialect("readme");
    assert!(!dialect.after_right.close);
    let first = || vec![registered(), Say::Key, received(|_| ())];
    let second = || vec![Say::Key, received(|_| ()), Say::End];
    for (between, expected) in [
        // The answer to the next request says that the one before was taken in.
        (vec![], Confirmation::Confirmed),
        // It closes after a verdict all the same.
        (vec![Say::End], Confirmation::Confirmed),
        (vec![Say::Reset], Confirmation::Unconfirmed),
        // The refusal and the end were for the verdict; the request was never read.
        (vec![refused(), Say::End], Confirmation::Refused),
        (vec![refused(), Say::Reset], Confirmation::Refused),
        // The refusal was for the request, which is tried again.
        (vec![refused()], Confirmation::Confirmed),
        (vec![refused(), refused()], Confirmation::Confirmed),
    ] {
        let script = [first(), between, second()].into_iter().flatten();
        let (session, result) = play_files(options(&dialect), 2, script.collect());
        assert_eq!(result, Ok(()));
        let [one, two] = session.outcomes() else {
            panic!("{:?}", session.outcomes())
        };
        assert_eq!(one.confirmation, expected);
        assert_eq!(two.confirmation, Confirmation::Confirmed);
    }
}

#[test]
fn giving_up_is_confirmed_by_the_answer_or_the_end() {
    for dialect in Dialect::all() {
        let confirmed = match dialect.after_give_up.answer {
            VerdictAnswer::None => Say::End,
            VerdictAnswer::Refused => refused(),
            VerdictAnswer::Acknowledged => acknowledged(None),
            VerdictAnswer::AcknowledgedWithId => acknowledged(Some(ID)),
            VerdictAnswer::GeneralError => Say::Response(Response::GeneralError),
        };
        for (end, expected) in [
            (confirmed, Confirmation::Confirmed),
            (Say::End, Confirmation::Confirmed),
            (acknowledged(Some(ID)), Confirmation::Confirmed),
            (Say::Silence, Confirmation::Unconfirmed),
            (Say::Reset, Confirmation::Unconfirmed),
        ] {
            let mut script = vec![registered(), Say::Key];
            for _ in 0..dialect.transmissions {
                script.push(received(|answer| answer.cksum ^= 1));
            }
            script.push(end);
            let (session, result) = play(options(dialect), script);
            assert_eq!(result, Ok(()));
            assert_eq!(session.outcomes()[0].confirmation, expected);
            assert!(!session.outcomes()[0].is_verified());
        }
    }
}

#[test]
fn a_connection_lost_before_an_answer_ends_the_session() {
    for dialect in Dialect::all() {
        for end in [Say::End, Say::Reset] {
            let script = vec![registered(), end];
            let request = RequestKind::SendPublicKey;
            let (_, result) = play(options(dialect), script);
            assert_eq!(result, Err(ClientError::ConnectionLost { request }));
        }
        let script = vec![registered(), Say::Key, Say::Silence];
        let request = RequestKind::SendFile;
        let (_, result) = play(options(dialect), script);
        assert_eq!(result, Err(ClientError::TimedOut { request }));

        // Inside a response.
        let script = vec![Say::Bytes(vec![3, 0x34, 0x08]), Say::End];
        let request = RequestKind::Register;
        let (_, result) = play(options(dialect), script);
        assert_eq!(result, Err(ClientError::ConnectionLost { request }));
    }
}

#[test]
fn reads_what_a_server_said_before_it_broke_the_connection() {
    for dialect in Dialect::all() {
        // Refused and closed, three times, while the content is on its way.
        let script = vec![
            registered(),
            Say::Key,
            Say::Break,
            refused(),
            Say::Break,
            refused(),
            Say::Break,
            refused(),
        ];
        let request = RequestKind::SendFile;
        let (_, result) = play(options(dialect), script);
        assert_eq!(result, Err(ClientError::Refused { request, tries: 3 }));

        // A file that was never sent in full cannot have been received.
        let script = vec![registered(), Say::Key, Say::Break, received(|_| ())];
        assert_eq!(fault(dialect, script), PeerError::ReceivedTooSoon);
    }
}

#[test]
fn refuses_a_file_that_is_too_large_before_it_connects() {
    for dialect in Dialect::all() {
        let mut session = ClientSession::new(options(dialect));
        let rng = &mut rand::rng();
        assert!(matches!(session.start(), Action::NextFile));
        let plain_size = dialect.max_plain_size() + 1;
        let name = name("big");
        let action = session.handle(Event::File(File { name, plain_size }), rng);
        let Action::Failed(ClientError::FileTooLarge(error)) = action else {
            panic!("{action:?}")
        };
        let limit = dialect.max_plain_size();
        assert_eq!(error.limit, limit);
        assert!(error.to_string().contains(&limit.to_string()));
    }
}

#[test]
fn a_dialect_that_no_candidate_fits_is_none() {
    let mut options = options(&dialect("seed"));
    options.knowledge = Knowledge::Guess;
    let script = vec![Say::Bytes(vec![3, 0x40, 0x06, 16, 0, 0, 0])];
    let (session, result) = play(options, script);
    let Err(ClientError::Peer(error)) = result else {
        panic!("{result:?}")
    };
    assert_eq!(error.slug(), Some("unknown-code"));
    assert!(session.dialect().is_none());
}

#[test]
fn an_event_that_is_not_due_is_no_panic() {
    let mut session = ClientSession::new(options(&dialect("seed")));
    let rng = &mut rand::rng();
    let _ = session.start();
    let action = session.handle(Event::Ended, rng);
    assert!(matches!(action, Action::Failed(ClientError::OutOfOrder)));
    let action = session.handle(Event::Connected, rng);
    assert!(matches!(action, Action::Failed(ClientError::OutOfOrder)));
}
