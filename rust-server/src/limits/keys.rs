//! The padding oracle of the protocol, bounded.
//!
//! Whoever knows a client ID can send altered content under the stored key, and learns from 2101 or
//! 2103 whether it decrypted (PROTOCOL.md 2.10, 4.3). About 128 tries give a byte of a recorded file, so
//! a key that was tried in vain a few times is dropped. An honest client asks for a new one.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use backup_protocol::crypto::AesKey;
use backup_protocol::wire::ClientId;
use sha2::{Digest, Sha256};

/// Contents that may fail to decrypt under one key. An honest client has as many as its line has faults.
pub(crate) const TRIES: u8 = 8;

/// Keys of one client that are counted at a time. To push one out, an attacker has to have it replaced
/// so often, and a key that was replaced is of use on the connection alone that it was made on.
const KEYS: usize = 8;

/// Keys under which content did not decrypt. It has an entry only for clients that exist.
#[derive(Default)]
pub(crate) struct SpentKeys(Mutex<HashMap<ClientId, VecDeque<(Fingerprint, u8)>>>);

/// Of a key, so that no key stays in memory for being counted.
type Fingerprint = [u8; 32];

impl SpentKeys {
    /// Content did not decrypt. Whether the key is spent by it.
    pub(crate) fn failed(&self, client: ClientId, key: &AesKey) -> bool {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = clients.entry(client).or_default();
        let fingerprint = fingerprint(key);
        if let Some((_, tries)) = keys.iter_mut().find(|(known, _)| *known == fingerprint) {
            *tries = tries.saturating_add(1);
            return *tries >= TRIES;
        }
        if keys.len() >= KEYS {
            keys.pop_front();
        }
        keys.push_back((fingerprint, 1));
        TRIES <= 1
    }

    /// Whether content under this key is still taken.
    pub(crate) fn is_spent(&self, client: ClientId, key: &AesKey) -> bool {
        let clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(keys) = clients.get(&client) else {
            return false;
        };
        let fingerprint = fingerprint(key);
        keys.iter()
            .any(|&(known, tries)| known == fingerprint && tries >= TRIES)
    }
}

fn fingerprint(key: &AesKey) -> Fingerprint {
    Sha256::digest(key.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> AesKey {
        AesKey::from_bytes(&[byte; 16]).expect("16 bytes")
    }

    #[test]
    fn a_key_is_spent_by_its_own_failures() {
        let (keys, client) = (SpentKeys::default(), ClientId::from_bytes([1; 16]));
        for number in 1..=TRIES {
            assert!(!keys.is_spent(client, &key(1)));
            assert_eq!(keys.failed(client, &key(1)), number == TRIES);
            keys.failed(ClientId::from_bytes([2; 16]), &key(3));
        }
        assert!(keys.is_spent(client, &key(1)));
        assert!(!keys.is_spent(client, &key(2)));
        assert!(!keys.is_spent(ClientId::from_bytes([2; 16]), &key(1)));
    }

    #[test]
    fn memory_for_one_client_ends() {
        let (keys, client) = (SpentKeys::default(), ClientId::from_bytes([1; 16]));
        for byte in 0..200 {
            keys.failed(client, &key(byte));
        }
        let clients = keys.0.lock().expect("not poisoned");
        assert_eq!(clients.get(&client).map(VecDeque::len), Some(KEYS));
    }
}
