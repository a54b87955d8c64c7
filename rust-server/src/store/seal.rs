//! The AES keys of clients, as they lie in the database: encrypted under the key of a file.
//!
//! Whoever gets hold of the database alone, from a copy of it or from a disk, learns no key. What is lost
//! with the file is little: a client whose key cannot be opened exchanges keys once more.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use backup_protocol::crypto::AesKey;
use backup_protocol::wire::ClientId;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use rusqlite::Connection;
use tracing::{info, warn};
use zeroize::Zeroizing;

use super::StoreError;
use super::layout::failed;
use crate::platform;

/// Bytes of the key in the file.
const KEY_SIZE: usize = 32;

/// Name of the file, unless the operator has put it elsewhere.
const FILE: &str = "seal.key";

/// Seals keys for the database, and opens them again.
pub(super) struct Seal(LessSafeKey);

/// Where the key file of a store is.
pub(super) fn path(root: &Path, chosen: Option<&Path>) -> PathBuf {
    chosen.map_or_else(|| root.join(FILE), Path::to_owned)
}

impl Seal {
    /// Reads the key file, or makes one that is durable before anything is sealed with it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the file cannot be read or made, or is none.
    pub(super) fn open_or_create(path: &Path) -> Result<Self, StoreError> {
        match Self::read(path) {
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                create(path).map_err(failed("create", path))?;
                info!(path = %path.display(), "made a key file");
                Self::read(path)
            }
            read => read,
        }
    }

    /// Reads the key file.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the file cannot be read, or is none.
    pub(super) fn read(path: &Path) -> Result<Self, StoreError> {
        let bytes = Zeroizing::new(fs::read(path).map_err(failed("read", path))?);
        let not_a_key = || StoreError::KeyFile {
            path: path.to_owned(),
            size: bytes.len(),
        };
        let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| not_a_key())?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Nonce of 12 bytes, the key encrypted, tag of 16 bytes. It opens for this client alone.
    pub(super) fn seal(&self, client: ClientId, key: &AesKey) -> Result<Vec<u8>, StoreError> {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut sealed = nonce.to_vec();
        sealed.extend_from_slice(key.as_bytes());
        let aad = Aad::from(client.as_bytes());
        let tag = self
            .0
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                aad,
                sealed.get_mut(NONCE_LEN..).unwrap_or_default(),
            )
            .map_err(|_| StoreError::Sealing)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// The key, unless it was sealed for another client or with another file.
    pub(super) fn open(&self, client: ClientId, sealed: &[u8]) -> Option<AesKey> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut opened = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let aad = Aad::from(client.as_bytes());
        let key = self.0.open_in_place(nonce, aad, &mut opened).ok()?;
        AesKey::from_bytes(key).ok()
    }

    /// Seals the keys of a database from before there was a key file.
    pub(super) fn seal_all(&self, rows: &Connection) -> Result<(), StoreError> {
        let mut update = rows.prepare("UPDATE clients SET aes_key = ? WHERE id = ?")?;
        for (client, key) in stored(rows)? {
            let sealed = match AesKey::from_bytes(&key) {
                Ok(key) => Some(self.seal(client, &key)?),
                Err(_) => None,
            };
            update.execute(rusqlite::params![sealed, client.as_bytes()])?;
        }
        Ok(())
    }

    /// How many of the stored keys do not open.
    pub(super) fn unopened(&self, rows: &Connection) -> Result<usize, StoreError> {
        let all = stored(rows)?;
        let unopened = all
            .iter()
            .filter(|(client, sealed)| self.open(*client, sealed).is_none());
        Ok(unopened.count())
    }
}

type Stored = (ClientId, Zeroizing<Vec<u8>>);

/// The keys of all clients, as they are stored.
fn stored(rows: &Connection) -> Result<Vec<Stored>, StoreError> {
    let mut select = rows.prepare("SELECT id, aes_key FROM clients WHERE aes_key IS NOT NULL")?;
    let keys = select.query_map([], |row| {
        Ok((row.get::<_, [u8; 16]>(0)?, Zeroizing::new(row.get(1)?)))
    })?;
    let keys = keys.map(|key| key.map(|(id, key)| (ClientId::from_bytes(id), key)));
    Ok(keys.collect::<Result<_, _>>()?)
}

/// Whether any key is stored.
pub(super) fn is_needed(rows: &Connection) -> Result<bool, StoreError> {
    Ok(!stored(rows)?.is_empty())
}

/// Whole or not at all: half a key would be none.
fn create(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Its mode lets only the owner read it.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let key: Zeroizing<[u8; KEY_SIZE]> = Zeroizing::new(rand::random());
    file.write_all(&*key)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => platform::sync_dir(folder),
        // Somebody else was faster: that one is taken.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.error),
    }
}

/// Warns when the store is opened with another key file. One key tells: a start does not look at all
/// clients, `doctor` does.
pub(super) fn warn_if_unopened(
    seal: &Seal,
    rows: &Connection,
    path: &Path,
) -> Result<(), StoreError> {
    let mut select =
        rows.prepare("SELECT id, aes_key FROM clients WHERE aes_key IS NOT NULL LIMIT 1")?;
    let mut found = select.query([])?;
    let Some(row) = found.next()? else {
        return Ok(());
    };
    let client = ClientId::from_bytes(row.get(0)?);
    if seal.open(client, &row.get::<_, Vec<u8>>(1)?).is_none() {
        warn!(path = %path.display(),
            "AES keys were sealed with another key file: their clients will exchange keys once more");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> AesKey {
        AesKey::from_bytes(&[byte; 16]).expect("a key")
    }

    #[test]
    fn a_key_opens_for_its_client_and_with_its_file_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let seal = Seal::open_or_create(&folder.path().join("one")).expect("a seal");
        let other = Seal::open_or_create(&folder.path().join("two")).expect("a seal");
        let (alice, bob) = (ClientId::from_bytes([1; 16]), ClientId::from_bytes([2; 16]));
        for size in [16, 24, 32] {
            let key = AesKey::from_bytes(&vec![7; size]).expect("a key");
            let sealed = seal.seal(alice, &key).expect("sealed");
            assert_eq!(sealed.len(), 12 + size + 16);
            assert!(!sealed.windows(4).any(|bytes| bytes == [7; 4]));
            assert!(seal.open(alice, &sealed) == Some(key));
            assert!(seal.open(bob, &sealed).is_none());
            assert!(other.open(alice, &sealed).is_none());
            for end in 0..sealed.len() {
                assert!(seal.open(alice, &sealed[..end]).is_none());
            }
        }
        let twice = [key(1), key(1)].map(|key| seal.seal(alice, &key).expect("sealed"));
        assert_ne!(twice[0], twice[1], "a nonce was used twice");
    }

    #[test]
    fn a_file_is_made_once_for_the_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("seal.key");
        let first = Seal::open_or_create(&path).expect("a seal");
        let client = ClientId::from_bytes([1; 16]);
        let sealed = first.seal(client, &key(1)).expect("sealed");
        let again = Seal::open_or_create(&path).expect("the same");
        assert!(again.open(client, &sealed).is_some());
        assert_eq!(fs::read(&path).expect("there").len(), KEY_SIZE);
        assert_eq!(platform::mode_with(&path, 0o077).expect("a mode"), None);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn what_is_no_key_file_is_left_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("seal.key");
        for bytes in [&b""[..], b"short", &[0; 33]] {
            fs::write(&path, bytes).expect("written");
            let Err(error) = Seal::open_or_create(&path) else {
                panic!("{} bytes were taken", bytes.len());
            };
            assert!(matches!(error, StoreError::KeyFile { size, .. } if size == bytes.len()));
            assert_eq!(fs::read(&path).expect("there"), bytes);
        }
    }
}
