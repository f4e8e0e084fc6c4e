import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.points import from_plane
from flight.camera import project
from flight.track import orientation_of
from geofence.fix import Covariance, Fix
from geofence.gather import Gathering, gather
from geofence.locate import locate
from geofence.locating.ground import FlatAtTakeoff
from tests.geofence.locating import CAMERA, NOON, PLANE, SIGMA, plan, pose, seen

FLAT = FlatAtTakeoff(sigma_m=0.5)


def fixes_of(
    things: Sequence[tuple[float, float]],
    *,
    frame: str,
    seconds: float,
    pitch: float = -60.0,
    yaw: float = 0.0,
    east: float = 0.0,
    north: float = -60.0,
    yaw_error: float = 0.0,
    label: str = "spill",
) -> list[Fix]:
    """Return fixes of things at (east, north) seen truly from a camera whose stated yaw is wrong by ``yaw_error``."""
    lon, lat = from_plane(PLANE, [east, north])
    truth = pose(
        yaw=yaw, pitch=pitch, seconds=seconds, point=replace(PLANE.origin, lon_deg=float(lon), lat_deg=float(lat))
    )
    orientation = orientation_of(truth)
    assert orientation is not None
    stated = replace(truth, yaw_deg=yaw + yaw_error)
    fixes = []
    for x, y in things:
        u, v = project(CAMERA, orientation, [x - east, y - north, -100.0])
        found = locate(
            seen(float(u), float(v), frame=frame, label=label),
            pose=stated,
            camera=CAMERA,
            ground=FLAT,
            captured_at=truth.captured_at,
        )
        assert isinstance(found, Fix), found
        fixes.append(found)
    return fixes


ROW = [(3.0 * i, 0.0) for i in range(-5, 6)]


def test_a_row_of_parked_cars_keeps_its_count_over_frames() -> None:
    fixes = [f for i in range(6) for f in fixes_of(ROW, frame=f"f{i}", seconds=3.0 * i, east=i * 2.0, yaw_error=1.0)]
    sightings = gather(fixes)
    assert len(sightings) == len(ROW)
    assert all(len(s.fixes) == 6 and s.moving is False and s.passes == 1 for s in sightings)
    assert {s.dwell_s for s in sightings} == {15.0}


def test_two_boxes_of_one_frame_are_never_one_thing() -> None:
    fixes = fixes_of([(0.0, 0.0), (0.2, 0.0)], frame="f0", seconds=0.0)
    assert len(gather(fixes)) == 2


def test_classes_are_kept_apart() -> None:
    fixes = fixes_of([(0, 0)], frame="f0", seconds=0) + fixes_of([(0, 0)], frame="f1", seconds=2, label="car")
    assert {s.label for s in gather(fixes)} == {"spill", "car"}


def test_common_errors_do_not_average_away() -> None:
    one = gather(fixes_of([(0, 0)], frame="f0", seconds=0))[0]
    many = gather([f for i in range(40) for f in fixes_of([(0, 0)], frame=f"f{i}", seconds=i)])[0]
    assert len(many.fixes) == 40
    shared = sum(np.outer([c.east_m, c.north_m], [c.east_m, c.north_m]) for c in one.fixes[0].common)
    floor = np.linalg.eigvalsh(many.covariance.matrix() - shared)
    assert floor.min() > -1e-3
    assert np.trace(many.covariance.matrix()) < np.trace(one.covariance.matrix())


def test_the_fused_error_is_true() -> None:
    """Over drawn flights, 90 % of the fused ellipses hold the truth, bias and noise together."""
    rng = np.random.default_rng(5)
    held = 0
    runs = 200
    share = np.sqrt(0.8)
    for run in range(runs):
        bias = rng.normal(0, 1, 6)
        fixes = []
        for i, (east, north, yaw) in enumerate([(0, -60, 0), (10, -55, 0), (60, 0, -90), (0, 60, 180)]):
            draw = share * bias + np.sqrt(0.2) * rng.normal(0, 1, 6)
            lon, lat = from_plane(PLANE, [east, north])
            truth = pose(
                yaw=yaw, pitch=-60, seconds=4.0 * i, point=replace(PLANE.origin, lon_deg=float(lon), lat_deg=float(lat))
            )
            orientation = orientation_of(truth)
            assert orientation is not None
            assert truth.height_takeoff is not None
            pixel = project(CAMERA, orientation, [-east, -north, -100.0]) + rng.normal(0, 1, 2)
            lon, lat = from_plane(PLANE, [east + draw[0], north + draw[1]])
            stated = replace(
                truth,
                position=replace(PLANE.origin, lon_deg=float(lon), lat_deg=float(lat)),
                height_takeoff=replace(truth.height_takeoff, metres=100 + draw[2] * SIGMA.vertical_m),
                yaw_deg=yaw + draw[3] * SIGMA.yaw_deg,
                pitch_deg=-60 + draw[4] * SIGMA.pitch_deg,
            )
            found = locate(
                seen(float(pixel[0]), float(pixel[1]), frame=f"{run}-{i}"),
                pose=stated, camera=CAMERA, ground=FLAT, captured_at=truth.captured_at,
            )  # fmt: skip
            assert isinstance(found, Fix)
            # Tilt, focal length and ground are not drawn here, so they are taken out of what the fix says.
            fixes.append(_without(found, {"tilt", "focal", "ground"}))
        sightings = gather(fixes, how=Gathering(gate_chi2=40.0))
        assert len(sightings) == 1
        miss = plan(sightings[0].point)
        held += bool(miss @ np.linalg.solve(sightings[0].covariance.matrix(), miss) <= 4.605)
    # 200 draws of 90 %: one standard error is 2.1 %.
    assert 0.84 <= held / runs <= 0.96


def _without(fix: Fix, causes: set[str]) -> Fix:
    gone = sum(
        (
            np.outer([c.east_m, c.north_m], [c.east_m, c.north_m]) * (1.25 if c.cause == "tilt" else 1.0)
            for c in fix.common
            if c.cause in causes
        ),
        np.zeros((2, 2)),
    )
    left = fix.covariance.matrix() - gone
    return replace(
        fix,
        covariance=Covariance(east_m2=float(left[0, 0]), north_m2=float(left[1, 1]), east_north_m2=float(left[0, 1])),
        common=tuple(c for c in fix.common if c.cause not in causes),
    )


def test_a_passing_truck_is_one_moving_thing_and_a_parked_one_stands() -> None:
    fixes = []
    for i in range(8):
        fixes += fixes_of([(-20 + 8.0 * i, 10.0), (5.0, -10.0)], frame=f"f{i}", seconds=float(i), label="truck")
    sightings = gather(fixes)
    assert len(sightings) == 2
    moving = next(s for s in sightings if s.moving)
    assert len(moving.fixes) == 8
    assert moving.velocity_m_s == pytest.approx((8.0, 0.0), abs=0.2)
    assert next(s for s in sightings if not s.moving).velocity_m_s is None


def test_passes_are_counted_by_gaps_and_days_are_gathered() -> None:
    fixes = [
        f
        for start in (0, 60, 86_400)
        for i in range(3)
        for f in fixes_of([(0, 0)], frame=f"f{start + i}", seconds=start + 2.0 * i)
    ]
    sighting = gather(fixes)[0]
    assert len(sighting.fixes) == 9
    assert sighting.passes == 3
    assert sighting.last_seen - sighting.first_seen == timedelta(days=1, seconds=4)


def test_errors_of_two_sorties_average_but_the_ground_does_not() -> None:
    near = gather(fixes_of([(0, 0)], frame="a", seconds=0) + fixes_of([(0, 0)], frame="b", seconds=2))[0]
    apart = gather(fixes_of([(0, 0)], frame="a", seconds=0) + fixes_of([(0, 0)], frame="b", seconds=86_400))[0]
    assert np.trace(apart.covariance.matrix()) < 0.65 * np.trace(near.covariance.matrix())


def test_one_fix_does_not_tell_motion() -> None:
    assert gather(fixes_of([(0, 0)], frame="a", seconds=0))[0].moving is None
    assert gather([]) == ()


@given(
    things=st.lists(st.tuples(st.floats(-20, 20), st.floats(-20, 20)), min_size=1, max_size=5),
    frames=st.integers(1, 3),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=25, deadline=None)
def test_every_fix_ends_in_exactly_one_sighting(things: list[tuple[float, float]], frames: int, order: object) -> None:
    fixes = [f for i in range(frames) for f in fixes_of(things, frame=f"f{i}", seconds=float(i))]
    shuffled = list(fixes)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    sightings = gather(shuffled)
    ended = sorted(f.detection.detection_id + f.detection.frame_id for s in sightings for f in s.fixes)
    assert ended == sorted(f.detection.detection_id + f.detection.frame_id for f in fixes)
    for sighting in sightings:
        if any(math.dist(one, two) < 1.0 for one, two in combinations(things, 2)):
            continue  # boxes that lie in each other are pieces of one thing
        frames_of = [f.detection.frame_id for f in sighting.fixes]
        assert len(frames_of) == len(set(frames_of))
    assert [s.sighting_id for s in gather(fixes)] == [s.sighting_id for s in sightings]
    assert sightings[0].first_seen >= NOON


def test_two_lorries_one_behind_the_other_stay_two() -> None:
    fixes = []
    for i in range(6):
        fixes += fixes_of(
            [(-30 + 10.0 * i, 10.0), (-45 + 10.0 * i, 10.0)], frame=f"f{i}", seconds=float(i), label="truck"
        )
    sightings = gather(fixes)
    assert [len(s.fixes) for s in sightings] == [6, 6]
    assert all(s.moving for s in sightings)
    for sighting in sightings:
        east = [plan(fix.point)[0] for fix in sighting.fixes]
        assert np.diff(east) == pytest.approx(10.0, abs=0.5)


def test_two_lorries_that_pass_each_other_keep_their_ways() -> None:
    fixes = []
    for i in range(9):
        fixes += fixes_of(
            [(-40 + 10.0 * i, 12.0), (40 - 10.0 * i, 8.0)], frame=f"f{i}", seconds=float(i), label="truck"
        )
    sightings = gather(fixes)
    assert sorted(len(s.fixes) for s in sightings) == [9, 9]
    assert sorted(round(s.velocity_m_s[0]) for s in sightings if s.velocity_m_s) == [-10, 10]


def test_things_of_two_cities_are_gathered_each_in_its_own_plane() -> None:
    here = fixes_of([(0, 0)], frame="a", seconds=0) + fixes_of([(0, 0)], frame="b", seconds=2)
    there = [replace(fix, point=replace(fix.point, lon_deg=fix.point.lon_deg + 3.0)) for fix in here]
    assert sorted(len(sighting.fixes) for sighting in gather(here + there)) == [2, 2]
