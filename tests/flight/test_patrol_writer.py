"""A patrol that is written as a file is read again as the same patrol."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import shapely

from core.errors import InputRefused
from core.points import GeoPoint
from flight.patrol import Crew, Kit, NoFlyZone, Obstacle, Patrol, Pattern, TimeWindow
from flight.planning.catalogue import read_catalogue
from flight.planning.patrol_file import read_patrol
from flight.planning.patrol_writer import write_patrol
from flight.track import PoseDeclaration

DEMO = Path(__file__).resolve().parents[2] / "missions" / "demo" / "patrol.yaml"


@pytest.fixture
def patrol() -> Patrol:
    return read_patrol(DEMO)


def test_the_demo_patrol_is_written_and_read_again(patrol: Patrol, tmp_path: Path) -> None:
    path = tmp_path / "again.yaml"
    write_patrol(patrol, path, note="first line\nsecond line")
    assert read_patrol(path) == patrol
    assert path.read_text(encoding="utf-8").startswith("# first line\n# second line\nskywarden: patrol/1\n")
    assert list(tmp_path.iterdir()) == [path]


def test_everything_that_a_patrol_may_hold_is_written(patrol: Patrol, tmp_path: Path) -> None:
    area = patrol.areas[0]
    west, south, east, north = area.shape.bounds
    spot = shapely.Point((west + east) / 2, (south + north) / 2)
    holed = shapely.Polygon(shapely.box(west, south, east, north).exterior, [spot.buffer(1e-4).exterior])
    two = shapely.MultiPolygon([spot.buffer(1e-4), shapely.Point(west, south).buffer(1e-4)])
    window = TimeWindow(starts_at=datetime(2026, 10, 1, tzinfo=UTC), ends_at=datetime(2026, 10, 2, tzinfo=UTC))
    catalogue = read_catalogue()
    key = catalogue.default_camera["dji-m30t"]
    known = catalogue.cameras[key]
    kit = Kit(
        aircraft=catalogue.aircraft["dji-m30t"],
        camera=known.camera,
        photo_interval_s=known.interval_s,
        camera_key=key,
        wpml_payload=known.wpml_payload,
    )
    full = replace(
        patrol,
        areas=(
            replace(area, name="holed", shape=holed, window=window, airspace=("hazmat",), risk_grade=1, angle_deg=33.5),
            replace(area, name="line", shape=shapely.LineString([(west, south), (east, north)]),
                    pattern=Pattern.CORRIDOR, width_m=40.0),
            replace(area, name="orbit", shape=spot, pattern=Pattern.ORBIT, standoff_m=31.5, laps=2),
            replace(area, name="points", shape=shapely.MultiPoint([spot, (west, south)]), pattern=Pattern.POINTS),
            replace(area, name="two", shape=two, crosshatch=True, credit_grade="C"),
        ),
        no_fly_zones=(NoFlyZone(name="two", shape=two, floor_m=10.0), *patrol.no_fly_zones),
        permitted=shapely.box(west - 0.01, south - 0.01, east + 0.01, north + 0.01),
        obstacles=(Obstacle(name="stack", shape=shapely.MultiPoint([spot]), top_m=44.0),),
        crews=(
            Crew(name="甲组", launch=patrol.home, batteries=2, licence="L1"),
            Crew(name="乙组", launch=patrol.home, kit=kit),
        ),
        declares=PoseDeclaration(pitch_deg=-90.0, roll_deg=0.0, course_as_yaw=True),
        rally_points=(GeoPoint(lon_deg=west, lat_deg=south),),
        periods=("ND",),
        operator="区应急管理局",
        emergency=True,
        temperature_c=31.0,
    )  # fmt: skip
    path = tmp_path / "full.yaml"
    write_patrol(full, path)
    assert read_patrol(path) == full


def test_what_a_file_cannot_say_is_refused_and_not_written(patrol: Patrol, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    with pytest.raises(InputRefused, match="catalogue lacks"):
        write_patrol(replace(patrol, aircraft=replace(patrol.aircraft, endurance_s=1.0)), path)
    with pytest.raises(InputRefused, match="photo_interval_s"):
        write_patrol(replace(patrol, photo_interval_s=0.123), path)
    assert not path.exists()
