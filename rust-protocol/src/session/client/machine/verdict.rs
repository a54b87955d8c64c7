//! Verdicts, and how a client knows that they were taken in (PROTOCOL.md 2.12).

use rsa::rand_core::CryptoRng;

use super::super::{Action, ClientError, Confirmation, FileOutcome, PeerError};
use super::{Machine, Next, Waiting};
use crate::dialect::VerdictAnswer;
use crate::wire::{RequestKind, Response, VerdictKind};

/// How many acknowledgements are skipped where another answer is due. None is due in the dialects
/// here; a server that sends them without end would keep a client for ever.
const SKIPPED_ACKNOWLEDGEMENTS: u8 = 16;

impl Machine {
    pub(super) fn on_verdict_sent<R: CryptoRng + ?Sized>(
        &mut self,
        kind: VerdictKind,
        rng: &mut R,
    ) -> Result<Action, ClientError> {
        self.judge_file(kind);
        let after = self.dialect.after(kind);
        if after.answer != VerdictAnswer::None {
            return self.read_response(RequestKind::Verdict(kind), rng);
        }
        if after.close || self.options.connection_per_request {
            return Ok(self.wait(Waiting::SendingEnded(kind), Action::EndSending));
        }
        self.after_verdict(kind)
    }

    /// The last verdict on a file makes its outcome.
    pub(super) fn judge_file(&mut self, kind: VerdictKind) {
        if kind == VerdictKind::Wrong {
            return;
        }
        if let Some(upload) = self.file.take() {
            self.outstanding = true;
            self.outcomes.push(FileOutcome {
                file: upload.file,
                cksum: upload.cksum.unwrap_or_default(),
                server_cksum: upload.server_cksum,
                transmissions: upload.transmission,
                confirmation: Confirmation::Outstanding,
            });
        }
    }

    /// Notes what became of the verdict that is outstanding, if one is.
    pub(super) fn confirm(&mut self, confirmation: Confirmation) {
        if std::mem::take(&mut self.outstanding)
            && let Some(outcome) = self.outcomes.last_mut()
        {
            outcome.confirmation = confirmation;
        }
    }

    pub(super) fn after_verdict(&mut self, kind: VerdictKind) -> Result<Action, ClientError> {
        match kind {
            VerdictKind::Wrong => self.begin(RequestKind::SendFile),
            _ if self.no_more_files => Ok(Action::Done),
            VerdictKind::Right | VerdictKind::GiveUp => Ok(self.start()),
        }
    }

    /// Reads on to the end of the stream, after the last verdict of a connection.
    pub(super) fn read_end(
        &mut self,
        kind: VerdictKind,
        refused: bool,
    ) -> Result<Action, ClientError> {
        let all = match self.next_response()? {
            Next::NeedMore(all) => all,
            Next::Response(Response::Acknowledged(_)) => {
                return self.after_end(kind, Confirmation::Confirmed);
            }
            Next::Response(Response::Refused(_)) if !refused => {
                return self.read_end(kind, true);
            }
            Next::Response(response) => {
                let got = response.kind();
                return Err(PeerError::ResponseAfterVerdict { got }.into());
            }
        };
        Ok(self.read(all, Waiting::End { kind, refused }))
    }

    pub(super) fn after_end(
        &mut self,
        kind: VerdictKind,
        confirmation: Confirmation,
    ) -> Result<Action, ClientError> {
        self.judge_file(kind);
        self.confirm(confirmation);
        self.connected = false;
        self.after_verdict(kind)
    }

    pub(super) fn skip_acknowledgement(&mut self) -> Result<(), PeerError> {
        self.confirm(Confirmation::Confirmed);
        self.skipped = self.skipped.saturating_add(1);
        if self.skipped > SKIPPED_ACKNOWLEDGEMENTS {
            return Err(PeerError::TooManyAcknowledgements);
        }
        Ok(())
    }
}
