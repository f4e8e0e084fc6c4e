"""A package as one ZIP file: stored, in order of names, with fixed fields, so that it is reproducible byte for byte.

The writer is our own because the promise is about bytes: Python's ``zipfile`` chooses some header fields by itself and
may choose others in its next version. Each entry is stored uncompressed with Zip64 sizes in its extra field
(APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3), UTF-8 names, mode 0444 and the time of sealing. Reading goes through
``zipfile``; then the headers found are compared with those this writer would have written, so that no byte of the
container is left unchecked either.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from io import SEEK_END, RawIOBase
from pathlib import Path
from typing import BinaryIO, Final, cast

from typing_extensions import Buffer

from core.clock import in_utc
from core.errors import InputRefused
from core.text import _
from evidence.ingest import CHUNK_BYTES
from evidence.sealing.package_source import PackageSource
from evidence.sealing.staging import durable_file, replace_durably

_NEEDED: Final = 45  # Zip64
_MADE_BY: Final = (3 << 8) | _NEEDED  # Unix
_UTF8: Final = 1 << 11
_MODE: Final = 0o100444 << 16
_FULL: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the headers say of one member.

    Attributes:
        name: Path in the package.
        crc32: Of its bytes.
        size_bytes: How many they are.
        offset: Where its local header stands in the file.
    """

    name: str
    crc32: int
    size_bytes: int
    offset: int


def _dos_time(sealed_at: datetime) -> tuple[int, int]:
    at = in_utc(sealed_at)
    if not 1980 <= at.year <= 2107:
        raise ValueError("a ZIP file's times lie between 1980 and 2107")
    return at.hour << 11 | at.minute << 5 | at.second // 2, (at.year - 1980) << 9 | at.month << 5 | at.day


def local_header(entry: Entry, sealed_at: datetime) -> bytes:
    """Return the bytes before a member's content."""
    name, (clock, day) = entry.name.encode(), _dos_time(sealed_at)
    extra = struct.pack("<HHQQ", 1, 16, entry.size_bytes, entry.size_bytes)
    fixed = struct.pack(
        "<IHHHHHIIIHH", 0x04034B50, _NEEDED, _UTF8, 0, clock, day, entry.crc32, _FULL, _FULL, len(name), len(extra)
    )
    return fixed + name + extra


def directory(entries: Sequence[Entry], sealed_at: datetime, offset: int) -> bytes:
    """Return the central directory and the end records of a file whose members end at ``offset``."""
    clock, day = _dos_time(sealed_at)
    rows = []
    for entry in entries:
        name = entry.name.encode()
        extra = struct.pack("<HHQQQ", 1, 24, entry.size_bytes, entry.size_bytes, entry.offset)
        sizes = (entry.crc32, _FULL, _FULL, len(name), len(extra), 0, 0, 0, _MODE, _FULL)
        rows.append(
            struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, _MADE_BY, _NEEDED, _UTF8, 0, clock, day, *sizes)
            + name
            + extra
        )
    body = b"".join(rows)
    count, size, end = len(rows), len(body), offset + len(body)
    zip64 = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, _MADE_BY, _NEEDED, 0, 0, count, count, size, offset)
    locator = struct.pack("<IIQI", 0x07064B50, 0, end, 1)
    return body + zip64 + locator + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, _FULL, _FULL, 0)


def write_zip(source: PackageSource, destination: Path, *, sealed_at: datetime) -> Path:
    """Write a package as one ZIP file, aside and then renamed; return ``destination``.

    Args:
        source: The package, as a folder.
        destination: The file; it must not exist.
        sealed_at: The time that every member is given.

    Raises:
        StoreFailed: ``destination`` exists, or the disk refuses.
    """
    with replace_durably(destination) as partial, durable_file(partial) as stream:
        entries: list[Entry] = []
        offset = 0
        for name in source.members():
            entry = Entry(name=name, crc32=0, size_bytes=0, offset=offset)
            stream.write(local_header(entry, sealed_at))  # of the same length as the true one, which is known only …
            with source.open(name) as member:
                crc32, size = _checksum(member, stream.write)
            entry = replace(entry, crc32=crc32, size_bytes=size)
            stream.seek(offset)
            stream.write(local_header(entry, sealed_at))  # … after the one time that the member is read
            offset = stream.seek(0, SEEK_END)
            entries.append(entry)
        stream.write(directory(entries, sealed_at, offset))
    return destination


def _checksum(member: BinaryIO, sink: Callable[[bytes], object] | None = None) -> tuple[int, int]:
    """Return the CRC-32 and the size of an open member, handing every piece to ``sink``."""
    crc32 = size = 0
    while chunk := member.read(CHUNK_BYTES):
        crc32 = zlib.crc32(chunk, crc32)
        size += len(chunk)
        if sink is not None:
            sink(chunk)
    return crc32, size


class _Slice(RawIOBase):
    """The bytes of one stored member, read straight from the file; tells their CRC-32 and size at the end of them."""

    def __init__(self, path: Path, start: int, size: int, tell: Callable[[tuple[int, int]], object]) -> None:
        super().__init__()
        self._file = path.open("rb", buffering=0)
        self._file.seek(start)
        self._left = size
        self._crc32 = self._read = 0
        self._tell = tell
        if not size:
            tell((0, 0))

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes; no more room is taken than there are bytes left."""
        return super().read(self._left if size < 0 else min(size, self._left)) or b""

    def readinto(self, buffer: Buffer) -> int:
        window = memoryview(buffer)[: self._left]
        count = self._file.readinto(window) or 0
        self._left -= count
        self._read += count
        self._crc32 = zlib.crc32(window[:count], self._crc32)
        if not self._left:
            self._tell((self._crc32, self._read))
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipSource:
    """A package in a ZIP file.

    Attributes:
        where: The file.
        entries: Its members by name, in the order of the directory.
        at: The time that its members are given, aware UTC.
        checksums: CRC-32 and size of the members that were read to their end, by name; grows by reading.
    """

    where: Path
    entries: Mapping[str, Entry] = field(repr=False)
    at: datetime
    checksums: dict[str, tuple[int, int]] = field(default_factory=dict, repr=False)

    def members(self) -> tuple[str, ...]:
        """Return the paths of its members, sorted."""
        return tuple(sorted(self.entries))

    def oddities(self) -> tuple[str, ...]:
        """Return what is not as the writer writes it; asked after the members were read, it reads none again."""
        return tuple(_container_findings(self))

    def open(self, member: str) -> BinaryIO:
        """Open a member for reading."""
        entry = self.entries[member]
        start = entry.offset + len(local_header(entry, self.at))

        def tell(checksum: tuple[int, int]) -> None:
            self.checksums[member] = checksum

        return cast("BinaryIO", _Slice(self.where, start, entry.size_bytes, tell))


def open_zip(path: Path) -> ZipSource:
    """Return the package in the ZIP file at ``path``.

    Raises:
        InputRefused: It is no ZIP file, is cut off, or holds members in a form that no package has.
    """
    remedy = _("Name the file as it was handed over.")
    try:
        with zipfile.ZipFile(path) as archive:
            rows = archive.infolist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeError, struct.error) as problem:
        raise InputRefused(path, _("is no readable ZIP file ({problem})").format(problem=problem), remedy) from problem
    entries = {
        row.filename: Entry(name=row.filename, crc32=row.CRC, size_bytes=row.file_size, offset=row.header_offset)
        for row in rows
    }
    if not entries or len(entries) != len(rows):
        raise InputRefused(path, _("is empty, or names a member twice"), remedy)
    if any(row.compress_type != zipfile.ZIP_STORED or row.flag_bits & 1 for row in rows):
        raise InputRefused(path, _("holds compressed or encrypted members; a package's are stored"), remedy)
    size = path.stat().st_size
    if sum(one.size_bytes for one in entries.values()) > size or any(
        not 0 <= one.offset <= size for one in entries.values()
    ):
        raise InputRefused(path, _("states more content than it has"), remedy)
    try:
        at = datetime(*rows[0].date_time, tzinfo=UTC)
    except ValueError as problem:
        raise InputRefused(path, _("states a time that no calendar has"), remedy) from problem
    return ZipSource(where=path, entries=entries, at=at)


def _container_findings(source: ZipSource) -> Iterator[str]:
    """Yield where the container's own bytes are not those the writer would have written."""
    ordered = [source.entries[name] for name in source.members()]
    for name in source.entries.keys() - source.checksums.keys():
        with source.open(name) as member:
            _checksum(member)
    offset = 0
    with source.where.open("rb") as stream:
        for entry in ordered:
            header = local_header(entry, source.at)
            stream.seek(offset)
            if entry.offset != offset or stream.read(len(header)) != header:
                yield _("{name} has another header in the ZIP file than was sealed").format(name=entry.name)
            if source.checksums.get(entry.name) != (entry.crc32, entry.size_bytes):
                yield _("{name} has another checksum in the ZIP file than its bytes").format(name=entry.name)
            offset += len(header) + entry.size_bytes
        stream.seek(offset)
        expected = directory(ordered, source.at, offset)
        if stream.read(len(expected) + 1) != expected:
            yield _("the directory of the ZIP file is not as it was sealed")
