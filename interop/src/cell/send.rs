//! What a run of a client sends, and how.

use std::path::PathBuf;

use crate::cell::RunHandle;
use crate::peer::Ability;
use crate::store;
use crate::tap::{Meddle, Plan};

/// A file that clients send.
#[derive(Debug, Clone)]
pub(crate) struct TestFile {
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) content: store::Content,
}

/// What a run of a client sends, and how.
#[derive(Default)]
pub(crate) struct Send<'a> {
    pub(super) files: Vec<&'a TestFile>,
    pub(super) abilities: &'static [Ability],
    pub(super) send_as: Option<&'static str>,
    pub(super) plan: Plan,
    pub(super) learning: bool,
    pub(super) after: Option<RunHandle>,
}

impl<'a> Send<'a> {
    /// These files, and nothing out of the ordinary.
    pub(crate) fn of(files: impl IntoIterator<Item = &'a TestFile>) -> Self {
        Self {
            files: files.into_iter().collect(),
            ..Self::default()
        }
    }

    /// With abilities that not every client has.
    pub(crate) fn able(mut self, abilities: &'static [Ability]) -> Self {
        self.abilities = abilities;
        self
    }

    /// Under another name than the file's.
    pub(crate) fn named(mut self, name: &'static str) -> Self {
        self.send_as = Some(name);
        self
    }

    /// By a client that was told nothing and knows nothing: it may try.
    pub(crate) fn learning(mut self) -> Self {
        self.learning = true;
        self
    }

    /// To the address at which an earlier run found the server: for a client it is the same one.
    pub(crate) fn same_server_as(mut self, earlier: RunHandle) -> Self {
        self.after = Some(earlier);
        self
    }

    /// Through a tap that does this.
    pub(crate) fn through(mut self, plan: Plan) -> Self {
        self.plan = plan;
        self
    }

    /// Through a tap that changes messages.
    pub(crate) fn meddled(mut self, meddle: impl Meddle + 'static) -> Self {
        self.plan.meddle = Some(Box::new(meddle));
        self
    }
}
