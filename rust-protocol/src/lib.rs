//! The backup protocol without sockets, files, clocks or threads.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::unwrap_used
    )
)]

pub mod cksum;
pub mod crypto;
pub mod dialect;
pub mod session;
pub mod wire;

pub use cksum::Cksum;
pub use dialect::Dialect;
pub use rsa::rand_core;
