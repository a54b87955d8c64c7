//! The proxy between any two programs: shows what they say while they say it.
//!
//! With no knob on it is the tap of the matrix, and not one byte is changed, held back or joined with another.

mod capture;
mod change;
mod decode;
#[cfg(test)]
mod tests;

pub(crate) use capture::Capture;
pub(crate) use change::{Change, Changes, script};
pub(crate) use decode::Watch;
