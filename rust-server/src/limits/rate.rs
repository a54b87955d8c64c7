//! How often something may happen.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::seats::network;

/// Addresses that are remembered before those are forgotten that have all their registrations again.
const REMEMBERED: usize = 10_000;

/// Registrations by address.
pub(crate) struct Registrations(DefaultKeyedRateLimiter<IpAddr>);

impl Registrations {
    /// So many a minute from each address, and as many at once.
    pub(crate) fn new(a_minute: u32) -> Self {
        let quota = Quota::per_minute(NonZeroU32::new(a_minute).unwrap_or(NonZeroU32::MIN));
        Self(RateLimiter::keyed(quota))
    }

    /// Whether one more may come from there.
    pub(crate) fn may_come(&self, from: IpAddr) -> bool {
        if self.0.len() > REMEMBERED {
            self.0.retain_recent();
        }
        self.0.check_key(&network(from)).is_ok()
    }
}

/// Lines of the log that a peer can cause at will: one a second, with the number of those left out.
pub(crate) struct Quiet {
    limiter: DefaultDirectRateLimiter,
    silent: AtomicU64,
}

impl Quiet {
    pub(crate) fn new() -> Self {
        Self {
            limiter: RateLimiter::direct(Quota::per_second(NonZeroU32::MIN)),
            silent: AtomicU64::new(0),
        }
    }

    /// How many were left out before this one, if it is to be written.
    pub(crate) fn speak(&self) -> Option<u64> {
        if self.limiter.check().is_ok() {
            return Some(self.silent.swap(0, Ordering::Relaxed));
        }
        self.silent.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_registrations() {
        let registrations = Registrations::new(3);
        let from = |text: &str| registrations.may_come(text.parse().expect("an address"));
        assert_eq!(
            [(); 4].map(|()| from("192.0.2.1")),
            [true, true, true, false]
        );
        assert!(from("192.0.2.2"));
        // One network of a provider's customer has as many addresses as it likes.
        assert_eq!([(); 3].map(|()| from("2001:db8::1")), [true; 3]);
        assert!(!from("2001:db8::2"));
        assert!(from("2001:db8:0:1::1"));
    }
}
