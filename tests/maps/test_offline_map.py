"""The map: one file, no network, nothing of the data runs, the same text twice."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from shapely import box

from core.points import GeoPoint
from detection.detection import Box, Detection
from evidence.incident import Incident
from geofence.attribution import Attribution, Share, Undecided
from geofence.fix import Covariance, Fix
from geofence.hazard import Citation, Hazard, Value
from geofence.sighting import Sighting
from geofence.site import Register, Site, Zone, ZoneType
from maps.features import ellipse_90, layers_of, semi_major_90_m
from maps.geo_files import write_geojson, write_geopackage
from maps.offline_map import draw, render
from maps.scene import Footprint, Scene

NOON = datetime(2026, 10, 1, 4, tzinfo=UTC)
HOSTILE = "<script>alert('x')</script>\"&"


def _sighting(lon: float = 113.58, lat: float = 22.76) -> Sighting:
    detection = Detection(
        frame_id="frame",
        label="vehicle",
        score=0.9,
        box=Box(left_px=1, top_px=1, right_px=9 + lon, bottom_px=9),
        weight_sha256="a" * 64,
    )
    point, covariance = GeoPoint(lon_deg=lon, lat_deg=lat), Covariance(east_m2=4.0, north_m2=1.0)
    fix = Fix(
        detection=detection,
        captured_at=NOON,
        point=point,
        covariance=covariance,
        ground_hae_m=None,
        slant_m=90.0,
        camera_point=point,
        assumptions=(),
    )
    return Sighting(label="vehicle", fixes=(fix,), point=point, covariance=covariance, passes=1, moving=None)


def _incident(*, decided: bool) -> Incident:
    sighting = _sighting()
    hazard = Hazard(
        code="H13",
        name_zh="占用、堵塞消防车通道",
        name_en="blocked fire lane",
        rule_id="vehicle-in-fire-lane",
        rules_sha256="b" * 64,
        sighting_id=sighting.sighting_id,
        zone_id="Z1",
        zone_version="v1",
        probability=0.97,
        value=Value.PROVABLE,
        periods=("ND",),
        citations=(
            Citation(
                law="消防法",
                article="第二十八条",
                version="2021修正",
                effective_from=None,
                text="",
                confidence="A",
            ),
        ),
        authority="消防救援",
        explanation="",
    )
    shares = (Share(key="91440115MA00000001", version="v1", probability=0.98),)
    attribution: Attribution | Undecided = Attribution(
        sighting_id=sighting.sighting_id, site_code="91440115MA00000001", sites=shares, zones=()
    )
    if not decided:
        attribution = Undecided(sighting_id=sighting.sighting_id, sites=shares, zones=(), reason="two fences")
    return Incident(hazard=hazard, sighting=sighting, attribution=attribution, opened_at=NOON)


@pytest.fixture
def scene() -> Scene:
    ground = box(113.579, 22.759, 113.581, 22.761)
    site = Site(code="91440115MA00000001", name=HOSTILE, shape=ground, version="v1")
    zone = Zone(
        zone_id="Z1", zone_type=ZoneType.FIRE_LANE, name="消防车通道", shape=ground.buffer(-0.0002), version="v1"
    )
    incident = _incident(decided=True)
    return Scene(
        title="patrol",
        drawn_at=NOON,
        register=Register(sites=(site,), zones=(zone,), sha256="c" * 64),
        incidents=(incident,),
        thumbnails={incident.incident_id: b"\xff\xd8jpeg"},
        others=(_sighting(113.5805),),
        footprints=(
            Footprint(name="DJI_0001.JPG", shape=ground, camera=GeoPoint(lon_deg=113.58, lat_deg=22.76), detections=2),
        ),
        flown=((GeoPoint(lon_deg=113.579, lat_deg=22.759), GeoPoint(lon_deg=113.581, lat_deg=22.761)),),
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


def test_times_are_told_in_beijing_time(scene: Scene) -> None:
    assert "2026-10-01 12:00:00 to 2026-10-01 12:00:00 Beijing time" in render(scene)


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
