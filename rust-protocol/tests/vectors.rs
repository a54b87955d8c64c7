//! The golden vectors of `vectors/v1`, each in every dialect that it is for. `vectors/README.md` says
//! what the members mean; whole conversations are in `transcripts.rs`.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use backup_protocol::cksum::FileCksum;
use backup_protocol::crypto::{AesKey, CryptoError, KeyPair, PublicKey, decrypt, encrypt};
use backup_protocol::wire::{
    ClientId, DecodeError, Name, Reconnect, Register, Request, RequestHeader, RequestKind,
    Response, ResponseHeader,
};
use backup_protocol::{Cksum, Dialect};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Vectors that are invalid and decode here all the same, on purpose. They have to keep doing so:
/// one that is refused one day leaves this list.
const TAKEN: [(&str, &str); 1] = [
    // RFC 8017 refuses an encoding whose first octet is not 0. The crate `rsa` does not look at it,
    // since 0.10 and on purpose: telling that failure from others is Manger's attack, and the rest of
    // the padding (hash, zeros, separator) is checked.
    ("wrapped_key.json", "first-byte-1"),
];

/// Sequences of requests, which `packets.rs` gives to a session.
const PACKETS: &str = "packets.json";

/// Why a test's bytes were refused.
type Slug = &'static str;

/// What the bytes decode to, and what that encodes to again.
type Decoded = Result<(Value, Vec<u8>), Slug>;

#[test]
fn decodes_every_vector_as_it_says() {
    let index = load(&folder().join("index.json"));
    let files = index["files"].as_object().unwrap();
    let mut total = 0;
    for (file, count) in files {
        let count = count.as_u64().unwrap();
        total += count;
        if !file.starts_with("transcripts/") && file != PACKETS {
            assert_eq!(run_file(file), count, "{file}: tests that were run");
        }
    }
    assert_eq!(index["count"], total);

    let mut listed: BTreeSet<_> = files.keys().cloned().collect();
    listed.retain(|file| !file.contains('/'));
    listed.insert("index.json".into());
    let entries = fs::read_dir(folder()).unwrap().map(Result::unwrap);
    let on_disk: BTreeSet<_> = entries
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(on_disk, listed);
}

fn run_file(file: &str) -> u64 {
    let vectors = load(&folder().join(file));
    let decodes = vectors["decodes"].as_str().unwrap();
    let mut count = 0;
    for group in vectors["groups"].as_array().unwrap() {
        for test in group["tests"].as_array().unwrap() {
            for dialect in group["dialects"].as_array().unwrap() {
                let dialect = Dialect::parse(dialect.as_str().unwrap()).unwrap();
                let context = format!("{file}: {} in {dialect}", test["id"]);
                let id = test["id"].as_str().unwrap();
                if TAKEN.contains(&(file, id)) {
                    let bytes = input(group, test);
                    assert!(
                        decode(decodes, group, test, &bytes, &dialect).is_ok(),
                        "{context}"
                    );
                } else {
                    run_test(decodes, group, test, &dialect, &context);
                }
            }
            count += 1;
        }
    }
    assert_eq!(vectors["count"], count, "{file}: tests that are there");
    count
}

fn run_test(decodes: &str, group: &Value, test: &Value, dialect: &Dialect, context: &str) {
    let bytes = input(group, test);
    let decoded = decode(decodes, group, test, &bytes, dialect);
    match test["result"].as_str().unwrap() {
        "invalid" => {
            let slug = decoded.expect_err(context);
            let aliases = test["aliases"].as_array().cloned().unwrap_or_default();
            assert!(
                test["error"] == slug || aliases.contains(&json!(slug)),
                "{context}: {slug}, expected {}",
                test["error"]
            );
        }
        result => {
            let (fields, encoded) = decoded.expect(context);
            assert_eq!(fields, test["fields"], "{context}");
            if result == "valid" {
                assert!(encoded == bytes, "{context}: encodes to {encoded:02x?}");
            } else {
                assert_eq!(result, "acceptable", "{context}");
            }
        }
    }
}

// What each kind of input decodes to.

fn decode(decodes: &str, group: &Value, test: &Value, bytes: &[u8], dialect: &Dialect) -> Decoded {
    match decodes {
        "request-header" => request_header(bytes, dialect),
        "response-header" => response_header(bytes, dialect),
        "name-field" => name_field(bytes, dialect),
        "file-name" => file_name(bytes, dialect),
        "request" => request(bytes, group["part"] == "fixed-fields", dialect),
        "response" => response(bytes, dialect),
        "public-key" => public_key(bytes, dialect),
        "wrapped-key" => wrapped_key(bytes, group),
        "file-content" => file_content(bytes, group, &test["fields"]["plaintext"]),
        "cksum" => {
            let mut cksum = Cksum::with(dialect.checksum);
            cksum.update(bytes);
            Ok((json!({ "cksum": cksum.finish() }), bytes.to_vec()))
        }
        "file-cksum" => file_cksum(bytes, group, dialect),
        other => panic!("what is {other}?"),
    }
}

fn request_header(bytes: &[u8], dialect: &Dialect) -> Decoded {
    let header = RequestHeader::decode(bytes, dialect).map_err(|e| e.slug())?;
    let mut encoded = Vec::new();
    header.write(dialect, &mut encoded);
    Ok((request_header_fields(&header), encoded))
}

fn response_header(bytes: &[u8], dialect: &Dialect) -> Decoded {
    let header = ResponseHeader::decode(bytes, dialect).map_err(|e| e.slug())?;
    let mut encoded = Vec::new();
    header.write(dialect, &mut encoded);
    Ok((response_header_fields(&header), encoded))
}

fn name_field(bytes: &[u8], dialect: &Dialect) -> Decoded {
    let name = Name::decode(bytes, dialect).map_err(|e| e.slug())?;
    Ok((json!({ "text": name.as_str() }), name.encode(dialect)))
}

fn file_name(bytes: &[u8], dialect: &Dialect) -> Decoded {
    let name = Name::decode(bytes, dialect).map_err(|e| e.slug())?;
    let base_name = name.base_name().ok_or("bad-file-name")?;
    let fields = json!({ "text": name.as_str(), "base_name": base_name });
    Ok((fields, name.encode(dialect)))
}

fn request(bytes: &[u8], fixed_fields_only: bool, dialect: &Dialect) -> Decoded {
    decode_request(bytes, fixed_fields_only, dialect).map_err(|error| error.slug())
}

fn decode_request(
    bytes: &[u8],
    fixed_fields_only: bool,
    dialect: &Dialect,
) -> Result<(Value, Vec<u8>), DecodeError> {
    let header_size = dialect.request_header_size();
    let (header, payload) = bytes.split_at(bytes.len().min(header_size));
    let header = RequestHeader::decode(header, dialect)?;
    let (rest, content) = match header.check(dialect)? {
        RequestKind::SendFile => payload.split_at(payload.len().min(header.rest_size(dialect)?)),
        _ => (payload, &[][..]),
    };
    let request = Request::decode(&header, rest, dialect)?;
    let mut encoded = request.encode(dialect, header.client_id, header.version);

    let client_id = hex(header.client_id.as_bytes());
    let mut payload = match &request {
        Request::Register(Register { name }) | Request::Reconnect(Reconnect { name }) => {
            json!({ "name": name.as_str() })
        }
        Request::SendPublicKey(r) => {
            json!({ "name": r.name.as_str(), "public_key": hex(&r.public_key) })
        }
        Request::SendFile(r) => {
            let mut fields = json!({
                "content_size": r.content_size,
                "file_name": r.file_name.as_str(),
            });
            if let Some(packet) = r.packet {
                fields["original_size"] = packet.original_size.into();
                fields["packet_number"] = packet.number.into();
                fields["packet_total"] = packet.total.into();
            }
            fields
        }
        Request::Verdict(r) => json!({ "file_name": r.file_name.as_str() }),
    };
    if dialect.client_id_in_payload && matches!(request, Request::SendFile(_) | Request::Verdict(_))
    {
        payload["client_id"] = client_id.into();
    }
    if let (Request::SendFile(file), false) = (&request, fixed_fields_only) {
        // The content is the caller's to read, and so is its end.
        let needed = file.size() as usize;
        let offset = header_size + rest.len();
        match content.len() {
            left if left < needed => {
                return Err(DecodeError::Truncated {
                    field: "content",
                    offset,
                    needed,
                    left,
                });
            }
            all if all > needed => {
                return Err(DecodeError::TrailingData {
                    offset: offset + needed,
                    left: all - needed,
                });
            }
            _ => {}
        }
        payload["content"] = hex(content).into();
        encoded.extend(content);
    }
    let header = request_header_fields(&header);
    Ok((json!({ "header": header, "payload": payload }), encoded))
}

fn response(bytes: &[u8], dialect: &Dialect) -> Decoded {
    decode_response(bytes, dialect).map_err(|error| error.slug())
}

fn decode_response(bytes: &[u8], dialect: &Dialect) -> Result<(Value, Vec<u8>), DecodeError> {
    let (header, payload) = bytes.split_at(bytes.len().min(dialect.response_header_size()));
    let header = ResponseHeader::decode(header, dialect)?;
    let response = Response::decode(&header, payload, dialect)?;
    let id = |id: &ClientId| hex(id.as_bytes());
    let payload = match &response {
        Response::Registered(r) => json!({ "client_id": id(&r.client_id) }),
        Response::Refused(r) => match &r.client_id {
            Some(client_id) => json!({ "client_id": id(client_id) }),
            None => json!({}),
        },
        Response::Acknowledged(r) => match &r.client_id {
            Some(client_id) => json!({ "client_id": id(client_id) }),
            None => json!({}),
        },
        Response::ReconnectRefused(r) => json!({ "client_id": id(&r.client_id) }),
        Response::GeneralError => json!({}),
        Response::AesKey(r) | Response::Reconnected(r) => {
            json!({ "client_id": id(&r.client_id), "wrapped_key": hex(&r.wrapped) })
        }
        Response::FileReceived(r) => {
            let mut fields = json!({ "file_name": r.file_name.as_str(), "cksum": r.cksum });
            if let Some(client_id) = &r.client_id {
                fields["client_id"] = id(client_id).into();
            }
            if let Some(content_size) = r.content_size {
                fields["content_size"] = content_size.into();
            }
            fields
        }
    };
    let encoded = response.encode(dialect, header.version);
    let header = response_header_fields(&header);
    Ok((json!({ "header": header, "payload": payload }), encoded))
}

fn public_key(bytes: &[u8], dialect: &Dialect) -> Decoded {
    let key = PublicKey::parse(bytes, dialect.public_key_sizes).map_err(slug)?;
    let fields = json!({ "modulus": hex(&key.modulus()), "exponent": key.exponent() });
    Ok((fields, key.as_bytes().to_vec()))
}

/// OAEP draws a random seed: the other direction is wrapping, unwrapping and comparing.
fn wrapped_key(bytes: &[u8], group: &Value) -> Decoded {
    let rng = &mut rand::rng();
    let pair = KeyPair::from_pkcs8_der(&unhex(&group["private_key"])).unwrap();
    assert_eq!(
        pair.public_key().as_bytes()[..],
        unhex(&group["public_key"])
    );
    let key = pair.unwrap(bytes, rng).map_err(slug)?;
    let again = pair.public_key().wrap(&key, rng).unwrap();
    assert_eq!(pair.unwrap(&again, rng), Ok(key.clone()));
    Ok((json!({ "aes_key": hex(key.as_bytes()) }), bytes.to_vec()))
}

fn file_content(bytes: &[u8], group: &Value, described: &Value) -> Decoded {
    let key = AesKey::from_bytes(&unhex(&group["aes_key"])).unwrap();
    let plain = decrypt(&key, bytes).map_err(slug)?;
    let encoded = encrypt(&key, &plain);
    let plain = if described.is_object() && plain == data(described) {
        described.clone()
    } else {
        hex(&plain).into()
    };
    Ok((json!({ "plaintext": plain }), encoded))
}

fn file_cksum(bytes: &[u8], group: &Value, dialect: &Dialect) -> Decoded {
    let key = AesKey::from_bytes(&unhex(&group["aes_key"])).unwrap();
    let plain = decrypt(&key, bytes).map_err(slug)?;
    let mut cksum = FileCksum::new(dialect);
    cksum.plain(&plain);
    cksum.content(bytes);
    let fields = json!({ "plaintext": hex(&plain), "cksum": cksum.finish() });
    Ok((fields, encrypt(&key, &plain)))
}

// Data.

/// The bytes of a test; content that is only described is made by encrypting what it comes from.
fn input(group: &Value, test: &Value) -> Vec<u8> {
    let described = &test["bytes"];
    if described["pattern"] != "encrypted" {
        return data(described);
    }
    let key = AesKey::from_bytes(&unhex(&group["aes_key"])).unwrap();
    let content = encrypt(&key, &data(&test["fields"]["plaintext"]));
    assert_eq!(described["size"], content.len());
    assert_eq!(described["sha256"], hex(&Sha256::digest(&content)));
    content
}

/// Bytes in hex, or the pattern that describes them.
fn data(value: &Value) -> Vec<u8> {
    let Some(pattern) = value["pattern"].as_str() else {
        return unhex(value);
    };
    let size = value["size"].as_u64().unwrap();
    let bytes: Vec<u8> = match pattern {
        "counting" => (0..size).map(|i| (i % 251) as u8).collect(),
        "zeros" => vec![0; size as usize],
        other => panic!("what is {other}?"),
    };
    assert_eq!(
        value["sha256"],
        hex(&Sha256::digest(&bytes)),
        "{pattern} {size}"
    );
    bytes
}

fn request_header_fields(header: &RequestHeader) -> Value {
    json!({
        "client_id": hex(header.client_id.as_bytes()),
        "version": header.version,
        "code": header.code.0,
        "payload_size": header.payload_size,
    })
}

fn response_header_fields(header: &ResponseHeader) -> Value {
    json!({
        "version": header.version,
        "code": header.code.0,
        "payload_size": header.payload_size,
    })
}

fn slug(error: CryptoError) -> Slug {
    error.slug().unwrap_or("no slug")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(value: &Value) -> Vec<u8> {
    let (pairs, rest) = value.as_str().unwrap().as_bytes().as_chunks::<2>();
    assert!(rest.is_empty());
    let pairs = pairs.iter().map(|pair| std::str::from_utf8(pair).unwrap());
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/v1")
}

fn load(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}
