//! Dialects as files and as text, and what was learned of a client.
#![no_main]

use backup_protocol::Dialect;
use backup_protocol::session::server::Learned;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(dialect) = Dialect::from_json(text) {
        let again = Dialect::from_json(&dialect.to_json()).expect("as written");
        assert_eq!(again, dialect);
    }
    let _ = Dialect::parse_or_load(text, |_| Err(std::io::ErrorKind::NotFound.into()));
    if let Some(learned) = Learned::from_json(text) {
        assert!(Learned::from_json(&learned.to_json()).is_some());
    }
});
