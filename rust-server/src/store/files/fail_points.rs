//! The real files, with a fail point before and after each operation.
//!
//! A point is named after the operation and the folder it works in, such as `link:versions`; what comes
//! after the operation is `link:versions:done`. The variable `FAILPOINTS` says what happens there, in the
//! syntax of the crate `fail`: `return(kill)` ends the process as SIGKILL does, `return(28)` is an operation
//! that fails with that number of the system.

use std::io::{self, Write};
use std::path::Path;

use super::{Files, Kind, NewFile, RealFiles, Step};

/// The real files, with fail points.
pub(super) struct FailPoints(pub(super) RealFiles);

impl Files for FailPoints {
    fn create_dirs(&self, path: &Path) -> io::Result<()> {
        around("create_dirs", folder(path), || self.0.create_dirs(path))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        let file = around("create", area(path), || self.0.create(path))?;
        Ok(Box::new(FailPointFile(file)))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        around("link", area(to), || self.0.link(from, to))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        around("rename", area(to), || self.0.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        around("remove", area(path), || self.0.remove(path))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        around("sync_dir", folder(path), || self.0.sync_dir(path))
    }

    fn kind(&self, path: &Path) -> io::Result<Kind> {
        self.0.kind(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.0.list(path)
    }

    fn is_empty(&self, path: &Path) -> io::Result<bool> {
        self.0.is_empty(path)
    }

    fn step(&self, step: Step) -> io::Result<()> {
        point(match step {
            Step::Commit => "commit",
            Step::Committed => "commit:done",
        })
    }
}

struct FailPointFile(Box<dyn NewFile>);

impl NewFile for FailPointFile {
    fn sync(&self) -> io::Result<()> {
        around("sync", "incoming", || self.0.sync())
    }
}

impl Write for FailPointFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        around("write", "incoming", || self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn around<T>(operation: &str, place: &str, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let name = format!("{operation}:{place}");
    point(&name)?;
    let done = work()?;
    // What is done cannot fail any more, but it can be the last thing that is done.
    let _ = point(&format!("{name}:done"));
    Ok(done)
}

fn point(name: &str) -> io::Result<()> {
    fail::fail_point!(name, |action| {
        let action = action.unwrap_or_default();
        match action.parse() {
            Ok(number) => Err(io::Error::from_raw_os_error(number)),
            Err(_) => kill(),
        }
    });
    Ok(())
}

/// As `kill -9` does it: nothing is flushed, closed or told.
fn kill() -> io::Result<()> {
    use rustix::process::{Signal, getpid, kill_process};
    kill_process(getpid(), Signal::KILL)?;
    loop {
        std::thread::park();
    }
}

/// The folder of a file.
fn area(path: &Path) -> &'static str {
    path.parent().map_or("other", folder)
}

fn folder(path: &Path) -> &'static str {
    let name = |path: Option<&Path>| {
        path.and_then(Path::file_name)
            .and_then(|it| it.to_str().map(str::to_owned))
    };
    match name(Some(path)).as_deref() {
        Some("incoming") => "incoming",
        Some("versions") => "versions",
        Some("clients") => "clients",
        _ if name(path.parent()).as_deref() == Some("clients") => "client",
        _ => "other",
    }
}
