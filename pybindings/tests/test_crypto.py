"""Keys, ciphers and the checksum, beyond what the vectors say."""

from __future__ import annotations

import array
import base64
import pickle
import sys
import threading
from collections.abc import Callable, Iterator

import backup_protocol as bp
import pytest

KEY = bytes(range(16))


@pytest.fixture(scope="module")
def pair() -> bp.KeyPair:
    return bp.KeyPair.generate()


def test_a_key_pair_goes_through_me_info(pair: bp.KeyPair) -> None:
    text = pair.to_base64()
    assert len(text) == 844
    assert base64.b64decode(text) == pair.to_der()
    wrapped = "\r\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    for again in (bp.KeyPair.from_base64(text), bp.KeyPair.from_base64(wrapped), bp.KeyPair.from_der(pair.to_der())):
        assert again == pair
        assert hash(again) == hash(pair)
    assert pair != bp.KeyPair.generate()
    assert repr(pair) == "<KeyPair>"
    with pytest.raises(ValueError, match="private key"):
        bp.KeyPair.from_base64("!")
    with pytest.raises(bp.CryptoError, match="PKCS#8") as caught:
        bp.KeyPair.from_base64("AAAA")
    assert (caught.value.slug, caught.value.section, caught.value.field) == (None, "8.3", "private key")


def test_a_public_key_is_160_bytes(pair: bp.KeyPair) -> None:
    der = bytes(pair.public_key)
    assert len(der) == 160
    assert bp.PublicKey(der) == pair.public_key == pickle.loads(pickle.dumps(pair.public_key))
    assert bp.SendPublicKey(bytes(16), "alice", pair.public_key).public_key == der
    with pytest.raises(bp.CryptoError) as caught:
        bp.PublicKey(der[1:])
    assert (caught.value.slug, caught.value.expected, caught.value.got) == ("public-key-size", 160, 159)


@pytest.mark.parametrize("size", [16, 24, 32])
def test_a_key_is_wrapped_for_one_pair(pair: bp.KeyPair, size: int) -> None:
    key = bytes(range(size))
    wrapped = pair.public_key.wrap(key)
    assert len(wrapped) == 128
    assert wrapped != pair.public_key.wrap(key)
    assert pair.unwrap(bytearray(wrapped)) == key
    with pytest.raises(bp.CryptoError) as caught:
        bp.KeyPair.generate().unwrap(wrapped)
    assert caught.value.slug == "unwrap-failed"


@pytest.mark.parametrize("size", [0, 15, 17, 33])
def test_other_key_sizes_are_refused(pair: bp.KeyPair, size: int) -> None:
    key = bytes(size)
    calls: list[Callable[[], object]] = [
        lambda: bp.encrypt(key, b""),
        lambda: bp.decrypt(key, bytes(16)),
        lambda: bp.Encryptor(key),
        lambda: bp.Decryptor(key),
        lambda: pair.public_key.wrap(key),
    ]
    for call in calls:
        with pytest.raises(bp.CryptoError) as caught:
            call()
        assert (caught.value.slug, caught.value.got) == ("aes-key-size", size)


def test_a_stream_cannot_go_on_after_its_end() -> None:
    encryptor = bp.Encryptor(KEY)
    content = encryptor.update(b"text") + encryptor.finish()
    decryptor = bp.Decryptor(KEY)
    assert decryptor.update(content) == b""
    assert decryptor.finish() == b"text"
    for stream in (encryptor, decryptor):
        for data in (b"", b"x", bytes(1 << 20)):
            with pytest.raises(ValueError, match="finished"):
                stream.update(data)
        with pytest.raises(ValueError, match="finished"):
            stream.finish()


def test_a_bad_end_ends_the_stream() -> None:
    decryptor = bp.Decryptor(KEY)
    decryptor.update(bytes(15))
    with pytest.raises(bp.CryptoError) as caught:
        decryptor.finish()
    assert caught.value.slug == "content-not-blocks"
    with pytest.raises(ValueError, match="finished"):
        decryptor.finish()


# Around the sizes from which on the GIL is given up and other buffers than `bytes` come in chunks.
@pytest.mark.parametrize("size", [0, 1, 32767, 32768, 262143, 262144, 262145, 1_000_001])
def test_every_buffer_gives_the_same(size: int) -> None:
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    spread = bytearray(2 * size)
    spread[::2] = data
    buffers: list[bytearray | memoryview[int]] = [bytearray(data), memoryview(data), memoryview(spread)[::2]]
    if size % 4 == 0:
        buffers.append(memoryview(array.array("I", data)))
    content = bp.encrypt(KEY, data)
    assert len(content) == size // 16 * 16 + 16
    for buffer in buffers:
        assert bp.cksum(buffer) == bp.cksum(data)
        assert bp.Cksum(buffer).finish() == bp.cksum(data)
        assert bp.encrypt(KEY, buffer) == content
        encryptor = bp.Encryptor(KEY)
        assert encryptor.update(buffer) + encryptor.finish() == content
    assert bp.decrypt(KEY, bytearray(content)) == data


def test_a_cksum_may_be_looked_at_on_the_way() -> None:
    cksum = bp.Cksum(b"1234")
    assert cksum.finish() == bp.cksum(b"1234")
    cksum.update(b"56789")
    assert (cksum.finish(), cksum.size) == (930766865, 9)
    with pytest.raises(TypeError):
        cksum.update("text")  # type: ignore[arg-type]


@pytest.fixture
def gil_kept_until_given_up() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("gil_kept_until_given_up")
@pytest.mark.parametrize(
    ("work", "times"),
    [
        (lambda data: bp.encrypt(KEY, data), 4),
        (lambda data: bp.decrypt(KEY, bp.encrypt(KEY, data)), 4),
        (lambda data: bp.Encryptor(KEY).update(data), 4),
        (lambda data: bp.Decryptor(KEY).update(data), 4),
        (lambda data: bp.cksum(data), 200),
        (lambda data: bp.Cksum().update(data), 200),
    ],
    ids=["encrypt", "decrypt", "Encryptor", "Decryptor", "cksum", "Cksum"],
)
def test_large_work_is_done_without_the_gil(work: Callable[[bytes], object], times: int) -> None:
    # So often that this thread has time to wake up on a busy machine.
    data = bytes(16 << 20)
    started, ended = threading.Event(), threading.Event()

    def run() -> None:
        started.set()
        for _ in range(times):
            work(data)
        ended.set()

    thread = threading.Thread(target=run)
    thread.start()
    # The interpreter comes back to this thread only where the other gives the GIL up.
    started.wait()
    in_between = not ended.is_set()
    thread.join()
    assert in_between
