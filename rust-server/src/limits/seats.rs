//! Who may be connected.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Duration, Instant, timeout_at};

/// Nobody is asked to leave before he was idle for so long: a client that has just come is still on its
/// way to its first request.
const GRACE: Duration = Duration::from_secs(1);

/// A seat for each connection, and who of them is idle.
pub(crate) struct Seats {
    most: usize,
    most_per_address: usize,
    state: Mutex<State>,
    /// A seat became free, or someone idle.
    change: Notify,
}

#[derive(Default)]
struct State {
    taken: usize,
    by_address: HashMap<IpAddr, usize>,
    /// In the order in which they became idle.
    idle: BTreeMap<u64, (Instant, Arc<Notify>)>,
    next: u64,
    /// Told to leave, and not gone yet.
    leaving: usize,
}

/// The right of a connection to be served. Dropped, it is free again.
pub(crate) struct Seat {
    seats: Arc<Seats>,
    address: IpAddr,
    leaving: AtomicBool,
}

/// What became of a connection that wants a seat.
pub(crate) enum Taken {
    Seat(Seat),
    /// Its address has all that one may have.
    TooMany,
}

impl Seats {
    pub(crate) fn new(most: usize, most_per_address: usize) -> Arc<Self> {
        Arc::new(Self {
            most: most.max(1),
            most_per_address: most_per_address.max(1),
            state: Mutex::default(),
            change: Notify::new(),
        })
    }

    /// A seat for a connection from `address`. Where all are taken, whoever is idle longest loses his;
    /// where nobody is idle, this waits.
    pub(crate) async fn take(self: &Arc<Self>, address: IpAddr) -> Taken {
        let address = network(address);
        loop {
            let mut look_again = None;
            {
                let mut state = self.state();
                let own = state.by_address.get(&address).copied().unwrap_or_default();
                // Where one address may have them all, it waits like everybody.
                if self.most_per_address < self.most && own >= self.most_per_address {
                    return Taken::TooMany;
                }
                if state.taken < self.most {
                    state.taken += 1;
                    state.by_address.insert(address, own + 1);
                    let seats = Arc::clone(self);
                    let leaving = AtomicBool::new(false);
                    return Taken::Seat(Seat {
                        seats,
                        address,
                        leaving,
                    });
                }
                // One for one: this is asked again at every change.
                if state.leaving == 0
                    && let Some(entry) = state.idle.first_entry()
                {
                    let leaves = entry.get().0 + GRACE;
                    if leaves <= Instant::now() {
                        entry.remove().1.notify_one();
                        state.leaving += 1;
                    } else {
                        look_again = Some(leaves);
                    }
                }
            }
            // Of a change since the lock was let go, the notification is kept.
            let change = self.change.notified();
            match look_again {
                Some(then) => drop(timeout_at(then, change).await),
                None => change.await,
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Waits for `request`, which the connection has nothing to do before. `None` if the seat is needed
    /// for somebody else.
    pub(crate) async fn idle<T>(&self, request: impl Future<Output = T>) -> Option<T> {
        let idle = Idle::new(self);
        tokio::select! {
            // What has come by now is served.
            biased;
            request = request => Some(request),
            () = idle.lost.notified() => {
                self.leaving.store(true, Ordering::Relaxed);
                None
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        {
            let mut state = self.seats.state();
            state.taken = state.taken.saturating_sub(1);
            if self.leaving.load(Ordering::Relaxed) {
                state.leaving = state.leaving.saturating_sub(1);
            }
            if let Some(own) = state.by_address.get_mut(&self.address) {
                *own = own.saturating_sub(1);
                if *own == 0 {
                    state.by_address.remove(&self.address);
                }
            }
        }
        self.seats.change.notify_one();
    }
}

/// A place in the row of those who are idle.
struct Idle<'a> {
    seat: &'a Seat,
    number: u64,
    lost: Arc<Notify>,
}

impl<'a> Idle<'a> {
    fn new(seat: &'a Seat) -> Self {
        let seats = &seat.seats;
        let lost = Arc::new(Notify::new());
        let (number, full) = {
            let mut state = seats.state();
            let number = state.next;
            state.next = number.wrapping_add(1);
            let since = Instant::now();
            state.idle.insert(number, (since, Arc::clone(&lost)));
            (number, state.taken >= seats.most)
        };
        if full {
            seats.change.notify_one();
        }
        Self { seat, number, lost }
    }
}

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        let seats = &self.seat.seats;
        let mut state = seats.state();
        let told = state.idle.remove(&self.number).is_none();
        if told && !self.seat.leaving.load(Ordering::Relaxed) {
            // It was told to leave in the moment in which something came: somebody else has to.
            state.leaving = state.leaving.saturating_sub(1);
            drop(state);
            seats.change.notify_one();
        }
    }
}

/// What counts as one address: of IPv6 the 64 bits that one customer has at least, and IPv4 as such
/// wherever it came from.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::task::Poll;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

    async fn seat(seats: &Arc<Seats>, address: IpAddr) -> Seat {
        match seats.take(address).await {
            Taken::Seat(seat) => seat,
            Taken::TooMany => panic!("too many"),
        }
    }

    #[tokio::test]
    async fn one_address_cannot_have_them_all() {
        let seats = Seats::new(3, 2);
        let first = seat(&seats, HERE).await;
        let _second = seat(&seats, HERE).await;
        assert!(matches!(seats.take(HERE).await, Taken::TooMany));
        let _other = seat(&seats, THERE).await;
        drop(first);
        let _third = seat(&seats, HERE).await;
        assert!(matches!(seats.take(HERE).await, Taken::TooMany));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_idle_longest_makes_room() {
        let seats = Seats::new(2, 2);
        let (old, young) = (seat(&seats, HERE).await, seat(&seats, HERE).await);
        let old = tokio::spawn(async move { old.idle(pending::<()>()).await });
        tokio::task::yield_now().await;
        let young = tokio::spawn(async move { young.idle(pending::<()>()).await });
        tokio::task::yield_now().await;
        let came = Instant::now();
        let _new = seat(&seats, THERE).await;
        assert!(came.elapsed() >= GRACE);
        assert_eq!(old.await.expect("no panic"), None);
        assert!(!young.is_finished());
        let _newer = seat(&seats, THERE).await;
        assert_eq!(young.await.expect("no panic"), None);
    }

    #[tokio::test]
    async fn whoever_is_busy_keeps_the_seat() {
        let seats = Seats::new(1, 1);
        let busy = seat(&seats, HERE).await;
        assert_eq!(busy.idle(async { 7 }).await, Some(7));
        let mut waits = std::pin::pin!(seats.take(THERE));
        assert!(std::future::poll_fn(|cx| Poll::Ready(waits.as_mut().poll(cx).is_pending())).await);
        drop(busy);
        assert!(matches!(waits.await, Taken::Seat(_)));
    }
}
