//! What clients were told, compared with what the data folder has.
//!
//! Told is 2103 for content. For a verdict it is the acknowledgement, the end of the stream that the dialect
//! defines (seen while the server was certainly alive), or an answer to a later request on the connection.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use crate::campaign::Figures;

/// How far a client got with one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    None,
    /// It sent that the cksum is right, and heard nothing after it.
    RightSent,
    RightTold,
    /// It sent 1105 or 1106.
    WrongSent,
    WrongTold,
}

/// One upload of one file.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) client: String,
    pub(crate) file: String,
    pub(crate) digest: [u8; 32],
    /// 2103 came.
    pub(crate) received: bool,
    pub(crate) verdict: Verdict,
}

/// All uploads of all clients. Those of one file are in their order: each has one client, and a client
/// one connection.
#[derive(Default)]
pub(crate) struct Model {
    uploads: Vec<Upload>,
}

impl Model {
    /// Content is about to be sent; the number of the upload.
    pub(crate) fn send(&mut self, client: &str, file: &str, plain: &[u8]) -> usize {
        self.uploads.push(Upload {
            client: client.to_owned(),
            file: file.to_owned(),
            digest: Sha256::digest(plain).into(),
            received: false,
            verdict: Verdict::None,
        });
        self.uploads.len() - 1
    }

    pub(crate) fn received(&mut self, number: usize) {
        self.uploads[number].received = true;
    }

    pub(crate) fn judge(&mut self, number: usize, verdict: Verdict) {
        self.uploads[number].verdict = verdict;
    }

    /// Panics where the folder has not what clients were told, or has what nobody sent.
    pub(crate) fn compare(&self, data: &Path, figures: &mut Figures, when: &str) {
        let stored = stored(data);
        let mut by_digest = HashMap::new();
        for row in &stored {
            by_digest.insert(row.digest, row);
        }
        for row in &stored {
            let sent = self.uploads.iter().any(|it| {
                it.digest == row.digest && it.client == row.client && it.file == row.file
            });
            if !sent {
                figures.mixed(&format!(
                    "{when}: {} of {} is nobody's upload",
                    row.file, row.client
                ));
            }
        }
        // From the newest: whether a newer one of the same file may have ended it.
        let mut ended: HashMap<(&str, &str), bool> = HashMap::new();
        for (number, upload) in self.uploads.iter().enumerate().rev() {
            let key = (upload.client.as_str(), upload.file.as_str());
            let what = || format!("{when}: upload {number}, {upload:?}");
            let row = by_digest.get(&upload.digest);
            let verified = row.is_some_and(|row| row.verified);
            let is_ended = ended.get(&key).copied().unwrap_or_default();
            match upload.verdict {
                Verdict::RightTold => {
                    figures.checked += 1;
                    if !verified {
                        figures.lost(&what());
                    }
                }
                Verdict::None | Verdict::RightSent if upload.received && !is_ended => {
                    figures.waiting += 1;
                    if row.is_none() {
                        figures.lost(&what());
                    }
                }
                Verdict::WrongTold if row.is_some() => figures.mixed(&what()),
                _ => {}
            }
            if verified && !matches!(upload.verdict, Verdict::RightSent | Verdict::RightTold) {
                figures.mixed(&what());
            }
            if matches!(upload.verdict, Verdict::RightSent | Verdict::RightTold) {
                ended.insert(key, true);
            }
        }
        let mut newest = BTreeMap::new();
        for row in stored.iter().filter(|row| row.verified) {
            newest.insert(&row.shown_as, row.digest);
        }
        for (shown_as, digest) in newest {
            let shown = fs::read(shown_as).map(|it| Sha256::digest(it).into());
            if shown.ok() != Some(digest) {
                figures.mixed(&format!(
                    "{when}: {} shows something else",
                    shown_as.display()
                ));
            }
        }
        let left = fs::read_dir(data.join("incoming"))
            .expect("a folder")
            .count();
        assert_eq!(left, 0, "{when}: left over in incoming");
        let versions = fs::read_dir(data.join("versions"))
            .expect("a folder")
            .count();
        assert_eq!(versions, stored.len(), "{when}: content without a row");
    }
}

struct Stored {
    client: String,
    file: String,
    digest: [u8; 32],
    verified: bool,
    shown_as: PathBuf,
}

/// All versions, in the order they became durable.
fn stored(data: &Path) -> Vec<Stored> {
    let rows = Connection::open(data.join("backup.db")).expect("a database");
    let mut select = rows
        .prepare(
            "SELECT clients.name, files.name, stored_as, verified_at IS NOT NULL, label, path
             FROM versions JOIN files ON file = files.number JOIN clients ON client = clients.number
             ORDER BY versions.number",
        )
        .expect("our tables");
    let stored = select.query_map([], |row| {
        let (stored_as, label, path): (String, String, String) =
            (row.get(2)?, row.get(4)?, row.get(5)?);
        // A row without content is as bad as one with another content.
        let content = fs::read(data.join("versions").join(stored_as)).unwrap_or_default();
        Ok(Stored {
            client: row.get(0)?,
            file: row.get(1)?,
            digest: Sha256::digest(content).into(),
            verified: row.get(3)?,
            shown_as: data.join("clients").join(label).join(path),
        })
    });
    stored
        .expect("rows")
        .map(|row| row.expect("a row"))
        .collect()
}
