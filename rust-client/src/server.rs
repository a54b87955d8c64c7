//! `host:port`, the address of a server as people write it.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A host name or address and a port. IPv6 addresses stand in brackets: `[::1]:1234`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerAddress {
    host: String,
    port: u16,
}

/// Text that is not `host:port`.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerAddressError {
    /// No colon, no host before it, or an IPv6 address without brackets.
    #[error("{0:?} is not host:port")]
    Form(String),
    /// The port is not a number from 1 to 65535.
    #[error("{0:?} is not a port (1 to 65535)")]
    Port(String),
}

impl ServerAddress {
    /// The host without brackets, as a resolver wants it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, never 0.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for ServerAddress {
    type Err = ServerAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || ServerAddressError::Form(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(form)?;
        let host = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']').ok_or_else(form)?,
            None if host.contains(':') => return Err(form()),
            None => host,
        };
        if host.is_empty() || host.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(form());
        }
        match port.parse() {
            Ok(port) if port != 0 => Ok(Self {
                host: host.to_owned(),
                port,
            }),
            _ => Err(ServerAddressError::Port(port.to_owned())),
        }
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn shows_an_address_as_it_was_written() {
        for text in [
            "localhost:1234",
            "127.0.0.1:1",
            "[::1]:65535",
            "a-b.example:80",
        ] {
            assert_eq!(text.parse::<ServerAddress>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn refuses_what_cannot_be_connected_to() {
        for text in ["", "localhost", ":1234", "::1:1234", "[::1:1234", "a b:1"] {
            assert!(matches!(
                text.parse::<ServerAddress>(),
                Err(ServerAddressError::Form(_))
            ));
        }
        for text in ["h:", "h:0", "h:65536", "h:-1", "h:12x"] {
            assert!(matches!(
                text.parse::<ServerAddress>(),
                Err(ServerAddressError::Port(_))
            ));
        }
    }
}
