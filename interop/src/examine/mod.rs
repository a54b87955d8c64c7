//! The examination of one program, a server or a client, by cases.
//!
//! | module | what it knows |
//! |---|---|
//! | `cases` | the cases of every table, for lists and docs/CASES.md |
//! | `case`, `event` | what a case is; what happens in a run, for every report |
//! | `select`, `expected` | which cases run; which of them are known to fail |
//! | `run` | running a table of cases on a bench, whatever is on it |
//! | `finding` | the judge's findings as events, with the bytes they are about |
//! | `options`, `folder` | what all examinations are told; where their logs go |
//! | `subject` | the server under examination, as a program that is started and stopped |
//! | `server` | the cases of a server, and the scripted client that asks them |

pub(crate) mod case;
pub(crate) mod cases;
pub(crate) mod client;
pub(crate) mod event;
pub(crate) mod expected;
pub(crate) mod finding;
pub(crate) mod folder;
pub(crate) mod options;
pub(crate) mod run;
pub(crate) mod select;
pub(crate) mod server;
pub(crate) mod subject;
