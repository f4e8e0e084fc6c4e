from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence import sm3
from evidence.sm3 import new_sm3, sm3_source

pytestmark = pytest.mark.skipif("sm3" not in hashlib.algorithms_available, reason="there is no second SM3 to ask")


def test_the_standards_own_examples() -> None:
    # GB/T 32905-2016, appendix A.1 and A.2.
    for content, expected in (
        (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
    ):
        digest = new_sm3()
        digest.update(content)
        assert digest.hexdigest() == expected


@given(parts=st.lists(st.binary(max_size=300), max_size=6))
@settings(max_examples=60)
def test_both_libraries_agree_however_the_bytes_come(parts: list[bytes]) -> None:
    digest, expected = new_sm3(), hashlib.new("sm3")
    for number, part in enumerate(parts):
        digest.update(memoryview(bytearray(part)) if number % 2 else part)
        expected.update(part)
        assert digest.hexdigest() == expected.hexdigest()


def test_digests_in_many_threads_do_not_mix() -> None:
    contents = [bytes([number]) * (1 << 20) for number in range(8)]

    def digest(content: bytes) -> str:
        running = new_sm3()
        for at in range(0, len(content), 1 << 16):
            running.update(content[at : at + (1 << 16)])
        return running.hexdigest()

    with ThreadPoolExecutor(max_workers=4) as pool:
        assert list(pool.map(digest, contents)) == [hashlib.new("sm3", content).hexdigest() for content in contents]


def test_without_the_fast_library_openssl_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sm3, "_libgcrypt", lambda: None)
    digest = new_sm3()
    digest.update(b"abc")
    assert digest.hexdigest() == sm3.EXAMPLE[1]
    assert sm3_source() == "OpenSSL"
