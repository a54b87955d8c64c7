"""PROTOCOL.md 7.1 and 7.4: from names that a stranger chose to names on our disk."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata

_LONGEST_PATH = 255  # bytes, 7.4
_DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    # Windows reads the superscripts 1 to 3 as digits here.
    f"{port}{digit}"
    for port in ("com", "lpt")
    for digit in "123456789\u00b9\u00b2\u00b3"
}


class BadFileName(Exception):
    """A file name that gives no path (7.4)."""


def new_label(client_name: str) -> str:
    """7.1: name the folder of a client: the safe characters of its name, at most 32, and 8 random hex digits."""
    safe = re.sub(r"[^A-Za-z0-9_-]", "", client_name)[:32]
    digits = secrets.token_hex(4)
    return f"{safe}-{digits}" if safe else digits


def base_name(file_name: str) -> str:
    """7.4: return what follows the last `/` or `\\`; clients send paths of their own platform."""
    base = re.split(r"[/\\]", file_name)[-1]
    if base in ("", ".", ".."):
        raise BadFileName("no base name")
    if any(unicodedata.category(character) == "Cc" for character in base):
        raise BadFileName("a control character")
    return base


def path_key(path: str) -> str:
    """7.4: return the form in which two paths are compared, so that no file system takes two of ours for one."""
    # Folding can undo the normal form, so it is taken again.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def is_device(base: str) -> bool:
    """Tell whether some system takes this base name for a device. Windows does so whatever follows the first dot."""
    return base.partition(".")[0].rstrip(" ").lower() in _DEVICES


def suffixed_path(file_name: str, digits: int = 8) -> str:
    """7.4: return stem, `~`, hex digits of the SHA-256 of the name as sent, and extension, 255 bytes at most."""
    base = base_name(file_name)
    # The stem of a device ends at the first dot: `aux.tar~1234abcd.gz` would still be a device.
    # Elsewhere the extension begins at the last dot, and a dot in front begins none.
    dot = base.find(".") if is_device(base) else base.rfind(".")
    stem, extension = (base[:dot], base[dot:]) if dot > 0 else (base, "")
    suffix = "~" + hashlib.sha256(file_name.encode("utf-8")).hexdigest()[:digits]
    # The suffix is what makes the path differ, so stem and extension are what is cut.
    extension = _cut(extension, _LONGEST_PATH - len(suffix) - 1)
    stem = _cut(stem, _LONGEST_PATH - len(suffix) - len(extension.encode("utf-8")))
    return stem + suffix + extension


def _cut(text: str, size: int) -> str:
    """Cut a text to at most this many bytes, between characters."""
    return text.encode("utf-8")[:size].decode("utf-8", errors="ignore")
