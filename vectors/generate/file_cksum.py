"""What the checksum in 2103 is taken over: plaintext, padded plaintext or ciphertext."""

from __future__ import annotations

from collections.abc import Iterator

from file_cipher import encrypt
from layout import EVERY, Dialect, dialect
from lib import CHECKSUMS, VectorFile, counting, main

KEY = bytes(range(32))


def build() -> VectorFile:
    file = VectorFile(
        path="file_cksum.json",
        title="Checksum of a file",
        decodes="file-cksum",
        section="10.2",
        header=[
            "Each test takes encrypted content: decrypt it with the group's aes_key, and take the dialect's checksum",
            "over the dialect's checksum_input. In a file of whole blocks the three inputs differ most: the padding is",
            "a block of its own.",
        ],
        notes={
            "Input": (
                "WrongAlgorithm",
                "The checksum is taken over other bytes: the plaintext without its padding, the plaintext with it, or"
                " the ciphertext (PROTOCOL.md 10.2). The wrong one judges every file wrong.",
            ),
            "Kind": ("WrongAlgorithm", "Kind and input of the checksum are chosen apart from each other."),
        },
        since=2,
    )
    for name in EVERY:
        _tests(file, dialect(name), "Input")
    for d in _modified():
        _tests(file, d, "Kind" if d.data["checksum"] != "posix" else "Input")
    return file


def _modified() -> Iterator[Dialect]:
    for base in ("seed", "2024c"):
        for over in ("padded", "content"):
            yield dialect(base, checksum_input=over)
    yield dialect("2022c", checksum="zlib", checksum_input="content")
    yield dialect("2023a", checksum="zlib", checksum_input="padded")
    yield dialect("readme", checksum="crc8", checksum_input="content")
    yield dialect("2023c", checksum="crc8", checksum_input="padded")


def _tests(file: VectorFile, d: Dialect, flag: str) -> None:
    key = KEY[: d.data["aes_key_size"]]
    group = file.group_for(d, aes_key=key.hex())
    for ident, comment, data in (
        ("empty", "an empty file", b""),
        ("check-value", "the nine digits", b"123456789"),
        ("whole-blocks", "32 bytes", counting(32)),
        ("300-bytes", "more than 256 bytes", counting(300)),
    ):
        content = encrypt(key, data)
        missing = 16 - len(data) % 16
        inputs = {"plaintext": data, "padded": data + bytes([missing]) * missing, "content": content}
        value = CHECKSUMS[d.data["checksum"]](inputs[d.data["checksum_input"]])
        group.valid(f"{d.slug}-{ident}", comment, [flag], content, {"plaintext": data.hex(), "cksum": value})


if __name__ == "__main__":
    main(build)
