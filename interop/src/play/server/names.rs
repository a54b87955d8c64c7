//! Which names the played server takes (1.8, 7.4).

use crate::frame::{self, Frame};
use crate::message::Field;
use crate::play::server::{Fault, Server};
use crate::store::base_name;

/// What is wrong with a name field as such.
enum Wrong {
    Unterminated,
    Empty,
    NotUtf8,
}

/// The text of a name field, as well as it can be read, and what is wrong with it.
fn read(field: &[u8]) -> (String, Option<Wrong>) {
    let Some(text) = frame::name_text(field) else {
        return (
            String::from_utf8_lossy(field).into_owned(),
            Some(Wrong::Unterminated),
        );
    };
    match String::from_utf8(text.to_vec()) {
        Err(_) => (
            String::from_utf8_lossy(text).into_owned(),
            Some(Wrong::NotUtf8),
        ),
        Ok(text) if text.is_empty() => (text, Some(Wrong::Empty)),
        Ok(text) => (text, None),
    }
}

impl Server {
    /// The client name of a 1100.
    pub(super) fn new_name(&self, request: &Frame<'_>) -> Option<String> {
        let field = request.get(Field::ClientName);
        let (name, wrong) = read(field);
        let taken = match wrong {
            Some(Wrong::Unterminated) => self.is(Fault::TakesUnterminatedClientName),
            Some(Wrong::Empty) => self.is(Fault::TakesEmptyClientName),
            Some(Wrong::NotUtf8) => self.is(Fault::TakesClientNameNotUtf8),
            None if self.is(Fault::RefusesLongNames) => name.len() <= 100,
            None if self.is(Fault::AsciiClientNames) => name.is_ascii(),
            None => true,
        };
        if self.is(Fault::ReadsBehindTheNul) {
            return taken.then(|| String::from_utf8_lossy(field).into_owned());
        }
        taken.then_some(name)
    }

    /// The client name of a client that is known.
    pub(super) fn known_name(&self, request: &Frame<'_>) -> Option<String> {
        let field = request.get(Field::ClientName);
        let (name, wrong) = read(field);
        let uncleared = field.iter().skip(name.len()).any(|byte| *byte != 0);
        if uncleared && self.is(Fault::ComparesWholeNameField) {
            return None;
        }
        wrong.is_none().then_some(name)
    }

    /// The file name of a verdict.
    pub(super) fn judged_name(&self, request: &Frame<'_>) -> Option<String> {
        let (name, wrong) = read(request.get(Field::FileName));
        let lenient = self.is(Fault::RightWithUnterminatedName);
        (wrong.is_none() || lenient).then_some(name)
    }

    /// The file name of a 1103.
    pub(super) fn file_name(&self, request: &Frame<'_>) -> Option<String> {
        let (name, wrong) = read(request.get(Field::FileName));
        let base = base_name(&name);
        let device = |base: &str| {
            let stem = base.split('.').next().unwrap_or_default().to_uppercase();
            ["CON", "NUL", "LPT1"].contains(&stem.as_str())
        };
        let takes = match wrong {
            Some(Wrong::Unterminated) => self.is(Fault::TakesUnterminatedFileName),
            Some(Wrong::Empty) => self.is(Fault::TakesEmptyFileName),
            Some(Wrong::NotUtf8) => self.is(Fault::TakesFileNameNotUtf8),
            None if name == ".." => self.is(Fault::TakesDotDot),
            None if base == ".." => self.is(Fault::TakesDotDotBehindBackslash),
            None if base == "." => self.is(Fault::TakesDot),
            None if base.is_empty() => self.is(Fault::TakesFolder),
            None if name.chars().any(char::is_control) => self.is(Fault::TakesControlCharacters),
            None => match self.fault {
                Some(Fault::RefusesLongFileNames) => name.len() <= 100,
                Some(Fault::AsciiFileNames) => name.is_ascii(),
                Some(Fault::RefusesDevices) => !device(base),
                Some(Fault::RefusesShellCharacters) => !name.contains(['$', ';', '*', '\'']),
                _ => true,
            },
        };
        takes.then_some(name)
    }

    /// What 2103 repeats of a name.
    pub(super) fn echo(&self, name: &str, request: &Frame<'_>) -> Vec<u8> {
        match self.fault {
            Some(Fault::EchoesBaseName) if name.contains('/') => base_name(name).into(),
            Some(Fault::EchoesBehindBackslash) if name.contains('\\') => base_name(name).into(),
            Some(Fault::EchoesInCapitals) => name.to_ascii_uppercase().into(),
            Some(Fault::EchoesField) => request.get(Field::FileName).to_vec(),
            _ => name.into(),
        }
    }
}
