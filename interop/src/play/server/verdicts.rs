//! 1104, 1105 and 1106.

use std::fs;

use crate::dialect::{After, AfterAnswer};
use crate::frame::{self, Frame, Id};
use crate::message::{Field, Kind};
use crate::play::server::state::{State, Upload};
use crate::play::server::{Fault, Memory, Reply, Server};
use crate::store::base_name;

impl Server {
    pub(super) fn verdict(
        &self,
        id: &Id,
        verdict: Kind,
        request: &Frame<'_>,
        memory: &Memory,
    ) -> Option<Reply> {
        let after = self.dialect.after(verdict)?;
        let honoured = || self.honoured(verdict, after, id);
        let mut state = self.lock();
        let known = state.clients.iter().any(|client| client.id == *id);
        let same_id = !self.dialect.client_id_in_payload
            || request.id(Field::PayloadClientId) == request.header.client_id
            || (verdict == Kind::CksumRight && self.is(Fault::RightWithOtherPayloadId));
        let name = self.judged_name(request);
        let lenient = match verdict {
            Kind::CksumRight => self.is(Fault::RightOfStrangers),
            _ => self.is(Fault::HonoursGiveUpOfStrangers),
        };
        if !known && verdict != Kind::CksumWrong && lenient {
            return Some(honoured());
        }
        let Some(name) = name.filter(|_| known && same_id) else {
            return match verdict {
                Kind::CksumWrong if !known && self.is(Fault::Answers1105OfStrangers) => {
                    Some(self.no_to(verdict, id))
                }
                // One that cannot be honoured is never answered, and does not close.
                Kind::CksumWrong => Some(Reply::default()),
                Kind::GiveUp if says_no(after.answer) => Some(honoured()),
                _ => None,
            };
        };
        if verdict == Kind::CksumWrong {
            let client = state.clients.iter_mut().find(|client| client.id == *id);
            client.into_iter().for_each(|client| client.wrong += 1);
        }
        let at = self.judged_by(&state, id, verdict, &name, memory);
        match (verdict, at) {
            (Kind::CksumRight, None) => self.right_again(&state, id, &name).then(honoured),
            (Kind::CksumRight, Some(at)) => {
                let upload = state.uploads.get_mut(at)?;
                upload.verified = true;
                if let Some(late) = upload.late.take() {
                    let folder = upload.path.parent()?;
                    fs::create_dir_all(folder).ok()?;
                    fs::write(&upload.path, late).ok()?;
                }
                if self.is(Fault::RemovesVerified) {
                    drop(fs::remove_file(&upload.path));
                }
                let mut reply = honoured();
                match self.fault {
                    Some(Fault::ContraryAfterRight) => reply.close = !after.close,
                    Some(Fault::NoAcknowledgement) => reply.bytes.clear(),
                    _ => {}
                }
                Some(reply)
            }
            (_, Some(at)) => {
                self.drop_upload(&mut state, at, verdict);
                let by_name = match self.fault {
                    Some(Fault::GivesUpByName) => verdict == Kind::GiveUp,
                    Some(Fault::JudgesByBaseName | Fault::FoldsCase) => true,
                    _ => false,
                };
                // One row for all of them.
                while let Some(other) = self
                    .judged_by(&state, id, verdict, &name, memory)
                    .filter(|_| by_name)
                {
                    self.drop_upload(&mut state, other, verdict);
                }
                if verdict == Kind::GiveUp && self.is(Fault::GiveUpEndsVerified) {
                    let same = |upload: &Upload| upload.client == *id && upload.name == name;
                    state.uploads.retain(|upload| !same(upload));
                }
                match verdict {
                    Kind::CksumWrong if self.is(Fault::Answers1105) => {
                        Some(self.no_to(verdict, id))
                    }
                    _ => Some(honoured()),
                }
            }
            (Kind::CksumWrong, None) if self.is(Fault::Answers1105ForNothing) => {
                Some(self.no_to(verdict, id))
            }
            (Kind::GiveUp, None) if self.is(Fault::RefusesGiveUpForNothing) => None,
            (_, None) => Some(honoured()),
        }
    }

    /// Ends a waiting upload.
    fn drop_upload(&self, state: &mut State, at: usize, verdict: Kind) {
        let (kept, left) = match verdict {
            Kind::GiveUp => (Fault::KeepsGivenUp, Fault::LeavesGivenUp),
            _ => (Fault::KeepsDropped, Fault::LeavesDropped),
        };
        if self.is(kept) {
            return;
        }
        let upload = state.uploads.remove(at);
        if !self.is(left) {
            drop(fs::remove_file(upload.path));
        }
    }

    /// Whether a 1104 with nothing waiting is honoured.
    fn right_again(&self, state: &State, id: &Id, name: &str) -> bool {
        let mut own = state.uploads.iter().filter(|upload| upload.client == *id);
        match self.fault {
            Some(Fault::RefusesRightAgain) => false,
            Some(Fault::HonoursRightForNothing) => own.next().is_none(),
            _ => own.any(|upload| upload.name == name && upload.verified),
        }
    }

    /// The upload that a verdict is about (6.5).
    fn judged_by(
        &self,
        state: &State,
        id: &Id,
        verdict: Kind,
        name: &str,
        memory: &Memory,
    ) -> Option<usize> {
        let right = verdict == Kind::CksumRight;
        let any_client = (self.is(Fault::RightOfAnyClient) && right)
            || (self.is(Fault::GivesUpByName) && verdict == Kind::GiveUp);
        let any_name =
            right && (self.is(Fault::RightForAnyName) || self.is(Fault::RightWithUnterminatedName));
        let same_name = |upload: &Upload| match self.fault {
            Some(Fault::JudgesByBaseName) => base_name(&upload.name) == base_name(name),
            Some(Fault::FoldsCase) => upload.name.eq_ignore_ascii_case(name),
            _ => upload.name == name,
        };
        let waiting = |upload: &Upload| {
            (upload.client == *id || any_client)
                && (same_name(upload) || any_name)
                && !upload.verified
        };
        let own = state
            .uploads
            .iter()
            .rposition(|upload| waiting(upload) && upload.connection == Some(memory.number));
        let newest = state.uploads.iter().rposition(waiting);
        match self.fault {
            Some(Fault::VerdictNeedsItsConnection) => own,
            Some(Fault::NewestVerdict) => newest,
            _ => own.or(newest),
        }
    }

    fn no_to(&self, verdict: Kind, id: &Id) -> Reply {
        Reply {
            bytes: self.negative(Some(verdict), id),
            ..Reply::default()
        }
    }

    /// What follows a verdict that is honoured.
    fn honoured(&self, verdict: Kind, after: After, id: &Id) -> Reply {
        let other = self.is(Fault::OtherAcknowledgement);
        let acknowledged = |with_id: bool| {
            let payload: &[u8] = if with_id ^ other { id } else { &[] };
            frame::response(&self.dialect, Kind::Acknowledged, payload)
        };
        let contrary = verdict == Kind::GiveUp && self.is(Fault::ContraryAfterGiveUp);
        Reply {
            bytes: match after.answer {
                AfterAnswer::None => Vec::new(),
                AfterAnswer::Refused => self.says_no(Kind::Refused, id),
                AfterAnswer::GeneralError => self.says_no(Kind::GeneralError, id),
                AfterAnswer::Acknowledged => acknowledged(false),
                AfterAnswer::AcknowledgedWithId => acknowledged(true),
            },
            close: after.close ^ contrary,
            unfinished: false,
        }
    }
}

/// Whether a verdict is answered by a refusal even where it is honoured.
fn says_no(answer: AfterAnswer) -> bool {
    matches!(answer, AfterAnswer::Refused | AfterAnswer::GeneralError)
}
