//! The golden vectors, as far as the examiner's own codec and oracle can confirm them: what it examines strangers with
//! has to read what the vectors say.
//!
//! The codec only says where fields lie, and the oracle only what is right, so that a test is confirmed where it is
//! `valid` or `acceptable`, and where a cipher refuses. Why a message is refused is the judge's business, and packets
//! and conversations are the matrix's: those tests are counted, and called not confirmed.

use std::collections::BTreeMap;
use std::path::Path;

use include_dir::{Dir, include_dir};
use serde_json::Value;

use crate::dialect::Dialect;
use crate::frame::{self, Frame};
use crate::message::{Direction, Field};
use crate::oracle::{self, AesKey, KeyPair};
use crate::report::from_hex;

/// The folder `vectors/v1` of the build.
static VECTORS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../vectors/v1");

/// How many tests were read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    /// In agreement with the codec or the oracle.
    pub(crate) confirmed: usize,
    /// About something that neither knows.
    pub(crate) not_confirmed: usize,
}

/// Checks every test of a dialect, or of all; gives the counts of each file, or what does not agree.
pub(crate) fn check(dialect: Option<&str>) -> Result<BTreeMap<String, Count>, String> {
    let index = read("index.json")?;
    let files = index
        .get("files")
        .and_then(Value::as_object)
        .ok_or("index.json has no files")?;
    let mut counts = BTreeMap::new();
    for (name, count) in files {
        let file = read(name)?;
        let mut of_file = Count::default();
        let mut ran = 0;
        for group in array(&file, "groups") {
            let dialects: Vec<&str> = array(group, "dialects").filter_map(Value::as_str).collect();
            for test in array(group, "tests") {
                ran += 1;
                for spoken in &dialects {
                    if dialect.is_some_and(|wanted| wanted != *spoken) {
                        continue;
                    }
                    let spoken =
                        Dialect::find(spoken).map_err(|error| format!("{name}: {error}"))?;
                    let id = test.get("id").and_then(Value::as_str).unwrap_or_default();
                    let decodes = file
                        .get("decodes")
                        .and_then(Value::as_str)
                        .unwrap_or_default();
                    let about = |reason: String| format!("{name}: {id} in {spoken}: {reason}");
                    match confirm(decodes, &spoken, group, test).map_err(about)? {
                        true => of_file.confirmed += 1,
                        false => of_file.not_confirmed += 1,
                    }
                }
            }
        }
        if Some(ran) != count.as_u64() {
            return Err(format!(
                "{name} has {ran} tests, and index.json says {count}"
            ));
        }
        counts.insert(name.clone(), of_file);
    }
    Ok(counts)
}

/// Writes the vectors into a folder; with a dialect, only the groups that are for it.
pub(crate) fn export(folder: &Path, dialect: Option<&str>) -> Result<usize, String> {
    let about = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let index = read("index.json")?;
    let files = index
        .get("files")
        .and_then(Value::as_object)
        .ok_or("index.json has no files")?;
    let mut written = 0;
    for name in files.keys() {
        let mut file = read(name)?;
        if let Some(wanted) = dialect {
            let groups = file.get_mut("groups").and_then(Value::as_array_mut);
            let groups = groups.ok_or_else(|| format!("{name} has no groups"))?;
            groups.retain(|group| array(group, "dialects").any(|known| known == wanted));
            let count: usize = groups
                .iter()
                .map(|group| array(group, "tests").count())
                .sum();
            if count == 0 {
                continue;
            }
            if let Some(stated) = file.get_mut("count") {
                *stated = count.into();
            }
        }
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(|error| about(parent, error))?;
        let text = serde_json::to_string_pretty(&file).map_err(|error| error.to_string())?;
        std::fs::write(&path, text + "\n").map_err(|error| about(&path, error))?;
        written += 1;
    }
    match written {
        0 => Err(format!(
            "no vector is for '{}'",
            dialect.unwrap_or_default()
        )),
        written => Ok(written),
    }
}

fn read(name: &str) -> Result<Value, String> {
    let file = VECTORS
        .get_file(name)
        .ok_or_else(|| format!("{name} is not among the vectors"))?;
    serde_json::from_slice(file.contents()).map_err(|error| format!("{name}: {error}"))
}

fn array<'a>(value: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(member)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// Whether a test was confirmed; an error where it does not agree.
fn confirm(decodes: &str, dialect: &Dialect, group: &Value, test: &Value) -> Result<bool, String> {
    let Some(bytes) = test.get("bytes").and_then(Value::as_str) else {
        return Ok(false);
    };
    let bytes = from_hex(bytes).ok_or("its bytes are not hex")?;
    let fields = test.get("fields");
    let of_group = |name: &str| group.get(name).and_then(Value::as_str).and_then(from_hex);
    match (decodes, fields) {
        ("request-header", Some(fields)) => header(dialect, Direction::Request, &bytes, fields),
        ("response-header", Some(fields)) => header(dialect, Direction::Response, &bytes, fields),
        ("request", Some(fields)) => message(dialect, Direction::Request, &bytes, fields),
        ("response", Some(fields)) => message(dialect, Direction::Response, &bytes, fields),
        ("name-field", Some(fields)) => {
            let text = frame::name_text(&bytes).map(String::from_utf8_lossy);
            same("text", &Value::from(text), fields.get("text"))
        }
        ("cksum", Some(fields)) => {
            let sum = oracle::checksum(dialect, &bytes, &bytes);
            same("cksum", &sum.into(), fields.get("cksum"))
        }
        ("file-content" | "file-cksum", fields) => {
            let key = of_group("aes_key")
                .and_then(AesKey::new)
                .ok_or("its group has no key")?;
            content(dialect, &key, &bytes, fields)
        }
        ("wrapped-key", fields) => {
            let pair = of_group("private_key").ok_or("its group has no key")?;
            let key = KeyPair::from_pkcs8(&pair)?.unwrap(&bytes);
            match (fields, key) {
                (Some(fields), key) => same(
                    "aes_key",
                    &Value::from(key.as_deref().map(hex)),
                    fields.get("aes_key"),
                ),
                (None, None) => Ok(true),
                // It unwraps, and its size is what is wrong with it.
                (None, Some(key)) => match AesKey::new(key) {
                    Some(_) => Ok(false),
                    None => Ok(true),
                },
            }
        }
        _ => Ok(false),
    }
}

fn header(
    dialect: &Dialect,
    direction: Direction,
    bytes: &[u8],
    fields: &Value,
) -> Result<bool, String> {
    let header = frame::header(dialect, direction, bytes).ok_or("no header is found in it")?;
    same("version", &header.version.into(), fields.get("version"))?;
    same("code", &header.code.into(), fields.get("code"))?;
    same(
        "payload_size",
        &header.size.into(),
        fields.get("payload_size"),
    )?;
    match header.client_id {
        Some(id) => same("client_id", &hex(&id).into(), fields.get("client_id")),
        None => Ok(true),
    }
}

fn message(
    dialect: &Dialect,
    direction: Direction,
    bytes: &[u8],
    fields: &Value,
) -> Result<bool, String> {
    header(
        dialect,
        direction,
        bytes,
        fields.get("header").unwrap_or(&Value::Null),
    )?;
    let frame = frame::head_of(dialect, direction, bytes).ok_or("no header is found in it")?;
    let payload = fields
        .get("payload")
        .and_then(Value::as_object)
        .ok_or("it has no payload")?;
    for (name, value) in payload {
        let field =
            field(name, direction).ok_or_else(|| format!("the field {name} is not known"))?;
        same(name, &got(&frame, field), Some(value))?;
    }
    Ok(true)
}

fn field(name: &str, direction: Direction) -> Option<Field> {
    Some(match (name, direction) {
        ("name", _) => Field::ClientName,
        ("public_key", _) => Field::PublicKey,
        ("client_id", Direction::Request) => Field::PayloadClientId,
        ("client_id", Direction::Response) => Field::ClientId,
        ("content_size", _) => Field::ContentSize,
        ("original_size", _) => Field::OriginalSize,
        ("packet_number", _) => Field::PacketNumber,
        ("packet_total", _) => Field::TotalPackets,
        ("file_name", _) => Field::FileName,
        ("content", _) => Field::Content,
        ("wrapped_key", _) => Field::WrappedKey,
        ("cksum", _) => Field::Cksum,
        _ => return None,
    })
}

fn got(frame: &Frame<'_>, field: Field) -> Value {
    let bytes = match (field, frame.get(field)) {
        // A 2101 or 2104 with an ID where the dialect has none: the codec knows no field there.
        (Field::ClientId, []) => frame.get(Field::TrailingData),
        (_, bytes) => bytes,
    };
    match field {
        field if field.is_number() => frame.number(field).into(),
        Field::ClientName | Field::FileName => {
            Value::from(frame::name_text(bytes).map(String::from_utf8_lossy))
        }
        _ => hex(bytes).into(),
    }
}

fn content(
    dialect: &Dialect,
    key: &AesKey,
    bytes: &[u8],
    fields: Option<&Value>,
) -> Result<bool, String> {
    let plain = key.decrypt(bytes);
    let Some(fields) = fields else {
        return match plain {
            Some(_) => Err("it decrypts, and should not".into()),
            None => Ok(true),
        };
    };
    let plain = plain.ok_or("it does not decrypt")?;
    same("plaintext", &hex(&plain).into(), fields.get("plaintext"))?;
    if let Some(sum) = fields.get("cksum") {
        same(
            "cksum",
            &oracle::checksum(dialect, &plain, bytes).into(),
            Some(sum),
        )?;
    }
    Ok(true)
}

fn same(name: &str, got: &Value, expected: Option<&Value>) -> Result<bool, String> {
    match expected {
        Some(expected) if expected == got => Ok(true),
        expected => Err(format!(
            "{name} is {got} here, and {} in the vector",
            expected.unwrap_or(&Value::Null)
        )),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The counts that index.json gives, so that nothing is left out in silence.
    #[test]
    fn the_codec_and_the_oracle_read_what_the_vectors_say() {
        let index = read("index.json").expect("an index");
        let counts = check(None).unwrap_or_else(|error| panic!("{error}"));
        let of_dialects = index["dialects"].as_object().expect("dialects").values();
        let total: u64 = of_dialects.filter_map(Value::as_u64).sum();
        let read: usize = counts
            .values()
            .map(|count| count.confirmed + count.not_confirmed)
            .sum();
        assert_eq!(read as u64, total);
        for file in [
            "register.json",
            "file_received.json",
            "cksum.json",
            "wrapped_key.json",
        ] {
            assert!(counts[file].confirmed > 20, "{file}: {:?}", counts[file]);
        }
    }

    #[test]
    fn a_vector_that_is_wrong_is_not_confirmed() {
        let dialect = Dialect::find("seed").expect("a dialect");
        let file = read("register.json").expect("a file");
        let group = &file["groups"][0];
        let mut test = group["tests"][0].clone();
        assert_eq!(confirm("request", &dialect, group, &test), Ok(true));
        test["fields"]["payload"]["name"] = "bob".into();
        assert!(confirm("request", &dialect, group, &test).is_err());
    }

    #[test]
    fn exports_what_a_dialect_needs_and_no_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let all = export(folder.path(), None).expect("exported");
        let path = folder.path().join("register.json");
        let text = std::fs::read_to_string(&path).expect("a file");
        assert_eq!(
            serde_json::from_str::<Value>(&text).expect("JSON"),
            read("register.json").expect("a file")
        );
        let some = export(folder.path(), Some("seed,crc=zlib")).expect("exported");
        assert!(some > 0 && some < all, "{some} of {all}");
        assert!(export(folder.path(), Some("nothing")).is_err());
    }
}
