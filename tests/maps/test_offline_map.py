"""The map: one file, no network, nothing of the data runs, the same text twice."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from shapely import box
from shapely.geometry.base import BaseGeometry

from core.points import GeoPoint
from detection.coverage_map import SeenPart
from evidence.incident import Incident
from geofence.fix import Covariance
from geofence.site import Register, Site, Zone, ZoneType
from maps.features import ellipse_90, layers_of, semi_major_90_m
from maps.geo_files import write_geojson, write_geopackage
from maps.offline_map import draw, render
from maps.scene import Footprint, Scene, Trace
from tests.incident_double import PLACE, SITE, ZONE, make_fix, make_incident

NOON = datetime(2026, 10, 1, 4, tzinfo=UTC)
HOSTILE = "<script>alert('x')</script>\"&"


def seen_part(
    ground: BaseGeometry, *, views: tuple[int, int] = (1, 1), unclear: int = 0, gsd_m: float | None = 0.03
) -> SeenPart:
    """Ground seen alike."""
    return SeenPart(shape=ground, views=views, unclear=unclear, gsd_m=gsd_m, sharpness=None, area_m2=1.0)


def _incident(*, decided: bool = True, index: int = 0) -> Incident:
    return make_incident([make_fix("frame", NOON, index=index)], decided=decided)


@pytest.fixture
def scene() -> Scene:
    ground = box(PLACE.lon_deg - 0.001, PLACE.lat_deg - 0.001, PLACE.lon_deg + 0.001, PLACE.lat_deg + 0.001)
    site = Site(code=SITE, name=HOSTILE, shape=ground, version="v1")
    zone = Zone(
        zone_id=ZONE, zone_type=ZoneType.FIRE_LANE, name="消防车通道", shape=ground.buffer(-0.0002), version="v1"
    )
    incident = _incident()
    return Scene(
        title="patrol",
        drawn_at=NOON,
        register=Register(sites=(site,), zones=(zone,), sha256="c" * 64),
        incidents=(incident,),
        thumbnails={incident.incident_id: b"\xff\xd8jpeg"},
        others=(_incident(index=5000).sighting,),
        traces=(
            Trace(
                name="morning",
                started_at=NOON,
                ended_at=NOON,
                ways=((replace(PLACE, lat_deg=PLACE.lat_deg - 0.001), replace(PLACE, lat_deg=PLACE.lat_deg + 0.001)),),
                footprints=(Footprint(name="DJI_0001.JPG", shape=ground, camera=PLACE, detections=2),),
                coverage=(seen_part(ground),),
            ),
        ),
    )


def test_it_asks_for_nothing_from_anywhere(scene: Scene) -> None:
    html = render(scene)
    linked = re.findall(r"""(?:src|href)\s*=\s*["']?(?!data:)([^"'\s>]+)""", html)
    # Leaflet's own text holds its attribution link, which is only followed by a click.
    assert [link for link in linked if "leafletjs.com" not in link and link.startswith("http")] == []
    assert not re.search(r"@import|url\((?!data:|#)", html)


def test_data_does_not_run(scene: Scene) -> None:
    html = render(scene)
    assert HOSTILE not in html
    assert "<script>alert" not in html


def test_two_renderings_are_the_same(scene: Scene) -> None:
    assert render(scene) == render(scene)


def test_an_undecided_site_is_not_named_as_decided(scene: Scene) -> None:
    undecided = replace(scene, incidents=(_incident(decided=False),))
    properties = layers_of(undecided)["incidents"][0]["properties"]
    assert properties["site_code"] == ""
    assert properties["site_decided"] is False
    assert layers_of(undecided)["sites"][0]["properties"]["leads"] == 0
    assert layers_of(scene)["sites"][0]["properties"]["leads"] == 1


def test_the_ellipse_holds_ninety_per_cent() -> None:
    covariance = Covariance(east_m2=9.0, north_m2=1.0)
    outline = ellipse_90(GeoPoint(lon_deg=113.58, lat_deg=22.76), covariance)
    # sqrt(-2 ln 0.1) = 2.1460; three metres sigma east.
    assert semi_major_90_m(covariance) == pytest.approx(6.438, abs=1e-3)
    west, south, east, north = outline.bounds
    assert (east - west) / (north - south) == pytest.approx(3 / 0.9223, rel=0.02)


def test_qgis_files_hold_every_layer(scene: Scene, tmp_path: Path) -> None:
    import pyogrio

    write_geopackage(scene, tmp_path / "patrol.gpkg")
    layers = {name for name, _kind in pyogrio.list_layers(tmp_path / "patrol.gpkg")}
    assert {"sites", "zones", "incidents", "ellipses", "footprints", "sightings", "flown"} <= layers
    incidents = pyogrio.read_dataframe(tmp_path / "patrol.gpkg", layer="incidents")
    assert incidents.crs.to_epsg() == 4326
    assert incidents.iloc[0]["hazard"] == "H13"
    write_geojson(scene, tmp_path / "incidents.geojson")
    assert pyogrio.read_info(tmp_path / "incidents.geojson")["features"] == 1
    assert [file.name for file in tmp_path.iterdir() if "part" in file.name] == []


def test_a_map_of_nothing_is_refused(tmp_path: Path) -> None:
    empty = Scene(title="", drawn_at=NOON, register=Register(sites=(), zones=(), sha256="c" * 64))
    with pytest.raises(ValueError, match="shows nothing"):
        draw(empty, tmp_path / "map.html")
    assert list(tmp_path.iterdir()) == []
