//! Verdicts, and how a client knows that they were taken in (PROTOCOL.md 2.12).

use rsa::rand_core::CryptoRng;

use super::super::search::verdict_answer;
use super::super::{
    Action, ClientError, Confirmation, Event, FileOutcome, Knowledge, Patience, PeerError,
};
use super::{Machine, Next, Waiting};
use crate::dialect::VerdictAnswer;
use crate::wire::{RequestKind, Response, VerdictKind};

/// How many acknowledgements are skipped where another answer is due. There is one for each verdict at
/// most; a server that sends them without end would keep a client for ever.
const SKIPPED_ACKNOWLEDGEMENTS: u8 = 16;

impl Machine {
    pub(super) fn on_verdict_sent<R: CryptoRng + ?Sized>(
        &mut self,
        kind: VerdictKind,
        rng: &mut R,
    ) -> Result<Action, ClientError> {
        self.judge_file(kind);
        self.last_verdict = Some(kind);
        let unknown = self.options.knowledge == Knowledge::Guess
            && self
                .search
                .as_ref()
                .is_some_and(|search| !search.knows(kind));
        if unknown {
            return Ok(self.listen(kind, None));
        }
        let after = self.dialect.after(kind);
        if after.answer != VerdictAnswer::None {
            return self.read_response(RequestKind::Verdict(kind), rng);
        }
        if after.close || self.connects_for_each() {
            return Ok(self.wait(Waiting::SendingEnded(kind), Action::EndSending));
        }
        self.after_verdict(kind)
    }

    /// What a server answered that answers verdicts.
    pub(super) fn on_verdict_answer(
        &mut self,
        kind: VerdictKind,
        answer: VerdictAnswer,
    ) -> Result<Action, ClientError> {
        let after = self.dialect.after(kind);
        let positive = !is_negative(answer) || answer == after.answer;
        if !positive {
            return self.after_end(kind, Confirmation::Refused);
        }
        self.confirm(Confirmation::Confirmed);
        self.connected &= !after.close;
        self.after_verdict(kind)
    }

    /// Waits a moment for what follows a verdict, where it is not known.
    fn listen(&mut self, kind: VerdictKind, answer: Option<VerdictAnswer>) -> Action {
        let waiting = Waiting::Listening(kind, answer);
        let all = self.inbox.len().saturating_add(super::MAX_READ);
        self.read(all, Patience::Glance, waiting)
    }

    pub(super) fn on_heard(
        &mut self,
        kind: VerdictKind,
        answer: Option<VerdictAnswer>,
        event: &Event<'_>,
    ) -> Result<Action, ClientError> {
        let closed = match event {
            Event::Received(bytes) => {
                self.inbox.extend_from_slice(bytes);
                let answer = match self.next_response()? {
                    Next::NeedMore(_) => answer,
                    Next::Response(response) => {
                        let got = response.kind();
                        let told = verdict_answer(&response);
                        Some(told.ok_or(PeerError::ResponseAfterVerdict { got })?)
                    }
                };
                return Ok(self.listen(kind, answer));
            }
            Event::Ended | Event::Reset => true,
            Event::TimedOut => false,
            _ => return Err(ClientError::OutOfOrder),
        };
        // A refusal and the end of the stream are what a server answers that does not honour the
        // verdict, whatever its dialect is.
        if closed && answer.is_some_and(is_negative) {
            return self.after_end(kind, Confirmation::Refused);
        }
        self.learn_verdict(kind, answer.unwrap_or(VerdictAnswer::None), Some(closed));
        let reset = matches!(event, Event::Reset) && answer.is_none();
        match (closed, answer) {
            (true, _) if reset => self.after_end(kind, Confirmation::Unconfirmed),
            (true, _) => self.after_end(kind, Confirmation::Confirmed),
            (false, Some(_)) => {
                self.confirm(Confirmation::Confirmed);
                self.after_verdict(kind)
            }
            (false, None) => self.after_verdict(kind),
        }
    }

    fn learn_verdict(&mut self, kind: VerdictKind, answer: VerdictAnswer, closed: Option<bool>) {
        if let Some(search) = &mut self.search {
            search.see_verdict(kind, answer, closed);
        }
        self.adopt_best();
    }

    /// Takes note of what came of a "cksum wrong" that went out with the transmission after it.
    pub(super) fn learn_wrong(&mut self, closed: bool) {
        let answer = self.wrong_answer.take().unwrap_or(VerdictAnswer::None);
        self.learn_verdict(VerdictKind::Wrong, answer, Some(closed));
    }

    /// The last verdict on a file makes its outcome.
    pub(super) fn judge_file(&mut self, kind: VerdictKind) {
        if kind == VerdictKind::Wrong {
            return;
        }
        if let Some(upload) = self.file.take() {
            let (checksum, input) = (self.dialect.checksum, self.dialect.checksum_input);
            let sums = upload.sums.as_ref();
            let cksum = sums.and_then(|sums| sums.get(checksum, input));
            self.outstanding = true;
            self.outcomes.push(FileOutcome {
                file: upload.file,
                cksum: cksum.unwrap_or_default(),
                server_cksum: upload.server_cksum,
                transmissions: upload.transmission,
                verified: kind == VerdictKind::Right,
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
            Next::Response(Response::Acknowledged(acknowledged)) => {
                let response = Response::Acknowledged(acknowledged);
                if let Some(answer) = verdict_answer(&response) {
                    self.learn_verdict(kind, answer, None);
                }
                return self.after_end(kind, Confirmation::Confirmed);
            }
            Next::Response(Response::Refused(_) | Response::GeneralError) if !refused => {
                return self.read_end(kind, true);
            }
            Next::Response(response) => {
                let got = response.kind();
                return Err(PeerError::ResponseAfterVerdict { got }.into());
            }
        };
        Ok(self.read(all, Patience::Answer, Waiting::End { kind, refused }))
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

    /// Takes note of an acknowledgement that comes where another answer is due.
    pub(super) fn skip_acknowledgement(&mut self, response: &Response) -> Result<(), PeerError> {
        self.confirm(Confirmation::Confirmed);
        match (self.last_verdict, verdict_answer(response)) {
            (Some(VerdictKind::Wrong), answer) => self.wrong_answer = answer,
            (Some(kind), Some(answer)) => self.learn_verdict(kind, answer, None),
            _ => {}
        }
        self.skipped = self.skipped.saturating_add(1);
        if self.skipped > SKIPPED_ACKNOWLEDGEMENTS {
            return Err(PeerError::TooManyAcknowledgements);
        }
        Ok(())
    }
}

/// Whether a verdict was refused, unless the dialect takes verdicts in with such an answer.
const fn is_negative(answer: VerdictAnswer) -> bool {
    matches!(answer, VerdictAnswer::Refused | VerdictAnswer::GeneralError)
}
