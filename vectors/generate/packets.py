"""Sequences of packets: a file that comes in several requests, and the ways in which it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from file_cipher import encrypt
from layout import Dialect, dialect
from lib import ALICE, Group, VectorFile, counting, main
from notes import common

NAME = "report.txt"
OTHER = "other.txt"
KEY = bytes(range(32))


def build() -> VectorFile:
    file = VectorFile(
        path="packets.json",
        title="Sequences of packets",
        decodes="packets",
        section="10.7",
        header=[
            "Each test is a list of send file requests as they come on one connection, all of one client and with",
            "nothing between. outcome says what a receiver makes of each (README.md, Packets). Contents are encrypted",
            "with the group's aes_key, so that a whole session can be tested as well as what gathers the packets.",
        ],
        notes={
            **common("DirtyPadding", "Typical"),
            "AnyCut": (
                "Functionality",
                "A receiver MUST take any cut (PROTOCOL.md 10.7): inside a block, one byte, no content at all. One that"
                " decrypts packet by packet goes wrong.",
            ),
            "NewFile": (
                "Functionality",
                "A packet 1 begins a new file, also in the middle of another, which it drops.",
            ),
            "Discarded": (
                "WrongDiagnosis",
                "The sender does not read between packets. A second answer for the same file would be taken for the"
                " answer to a later request.",
            ),
            "Number": ("MissingCheck", "A packet that is 0, repeated, missing, out of order, or beyond the total."),
            "Mismatch": ("MissingCheck", "A packet contradicts the first one of its file in name, sizes or total."),
            "Overflow": (
                "MissingCheck",
                "More content than the content size, or less with the last packet. A receiver that trusts the sizes"
                " writes past them, or stores half a file.",
            ),
            "Sizes": (
                "MissingCheck",
                "The content is no whole number of blocks, or PKCS#7 does not make it of the original size.",
            ),
        },
        since=2,
    )
    for name in ("2024a", "2024c"):
        d = dialect(name)
        group = file.group_for(d, aes_key=KEY.hex())
        _taken(group, d)
        _numbers(group, d)
        _mismatches(group, d)
        _sizes(group, d)
        _recoveries(group, d)
    return file


@dataclass(frozen=True)
class Packet:
    """One 1103; `size` and `original` are what it says of the whole file."""

    content: bytes
    number: int
    total: int
    size: int
    original: int
    name: bytes = NAME.encode()
    after_nul: bytes = b""

    def wire(self, d: Dialect) -> bytes:
        field = d.name_field(self.name, after_nul=self.after_nul)
        fixed = d.send_file(ALICE, self.size, field, original=self.original, number=self.number, total=self.total)
        return d.request(ALICE, "send_file", fixed + self.content)


def _cut(plaintext: bytes, *sizes: int, name: str = NAME) -> list[Packet]:
    """The file in packets of these sizes, and what is left in the last one."""
    content = encrypt(KEY, plaintext)
    pieces, at = [], 0
    for size in sizes:
        pieces.append(content[at : at + size])
        at += size
    pieces.append(content[at:])
    return [
        Packet(piece, number, len(pieces), len(content), len(plaintext), name.encode())
        for number, piece in enumerate(pieces, 1)
    ]


FILE = counting(40)
"""Its content has 48 bytes."""
THREE = _cut(FILE, 16, 16)


def _messages(d: Dialect, packets: Sequence[Packet], outcomes: Sequence[str]) -> list[dict[str, str]]:
    return [
        {"bytes": packet.wire(d).hex(), "outcome": outcome} for packet, outcome in zip(packets, outcomes, strict=True)
    ]


def _taken_test(
    group: Group, d: Dialect, ident: str, comment: str, flags: list[str], packets: list[Packet], **how: Any
) -> None:
    """Every packet is taken; `plaintext` is the file that is complete with the last one."""
    plaintext: bytes = how.get("plaintext", FILE)
    name: str = how.get("name", NAME)
    content = encrypt(KEY, plaintext)
    group.tests.append(
        {
            "id": f"{d.name}-{ident}",
            "comment": comment,
            "flags": sorted(flags),
            "messages": _messages(d, packets, ["more"] * (len(packets) - 1) + ["complete"]),
            "result": how.get("result", "valid"),
            "fields": {
                "file_name": name,
                "content_size": len(content),
                "original_size": len(plaintext),
                "content": content.hex(),
                "plaintext": plaintext.hex(),
            },
        }
    )


def _refused_test(
    group: Group,
    d: Dialect,
    ident: str,
    comment: str,
    flags: list[str],
    packets: list[Packet],
    error: str,
    *,
    outcomes: list[str] | None = None,
    aliases: Sequence[str] = (),
) -> None:
    """The last packet is refused, unless `outcomes` says otherwise."""
    group.tests.append(
        {
            "id": f"{d.name}-{ident}",
            "comment": comment,
            "flags": sorted(flags),
            "messages": _messages(d, packets, outcomes or ["more"] * (len(packets) - 1) + ["refused"]),
            "result": "invalid",
            "error": error,
            **({"aliases": list(aliases)} if aliases else {}),
        }
    )


def _taken(group: Group, d: Dialect) -> None:
    for ident, comment, flags, packets in (
        ("one-packet", "the whole file in one packet", ["Typical"], _cut(FILE)),
        ("three-packets", "a block each", ["Typical"], THREE),
        ("two-unequal-packets", "one block, and two", ["Typical"], _cut(FILE, 16)),
        ("cut-inside-a-block", "17, 17 and 14 bytes", ["AnyCut"], _cut(FILE, 17, 17)),
        ("cut-before-the-last-byte", "47 bytes and one", ["AnyCut"], _cut(FILE, 47)),
        ("byte-by-byte", "48 packets of one byte", ["AnyCut"], _cut(FILE, *[1] * 47)),
        ("first-without-content", "all of it in the second packet", ["AnyCut"], _cut(FILE, 0)),
        ("middle-without-content", "16, 0 and 32 bytes", ["AnyCut"], _cut(FILE, 16, 0)),
        ("last-without-content", "48 bytes and none", ["AnyCut"], _cut(FILE, 48)),
    ):
        _taken_test(group, d, ident, comment, flags, packets)
    for size, cuts, comment in (
        (0, (), "an empty file: a block of padding"),
        (15, (8,), "one block in two packets"),
        (16, (16,), "a whole block, and the padding in a packet of its own"),
    ):
        _taken_test(
            group,
            d,
            f"file-of-{size}",
            comment,
            ["Typical"],
            _cut(counting(size), *cuts),
            plaintext=counting(size),
        )
    _taken_test(
        group,
        d,
        "other-padding-of-the-name",
        "the name is that of packet 1: what follows its NUL is ignored",
        ["DirtyPadding"],
        [THREE[0], replace(THREE[1], after_nul=b"old"), THREE[2]],
        result="acceptable",
    )
    other = _cut(counting(20), 16, name=OTHER)
    for ident, comment, packets in (
        ("new-file-in-the-middle", "packet 1 of another file drops the first one", [*THREE[:2], *other]),
        ("begun-again", "packet 1 of the same file once more", [THREE[0], *THREE]),
        ("begun-again-in-fewer", "the same file in one packet, after one of three", [THREE[0], *_cut(FILE)]),
    ):
        what = {"plaintext": counting(20), "name": OTHER} if packets[-1].name == OTHER.encode() else {}
        _taken_test(group, d, ident, comment, ["NewFile"], packets, **what)


def _numbers(group: Group, d: Dialect) -> None:
    one, two, three = THREE
    for ident, comment, packets in (
        ("number-0", "packets are numbered from 1", [replace(_cut(FILE)[0], number=0)]),
        ("total-0", "a file in no packets", [replace(_cut(FILE)[0], total=0)]),
        ("number-and-total-0", "all zeros: a peer without packet fields", [replace(_cut(FILE)[0], number=0, total=0)]),
        ("begins-with-2", "nothing was begun", [two]),
        ("begins-with-the-last", "nothing was begun", [three]),
        ("repeated", "packet 2 twice", [one, two, two]),
        ("missing", "packet 2 does not come", [one, three]),
        ("number-0-in-the-middle", "packet 0 after 1", [one, replace(two, number=0)]),
        ("beyond-the-total", "packet 4 of 3, after the first two", [one, two, replace(three, number=4)]),
        ("2-of-1", "above the total from the start", [replace(_cut(FILE)[0], number=2)]),
        ("after-the-end", "packet 3 comes again after the file was complete", [one, two, three, three]),
    ):
        outcomes = ["more", "more", "complete", "refused"] if ident == "after-the-end" else None
        _refused_test(group, d, ident, comment, ["Number"], packets, "packet-number", outcomes=outcomes)


def _mismatches(group: Group, d: Dialect) -> None:
    one, two, _ = THREE
    for ident, comment, packet in (
        ("other-name", "another file name", replace(two, name=OTHER.encode())),
        ("other-case", "the same name in capitals is another name", replace(two, name=b"REPORT.TXT")),
        ("other-total", "3 packets become 4", replace(two, total=4)),
        ("fewer-in-total", "3 packets become 2", replace(two, total=2)),
        ("other-sizes", "both sizes are those of a larger file", replace(two, size=64, original=50)),
        ("other-original-size", "41 bytes in place of 40, which have as much content", replace(two, original=41)),
        ("total-0-later", "the total is gone", replace(two, total=0)),
    ):
        total_gone = packet.total == 0
        _refused_test(
            group,
            d,
            ident,
            comment,
            ["Mismatch"],
            [one, packet],
            "packet-number" if total_gone else "packet-mismatch",
            aliases=["packet-mismatch"] if total_gone else (),
        )
    _refused_test(
        group,
        d,
        "sizes-of-the-packet",
        "each packet says its own size in place of the file's",
        ["Mismatch"],
        [replace(one, size=16, original=15), replace(two, size=32, original=31)],
        "packet-mismatch",
    )


def _sizes(group: Group, d: Dialect) -> None:
    one, two, three = THREE
    extra = bytes(1)
    for ident, comment, packets in (
        (
            "one-byte-more",
            "a byte more than the content size",
            [one, two, replace(three, content=three.content + extra)],
        ),
        ("more-in-the-middle", "packet 2 runs over", [one, replace(two, content=two.content + counting(17))]),
        ("more-in-the-first", "packet 1 of 2 runs over", [replace(one, total=2, content=counting(49))]),
        ("more-in-one-packet", "the only packet runs over", [replace(_cut(FILE)[0], content=counting(64))]),
        ("one-byte-less", "the last byte is missing", [one, two, replace(three, content=three.content[:-1])]),
        (
            "last-without-the-rest",
            "the last packet is empty, and 16 bytes are due",
            [one, two, replace(three, content=b"")],
        ),
        ("less-in-one-packet", "the only packet is a block short", [replace(_cut(FILE)[0], content=counting(32))]),
        ("no-content-at-all", "the only packet is empty", [replace(_cut(FILE)[0], content=b"")]),
    ):
        _refused_test(group, d, ident, comment, ["Overflow"], packets, "packet-overflow")
    for ident, comment, size, original, error in (
        ("original-size-of-the-content", "48 bytes of plaintext have 64 of content", 48, 48, "content-size-mismatch"),
        ("original-size-too-small", "31 bytes have 32 of content", 48, 31, "content-size-mismatch"),
        ("content-size-0", "no content: even an empty file has its padding", 0, 0, "content-not-blocks"),
        ("content-size-47", "no whole number of blocks", 47, 40, "content-not-blocks"),
    ):
        packet = replace(one, size=size, original=original, content=b"")
        _refused_test(group, d, ident, comment, ["Sizes"], [packet], error)


def _recoveries(group: Group, d: Dialect) -> None:
    """The first fault is answered, the rest of the file is not, and the next file is taken."""
    one, two, three = THREE
    other = _cut(counting(20), 16, name=OTHER)
    _refused_test(
        group,
        d,
        "rest-is-discarded",
        "packet 1 of 3 is refused; 2 and 3 are discarded, and the next file is taken",
        ["Discarded", "Sizes"],
        [*(replace(packet, original=48) for packet in THREE), *other],
        "content-size-mismatch",
        outcomes=["refused", "discarded", "discarded", "more", "complete"],
    )
    four = _cut(FILE, 12, 12, 12)
    _refused_test(
        group,
        d,
        "swapped-then-discarded",
        "packets 1, 3, 2, 4 of 4: 3 is refused, and the late 2 is discarded as 4 is",
        ["Discarded", "Number"],
        [four[0], four[2], four[1], four[3], *other],
        "packet-number",
        outcomes=["more", "refused", "discarded", "discarded", "more", "complete"],
    )
    _refused_test(
        group,
        d,
        "missing-then-discarded",
        "packets 1, 3, 4 of 4: 3 is refused and 4 discarded; the file then comes again, whole",
        ["Discarded", "Number"],
        [replace(packet, total=4) for packet in (one, three)] + [replace(three, number=4, total=4), one, two, three],
        "packet-number",
        outcomes=["more", "refused", "discarded", "more", "more", "complete"],
    )
    _refused_test(
        group,
        d,
        "new-file-ends-discarding",
        "packet 1 of another file comes before the refused one has come to its end",
        ["Discarded", "Mismatch", "NewFile"],
        [one, replace(two, name=b"else.txt"), *other],
        "packet-mismatch",
        outcomes=["more", "refused", "more", "complete"],
    )
    _refused_test(
        group,
        d,
        "last-refused",
        "the last packet is refused: nothing is left to discard, and the file comes again",
        ["Overflow"],
        [one, two, replace(three, content=b""), *THREE],
        "packet-overflow",
        outcomes=["more", "more", "refused", "more", "more", "complete"],
    )


if __name__ == "__main__":
    main(build)
