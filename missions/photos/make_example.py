"""Writes the sites and zones drawn over the eight aerial photos of the real-footage example.

The photos show a market square and a street; the sites and zones are invented for the example and were drawn on the
ground that the two nadir photos show, in metres east and north of the origin. Run from the repository's root:
``python missions/photos/make_example.py``.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from core.points import GeoPoint, LocalPlane, from_plane
from geofence.register.credit_code import complete_code

HERE = Path(__file__).parent
PLANE = LocalPlane(origin=GeoPoint(lon_deg=27.5765, lat_deg=53.9190))


def strip(start: tuple[float, float], end: tuple[float, float], half_width_m: float) -> list[tuple[float, float]]:
    """Return the corners of a strip along a line."""
    along = np.subtract(end, start) / np.hypot(*np.subtract(end, start))
    across = np.array([-along[1], along[0]]) * half_width_m
    return [tuple(np.add(start, across)), tuple(np.add(end, across)), tuple(np.subtract(end, across)),
            tuple(np.subtract(start, across))]  # fmt: skip


def polygon(corners: list[tuple[float, float]]) -> dict[str, object]:
    """Return a GeoJSON polygon of corners in the plane, east and north."""
    ring = [[round(value, 8) for value in point] for point in from_plane(PLANE, corners).tolist()]
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


def feature(corners: list[tuple[float, float]], **properties: object) -> dict[str, object]:
    """Return a GeoJSON feature."""
    return {"type": "Feature", "geometry": polygon(corners), "properties": properties}


MARKET = complete_code("91", "440115", "MADM0P01")
DEPOT = complete_code("91", "440115", "MADM0P02")
SITES = [
    feature(
        [(-23, 40), (60, 110), (150, 20), (42, -40), (-8, 10)],
        code=MARKET, name="示例市场（虚构）", name_en="Example market (invented)", boundary_sigma_m=1.0,
    ),
    feature(
        [(-62, 27), (-20, -12), (20, -50), (-35, -95), (-125, 0)],
        code=DEPOT, name="示例仓库（虚构）", name_en="Example depot (invented)", boundary_sigma_m=1.0,
    ),
]  # fmt: skip
ZONES = [
    feature(
        strip((-5, 15), (36, -24), 6.0),
        zone_id="FL-1", zone_type="fire_lane", name="市场南侧消防车通道", site_code=MARKET, boundary_sigma_m=1.0,
    ),
    feature(
        strip((-39, 36), (-26, 24), 6.0),
        zone_id="EX-1", zone_type="exclusion", name="路口禁停区", boundary_sigma_m=1.0,
    ),
]  # fmt: skip


def main() -> None:
    """Write both files."""
    for name, features in (("sites", SITES), ("zones", ZONES)):
        collection = {"type": "FeatureCollection", "name": name, "features": features}
        text = json.dumps(collection, ensure_ascii=False, indent=1) + "\n"
        (HERE / f"{name}.geojson").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
