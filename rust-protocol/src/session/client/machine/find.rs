//! How a session finds out which dialect its server speaks (PROTOCOL.md 10.11).

use rsa::rand_core::CryptoRng;

use super::super::search::{Heard, Hearing, Reaction, Search, verdict_answer};
use super::super::{Action, ClientError, Event, Knowledge, MAX_READ, Patience};
use super::{Machine, Waiting};
use crate::dialect::Dialect;
use crate::wire::{RequestKind, Response};

/// What every server of the family takes in one read, in bytes. With a larger request a server that is
/// known has met a limit more likely than it has changed its dialect.
const READ_AT_ONCE: u64 = 1024;

/// Bytes of content up to which a refusal makes a client doubt a dialect that it learned before.
const DOUBT_LIMIT: u64 = 64 * 1024;

/// Far more connections than a search ever needs.
const CONNECTIONS: u16 = 100;

impl Machine {
    /// Reads on until some dialect finds a whole response in what came, and acts on it. With `all`,
    /// nothing more will come.
    pub(super) fn find_response<R: CryptoRng + ?Sized>(
        &mut self,
        request: RequestKind,
        all: bool,
        rng: &mut R,
    ) -> Result<Action, ClientError> {
        let (Some(search), Some(exchange)) = (&mut self.search, &mut self.exchange) else {
            return Err(ClientError::OutOfOrder);
        };
        match search.hear(exchange, &self.inbox, all) {
            Hearing::NeedMore => Ok(self.read_any(Waiting::Response(request))),
            Hearing::Nothing => {
                if self.take_padding() {
                    return self.find_response(request, all, rng);
                }
                if all {
                    return Err(ClientError::ConnectionLost { request });
                }
                // By the likeliest dialect it is wrong in a way that has a name.
                self.read_known_response(request, rng)
            }
            Hearing::Response {
                size,
                response,
                dialect,
                reaction,
            } => {
                let rest = self.inbox.split_off(size.min(self.inbox.len()));
                let bytes = std::mem::replace(&mut self.inbox, rest);
                self.server_version = bytes.first().copied();
                let negative = matches!(response, Response::Refused(_) | Response::GeneralError);
                if negative && exchange.after_wrong && self.wrong_answer.is_none() {
                    // It may be the answer to the verdict before: then another one follows.
                    self.wrong_answer = verdict_answer(&response);
                    exchange.heard = Heard::Message(bytes);
                    return self.find_response(request, all, rng);
                }
                if matches!(response, Response::Acknowledged(_)) {
                    self.skip_acknowledgement(&response)?;
                    return self.find_response(request, all, rng);
                }
                exchange.heard = Heard::Message(bytes);
                if reaction == Reaction::Understood && !negative {
                    self.on_understood(request, &dialect);
                    return self.on_response(request, response, rng);
                }
                self.on_not_understood(request, response, rng)
            }
        }
    }

    /// Nothing came within the deadline.
    pub(super) fn on_silence<R: CryptoRng + ?Sized>(
        &mut self,
        request: RequestKind,
        rng: &mut R,
    ) -> Result<Action, ClientError> {
        let error = ClientError::TimedOut { request };
        self.find_after(request, Heard::Silence, error, rng)
    }

    /// The stream ended, or was reset.
    pub(super) fn find_after_end<R: CryptoRng + ?Sized>(
        &mut self,
        request: RequestKind,
        rng: &mut R,
    ) -> Result<Action, ClientError> {
        let error = ClientError::ConnectionLost { request };
        self.find_after(request, Heard::End, error, rng)
    }

    /// No answer came: another dialect explains that, or none does.
    fn find_after<R: CryptoRng + ?Sized>(
        &mut self,
        request: RequestKind,
        heard: Heard,
        error: ClientError,
        rng: &mut R,
    ) -> Result<Action, ClientError> {
        if self.exchange.is_none() {
            return Err(error);
        }
        let learned = self.is_learned();
        let (Some(search), Some(mut exchange)) = (&mut self.search, self.exchange.take()) else {
            return Err(error);
        };
        self.connected = false;
        if !self.inbox.is_empty() {
            // A whole response of some dialect, or a part of one.
            if let Hearing::Nothing = search.hear(&exchange, &self.inbox, true) {
                return Err(error);
            }
            self.exchange = Some(exchange);
            return self.find_response(request, true, rng);
        }
        if let Heard::Message(_) = exchange.heard {
            // What came before was the answer, and not one to the verdict before the request.
            self.wrong_answer = None;
            search.see(exchange);
            return self.on_refused(request);
        }
        if learned && exchange.content_size > READ_AT_ONCE {
            return Err(error);
        }
        exchange.heard = heard;
        let after_wrong = exchange.after_wrong;
        let explained = search.see(exchange) && self.connections < CONNECTIONS;
        let was_refused = self.first_refused == Some(request);
        if !was_refused {
            let failure = (error, self.dialect.clone());
            self.first_failure.get_or_insert(failure);
        }
        match self.untried(request).filter(|_| explained) {
            Some(dialect) => self.dialect = dialect,
            None if was_refused => {
                self.adopt_likeliest();
                return self.on_refused(request);
            }
            None => return Err(self.take_failure(request)),
        }
        if after_wrong && self.dialect.after_wrong.close {
            self.learn_wrong(true);
        }
        self.begin_again(request)
    }

    /// The error of the likeliest way to say the request, and back to that dialect.
    fn take_failure(&mut self, request: RequestKind) -> ClientError {
        match self.first_failure.take() {
            Some((error, dialect)) => {
                self.dialect = dialect;
                error
            }
            None => ClientError::ConnectionLost { request },
        }
    }

    fn is_learned(&self) -> bool {
        self.options.knowledge == Knowledge::Learned
    }

    fn on_understood(&mut self, request: RequestKind, dialect: &Dialect) {
        let after_wrong = self.exchange.as_ref().is_some_and(|it| it.after_wrong);
        self.understood = true;
        self.answered_here = true;
        // A key is asked for again and again on the way to a file.
        if !matches!(request, RequestKind::SendPublicKey | RequestKind::Reconnect) {
            self.first_failure = None;
            self.first_refused = None;
        }
        let (Some(search), Some(exchange)) = (&mut self.search, self.exchange.take()) else {
            return;
        };
        if !search.see(exchange) {
            // The server changed its mind: what was seen before counts no more.
            *search = Search::new(dialect);
        }
        self.adopt_best();
        if after_wrong {
            self.learn_wrong(false);
        }
    }

    /// A refusal, or an answer to something that was not asked: it may be that the server did not
    /// understand the request.
    fn on_not_understood<R: CryptoRng + ?Sized>(
        &mut self,
        request: RequestKind,
        response: Response,
        rng: &mut R,
    ) -> Result<Action, ClientError> {
        self.answered_here = true;
        if let (Some(search), Some(exchange)) = (&mut self.search, &self.exchange) {
            let learned = self.options.knowledge == Knowledge::Learned;
            if learned && exchange.content_size > DOUBT_LIMIT {
                return self.on_response(request, response, rng);
            }
            search.tried(exchange.sent.clone());
        }
        if self.first_failure.is_none() {
            self.first_refused = Some(request);
        }
        // A server that does not know the code closes (PROTOCOL.md 2.10).
        let by_header = request != RequestKind::SendFile;
        if by_header && self.connected && self.untried(request).is_some() {
            return Ok(self.look_for_end(request, response));
        }
        self.find_next(request, response, rng)
    }

    fn look_for_end(&mut self, request: RequestKind, response: Response) -> Action {
        let all = self.inbox.len().saturating_add(MAX_READ);
        self.read(all, Patience::Glance, Waiting::Closing(request, response))
    }

    pub(super) fn on_closing<R: CryptoRng + ?Sized>(
        &mut self,
        request: RequestKind,
        response: Response,
        event: &Event<'_>,
        rng: &mut R,
    ) -> Result<Action, ClientError> {
        let closed = match event {
            Event::Received(bytes) if bytes.iter().all(|&byte| byte == 0) => {
                // The rest of its padding.
                if let Some(exchange) = &mut self.exchange
                    && let Heard::Message(message) = &mut exchange.heard
                {
                    message.extend_from_slice(bytes);
                }
                return Ok(self.look_for_end(request, response));
            }
            Event::Received(bytes) => {
                self.inbox.extend_from_slice(bytes);
                false
            }
            Event::Ended | Event::Reset => true,
            Event::TimedOut => false,
            _ => return Err(ClientError::OutOfOrder),
        };
        self.connected &= !closed;
        if let Some(exchange) = &mut self.exchange {
            exchange.closed = Some(closed);
        }
        self.find_next(request, response, rng)
    }

    /// Says the request in another way, if there is one that explains what came. If there is none, the
    /// request was understood, and refused.
    fn find_next<R: CryptoRng + ?Sized>(
        &mut self,
        request: RequestKind,
        response: Response,
        rng: &mut R,
    ) -> Result<Action, ClientError> {
        let Some(exchange) = self.exchange.take() else {
            return Err(ClientError::OutOfOrder);
        };
        if let Some(search) = &mut self.search
            && search.see(exchange)
        {
            if let Some(dialect) = self.untried(request)
                && self.connections < CONNECTIONS
            {
                self.dialect = dialect;
                self.refused_here = true;
                return match self.connected && !self.connects_for_each() {
                    true => self.transmit(self.same_step(request)),
                    false => self.begin_again(request),
                };
            }
            // The likeliest way to send the file was not even answered.
            if self.first_failure.is_some() && request == RequestKind::SendFile {
                return Err(self.take_failure(request));
            }
            self.adopt_likeliest();
        }
        self.on_response(request, response, rng)
    }

    /// Begins again on a new connection, after a request that was not understood.
    fn begin_again(&mut self, request: RequestKind) -> Result<Action, ClientError> {
        self.connected = false;
        let has_key = self.aes_key.is_some() && self.connects_for_each();
        let next = match request {
            RequestKind::SendFile if has_key => request,
            RequestKind::Register => request,
            _ => self.first_request(),
        };
        self.begin(next)
    }

    /// What the dialect that is spoken has in the place of a request of another one.
    fn same_step(&self, request: RequestKind) -> RequestKind {
        match request {
            RequestKind::SendPublicKey | RequestKind::Reconnect => self.first_request(),
            other => other,
        }
    }

    /// The likeliest dialect that says the request in a way that was not tried.
    fn untried(&mut self, request: RequestKind) -> Option<Dialect> {
        let mut search = self.search.take()?;
        let found = search.untried(|dialect| {
            let reconnect = !self.reconnect_over && dialect.has_reconnect();
            let request = match request {
                RequestKind::SendPublicKey | RequestKind::Reconnect if reconnect => {
                    RequestKind::Reconnect
                }
                RequestKind::Reconnect => RequestKind::SendPublicKey,
                other => other,
            };
            self.say(request, dialect)
        });
        self.search = Some(search);
        found
    }

    /// Goes on with the likeliest dialect if the one that is spoken does not explain what was seen.
    pub(super) fn adopt_best(&mut self) {
        if let Some(search) = &self.search
            && !search.has(&self.dialect)
        {
            self.adopt_likeliest();
        }
    }

    fn adopt_likeliest(&mut self) {
        if let Some(best) = self.search.as_ref().and_then(Search::best) {
            self.dialect = best.clone();
        }
    }

    /// Takes zeros at the front of what was read for padding of the response before, if some dialect has
    /// it so.
    pub(super) fn take_padding(&mut self) -> bool {
        let zeros = self.inbox.iter().take_while(|&&byte| byte == 0).count();
        let Some(search) = self.search.as_mut().filter(|_| zeros > 0) else {
            return false;
        };
        if !search.see_padding(zeros) {
            return false;
        }
        self.inbox.drain(..zeros);
        self.adopt_best();
        true
    }

    /// Reads whatever comes: where the response ends is not known.
    fn read_any(&mut self, waiting: Waiting) -> Action {
        let patience = match &waiting {
            Waiting::Response(request) if self.is_guess(*request) => Patience::Guess,
            _ => Patience::Answer,
        };
        let all = self.inbox.len().saturating_add(MAX_READ);
        self.read(all, patience, waiting)
    }

    /// Whether the request could be said in another way.
    fn is_guess(&self, request: RequestKind) -> bool {
        let one_way = self
            .search
            .as_ref()
            .is_none_or(|search| search.agree(|dialect| self.say(request, dialect)));
        !one_way && !self.is_learned()
    }
}
