//! The two sides of a conversation as state machines: event in, action out.
//!
//! A session decides everything that PROTOCOL.md decides and does nothing itself. Its owner carries
//! out each [`server::Action`] or [`client::Action`] and reports back with an event; the session then
//! says what is next. There is always exactly one action under way, so that a loop of `match` on the
//! action is a whole server or client, over `std::net`, an async runtime, or two vectors in a test.
//!
//! Deadlines are the owner's: a session has no clock.

pub mod client;
mod refusal;
pub mod server;

pub use client::{ClientError, ClientOptions, ClientSession, PeerError};
pub use refusal::Refusal;
pub use server::ServerSession;
