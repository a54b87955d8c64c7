//! `NAME,modifier,...`: a dialect that differs from a named one in single parameters
//! (PROTOCOL.md 10.2).

use std::{fmt, io};

use super::parameters::Parameters;
use super::value::Value;
use super::{Dialect, DialectError};

/// A parameter that a modifier sets, and how the command line writes it.
#[derive(Clone, Copy)]
pub struct Modifier {
    /// What stands before the `=`.
    pub key: &'static str,
    /// The parameter as dialect files call it.
    pub parameter: &'static str,
    set: fn(&mut Parameters, &str) -> bool,
    show: fn(&Parameters) -> String,
    possible: fn() -> String,
    values: fn() -> Vec<String>,
}

impl Modifier {
    /// Every modifier, in the order of PROTOCOL.md 10.2.
    #[must_use]
    pub const fn all() -> &'static [Self] {
        MODIFIERS
    }

    /// The values that may stand after the `=`, for people.
    #[must_use]
    pub fn possible(&self) -> String {
        (self.possible)()
    }

    /// The values that may stand after the `=`, if they are few enough to be tried one by one.
    #[must_use]
    pub fn values(&self) -> Vec<String> {
        (self.values)()
    }

    /// The value that a dialect has, as it stands after the `=`.
    #[must_use]
    pub fn value(&self, dialect: &Parameters) -> String {
        (self.show)(dialect)
    }
}

macro_rules! modifiers {
    ($($key:literal => $parameter:ident,)+) => {
        &[$(Modifier {
            key: $key,
            parameter: stringify!($parameter),
            set: |parameters, text| set(&mut parameters.$parameter, text),
            show: |parameters| parameters.$parameter.show(),
            possible: || possible(|parameters: &Parameters| &parameters.$parameter),
            values: || values(|parameters: &Parameters| &parameters.$parameter),
        }),+]
    };
}

const MODIFIERS: &[Modifier] = modifiers! {
    "order" => byte_order,
    "packet-order" => packet_byte_order,
    "align" => alignment,
    "name" => name_width,
    "size-width" => response_size_width,
    "size" => size_counts,
    "pad" => response_padding,
    "request-pad" => request_padding,
    "id" => client_id_in_payload,
    "refused" => refused_payload,
    "received" => file_received_fields,
    "echo" => echoed_size,
    "crc" => checksum,
    "crc-input" => checksum_input,
    "cksum-width" => cksum_width,
    "aes" => aes_key_size,
    "key" => public_key_sizes,
    "connection" => connection,
    "packets" => packets,
    "packet" => packet_size,
    "reconnect-key" => reconnect_key,
    "transmissions" => transmissions,
    "right" => after_right,
    "wrong" => after_wrong,
    "give-up" => after_give_up,
    "port" => default_port,
};

fn set<T: Value>(parameter: &mut T, text: &str) -> bool {
    let value = T::parse(text);
    let is_one = value.is_some();
    if let Some(value) = value {
        *parameter = value;
    }
    is_one
}

fn possible<T: Value>(_: fn(&Parameters) -> &T) -> String {
    T::possible()
}

fn values<T: Value>(_: fn(&Parameters) -> &T) -> Vec<String> {
    T::values()
}

impl Dialect {
    /// Reads `NAME` or `NAME,modifier,...`, such as `2023a,crc=zlib,pad=1024`.
    ///
    /// ```
    /// use backup_protocol::Dialect;
    ///
    /// let dialect = Dialect::parse("2023a,crc=zlib,pad=1024")?;
    /// assert_eq!(dialect.response_padding.bytes(), 1024);
    /// assert_eq!(dialect.to_string(), "2023a,pad=1024,crc=zlib");
    /// # Ok::<(), backup_protocol::dialect::DialectError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A name that is not built in, a modifier or value that does not exist, a combination that
    /// cannot be. Each says what is possible.
    pub fn parse(text: &str) -> Result<Self, DialectError> {
        Self::parse_or_load(text, |_| Err(io::ErrorKind::NotFound.into()))
    }

    /// As [`Dialect::parse`], but where no built-in name stands first, `load` is asked for the text of
    /// a dialect file of that path: `FILE` or `FILE,modifier,...`.
    ///
    /// # Errors
    ///
    /// As for [`Dialect::parse`] and [`Dialect::from_json`]. `NotFound` from `load` means that it is
    /// no path, but a name that does not exist.
    pub fn parse_or_load(
        text: &str,
        load: impl FnOnce(&str) -> io::Result<String>,
    ) -> Result<Self, DialectError> {
        let (name, modifiers) = text
            .split_once(',')
            .map_or((text, None), |(name, rest)| (name, Some(rest)));
        let dialect = match Self::named(name) {
            Some(dialect) => dialect,
            None => match load(name) {
                Ok(json) => Self::from_json(&json)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let name = name.to_owned();
                    return Err(DialectError::UnknownName { name });
                }
                Err(source) => {
                    let path = name.to_owned();
                    return Err(DialectError::Unreadable { path, source });
                }
            },
        };
        match modifiers {
            Some(modifiers) => dialect.modified(modifiers),
            None => Ok(dialect),
        }
    }

    /// This dialect with modifiers, `key=value` with commas between.
    ///
    /// # Errors
    ///
    /// A modifier or value that does not exist, a combination that cannot be.
    pub fn modified(&self, modifiers: &str) -> Result<Self, DialectError> {
        let mut parameters = Parameters::clone(self);
        for text in modifiers.split(',') {
            let (key, value) = text.split_once('=').unwrap_or((text, ""));
            let Some(modifier) = MODIFIERS.iter().find(|modifier| modifier.key == key) else {
                let modifier = text.to_owned();
                return Err(DialectError::UnknownModifier { modifier });
            };
            if !(modifier.set)(&mut parameters, value) {
                return Err(DialectError::UnknownValue {
                    key: modifier.key,
                    value: value.to_owned(),
                    possible: modifier.possible(),
                });
            }
        }
        Self::new(parameters)
    }
}

impl fmt::Display for Dialect {
    /// The name, and the modifiers that lead from the built-in dialect of that name to this one. A
    /// dialect that has its name from a file is shown by it alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        let built_in = Self::named(&self.name).filter(|built_in| {
            (built_in.request_codes, built_in.response_codes)
                == (self.request_codes, self.response_codes)
        });
        for modifier in MODIFIERS.iter().filter(|_| built_in.is_some()) {
            let value = modifier.value(self);
            if built_in
                .as_ref()
                .is_some_and(|it| modifier.value(it) != value)
            {
                write!(f, ",{}={value}", modifier.key)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Every single modifier that PROTOCOL.md 10.2 has, away from the value of `2024a`.
    pub(crate) const EACH: [&str; 38] = [
        "order=big",
        "packet-order=big",
        "align=natural",
        "name=256",
        "size-width=2",
        "size=message",
        "size=padded",
        "pad=1024",
        "pad=2048",
        "request-pad=1024",
        "id=yes",
        "refused=client-id",
        "received=client_id+file_name+cksum",
        "received=content_size+file_name+cksum",
        "echo=plain",
        "crc=zlib",
        "crc=crc8",
        "crc-input=padded",
        "crc-input=content",
        "cksum-width=16",
        "aes=16",
        "key=160+162",
        "connection=request",
        "packets=no",
        "packet=1024",
        "reconnect-key=same",
        "transmissions=1",
        "transmissions=255",
        "right=none",
        "right=close",
        "right=refused+close",
        "wrong=acknowledged",
        "wrong=general-error",
        "wrong=close",
        "give-up=acknowledged",
        "give-up=acknowledged-with-id+close",
        "port=1",
        "port=65535",
    ];

    #[test]
    fn every_modifier_changes_its_parameter_and_is_shown_as_it_was_written() {
        let plain = Dialect::parse("2024a").unwrap();
        for modifier in EACH {
            let text = format!("2024a,{modifier}");
            let dialect = Dialect::parse(&text).unwrap();
            assert_ne!(dialect, plain, "{text}");
            assert_eq!(dialect.to_string(), text);
        }
        let keys = EACH.map(|modifier| modifier.split_once('=').unwrap().0);
        for modifier in Modifier::all() {
            assert!(keys.contains(&modifier.key), "{}", modifier.key);
        }
    }

    #[test]
    fn names_are_shown_as_they_are() {
        for name in Dialect::names() {
            assert_eq!(Dialect::parse(name).unwrap().to_string(), name);
        }
    }

    #[test]
    fn the_last_of_two_modifiers_of_one_parameter_counts() {
        let dialect = Dialect::parse("seed,crc=zlib,crc=crc8,right=none+close").unwrap();
        assert_eq!(dialect.to_string(), "seed,crc=crc8");
    }

    #[test]
    fn errors_list_what_is_possible() {
        for (text, expected) in [
            ("", "seed, readme, 2022c, 2023a, 2023c, 2024a, 2024c"),
            ("klingon", "seed, readme, 2022c, 2023a, 2023c, 2024a, 2024c"),
            ("seed,", "order=, packet-order=, align="),
            ("seed,crc", "posix, zlib, crc8"),
            ("seed,crc=", "posix, zlib, crc8"),
            ("seed,crc=md5", "posix, zlib, crc8"),
            ("seed,charset=utf8", "request-pad=, id="),
            ("seed,transmissions=0", "1 to 255"),
            ("seed,transmissions=+3", "1 to 255"),
            ("seed,port=65536", "1 to 65535"),
            ("2024a,packet=17", "multiple of 16"),
            ("seed,pad=512", "0, 1024, 2048"),
            ("seed,key=162", "160, 160+162"),
            ("seed,right=perhaps", "none, refused, acknowledged"),
            ("seed,packet=1024", "packets=yes"),
            ("seed,wrong=general-error", "general_error"),
        ] {
            let error = Dialect::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_file_can_be_named_and_modified() {
        let mut own = Parameters::clone(&Dialect::named("2023a").unwrap());
        own.name = "mine".to_owned();
        let json = serde_json::to_string(&own).unwrap();
        let load = |path: &str| match path {
            "dir/mine.json" => Ok(json.clone()),
            "secret" => Err(io::ErrorKind::PermissionDenied.into()),
            _ => Err(io::ErrorKind::NotFound.into()),
        };
        let dialect = Dialect::parse_or_load("dir/mine.json,aes=32", load).unwrap();
        assert_eq!(dialect.aes_key_size.bytes(), 32);
        assert_eq!(dialect.to_string(), "mine");
        let error = Dialect::parse_or_load("other.json", load).unwrap_err();
        assert!(matches!(error, DialectError::UnknownName { .. }));
        let error = Dialect::parse_or_load("secret", load).unwrap_err();
        assert!(matches!(error, DialectError::Unreadable { .. }));
        // A built-in name never reads a file.
        assert!(Dialect::parse_or_load("seed", |_| panic!("read")).is_ok());
    }
}
