//! Where the peers, their programs and the output lie.

use std::path::{Path, PathBuf};

use crate::cli::Complaint;
use crate::peer::Places;

/// The folder of the peers: as told, or `interop/peers` above the working folder or this program.
pub(super) fn peers_folder(told: Option<&Path>) -> Result<PathBuf, Complaint> {
    if let Some(told) = told {
        return Ok(told.to_owned());
    }
    let starts = [std::env::current_dir().ok(), std::env::current_exe().ok()];
    starts
        .iter()
        .flatten()
        .flat_map(|start| start.ancestors())
        .map(|folder| folder.join("interop/peers"))
        .find(|folder| folder.is_dir())
        .ok_or_else(|| {
            Complaint::usage(
                "no interop/peers above the working folder or this program: use --peers",
            )
        })
}

pub(super) fn places(
    peers: &Path,
    bin: Option<PathBuf>,
    python: Option<PathBuf>,
) -> Result<Places, Complaint> {
    let beside = || Some(std::env::current_exe().ok()?.parent()?.to_owned());
    let bin = bin
        .or_else(beside)
        .ok_or_else(|| Complaint::ours("this program has no folder"))?;
    let python = python.unwrap_or_else(|| {
        let venv = peers.join("../../.venv/bin/python");
        // Not canonical: the path is what makes it the venv's Python.
        let absolute = std::path::absolute(&venv).unwrap_or(venv);
        if absolute.is_file() {
            absolute
        } else {
            "python3".into()
        }
    });
    Ok(Places {
        bin: std::path::absolute(bin).map_err(Complaint::ours)?,
        python,
    })
}

/// The folder to which the dialect files of matrix.toml are relative: `interop`, above the peers or
/// above this program.
pub(super) fn files_folder(peers: &Path) -> PathBuf {
    let above = std::env::current_exe().ok();
    let above = above.iter().flat_map(|program| program.ancestors());
    [peers.join("..")]
        .into_iter()
        .chain(above.map(|folder| folder.join("interop")))
        .find(|folder| folder.join("dialects").is_dir())
        .unwrap_or_else(|| peers.join(".."))
}

/// The `target` folder of the tree that the peers belong to.
pub(super) fn target_folder(peers: &Path) -> PathBuf {
    peers.join("../../target")
}
