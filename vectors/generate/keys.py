"""RSA test keys. They are published here, so they protect nothing: never use them for data of anyone's.

Each is two fixed primes of 512 bits whose product has 1024, with the exponent 17 (PROTOCOL.md 4.1).
"""

from __future__ import annotations

from Crypto.PublicKey import RSA

LABEL = "published test key: never use it for anything else"

_ALICE = (
    0xB6A599FB5473EE07E6F9EFE74AA0341FEEA6EECD332BA071B22B8C947DE63735783CDCADCC6E8EB8EBBA0F52DE554B1D3F7FB83AFE5EF99F4FAB6EAF165B9767,
    0xD3B511C58F5B168D83766A172A1761FBDC886C9ED6B117C6BF331D5F1EB5A5719FCF288EB885676465C537EFBD3AF2772BDAED0F1409888E2670394A523DCEDD,
)
_OTHER = (
    0xB87FA19A4E119CBC455BDA2C4F3D97ACC4BE0F714456F11DA0E644DE9B37D107F82FA0738BE7BCC9858621105B69BCE61926DAC30D806BA21D905BBB0383D947,
    0xEEEF83367B24A41BCDA56192EB5960D99703DD5AA67ACD8C9D15C5B64595E91E9C15D6F706085C1A0C5E2B2B8D69FB2F7ED98CCC9F777570AD59911FA02C3673,
)


def _key(p: int, q: int) -> RSA.RsaKey:
    n = p * q
    return RSA.construct((n, 17, pow(17, -1, (p - 1) * (q - 1)), p, q))


ALICE_KEY = _key(*_ALICE)
"""The key of the client `alice`; its PKCS#8 DER has 633 bytes, 844 characters in base64 as PROTOCOL.md 8.3 says."""
OTHER_KEY = _key(*_OTHER)


def private_der(key: RSA.RsaKey) -> bytes:
    return key.export_key("DER", pkcs=8)


def public_der(key: RSA.RsaKey) -> bytes:
    return key.public_key().export_key("DER")
