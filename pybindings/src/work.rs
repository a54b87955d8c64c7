//! Waiting for a client that is at work in another thread, so that Python stays responsive: Ctrl-C, the
//! caller's `progress` and warnings count at once.

use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::thread;
use std::time::Duration;

use backup_client::{Event, Interrupt, Warning};
use pyo3::prelude::*;

use crate::error::text;

/// How long a signal waits to be looked for.
const GLANCE: Duration = Duration::from_millis(50);

/// What a call came to.
pub(crate) struct Done<T> {
    pub(crate) value: T,
    /// What was raised while it ran: by a signal, by `progress`, or by a warning that is an error.
    pub(crate) raised: Option<PyErr>,
}

enum Told {
    Progress(u64, u64),
    /// The thread waits until it is dealt with: what it warns of may have to keep it from going on.
    Warning(String, SyncSender<()>),
}

/// The sending end of a call's events.
pub(crate) struct Events {
    told: Sender<Told>,
    progress: bool,
}

impl Events {
    pub(crate) fn take(&self, event: &Event<'_>) {
        match event {
            Event::Progress { bytes, total } if self.progress => {
                // Fails after the other side has panicked, which it reports itself.
                let _ = self.told.send(Told::Progress(*bytes, *total));
            }
            Event::Warning(Warning::OtherServer { recorded, used }) => self.warn(format!(
                "this identity was given by {recorded} and is now shown to {used}"
            )),
            Event::Warning(Warning::Record(error)) => self.warn(text(*error)),
            _ => {}
        }
    }

    fn warn(&self, text: String) {
        let (done, wait) = mpsc::sync_channel(1);
        if self.told.send(Told::Warning(text, done)).is_ok() {
            let _ = wait.recv();
        }
    }
}

/// Runs `work` in a thread of its own and serves its events here.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    interrupt: &Interrupt,
    progress: Option<&Py<PyAny>>,
    work: impl FnOnce(&Events) -> T + Send,
) -> Done<T> {
    interrupt.clear();
    let (told, events) = mpsc::channel();
    let sender = Events {
        told,
        progress: progress.is_some(),
    };
    let events = Mutex::new(events);
    thread::scope(|scope| {
        let worker = scope.spawn(move || work(&sender));
        let mut raised = None;
        loop {
            let told = py.detach(|| next(&events));
            let served = match told {
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => Ok(()),
                // What follows what was raised is of no use to anyone.
                Ok(_) if raised.is_some() => Ok(()),
                Ok(Told::Progress(bytes, total)) => progress.map_or(Ok(()), |progress| {
                    progress.call1(py, (bytes, total)).map(drop)
                }),
                Ok(Told::Warning(text, done)) => {
                    let warned = warn(py, &text);
                    if warned.is_err() {
                        interrupt.raise();
                    }
                    let _ = done.send(());
                    warned
                }
            };
            if let Err(error) = served.and_then(|()| py.check_signals()) {
                interrupt.raise();
                raised.get_or_insert(error);
            }
        }
        let value = py.detach(|| worker.join());
        let value = value.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Done { value, raised }
    })
}

fn next(events: &Mutex<Receiver<Told>>) -> Result<Told, RecvTimeoutError> {
    match events.lock() {
        Ok(events) => events.recv_timeout(GLANCE),
        Err(_) => Err(RecvTimeoutError::Disconnected),
    }
}

fn warn(py: Python<'_>, text: &str) -> PyResult<()> {
    let class = py
        .import("backup_protocol.errors")?
        .getattr("BackupProtocolWarning")?;
    py.import("warnings")?.call_method1("warn", (text, class))?;
    Ok(())
}
