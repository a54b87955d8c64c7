//! Takes in every dialect of `vectors/dialects`, so that a further one costs no line of code.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    let folder = fs::canonicalize(Path::new(&root).join("../vectors/dialects"))?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let order = fs::read_to_string(folder.join("order.txt"))?;
    let order: Vec<_> = order.lines().collect();
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    // A dialect that order.txt leaves out comes after those that it names.
    files.sort_by_key(|path| {
        let name = path.file_stem().unwrap_or_default().to_owned();
        let at = order.iter().position(|line| *line == name.as_os_str());
        (at.unwrap_or(usize::MAX), name)
    });
    let mut code = String::from("&[\n");
    for path in files {
        println!("cargo::rerun-if-changed={}", path.display());
        let _ = writeln!(code, "    include_str!({:?}),", path.display().to_string());
    }
    code.push(']');
    fs::write(Path::new(&out).join("dialects.rs"), code)
}
