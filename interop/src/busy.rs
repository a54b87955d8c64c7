//! Threads that somebody waits for.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

/// Counts threads at work.
#[derive(Debug, Default)]
pub(crate) struct Busy {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    working: usize,
    panicked: bool,
}

/// A thread's work. Dropping it ends the work, however the thread ends.
pub(crate) struct Work(Arc<Busy>);

/// What a wait came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// None is at work any more.
    Idle,
    /// The deadline came first.
    TooLong,
    /// One has panicked: what it was to do is not done.
    Panicked,
}

impl Busy {
    pub(crate) fn begin(self: &Arc<Self>) -> Work {
        self.lock().working += 1;
        Work(Arc::clone(self))
    }

    /// Waits until none is at work.
    pub(crate) fn wait(&self, deadline: Instant) -> Waited {
        let mut state = self.lock();
        loop {
            if state.panicked {
                return Waited::Panicked;
            }
            if state.working == 0 {
                return Waited::Idle;
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                return Waited::TooLong;
            };
            let woken = self.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.working -= 1;
        state.panicked |= thread::panicking();
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn waits_for_all_work_and_no_longer_than_to_the_deadline() {
        let busy = Arc::new(Busy::default());
        assert_eq!(busy.wait(Instant::now()), Waited::Idle);
        let work = [busy.begin(), busy.begin()];
        assert_eq!(busy.wait(Instant::now()), Waited::TooLong);
        let ends = thread::spawn(move || drop(work));
        let deadline = Instant::now() + Duration::from_secs(20);
        assert_eq!(busy.wait(deadline), Waited::Idle);
        ends.join().expect("an end");
    }

    #[test]
    fn a_panic_ends_the_work_and_is_told() {
        let busy = Arc::new(Busy::default());
        let work = busy.begin();
        let panics = thread::spawn(move || {
            let _work = work;
            panic!("as the test wants it");
        });
        let deadline = Instant::now() + Duration::from_secs(20);
        assert_eq!(busy.wait(deadline), Waited::Panicked);
        panics.join().expect_err("a panic");
    }
}
