//! The text of `me.info` (PROTOCOL.md 8.3): read as anybody wrote it, written in one form.

use std::path::{Path, PathBuf};

use backup_protocol::wire::{ClientId, Name};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::setup::Lines;

/// Who a client is. `Debug` shows the name alone: the ID and the key are credentials.
#[derive(Clone)]
pub struct MeInfo {
    /// The client name.
    pub name: Name,
    /// The ID that the server gave.
    pub client_id: ClientId,
    /// PKCS#8 DER of the RSA key (PROTOCOL.md 4.1). Not yet looked into.
    pub private_key: Zeroizing<Vec<u8>>,
}

/// Why a file is not a `me.info`.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{}, line {line}: {problem}", .path.display())]
pub struct MeInfoError {
    /// The file.
    pub path: PathBuf,
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: MeInfoProblem,
}

/// What is wrong with a line of `me.info`.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MeInfoProblem {
    /// Line 1.
    #[error("the client name is missing, longer than 254 bytes or not UTF-8")]
    Name,
    /// Line 2.
    #[error("the client ID is not 32 hex digits")]
    ClientId,
    /// The file ends after line 2, and there is no `priv.key` beside it.
    #[error("the private key is missing")]
    NoKey,
    /// A character that base64 does not have, in this line.
    #[error("not base64")]
    Base64Character,
    /// The characters are good and their number or the end is not: a part is missing.
    #[error("the private key is cut short")]
    Base64Length,
    /// Base64 of something else.
    #[error("not the PKCS#8 form of an RSA key of 1024 bits with an exponent of 3 to 127")]
    Key,
}

impl MeInfo {
    /// Parses the bytes of a `me.info`. `path` is for the message alone. Where the text ends after the
    /// client ID, the key is what `priv_key` gives: the path and the bytes of a `priv.key`
    /// (PROTOCOL.md 8.4).
    ///
    /// # Errors
    /// The first line that is wrong.
    pub fn parse(
        bytes: &[u8],
        path: &Path,
        priv_key: Option<(&Path, &[u8])>,
    ) -> Result<Self, MeInfoError> {
        let fail = |line, problem| MeInfoError {
            path: path.to_owned(),
            line,
            problem,
        };
        let mut lines = Lines::new(bytes);
        let name = lines
            .next()
            .and_then(|line| Name::new(std::str::from_utf8(line).ok()?).ok())
            .ok_or_else(|| fail(1, MeInfoProblem::Name))?;
        let client_id = lines
            .next()
            .and_then(|line| ClientId::from_hex(std::str::from_utf8(line.trim_ascii()).ok()?))
            .ok_or_else(|| fail(2, MeInfoProblem::ClientId))?;
        let private_key = match (parse_key(lines, 3), priv_key) {
            (Err((_, MeInfoProblem::NoKey)), Some((path, bytes))) => {
                parse_key(Lines::new(bytes), 1).map_err(|(line, problem)| MeInfoError {
                    path: path.to_owned(),
                    line,
                    problem,
                })?
            }
            (key, _) => key.map_err(|(line, problem)| fail(line, problem))?,
        };
        Ok(Self {
            name,
            client_id,
            private_key,
        })
    }

    /// The three lines as this client writes them: LF, the ID in lower case, the key in one line.
    pub fn to_text(&self) -> Zeroizing<String> {
        // The capacity is exact enough that the text never moves and leaves no copy behind.
        let mut text = Zeroizing::new(String::with_capacity(
            self.name.as_str().len() + 36 + self.private_key.len().div_ceil(3) * 4,
        ));
        text.push_str(self.name.as_str());
        text.push('\n');
        text.push_str(&self.client_id.reveal_hex());
        text.push('\n');
        STANDARD.encode_string(self.private_key.as_slice(), &mut text);
        text.push('\n');
        text
    }
}

impl std::fmt::Debug for MeInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MeInfo")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The key in the rest of the lines, the next of which is number `first`, in any wrapping.
fn parse_key(lines: Lines<'_>, first: usize) -> Result<Zeroizing<Vec<u8>>, (usize, MeInfoProblem)> {
    let mut base64 = Zeroizing::new(Vec::with_capacity(2048));
    let mut last = first;
    for (index, line) in lines.enumerate() {
        let line = line.trim_ascii();
        if let Some(_other) = line.iter().find(|c| !is_base64(**c)) {
            return Err((index + first, MeInfoProblem::Base64Character));
        }
        if !line.is_empty() {
            last = index + first;
        }
        base64.extend_from_slice(line);
    }
    if base64.is_empty() {
        return Err((first, MeInfoProblem::NoKey));
    }
    match STANDARD.decode(base64.as_slice()) {
        Ok(der) => Ok(Zeroizing::new(der)),
        Err(_) => Err((last, MeInfoProblem::Base64Length)),
    }
}

fn is_base64(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'=')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn sample() -> MeInfo {
        MeInfo {
            name: Name::new("Michael Jackson").unwrap(),
            client_id: ClientId::from_hex("64f3f63a985bebab535a66694a514b80").unwrap(),
            private_key: Zeroizing::new((0..=255).cycle().take(632).collect()),
        }
    }

    fn parse(text: &str) -> Result<MeInfo, MeInfoError> {
        MeInfo::parse(text.as_bytes(), Path::new("me.info"), None)
    }

    #[test]
    fn reads_back_what_it_wrote() {
        let text = sample().to_text();
        assert_eq!(text.lines().count(), 3);
        let read = parse(&text).unwrap();
        assert_eq!(read.name.as_str(), "Michael Jackson");
        assert_eq!(read.client_id, sample().client_id);
        assert_eq!(read.private_key, sample().private_key);
    }

    #[test]
    fn reads_a_key_wrapped_over_crlf_lines_and_an_id_in_capitals() {
        let text = sample().to_text();
        let mut lines = text.lines();
        let mut wrapped = format!("{}\r\n", lines.next().unwrap());
        wrapped += &format!("{}\r\n", lines.next().unwrap().to_uppercase());
        for part in lines.next().unwrap().as_bytes().chunks(72) {
            wrapped += &format!("{}\r\n", std::str::from_utf8(part).unwrap());
        }
        let read = parse(&wrapped).unwrap();
        assert_eq!(read.client_id, sample().client_id);
        assert_eq!(read.private_key, sample().private_key);
    }

    #[test]
    fn names_the_line_that_is_wrong() {
        let id = "64f3f63a985bebab535a66694a514b80";
        for (text, line, problem) in [
            (String::new(), 1, MeInfoProblem::Name),
            (
                format!("{}\n{id}\nAAAA\n", "x".repeat(255)),
                1,
                MeInfoProblem::Name,
            ),
            ("me\n".into(), 2, MeInfoProblem::ClientId),
            (
                format!("me\n+{}\nAAAA\n", &id[1..]),
                2,
                MeInfoProblem::ClientId,
            ),
            (format!("me\n{id}00\nAAAA\n"), 2, MeInfoProblem::ClientId),
            (format!("me\n{id}"), 3, MeInfoProblem::NoKey),
            (format!("me\n{id}\n\r\n"), 3, MeInfoProblem::NoKey),
            (
                format!("me\n{id}\nAAAA\nAA*A\n"),
                4,
                MeInfoProblem::Base64Character,
            ),
            (
                format!("me\n{id}\nAAAA\nAAA\n\n"),
                4,
                MeInfoProblem::Base64Length,
            ),
        ] {
            let error = parse(&text).unwrap_err();
            assert_eq!((error.line, error.problem), (line, problem), "{text}");
        }
    }

    #[test]
    fn takes_the_key_of_a_priv_key_where_it_has_none_itself() {
        let with_priv_key = |me_info: &str, priv_key: &str| {
            let priv_key = (Path::new("priv.key"), priv_key.as_bytes());
            MeInfo::parse(me_info.as_bytes(), Path::new("me.info"), Some(priv_key))
        };
        let text = sample().to_text();
        let (two_lines, key) = text.trim_end().rsplit_once('\n').unwrap();
        let wrapped: Vec<_> = key.as_bytes().chunks(64).collect();
        for key in [key.as_bytes().to_vec(), wrapped.join(&b"\r\n"[..])] {
            let key = String::from_utf8(key).unwrap();
            let read = with_priv_key(two_lines, &key).unwrap();
            assert_eq!(read.private_key, sample().private_key);
        }
        // One that is there is the one that counts.
        let read = with_priv_key(&text, "AAAA").unwrap();
        assert_eq!(read.private_key, sample().private_key);
        let error = with_priv_key(two_lines, "\nno key").unwrap_err();
        let message = "priv.key, line 2: not base64";
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn debug_output_holds_no_credential() {
        assert_eq!(
            format!("{:?}", sample()),
            r#"MeInfo { name: Name("Michael Jackson"), .. }"#
        );
    }
}
