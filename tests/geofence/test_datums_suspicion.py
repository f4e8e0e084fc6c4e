import numpy as np
import pytest
import shapely

from core.points import GeoPoint, LocalPlane, from_plane
from geofence.datums import Datum, from_wgs84, to_wgs84
from geofence.register.datums_suspicion import suspect_datum
from geofence.site import Site

PLANE = LocalPlane(origin=GeoPoint(lon_deg=113.95, lat_deg=22.55))
# Four yards of 200 m by 150 m, streets between them.
CORNERS = [(0.0, 0.0), (260.0, 0.0), (0.0, -210.0), (260.0, -210.0)]


def yard(east: float, north: float) -> shapely.Polygon:
    ring = [(east, north), (east + 200, north), (east + 200, north + 150), (east, north + 150)]
    return shapely.Polygon(from_plane(PLANE, ring))


def register(*, drawn_in: Datum, read_as: Datum) -> list[Site]:
    """Return the yards, drawn on a map of one datum and read as if in another."""
    return [
        Site(
            code=f"9144030000000000{i:02d}",
            name=f"yard {i}",
            shape=shapely.transform(yard(*corner), lambda lonlat: to_wgs84(from_wgs84(lonlat, drawn_in), read_as)),
            version="0",
        )
        for i, corner in enumerate(CORNERS)
    ]


def footage(*, east: float = 0.0) -> list[GeoPoint]:
    rng = np.random.default_rng(23)
    corner = np.array(CORNERS)[rng.integers(0, 4, 40)]
    places = from_plane(PLANE, corner + rng.uniform([10, 10], [190, 140], (40, 2)) + [east, 0.0])
    return [GeoPoint(lon_deg=float(lon), lat_deg=float(lat)) for lon, lat in places]


@pytest.mark.parametrize("drawn_in", [Datum.GCJ02, Datum.BD09])
def test_sites_drawn_on_a_shifted_map_are_suspected(drawn_in: Datum) -> None:
    found = suspect_datum(register(drawn_in=drawn_in, read_as=Datum.WGS84), footage())
    assert found is not None
    assert found.likely is drawn_in
    assert found.on_site_as_likely > 0.95
    assert found.shift_m > 400
    assert str(drawn_in) in str(found)


def test_sites_read_as_shifted_that_are_not_are_suspected_too() -> None:
    found = suspect_datum(register(drawn_in=Datum.WGS84, read_as=Datum.GCJ02), footage(), declared=Datum.GCJ02)
    assert found is not None
    assert found.likely is Datum.WGS84


@pytest.mark.parametrize("datum", list(Datum))
def test_sites_that_say_what_they_are_in_are_not_suspected(datum: Datum) -> None:
    assert suspect_datum(register(drawn_in=datum, read_as=datum), footage(), declared=datum) is None


def test_footage_beside_the_sites_proves_nothing() -> None:
    assert suspect_datum(register(drawn_in=Datum.WGS84, read_as=Datum.WGS84), footage(east=5_000)) is None
    assert suspect_datum(register(drawn_in=Datum.GCJ02, read_as=Datum.WGS84), footage()[:4]) is None
    assert suspect_datum([], footage()) is None


def test_abroad_there_is_no_shift_to_suspect() -> None:
    abroad = [GeoPoint(lon_deg=27.57 + 0.001 * i, lat_deg=53.9) for i in range(10)]
    assert suspect_datum(register(drawn_in=Datum.WGS84, read_as=Datum.WGS84), abroad) is None
