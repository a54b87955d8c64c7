//! The server's data folder, searched by content: a server may call its files what it likes
//! (PROTOCOL.md 7.1).

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

/// SHA-256 and size of a content.
pub(crate) type Content = ([u8; 32], u64);

/// What lies in a data folder at one moment.
pub(crate) struct Store {
    files: Vec<(u64, PathBuf)>,
}

impl Store {
    /// Lists a folder and all below it. Symbolic links are not followed.
    pub(crate) fn read(folder: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                // A server that still runs may remove a temporary file while it is looked at.
                let Ok(data) = entry.metadata() else { continue };
                if data.is_dir() {
                    folders.push(entry.path());
                } else if data.is_file() {
                    files.push((data.len(), entry.path()));
                }
            }
        }
        Ok(Self { files })
    }

    /// Whether a file has exactly this content. An empty content is searched by its name as well:
    /// any program has empty files.
    pub(crate) fn holds(&self, content: &Content, base_name: &str) -> bool {
        let (digest, size) = content;
        self.files
            .iter()
            .filter(|(found, _)| found == size)
            .any(|(_, path)| {
                if *size == 0 {
                    return path
                        .file_name()
                        .is_some_and(|name| name.to_str() == Some(base_name));
                }
                digest_of(path).is_ok_and(|found| found == *digest)
            })
    }
}

/// The content of a file.
pub(crate) fn content_of(path: &Path) -> io::Result<Content> {
    Ok((digest_of(path)?, fs::metadata(path)?.len()))
}

/// What `cksum` of the system says of a file.
pub(crate) fn cksum_program(path: &Path) -> Result<u32, String> {
    let input = File::open(path).map_err(|e| e.to_string())?;
    let output = Command::new("cksum")
        .stdin(Stdio::from(input))
        .output()
        .map_err(|e| format!("cksum: {e}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let number = said.split_whitespace().next().unwrap_or_default();
    number.parse().map_err(|_| format!("cksum said {said:?}"))
}

fn digest_of(path: &Path) -> io::Result<[u8; 32]> {
    use io::Read;
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let size = file.read(&mut buffer)?;
        if size == 0 {
            return Ok(digest.finalize().into());
        }
        digest.update(buffer.get(..size).unwrap_or_default());
    }
}

/// What follows the last separator of a file name as sent (7.4).
pub(crate) fn base_name(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_content_under_any_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let below = folder.path().join("a/b");
        fs::create_dir_all(&below).expect("made");
        fs::write(below.join("x"), b"content").expect("written");
        fs::write(below.join("lock"), b"").expect("written");
        let store = Store::read(folder.path()).expect("read");
        let of = |bytes: &[u8]| (Sha256::digest(bytes).into(), bytes.len() as u64);
        assert!(store.holds(&of(b"content"), "other"));
        assert!(!store.holds(&of(b"CONTENT"), "x"));
        assert!(!store.holds(&of(b"conten"), "x"));
        assert!(!store.holds(&of(b""), "empty"));
        fs::write(below.join("empty"), b"").expect("written");
        let store = Store::read(folder.path()).expect("read");
        assert!(store.holds(&of(b""), "empty"));
    }

    #[test]
    fn a_base_name_follows_either_separator() {
        assert_eq!(base_name("C:\\a\\b.txt"), "b.txt");
        assert_eq!(base_name("/a/b.txt"), "b.txt");
        assert_eq!(base_name("b.txt"), "b.txt");
    }
}
