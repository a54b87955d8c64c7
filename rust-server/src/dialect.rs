//! Which dialects a server speaks.

use std::fmt;
use std::fs;

use backup_protocol::Dialect;
use backup_protocol::dialect::DialectError;
use backup_protocol::session::server::Auto;

/// What `--dialect` says.
#[derive(Debug, Clone)]
pub enum DialectChoice {
    /// All clients speak this one.
    Fixed(Dialect),
    /// What each client speaks is learned from its requests (PROTOCOL.md 10.10).
    Auto(Auto),
}

/// The word for learning dialects, in place of a name.
const AUTO: &str = "auto";

impl DialectChoice {
    /// Reads `NAME`, `FILE`, or either with modifiers; `auto`, or `auto` with bases, each of which may
    /// have modifiers: `auto,2023a,crc=zlib,2024a`.
    ///
    /// # Errors
    ///
    /// A name, file or modifier that does not exist, with the list of what is possible.
    pub fn parse(text: &str) -> Result<Self, DialectError> {
        let load = |path: &str| fs::read_to_string(path);
        let parts = match text.split_once(',') {
            Some((AUTO, rest)) => rest.split(',').collect(),
            _ if text == AUTO => Vec::new(),
            _ => return Dialect::parse_or_load(text, load).map(Self::Fixed),
        };
        let mut bases: Vec<String> = Vec::new();
        for part in parts {
            match bases.last_mut() {
                // A modifier is one of the base before it.
                Some(base) if part.contains('=') => {
                    base.push(',');
                    base.push_str(part);
                }
                _ => bases.push(part.to_owned()),
            }
        }
        let bases = bases.iter().map(|base| Dialect::parse_or_load(base, load));
        Ok(Self::Auto(Auto::new(bases.collect::<Result<_, _>>()?)))
    }

    /// The port when nothing names one.
    #[must_use]
    pub fn default_port(&self) -> u16 {
        match self {
            Self::Fixed(dialect) => dialect.default_port,
            Self::Auto(auto) => auto.first().default_port,
        }
    }
}

impl From<Dialect> for DialectChoice {
    fn from(dialect: Dialect) -> Self {
        Self::Fixed(dialect)
    }
}

impl fmt::Display for DialectChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(dialect) => dialect.fmt(f),
            Self::Auto(auto) => {
                f.write_str(AUTO)?;
                auto.bases()
                    .iter()
                    .try_for_each(|base| write!(f, ",{base}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        DialectChoice::parse(text).expect("a choice").to_string()
    }

    #[test]
    fn modifiers_belong_to_the_base_before_them() {
        for text in [
            "seed",
            "2023a,pad=1024,crc=zlib",
            "auto",
            "auto,seed",
            "auto,2023a,crc=zlib,2024a,aes=16,wrong=close",
        ] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, expected) in [
            ("klingon", "possible are seed, readme"),
            ("auto,klingon", "possible are seed, readme"),
            ("auto,", "possible are seed, readme"),
            ("auto,crc=zlib", "possible are seed, readme"),
            ("auto,seed,crc=md5", "possible are posix, zlib, crc8"),
            ("automatic", "possible are seed, readme"),
        ] {
            let error = DialectChoice::parse(text).expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
