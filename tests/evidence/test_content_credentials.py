from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any

import av
import numpy as np
import pytest
import typst
from PIL import Image

from core.errors import IntegrityFailed
from evidence.handing_out.content_credentials import check_copy, mark_copy
from tests.evidence.content_authority import make_authority


def test_a_marked_copy_is_trusted_by_who_trusts_the_bureau_and_by_nobody_else(case: Any) -> None:
    root, signer = make_authority("示范区应急管理局")
    stranger_root, _signer = make_authority("somebody")
    copy = case.derived[0]
    marked = mark_copy(copy, signer, program="skywarden 0.1.0")
    assert marked.content != copy.content
    check = check_copy(marked.content, "image/jpeg", root)
    assert check.good, check
    assert check.source_sha256 == copy.derivation.source_sha256
    assert check.issuer == "示范区应急管理局"
    other = check_copy(marked.content, "image/jpeg", stranger_root)
    assert other.state == "Valid"  # the library's word for: unchanged, and signed by anybody
    assert not other.good
    assert Image.open(BytesIO(marked.content)).size == Image.open(BytesIO(copy.content)).size


def _video() -> bytes:
    buffer = BytesIO()
    with av.open(buffer, "w", format="mp4") as sink:
        stream = sink.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for shade in range(0, 200, 20):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), shade, np.uint8), format="rgb24")
            sink.mux(stream.encode(picture))
        sink.mux(stream.encode())
    return buffer.getvalue()


def _pdf() -> bytes:
    content = typst.compile(b"#set page(width: 80mm, height: 40mm)\nhello", format="pdf")
    assert isinstance(content, bytes)
    return content


@pytest.mark.parametrize(
    ("name", "media_type", "make"), [("a.mp4", "video/mp4", _video), ("a.pdf", "application/pdf", _pdf)]
)
def test_clips_and_documents_are_marked_too_and_a_changed_byte_of_theirs_is_found(
    case: Any, name: str, media_type: str, make: Callable[[], bytes]
) -> None:
    root, signer = make_authority("bureau")
    plain = make()
    copy = replace(case.derived[0], name=name, media_type=media_type, content=plain)
    marked = mark_copy(copy, signer, program="skywarden 0.1.0").content
    check = check_copy(marked, media_type, root)
    assert check.good, check
    assert check.source_sha256 == copy.derivation.source_sha256
    body = marked.index(b"mdat") + 60 if name == "a.mp4" else 60
    for place in (body, len(marked) // 2):
        changed = marked[:place] + bytes([marked[place] ^ 1]) + marked[place + 1 :]
        assert not check_copy(changed, media_type, root).good
    assert not check_copy(plain, media_type, root).good
    assert not check_copy(marked, media_type, make_authority("somebody")[0]).good


def test_a_changed_copy_and_one_without_credentials_are_not_good(case: Any) -> None:
    root, signer = make_authority("bureau")
    copy = case.derived[0]
    marked = mark_copy(copy, signer, program="skywarden 0.1.0").content
    for place in (len(marked) - 50, len(marked) // 2, len(marked) // 3):
        changed = marked[:place] + bytes([marked[place] ^ 1]) + marked[place + 1 :]
        assert not check_copy(changed, "image/jpeg", root).good
    bare = check_copy(copy.content, "image/jpeg", root)
    assert bare.state == "None"
    assert not bare.good


def test_a_certificate_that_is_none_is_a_plain_failure(case: Any) -> None:
    _root, signer = make_authority("bureau")
    with pytest.raises(IntegrityFailed, match="could not be added"):
        mark_copy(case.derived[0], replace(signer, chain_pem="nothing"), program="skywarden 0.1.0")
