//! Which cases of a table run: `--case` and `--skip`.

use crate::glob::Glob;

/// Patterns of the command line, each known to match a case.
pub(crate) struct Selection {
    wanted: Vec<Glob>,
    skipped: Vec<Glob>,
}

impl Selection {
    /// Checks the patterns against the ids of the table; one that matches none is a mistake, and said before
    /// anything is started.
    pub(crate) fn new<'a>(
        wanted: &[String],
        skipped: &[String],
        ids: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<Self, String> {
        let globs = |patterns: &[String]| {
            patterns
                .iter()
                .map(|pattern| {
                    let glob = Glob::new(pattern);
                    match ids.clone().any(|id| glob.matches_id(id)) {
                        true => Ok(glob),
                        false => Err(format!(
                            "no case matches '{pattern}' (`backup-interop list` has them all)"
                        )),
                    }
                })
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            wanted: globs(wanted)?,
            skipped: globs(skipped)?,
        })
    }

    pub(crate) fn takes(&self, id: &str) -> bool {
        let any = |globs: &[Glob]| globs.iter().any(|glob| glob.matches_id(id));
        (self.wanted.is_empty() || any(&self.wanted)) && !any(&self.skipped)
    }

    /// Whether a case is left out by name.
    pub(crate) fn skips(&self, id: &str) -> bool {
        self.skipped.iter().any(|glob| glob.matches_id(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [&str; 3] = [
        "server/keys/answer",
        "server/keys/again",
        "server/files/empty",
    ];

    fn selection(wanted: &[&str], skipped: &[&str]) -> Result<Selection, String> {
        let owned = |patterns: &[&str]| -> Vec<String> {
            patterns.iter().map(|text| (*text).to_owned()).collect()
        };
        Selection::new(&owned(wanted), &owned(skipped), IDS.into_iter())
    }

    #[test]
    fn takes_what_is_wanted_and_not_skipped() {
        let taken = |wanted: &[&str], skipped: &[&str]| {
            let selection = selection(wanted, skipped).expect("a selection");
            IDS.map(|id| selection.takes(id))
        };
        assert_eq!(taken(&[], &[]), [true, true, true]);
        assert_eq!(taken(&["keys/*"], &[]), [true, true, false]);
        assert_eq!(taken(&["server/*"], &["*/again"]), [true, false, true]);
        assert_eq!(taken(&["keys/answer", "files/*"], &[]), [true, false, true]);
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_refused() {
        assert!(selection(&["key/*"], &[]).is_err());
        assert!(selection(&[], &["client/*"]).is_err());
    }
}
