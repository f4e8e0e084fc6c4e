"""Base layers: what lies under the map, and in which datum. By default nothing does.

A base layer is a file of raster tiles on this machine, or, only where somebody configures it by name, a map service.
Each has its own datum: Tianditu is CGCS2000 (as WGS-84 here), Amap GCJ-02, OpenStreetMap WGS-84; a file is what its
owner says it is. The page projects all vectors through the datum of the layer that is shown, so sites do not jump.

A page that names a service asks that service for tiles when it is opened; that is the one way in which a map speaks to
the network, and it is off unless asked for.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.errors import InputRefused
from core.text import _
from geofence.datums import Datum, from_wgs84
from maps.tile_archive import media_type_of, open_tiles

INLINE_BYTES: Final = 6_000_000
"""How much of a tile file goes into an offline page; finer levels that do not fit are left out, whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseLayer:
    """A base layer.

    Attributes:
        name: For people.
        datum: WGS-84 or GCJ-02; CGCS2000 is taken as WGS-84.
        url: Address of its tiles with {z}, {x}, {y} (and {s}); empty for a file of tiles.
        file: The file of tiles, or None.
        hosts: What {s} stands for.
        attribution: Who must be named.
        least_zoom, most_zoom: Which levels there are.
    """

    name: str
    datum: Datum
    url: str = ""
    file: Path | None = None
    hosts: tuple[str, ...] = ()
    attribution: str = ""
    least_zoom: int = 0
    most_zoom: int = 18

    def __post_init__(self) -> None:
        if bool(self.url) == (self.file is not None):
            raise ValueError("a base layer is a service or a file")
        if self.datum is Datum.BD09:
            raise ValueError("Baidu's tiles have a grid of their own and are not drawn")


def base_layer(words: str, *, key: str = "") -> tuple[BaseLayer, ...]:
    """Return the base layers that ``words`` name: "none", "osm", "amap", "tianditu", or a file of tiles.

    A file is named with its datum after an ``@`` where it is not WGS-84: ``guangzhou.mbtiles@gcj02``.

    Args:
        words: What was asked for.
        key: The key that Tianditu asks of every user.

    Raises:
        InputRefused: The words name nothing, the datum is none, the key is missing, or the file is no raster tiles.
    """
    chosen = words.strip()
    if chosen in {"", "none"}:
        return ()
    if chosen == "osm":
        return (
            BaseLayer(name="OpenStreetMap", datum=Datum.WGS84, most_zoom=19,
                      url="https://tile.openstreetmap.org/{z}/{x}/{y}.png", attribution="© OpenStreetMap contributors"),
        )  # fmt: skip
    if chosen == "amap":
        return (
            BaseLayer(name=_("Amap"), datum=Datum.GCJ02, hosts=("01", "02", "03", "04"), attribution="© 高德地图",
                      url="https://webrd{s}.is.autonavi.com/appmaptile?lang=zh_cn&size=1&scale=1&style=8&x={x}&y={y}&z={z}"),
        )  # fmt: skip
    if chosen == "tianditu":
        return _tianditu(key)
    name, _at, datum = chosen.rpartition("@") if "@" in Path(chosen).name else (chosen, "", "wgs84")
    known = {"wgs84": Datum.WGS84, "cgcs2000": Datum.CGCS2000, "gcj02": Datum.GCJ02}
    if datum.lower() not in known:
        raise InputRefused(chosen, _("names no datum that tiles are in"), _("Write wgs84, cgcs2000 or gcj02."))
    path = Path(name)
    with open_tiles(path) as tiles:
        return (
            BaseLayer(name=path.stem, datum=known[datum.lower()], file=path, least_zoom=tiles.least_zoom,
                      most_zoom=tiles.most_zoom),
        )  # fmt: skip


def _tianditu(key: str) -> tuple[BaseLayer, ...]:
    if not key.isalnum():
        raise InputRefused(
            "tianditu", _("asks for the key of a user"), _("Get one from the service and give it with --base-key.")
        )
    hosts = tuple(str(number) for number in range(8))
    ways = (("vec", _("Tianditu map")), ("img", _("Tianditu pictures")))
    return tuple(
        BaseLayer(
            name=name, datum=Datum.CGCS2000, hosts=hosts, attribution="© 天地图",
            url=f"https://t{{s}}.tianditu.gov.cn/{layer}_w/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER={layer}"
            f"&STYLE=default&TILEMATRIXSET=w&FORMAT=tiles&TILEMATRIX={{z}}&TILEROW={{y}}&TILECOL={{x}}&tk={key}",
        )
        for layer, name in ways
    )  # fmt: skip


def tiles_around(
    bounds: tuple[float, float, float, float], zoom: int, datum: Datum, *, margin: float = 0.25
) -> Iterator[tuple[int, int]]:
    """Yield column and row of the tiles that a place needs at a zoom level.

    Args:
        bounds: West, south, east, north in WGS-84 degrees.
        zoom: The level.
        datum: What the tiles are in.
        margin: How much more on every side, as a share of the longer side.
    """
    west, south, east, north = bounds
    more = margin * max(east - west, north - south, 1e-3)
    corners = from_wgs84([[west - more, north + more], [east + more, south - more]], datum)
    (left, top), (right, bottom) = (_tile(float(lon), float(lat), zoom) for lon, lat in corners)
    for column in range(left, right + 1):
        for row in range(top, bottom + 1):
            yield column, row


def _tile(lon_deg: float, lat_deg: float, zoom: int) -> tuple[int, int]:
    count = 1 << zoom
    lat = math.radians(max(-85.05, min(85.05, lat_deg)))
    x = (lon_deg + 180) / 360 * count
    y = (1 - math.asinh(math.tan(lat)) / math.pi) / 2 * count
    return min(count - 1, max(0, int(x))), min(count - 1, max(0, int(y)))


def tiles_inlined(
    layer: BaseLayer, bounds: tuple[float, float, float, float], *, most_bytes: int = INLINE_BYTES
) -> tuple[dict[str, str], int]:
    """Return a file's tiles for a place as data URIs by "z/x/y", coarse to fine, and the finest level that fits.

    Raises:
        InputRefused: The file is damaged, or has no tile there.
        ValueError: The layer is no file.
    """
    if layer.file is None:
        raise ValueError(f"{layer.name} is no file")
    found: dict[str, str] = {}
    finest = layer.least_zoom
    with open_tiles(layer.file) as tiles:
        left = most_bytes
        for zoom in range(tiles.least_zoom, tiles.most_zoom + 1):
            places = list(_at_most(tiles_around(bounds, zoom, layer.datum), 4_000))
            level = {f"{zoom}/{x}/{y}": content for x, y in places if (content := tiles.tile(zoom, x, y))}
            left -= sum(len(content) * 4 // 3 + 40 for content in level.values())
            if left < 0 or len(places) >= 4_000:
                break
            found |= {name: _data_uri(content) for name, content in level.items()}
            finest = zoom if level else finest
    if not found:
        raise InputRefused(layer.file, _("has no tile where the map is"), _("Give tiles of this place."))
    return found, finest


def _at_most(places: Iterator[tuple[int, int]], count: int) -> Iterator[tuple[int, int]]:
    yield from (place for place, _number in zip(places, range(count), strict=False))


def _data_uri(content: bytes) -> str:
    return f"data:{media_type_of(content) or 'image/png'};base64,{base64.b64encode(content).decode()}"


def services_of(layers: Sequence[BaseLayer]) -> tuple[str, ...]:
    """Return the origins that a page with these layers asks for tiles ("https://tile.openstreetmap.org")."""
    found: dict[str, None] = {}
    for layer in layers:
        for host in layer.hosts or ("",) if layer.url else ():
            scheme, _slashes, rest = layer.url.replace("{s}", host).partition("://")
            found[f"{scheme}://{rest.split('/', 1)[0]}"] = None
    return tuple(found)
