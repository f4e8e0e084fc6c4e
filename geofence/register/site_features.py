"""Features of a register file in WGS-84 longitude and latitude, before they are known to be sites or zones.

Vector files (GeoJSON, GeoPackage, Shapefile, KML) are read by GDAL through geopandas; tables (CSV, Excel) carry their
outlines as WKT, in degrees or with a prefix ``SRID=4547;``. A whole file is refused when its positions cannot be
believed: no declared coordinate system, metres where degrees are declared, degrees where metres are, latitude before
longitude. A file in GCJ-02 or BD-09 is converted when that is declared; nothing guesses a datum.

Tables are read by :mod:`geofence.register.site_tables`. Text without a declared encoding is UTF-8 if it decodes as
such, otherwise GB 18030 (which holds GBK and GB 2312). Column headings may be Chinese; see ``HEADINGS``.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from core.errors import InputRefused
from core.refusal import Refusal
from core.text import _
from geofence.datums import Datum, to_wgs84
from geofence.register.site_tables import as_text, read_table, text_encoding

_VECTORS: Final = (".geojson", ".json", ".gpkg", ".shp", ".kml")
_TABLES: Final = (".csv", ".xlsx")

_KML_STYLE: Final = frozenset(
    {"timestamp", "begin", "end", "altitudeMode", "tessellate", "extrude", "visibility", "drawOrder", "icon", "snippet"}
)

_HARMLESS: Final = ("Measured (M) geometry types are not supported",)
"""Warnings of the driver that lose nothing a fence needs."""

HEADINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "统一社会信用代码": "code",
        "信用代码": "code",
        "企业名称": "name",
        "单位名称": "name",
        "名称": "name",
        "区域编号": "zone_id",
        "区域类型": "zone_type",
        "所属企业代码": "site_code",
        "边界中误差": "boundary_sigma_m",
        "生效时间": "valid_from",
        "失效时间": "valid_to",
        "boundary_sigma_m": "boundary_sigma_m",
        # What KML calls its placemarks.
        "Name": "name",
    }
)
"""Other headings for the register's own fields."""
_SHOWN: Final = 60
_FAULT: Final = "\0fault"  # a heading that no file has
_CUT_BYTES: Final = 10  # a Shapefile's headings end after ten bytes, in whichever encoding it was written


def field_of(heading: str) -> str:
    """Return the register's own name for a heading: also for one that a Shapefile cut off ("统一社会信", "企业名")."""
    if heading in HEADINGS:
        return HEADINGS[heading]
    meant = {field for known, field in HEADINGS.items() if heading in _cut(known)}
    return meant.pop() if len(meant) == 1 else heading


def _cut(heading: str) -> set[str]:
    """Return what a Shapefile keeps of a heading that is too long for it."""
    return {
        kept[:_CUT_BYTES].decode(encoding, errors="ignore")
        for encoding in ("utf-8", "gb18030")
        if len(kept := heading.encode(encoding)) > _CUT_BYTES
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One feature of a file.

    Attributes:
        subject: File name and place in it, for refusals ("sites.geojson, feature 3").
        properties: Its properties that have a value, as text, under the register's own names.
        shape: Its geometry in WGS-84 longitude and latitude, or None when the file has none.
        fault: Why what the file has could not be read as a geometry; empty where it could, or there is none.
    """

    subject: str
    properties: Mapping[str, str]
    shape: BaseGeometry | None
    fault: str = ""


def read_features(path: Path, *, datum: Datum = Datum.WGS84) -> tuple[list[Feature], tuple[Refusal, ...]]:
    """Return the features of a file in WGS-84 longitude and latitude, and what its driver took as it should not be.

    Args:
        path: A vector file or a table with WKT.
        datum: What the file's degrees are in, where that is declared to be other than WGS-84.

    Returns:
        The features, and a refusal for each thing that the driver says it read otherwise than it is written: nobody
        knows which feature that was, so a person must look.

    Raises:
        InputRefused: The file cannot be read, declares no coordinate system, or its positions cannot be believed.
    """
    if not path.is_file():
        raise InputRefused(path, _("there is no such file"), _("Check the path."))
    suffix = path.suffix.lower()
    if suffix not in _VECTORS + _TABLES:
        raise InputRefused(
            path,
            _("is of no known kind ({suffix})").format(suffix=path.suffix or "-"),
            _("Name a GeoJSON, GeoPackage, Shapefile, KML, CSV or Excel file."),
        )
    if path.stat().st_size == 0:
        raise InputRefused(path, _("is empty"), _("Export it again."))
    warned: list[str] = []
    frames = _layers(path, warned) if suffix in _VECTORS else iter([_table(path)])
    features: list[Feature] = []
    for frame in frames:
        for properties, shape in _rows(_in_degrees(path, frame, datum)):
            subject = _("{file}, feature {number}").format(file=path.name, number=len(features) + 1)
            fault = properties.pop(_FAULT, "")
            features.append(Feature(subject=subject, properties=MappingProxyType(properties), shape=shape, fault=fault))
    remedy = _("Look at the entry, and write it as it is meant.")
    doubts = (
        Refusal(
            subject=path.name,
            code="driver-warning",
            reason=_("the driver says: {word}").format(word=word),
            remedy=remedy,
        )
        for word in dict.fromkeys(warned)
    )
    return features, tuple(doubts)


def parts_of(path: Path) -> list[Path]:
    """Return a file and, for a Shapefile, its companions, in a fixed order."""
    if path.suffix.lower() != ".shp":
        return [path]
    companions = (path.with_suffix(suffix) for suffix in (".dbf", ".prj", ".shx", ".cpg"))
    return [path, *(part for part in companions if part.is_file())]


def _layers(path: Path, warned: list[str]) -> Iterator[Any]:
    """Yield each layer of a vector file as a GeoDataFrame; what the driver warns of is added to ``warned``."""
    import geopandas
    import pyogrio

    _check_whole(path)
    options = {"encoding": _dbf_encoding(path)} if path.suffix.lower() == ".shp" else {}
    # A ring that does not close is no ring: without this, the driver closes it and says so to nobody.
    pyogrio.set_gdal_config_options({"OGR_GEOMETRY_ACCEPT_UNCLOSED_RING": "NO"})
    try:
        for name in [str(name) for name in pyogrio.list_layers(path)[:, 0]]:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                frame = geopandas.read_file(path, layer=name, engine="pyogrio", on_invalid="ignore", **options)
            warned += [str(word.message) for word in caught if not str(word.message).startswith(_HARMLESS)]
            yield frame
    except Exception as error:  # the driver's own errors have no common root
        raise InputRefused(path, _unreadable(path, error), _("Export it again as GeoJSON or GeoPackage.")) from error


def _unreadable(path: Path, error: Exception) -> str:
    """Return what the driver says of a file that it cannot read, without its advice to programmers."""
    said = str(error).splitlines()[0].strip() if str(error) else type(error).__name__
    if "not recognized as being in a supported file format" in said:
        return _("is no {kind} file, whatever its name says").format(kind=path.suffix)
    reason = said.rpartition(") failed: ")[2].rstrip(" .:;")  # SQLite repeats the statement that failed
    return _("cannot be read as vectors: {reason}").format(reason=reason)


def _check_whole(path: Path) -> None:
    """Refuse a Shapefile that lacks one of its files or of which the end is missing; its driver would read the rest."""
    if path.suffix.lower() != ".shp":
        return
    for suffix in (".shx", ".dbf"):
        if not path.with_suffix(suffix).is_file():
            problem = _("lacks its companion {name}").format(name=path.with_suffix(suffix).name)
            raise InputRefused(path, problem, _("Copy all files of the Shapefile: .shp, .shx, .dbf and .prj."))
    with path.open("rb") as file:
        head = file.read(28)
    told = 2 * int.from_bytes(head[24:28], "big")  # ESRI's technical description: the length in 16-bit words
    if path.stat().st_size < told:
        problem = _("is cut off: {held} of {told} bytes are there").format(held=path.stat().st_size, told=told)
        raise InputRefused(path, problem, _("Copy it again, whole."))


def _dbf_encoding(path: Path) -> str | None:
    """Return the encoding of a Shapefile's table by its bytes; None where a .cpg declares it, which GDAL reads."""
    table = path.with_suffix(".dbf")
    if path.with_suffix(".cpg").is_file() or not table.is_file():
        return None
    return text_encoding(table.read_bytes()[32:])


def _table(path: Path) -> Any:  # noqa: ANN401 - a GeoDataFrame; geopandas has no types
    """Return a table of WKT outlines as a GeoDataFrame, with a column of what is wrong with them."""
    import geopandas

    table = read_table(path)
    systems = {_srid(text) for text in table.outlines if text} or {4326}
    if len(systems) > 1:
        problem = _("mixes coordinate systems ({systems})").format(systems=", ".join(map(str, sorted(systems))))
        raise InputRefused(path, problem, _("Write all outlines in one."))
    plain = [text.partition(";")[2] if _has_srid(text) else text for text in table.outlines]
    with np.errstate(over="ignore", invalid="ignore"):  # a number beyond all numbers is infinite, and refused below
        shapes = shapely.from_wkt(np.array(plain, dtype=object), on_invalid="ignore")
    faults = [
        _no_wkt(number, text) if text and shape is None else ""
        for number, text, shape in zip(table.numbers, plain, shapes, strict=True)
    ]
    try:
        return geopandas.GeoDataFrame(table.columns | {_FAULT: faults}, geometry=shapes, crs=f"EPSG:{systems.pop()}")
    except Exception as error:  # pyproj's own error, for a number that names no system
        problem = _("has outlines in an unknown coordinate system: {reason}").format(reason=error)
        raise InputRefused(
            path, problem, _("Write SRID= with an EPSG number, for instance SRID=4547;POLYGON(…).")
        ) from error


def _no_wkt(number: int, text: str) -> str:
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    return _("its outline in row {number} is no WKT: {text}").format(number=number, text=shown)


def _has_srid(text: str) -> bool:
    return text.upper().startswith("SRID=")


def _srid(text: str) -> int:
    number = text.partition(";")[0][5:].strip() if _has_srid(text) else "4326"
    return int(number) if number.isdigit() else 0


def _in_degrees(path: Path, frame: Any, datum: Datum) -> Any:  # noqa: ANN401 - a GeoDataFrame; geopandas has no types
    """Return ``frame`` in WGS-84 degrees, or refuse the file."""
    if not hasattr(frame, "geometry") or "geometry" not in frame.columns:
        raise InputRefused(path, _("holds a table without shapes"), _("Name a file of polygons."))
    if frame.crs is None:
        raise InputRefused(
            path,
            _("declares no coordinate system"),
            _("Save it with one (a Shapefile needs its .prj file), for instance WGS-84, EPSG:4326."),
        )
    bounds = _bounds(frame)
    if bounds and frame.crs.is_geographic:
        _believe_order(path, frame)
        _believe_degrees(path, frame.crs.name, bounds)
    elif bounds:
        _believe_metres(path, frame.crs.name, bounds)
    if not frame.crs.equals("OGC:CRS84", ignore_axis_order=True):
        frame = frame.to_crs("EPSG:4326")  # geopandas keeps longitude first whatever the authority's axis order
        if not all(map(math.isfinite, _bounds(frame))):
            raise InputRefused(
                path,
                _("has coordinates that its declared coordinate system cannot hold"),
                _("Declare the coordinate system that the numbers are in."),
            )
    if datum in {Datum.GCJ02, Datum.BD09}:
        moved = shapely.transform(frame.geometry.to_numpy(), lambda lonlat: to_wgs84(lonlat, datum))
        frame = frame.set_geometry(moved, crs=frame.crs)
    return frame


def _bounds(frame: Any) -> Sequence[float]:  # noqa: ANN401 - a GeoDataFrame
    """Return west, south, east and north of all shapes that have any; empty without."""
    shapes = frame.geometry[~(frame.geometry.isna() | frame.geometry.is_empty)]
    return tuple(map(float, shapes.total_bounds)) if len(shapes) else ()


def _believe_order(path: Path, frame: Any) -> None:  # noqa: ANN401 - a GeoDataFrame
    """Refuse a file of which one outline or more has latitude before longitude."""
    west, south, east, north = (frame.geometry.bounds[name].to_numpy() for name in ("minx", "miny", "maxx", "maxy"))
    # No premises lie at 73 degrees north and more, while these are China's latitudes and longitudes exchanged.
    exchanged = np.flatnonzero((west >= 3) & (east <= 54) & (south >= 73) & (north <= 136))
    if not len(exchanged):
        return
    if len(exchanged) == int(np.isfinite(west).sum()):
        problem = _("has latitude before longitude (first numbers {west:.4f} to {east:.4f})").format(
            west=west[exchanged].min(), east=east[exchanged].max()
        )
    else:
        shown = ", ".join(str(number + 1) for number in exchanged[:5]) + (", …" if len(exchanged) > 5 else "")
        problem = _("has latitude before longitude in some outlines (features {numbers})").format(numbers=shown)
    raise InputRefused(path, problem, _("Write every position as longitude, latitude."))


def _believe_degrees(path: Path, crs_name: str, bounds: Iterable[float]) -> None:
    """Refuse a file whose declared degrees are none."""
    west, south, east, north = bounds
    if not (west >= -180 and east <= 180 and south >= -90 and north <= 90):
        raise InputRefused(
            path,
            _("declares {crs} but its numbers are no degrees (up to {most:.0f})").format(
                crs=crs_name, most=max(map(abs, (west, south, east, north)))
            ),
            _("Declare the projected coordinate system that the numbers are in, or convert them to degrees."),
        )


def _believe_metres(path: Path, crs_name: str, bounds: Iterable[float]) -> None:
    """Refuse a file whose declared projected coordinates are degrees."""
    if max(map(abs, bounds)) <= 180:
        raise InputRefused(
            path,
            _("declares {crs} but its numbers are degrees").format(crs=crs_name),
            _("Declare WGS-84 longitude and latitude, EPSG:4326."),
        )


def _rows(frame: Any) -> Iterator[tuple[dict[str, str], BaseGeometry | None]]:  # noqa: ANN401 - a GeoDataFrame
    """Yield the properties that have a value, and the shape, of each row."""
    names = [str(name) for name in frame.columns if name != frame.geometry.name and name not in _KML_STYLE]
    columns = [frame[name].tolist() for name in names]
    for number, shape in enumerate(frame.geometry.tolist()):
        texts = ((field_of(name), as_text(column[number])) for name, column in zip(names, columns, strict=True))
        yield {name: text for name, text in texts if text}, shape
