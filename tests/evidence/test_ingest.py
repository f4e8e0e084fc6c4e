from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import FrozenClock
from core.errors import InputRefused, StoreFailed
from core.refusal import Refusal
from evidence import ingest, sm3
from evidence.ingest import ingest_file, list_footage, read_digests
from evidence.original import Original

CLOCK = FrozenClock(instant=datetime(2026, 10, 1, 2, 3, 4, tzinfo=UTC))


def test_digests_are_the_published_ones(tmp_path: Path) -> None:
    photo = tmp_path / "a.JPG"
    photo.write_bytes(b"abc")
    original = ingest_file(photo, clock=CLOCK)
    assert isinstance(original, Original)
    # FIPS 180-4 and GB/T 32905-2016, appendix A.1: both give "abc" as the first example.
    assert original.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert original.sm3 == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert (original.name, original.size_bytes, original.media_type) == ("a.JPG", 3, "image/jpeg")
    assert original.ingested_at == CLOCK.instant


def test_an_original_is_not_touched(tmp_path: Path) -> None:
    video = tmp_path / "DJI_0001.MP4"
    video.write_bytes(b"x" * 3_000_000)
    video.chmod(0o444)
    before = video.stat()
    assert isinstance(ingest_file(video, clock=CLOCK), Original)
    after = video.stat()
    assert (after.st_mtime_ns, after.st_size, after.st_mode) == (before.st_mtime_ns, before.st_size, before.st_mode)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [("a.jpg", b"", "empty-file"), ("a.doc", b"x", "unknown-type"), ("none.jpg", None, "unreadable-file")],
)
def test_what_cannot_be_ingested_is_refused_with_its_reason(
    tmp_path: Path, name: str, content: bytes | None, code: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    refusal = ingest_file(path, clock=CLOCK)
    assert isinstance(refusal, Refusal)
    assert (refusal.subject, refusal.code) == (name, code)


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = tmp_path / "a.mp4"
    video.write_bytes(b"x" * 10)

    def read_and_grow(source: object) -> object:
        digests = read_digests(source)  # type: ignore[arg-type]
        with video.open("ab") as writer:
            writer.write(b"more")
        return digests

    monkeypatch.setattr(ingest, "read_digests", read_and_grow)
    refusal = ingest_file(video, clock=CLOCK)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "changing-file"


def test_a_machine_without_sm3_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")

    def no_such_digest(name: str) -> object:
        raise ValueError(name)

    monkeypatch.setattr(sm3, "_libgcrypt", lambda: None)
    monkeypatch.setattr(sm3.hashlib, "new", no_such_digest)
    with pytest.raises(StoreFailed, match="SM3"):
        ingest_file(tmp_path / "a.jpg", clock=CLOCK)


@given(parts=st.lists(st.binary(max_size=50), max_size=5), size=st.integers(1, 7))
@settings(max_examples=40)
def test_the_sink_gets_every_byte_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], size: int
) -> None:
    content = b"".join(parts)
    path = tmp_path_factory.mktemp("sink") / "a"
    path.write_bytes(content)
    seen = bytearray()
    with pytest.MonkeyPatch.context() as patch, path.open("rb", buffering=0) as source:
        patch.setattr(ingest, "CHUNK_BYTES", size)
        digests = read_digests(source, sink=seen.extend)
    assert bytes(seen) == content
    assert digests.sha256 == hashlib.sha256(content).hexdigest()
    assert digests.size_bytes == len(content)


def test_footage_is_listed_sorted_and_without_clutter(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.mp4", "sub/c.srt", "._a.mp4", ".trash/d.jpg", "notes.docx"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    assert [path.relative_to(tmp_path).as_posix() for path in list_footage(tmp_path)] == ["a.mp4", "b.JPG", "sub/c.srt"]


@pytest.mark.parametrize("name", ["", "missing", "file.jpg"])
def test_a_folder_without_footage_is_refused(tmp_path: Path, name: str) -> None:
    if name == "file.jpg":
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputRefused):
        list_footage(tmp_path / name)


def test_the_real_card_is_ingested_whole(shared: Path) -> None:
    footage = list_footage(shared / "data/aerial_vehicles/dji_photos")
    originals = [ingest_file(path, clock=CLOCK) for path in footage]
    assert len(originals) == 8
    assert all(isinstance(original, Original) for original in originals)
