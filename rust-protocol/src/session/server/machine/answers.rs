//! What is sent, and what comes after it (PROTOCOL.md 2.10, 10.6, 10.9).

use super::super::Action;
use super::{Machine, State};
use crate::session::Refusal;
use crate::wire::{ClientId, Refused, Response, ResponseKind, VERSION};

impl Machine {
    /// Refuses a request that was read in full.
    pub(super) fn refuse(&mut self, refusal: Refusal) -> Action {
        self.refusal = Some(refusal);
        self.send_negative(false)
    }

    pub(super) fn send_negative(&mut self, close: bool) -> Action {
        self.send_kind(self.dialect.negative_answer(self.request()), close)
    }

    pub(super) fn send_kind(&mut self, kind: ResponseKind, close: bool) -> Action {
        let response = match kind {
            ResponseKind::GeneralError => Response::GeneralError,
            _ => Response::Refused(Refused {
                client_id: Some(self.asking()),
            }),
        };
        self.send(&response, close)
    }

    pub(super) fn send(&mut self, response: &Response, close: bool) -> Action {
        self.state = State::Sending {
            close: close || self.dialect.closes_after_each(),
        };
        Action::Send(response.encode(&self.dialect, VERSION))
    }

    /// The client ID of the request header.
    pub(super) fn asking(&self) -> ClientId {
        self.header.map_or(ClientId::ZERO, |it| it.client_id)
    }

    pub(super) fn next_request(&mut self) -> Action {
        if self.dialect.closes_after_each() {
            return self.close();
        }
        self.read_header()
    }

    pub(super) fn read_header(&mut self) -> Action {
        self.state = State::Header;
        self.start()
    }

    pub(super) fn close(&mut self) -> Action {
        self.state = State::Closed;
        Action::Close
    }
}
