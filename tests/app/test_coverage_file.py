from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shapely import box
from shapely.geometry import shape

from app.coverage_file import map_coverage, tell_covered, write_coverage
from app.journal import FrameFindings, InputFindings
from core.heights import TakeoffHeight
from core.points import GeoPoint
from detection.frames.image_quality import ImageQuality
from evidence.sealing.frame_record import FrameRecord
from flight.camera import Camera
from flight.track import Pose

NOON = datetime(2026, 5, 1, 4, 0, tzinfo=UTC)
CAMERA = Camera(
    model="test", width_px=640, height_px=480, focal_px=500.0, centre_x_px=320.0, centre_y_px=240.0, source="test"
)
SHARP = ImageQuality(sharpness=1.0, brightness=100.0, dark_share=0.0, bright_share=0.0)


def seen(
    index: int, lon_deg: float, *, followed: bool = False, height_m: float | None = 50.0, thermal: bool = False
) -> FrameFindings:
    at = NOON + timedelta(seconds=index)
    pose = Pose(
        captured_at=at,
        position=GeoPoint(lon_deg=lon_deg, lat_deg=23.1),
        height_takeoff=None if height_m is None else TakeoffHeight(metres=height_m),
        yaw_deg=0.0,
        pitch_deg=-90.0,
        roll_deg=0.0,
    )
    record = FrameRecord(
        original_sha256="ab" * 32,
        original_name="SKY_0001.MP4",
        index=index,
        captured_at=at,
        width_px=640,
        height_px=480,
        pose=pose,
        camera=CAMERA,
    )
    return FrameFindings(frame=record, fixes=(), unlocated=(), quality=SHARP, followed=followed, thermal=thermal)


def test_the_map_is_written_for_qgis_and_told_in_the_report(tmp_path: Path) -> None:
    frames = (
        seen(0, 113.3),
        seen(1, 113.3),
        seen(2, 113.3, followed=True),  # looked at in part only
        seen(2, 113.301, thermal=True),  # what weights look for cannot be found in it
        seen(3, 113.302),
        seen(4, 113.3, height_m=None),
    )
    found = InputFindings(
        sha256="ab" * 32, name="SKY_0001.MP4", ingested_at=NOON, frames=frames, refusals=(), tiles={"run": 9}
    )
    path = tmp_path / "coverage.geojson"
    coverage = map_coverage([found])
    parts = coverage.parts(box(113.2995, 23.0998, 113.3035, 23.1002))
    covered = write_coverage(parts, path, asked=True, unplaced=coverage.unplaced)
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    by_views = {feature["properties"]["views_most"]: feature for feature in features}
    assert set(by_views) == {2, 1, 0}
    assert shape(by_views[2]["geometry"]).contains(shape({"type": "Point", "coordinates": [113.3, 23.1]}))
    assert shape(by_views[0]["geometry"]).contains(shape({"type": "Point", "coordinates": [113.301, 23.1]}))
    assert by_views[2]["properties"]["gsd_m"] < 0.13
    assert covered.unplaced == 1
    assert 0 < covered.often_m2 < covered.seen_m2 < 2 * 64 * 48
    assert covered.unseen_m2 is not None
    assert covered.unseen_m2 > 0
    assert "twice" in tell_covered(covered)
    assert write_coverage((), path, asked=False, unplaced=0).unseen_m2 is None
