//! Requests, as they go out.

use super::super::search::{Exchange, Heard, SentFile, every_sum};
use super::super::{Action, ClientError, ContentSums, Knowledge, Transmission};
use super::{Machine, Waiting};
use crate::dialect::{Dialect, VerdictAnswer};
use crate::wire::{
    ClientId, Reconnect, Register, Request, RequestKind, SendFile, SendPublicKey, VERSION, Verdict,
    VerdictKind,
};

/// Bytes of content up to which every checksum is taken at once while the server's is not known. A
/// larger file is summed in one way first, and in all ways only if it has to be sent again.
const ALL_SUMS_LIMIT: u32 = 16 * 1024 * 1024;

impl Machine {
    pub(super) fn transmit(&mut self, request: RequestKind) -> Result<Action, ClientError> {
        self.skipped = 0;
        let client_id = self.header_id(request);
        let message = self.message(request, &self.dialect)?;
        let bytes = message.encode(&self.dialect, client_id, VERSION);
        self.note_exchange(&message, &bytes);
        if !matches!(message, Request::SendFile(_)) {
            return Ok(self.wait(Waiting::Sent(request), Action::Send(bytes)));
        }

        let wrong_first = std::mem::take(&mut self.wrong_first);
        let mut prefix = Vec::new();
        if wrong_first {
            let verdict = RequestKind::Verdict(VerdictKind::Wrong);
            let verdict = self.message(verdict, &self.dialect)?;
            prefix = verdict.encode(&self.dialect, client_id, VERSION);
            self.last_verdict = Some(VerdictKind::Wrong);
        }
        let stop_if_answered = !(self.outstanding || wrong_first && self.may_answer_wrong());
        let sums = self.sums();
        let (Some(upload), Some(key)) = (&mut self.file, &self.aes_key) else {
            return Err(ClientError::OutOfOrder);
        };
        let (file, key) = (&upload.file, key.clone());
        let mut transmission =
            Transmission::new(&self.dialect, client_id, &file.name, file.plain_size, key)?;
        transmission.prefix.splice(..0, prefix);
        transmission.transmission = upload.transmission;
        transmission.sums = sums;
        transmission.stop_if_answered = stop_if_answered;
        upload.sums = None;
        Ok(self.wait(Waiting::Sent(request), Action::SendContent(transmission)))
    }

    pub(super) fn on_content_sent(&mut self, sums: ContentSums) {
        if let Some(file) = self.exchange.as_mut().and_then(|it| it.file.as_mut()) {
            file.sums = Some(sums.clone());
        }
        if let Some(upload) = &mut self.file {
            upload.sums = Some(sums);
        }
    }

    /// What stands in the header of a request.
    fn header_id(&self, request: RequestKind) -> ClientId {
        match request {
            RequestKind::Register => ClientId::ZERO,
            _ => self.client_id.unwrap_or(ClientId::ZERO),
        }
    }

    fn message(&self, request: RequestKind, dialect: &Dialect) -> Result<Request, ClientError> {
        let upload = || self.file.as_ref().ok_or(ClientError::OutOfOrder);
        let name = self.options.name.clone();
        Ok(match request {
            RequestKind::Register => Request::Register(Register { name }),
            RequestKind::Reconnect => Request::Reconnect(Reconnect { name }),
            RequestKind::SendPublicKey => Request::SendPublicKey(SendPublicKey {
                name,
                public_key: self.key.public_key().as_bytes().to_vec(),
            }),
            RequestKind::SendFile => {
                let file = &upload()?.file;
                let mut requests = SendFile::requests(dialect, file.plain_size, &file.name)?;
                Request::SendFile(requests.next().ok_or(ClientError::OutOfOrder)?)
            }
            RequestKind::Verdict(kind) => Request::Verdict(Verdict {
                kind,
                file_name: upload()?.file.name.clone(),
            }),
        })
    }

    /// A request as it would go out in some dialect, if it can be said there.
    pub(super) fn say(&self, request: RequestKind, dialect: &Dialect) -> Option<Vec<u8>> {
        dialect.request_code(request)?;
        let message = self.message(request, dialect).ok()?;
        Some(message.encode(dialect, self.header_id(request), VERSION))
    }

    /// Notes a request for the search. Verdicts tell by what follows them.
    fn note_exchange(&mut self, message: &Request, bytes: &[u8]) {
        self.exchange = None;
        if self.search.is_none() || matches!(message, Request::Verdict(_)) {
            return;
        }
        let content_size = match message {
            Request::SendFile(file) => file.size().into(),
            _ => 0,
        };
        let is_file = matches!(message, Request::SendFile(_));
        let file = self.file.as_ref().filter(|_| is_file);
        self.exchange = Some(Exchange {
            request: message.clone(),
            sent: bytes.to_vec(),
            content_size,
            client_id: self.client_id,
            file: file.map(|upload| SentFile {
                name: upload.file.name.clone(),
                plain_size: upload.file.plain_size,
                content_size: upload.content_size,
                sums: None,
            }),
            first: !self.answered_here,
            after_wrong: is_file && self.wrong_first,
            heard: Heard::Silence,
            closed: None,
        });
        self.wrong_answer = None;
    }

    /// Whether a server may answer a "cksum wrong", as far as it is known.
    pub(super) fn may_answer_wrong(&self) -> bool {
        let search = self.search.as_ref();
        self.dialect.after_wrong.answer != VerdictAnswer::None
            || search.is_some_and(|search| !search.knows(VerdictKind::Wrong))
    }

    /// The checksums to take of the file under way: the server's, and while that is not known the others
    /// too.
    fn sums(&self) -> ContentSums {
        let own = (self.dialect.checksum, self.dialect.checksum_input);
        let known = self.search.is_none() || self.sum_known;
        let (size, transmission) = match &self.file {
            Some(upload) => (upload.content_size, upload.transmission),
            None => (0, 1),
        };
        let learned = self.options.knowledge == Knowledge::Learned;
        let one_will_do = known || transmission == 1 && (learned || size > ALL_SUMS_LIMIT);
        let others = every_sum().filter(|&other| other != own && !one_will_do);
        ContentSums::new(std::iter::once(own).chain(others))
    }
}
