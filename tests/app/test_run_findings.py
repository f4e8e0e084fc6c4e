"""A register drawn on a Chinese map's tiles and saved as WGS-84: the run's report says so before anything else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import shapely
from shapely.geometry import Polygon

from app.conclude import Conclusion
from app.instruments import Jurisdiction
from app.processing.examine_all import Taken
from app.processing.sum_up import _findings
from core.points import GeoPoint, LocalPlane, from_plane
from geofence.datums import Datum, wgs84_to_gcj02
from geofence.site import Register, Site

HERE = GeoPoint(lon_deg=113.95, lat_deg=22.55)


def places(count: int) -> list[GeoPoint]:
    inside = np.random.default_rng(3).uniform(10, 90, (count, 2))
    return [
        GeoPoint(lon_deg=float(lon), lat_deg=float(lat)) for lon, lat in from_plane(LocalPlane(origin=HERE), inside)
    ]


def findings(*, shifted: bool, sightings: int, frames: int) -> tuple[str, ...]:
    ring = from_plane(LocalPlane(origin=HERE), np.array([[0, 0], [100, 0], [100, 100], [0, 100]], dtype=float))
    shape = Polygon(ring)
    if shifted:
        shape = shapely.transform(shape, wgs84_to_gcj02)
    register = Register(
        sites=(Site(code="91440115MADM0P017J", name="x", shape=shape, version="1"),), zones=(), sha256="0"
    )
    poses = [SimpleNamespace(frame=SimpleNamespace(pose=SimpleNamespace(position=place))) for place in places(frames)]
    taken = cast("Taken", SimpleNamespace(findings=[SimpleNamespace(frames=poses)]))
    seen = cast("Conclusion", SimpleNamespace(sightings=[SimpleNamespace(point=place) for place in places(sightings)]))
    return _findings(taken, seen, cast("Jurisdiction", SimpleNamespace(register=register, datum=Datum.WGS84)))


@pytest.mark.parametrize(("sightings", "frames"), [(12, 0), (1, 12)])
def test_a_shifted_register_is_a_finding_by_what_was_seen_or_by_where_it_was_flown(sightings: int, frames: int) -> None:
    (sentence,) = findings(shifted=True, sightings=sightings, frames=frames)
    assert "GCJ-02" in sentence
    assert findings(shifted=False, sightings=sightings, frames=frames) == ()


def test_too_few_places_say_nothing() -> None:
    assert findings(shifted=True, sightings=2, frames=2) == ()
