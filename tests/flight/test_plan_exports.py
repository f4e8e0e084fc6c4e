"""Exports open elsewhere and say exactly what was planned; what a format cannot say is refused."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import shapely

from core.errors import InputRefused, PlanRefused
from core.points import GeoPoint, LocalPlane, from_plane
from flight.exports.bundle import export
from flight.exports.geojson import parted, photo_footprints, plan_layers, write_geojson
from flight.exports.gpx import write_gpx
from flight.exports.kml import write_kml
from flight.exports.qgc import write_plan
from flight.exports.waypoints import write_waypoints
from flight.exports.wpml import write_wpml
from flight.flight_plan import FlightPlan, Leg, Severity
from flight.patrol import KeyArea, NoFlyZone, Patrol, Pattern
from flight.plan import plan
from flight.planning.catalogue import read_catalogue
from flight.planning.foreign_mission import check_mission

HOME = GeoPoint(lon_deg=113.5, lat_deg=22.8)
PLANE = LocalPlane(origin=HOME)
CATALOGUE = read_catalogue()
WPML = "{http://www.dji.com/wpmz/1.0.6}"
KML = "{http://www.opengis.net/kml/2.2}"
MADE_AT = datetime(2026, 10, 1, tzinfo=UTC)


def on_earth(shape: shapely.Geometry) -> shapely.Polygon:
    return shapely.transform(shape, lambda p: from_plane(PLANE, p))


HOLE = shapely.box(200, 150, 260, 220)


def patrol(aircraft: str = "dji-m30t") -> Patrol:
    camera = CATALOGUE.cameras[CATALOGUE.default_camera[aircraft]]
    return Patrol(
        name="出口 <&> 测试",
        areas=(
            KeyArea(name="field", shape=on_earth(shapely.box(60, 60, 400, 300)), height_agl_m=80, speed_m_s=8),
            KeyArea(name="stack", shape=on_earth(shapely.Point(450, 400)), pattern=Pattern.ORBIT, height_agl_m=50,
                    speed_m_s=4, standoff_m=30, top_m=40),
        ),
        aircraft=CATALOGUE.aircraft[aircraft],
        camera=camera.camera,
        home=HOME,
        no_fly_zones=(NoFlyZone(name="hole", shape=on_earth(HOLE)),),
        photo_interval_s=0.7,
        wpml_payload=camera.wpml_payload,
        rally_points=(GeoPoint(lon_deg=113.501, lat_deg=22.8),),
    )  # fmt: skip


@pytest.fixture(scope="module")
def planned() -> FlightPlan:
    return plan(patrol())


@pytest.mark.parametrize("suffix", [".plan", ".waypoints"])
def test_what_is_written_reads_back_as_the_same_way_and_passes_the_same_check(
    planned: FlightPlan, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"mission{suffix}"
    (written,) = write_plan(planned, path, patrol=patrol()) if suffix == ".plan" else write_waypoints(planned, path)
    sortie, findings = check_mission(written, patrol())
    flown = [(w.position, w.height.metres) for w in planned.sorties[0].waypoints]
    read = [(w.position, w.height.metres) for w in sortie.waypoints]
    for position, height in flown[1:-1]:
        assert any(
            abs(position.lon_deg - other.lon_deg) < 6e-8
            and abs(position.lat_deg - other.lat_deg) < 6e-8
            and abs(height - level) < 1e-5
            for other, level in read
        )
    assert sortie.length_m == pytest.approx(planned.sorties[0].length_m, rel=1e-5)
    assert {finding.code: finding.severity for finding in findings}["no-fly"] is Severity.PASS


def test_a_mission_from_elsewhere_through_a_zone_fails(tmp_path: Path) -> None:
    rows = [(0, 0, 16, 0.0), (1, 3, 22, 60.0), (2, 3, 16, 60.0), (3, 3, 16, 60.0), (4, 3, 20, 0.0)]
    places = [(0, 0), (0, 0), (230, 50), (230, 300), (0, 0)]
    lines = ["QGC WPL 110"]
    for (number, frame, command, height), place in zip(rows, places, strict=True):
        lon, lat = from_plane(PLANE, [place])[0]
        zero = command in {20, 22}
        fields = [
            number,
            0,
            frame,
            command,
            0,
            0,
            0,
            0,
            0 if zero else f"{lat:.8f}",
            0 if zero else f"{lon:.8f}",
            height,
            1,
        ]
        lines.append("\t".join(map(str, fields)))
    path = tmp_path / "bad.waypoints"
    path.write_text("\n".join(lines))
    _sortie, findings = check_mission(path, patrol())
    finding = next(finding for finding in findings if finding.code == "no-fly")
    assert finding.severity is Severity.FAIL
    assert finding.text.startswith("70 m of the way lie in no-fly zones")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense", "first line"),
        ("QGC WPL 110\n1\t0\t3", "line 2"),
        ("QGC WPL 110\n1\t0\t0\t16\t0\t0\t0\t0\t22.8\t113.5\t50\t1\n", "not above take-off"),
        ("QGC WPL 110\n1\t0\t3\t177\t1\t3\t0\t0\t0\t0\t0\t1\n", "cannot be checked"),
        ("QGC WPL 110\n1\t0\t3\t18\t1\t3\t0\t0\t22.8\t113.5\t50\t1\n", "cannot be checked"),
        ("QGC WPL 110\n1\t0\t3\t16\t0\t0\t0\t0\t122.8\t113.5\t50\t1\n", "latitude"),
        ("QGC WPL 110\n", "no way to fly"),
    ],
)
def test_a_mission_that_cannot_be_checked_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "odd.waypoints"
    path.write_text(text)
    with pytest.raises(InputRefused, match=words):
        check_mission(path, patrol())


def test_a_kmz_holds_both_files_with_every_waypoint_and_its_actions(planned: FlightPlan, tmp_path: Path) -> None:
    (path,) = write_wpml(planned, tmp_path / "mission.kmz", patrol=patrol(), made_at=MADE_AT)
    route = [w for w in planned.sorties[0].waypoints if w.leg not in {Leg.TAKEOFF, Leg.LAND}]
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["wpmz/template.kml", "wpmz/waylines.wpml"]
        roots = {name: ET.fromstring(archive.read(name)) for name in archive.namelist()}  # noqa: S314 - our own file
    for name, height_tag in (("wpmz/template.kml", "height"), ("wpmz/waylines.wpml", "executeHeight")):
        places = list(roots[name].iter(f"{KML}Placemark"))
        assert len(places) == len(route)
        for index, (place, waypoint) in enumerate(zip(places, route, strict=True)):
            lon, lat = map(float, (place.findtext(f"{KML}Point/{KML}coordinates") or "").split(","))
            assert (lon, lat) == pytest.approx((waypoint.position.lon_deg, waypoint.position.lat_deg), abs=1e-8)
            assert float(place.findtext(f"{WPML}{height_tag}") or "nan") == pytest.approx(
                waypoint.height.metres, abs=1e-3
            )
            assert place.findtext(f"{WPML}index") == str(index)
            starts_line = index + 1 < len(route) and route[index + 1].leg is Leg.LINE
            triggers = [element.text for element in place.iter(f"{WPML}actionTriggerType")]
            assert ("multipleDistance" in triggers) is starts_line
            if starts_line:
                pitch = float(next(place.iter(f"{WPML}gimbalPitchRotateAngle")).text or "nan")
                assert pitch == pytest.approx(route[index + 1].gimbal_pitch_deg, abs=1e-3)
                turned = [element.text for element in place.iter(f"{WPML}actionActuatorFunc")]
                assert ("rotateYaw" in turned) is (route[index + 1].yaw_deg is not None)
    config = roots["wpmz/waylines.wpml"].find(f".//{WPML}droneInfo")
    assert config is not None
    assert config.findtext(f"{WPML}droneEnumValue") == "67"
    again = write_wpml(planned, tmp_path / "again.kmz", patrol=patrol(), made_at=MADE_AT)[0]
    assert again.read_bytes() == path.read_bytes()


def test_an_aircraft_that_reads_no_wpml_is_refused(planned: FlightPlan, tmp_path: Path) -> None:
    with pytest.raises(PlanRefused, match="reads no WPML"):
        write_wpml(planned, tmp_path / "x.kmz", patrol=patrol("generic-arducopter"), made_at=MADE_AT)
    with pytest.raises(PlanRefused, match="payload"):
        write_wpml(planned, tmp_path / "x.kmz", patrol=replace(patrol(), wpml_payload=None), made_at=MADE_AT)


def test_a_fence_that_a_plan_file_cannot_say_is_refused(planned: FlightPlan, tmp_path: Path) -> None:
    band = NoFlyZone(name="band", shape=on_earth(HOLE), floor_m=20, ceiling_m=90)
    (path,) = write_plan(planned, tmp_path / "x.plan", patrol=replace(patrol(), no_fly_zones=(band,)))
    assert len(json.loads(path.read_text())["geoFence"]["polygons"]) == 1  # closed at every height, which is stricter
    above = NoFlyZone(name="above", shape=on_earth(shapely.box(100, 100, 150, 150)), floor_m=150)
    with pytest.raises(PlanRefused, match="height band"):
        write_plan(planned, tmp_path / "x.plan", patrol=replace(patrol(), no_fly_zones=(above,)))
    ring = NoFlyZone(name="ring", shape=on_earth(HOLE.buffer(40).difference(HOLE)))
    with pytest.raises(PlanRefused, match="holes"):
        write_plan(planned, tmp_path / "x.plan", patrol=replace(patrol(), no_fly_zones=(ring,)))


def test_rally_points_go_into_the_plan_file(planned: FlightPlan, tmp_path: Path) -> None:
    (path,) = write_plan(planned, tmp_path / "x.plan", patrol=patrol())
    (point,) = json.loads(path.read_text())["rallyPoints"]["points"]
    assert point[:2] == [22.8, 113.501]


def test_kml_gpx_and_geojson_hold_the_way(planned: FlightPlan, tmp_path: Path) -> None:
    waypoints = planned.sorties[0].waypoints
    write_kml(planned, tmp_path / "x.kml", patrol=patrol())
    write_gpx(planned, tmp_path / "x.gpx")
    write_geojson(planned, tmp_path / "x.geojson", patrol=patrol())
    kml = ET.parse(tmp_path / "x.kml").getroot()  # noqa: S314 - our own file
    line = next(kml.iter(f"{KML}LineString")).findtext(f"{KML}coordinates") or ""
    assert len(line.split()) == len(waypoints)
    assert kml.findtext(f"{KML}Document/{KML}name") == "出口 <&> 测试"
    gpx = ET.parse(tmp_path / "x.gpx").getroot()  # noqa: S314 - our own file
    assert len(list(gpx.iter("{http://www.topografix.com/GPX/1/1}rtept"))) == len(waypoints)
    layers = {f["properties"]["layer"] for f in json.loads((tmp_path / "x.geojson").read_text())["features"]}
    assert layers == {"areas", "no_fly_zones", "sorties", "waypoints", "footprints"}
    assert len(plan_layers(planned)["waypoints"]["features"]) == len(waypoints)


def test_the_footprints_of_the_photographs_cover_the_field(planned: FlightPlan) -> None:
    seen = shapely.union_all([shape for _n, area, shape in photo_footprints(planned, patrol()) if area == "field"])
    field = on_earth(shapely.box(60, 60, 400, 300).difference(HOLE))
    assert seen.intersection(field).area / field.area > 0.999


def test_every_format_is_written_or_refused(planned: FlightPlan, tmp_path: Path) -> None:
    written, refused = export(planned, patrol(), tmp_path / "out", at=MADE_AT)
    assert refused == ()
    assert {path.suffix for path in written} == {
        ".json", ".plan", ".waypoints", ".kmz", ".kml", ".gpx", ".geojson", ".png", ".pdf",
    }  # fmt: skip
    assert all(path.stat().st_size > 500 for path in written)
    written, refused = export(
        planned, patrol("generic-arducopter"), tmp_path / "ardu", at=MADE_AT, formats=["wpml", "gpx"]
    )
    assert [path.suffix for path in written] == [".gpx"]
    assert [refusal.subject for refusal in refused] == ["wpml"]
    with pytest.raises(ValueError, match="no format"):
        export(planned, patrol(), tmp_path, at=MADE_AT, formats=["dwg"])


def test_the_footprints_are_as_many_as_the_photographs_counted(planned: FlightPlan) -> None:
    assert len(photo_footprints(planned, patrol())) == sum(sortie.photos for sortie in planned.sorties)


def test_what_crosses_the_antimeridian_is_cut_there_and_keeps_its_ground() -> None:
    across = shapely.Polygon([(179.99, -17.0), (-179.98, -17.0), (-179.98, -16.99), (179.99, -16.99)])
    pieces = parted(across)
    assert sorted(part.bounds for part in shapely.get_parts(pieces)) == [
        pytest.approx((-180.0, -17.0, -179.98, -16.99)),
        pytest.approx((179.99, -17.0, 180.0, -16.99)),
    ]
    assert pieces.area == pytest.approx(0.03 * 0.01)
    assert parted(HOLE) is HOLE
