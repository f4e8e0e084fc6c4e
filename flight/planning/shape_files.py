"""Shapes for patrols: outlines written in the patrol file, circles, and features of vector files.

GeoJSON is read by hand (it is WGS-84 by its standard); KML, Shapefile and GeoPackage through pyogrio, and brought to
WGS-84 from the reference system that the file declares. A file that declares none is refused: its coordinates could
be anything.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from core.errors import InputRefused
from core.points import GeoPoint, LocalPlane, from_plane
from core.text import _

_GEOJSON: Final = {".geojson", ".json"}
_NAME_FIELDS: Final = ("name", "Name", "NAME", "名称", "id", "ID")
CIRCLE_SIDES: Final = 64


def circle(centre: GeoPoint, radius_m: float) -> shapely.Polygon:
    """Return a regular polygon of 64 sides around ``centre`` that contains the circle of ``radius_m`` (lon/lat)."""
    angles = np.linspace(0.0, 2 * math.pi, CIRCLE_SIDES, endpoint=False)
    outer = radius_m / math.cos(math.pi / CIRCLE_SIDES)
    ring = from_plane(LocalPlane(origin=centre), np.column_stack([np.cos(angles), np.sin(angles)]) * outer)
    return shapely.Polygon(ring)


def read_shape(path: Path, name: str | None, layer: str | None = None) -> BaseGeometry:
    """Return the geometry of the feature called ``name`` in a vector file, WGS-84 lon/lat.

    Args:
        path: GeoJSON, KML, Shapefile or GeoPackage.
        name: The feature's name (its ``name``, ``名称`` or ``id``); None takes every feature together.
        layer: The layer, for files with several.

    Raises:
        InputRefused: The file cannot be read, has no reference system, or has no such feature.
    """
    features = _geojson_features(path) if path.suffix.lower() in _GEOJSON else _vector_features(path, layer)
    chosen = [shape for names, shape in features if name is None or name in names]
    if not chosen:
        known = ", ".join(sorted({names[0] for names, _shape in features if names})[:8]) or "–"
        raise InputRefused(
            path,
            _("no feature is called {name}").format(name=name) if name else _("the file holds no feature"),
            _("Name one of: {known}.").format(known=known),
        )
    shape = chosen[0] if len(chosen) == 1 else shapely.union_all(chosen)
    return shapely.force_2d(shape)


def _geojson_features(path: Path) -> list[tuple[list[str], BaseGeometry]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
        features = document["features"] if "features" in document else [_as_feature(document)]
        found = [
            (
                _names(feature.get("properties") or {}),
                shapely.from_geojson(json.dumps(feature.get("geometry", feature))),
            )
            for feature in features
            if feature["geometry"]
        ]
    except OSError as error:
        raise InputRefused(
            path, _("the file cannot be read ({error})").format(error=error.strerror), _("Name a file that exists.")
        ) from error
    except (ValueError, TypeError, AttributeError, KeyError, shapely.errors.ShapelyError) as error:
        raise InputRefused(
            path, _("this is not GeoJSON ({error})").format(error=error), _("Export it again as GeoJSON.")
        ) from error
    crs = str(((document.get("crs") or {}).get("properties") or {}).get("name", "CRS84"))
    if not any(known in crs for known in ("CRS84", "4326", "4490")):
        raise InputRefused(
            path,
            _("the file declares the reference system {crs}; GeoJSON is WGS-84").format(crs=crs),
            _("Export it in WGS-84 (EPSG:4326)."),
        )
    return found


def _as_feature(document: dict[str, Any]) -> dict[str, Any]:
    return document if document["type"] == "Feature" else {"geometry": document}


def _vector_features(path: Path, layer: str | None) -> list[tuple[list[str], BaseGeometry]]:
    if not path.exists():
        raise InputRefused(path, _("the file does not exist"), _("Name a file that exists."))
    try:
        table = _table(path, layer)
    except Exception as error:
        raise InputRefused(
            path,
            _("the file cannot be read as vector geometry ({error})").format(error=error),
            _("Give GeoJSON, KML, Shapefile or GeoPackage."),
        ) from error
    if table.crs is None:
        raise InputRefused(
            path, _("the file declares no reference system"), _("Add its .prj, or export it in WGS-84 (EPSG:4326).")
        )
    table = table.to_crs(4326)
    rows = table.drop(columns="geometry").to_dict("records")
    return [(_names(row), shape) for row, shape in zip(rows, table.geometry, strict=True) if shape is not None]


def _table(path: Path, layer: str | None) -> Any:  # noqa: ANN401 - geopandas carries no types
    """Return a file's features; a Shapefile that does not say its encoding is UTF-8 or else Chinese (GB 18030)."""
    import geopandas

    named = {"layer": layer} if layer else {}
    silent = path.suffix.lower() == ".shp" and not any(path.with_suffix(end).exists() for end in (".cpg", ".CPG"))
    if not silent:
        return geopandas.read_file(path, **named)
    try:
        return geopandas.read_file(path, encoding="UTF-8", **named)
    except UnicodeDecodeError:
        return geopandas.read_file(path, encoding="GB18030", **named)


def _names(properties: dict[str, Any]) -> list[str]:
    return [str(properties[key]) for key in _NAME_FIELDS if properties.get(key) is not None]
