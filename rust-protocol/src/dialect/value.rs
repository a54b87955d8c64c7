//! How the values of parameters are written: in a dialect file, and after the `=` of a modifier.

use super::parameters::{After, FileReceivedFields, PacketSize, PublicKeySizes, VerdictAnswer};

/// A value that a modifier can set.
pub(super) trait Value: Sized {
    /// Reads what follows the `=`.
    fn parse(text: &str) -> Option<Self>;
    /// Writes it.
    fn show(&self) -> String;
    /// Every value there is, for people.
    fn possible() -> String;
    /// Every value there is, as it is written; none where they are too many to be tried.
    fn values() -> Vec<String> {
        Vec::new()
    }
}

/// An enum of words, which dialect files and modifiers write alike.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
        pub enum $name {
            $($(#[$value_doc])* #[serde(rename = $word)] $value,)+
        }

        impl $name {
            /// Every value there is.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];

            /// The word in dialect files and modifiers.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)+
                }
            }
        }

        impl $crate::dialect::value::Value for $name {
            fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.word() == text)
            }

            fn show(&self) -> String {
                self.word().to_owned()
            }

            fn possible() -> String {
                [$($word),+].join(", ")
            }

            fn values() -> Vec<String> {
                vec![$($word.to_owned()),+]
            }
        }
    };
}

/// An enum of numbers of bytes, which dialect files and modifiers write alike.
macro_rules! numbers {
    ($(#[$doc:meta])* $name:ident { $($value:ident = $bytes:literal),+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
        #[serde(try_from = "u16", into = "u16")]
        #[allow(missing_docs)]
        pub enum $name {
            $($value = $bytes),+
        }

        impl $name {
            /// Every value there is.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];

            /// The number of bytes.
            #[must_use]
            pub const fn bytes(self) -> usize {
                self as u16 as usize
            }
        }

        impl TryFrom<u16> for $name {
            type Error = String;

            fn try_from(bytes: u16) -> Result<Self, String> {
                match bytes {
                    $($bytes => Ok(Self::$value),)+
                    _ => Err(format!("{bytes} where {} is possible", [$(stringify!($bytes)),+].join(", "))),
                }
            }
        }

        impl From<$name> for u16 {
            fn from(value: $name) -> Self {
                value as Self
            }
        }

        impl $crate::dialect::value::Value for $name {
            fn parse(text: &str) -> Option<Self> {
                let same = |value: &Self| value.show() == text;
                Self::ALL.iter().copied().find(same)
            }

            fn show(&self) -> String {
                self.bytes().to_string()
            }

            fn possible() -> String {
                [$(stringify!($bytes)),+].join(", ")
            }

            fn values() -> Vec<String> {
                vec![$(stringify!($bytes).to_owned()),+]
            }
        }
    };
}

pub(super) use {numbers, words};

impl Value for bool {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        }
    }

    fn show(&self) -> String {
        if *self { "yes" } else { "no" }.to_owned()
    }

    fn possible() -> String {
        "yes, no".to_owned()
    }

    fn values() -> Vec<String> {
        vec!["yes".to_owned(), "no".to_owned()]
    }
}

impl Value for u8 {
    fn parse(text: &str) -> Option<Self> {
        number(text).filter(|&value| value != 0)
    }

    fn show(&self) -> String {
        self.to_string()
    }

    fn possible() -> String {
        "1 to 255".to_owned()
    }
}

impl Value for u16 {
    fn parse(text: &str) -> Option<Self> {
        number(text).filter(|&value| value != 0)
    }

    fn show(&self) -> String {
        self.to_string()
    }

    fn possible() -> String {
        "1 to 65535".to_owned()
    }
}

impl Value for PacketSize {
    fn parse(text: &str) -> Option<Self> {
        number(text).and_then(Self::new)
    }

    fn show(&self) -> String {
        self.bytes().to_string()
    }

    fn possible() -> String {
        "0, or a multiple of 16 up to 4294967280".to_owned()
    }
}

/// Digits alone: `+5` is no way to write a number here.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

impl Value for After {
    fn parse(text: &str) -> Option<Self> {
        let (answer, close) = match text.strip_suffix("+close") {
            Some(answer) => (answer, true),
            None if text == "close" => (VerdictAnswer::None.word(), true),
            None => (text, false),
        };
        let answer = VerdictAnswer::parse(answer)?;
        Some(Self { answer, close })
    }

    fn show(&self) -> String {
        match (self.answer, self.close) {
            (VerdictAnswer::None, true) => "close".to_owned(),
            (answer, true) => format!("{}+close", answer.word()),
            (answer, false) => answer.word().to_owned(),
        }
    }

    fn possible() -> String {
        format!("{}; each alone or with +close", VerdictAnswer::possible())
    }

    fn values() -> Vec<String> {
        let answers = VerdictAnswer::ALL.iter();
        let both = answers.flat_map(|&answer| [false, true].map(|close| Self { answer, close }));
        both.map(|after| after.show()).collect()
    }
}

impl FileReceivedFields {
    const ALL: [Self; 3] = [Self::All, Self::NoContentSize, Self::NoClientId];

    const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::All => &["client_id", "content_size", "file_name", "cksum"],
            Self::NoContentSize => &["client_id", "file_name", "cksum"],
            Self::NoClientId => &["content_size", "file_name", "cksum"],
        }
    }
}

impl Value for FileReceivedFields {
    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|value| value.show() == text)
    }

    fn show(&self) -> String {
        self.fields().join("+")
    }

    fn possible() -> String {
        Self::ALL.map(|value| value.show()).join(", ")
    }

    fn values() -> Vec<String> {
        Self::ALL.map(|value| value.show()).to_vec()
    }
}

impl TryFrom<Vec<String>> for FileReceivedFields {
    type Error = String;

    fn try_from(fields: Vec<String>) -> Result<Self, String> {
        Self::parse(&fields.join("+"))
            .ok_or_else(|| format!("fields that are none of {}", Self::possible()))
    }
}

impl From<FileReceivedFields> for Vec<String> {
    fn from(value: FileReceivedFields) -> Self {
        value
            .fields()
            .iter()
            .map(|&field| field.to_owned())
            .collect()
    }
}

impl PublicKeySizes {
    const ALL: [Self; 2] = [Self::Short, Self::ShortAndLong];

    const fn sizes(self) -> &'static [u16] {
        match self {
            Self::Short => &[160],
            Self::ShortAndLong => &[160, 162],
        }
    }
}

impl Value for PublicKeySizes {
    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|value| value.show() == text)
    }

    fn show(&self) -> String {
        let sizes: Vec<_> = self.sizes().iter().map(u16::to_string).collect();
        sizes.join("+")
    }

    fn possible() -> String {
        Self::ALL.map(|value| value.show()).join(", ")
    }

    fn values() -> Vec<String> {
        Self::ALL.map(|value| value.show()).to_vec()
    }
}

impl TryFrom<Vec<u16>> for PublicKeySizes {
    type Error = String;

    fn try_from(sizes: Vec<u16>) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|value| value.sizes() == sizes)
            .ok_or_else(|| format!("sizes that are none of {}", Self::possible()))
    }
}

impl From<PublicKeySizes> for Vec<u16> {
    fn from(value: PublicKeySizes) -> Self {
        value.sizes().to_vec()
    }
}

impl TryFrom<u32> for PacketSize {
    type Error = String;

    fn try_from(bytes: u32) -> Result<Self, String> {
        Self::new(bytes).ok_or_else(|| format!("{bytes} where {} is possible", Self::possible()))
    }
}

impl From<PacketSize> for u32 {
    fn from(value: PacketSize) -> Self {
        value.bytes()
    }
}
