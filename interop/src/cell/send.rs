//! What a run of a client sends, and how.

use std::path::PathBuf;

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
