//! Ending a call from outside.

use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Ends the call that a client is in, from another thread. Clones are handles to the same.
///
/// The call ends as soon as the thread that is in it notices: at once where it reads or writes; a
/// connection that is being made is waited for. It fails with
/// [`ClientError::Interrupted`](crate::ClientError::Interrupted).
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    raised: bool,
    /// Weak: the connection ends when the client drops it.
    stream: Weak<TcpStream>,
}

impl Interrupt {
    /// Ends the call under way, and all later ones until [`Interrupt::clear`].
    pub fn raise(&self) {
        let mut state = self.lock();
        state.raised = true;
        if let Some(stream) = state.stream.upgrade() {
            // Fails if the peer was faster, which ends the wait as well.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Lets further calls go on.
    pub fn clear(&self) {
        self.lock().raised = false;
    }

    /// Whether calls are to end.
    pub fn is_raised(&self) -> bool {
        self.lock().raised
    }

    /// Takes note of the connection to end.
    pub(crate) fn watch(&self, stream: Weak<TcpStream>) {
        self.lock().stream = stream;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
