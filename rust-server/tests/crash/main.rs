//! The crash campaign: real processes, real kills, a disk that is really full.
//!
//! `make crash` runs it. `KILLS` is the number of kills at random moments; each round beside them ends in a
//! kill at one named step of the store.

// The figures are for whoever runs the campaign.
#![allow(clippy::print_stdout)]

#[path = "../common/mod.rs"]
mod common;

mod campaign;
mod failing;
mod full_disk;
mod kills;
mod model;
mod workload;
