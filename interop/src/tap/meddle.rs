//! What a scenario may do to traffic on its way through the tap. The judge sees both what was sent
//! and what arrived, so that neither side is blamed for it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use crate::message::{Direction, Kind};

/// Looks at the messages of one client's run and changes them on the way. One value sees all
/// connections of the run; the two directions of a connection call it in turn.
pub(crate) trait Meddle: Send {
    /// Header and fixed fields of a message. `head` may be changed, prolonged or emptied.
    fn head(&mut self, _direction: Direction, _kind: Option<Kind>, _head: &mut Vec<u8>) -> Fate {
        Fate::Pass
    }

    /// A part of what follows them; `offset` counts from their end.
    fn content(&mut self, _direction: Direction, _offset: usize, _bytes: &mut Vec<u8>) -> Fate {
        Fate::Pass
    }

    /// The sender of this direction has ended its side.
    fn end(&mut self, _direction: Direction) -> Fate {
        Fate::Pass
    }
}

/// What becomes of a piece.
pub(crate) enum Fate {
    Pass,
    /// It goes on in one write with what follows.
    JoinNext,
    /// It waits until the gate is opened.
    Hold(Arc<Gate>),
    /// It stops until the gate is opened; then nothing of this direction goes on any more, and the
    /// receiver sees the end of the stream.
    HoldAndCut(Arc<Gate>),
    /// It goes on, and then the other direction is ended, as if its sender had done so.
    PassAndEndOther,
}

/// A place where the tap stops until the scenario has done something.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    reached: bool,
    open: bool,
}

impl Gate {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Lets everything through from now on.
    pub(crate) fn open(&self) {
        self.set(|state| state.open = true);
    }

    /// Waits until traffic stands at the gate; `false` if the deadline comes first.
    pub(crate) fn wait_reached(&self, deadline: Instant) -> bool {
        self.wait(deadline, |state| state.reached)
    }

    /// Stands at the gate until it is open; `false` if the deadline comes first.
    pub(crate) fn pass(&self, deadline: Instant) -> bool {
        self.set(|state| state.reached = true);
        self.wait(deadline, |state| state.open)
    }

    fn set(&self, change: impl FnOnce(&mut GateState)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    fn wait(&self, deadline: Instant, condition: impl Fn(&GateState) -> bool) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !condition(&state) {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                return false;
            };
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }
}
