//! What a response leads to.

use rsa::rand_core::CryptoRng;

use super::super::detect::{Detected, detect};
use super::super::{Action, ClientError, Confirmation, PeerError, TRIES};
use super::{Machine, Next, Upload, Waiting};
use crate::dialect::VerdictAnswer;
use crate::wire::{ClientId, FileReceived, RequestKind, Response, ResponseKind, VerdictKind};

impl Machine {
    /// Reads on until there is a whole response, and acts on it.
    pub(super) fn read_response<R: CryptoRng + ?Sized>(
        &mut self,
        request: RequestKind,
        rng: &mut R,
    ) -> Result<Action, ClientError> {
        if !self.alternatives.is_empty() {
            match detect(
                &self.dialect,
                &self.alternatives,
                &self.inbox,
                self.client_id,
            ) {
                Detected::NeedMore(all) => {
                    return Ok(self.read(all, Waiting::Response(request)));
                }
                Detected::Dialect(dialect) => {
                    self.dialect = dialect;
                    self.alternatives.clear();
                }
                Detected::UndecidedRefusal => {
                    self.connected = false;
                    return self.on_refused(request);
                }
                Detected::None(error) => return Err(PeerError::from(error).into()),
            }
        }
        match self.next_response()? {
            Next::NeedMore(all) => Ok(self.read(all, Waiting::Response(request))),
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
            (RequestKind::Verdict(kind), Response::Refused(_) | Response::Acknowledged(_)) => {
                self.confirm(Confirmation::Confirmed);
                self.connected &= !self.dialect.after(kind).close;
                self.after_verdict(kind)
            }
            (_, Response::Acknowledged(_)) => {
                self.skip_acknowledgement()?;
                self.read_response(request, rng)
            }
            (RequestKind::Register, Response::Registered(registered)) => {
                let client_id = registered.client_id;
                // No server gives out such an ID: it is the end of a wider header (PROTOCOL.md 1.9, 2.13).
                if client_id.as_bytes().starts_with(&[0, 0]) {
                    return Err(PeerError::ReservedClientId.into());
                }
                self.client_id = Some(client_id);
                let action = Action::KeepIdentity { client_id };
                Ok(self.wait(Waiting::IdentityKept, action))
            }
            (RequestKind::SendPublicKey, Response::AesKey(answer)) => {
                self.check_client_id(answer.client_id, ResponseKind::AesKey)?;
                let key = self.options.key.unwrap(&answer.wrapped, rng);
                self.aes_key = Some(key.map_err(PeerError::from)?);
                self.confirm(Confirmation::Confirmed);
                self.forget_refusals();
                self.refused_here = false;
                match self.file {
                    Some(_) => self.begin(RequestKind::SendFile),
                    None => Ok(self.start()),
                }
            }
            (RequestKind::SendFile, Response::FileReceived(answer)) => {
                self.on_file_received(&answer)
            }
            (_, Response::Refused(_)) => self.on_refused(request),
            (_, response) => Err(PeerError::UnexpectedResponse {
                request,
                expected: answer_to(request),
                got: response.kind(),
            }
            .into()),
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
    pub(super) fn on_lost(
        &mut self,
        request: RequestKind,
        confirmation: Confirmation,
    ) -> Result<Action, ClientError> {
        let explained = self.refused_here || self.outstanding;
        if !explained || !self.inbox.is_empty() {
            return Err(ClientError::ConnectionLost { request });
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
        self.check_client_id(answer.client_id, ResponseKind::FileReceived)?;
        self.confirm(Confirmation::Confirmed);
        self.forget_refusals();
        self.refused_here = false;
        let transmissions = self.dialect.transmissions;
        let after_wrong = self.dialect.after_wrong;
        let upload = self.file.as_mut().ok_or(ClientError::OutOfOrder)?;
        upload.check_echo(answer)?;
        let cksum = upload.cksum.ok_or(PeerError::ReceivedTooSoon)?;
        upload.server_cksum = answer.cksum;

        if answer.cksum == cksum {
            return self.begin(RequestKind::Verdict(VerdictKind::Right));
        }
        if upload.transmission >= transmissions {
            return self.begin(RequestKind::Verdict(VerdictKind::GiveUp));
        }
        upload.transmission = upload.transmission.saturating_add(1);
        let silent = after_wrong.answer == VerdictAnswer::None && !after_wrong.close;
        if silent && !self.options.connection_per_request {
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
    fn check_echo(&self, answer: &FileReceived) -> Result<(), PeerError> {
        if answer.content_size != self.content_size {
            return Err(PeerError::WrongContentSize {
                expected: self.content_size,
                got: answer.content_size,
            });
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

const fn answer_to(request: RequestKind) -> ResponseKind {
    match request {
        RequestKind::Register => ResponseKind::Registered,
        RequestKind::SendPublicKey => ResponseKind::AesKey,
        RequestKind::SendFile => ResponseKind::FileReceived,
        RequestKind::Verdict(_) => ResponseKind::Refused,
    }
}
