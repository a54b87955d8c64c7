"""Which names a server takes for a file, and what part of them is its path."""

from __future__ import annotations

from layout import EVERY
from lib import VectorFile, main, name_field

HEBREW = "\u05d2\u05d9\u05d1\u05d5\u05d9.txt"


def build() -> VectorFile:
    file = VectorFile(
        path="file_name.json",
        title="File names and their base names",
        decodes="file-name",
        section="7.4",
        header=[
            "Each test decodes the name field of a 1103, and takes the base name: what follows the last slash or",
            "backslash. What the store makes of a base name that another file holds is not in these tests.",
        ],
        notes={
            "ControlCharacter": (
                "MissingCheck",
                "A control character in the base name: it can break lines of a log, or hide what a listing shows.",
            ),
            "NoBaseName": ("MissingCheck", "A path that names a folder: there is nothing to store the file as."),
            "Path": (
                "Compatibility",
                "Clients send paths of their own platform (PROTOCOL.md 3.1). Both separators count on every platform.",
            ),
            "Traversal": (
                "MissingCheck",
                "A path that climbs out of its folder. Where it has a base name, that alone is used; a server that"
                " joins the path to its own writes anywhere.",
            ),
            "Typical": ("Functionality", "A name without a path."),
            "Unicode": ("Functionality", "A name outside ASCII, kept as it is."),
        },
        since=2,
    )
    group = file.group(EVERY)
    for ident, comment, flags, text, base in (
        ("plain", "a name and an extension", ["Typical"], "report.txt", "report.txt"),
        ("spaces", "spaces belong to the name", ["Typical"], " annual report .txt ", " annual report .txt "),
        ("hidden", "begins with a dot", ["Typical"], ".profile", ".profile"),
        ("three-dots", "three dots are a name", ["Typical"], "...", "..."),
        ("two-dots-and-more", "begins with two dots", ["Typical"], "..report", "..report"),
        ("hebrew", "Hebrew letters", ["Unicode"], HEBREW, HEBREW),
        ("unix-path", "an absolute path", ["Path"], "/home/alice/report.txt", "report.txt"),
        ("windows-path", "drive letter and backslashes", ["Path"], "C:\\Users\\alice\\report.txt", "report.txt"),
        ("mixed-path", "both separators", ["Path"], "C:\\Users/alice\\a/report.txt", "report.txt"),
        ("backslash-last", "the backslash is the later separator", ["Path"], "a/b\\report.txt", "report.txt"),
        ("hebrew-path", "a folder in Hebrew letters", ["Path", "Unicode"], "\u05d0/report.txt", "report.txt"),
        ("drive-alone", "a colon is no separator", ["Path"], "C:report.txt", "C:report.txt"),
        ("climbs", "two folders up", ["Traversal"], "../../etc/passwd", "passwd"),
        ("climbs-with-backslashes", "two folders up", ["Traversal"], "..\\..\\boot.ini", "boot.ini"),
    ):
        group.valid(ident, comment, flags, name_field(text), {"text": text, "base_name": base})
    for ident, comment, flags, text in (
        ("dot", "the folder itself", ["Traversal"], "."),
        ("two-dots", "the folder above", ["Traversal"], ".."),
        ("ends-in-two-dots", "the folder above another", ["Traversal"], "files/.."),
        ("ends-in-backslash-and-dot", "a folder itself", ["Traversal"], "files\\."),
        ("slash", "the root", ["NoBaseName"], "/"),
        ("ends-in-slash", "a folder", ["NoBaseName"], "/home/alice/"),
        ("ends-in-backslash", "a folder", ["NoBaseName"], "C:\\Users\\alice\\"),
        ("newline", "U+000A inside the name", ["ControlCharacter"], "report\n.txt"),
        ("carriage-return-at-the-end", "a line of a file with CRLF", ["ControlCharacter"], "report.txt\r"),
        ("tab", "U+0009", ["ControlCharacter"], "annual\treport.txt"),
        ("escape", "U+001B begins what a terminal obeys", ["ControlCharacter"], "\x1b[2Jreport.txt"),
        ("delete", "U+007F", ["ControlCharacter"], "report\x7f.txt"),
        ("next-line", "U+0085, a control character outside ASCII", ["ControlCharacter"], "report\u0085.txt"),
        ("after-a-path", "U+0001 behind a path", ["ControlCharacter"], "files/\x01report.txt"),
    ):
        group.invalid(ident, comment, flags, name_field(text), "bad-file-name")
    return file


if __name__ == "__main__":
    main(build)
