//! Files of every kind of size (PROTOCOL.md 4.3): around a block, around buffers, and large.

use crate::cell::{Cell, Outcome, Send, Step};
use crate::scenarios::{FIRST, Place, Scenario, always, bytes};

macro_rules! size {
    ($id:literal, $title:literal, $size:expr, $patience:literal, $place:ident) => {
        Scenario {
            id: concat!("matrix/", $id),
            section: "4.3",
            title: $title,
            needs: &[],
            patience: $patience,
            place: Place::$place,
            applies: always,
            run: |cell| backup(cell, concat!($id, ".bin"), $size),
        }
    };
}

pub(super) const SCENARIOS: &[Scenario] = &[
    size!(
        "empty-file",
        "a file of 0 bytes: one block of padding",
        0,
        1,
        Core
    ),
    size!("size-1", "a file of 1 byte", 1, 1, Core),
    size!(
        "size-15",
        "a file of 15 bytes: one byte of padding",
        15,
        1,
        Full
    ),
    size!(
        "size-16",
        "a file of 16 bytes: a whole block of padding",
        16,
        1,
        Core
    ),
    size!("size-17", "a file of 17 bytes", 17, 1, Full),
    size!("size-1-mib", "a file of 1 MiB", 1 << 20, 1, Core),
    size!("size-64-mib", "a file of 64 MiB", 64 << 20, 5, Full),
];

fn backup(cell: &mut Cell, name: &str, size: usize) -> Step {
    let file = cell.file(name, &bytes(size, size as u64))?;
    cell.serve()?;
    let client = cell.client("sizes")?;
    let run = cell.send(client, Send::of([&file]), Outcome::Done)?;
    cell.expect_course(run, &FIRST)?;
    cell.expect_stored(&file)
}
