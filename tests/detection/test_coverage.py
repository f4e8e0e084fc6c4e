from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
import shapely
from shapely import Point, Polygon, box
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from core.points import GeoPoint, LocalPlane, from_plane, to_plane
from detection.coverage_map import CoverageMap, SeenPart
from detection.frame import Frame
from detection.frames.image_quality import ImageQuality, measure_quality
from detection.interest import tiles_over
from detection.tiles import Tile
from flight.camera import Camera
from flight.track import Pose

PLANE = LocalPlane(origin=GeoPoint(lon_deg=113.3, lat_deg=23.1))


def on_earth(west: float, south: float, east: float, north: float) -> Polygon:
    return Polygon(from_plane(PLANE, np.array(box(west, south, east, north).exterior.coords)))


SHARP = ImageQuality(sharpness=1.0, brightness=100.0, dark_share=0.0, bright_share=0.0)


def ground(part: SeenPart) -> BaseGeometry:
    return shapely.transform(part.shape, lambda degrees: to_plane(PLANE, degrees))


def test_the_map_tells_how_often_ground_was_seen_and_what_was_never_seen(
    make_pose: Callable[..., Pose], make_camera: Callable[..., Camera]
) -> None:
    # from 50 m, 640 x 480 at 500 px focal: 64 m x 48 m of ground, 0.1 m a pixel
    coverage = CoverageMap(cell_m=2.0)
    for east in (0.0, 32.0):
        coverage.add(make_pose(east=east), make_camera(), SHARP)
    coverage.add(make_pose(height=None), make_camera(), SHARP)
    assert coverage.unplaced == 1
    parts = coverage.parts(on_earth(-40, -20, 60, 20))
    assert [part.views for part in parts] == [(2, 2), (1, 1), (0, 0)]
    twice, once, never = (ground(part) for part in parts)
    assert twice.symmetric_difference(box(0, -24, 32, 24)).area < 0.15 * twice.area
    assert once.symmetric_difference(unary_union([box(-32, -24, 0, 24), box(32, -24, 64, 24)])).area < 0.15 * once.area
    assert never.symmetric_difference(box(-40, -20, -32, 20)).area < 0.15 * never.area
    assert [part.area_m2 for part in parts] == pytest.approx([32 * 48, 64 * 48, 8 * 40], rel=0.15)
    assert all(part.gsd_m == pytest.approx(0.11, abs=0.015) and part.sharpness == 1.0 for part in parts[:2])
    assert (parts[2].gsd_m, parts[2].sharpness) == (None, None)
    assert all(part.views[0] for part in coverage.parts())  # nothing was asked for, so nothing was missed


def test_finer_ground_is_told_apart_and_blurred_frames_are_counted_apart(
    make_pose: Callable[..., Pose], make_camera: Callable[..., Camera]
) -> None:
    coverage = CoverageMap(cell_m=2.0)
    for _look in range(4):
        coverage.add(make_pose(east=500.0), make_camera(), SHARP)
    coverage.add(make_pose(height=15.0), make_camera(), SHARP)  # 19 m x 14 m at 0.03 m
    coverage.add(make_pose(), make_camera(), replace(SHARP, sharpness=0.1))
    coverage.add(make_pose(height=200.0), make_camera(), SHARP)  # coarser than anything counts
    here = [part for part in coverage.parts() if ground(part).distance(Point(0, 0)) < 100]
    fine, blurred = sorted(here, key=lambda part: -part.views[0])
    assert fine.views == (1, 1)
    assert fine.gsd_m == pytest.approx(0.03, abs=0.01)
    assert (blurred.views, blurred.unclear, blurred.gsd_m) == ((0, 0), 1, None)
    assert ground(blurred).area == pytest.approx(64 * 48 - ground(fine).area, rel=0.12)


def test_the_map_is_the_same_however_it_is_counted_up(
    make_pose: Callable[..., Pose], make_camera: Callable[..., Camera], monkeypatch: pytest.MonkeyPatch
) -> None:
    def mapped() -> list[tuple[object, ...]]:
        coverage = CoverageMap(cell_m=2.0)
        for number in range(12):
            coverage.add(make_pose(north=9.0 * number, yaw=30.0 * number), make_camera(), SHARP)
        return [(part.views, part.unclear, part.gsd_m, part.area_m2, part.shape.wkt) for part in coverage.parts()]

    at_once = mapped()
    monkeypatch.setattr("detection.coverage_map.REDUCED_AT", 1000)
    assert mapped() == at_once


def test_tiles_outside_the_area_of_interest_are_not_run(
    make_frame: Callable[..., Frame], make_pose: Callable[..., Pose]
) -> None:
    frame = make_frame(pose=make_pose(height=100.0))  # 128 m x 96 m
    west, east = (Tile(left_px=x, top_px=0, right_px=x + 320, bottom_px=480, scale=1.0) for x in (0, 320))
    sees = tiles_over(on_earth(40, -20, 60, 20), margin_m=10)
    assert (sees(frame, west), sees(frame, east)) == (False, True)
    wide = tiles_over(on_earth(40, -20, 60, 20), margin_m=45)
    assert wide(frame, west)


def test_tiles_of_a_frame_of_unknown_pose_are_kept_and_sky_is_not(
    make_frame: Callable[..., Frame], make_pose: Callable[..., Pose]
) -> None:
    tile = Tile(left_px=0, top_px=0, right_px=640, bottom_px=480, scale=1.0)
    sees = tiles_over(on_earth(0, 0, 10, 10))
    assert sees(make_frame(pose=make_pose(height=None)), tile)
    assert not sees(make_frame(pose=make_pose(pitch=50.0)), tile)
    with pytest.raises(ValueError, match="not empty"):
        tiles_over(Polygon())


def test_blur_lowers_the_measured_sharpness_and_light_is_measured() -> None:
    random = np.random.default_rng(1)
    ground = cv2.resize(random.integers(0, 255, (60, 80, 3), dtype=np.uint8), (1280, 960))
    sharp = measure_quality(ground)
    blurred = measure_quality(cv2.GaussianBlur(ground, (0, 0), 12))
    dull = measure_quality((ground // 4 + 90).astype(np.uint8))
    assert blurred.sharpness < 0.5 * sharp.sharpness
    assert dull.sharpness == pytest.approx(sharp.sharpness, rel=0.2)
    assert sharp.is_exposed
    assert not measure_quality(np.zeros((100, 100, 3), np.uint8)).is_exposed
    assert not measure_quality(np.full((100, 100, 3), 255, np.uint8)).is_exposed
