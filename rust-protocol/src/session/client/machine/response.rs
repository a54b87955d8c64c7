//! What a response leads to.

use rsa::rand_core::CryptoRng;

use super::super::search::{answer_to, verdict_answer};
use super::super::{Action, ClientError, Confirmation, Patience, PeerError, TRIES};
use super::{Machine, Next, Upload, Waiting};
use crate::dialect::{Dialect, EchoedSize, VerdictAnswer};
use crate::wire::{
    ClientId, FileReceived, RequestKind, Response, ResponseKind, VerdictKind, WrappedKey,
};

impl Machine {
    /// Reads on until there is a whole response, and acts on it.
    pub(super) fn read_response<R: CryptoRng + ?Sized>(
        &mut self,
        request: RequestKind,
        rng: &mut R,
    ) -> Result<Action, ClientError> {
        if self.exchange.is_some() {
            return self.find_response(request, false, rng);
        }
        self.read_known_response(request, rng)
    }

    /// As [`Machine::read_response`], by the dialect that is spoken.
    pub(super) fn read_known_response<R: CryptoRng + ?Sized>(
        &mut self,
        request: RequestKind,
        rng: &mut R,
    ) -> Result<Action, ClientError> {
        match self.next_response()? {
            Next::NeedMore(all) => Ok(self.read(all, Patience::Answer, Waiting::Response(request))),
            Next::Response(response) => self.on_response(request, response, rng),
        }
    }

    pub(super) fn on_response<R: CryptoRng + ?Sized>(
        &mut self,
        request: RequestKind,
        response: Response,
        rng: &mut R,
    ) -> Result<Action, ClientError> {
        match (request, response) {
            (RequestKind::Verdict(kind), response) => match verdict_answer(&response) {
                Some(answer) => self.on_verdict_answer(kind, answer),
                None => {
                    let got = response.kind();
                    Err(PeerError::ResponseAfterVerdict { got }.into())
                }
            },
            (_, response @ Response::Acknowledged(_)) => {
                self.skip_acknowledgement(&response)?;
                self.read_response(request, rng)
            }
            (RequestKind::Register, Response::Registered(registered)) => {
                let client_id = registered.client_id;
                // No server gives out such an ID: it is the end of a wider header (PROTOCOL.md 1.9, 2.13).
                if client_id.as_bytes().starts_with(&[0, 0]) {
                    return Err(PeerError::ReservedClientId.into());
                }
                self.client_id = Some(client_id);
                self.reconnect_over = true;
                if let Some(key) = self.new_key.take() {
                    self.key = key;
                }
                let action = Action::KeepIdentity { client_id };
                Ok(self.wait(Waiting::IdentityKept, action))
            }
            (RequestKind::SendPublicKey, Response::AesKey(answer)) => {
                self.on_key(&answer, ResponseKind::AesKey, rng)
            }
            (RequestKind::Reconnect, Response::Reconnected(answer)) => {
                self.on_key(&answer, ResponseKind::Reconnected, rng)
            }
            (RequestKind::Reconnect, Response::ReconnectRefused(_)) => {
                self.reconnect_over = true;
                Ok(self.wait(Waiting::KeyMade, Action::MakeKey))
            }
            (RequestKind::Reconnect, Response::Refused(_) | Response::GeneralError) => {
                // Not the answer that says to register anew: the identity may still be good.
                self.reconnect_over = true;
                self.begin(RequestKind::SendPublicKey)
            }
            (RequestKind::SendFile, Response::FileReceived(answer)) => {
                self.on_file_received(&answer)
            }
            (_, Response::Refused(_) | Response::GeneralError) => self.on_refused(request),
            (_, response) => Err(unexpected(request, &response)),
        }
    }

    fn on_key<R: CryptoRng + ?Sized>(
        &mut self,
        answer: &WrappedKey,
        kind: ResponseKind,
        rng: &mut R,
    ) -> Result<Action, ClientError> {
        self.check_client_id(answer.client_id, kind)?;
        let key = self.key.unwrap(&answer.wrapped, rng);
        let key = key.map_err(PeerError::from)?;
        if let Some(search) = &mut self.search {
            search.see_aes_key(key.as_bytes().len());
            self.adopt_best();
        }
        self.aes_key = Some(key);
        self.reconnect_over = true;
        self.confirm(Confirmation::Confirmed);
        self.forget_refusals();
        self.refused_here = false;
        match self.file {
            Some(_) => self.begin(RequestKind::SendFile),
            None => Ok(self.start()),
        }
    }

    pub(super) fn on_refused(&mut self, request: RequestKind) -> Result<Action, ClientError> {
        if self.outstanding && !self.connected {
            // It stopped reading before this request was out: that was about the verdict before.
            self.confirm(Confirmation::Refused);
            return self.begin(request);
        }
        self.refusal = Some((request, self.refusals.saturating_add(1)));
        if request == RequestKind::Register {
            self.new_key = None;
            // Where the ID went that this name is held under, nobody here knows.
            if self.client_id.is_none() {
                return Err(ClientError::NameTaken {
                    name: self.options.name.clone(),
                });
            }
            self.connected = false;
            return self.begin(RequestKind::SendPublicKey);
        }
        if self.refused_here {
            // The first refusal was no end of the stream: it was not about the verdict before.
            self.confirm(Confirmation::Confirmed);
        }
        self.refusals = self.refusals.saturating_add(1);
        if self.refusals >= TRIES {
            return Err(ClientError::Refused {
                request,
                tries: self.refusals,
            });
        }
        self.refused_here = true;
        self.begin(request)
    }

    pub(super) fn forget_refusals(&mut self) {
        self.refusals = 0;
        self.refusal = None;
    }

    /// The connection ended or broke where the answer to `request` was due. A new one helps in two
    /// cases (PROTOCOL.md 2.10, 2.12):
    ///
    /// - The server had refused: in the way that closes, or it was the verdict before that it refused.
    ///   Trying again has told which.
    /// - The server closes after a verdict although its dialect does not. For the verdict that was
    ///   outstanding such an end means what the end of the stream always does.
    pub(super) fn on_lost<R: CryptoRng + ?Sized>(
        &mut self,
        request: RequestKind,
        confirmation: Confirmation,
        rng: &mut R,
    ) -> Result<Action, ClientError> {
        let explained = self.refused_here || self.outstanding;
        if !explained || !self.inbox.is_empty() {
            return self.find_after_end(request, rng);
        }
        if self.refused_here && self.outstanding {
            self.confirm(Confirmation::Refused);
            self.forget_refusals();
        }
        self.confirm(confirmation);
        self.refused_here = false;
        self.connected = false;
        self.begin(request)
    }

    pub(super) fn on_file_received(
        &mut self,
        answer: &FileReceived,
    ) -> Result<Action, ClientError> {
        if let Some(client_id) = answer.client_id {
            self.check_client_id(client_id, ResponseKind::FileReceived)?;
        }
        self.confirm(Confirmation::Confirmed);
        self.forget_refusals();
        self.refused_here = false;
        let (checksum, input) = (self.dialect.checksum, self.dialect.checksum_input);
        let transmissions = self.dialect.transmissions;
        let after_wrong = self.dialect.after_wrong;
        let wrong_verdicts = self.options.wrong_verdicts;
        let upload = self.file.as_mut().ok_or(ClientError::OutOfOrder)?;
        upload.check_echo(answer, &self.dialect)?;
        let sums = upload.sums.as_ref().ok_or(PeerError::ReceivedTooSoon)?;
        upload.server_cksum = answer.cksum;

        // A sum that was not taken is as good as a wrong one: the next transmission takes it.
        let equal = sums.get(checksum, input) == Some(answer.cksum);
        if equal && upload.transmission > wrong_verdicts {
            self.sum_known = true;
            return self.begin(RequestKind::Verdict(VerdictKind::Right));
        }
        if upload.transmission >= transmissions {
            return self.begin(RequestKind::Verdict(VerdictKind::GiveUp));
        }
        upload.transmission = upload.transmission.saturating_add(1);
        let silent = after_wrong.answer == VerdictAnswer::None && !after_wrong.close;
        if silent && !self.connects_for_each() {
            self.wrong_first = true;
            return self.begin(RequestKind::SendFile);
        }
        self.begin(RequestKind::Verdict(VerdictKind::Wrong))
    }

    pub(super) fn check_client_id(
        &self,
        client_id: ClientId,
        response: ResponseKind,
    ) -> Result<(), PeerError> {
        if self.client_id == Some(client_id) {
            Ok(())
        } else {
            Err(PeerError::WrongClientId { response })
        }
    }
}

impl Upload {
    /// An answer that does not repeat the request is the answer to another one (PROTOCOL.md 6.2).
    fn check_echo(&self, answer: &FileReceived, dialect: &Dialect) -> Result<(), PeerError> {
        let expected = match dialect.echoed_size {
            EchoedSize::Content => self.content_size,
            EchoedSize::Plain => u32::try_from(self.file.plain_size).unwrap_or(u32::MAX),
        };
        if let Some(got) = answer.content_size.filter(|&got| got != expected) {
            return Err(PeerError::WrongContentSize { expected, got });
        }
        if answer.file_name != self.file.name {
            return Err(PeerError::WrongFileName {
                expected: self.file.name.clone(),
                got: answer.file_name.clone(),
            });
        }
        Ok(())
    }
}

fn unexpected(request: RequestKind, response: &Response) -> ClientError {
    PeerError::UnexpectedResponse {
        request,
        expected: answer_to(request),
        got: response.kind(),
    }
    .into()
}
