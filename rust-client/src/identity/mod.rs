//! The identity folder: who this client is, and what it learned of its server.
//!
//! | file | holds |
//! |---|---|
//! | `me.info` (or `Me.info`, if that was there) | name, client ID, private key: PROTOCOL.md 8.3 |
//! | `priv.key` | the private key, where `me.info` has none (8.4); read, never written |
//! | `client.json` | [`ServerRecord`] |
//! | `client.lock` | nothing; locked while a run uses the folder |
//!
//! `me.info` and `client.json` are replaced whole: written beside, synced, renamed. A run that is killed leaves the
//! old file or the new one.

mod me_info;

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use backup_protocol::crypto::KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use thiserror::Error;
use zeroize::Zeroizing;

pub use me_info::{MeInfo, MeInfoError, MeInfoProblem};

use crate::platform;

/// The file that holds the identity.
pub const ME_INFO: &str = "me.info";
/// The spelling that some clients of the family use.
const ME_INFO_OTHER: &str = "Me.info";
/// Where some clients of the family keep the key.
const PRIV_KEY: &str = "priv.key";
const CLIENT_JSON: &str = "client.json";
const LOCK: &str = "client.lock";
/// A `me.info` has about 1.2 KiB; what is far larger is something else, and is not read to its end.
const LARGEST: u64 = 64 * 1024;

/// A folder that holds one identity, locked against other runs for the life of the value.
#[derive(Debug)]
pub struct IdentityFolder {
    folder: PathBuf,
    me_info: PathBuf,
    lock: Option<File>,
}

/// `client.json`: what is known of the server, none of it secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerRecord {
    /// Of this file's form.
    pub version: u32,
    /// `host:port` of the server that gave the client ID.
    pub server: String,
    /// The dialect that the server was heard speaking, a name and modifiers (PROTOCOL.md 10.11).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<String>,
    /// Whether it was heard about a file: keys alone do not tell all dialects apart.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub about_a_file: bool,
}

const fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_yes(value: &bool) -> bool {
    *value
}

impl ServerRecord {
    /// The only form there is.
    pub const VERSION: u32 = 1;
}

/// Why an identity folder cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The system refuses.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// `read`, `write`, `create` or `lock`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another run holds the lock.
    #[error("the identity in {} is in use by another run", .0.display())]
    Locked(PathBuf),
    /// `me.info` is there and is not one.
    #[error(transparent)]
    MeInfo(#[from] MeInfoError),
    /// `client.json` is there and is not one.
    #[error("{} is not a client.json of version 1", .0.display())]
    Record(PathBuf),
    /// The folder belongs to a client of another name.
    #[error("the identity in {} is that of {found:?}, not of {wanted:?}", .folder.display())]
    OtherName {
        /// The folder.
        folder: PathBuf,
        /// The name in `me.info`.
        found: String,
        /// The name that was asked for.
        wanted: String,
    },
    /// The folder has no `me.info`.
    #[error("no identity in {}", .0.display())]
    None(PathBuf),
}

impl IdentityFolder {
    /// Opens the folder, creating it (mode 0700) if it is not there, and locks it.
    ///
    /// A folder that holds an identity and cannot be written to is used without a lock.
    ///
    /// # Errors
    /// [`IdentityError::Locked`] at once if another run has it; [`IdentityError::Io`].
    pub fn open(folder: &Path) -> Result<Self, IdentityError> {
        platform::create_private_folder(folder).map_err(io_error("create", folder))?;
        let me_info = me_info_path(folder);
        let lock = match lock(&folder.join(LOCK)) {
            Ok(file) => Some(file),
            Err(TryLockError::WouldBlock) => return Err(IdentityError::Locked(folder.to_owned())),
            Err(TryLockError::Error(error)) if is_read_only(&error) && me_info.exists() => None,
            Err(TryLockError::Error(error)) => {
                return Err(io_error("lock", &folder.join(LOCK))(error));
            }
        };
        Ok(Self {
            folder: folder.to_owned(),
            me_info,
            lock,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// The `me.info` in it, whether it is there or not.
    pub fn me_info_path(&self) -> &Path {
        &self.me_info
    }

    /// The identity, or `None` if the folder has no `me.info`.
    ///
    /// # Errors
    /// [`IdentityError::MeInfo`] names the line that is wrong; nothing is changed.
    pub fn load(&self) -> Result<Option<MeInfo>, IdentityError> {
        load_me_info(&self.me_info)
    }

    /// What is known of the server, or `None` if nothing was kept.
    ///
    /// # Errors
    /// [`IdentityError::Record`] if the file is damaged; it holds nothing that cannot be learned again.
    pub fn load_record(&self) -> Result<Option<ServerRecord>, IdentityError> {
        load_record(&self.folder)
    }

    /// Makes the place for a new `me.info`, so that a folder which cannot be written to is found out
    /// before a name is taken on the server: the ID comes but once (PROTOCOL.md 2.9).
    ///
    /// # Errors
    /// [`IdentityError::Io`].
    pub fn prepare(&self) -> Result<PendingMeInfo, IdentityError> {
        Ok(PendingMeInfo {
            file: Pending::create(&self.folder, &self.me_info)?,
        })
    }

    /// Replaces `client.json`.
    ///
    /// # Errors
    /// [`IdentityError::Io`].
    pub fn store_record(&self, record: &ServerRecord) -> Result<(), IdentityError> {
        let path = self.folder.join(CLIENT_JSON);
        let mut text = serde_json::to_string_pretty(record)
            .map_err(|error| io_error("write", &path)(error.into()))?;
        text.push('\n');
        Pending::create(&self.folder, &path)?.store(text.as_bytes())
    }
}

impl Drop for IdentityFolder {
    fn drop(&mut self) {
        // Closing the file would not do while a child that was forked meanwhile still has it.
        if let Some(lock) = &self.lock {
            let _ = lock.unlock();
        }
    }
}

/// Reads the identity of a folder without locking, creating or changing anything: `me.info`, and
/// what is known of the server.
///
/// # Errors
/// [`IdentityError::None`] if there is no `me.info`, else as [`IdentityFolder::load`]. A damaged
/// `client.json` is an error of its own, since little depends on it.
pub fn inspect(
    folder: &Path,
) -> Result<(MeInfo, Result<Option<ServerRecord>, IdentityError>), IdentityError> {
    let me_info = load_me_info(&me_info_path(folder))?
        .ok_or_else(|| IdentityError::None(folder.to_owned()))?;
    Ok((me_info, load_record(folder)))
}

/// SHA-256 of the public key of an identity, as it goes over the wire: `SHA256:` and base64 without
/// padding, in the manner of ssh.
///
/// # Errors
/// [`IdentityError::MeInfo`] if the private key is none.
pub fn key_fingerprint(folder: &Path, me_info: &MeInfo) -> Result<String, IdentityError> {
    Ok(fingerprint(&read_key(&me_info_path(folder), me_info)?))
}

pub(crate) fn fingerprint(key: &KeyPair) -> String {
    let digest = Sha256::digest(key.public_key().as_bytes());
    format!("SHA256:{}", STANDARD_NO_PAD.encode(digest))
}

pub(crate) fn read_key(path: &Path, me_info: &MeInfo) -> Result<KeyPair, IdentityError> {
    KeyPair::from_pkcs8_der(&me_info.private_key).map_err(|_| {
        let problem = MeInfoProblem::Key;
        MeInfoError {
            path: path.to_owned(),
            line: 3,
            problem,
        }
        .into()
    })
}

/// A `me.info` that is not there yet. Dropped, it leaves nothing.
#[derive(Debug)]
pub struct PendingMeInfo {
    file: Pending,
}

impl PendingMeInfo {
    /// Writes the file, mode 0600, syncs it and its folder, and gives it its name.
    ///
    /// # Errors
    /// [`IdentityError::Io`]; an older `me.info` is then as it was.
    pub fn store(self, me_info: &MeInfo) -> Result<(), IdentityError> {
        self.file.store(me_info.to_text().as_bytes())
    }
}

#[derive(Debug)]
struct Pending {
    file: NamedTempFile,
    folder: PathBuf,
    path: PathBuf,
}

impl Pending {
    fn create(folder: &Path, path: &Path) -> Result<Self, IdentityError> {
        // tempfile creates with mode 0600 and a name that nobody can guess.
        let file = NamedTempFile::with_prefix_in(".backup-client-", folder)
            .map_err(io_error("write", path))?;
        Ok(Self {
            file,
            folder: folder.to_owned(),
            path: path.to_owned(),
        })
    }

    fn store(mut self, bytes: &[u8]) -> Result<(), IdentityError> {
        self.file
            .write_all(bytes)
            .map_err(io_error("write", &self.path))?;
        self.file
            .as_file()
            .sync_all()
            .map_err(io_error("write", &self.path))?;
        self.file
            .persist(&self.path)
            .map_err(|e| io_error("write", &self.path)(e.error))?;
        platform::sync_folder(&self.folder).map_err(io_error("write", &self.folder))
    }
}

fn me_info_path(folder: &Path) -> PathBuf {
    let usual = folder.join(ME_INFO);
    let other = folder.join(ME_INFO_OTHER);
    if !usual.exists() && other.exists() {
        other
    } else {
        usual
    }
}

fn load_me_info(path: &Path) -> Result<Option<MeInfo>, IdentityError> {
    let Some(bytes) = read_small(path)? else {
        return Ok(None);
    };
    let priv_key = path.with_file_name(PRIV_KEY);
    let key = read_small(&priv_key)?;
    let key = key.as_ref().map(|key| (priv_key.as_path(), key.as_slice()));
    Ok(Some(MeInfo::parse(&bytes, path, key)?))
}

fn load_record(folder: &Path) -> Result<Option<ServerRecord>, IdentityError> {
    let path = folder.join(CLIENT_JSON);
    let Some(bytes) = read_small(&path)? else {
        return Ok(None);
    };
    match serde_json::from_slice::<ServerRecord>(&bytes) {
        Ok(record) if record.version == ServerRecord::VERSION => Ok(Some(record)),
        _ => Err(IdentityError::Record(path)),
    }
}

fn read_small(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, IdentityError> {
    use io::Read as _;

    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error("read", path)(error)),
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    file.take(LARGEST)
        .read_to_end(&mut bytes)
        .map_err(io_error("read", path))?;
    Ok(Some(bytes))
}

fn lock(path: &Path) -> Result<File, TryLockError> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(TryLockError::Error)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        // Some network file systems have no locks. The files are replaced whole all the same.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(file),
        Err(error) => Err(error),
    }
}

fn is_read_only(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied
    )
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> IdentityError {
    let path = path.to_owned();
    move |source| IdentityError::Io {
        action,
        path,
        source,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use backup_protocol::wire::{ClientId, Name};

    use super::*;

    fn me() -> MeInfo {
        MeInfo {
            name: Name::new("me").unwrap(),
            client_id: ClientId::from_bytes([7; 16]),
            private_key: Zeroizing::new(vec![1, 2, 3]),
        }
    }

    #[test]
    fn a_second_run_finds_the_folder_locked_until_the_first_ends() {
        let folder = tempfile::tempdir().unwrap();
        let first = IdentityFolder::open(folder.path()).unwrap();
        assert!(matches!(
            IdentityFolder::open(folder.path()),
            Err(IdentityError::Locked(_))
        ));
        drop(first);
        IdentityFolder::open(folder.path()).unwrap();
    }

    #[test]
    fn a_pending_me_info_that_is_dropped_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let identity = IdentityFolder::open(folder.path()).unwrap();
        drop(identity.prepare().unwrap());
        let left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(left, ["client.lock"]);
    }

    #[test]
    fn goes_on_with_the_spelling_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(ME_INFO_OTHER), me().to_text().as_bytes()).unwrap();
        let identity = IdentityFolder::open(folder.path()).unwrap();
        assert_eq!(identity.load().unwrap().unwrap().client_id, me().client_id);
        identity.prepare().unwrap().store(&me()).unwrap();
        assert!(identity.me_info_path().ends_with(ME_INFO_OTHER));
    }

    #[cfg(unix)]
    #[test]
    fn a_me_info_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        let identity = IdentityFolder::open(&inner).unwrap();
        identity.prepare().unwrap().store(&me()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(identity.me_info_path()), 0o600);
        assert_eq!(mode(&inner), 0o700);
    }

    #[test]
    fn keeps_what_it_learned_and_says_so_when_the_record_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let identity = IdentityFolder::open(folder.path()).unwrap();
        assert_eq!(identity.load_record().unwrap(), None);
        let record = ServerRecord {
            version: 1,
            server: "h:1".into(),
            dialect: Some("seed".into()),
            about_a_file: false,
        };
        identity.store_record(&record).unwrap();
        assert_eq!(identity.load_record().unwrap(), Some(record));
        fs::write(folder.path().join(CLIENT_JSON), "{\"version\": 2}").unwrap();
        assert!(matches!(
            identity.load_record(),
            Err(IdentityError::Record(_))
        ));
    }
}
