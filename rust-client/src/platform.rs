//! What differs between Unix and the rest. Nothing else in the crate asks for the system.

use std::io;
use std::net::TcpStream;
use std::path::Path;

/// Creates a folder and its parents; on Unix the new ones have mode 0700.
pub(crate) fn create_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes a rename within `folder` durable, where a system has a way to.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    std::fs::File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Whether the peer has already sent something, or ended the stream, without waiting for it.
///
/// Elsewhere than on Unix the answer is always no, and an early refusal is noticed when a write fails.
pub(crate) fn has_answered(stream: &TcpStream) -> bool {
    #[cfg(unix)]
    {
        use rustix::net::{RecvFlags, recv};

        let mut byte = [0_u8; 1];
        !matches!(
            recv(stream, &mut byte[..], RecvFlags::PEEK | RecvFlags::DONTWAIT),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR)
        )
    }
    #[cfg(not(unix))]
    {
        let _ = stream;
        false
    }
}
