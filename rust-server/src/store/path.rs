//! From a file name as sent to the path in a client's folder (PROTOCOL.md 7.4).

use backup_protocol::wire::base_name;
use sha2::{Digest, Sha256};
use unicase::UniCase;
use unicode_normalization::UnicodeNormalization;

/// Bytes in the longest file name that common file systems take.
const LONGEST: usize = 255;

/// Digits of the digest in a path that had to be told apart from another one.
const DIGITS: usize = 8;

/// The path of the file that a client calls `name`: one component, at most 255 bytes of UTF-8.
///
/// `taken` says whether another name of the same client holds the path with a given [`path_key`].
/// Everything that reaches a file system under a name chosen by a peer goes through here.
///
/// `None` if no file can have this name, whatever else the client has stored.
///
/// # Errors
///
/// Those of `taken`.
pub(super) fn path_for<E>(
    name: &str,
    mut taken: impl FnMut(&str) -> Result<bool, E>,
) -> Result<Option<String>, E> {
    let Some(base) = base_name(name) else {
        return Ok(None);
    };
    let plain = local(base);
    if plain == base && !is_device(base) && !taken(&path_key(base))? {
        return Ok(Some(plain));
    }
    let digest: String = Sha256::digest(name)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    // Eight digits collide by accident once in 65 000 names of one base name, and on purpose at
    // will; more of the digest settles both.
    let mut path = String::new();
    for digits in (DIGITS..=digest.len()).step_by(DIGITS) {
        path = with_suffix(&plain, &digest[..digits]);
        if !taken(&path_key(&path))? {
            break;
        }
    }
    Ok(Some(path))
}

/// What two paths have in common if some file system takes them for one: Unicode NFC, case folding,
/// and no dots or spaces at the end.
pub(super) fn path_key(path: &str) -> String {
    let folded = UniCase::unicode(path.nfc().collect::<String>()).to_folded_case();
    let key: String = folded.nfc().collect();
    key.trim_end_matches(['.', ' ']).to_owned()
}

/// `base` without the characters that have a meaning in paths of this platform. On Windows `c:name`
/// would leave the folder and `name:stream` would hide in another file.
fn local(base: &str) -> String {
    if cfg!(windows) {
        base.replace(['<', '>', ':', '"', '|', '?', '*'], "_")
    } else {
        base.into()
    }
}

/// Whether some system opens a device under this name, with any extension.
fn is_device(base: &str) -> bool {
    let stem = base
        .split('.')
        .next()
        .unwrap_or_default()
        .trim_end()
        .to_uppercase();
    if ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].contains(&stem.as_str()) {
        return true;
    }
    let port = stem
        .strip_prefix("COM")
        .or_else(|| stem.strip_prefix("LPT"));
    port.is_some_and(|number| {
        let mut digits = number.chars();
        let digit = digits
            .next()
            .is_some_and(|c| matches!(c, '0'..='9' | '¹' | '²' | '³'));
        digit && digits.next().is_none()
    })
}

/// `stem~digits.extension`, its stem cut (and an extension that would not fit dropped) to
/// [`LONGEST`] bytes.
fn with_suffix(base: &str, digits: &str) -> String {
    // A device is one up to its first dot: `NUL.tar~1.gz` would still be it.
    let dot = if is_device(base) {
        base.find('.')
    } else {
        base.rfind('.')
    };
    let (stem, extension) = match dot {
        Some(dot) if dot > 0 => base.split_at(dot),
        _ => (base, ""),
    };
    let room = LONGEST - 1 - digits.len();
    let (stem, extension) = if extension.len() < room {
        (stem, extension)
    } else {
        (base, "")
    };
    let mut end = stem.len().min(room - extension.len());
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}~{digits}{extension}", &stem[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beside(name: &str, others: &[&str]) -> Option<String> {
        let taken = |key: &str| others.iter().any(|other| path_key(other) == key);
        path_for(name, |key| Ok::<_, std::convert::Infallible>(taken(key))).unwrap_or_default()
    }

    fn alone(name: &str) -> Option<String> {
        beside(name, &[])
    }

    /// The first digits of the SHA-256 of a name, by coreutils' `sha256sum`.
    const DIGEST_OF_README: &str = "9e6e4772";

    #[test]
    fn takes_the_base_name_of_any_platform() {
        for (name, path) in [
            ("report.pdf", "report.pdf"),
            ("/home/alice/report.pdf", "report.pdf"),
            (r"C:\Users\alice\report.pdf", "report.pdf"),
            (r"C:\Users/alice\report.pdf", "report.pdf"),
            ("../../../etc/passwd", "passwd"),
            (r"..\..\boot.ini", "boot.ini"),
            (".bashrc", ".bashrc"),
            ("...", "..."),
            ("~", "~"),
            ("-rf", "-rf"),
            ("a b", "a b"),
            ("שלום.txt", "שלום.txt"),
            ("CONSOLE.txt", "CONSOLE.txt"),
            ("COM10", "COM10"),
        ] {
            assert_eq!(alone(name).as_deref(), Some(path), "{name}");
        }
    }

    #[test]
    fn refuses_names_that_no_file_can_have() {
        for name in [
            "",
            "folder/",
            r"folder\",
            ".",
            "..",
            "a/..",
            r"a\..",
            "a\nb",
            "c/a\tb",
            "\u{1b}[31mred",
            "a\u{7f}",
            "a\u{85}b",
        ] {
            assert_eq!(alone(name), None, "{name:?}");
        }
    }

    #[test]
    fn tells_names_apart_that_share_a_path() {
        assert_eq!(alone("readme.txt").as_deref(), Some("readme.txt"));
        let suffixed = format!("readme~{DIGEST_OF_README}.txt");
        assert_eq!(
            beside("readme.txt", &["README.TXT"]).as_ref(),
            Some(&suffixed)
        );
        assert_eq!(
            beside("readme.txt", &["readme.txt"]).as_ref(),
            Some(&suffixed)
        );
        // More of the digest where eight digits are taken as well.
        let longer = beside("readme.txt", &["readme.txt", &suffixed]).expect("a path");
        assert!(longer.starts_with(&suffixed[..15]), "{longer}");
        assert_eq!(longer.len(), suffixed.len() + 8);

        for (name, other) in [
            ("caf\u{e9}", "cafe\u{301}"),
            ("STRASSE", "straße"),
            ("\u{c5}", "\u{212b}"),
            ("note.", "note"),
            ("note ", "note"),
        ] {
            assert!(
                beside(name, &[other]).expect("a path").contains('~'),
                "{name} beside {other}"
            );
            assert!(
                beside(other, &[name]).expect("a path").contains('~'),
                "{other} beside {name}"
            );
        }
    }

    #[test]
    fn gives_devices_a_suffix() {
        for name in [
            "CON",
            "nul",
            "Nul.txt",
            "com1",
            "LPT9.tar.gz",
            "COM\u{b9}",
            "aux .c",
        ] {
            let path = alone(name).expect("a path");
            assert!(
                path.contains('~') && !is_device(&path),
                "{name} became {path}"
            );
        }
    }

    #[test]
    fn keeps_every_path_within_255_bytes() {
        let long = "x".repeat(254);
        assert_eq!(alone(&long).as_deref(), Some(long.as_str()));
        for name in [
            long,
            format!("{}.txt", "x".repeat(250)),
            format!("x.{}", "y".repeat(252)),
            "é".repeat(127),
            format!("{}.pdf", "\u{1f980}".repeat(62)),
        ] {
            let path = beside(&name, &[&name]).expect("a path");
            assert!(path.len() <= 255, "{} bytes: {path}", path.len());
            assert!(path.contains('~') && path != name, "{path}");
        }
        let long = format!("{}.txt", "x".repeat(250));
        assert!(beside(&long, &[&long]).is_some_and(|path| path.ends_with(".txt")));
    }
}
