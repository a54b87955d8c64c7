//! Files of every kind of size (PROTOCOL.md 4.3): around a block, around buffers, and large.

use crate::cell::{Cell, Outcome, Send, Step};
use crate::scenarios::{FIRST, Scenario, bytes};

macro_rules! size {
    ($id:literal, $title:literal, $size:expr, $patience:literal) => {
        Scenario {
            id: concat!("matrix/", $id),
            section: "4.3",
            title: $title,
            needs: &[],
            patience: $patience,
            run: |cell| backup(cell, concat!($id, ".bin"), $size),
        }
    };
}

pub(super) const SCENARIOS: &[Scenario] = &[
    size!(
        "empty-file",
        "a file of 0 bytes: one block of padding",
        0,
        1
    ),
    size!("size-1", "a file of 1 byte", 1, 1),
    size!("size-15", "a file of 15 bytes: one byte of padding", 15, 1),
    size!(
        "size-16",
        "a file of 16 bytes: a whole block of padding",
        16,
        1
    ),
    size!("size-17", "a file of 17 bytes", 17, 1),
    size!("size-1-mib", "a file of 1 MiB", 1 << 20, 1),
    size!("size-64-mib", "a file of 64 MiB", 64 << 20, 5),
];

fn backup(cell: &mut Cell, name: &str, size: usize) -> Step {
    let file = cell.file(name, &bytes(size, size as u64))?;
    cell.serve()?;
    let client = cell.client("sizes")?;
    let run = cell.send(client, Send::of([&file]), Outcome::Done)?;
    cell.expect_course(run, &FIRST)?;
    cell.expect_stored(&file)
}
