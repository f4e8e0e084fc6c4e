"""Base layers: none unless asked for, local files read right, refusals with a reason."""

from __future__ import annotations

import io
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import InputRefused
from geofence.datums import Datum, from_wgs84
from maps.base_layers import BaseLayer, base_layer, services_of, tiles_around, tiles_inlined
from maps.tile_archive import media_type_of, open_tiles

PLACE = (113.57, 22.75, 113.59, 22.77)


def picture(zoom: int, column: int, row: int) -> bytes:
    """A tile whose colour says which it is."""
    held = io.BytesIO()
    Image.new("RGB", (256, 256), (zoom * 8, column % 256, row % 256)).save(held, "PNG")
    return held.getvalue()


def write_mbtiles(path: Path, levels: range, datum: Datum = Datum.WGS84) -> Path:
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE metadata (name text, value text)")
        base.execute("CREATE TABLE tiles (zoom_level integer, tile_column integer, tile_row integer, tile_data blob)")
        for zoom in levels:
            for x, y in tiles_around(PLACE, zoom, datum):
                row = (1 << zoom) - 1 - y  # MBTiles counts from the south
                base.execute("INSERT INTO tiles VALUES (?, ?, ?, ?)", (zoom, x, row, picture(zoom, x, y)))
    base.close()
    return path


def write_pmtiles(path: Path, levels: range, *, vector: bool = False) -> Path:
    from pmtiles.tile import Compression, TileType, zxy_to_tileid
    from pmtiles.writer import Writer

    with path.open("wb") as file:
        writer = Writer(file)
        for zoom in levels:
            for x, y in sorted(tiles_around(PLACE, zoom, Datum.WGS84), key=lambda at, z=zoom: zxy_to_tileid(z, *at)):
                writer.write_tile(zxy_to_tileid(zoom, x, y), picture(zoom, x, y))
        kind = TileType.MVT if vector else TileType.PNG
        header = {"tile_type": kind, "tile_compression": Compression.NONE,
                  "min_zoom": levels[0], "max_zoom": levels[-1],
                  "min_lon_e7": 0, "min_lat_e7": 0, "max_lon_e7": 0, "max_lat_e7": 0, "center_zoom": 0,
                  "center_lon_e7": 0, "center_lat_e7": 0}  # fmt: skip
        writer.finalize(header, {})
    return path


@pytest.mark.parametrize("kind", ["mbtiles", "pmtiles"])
def test_every_tile_is_the_one_asked_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"place.{kind}"
    (write_mbtiles if kind == "mbtiles" else write_pmtiles)(path, range(10, 15))
    with open_tiles(path) as tiles:
        assert (tiles.least_zoom, tiles.most_zoom) == (10, 14)
        for zoom in range(10, 15):
            for x, y in tiles_around(PLACE, zoom, Datum.WGS84):
                content = tiles.tile(zoom, x, y)
                assert content is not None
                assert np.asarray(Image.open(io.BytesIO(content)))[0, 0].tolist() == [zoom * 8, x % 256, y % 256]
        assert tiles.tile(10, 0, 0) is None
    [layer] = base_layer(str(path))
    found, finest = tiles_inlined(layer, PLACE)
    assert finest == 14
    assert all(content.startswith("data:image/png;base64,") for content in found.values())
    _few, coarse = tiles_inlined(layer, PLACE, most_bytes=8_000)
    assert coarse < 14


def test_what_is_no_raster_is_refused(tmp_path: Path) -> None:
    vector = write_pmtiles(tmp_path / "v.pmtiles", range(3, 4), vector=True)
    text = tmp_path / "notes.txt"
    text.write_text("tiles?")
    empty = tmp_path / "e.mbtiles"
    with sqlite3.connect(empty) as base:
        base.execute("CREATE TABLE tiles (zoom_level integer, tile_column integer, tile_row integer, tile_data blob)")
    base.close()
    strange = tmp_path / "s.mbtiles"
    with sqlite3.connect(strange) as base:
        base.execute("CREATE TABLE other (x integer)")
    base.close()
    torn = tmp_path / "t.pmtiles"
    torn.write_bytes(vector.read_bytes()[:60])
    for path, reason in ((vector, "vector"), (text, "neither"), (empty, "no tiles"), (strange, "no MBTiles"),
                         (torn, "no PMTiles"), (tmp_path / "gone", "cannot be read")):  # fmt: skip
        with pytest.raises(InputRefused, match=reason):
            base_layer(str(path))


def test_a_file_of_another_place_is_refused(tmp_path: Path) -> None:
    [layer] = base_layer(str(write_mbtiles(tmp_path / "a.mbtiles", range(12, 13))))
    with pytest.raises(InputRefused, match="no tile where the map is"):
        tiles_inlined(layer, (10.0, 10.0, 10.01, 10.01))


def test_nothing_lies_under_the_map_unless_it_is_asked_for(tmp_path: Path) -> None:
    assert base_layer("") == base_layer("none") == ()
    [osm] = base_layer("osm")
    [amap] = base_layer("amap")
    maps = base_layer("tianditu", key="0123abcd")
    assert (osm.datum, amap.datum, {one.datum for one in maps}) == (Datum.WGS84, Datum.GCJ02, {Datum.CGCS2000})
    assert services_of([osm]) == ("https://tile.openstreetmap.org",)
    assert len(services_of(maps)) == 8
    for words, reason in (("tianditu", "key"), (f"{tmp_path}/x.mbtiles@wgs72", "datum")):
        with pytest.raises(InputRefused, match=reason):
            base_layer(words)
    with pytest.raises(ValueError, match="Baidu"):
        BaseLayer(name="b", datum=Datum.BD09, url="https://b/{z}")
    with pytest.raises(ValueError, match="a service or a file"):
        BaseLayer(name="b", datum=Datum.WGS84)


def test_a_gcj02_file_is_searched_where_its_own_datum_puts_the_place(tmp_path: Path) -> None:
    path = write_mbtiles(tmp_path / "amap.mbtiles", range(16, 17), Datum.GCJ02)
    [layer] = base_layer(f"{path}@gcj02")
    assert layer.datum is Datum.GCJ02
    found, _finest = tiles_inlined(layer, PLACE)
    lon, lat = from_wgs84([113.58, 22.76], Datum.GCJ02)
    count = 1 << 16
    x = int((lon + 180) / 360 * count)
    y = int((1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2 * count)
    assert f"16/{x}/{y}" in found


def test_kinds_of_pictures() -> None:
    assert media_type_of(b"\xff\xd8\xff\xe0") == "image/jpeg"
    assert media_type_of(b"\x1f\x8b") == ""
