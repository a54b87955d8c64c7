//! The info file of the played client (PROTOCOL.md 8.3, 8.4).

use std::fs;
use std::io;

use crate::info_file::InfoFile;
use crate::play::client::{Client, Fault, new_pair};

impl Client {
    /// The identity in its folder.
    pub(super) fn known(&self) -> Option<InfoFile> {
        let folder = &self.job.identity;
        if self.is(Fault::ForgetsItself) {
            return None;
        }
        let path = InfoFile::find(folder)?;
        let text = fs::read_to_string(&path).ok()?;
        let unread = match self.job.fault {
            Some(Fault::MeInfoOnly) => !path.ends_with("me.info"),
            Some(Fault::InfoLfOnly) => text.contains('\r'),
            Some(Fault::KeyOnOneLine) => text.lines().count() > 3,
            Some(Fault::NoKeyOnOneLine) => text.lines().count() == 3,
            _ => false,
        };
        if unread {
            return None;
        }
        InfoFile::read(folder).ok().or_else(|| {
            let key = fs::read_to_string(folder.join("priv.key")).ok();
            let key = key.filter(|_| !self.is(Fault::NoPrivKey))?;
            InfoFile::parse(&format!("{}\n{key}", text.trim_end())).ok()
        })
    }

    /// Keeps an identity.
    pub(super) fn keep(&self, info: &InfoFile) -> io::Result<()> {
        let folder = &self.job.identity;
        let mut kept = info.clone();
        if self.is(Fault::OtherKey) {
            kept.keys = new_pair(Some(&info.keys)).map_err(io::Error::other)?;
        }
        match self.is(Fault::NoKeyOnOneLine) {
            // It can read what it wrote itself.
            true => kept.write_wrapped(folder),
            false => kept.write_plain(folder),
        }
        .map_err(io::Error::other)?;
        if self.is(Fault::OpenInfo) {
            use std::os::unix::fs::PermissionsExt;
            let open = fs::Permissions::from_mode(0o644);
            fs::set_permissions(folder.join("me.info"), open)?;
        }
        Ok(())
    }
}
