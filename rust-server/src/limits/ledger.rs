//! Room for files, set aside when they are announced and given back when they are stored or gone.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use backup_protocol::wire::ClientId;

use super::{Exceeded, Limits};
use crate::platform;
use crate::store::{BLOCK, Store, StoreError};

/// What is on its way in.
pub(crate) struct Ledger {
    data: PathBuf,
    in_flight: Mutex<InFlight>,
}

#[derive(Default)]
struct InFlight {
    total: u64,
    clients: HashMap<ClientId, u64>,
}

/// Room for one file. Dropped, it is free again.
pub(crate) struct Reservation {
    ledger: Arc<Ledger>,
    client: ClientId,
    bytes: u64,
}

impl Ledger {
    /// For a server with its files in `data`.
    pub(crate) fn new(data: PathBuf) -> Arc<Self> {
        let in_flight = Mutex::default();
        Arc::new(Self { data, in_flight })
    }

    /// Sets room for a file aside.
    ///
    /// First the room, then the question what is stored: between the two a file in flight may be
    /// stored, and is counted twice. So uploads side by side never get past a quota, and one may be
    /// refused that would just have fitted.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; a limit that the file is over is the value.
    pub(crate) async fn reserve<S: Store>(
        self: &Arc<Self>,
        store: &S,
        limits: &Limits,
        client: ClientId,
        content_size: u32,
    ) -> Result<Result<Reservation, Exceeded>, StoreError> {
        let (size, most) = (u64::from(content_size), limits.max_file);
        if size > most {
            return Ok(Err(Exceeded::File { size, most }));
        }
        let (room, own, all) = self.set_aside(client, size.next_multiple_of(BLOCK));
        if let Some(most) = limits.client_quota {
            let bytes = own.saturating_add(store.stored(Some(client)).await?);
            if bytes > most {
                return Ok(Err(Exceeded::ClientQuota { bytes, most }));
            }
        }
        if let Some(most) = limits.total_quota {
            let bytes = all.saturating_add(store.stored(None).await?);
            if bytes > most {
                return Ok(Err(Exceeded::TotalQuota { bytes, most }));
            }
        }
        // Of this file alone: a claim costs nothing, and a few of 4 GiB from a peer that never sends them
        // would keep everybody else out.
        if let Some(free) = platform::free_space(&self.data) {
            let (left, least) = (free.saturating_sub(size), limits.min_free);
            if left < least {
                return Ok(Err(Exceeded::FreeSpace { left, least }));
            }
        }
        Ok(Ok(room))
    }

    /// The reservation, and all that is in flight with it: of its client, and in all.
    fn set_aside(self: &Arc<Self>, client: ClientId, bytes: u64) -> (Reservation, u64, u64) {
        let mut in_flight = self
            .in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let own = in_flight.clients.entry(client).or_default();
        *own = own.saturating_add(bytes);
        let own = *own;
        in_flight.total = in_flight.total.saturating_add(bytes);
        let room = Reservation {
            ledger: Arc::clone(self),
            client,
            bytes,
        };
        (room, own, in_flight.total)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let ledger = &self.ledger.in_flight;
        let mut in_flight = ledger.lock().unwrap_or_else(PoisonError::into_inner);
        in_flight.total = in_flight.total.saturating_sub(self.bytes);
        if let Some(own) = in_flight.clients.get_mut(&self.client) {
            *own = own.saturating_sub(self.bytes);
            if *own == 0 {
                in_flight.clients.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_free_again_once_it_is_dropped() {
        let ledger = Ledger::new(PathBuf::new());
        let (alice, bob) = (ClientId::from_bytes([1; 16]), ClientId::from_bytes([2; 16]));
        let (first, own, all) = ledger.set_aside(alice, 100);
        assert_eq!((own, all), (100, 100));
        let (second, own, all) = ledger.set_aside(bob, 10);
        assert_eq!((own, all), (10, 110));
        drop(first);
        let (third, own, all) = ledger.set_aside(alice, 1);
        assert_eq!((own, all), (1, 11));
        drop((second, third));
        let in_flight = ledger.in_flight.lock().expect("not poisoned");
        assert_eq!((in_flight.total, in_flight.clients.len()), (0, 0));
    }
}
