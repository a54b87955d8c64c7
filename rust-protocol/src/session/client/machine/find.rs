//! How a session finds out which dialect its server speaks (PROTOCOL.md 10.11).

use rsa::rand_core::CryptoRng;

use super::super::search::{Heard, Hearing, Reaction, Search, verdict_answer};
use super::super::{Action, ClientError, Event, Knowledge, MAX_READ, Patience};
use super::{Machine, Waiting};
use crate::dialect::Dialect;
use crate::wire::{RequestKind, Response};

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
                    self.on_understood(&dialect);
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
        if !self.inbox.is_empty() {
            self.connected = false;
            return self.find_response(request, true, rng).map_err(|_| error);
        }
        let error = self.first_error.get_or_insert(error).clone();
        let (Some(search), Some(mut exchange)) = (&mut self.search, self.exchange.take()) else {
            return Err(error);
        };
        self.connected = false;
        if let Heard::Message(_) = exchange.heard {
            // What came before was the answer, and not one to the verdict before the request.
            self.wrong_answer = None;
            search.see(exchange);
            return self.on_refused(request);
        }
        exchange.heard = heard;
        let after_wrong = exchange.after_wrong;
        if !search.see(exchange) || self.connections >= CONNECTIONS {
            return Err(error);
        }
        self.adopt_best();
        if after_wrong && self.dialect.after_wrong.close {
            self.learn_wrong(true);
        }
        self.begin_again(request)
    }

    fn on_understood(&mut self, dialect: &Dialect) {
        let after_wrong = self.exchange.as_ref().is_some_and(|it| it.after_wrong);
        self.understood = true;
        self.answered_here = true;
        self.first_error = None;
        let (Some(search), Some(exchange)) = (&mut self.search, self.exchange.take()) else {
            return;
        };
        search.step();
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
            search.tried(exchange.sent.clone());
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
                self.speak(&dialect);
                self.refused_here = true;
                return match self.connected && !self.connects_for_each() {
                    true => self.transmit(self.same_step(request)),
                    false => self.begin_again(request),
                };
            }
            let understanding = self.search.as_ref().and_then(Search::understanding);
            if let Some(dialect) = understanding {
                self.speak(&dialect);
            }
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

    fn speak(&mut self, dialect: &Dialect) {
        if let Some(search) = &mut self.search {
            search.prefer(dialect);
        }
        self.dialect = dialect.clone();
    }

    pub(super) fn adopt_best(&mut self) {
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
        let learned = self.options.knowledge == Knowledge::Learned;
        let one_way = self
            .search
            .as_ref()
            .is_none_or(|search| search.agree(|dialect| self.say(request, dialect)));
        !learned && !one_way
    }
}
