//! Which versions an operator keeps.

use std::time::{Duration, SystemTime};

use super::VersionInfo;

/// What is kept. A version is kept if any rule says so; without a rule for verified versions all of them
/// are. The newest verified version of a file is always kept, and so is what is pinned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// So many of the newest verified versions of each file.
    pub last: Option<usize>,
    /// What was received so short a time ago.
    pub within: Option<Duration>,
    /// Versions that nobody has judged go after so long; by default they stay.
    pub unverified_for: Option<Duration>,
}

/// What becomes of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It stays, and why.
    Keep(&'static str),
    /// It goes.
    Remove,
}

impl Retention {
    /// What becomes of each version, in the order in which they are given: that of
    /// [`Operator::versions`](super::Operator::versions), with all versions of a file.
    #[must_use]
    pub fn judge(&self, versions: &[VersionInfo], now: SystemTime) -> Vec<Verdict> {
        let mut file = None;
        let mut verified = 0;
        let judge = |version: &VersionInfo| {
            if file != Some(version.file) {
                file = Some(version.file);
                verified = 0;
            }
            verified += usize::from(version.verified.is_some());
            // A clock that was set back makes nothing old.
            let age = now.duration_since(version.received).unwrap_or_default();
            self.judge_one(version, verified, age)
        };
        versions.iter().map(judge).collect()
    }

    /// `rank` is 1 for the newest verified version of its file.
    fn judge_one(&self, version: &VersionInfo, rank: usize, age: Duration) -> Verdict {
        if version.pinned.is_some() {
            return Verdict::Keep("pinned");
        }
        if version.verified.is_none() {
            return match self.unverified_for {
                Some(longest) if age > longest => Verdict::Remove,
                _ => Verdict::Keep("waits for its verdict"),
            };
        }
        if version.newest {
            return Verdict::Keep("newest");
        }
        match (self.last, self.within) {
            (None, None) => Verdict::Keep("no rule"),
            (Some(last), _) if rank <= last => Verdict::Keep("among the last"),
            (_, Some(longest)) if age <= longest => Verdict::Keep("young enough"),
            _ => Verdict::Remove,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::VersionId;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + DAY * 1000
    }

    /// Days ago.
    fn version(file: i64, days: u32, newest: bool) -> VersionInfo {
        let received = now() - DAY * days;
        VersionInfo {
            version: VersionId(1000 - i64::from(days)),
            client: "alice".to_owned(),
            label: "alice-1".to_owned(),
            name: file.to_string(),
            path: file.to_string(),
            content: "content".into(),
            size: 1,
            cksum: 1,
            digest: None,
            received,
            verified: Some(received),
            pinned: None,
            newest,
            file,
            stored_as: "content".to_owned(),
            settled: true,
        }
    }

    fn three() -> Vec<VersionInfo> {
        vec![
            version(1, 100, true),
            version(1, 200, false),
            version(1, 300, false),
        ]
    }

    fn kept(retention: Retention, versions: &[VersionInfo]) -> Vec<bool> {
        let verdicts = retention.judge(versions, now());
        verdicts
            .iter()
            .map(|verdict| *verdict != Verdict::Remove)
            .collect()
    }

    #[test]
    fn without_a_rule_everything_stays() {
        assert_eq!(kept(Retention::default(), &three()), [true; 3]);
    }

    #[test]
    fn the_last_are_counted_for_each_file() {
        let mut versions = three();
        versions.extend([
            version(2, 1, true),
            version(2, 2, false),
            version(2, 3, false),
        ]);
        let retention = Retention {
            last: Some(2),
            ..Retention::default()
        };
        assert_eq!(
            kept(retention, &versions),
            [true, true, false, true, true, false]
        );
    }

    #[test]
    fn the_newest_stays_at_any_age() {
        let retention = Retention {
            within: Some(DAY),
            ..Retention::default()
        };
        assert_eq!(kept(retention, &three()), [true, false, false]);
        let retention = Retention {
            last: Some(0),
            ..Retention::default()
        };
        assert_eq!(kept(retention, &three()), [true, false, false]);
    }

    #[test]
    fn one_rule_that_keeps_is_enough() {
        let retention = Retention {
            last: Some(1),
            within: Some(DAY * 200),
            unverified_for: None,
        };
        assert_eq!(kept(retention, &three()), [true, true, false]);
    }

    #[test]
    fn pins_win_over_rules() {
        let mut versions = three();
        versions[2].pinned = Some(now());
        let retention = Retention {
            last: Some(1),
            ..Retention::default()
        };
        assert_eq!(kept(retention, &versions), [true, false, true]);
    }

    #[test]
    fn what_waits_is_no_version_to_be_counted_and_goes_by_its_own_rule() {
        let mut versions = three();
        let mut waiting = version(1, 50, false);
        waiting.verified = None;
        versions.insert(0, waiting);
        let last = Retention {
            last: Some(1),
            ..Retention::default()
        };
        assert_eq!(kept(last, &versions), [true, true, false, false]);
        let old = Retention {
            unverified_for: Some(DAY * 49),
            ..Retention::default()
        };
        assert_eq!(kept(old, &versions), [false, true, true, true]);
        let young = Retention {
            unverified_for: Some(DAY * 50),
            ..Retention::default()
        };
        assert_eq!(kept(young, &versions), [true; 4]);
    }
}
