from __future__ import annotations

import hashlib
import re

import pytest

from backup_server.paths import BadFileName, base_name, is_device, new_label, path_key, suffixed_path


@pytest.mark.parametrize(
    ("sent", "base"),
    [
        ("a.txt", "a.txt"),
        ("/etc/passwd", "passwd"),
        ("C:\\Users\\ann\\a.txt", "a.txt"),
        ("a/b\\c", "c"),
        ("a\\b/c", "c"),
        ("../../x", "x"),
        ("...", "..."),
        (" ", " "),
        ("~", "~"),
    ],
)
def test_base_name(sent: str, base: str) -> None:
    assert base_name(sent) == base


@pytest.mark.parametrize(
    "sent", ["", "/", "a/", "a\\", ".", "..", "a/.", "a\\..", "\n", "a\tb", "a\x7f", "a\x9f", "\x1b[0m"]
)
def test_names_that_are_no_path(sent: str) -> None:
    with pytest.raises(BadFileName):
        base_name(sent)


def test_paths_that_some_file_system_takes_for_one() -> None:
    assert path_key("\u00c9t\u00e9") == path_key("e\u0301TE\u0301")
    assert path_key("STRASSE") == path_key("stra\u00dfe")
    assert path_key("a") != path_key("b")
    for text in ("\u0130", "\u1fb3", "\u0345\u0301", "\u01f0"):
        assert path_key(path_key(text)) == path_key(text)


@pytest.mark.parametrize("base", ["CON", "nul", "Aux.txt", "com1", "LPT9.tar.gz", "prn .txt", "COM\u00b2", "conin$"])
def test_devices(base: str) -> None:
    assert is_device(base)
    assert not is_device(suffixed_path(base))


@pytest.mark.parametrize("base", ["CONS", "com", "com10", "com0", "acon", "a.con", ".con"])
def test_no_devices(base: str) -> None:
    assert not is_device(base)


@pytest.mark.parametrize(
    ("sent", "stem", "extension"),
    [
        ("dir/a.txt", "a", ".txt"),
        ("a.tar.gz", "a.tar", ".gz"),
        ("aux.tar.gz", "aux", ".tar.gz"),
        (".profile", ".profile", ""),
        ("Makefile", "Makefile", ""),
    ],
)
def test_suffix(sent: str, stem: str, extension: str) -> None:
    digits = hashlib.sha256(sent.encode()).hexdigest()[:8]
    assert suffixed_path(sent) == f"{stem}~{digits}{extension}"


@pytest.mark.parametrize("sent", ["x" * 254, "x" * 250 + ".txt", "x." + "y" * 252, "\u20ac" * 84, "a." + "\u20ac" * 84])
def test_a_suffix_is_never_cut(sent: str) -> None:
    path = suffixed_path(sent)
    assert 250 < len(path.encode()) <= 255
    assert "~" + hashlib.sha256(sent.encode()).hexdigest()[:8] in path


def test_labels() -> None:
    assert re.fullmatch(r"ann-[0-9a-f]{8}", new_label("../a n/n\0"))
    assert re.fullmatch(r"[0-9a-f]{8}", new_label("\u05d0.."))
    assert re.fullmatch(r"x{32}-[0-9a-f]{8}", new_label("x" * 254))
    assert new_label("ann") != new_label("ann")
