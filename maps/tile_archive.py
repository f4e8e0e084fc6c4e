"""Raster map tiles from a local file: MBTiles 1.3 (SQLite) and PMTiles 3. Nothing is fetched.

The only module that reads tile archives. Rows are counted from the north (XYZ), whatever the file does. Vector tiles
are refused: they are no picture, and what they would need to be drawn is not on the machine.
"""

from __future__ import annotations

import mmap
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from core.errors import InputRefused
from core.text import _

_MAGIC: Final = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"RIFF", "image/webp"),
)


class Tiles(Protocol):
    """An open archive."""

    least_zoom: int
    most_zoom: int

    def tile(self, zoom: int, column: int, row: int) -> bytes | None:
        """Return a tile's picture, or None where the archive has none."""
        ...


def media_type_of(tile: bytes) -> str:
    """Return a tile's media type, or an empty text where it is no picture that a browser shows."""
    return next((name for magic, name in _MAGIC if tile.startswith(magic)), "")


@contextmanager
def open_tiles(path: Path) -> Iterator[Tiles]:
    """Open an archive for reading.

    Raises:
        InputRefused: There is none, it is neither MBTiles nor PMTiles, or its tiles are no pictures.
    """
    try:
        with path.open("rb") as start:
            head = start.read(16)
    except OSError as problem:
        raise InputRefused(path, _("cannot be read"), _("Give a file of raster tiles.")) from problem
    if head.startswith(b"PMTiles"):
        with _pmtiles(path) as tiles:
            yield tiles
    elif head.startswith(b"SQLite format 3"):
        with _mbtiles(path) as tiles:
            yield tiles
    else:
        raise InputRefused(path, _("is neither MBTiles nor PMTiles"), _("Give a file of raster tiles."))


def _no_pictures(path: Path) -> InputRefused:
    return InputRefused(
        path, _("holds no pictures but vector tiles"), _("Export it as raster tiles (PNG, JPEG, WebP).")
    )


@dataclass(slots=True, kw_only=True)
class _MBTiles:
    connection: sqlite3.Connection
    path: Path
    least_zoom: int
    most_zoom: int

    def tile(self, zoom: int, column: int, row: int) -> bytes | None:
        try:
            found = self.connection.execute(
                "SELECT tile_data FROM tiles WHERE zoom_level=? AND tile_column=? AND tile_row=?",
                (zoom, column, (1 << zoom) - 1 - row),
            ).fetchone()
        except sqlite3.Error as problem:
            raise InputRefused(self.path, _("is damaged"), _("Copy it again.")) from problem
        return None if found is None else bytes(found[0])


@contextmanager
def _mbtiles(path: Path) -> Iterator[Tiles]:
    try:
        address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        connection = sqlite3.connect(address, uri=True, check_same_thread=False)
    except sqlite3.Error as problem:
        raise InputRefused(path, _("is damaged"), _("Copy it again.")) from problem
    try:
        least, most = connection.execute("SELECT min(zoom_level), max(zoom_level) FROM tiles").fetchone()
        sample = connection.execute("SELECT tile_data FROM tiles LIMIT 1").fetchone()
        if sample is None or least is None:
            raise InputRefused(path, _("holds no tiles"), _("Give a file of raster tiles."))
        if not media_type_of(bytes(sample[0])):
            raise _no_pictures(path)
        yield _MBTiles(connection=connection, path=path, least_zoom=int(least), most_zoom=int(most))
    except sqlite3.Error as problem:
        raise InputRefused(path, _("is no MBTiles file"), _("Give a file of raster tiles.")) from problem
    finally:
        connection.close()


@dataclass(slots=True, kw_only=True)
class _PMTiles:
    mapping: mmap.mmap
    path: Path
    least_zoom: int
    most_zoom: int

    def tile(self, zoom: int, column: int, row: int) -> bytes | None:
        from pmtiles.reader import Reader

        try:
            found = Reader(lambda offset, length: self.mapping[offset : offset + length]).get(zoom, column, row)
        except (ValueError, EOFError, OSError, IndexError, KeyError) as problem:
            raise InputRefused(self.path, _("is damaged"), _("Copy it again.")) from problem
        return None if found is None else bytes(found)


@contextmanager
def _pmtiles(path: Path) -> Iterator[Tiles]:
    from pmtiles.reader import Reader
    from pmtiles.tile import MagicNumberNotFound, SpecVersionUnsupported, TileType

    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapping:
        try:
            header = Reader(lambda offset, length: mapping[offset : offset + length]).header()
        except (ValueError, IndexError, MagicNumberNotFound, SpecVersionUnsupported) as problem:
            raise InputRefused(path, _("is no PMTiles 3 file"), _("Copy it again, or convert it.")) from problem
        if header["tile_type"] not in {TileType.PNG, TileType.JPEG, TileType.WEBP}:
            raise _no_pictures(path)
        yield _PMTiles(
            mapping=mapping, path=path, least_zoom=int(header["min_zoom"]), most_zoom=int(header["max_zoom"])
        )
