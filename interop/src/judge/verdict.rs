//! What a verdict does to the uploads, and what answers it (PROTOCOL.md 2.11, 6.5, 10.5).

use crate::dialect::{AfterAnswer, ConnectionUse, Dialect};
use crate::frame::{Frame, Id};
use crate::judge::model::{Answer, Close, Model, Reply, State, Upload, same_id, valid_name};
use crate::message::{Field, Kind};

impl Model {
    pub(super) fn verdict(
        &mut self,
        dialect: &Dialect,
        connection: usize,
        kind: Kind,
        frame: &Frame<'_>,
    ) -> Answer<'static> {
        let allowed = self
            .client(frame)
            .and_then(|_| same_id(dialect, frame))
            .and_then(|()| valid_name(frame.get(Field::FileName)))
            .map(<[u8]>::to_vec);
        let per_request = dialect.connection == ConnectionUse::Request;
        let after = dialect.after(kind);
        let says_no = |answer| match answer {
            AfterAnswer::Refused => Some(Kind::Refused),
            AfterAnswer::GeneralError => Some(Kind::GeneralError),
            _ => None,
        };
        let negative = after.and_then(|after| says_no(after.answer));
        let honoured = Answer {
            reply: match after.map(|after| after.answer) {
                None | Some(AfterAnswer::None) => Reply::Nothing,
                Some(AfterAnswer::Acknowledged) => Reply::Acknowledged { with_id: false },
                Some(AfterAnswer::AcknowledgedWithId) => Reply::Acknowledged { with_id: true },
                Some(answer) => Reply::Negative {
                    kind: says_no(answer).unwrap_or(Kind::Refused),
                    why: "it is the answer to a verdict",
                },
            },
            close: match per_request || after.is_some_and(|after| after.close) {
                true => Close::Must,
                false => Close::No,
            },
        };
        let refused = |why| Answer {
            reply: Reply::Negative {
                kind: dialect.negative(Some(kind)),
                why,
            },
            close: Close::MustOrReset,
        };
        let name = match (allowed, kind) {
            (Ok(name), _) => name,
            // One that cannot be honoured is never answered.
            (Err(_), Kind::CksumWrong) => {
                return Answer {
                    reply: Reply::Nothing,
                    close: if per_request { Close::Must } else { Close::No },
                };
            }
            (Err(_), Kind::GiveUp) if negative.is_some() => return honoured,
            (Err(why), _) => return refused(why),
        };
        let id = frame.header.client_id.unwrap_or_default();
        let found = self.judged_by(connection, &id, &name);
        match (kind, found) {
            (Kind::CksumRight, Some(at)) => {
                for (other, upload) in self.uploads.iter_mut().enumerate() {
                    let same = upload.client == id && upload.name == name;
                    if other == at {
                        upload.state = State::Verified;
                    } else if same && other < at && upload.state != State::Dropped {
                        upload.state = State::Superseded;
                    }
                }
                honoured
            }
            (Kind::CksumRight, None) => {
                let verified = |upload: &&Upload| upload.state == State::Verified;
                if self.of(&id, &name).any(|upload| verified(&upload)) {
                    honoured
                } else {
                    refused("nothing waits under that name")
                }
            }
            (_, Some(at)) => {
                if let Some(upload) = self.uploads.get_mut(at) {
                    upload.state = State::Dropped;
                }
                honoured
            }
            (_, None) => honoured,
        }
    }

    /// The upload that a verdict is about (6.5).
    fn judged_by(&self, connection: usize, id: &Id, name: &[u8]) -> Option<usize> {
        let mut waiting = self.uploads.iter().enumerate().rev().filter(|(_, upload)| {
            upload.client == *id && upload.name == name && upload.state == State::Waiting
        });
        let newest = waiting.clone().next();
        let own = waiting.find(|(_, upload)| upload.connection == connection);
        own.or(newest).map(|(at, _)| at)
    }

    fn of(&self, id: &Id, name: &[u8]) -> impl Iterator<Item = &Upload> {
        self.uploads
            .iter()
            .filter(move |upload| upload.client == *id && upload.name == name)
    }
}
