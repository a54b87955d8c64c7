//! What follows a verdict (PROTOCOL.md 2.11, 10.5).

use super::super::Action;
use super::Machine;
use crate::dialect::VerdictAnswer;
use crate::session::Refusal;
use crate::wire::{Acknowledged, Response, ResponseKind, VerdictKind};

impl Machine {
    pub(super) fn honour(&mut self, kind: VerdictKind) -> Action {
        let after = self.dialect.after(kind);
        match after.answer {
            VerdictAnswer::None if after.close => self.close(),
            VerdictAnswer::None => self.next_request(),
            VerdictAnswer::Refused => self.send_kind(ResponseKind::Refused, after.close),
            VerdictAnswer::GeneralError => self.send_kind(ResponseKind::GeneralError, after.close),
            VerdictAnswer::Acknowledged => {
                let response = Response::Acknowledged(Acknowledged { client_id: None });
                self.send(&response, after.close)
            }
            VerdictAnswer::AcknowledgedWithId => {
                let client_id = Some(self.asking());
                let response = Response::Acknowledged(Acknowledged { client_id });
                self.send(&response, after.close)
            }
        }
    }

    /// A verdict that cannot be honoured (PROTOCOL.md 2.11).
    pub(super) fn refuse_verdict(&mut self, kind: VerdictKind, refusal: Refusal) -> Action {
        if (kind, refusal) == (VerdictKind::GiveUp, Refusal::NothingWaiting) {
            return self.honour(kind);
        }
        self.refusal = Some(refusal);
        let after = self.dialect.after(kind);
        match kind {
            VerdictKind::Right => self.send_negative(true),
            // The client does not read here, and would take an answer for that to its next request.
            VerdictKind::Wrong if after.answer == VerdictAnswer::None => match after.close {
                true => self.close(),
                false => self.next_request(),
            },
            VerdictKind::Wrong | VerdictKind::GiveUp => self.send_negative(after.close),
        }
    }
}
