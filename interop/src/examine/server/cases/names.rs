//! File names: paths of other systems, encodings, and what is no name at all.

use super::{Setting, must};
use crate::cell::{Step, Stop};
use crate::examine::case::Case;
use crate::message::{Field, Kind};
use crate::store::base_name;

pub(super) const CASES: &[Case<Setting>] = &[
    must(
        "server/names/echo",
        "2.8",
        "sends a file with a name of ordinary characters",
        "2103 with the name as sent, padded with zeros",
        |s| accepted(s, b"Report of 2024-05-01 (final).txt"),
    ),
    must(
        "server/names/path-with-slashes",
        "7.4",
        "sends a file named `dir/sub/file.txt`",
        "2103 with the name as sent; the server stores the base name",
        |s| accepted(s, b"dir/sub/file.txt"),
    ),
    must(
        "server/names/path-with-backslashes",
        "7.4",
        "sends a file named `C:\\Users\\alice\\file.txt`",
        "2103 with the name as sent",
        |s| accepted(s, b"C:\\Users\\alice\\file.txt"),
    ),
    must(
        "server/names/absolute-path",
        "7.4",
        "sends a file whose name is an absolute path",
        "2103 with the name as sent, and nothing written to that path",
        |s| {
            let path = s.folder().join("absolute.txt");
            let name = path.to_string_lossy().into_owned();
            if name.len() > 254 {
                return Err(Stop::Skip(
                    "the path of the run's folder is too long for a name: use --keep".into(),
                ));
            }
            accepted(s, name.as_bytes())?;
            if path.exists() {
                s.found(
                    Field::StoredFile,
                    "no file there",
                    "it was written to that path",
                );
            }
            Ok(())
        },
    ),
    must(
        "server/names/parent-folders",
        "7.4",
        "sends files named `../outside.txt` up to `../../../../outside.txt`",
        "2103 with the name as sent, and nothing written outside the server's folder",
        parent_folders,
    ),
    must(
        "server/names/folder-of-the-same-name",
        "7.4",
        "sends a file `a`, and then one named `a/b`",
        "2103 to both: a name is no path",
        |s| {
            let link = s.connect()?;
            let mut client = s.client(&link, "alice")?;
            s.uploaded(&link, &client, b"a", b"a file")?;
            let other = s.connect_after(&link)?;
            s.exchanged(&other, &mut client)?;
            s.uploaded(&other, &client, b"a/b", b"a file in a file")
                .map(drop)
        },
    ),
    must(
        "server/names/two-paths-to-one-base-name",
        "7.4",
        "sends `x/a.txt` and `y/a.txt`, gives up the second, has the first verified",
        "both verdicts honoured: a file is identified by its name as sent",
        |s| two_names(s, b"x/a.txt", b"y/a.txt"),
    ),
    must(
        "server/names/upper-and-lower-case",
        "7.4",
        "sends `Readme.TXT` and `README.txt`, gives up the second, has the first verified",
        "both verdicts honoured: a file is identified by its name as sent",
        |s| two_names(s, b"Readme.TXT", b"README.txt"),
    ),
    must(
        "server/names/dot-dot",
        "7.4",
        "sends a file named `..`",
        "a refusal, and the connection goes on",
        |s| refused(s, b".."),
    ),
    must(
        "server/names/dot",
        "7.4",
        "sends a file named `.`",
        "a refusal, and the connection goes on",
        |s| refused(s, b"."),
    ),
    must(
        "server/names/folder-alone",
        "7.4",
        "sends a file named `folder/`, which has no base name",
        "a refusal, and the connection goes on",
        |s| refused(s, b"folder/"),
    ),
    must(
        "server/names/dot-dot-behind-a-backslash",
        "7.4",
        "sends a file named `folder\\..`",
        "a refusal, and the connection goes on",
        |s| refused(s, b"folder\\.."),
    ),
    must(
        "server/names/control-characters",
        "7.4",
        "sends a file whose name has a newline",
        "a refusal, and the connection goes on",
        |s| refused(s, b"two\nlines.txt"),
    ),
    must(
        "server/names/empty",
        "1.8",
        "sends a file with a name field of zeros",
        "a refusal, and the connection goes on",
        |s| refused(s, b""),
    ),
    must(
        "server/names/unterminated",
        "1.8",
        "sends a file whose name fills the whole field, without a NUL",
        "a refusal, and the connection goes on",
        |s| {
            let name = vec![b'a'; s.dialect().name_width];
            refused(s, &name)
        },
    ),
    must(
        "server/names/not-utf8",
        "1.8",
        "sends a file whose name has the byte ff, which UTF-8 does not have",
        "a refusal, and the connection goes on",
        |s| refused(s, b"a\xff\xfe.txt"),
    ),
    must(
        "server/names/longest",
        "1.8",
        "sends a file with a name of 254 bytes, the longest that fits",
        "2103 with the name as sent",
        |s| {
            let mut name = vec![b'n'; 250];
            name.extend(b".txt");
            accepted(s, &name)
        },
    ),
    must(
        "server/names/hebrew",
        "1.8",
        "sends a file with a name in Hebrew, as UTF-8",
        "2103 with the name as sent",
        |s| accepted(s, "גיבוי.txt".as_bytes()),
    ),
    must(
        "server/names/devices",
        "7.4",
        "sends files named `CON`, `nul.txt` and `LPT1`, which are devices on some systems",
        "2103 with the names as sent",
        |s| {
            let names = [&b"CON"[..], b"nul.txt", b"LPT1"];
            (1..)
                .zip(names)
                .try_for_each(|(number, name)| accepted_by(s, number, name))
        },
    ),
    must(
        "server/names/characters-of-shells",
        "7.4",
        "sends a file with spaces, quotes, `$`, `;`, `*` and `%` in its name",
        "2103 with the name as sent",
        |s| accepted(s, b"a 'b' \"c\" $(d); * %s {e} ?.txt"),
    ),
    must(
        "server/names/bytes-behind-the-nul",
        "2.8",
        "sends a file with other bytes than zeros behind the name's NUL",
        "2103 with the name as sent and zeros behind it",
        |s| {
            let link = s.connect()?;
            let client = s.client(&link, "alice")?;
            let mut name = b"a.txt\0".to_vec();
            name.resize(s.dialect().name_width, b'x');
            let content = client.key()?.encrypt(b"behind the nul");
            link.send(s.file(&client, &name, &content, 14).bytes())?;
            link.expect(Kind::FileReceived)?;
            s.judged(&link, Kind::CksumRight, &client, b"a.txt")
        },
    ),
];

fn accepted(s: &mut Setting, name: &[u8]) -> Step {
    accepted_by(s, 1, name)
}

/// Sends a file of this name, as one of several clients, and has it verified.
fn accepted_by(s: &mut Setting, client: usize, name: &[u8]) -> Step {
    let link = s.connect()?;
    let client = s.client(&link, &format!("alice-{client}"))?;
    let plain = s.bytes(40);
    s.uploaded(&link, &client, name, &plain)?;
    s.judged(&link, Kind::CksumRight, &client, name)?;
    link.end()?;
    link.closed()
}

fn refused(s: &mut Setting, name: &[u8]) -> Step {
    let link = s.connect()?;
    let client = s.client(&link, "alice")?;
    let content = client.key()?.encrypt(b"of no name");
    link.send(s.file(&client, name, &content, 10).bytes())?;
    s.refused_and_goes_on(&link, Kind::SendFile)
}

/// Two names that are easily taken for one: a verdict about the second must not touch the first.
fn two_names(s: &mut Setting, first: &[u8], second: &[u8]) -> Step {
    let link = s.connect()?;
    let mut client = s.client(&link, "alice")?;
    s.uploaded(&link, &client, first, b"the first")?;
    let other = s.connect_after(&link)?;
    s.exchanged(&other, &mut client)?;
    s.uploaded(&other, &client, second, b"the second")?;
    s.judged(&other, Kind::GiveUp, &client, second)?;
    let third = s.connect_after(&other)?;
    s.judged(&third, Kind::CksumRight, &client, first)
}

fn parent_folders(s: &mut Setting) -> Step {
    let base = format!("outside-{}.txt", String::from_utf8_lossy(&s.name("x")));
    for depth in 1..=4 {
        let name = format!("{}{base}", "../".repeat(depth));
        accepted_by(s, depth, name.as_bytes())?;
    }
    // Elsewhere nobody can look.
    let Ok(work) = s.work() else { return Ok(()) };
    let above = work.ancestors().skip(1).take(3);
    let outside = above.map(|folder| folder.join(base_name(&base)));
    if let Some(path) = outside.into_iter().find(|path| path.exists()) {
        let got = format!("{} was written", path.display());
        s.found(
            Field::StoredFile,
            "nothing outside the server's folder",
            &got,
        );
        // It is the examiner who had it written.
        std::fs::remove_file(&path).map_err(|error| Stop::Ours(error.to_string()))?;
    }
    Ok(())
}
