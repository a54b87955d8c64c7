//! The examination of one program, a server or a client, by cases.

pub(crate) mod case;
pub(crate) mod event;
