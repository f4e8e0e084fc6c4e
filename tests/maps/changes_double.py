"""A comparison's folder as ``skywarden changes`` writes it, for the tests of maps and of the station."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shapely import box
from shapely.geometry import mapping

from maps.change_file import SHAPES


def write_changes(folder: Path, lon_deg: float, lat_deg: float, *, incidents: Sequence[str] = (), **said: Any) -> None:
    """Write one change of some metres about a point, with two pictures."""
    (folder / "images").mkdir(parents=True)
    for when in ("before", "after"):
        (folder / "images" / f"C-ABC123-{when}.jpg").write_bytes(b"\xff\xd8" + when.encode())
    record = {
        "number": "C-ABC123", "became": "grew", "area_m2": 21.2, "before_m2": 4.5, "after_m2": 21.2, "height_m": None,
        "error_90_m": 1.3, "site_name": "<b>涂料</b>", "incidents": list(incidents),
        "before_at": "2026-09-24T01:00:00Z", "after_at": "2026-10-01T01:00:00Z",
        "picture_before": "images/C-ABC123-before.jpg", "picture_after": "images/C-ABC123-after.jpg",
    } | said  # fmt: skip
    outline = box(lon_deg - 3e-5, lat_deg - 2e-5, lon_deg + 3e-5, lat_deg + 2e-5)
    feature = {"type": "Feature", "geometry": mapping(outline), "properties": record}
    collection = {"type": "FeatureCollection", "name": "changes", "features": [feature]}
    (folder / SHAPES).write_text(json.dumps(collection), encoding="utf-8")
