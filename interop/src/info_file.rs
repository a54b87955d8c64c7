//! The info file of a client (PROTOCOL.md 8.3): name, client ID, private key. The examiner reads it
//! to look into the traffic, and writes it where a scenario is about how clients read it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::frame::Id;
use crate::oracle::KeyPair;

/// The names under which programs of the family keep it.
const NAMES: [&str; 2] = ["me.info", "Me.info"];
/// How many characters of the key a wrapped file has in a line.
const WRAPPED_AT: usize = 72;

/// A client's identity, as it lies in its folder.
#[derive(Clone)]
pub(crate) struct InfoFile {
    pub(crate) name: String,
    /// `None` before registration, where the client writes its key before it has an ID.
    pub(crate) id: Option<Id>,
    pub(crate) keys: KeyPair,
}

impl InfoFile {
    /// The path of the info file in this folder, if there is one.
    pub(crate) fn find(folder: &Path) -> Option<PathBuf> {
        NAMES
            .iter()
            .map(|name| folder.join(name))
            .find(|path| path.is_file())
    }

    /// Reads the info file of this folder.
    pub(crate) fn read(folder: &Path) -> Result<Self, String> {
        let path = Self::find(folder).ok_or("there is no me.info")?;
        let text = fs::read_to_string(&path).map_err(|e| e.to_string())?;
        Self::parse(&text)
    }

    /// Reads the text of an info file.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().map(str::trim_end);
        let name = lines.next().ok_or("it is empty")?.to_owned();
        let id = parse_id(lines.next().unwrap_or_default());
        let key: String = lines.flat_map(str::split_whitespace).collect();
        let der = STANDARD
            .decode(&key)
            .map_err(|e| format!("the key is not base64: {e}"))?;
        let keys = KeyPair::from_pkcs8(&der)?;
        Ok(Self { name, id, keys })
    }

    /// Replaces the info file of this folder by one as the programs write it (3.1): under the name
    /// `Me.info`, with CRLF and the key on many lines.
    pub(crate) fn write_wrapped(&self, folder: &Path) -> Result<(), String> {
        self.write_as(folder, "Me.info", "\r\n", WRAPPED_AT)
    }

    /// Replaces the info file of this folder.
    pub(crate) fn write_plain(&self, folder: &Path) -> Result<(), String> {
        self.write_as(folder, "me.info", "\n", usize::MAX)
    }

    /// Replaces the info file of this folder by one of this name, with lines that end so and at most so many
    /// characters of the key in one of them.
    pub(crate) fn write_as(
        &self,
        folder: &Path,
        name: &str,
        end: &str,
        width: usize,
    ) -> Result<(), String> {
        let key = STANDARD.encode(self.keys.to_pkcs8()?);
        let mut lines = vec![
            self.name.clone(),
            self.id.map(|id| hex(&id)).unwrap_or_default(),
        ];
        let characters: Vec<char> = key.chars().collect();
        lines.extend(
            characters
                .chunks(width.min(key.len()))
                .map(|line| line.iter().collect()),
        );
        let mut text = lines.join(end);
        text.push_str(end);
        for name in NAMES {
            remove(&folder.join(name)).map_err(|e| e.to_string())?;
        }
        write_secret(&folder.join(name), &text).map_err(|e| e.to_string())
    }
}

/// Gives it mode 0600, as 8.3 asks of a writer.
fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn parse_id(text: &str) -> Option<Id> {
    if text.len() != 32 || !text.is_ascii() {
        return None;
    }
    let mut id = [0; 16];
    for (at, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(id)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_wrote_in_both_forms() {
        let folder = tempfile::tempdir().expect("a folder");
        let info = InfoFile {
            name: "alice".into(),
            id: Some([0xab; 16]),
            keys: KeyPair::generate().expect("a pair"),
        };
        for wrapped in [false, true] {
            let path = folder.path();
            let written = if wrapped {
                info.write_wrapped(path)
            } else {
                info.write_plain(path)
            };
            written.expect("written");
            assert_eq!(fs::read_dir(path).expect("a folder").count(), 1);
            let text = fs::read_to_string(InfoFile::find(path).expect("there")).expect("read");
            assert_eq!(text.contains("\r\n"), wrapped);
            assert_eq!(text.lines().count() > 3, wrapped);
            let read = InfoFile::read(path).expect("readable");
            assert_eq!(read.name, info.name);
            assert_eq!(read.id, info.id);
            assert_eq!(read.keys.public_der(), info.keys.public_der());
        }
    }

    #[test]
    fn a_file_without_an_id_still_has_its_key() {
        let pair = KeyPair::generate().expect("a pair");
        let key = STANDARD.encode(pair.to_pkcs8().expect("der"));
        let info = InfoFile::parse(&format!("alice\n\n{key}")).expect("readable");
        assert_eq!(info.id, None);
        assert_eq!(info.keys.public_der(), pair.public_der());
    }
}
