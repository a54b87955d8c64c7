//! 1100, 1101 and the reconnect.

use crate::dialect::{ReconnectKey, RefusedPayload};
use crate::frame::{Frame, Id};
use crate::message::{Field, Kind};
use crate::oracle::{self, AesKey};
use crate::play::server::state::Client;
use crate::play::server::{Fault, Memory, Reply, Server};

impl Server {
    pub(super) fn register(&self, request: &Frame<'_>, memory: &Memory) -> Option<Reply> {
        if self.is(Fault::Silent) {
            return Some(Reply::default());
        }
        if self.is(Fault::WantsZeroId) && request.header.client_id != Some([0; 16]) {
            return None;
        }
        let name = self.new_name(request)?;
        let mut state = self.lock();
        if self.is(Fault::RegistersOnce) && !state.clients.is_empty() {
            return None;
        }
        let holder = state.clients.iter().find(|client| {
            let here = client.connection == Some(memory.number);
            let prefix = self.is(Fault::TakesPrefixForName) && client.name.starts_with(&name);
            (client.name == name || prefix) && (here || !self.is(Fault::NamesPerConnection))
        });
        if let Some(holder) = holder
            && !self.is(Fault::RegistersTwice)
        {
            let leaks =
                self.is(Fault::LeaksId) && self.dialect.refused_payload == RefusedPayload::ClientId;
            return leaks.then(|| Reply {
                bytes: self.says_no(Kind::Refused, &holder.id),
                ..Reply::default()
            });
        }
        let mut id: Id = rand::random();
        if self.is(Fault::CountedIds) {
            id = [7; 16];
            if let (Some(last), Ok(count)) = (id.last_mut(), u8::try_from(state.clients.len())) {
                *last = count;
            }
        }
        if let Some(first) = id.first_mut() {
            *first |= 1;
        }
        state.clients.push(Client {
            id,
            name,
            public_key: None,
            key: None,
            connection: Some(memory.number),
            files: 0,
            wrong: 0,
        });
        Some(self.reply(Kind::Registered, &id))
    }

    pub(super) fn send_public_key(
        &self,
        id: &Id,
        request: &Frame<'_>,
        memory: &mut Memory,
    ) -> Option<Reply> {
        let name = self.known_name(request)?;
        let key = request.get(Field::PublicKey);
        let mut state = self.lock();
        let of_another = state.clients.iter().any(|client| client.name == name);
        let Some(client) = state.clients.iter_mut().find(|client| client.id == *id) else {
            let stranger = self.is(Fault::TakesKeyOfStrangers);
            return stranger.then(|| self.garbage(id));
        };
        if self.is(Fault::ClientsPerConnection) && client.connection != Some(memory.number) {
            return None;
        }
        let takes_other = match of_another {
            true => self.is(Fault::TakesNameOfAnother),
            false => self.is(Fault::TakesAnyName),
        };
        if client.name != name && !takes_other {
            return None;
        }
        if let Some(fault) = self.fault_of(key) {
            if self.fault == Some(fault) {
                return Some(self.garbage(id));
            }
            if self.is(Fault::ForgetsKeyOnRefusal) {
                memory.keys.clear();
                client.key = None;
            }
            return None;
        }
        let refused = match key.get(key.len().saturating_sub(3)..) {
            Some([.., 3]) => self.is(Fault::RefusesExponent3),
            Some([1, 0, 1]) => self.is(Fault::RefusesExponent65537),
            Some([.., 127]) => self.is(Fault::RefusesExponent127),
            _ => false,
        };
        if refused {
            return None;
        }
        if !(self.is(Fault::KeepsFirstPublicKey) && client.public_key.is_some()) {
            client.public_key = Some(key.to_vec());
        }
        self.hand_out(client, memory, Kind::AesKey, None)
    }

    /// What is wrong with a public key: the fault that would take it.
    fn fault_of(&self, key: &[u8]) -> Option<Fault> {
        let exponents = oracle::accepted_exponents();
        let found = oracle::public_key_fault(key, &self.dialect.public_key_sizes, &exponents)?;
        Some(match (found.slug, found.offset) {
            _ if key.iter().all(|byte| *byte == 0) => Fault::TakesZeroKey,
            ("public-key-modulus", _) => Fault::TakesSmallModulus,
            ("public-key-exponent", _) if key.last() == Some(&1) => Fault::TakesExponent1,
            ("public-key-exponent", _) => Fault::TakesEvenExponent,
            (_, 0) => Fault::TakesGarbageKey,
            _ => Fault::TakesOtherAlgorithm,
        })
    }

    /// A 2102 that nobody can open.
    fn garbage(&self, id: &Id) -> Reply {
        self.reply(Kind::AesKey, &[&id[..], &[0x77; 128]].concat())
    }

    pub(super) fn reconnect(&self, id: &Id, request: &Frame<'_>, memory: &mut Memory) -> Reply {
        let mut same = self.dialect.reconnect_key == ReconnectKey::Same;
        same ^= self.is(Fault::OtherReconnectKey);
        let name = self.known_name(request);
        let mut state = self.lock();
        let mut clients = state.clients.iter_mut();
        let any_name = self.is(Fault::ReconnectsAnyName);
        let client = clients
            .find(|client| client.id == *id && (Some(&client.name) == name.as_ref() || any_name));
        let reply = client.and_then(|client| {
            if client.public_key.is_none() && self.is(Fault::ReconnectsWithoutKey) {
                let payload = [&id[..], &[0x77; 128]].concat();
                return Some(self.reply(Kind::Reconnected, &payload));
            }
            let stored = client.key.clone().filter(|_| same);
            self.hand_out(client, memory, Kind::Reconnected, stored)
        });
        let kind = match self.fault {
            Some(Fault::NoReconnectRefused) => Kind::Refused,
            _ => Kind::ReconnectRefused,
        };
        reply.unwrap_or_else(|| self.reply(kind, id))
    }

    /// Wraps an AES key, the stored one or a new one.
    fn hand_out(
        &self,
        client: &mut Client,
        memory: &mut Memory,
        kind: Kind,
        stored: Option<Vec<u8>>,
    ) -> Option<Reply> {
        let mut bytes = vec![7; self.dialect.aes_key_size];
        if !self.is(Fault::SameKey) {
            bytes.iter_mut().for_each(|byte| *byte = rand::random());
        }
        let key = AesKey::new(stored.unwrap_or(bytes))?;
        let public = client.public_key.as_deref()?;
        let wrapped = match self.fault {
            Some(Fault::OaepSha256) => oracle::wrap_with_sha256(public, &key),
            _ => oracle::wrap(public, &key),
        };
        let wrapped = wrapped.ok()?;
        client.key = Some(key.bytes().to_vec());
        if !(self.is(Fault::FirstKeyCounts) && memory.keys.contains_key(&client.id)) {
            memory.keys.insert(client.id, key);
        }
        Some(self.reply(kind, &[&client.id[..], &wrapped].concat()))
    }
}
