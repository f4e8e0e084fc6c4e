from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputRefused, StoreFailed
from evidence.sealing.package_source import open_folder
from evidence.sealing.zip_container import Entry, directory, local_header, write_zip
from evidence.verify import verify
from evidence.verifying.verification import Outcome

AT = datetime(2026, 10, 1, 4, 3, 5, tzinfo=UTC)


@pytest.fixture
def zipped(case_maker: Any, tmp_path: Path) -> tuple[Any, Path, Path]:
    case = case_maker("small", photos=1)
    package = case.seal(tmp_path / "packages", derived=())
    return case, package, write_zip(open_folder(package), tmp_path / "package.zip", sealed_at=AT)


def test_a_zip_says_what_its_folder_says(zipped: Any, tmp_path: Path) -> None:
    case, package, archive = zipped
    folder, packed = (verify(path, trusted_keys=case.trusted) for path in (package, archive))
    assert packed.steps == folder.steps
    with zipfile.ZipFile(archive) as peer:  # and another reader reads it
        assert peer.testzip() is None
        peer.extractall(tmp_path / "unpacked")
    assert verify(tmp_path / "unpacked", trusted_keys=case.trusted).steps == folder.steps


def test_the_same_package_gives_the_same_zip(zipped: Any, tmp_path: Path) -> None:
    _case, package, archive = zipped
    again = write_zip(open_folder(package), tmp_path / "again.zip", sealed_at=AT)
    assert again.read_bytes() == archive.read_bytes()
    with pytest.raises(StoreFailed, match="never replaced"):
        write_zip(open_folder(package), archive, sealed_at=AT)
    assert not list(tmp_path.glob(".*.partial"))


def test_a_flipped_byte_anywhere_in_the_zip_is_found(zipped: Any, tmp_path: Path) -> None:
    case, _package, archive = zipped
    content = archive.read_bytes()
    spoiled = tmp_path / "spoiled.zip"
    missed = []
    places = [*range(0, len(content), 293), *range(len(content) - 300, len(content), 7), *range(0, 120, 9)]
    for place in places:
        spoiled.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        try:
            if verify(spoiled, trusted_keys=case.trusted).outcome is not Outcome.FAIL:
                missed.append(place)
        except InputRefused:
            continue
    assert missed == []


@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b"\0" + b, lambda b: b + b"\0", lambda _b: b""])
def test_a_zip_cut_or_lengthened_is_found(zipped: Any, tmp_path: Path, change: Any) -> None:
    case, _package, archive = zipped
    spoiled = tmp_path / "spoiled.zip"
    spoiled.write_bytes(change(archive.read_bytes()))
    try:
        assert verify(spoiled, trusted_keys=case.trusted).outcome is Outcome.FAIL
    except InputRefused as refusal:
        assert "ZIP" in str(refusal)  # noqa: PT017 - either way of saying no is right


def test_sizes_beyond_four_gigabytes_are_written_in_full(tmp_path: Path) -> None:
    """A sparse file stands for the five gigabytes; zipfile reads the directory back."""
    entry = Entry(name="data/big.mp4", crc32=0, size_bytes=5 << 30, offset=0)
    header = local_header(entry, AT)
    path = tmp_path / "big.zip"
    with path.open("wb") as stream:
        stream.write(header)
        stream.truncate(len(header) + entry.size_bytes)
        stream.seek(len(header) + entry.size_bytes)
        second = Entry(name="data/small", crc32=0, size_bytes=0, offset=stream.tell())
        stream.write(local_header(second, AT))
        stream.write(directory([entry, second], AT, stream.tell()))
    with zipfile.ZipFile(path) as peer:
        assert [row.file_size for row in peer.infolist()] == [5 << 30, 0]
        assert peer.infolist()[1].header_offset == second.offset
        assert peer.infolist()[0].date_time == (2026, 10, 1, 4, 3, 4)  # ZIP keeps even seconds
