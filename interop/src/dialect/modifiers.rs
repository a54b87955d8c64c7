//! Modifiers: `NAME,key=value,...` changes one parameter of a dialect after another (PROTOCOL.md 10.2).

use serde_json::{Value, json};

/// A modifier, the member of a dialect's file that it changes, and to what.
struct Modifier {
    key: &'static str,
    parameter: &'static str,
    values: Values,
}

enum Values {
    /// Words, and the JSON that each stands for.
    Words(&'static [(&'static str, &'static str)]),
    /// A number from the first to the second, a multiple of the third.
    Number(u64, u64, u64),
    /// What follows a verdict.
    After,
}

const YES_NO: Values = Values::Words(&[
    ("yes", "true"),
    ("no", "false"),
    ("true", "true"),
    ("false", "false"),
]);
const ORDER: Values = Values::Words(&[("little", "\"little\""), ("big", "\"big\"")]);
const ANSWERS: [&str; 5] = [
    "none",
    "refused",
    "acknowledged",
    "acknowledged-with-id",
    "general-error",
];

const MODIFIERS: [Modifier; 25] = [
    modifier("order", "byte_order", ORDER),
    modifier("packet-order", "packet_byte_order", ORDER),
    modifier(
        "align",
        "alignment",
        Values::Words(&[("packed", "\"packed\""), ("natural", "\"natural\"")]),
    ),
    modifier(
        "name",
        "name_width",
        Values::Words(&[("255", "255"), ("256", "256")]),
    ),
    modifier(
        "size-width",
        "response_size_width",
        Values::Words(&[("2", "2"), ("4", "4")]),
    ),
    modifier(
        "size",
        "size_counts",
        Values::Words(&[
            ("payload", "\"payload\""),
            ("message", "\"message\""),
            ("padded", "\"padded\""),
        ]),
    ),
    modifier(
        "pad",
        "response_padding",
        Values::Words(&[("0", "0"), ("1024", "1024"), ("2048", "2048")]),
    ),
    modifier(
        "request-pad",
        "request_padding",
        Values::Words(&[("0", "0"), ("1024", "1024")]),
    ),
    modifier("id", "client_id_in_payload", YES_NO),
    modifier(
        "refused",
        "refused_payload",
        Values::Words(&[("empty", "\"empty\""), ("client-id", "\"client-id\"")]),
    ),
    modifier(
        "received",
        "file_received_fields",
        Values::Words(&[
            (
                "client_id+content_size+file_name+cksum",
                r#"["client_id", "content_size", "file_name", "cksum"]"#,
            ),
            (
                "client_id+file_name+cksum",
                r#"["client_id", "file_name", "cksum"]"#,
            ),
            (
                "content_size+file_name+cksum",
                r#"["content_size", "file_name", "cksum"]"#,
            ),
        ]),
    ),
    modifier(
        "echo",
        "echoed_size",
        Values::Words(&[("content", "\"content\""), ("plain", "\"plain\"")]),
    ),
    modifier(
        "crc",
        "checksum",
        Values::Words(&[
            ("posix", "\"posix\""),
            ("zlib", "\"zlib\""),
            ("crc8", "\"crc8\""),
        ]),
    ),
    modifier(
        "crc-input",
        "checksum_input",
        Values::Words(&[
            ("plaintext", "\"plaintext\""),
            ("padded", "\"padded\""),
            ("content", "\"content\""),
        ]),
    ),
    modifier(
        "cksum-width",
        "cksum_width",
        Values::Words(&[("4", "4"), ("16", "16")]),
    ),
    modifier(
        "aes",
        "aes_key_size",
        Values::Words(&[("16", "16"), ("32", "32")]),
    ),
    modifier(
        "key",
        "public_key_sizes",
        Values::Words(&[("160", "[160]"), ("160+162", "[160, 162]")]),
    ),
    modifier(
        "connection",
        "connection",
        Values::Words(&[("session", "\"session\""), ("request", "\"request\"")]),
    ),
    modifier("packets", "packets", YES_NO),
    modifier(
        "packet",
        "packet_size",
        Values::Number(0, 4_294_967_280, 16),
    ),
    modifier(
        "reconnect-key",
        "reconnect_key",
        Values::Words(&[("new", "\"new\""), ("same", "\"same\"")]),
    ),
    modifier("transmissions", "transmissions", Values::Number(1, 255, 1)),
    modifier("right", "after_right", Values::After),
    modifier("wrong", "after_wrong", Values::After),
    modifier("give-up", "after_give_up", Values::After),
];
/// Apart from the table, since it changes nothing on the wire.
const PORT: Modifier = modifier("port", "default_port", Values::Number(1, 65_535, 1));

const fn modifier(key: &'static str, parameter: &'static str, values: Values) -> Modifier {
    Modifier {
        key,
        parameter,
        values,
    }
}

/// Changes one member of a dialect's JSON.
pub(super) fn apply(dialect: &mut Value, text: &str) -> Result<(), String> {
    let (key, word) = text
        .split_once('=')
        .ok_or_else(|| format!("'{text}' is no modifier: key=value is"))?;
    let mut all = MODIFIERS.iter().chain([&PORT]);
    let found = all.find(|modifier| modifier.key == key).ok_or_else(|| {
        let keys: Vec<_> = MODIFIERS
            .iter()
            .chain([&PORT])
            .map(|modifier| modifier.key)
            .collect();
        format!(
            "no parameter has the modifier '{key}'; there are {}",
            keys.join(", ")
        )
    })?;
    let value = found
        .values
        .read(word)
        .ok_or_else(|| format!("{key} takes {}, not '{word}'", found.values))?;
    let members = dialect
        .as_object_mut()
        .ok_or("the dialect is no JSON object")?;
    members.insert(found.parameter.to_owned(), value);
    Ok(())
}

/// Every modifier and its values, for people.
pub(super) fn list() -> impl Iterator<Item = (&'static str, String)> {
    let all = MODIFIERS.iter().chain([&PORT]);
    all.map(|modifier| (modifier.key, modifier.values.to_string()))
}

/// Every modifier that changes a dialect's messages in one parameter, but for plain numbers.
pub(super) fn neighbours(dialect: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for modifier in &MODIFIERS {
        let words = match &modifier.values {
            Values::Words(words) => words.iter().map(|(word, _)| (*word).to_owned()).collect(),
            Values::Number(..) => Vec::new(),
            Values::After => after_words(),
        };
        let mut seen = vec![dialect.get(modifier.parameter).cloned()];
        for word in words {
            let value = modifier.values.read(&word);
            if !seen.contains(&value) {
                all.push(format!("{}={word}", modifier.key));
                seen.push(value);
            }
        }
    }
    all
}

fn after_words() -> Vec<String> {
    let closing = ANSWERS.iter().map(|answer| format!("{answer}+close"));
    let staying = ANSWERS.iter().map(|answer| (*answer).to_owned());
    staying.chain(closing).collect()
}

impl Values {
    fn read(&self, word: &str) -> Option<Value> {
        match self {
            Self::Words(words) => {
                let (_, text) = words.iter().find(|(known, _)| *known == word)?;
                serde_json::from_str(text).ok()
            }
            Self::Number(least, most, step) => {
                let number: u64 = word.parse().ok()?;
                let fits = (*least..=*most).contains(&number) && number.is_multiple_of(*step);
                fits.then(|| json!(number))
            }
            Self::After => {
                let (answer, close) = match word.strip_suffix("+close") {
                    Some(answer) => (answer, true),
                    None if word == "close" => ("none", true),
                    None => (word, false),
                };
                ANSWERS
                    .contains(&answer)
                    .then(|| json!({ "answer": answer, "close": close }))
            }
        }
    }
}

impl std::fmt::Display for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Words(words) => {
                let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                write!(f, "{}", words.join(", "))
            }
            Self::Number(least, most, 1) => write!(f, "a number from {least} to {most}"),
            Self::Number(least, most, step) => {
                write!(f, "a multiple of {step} from {least} to {most}")
            }
            Self::After => write!(
                f,
                "{}, each perhaps with +close, or close",
                ANSWERS.join(", ")
            ),
        }
    }
}
