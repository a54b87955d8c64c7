//! Keys: made, wrapped, and handed out again (PROTOCOL.md 2.4, 10.4).

use rsa::rand_core::CryptoRng;

use super::super::{Action, Ask};
use super::{Machine, NewKey, State};
use crate::crypto::{AesKey, PublicKey};
use crate::dialect::ReconnectKey;
use crate::session::Refusal;
use crate::wire::{ClientId, ReconnectRefused, Response, SendPublicKey, WrappedKey};

impl Machine {
    pub(super) fn new_key<R: CryptoRng + ?Sized>(
        &mut self,
        client: ClientId,
        request: SendPublicKey,
        rng: &mut R,
    ) -> Result<Ask, Refusal> {
        let public_key = PublicKey::parse(&request.public_key, self.dialect.public_key_sizes)?;
        let aes_key = AesKey::generate(self.dialect.aes_key_size, rng);
        let wrapped = public_key.wrap(&aes_key, rng)?;
        self.state = State::StoringKey(Box::new(NewKey {
            client,
            aes_key: aes_key.clone(),
            wrapped,
            reconnected: false,
        }));
        Ok(Ask::SendPublicKey {
            client,
            name: request.name,
            public_key,
            aes_key,
        })
    }

    pub(super) fn reconnect<R: CryptoRng + ?Sized>(
        &mut self,
        client: ClientId,
        public_key: &PublicKey,
        stored: AesKey,
        rng: &mut R,
    ) -> Action {
        let aes_key = match self.dialect.reconnect_key {
            ReconnectKey::New => AesKey::generate(self.dialect.aes_key_size, rng),
            ReconnectKey::Same => stored,
        };
        let wrapped = match public_key.wrap(&aes_key, rng) {
            Ok(wrapped) => wrapped,
            Err(error) => return self.refuse(error.into()),
        };
        let key = NewKey {
            client,
            aes_key: aes_key.clone(),
            wrapped,
            reconnected: true,
        };
        match self.dialect.reconnect_key {
            ReconnectKey::New => {
                self.state = State::StoringKey(Box::new(key));
                Action::Ask(Ask::StoreAesKey { client, aes_key })
            }
            ReconnectKey::Same => self.hand_out(key),
        }
    }

    pub(super) fn hand_out(&mut self, key: NewKey) -> Action {
        let client_id = key.client;
        self.key = Some((client_id, key.aes_key));
        let wrapped = key.wrapped;
        let answer = WrappedKey { client_id, wrapped };
        let response = match key.reconnected {
            true => Response::Reconnected(answer),
            false => Response::AesKey(answer),
        };
        self.send(&response, false)
    }

    /// The refusal that sends a client back to registering is for those whom it helps (PROTOCOL.md
    /// 10.4): one that is to try again must not throw its identity away.
    pub(super) fn refuse_reconnect(&mut self, refusal: Refusal) -> Action {
        match refusal {
            Refusal::UnknownClient | Refusal::NameDiffers | Refusal::NoKey => {
                self.refusal = Some(refusal);
                let client_id = self.asking();
                let response = Response::ReconnectRefused(ReconnectRefused { client_id });
                self.send(&response, false)
            }
            _ => self.refuse(refusal),
        }
    }
}
