from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from shapely import Polygon, box

from core.points import GeoPoint, LocalPlane, from_plane
from detection.coverage_report import cell_ring, coverage_of, report_coverage
from detection.frame import Frame
from detection.frames.image_quality import measure_quality
from detection.interest import tiles_over
from detection.tiles import Tile
from flight.camera import Camera
from flight.track import Pose

PLANE = LocalPlane(origin=GeoPoint(lon_deg=113.3, lat_deg=23.1))


def on_earth(west: float, south: float, east: float, north: float) -> Polygon:
    return Polygon(from_plane(PLANE, np.array(box(west, south, east, north).exterior.coords)))


def test_the_report_counts_what_was_seen_and_lists_what_was_not(
    make_pose: Callable[..., Pose], make_camera: Callable[..., Camera]
) -> None:
    # from 50 m, 640 x 480 at 500 px focal: 64 m x 48 m of ground
    views = [(make_pose(), make_camera()), (make_pose(), make_camera()), (make_pose(height=None), make_camera())]
    coverage, unplaced = coverage_of(views, PLANE.origin, cell_m=2.0, coarsest_gsd_m=0.5)
    assert unplaced == 1
    whole = report_coverage(coverage, on_earth(-30, -22, 30, 22), views=2)
    assert whole.cells == 30 * 22
    assert whole.seen == whole.seen_enough == whole.cells
    assert whole.seen_share == 1.0
    half = report_coverage(coverage, on_earth(0, -22, 64, 22), views=3, unplaced=unplaced)
    assert half.seen == pytest.approx(half.cells / 2, rel=0.03)
    assert half.seen_enough == 0
    assert len(half.unseen) == half.cells - half.seen
    assert all(lon > 113.3 for lon, _lat in half.unseen)
    assert report_coverage(coverage, on_earth(0.1, 0.1, 0.2, 0.2), views=1).seen_share is None


def test_a_cell_is_a_square_of_its_size(make_pose: Callable[..., Pose], make_camera: Callable[..., Camera]) -> None:
    coverage, _ = coverage_of([(make_pose(), make_camera())], PLANE.origin, cell_m=2.0, coarsest_gsd_m=0.5)
    ring = cell_ring(coverage, (3, -2))
    assert Polygon(ring).centroid.x > PLANE.origin.lon_deg
    assert np.ptp(ring[:, 1]) * 111_000 == pytest.approx(2.0, rel=0.01)


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
