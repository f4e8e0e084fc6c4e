"""Features of a register file in WGS-84 longitude and latitude, before they are known to be sites or zones.

Vector files (GeoJSON, GeoPackage, Shapefile, KML) are read by GDAL through geopandas; tables (CSV, Excel) carry their
outlines as WKT, in degrees or with a prefix ``SRID=4547;``. A whole file is refused when its positions cannot be
believed: no declared coordinate system, metres where degrees are declared, degrees where metres are, latitude before
longitude. A file in GCJ-02 or BD-09 is converted when that is declared; nothing guesses a datum.

Text without a declared encoding is UTF-8 if it decodes as such, otherwise GB 18030 (which holds GBK and GB 2312).
Column headings may be Chinese; see ``HEADINGS``.
"""

from __future__ import annotations

import csv
import io
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
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

_VECTORS: Final = (".geojson", ".json", ".gpkg", ".shp", ".kml")
_TABLES: Final = (".csv", ".xlsx")
_OUTLINES: Final = ("wkt", "geometry", "geom", "outline", "范围", "边界")

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
    """

    subject: str
    properties: Mapping[str, str]
    shape: BaseGeometry | None


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
    warned: list[str] = []
    frames = _layers(path, warned) if suffix in _VECTORS else iter([_table(path)])
    features: list[Feature] = []
    for frame in frames:
        for properties, shape in _rows(_in_degrees(path, frame, datum)):
            subject = _("{file}, feature {number}").format(file=path.name, number=len(features) + 1)
            features.append(Feature(subject=subject, properties=properties, shape=shape))
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
        raise InputRefused(
            path,
            _("cannot be read as vectors: {reason}").format(reason=str(error).splitlines()[0]),
            _("Export it again as GeoJSON or GeoPackage."),
        ) from error


def _dbf_encoding(path: Path) -> str | None:
    """Return the encoding of a Shapefile's table by its bytes; None where a .cpg declares it, which GDAL reads."""
    table = path.with_suffix(".dbf")
    if path.with_suffix(".cpg").is_file() or not table.is_file():
        return None
    return text_encoding(table.read_bytes()[32:])


def text_encoding(content: bytes) -> str:
    """Return ``utf-8`` if bytes are that, otherwise ``gb18030``, the national standard that holds GBK."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8"


def _table(path: Path) -> Any:  # noqa: ANN401 - a GeoDataFrame; geopandas has no types
    """Return a table of WKT outlines as a GeoDataFrame."""
    import geopandas

    rows = _csv_rows(path) if path.suffix.lower() == ".csv" else _excel_rows(path)
    header = next(iter(rows), [])
    outline = next((place for place, name in enumerate(header) if name.lower() in _OUTLINES), None)
    if outline is None:
        problem = _("has no column of outlines (one of: {names})").format(names=", ".join(_OUTLINES))
        raise InputRefused(path, problem, _("Give each row its outline as WKT."))
    texts = [row[outline] for row in rows[1:]]
    systems = {_srid(text) for text in texts if text} or {4326}
    if len(systems) > 1:
        problem = _("mixes coordinate systems ({systems})").format(systems=", ".join(map(str, sorted(systems))))
        raise InputRefused(path, problem, _("Write all outlines in one."))
    plain = [text.partition(";")[2] if _has_srid(text) else text for text in texts]
    with np.errstate(over="ignore", invalid="ignore"):  # a number beyond all numbers is infinite, and refused below
        shapes = shapely.from_wkt(np.array(plain, dtype=object), on_invalid="ignore")
    columns = {name: [row[place] for row in rows[1:]] for place, name in enumerate(header) if place != outline and name}
    try:
        return geopandas.GeoDataFrame(columns, geometry=shapes, crs=f"EPSG:{systems.pop()}")
    except Exception as error:  # pyproj's own error, for a number that names no system
        problem = _("has outlines in an unknown coordinate system: {reason}").format(reason=error)
        raise InputRefused(
            path, problem, _("Write SRID= with an EPSG number, for instance SRID=4547;POLYGON(…).")
        ) from error


def _has_srid(text: str) -> bool:
    return text.upper().startswith("SRID=")


def _srid(text: str) -> int:
    number = text.partition(";")[0][5:].strip() if _has_srid(text) else "4326"
    return int(number) if number.isdigit() else 0


def _csv_rows(path: Path) -> list[list[str]]:
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    text = content.decode(text_encoding(content), errors="replace")
    csv.field_size_limit(2**31 - 1)  # the outline of a large zone is longer than the default of 128 kB
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text, newline="")) if row]
    except csv.Error as error:
        problem = _("cannot be read as CSV: {reason}").format(reason=error)
        raise InputRefused(path, problem, _("Save it again as CSV.")) from error
    return _squared(rows)


def _excel_rows(path: Path) -> list[list[str]]:
    import openpyxl

    try:
        book = openpyxl.load_workbook(io.BytesIO(path.read_bytes()), read_only=True, data_only=True)
        rows = [[as_text(cell) for cell in row] for row in book.worksheets[0].iter_rows(values_only=True)]
    except Exception as error:  # openpyxl raises what zipfile and its own parsers raise
        problem = _("cannot be read as Excel: {reason}").format(reason=error)
        raise InputRefused(path, problem, _("Save it again as .xlsx, or as CSV.")) from error
    return _squared([row for row in rows if any(row)])


def _squared(rows: list[list[str]]) -> list[list[str]]:
    """Return rows of one length, that of the longest."""
    width = max(map(len, rows), default=0)
    return [row + [""] * (width - len(row)) for row in rows]


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


def _believe_degrees(path: Path, crs_name: str, bounds: Iterable[float]) -> None:
    """Refuse a file whose declared degrees are metres or latitude first."""
    west, south, east, north = bounds
    if west >= 3 and east <= 54 and south >= 73 and north <= 136:
        # No premises lie at 73 degrees north and more, while these are China's latitudes and longitudes exchanged.
        raise InputRefused(
            path,
            _("has latitude before longitude (first numbers {west:.4f} to {east:.4f})").format(west=west, east=east),
            _("Write every position as longitude, latitude."),
        )
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


def _rows(frame: Any) -> Iterator[tuple[Mapping[str, str], BaseGeometry | None]]:  # noqa: ANN401 - a GeoDataFrame
    """Yield the properties that have a value, and the shape, of each row."""
    names = [str(name) for name in frame.columns if name != frame.geometry.name and name not in _KML_STYLE]
    columns = [frame[name].tolist() for name in names]
    for number, shape in enumerate(frame.geometry.tolist()):
        texts = ((field_of(name), as_text(column[number])) for name, column in zip(names, columns, strict=True))
        yield MappingProxyType({name: text for name, text in texts if text}), shape


def as_text(value: object) -> str:
    """Return a property as text; empty for a missing one."""
    if value is None or (isinstance(value, float) and math.isnan(value)) or str(value) in {"NaT", "<NA>"}:
        return ""
    if isinstance(value, datetime):
        # A driver makes a time of what looks like a day; a day it stays.
        is_day = value.tzinfo is None and value.time() == time(0)
        return value.date().isoformat() if is_day else value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value).strip()
