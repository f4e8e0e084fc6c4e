"""The file of a run's coverage, ``coverage.geojson`` (RFC 7946): written by a run and read by maps.

Where weights looked at thermal frames, what those saw lies beside it in the same form, as ``coverage-heat.geojson``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import shapely
from shapely.geometry import shape

from core.errors import InputRefused
from core.text import _
from core.whole_file import write_text
from detection.coverage_map import SeenPart

COVERAGE: Final = "coverage.geojson"
COVERAGE_IN_HEAT: Final = "coverage-heat.geojson"
DECIMALS: Final = 8


def write_parts(parts: Sequence[SeenPart], path: Path) -> None:
    """Write ground seen alike.

    Raises:
        OSError: The file cannot be written.
    """
    collection = {"type": "FeatureCollection", "name": "coverage", "features": [_feature(part) for part in parts]}
    write_text(path, json.dumps(collection, ensure_ascii=False) + "\n")


def read_parts(path: Path) -> tuple[SeenPart, ...]:
    """Return ground seen alike as :func:`write_parts` wrote it.

    Raises:
        InputRefused: The file is missing or not as a run writes it.
    """
    try:
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
        return tuple(_part(feature) for feature in features)
    except OSError as missing:
        raise InputRefused(
            path, _("is missing, so nobody knows what the run looked at"), _("Process the footage again.")
        ) from missing
    except (KeyError, ValueError, TypeError, AttributeError, shapely.errors.ShapelyError) as unfit:
        raise InputRefused(
            path, _("is not as a run of this version writes it"), _("Process the footage again.")
        ) from unfit


def _feature(part: SeenPart) -> dict[str, object]:
    return {
        "type": "Feature",
        "geometry": json.loads(shapely.to_geojson(shapely.set_precision(part.shape, 10.0**-DECIMALS))),
        "properties": {
            "views_least": part.views[0],
            "views_most": part.views[1],
            "unclear_views": part.unclear,
            "gsd_m": None if part.gsd_m is None else round(part.gsd_m, 4),
            "sharpness": None if part.sharpness is None else round(part.sharpness, 4),
            "area_m2": round(part.area_m2, 1),
        },
    }


def _part(feature: dict[str, Any]) -> SeenPart:
    said = feature["properties"]
    return SeenPart(
        shape=shape(feature["geometry"]),
        views=(int(said["views_least"]), int(said["views_most"])),
        unclear=int(said["unclear_views"]),
        gsd_m=None if said["gsd_m"] is None else float(said["gsd_m"]),
        sharpness=None if said["sharpness"] is None else float(said["sharpness"]),
        area_m2=float(said["area_m2"]),
    )
