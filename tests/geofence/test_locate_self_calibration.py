from dataclasses import replace
from datetime import timedelta

import cv2
import numpy as np
import pytest

from core.points import from_plane, to_plane
from core.refusal import Refusal
from flight.camera import project, turned_half
from flight.track import Pose, PoseSigma, Track, orientation_of
from geofence.calibrating.self_calibration import KnownPoint, SelfCalibration, Tie, View, corrected
from geofence.calibrating.self_calibration_flight import self_calibrate
from geofence.calibrating.self_calibration_ties import Picture, match_pictures
from geofence.locating.ground import FlatAtTakeoff
from geofence.locating.locate_pixels import HeightDatum, locate_pixels
from tests.geofence.locating import CAMERA, HERE, NOON, PLANE, pose

FLAT = FlatAtTakeoff(sigma_m=0.5)
THINGS = np.random.default_rng(12).uniform(-60, 60, (60, 2))


def at(east: float, north: float) -> dict[str, float]:
    lon, lat = from_plane(PLANE, [east, north])
    return {"lon_deg": float(lon), "lat_deg": float(lat)}


def true_poses() -> list[Pose]:
    """Return a survey's poses: three strips there and back, slightly oblique, and two views from the side."""
    poses = []
    for strip, yaw in enumerate((0.0, 180.0, 0.0)):
        for i in range(4):
            along = -60 + 40 * i if yaw == 0 else 60 - 40 * i
            poses.append((-40.0 + 40 * strip, along, yaw, -80.0))
    poses += [(-140.0, 0.0, 90.0, -40.0), (0.0, -140.0, 0.0, -40.0)]
    return [
        pose(yaw=yaw, pitch=pitch, seconds=4.0 * i, point=replace(HERE, **at(east, north)))
        for i, (east, north, yaw, pitch) in enumerate(poses)
    ]


def seen_from(poses: list[Pose], things: np.ndarray, rng: np.random.Generator, *, noise_px: float = 1.0) -> list[Tie]:
    ties = []
    for i, truth in enumerate(poses):
        orientation = orientation_of(truth)
        assert orientation is not None
        assert truth.position is not None
        camera = to_plane(PLANE, [truth.position.lon_deg, truth.position.lat_deg])
        offsets = np.column_stack([things - camera, np.full(len(things), -100.0)])
        for name, pixel in enumerate(project(CAMERA, orientation, offsets)):
            if 0 <= pixel[0] <= 4000 and 0 <= pixel[1] <= 3000:
                u, v = pixel + rng.normal(0, noise_px, 2)
                ties.append(Tie(thing=f"t{name}", frame_id=f"f{i}", u_px=u, v_px=v, sigma_px=max(noise_px, 0.5)))
    return ties


def stated(
    poses: list[Pose], rng: np.random.Generator, *, yaw: float = 0.0, pitch: float = 0.0, height: float = 0.0
) -> list[View]:
    """Return views whose stated poses are wrong by a bias of the flight and a little noise of their own."""
    views = []
    for i, truth in enumerate(poses):
        assert truth.yaw_deg is not None
        assert truth.pitch_deg is not None
        assert truth.height_takeoff is not None
        wrong = replace(
            truth,
            yaw_deg=truth.yaw_deg - yaw + rng.normal(0, 0.1),
            pitch_deg=truth.pitch_deg - pitch + rng.normal(0, 0.05),
            height_takeoff=replace(truth.height_takeoff, metres=100.0 - height),
        )
        views.append(View(frame_id=f"f{i}", pose=wrong, camera=CAMERA))
    return views


def calibrated(views: list[View], ties: list[Tie], **more: object) -> SelfCalibration:
    found = self_calibrate(views, ties, ground=FLAT, **more)  # type: ignore[arg-type]
    assert isinstance(found, SelfCalibration), found
    return found


def value(found: SelfCalibration, name: str) -> float:
    return next(bias.value for bias in found.sorties[0].biases if bias.name == name)


def test_biases_of_heading_pitch_and_height_are_found() -> None:
    rng = np.random.default_rng(13)
    poses = true_poses()
    views = stated(poses, rng, yaw=1.6, pitch=-0.9, height=2.0)
    found = calibrated(views, seen_from(poses, THINGS, rng))
    assert value(found, "yaw") == pytest.approx(1.6, abs=0.25)
    assert value(found, "pitch") == pytest.approx(-0.9, abs=0.2)
    assert value(found, "height") == pytest.approx(2.0, abs=0.8)
    assert found.held_out
    assert found.after.median_m < 0.2 * found.before.median_m
    assert found.turned == ()
    observed = {bias.name for bias in found.sorties[0].biases if bias.observed}
    assert {"yaw", "pitch"} <= observed


def test_a_true_flight_is_left_alone() -> None:
    rng = np.random.default_rng(14)
    poses = true_poses()
    found = calibrated(stated(poses, rng), seen_from(poses, THINGS, rng))
    for bias in found.sorties[0].biases:
        assert abs(bias.value) < 3 * bias.sigma + 1e-9
        assert bias.sigma <= bias.prior_sigma * 1.001


def test_turning_the_head_on_one_spot_shows_no_pitch_bias() -> None:
    """From one place only differences of angles show; the flight's own pitch must stay what it was."""
    rng = np.random.default_rng(15)
    poses = [
        pose(yaw=yaw, pitch=pitch, seconds=i)
        for i, (yaw, pitch) in enumerate([(0, -60), (8, -65), (-6, -70), (3, -50)])
    ]
    things = rng.uniform([-30, 20], [30, 70], (60, 2))
    found = calibrated(stated(poses, rng, pitch=1.0), seen_from(poses, things, rng))
    assert abs(value(found, "pitch")) < 0.25
    assert not next(bias for bias in found.sorties[0].biases if bias.name == "pitch").observed


def test_corrections_move_fixes_to_the_truth_and_say_so() -> None:
    rng = np.random.default_rng(16)
    poses = true_poses()
    views = stated(poses, rng, yaw=1.5, pitch=0.8)
    found = calibrated(views, seen_from(poses, THINGS, rng))
    ties = seen_from(poses, THINGS, rng, noise_px=0.01)

    def misses(posed: list[View]) -> float:
        far = []
        for view in posed:
            mine = [tie for tie in ties if tie.frame_id == view.frame_id]
            p = view.pose
            assert p.position is not None
            assert p.height_takeoff is not None
            located = locate_pixels(
                [[tie.u_px, tie.v_px] for tie in mine],
                lon_deg=p.position.lon_deg,
                lat_deg=p.position.lat_deg,
                height_m=p.height_takeoff.metres,
                height_datum=HeightDatum.TAKEOFF,
                yaw_deg=p.yaw_deg or 0.0,
                pitch_deg=p.pitch_deg or 0.0,
                roll_deg=p.roll_deg or 0.0,
                camera=view.camera,
                ground=FLAT,
            )
            truth = THINGS[[int(tie.thing[1:]) for tie in mine]]
            far += list(np.hypot(*(to_plane(PLANE, located.lonlat) - truth).T))
        return float(np.median(far))

    after = [corrected(found, view) for view in views]
    assert misses(after) < 0.4 * misses(views)
    assert all(any("self-calibrated" in note for note in view.pose.assumptions) for view in after)
    assert all(not view.pose.assumptions for view in views)
    sigma = after[0].pose.sigma
    assert sigma is not None
    assert sigma.yaw_deg < 1.0


def test_things_that_drive_have_no_say() -> None:
    rng = np.random.default_rng(17)
    poses = true_poses()
    ties = seen_from(poses, THINGS, rng)
    for i in range(12):
        ties += [
            replace(tie, thing=f"m{i}")
            for k in range(len(poses))
            for tie in seen_from(poses, np.array([[-60.0 + 10 * k, -50.0 + 8 * i]]), rng)
            if tie.frame_id == f"f{k}"
        ]
    found = calibrated(stated(poses, rng, yaw=1.5), ties)
    assert value(found, "yaw") == pytest.approx(1.5, abs=0.3)
    assert {name for name in found.moving if name.startswith("t")} == set()
    assert sum(name.startswith("m") for name in found.moving) >= 6


def test_photos_stored_turned_are_found() -> None:
    rng = np.random.default_rng(18)
    poses = true_poses()
    wrong = {"f2", "f7", "f8"}
    ties = [
        replace(tie, u_px=CAMERA.width_px - tie.u_px, v_px=CAMERA.height_px - tie.v_px)
        if tie.frame_id in wrong
        else tie
        for tie in seen_from(poses, THINGS, rng)
    ]
    views = stated(poses, rng)
    found = calibrated(views, ties)
    assert set(found.turned) == wrong
    assert found.before.p90_m > 20
    assert found.after.p90_m < 1.0
    righted = corrected(found, views[2])
    assert righted.camera == replace(
        turned_half(CAMERA), focal_px=righted.camera.focal_px, focal_sigma=righted.camera.focal_sigma
    )
    assert any("turned by 180°" in note for note in righted.pose.assumptions)


def test_a_known_point_settles_the_position() -> None:
    rng = np.random.default_rng(19)
    poses = true_poses()
    views = [
        replace(view, pose=replace(view.pose, position=replace(HERE, **at(shift[0] + 1.8, shift[1] - 1.2))))
        for view, shift in zip(stated(poses, rng), [_plan(p) for p in poses], strict=True)
    ]
    corner = np.array([[10.0, 5.0]])
    known = [
        KnownPoint(
            frame_id=tie.frame_id,
            u_px=tie.u_px,
            v_px=tie.v_px,
            sigma_px=1.0,
            point=replace(HERE, **at(10.0, 5.0)),
            sigma_m=0.1,
        )
        for tie in seen_from(poses, corner, rng)
    ]
    found = calibrated(views, seen_from(poses, THINGS, rng), known=known)
    assert value(found, "east") == pytest.approx(-1.8, abs=0.5)
    assert value(found, "north") == pytest.approx(1.2, abs=0.5)
    assert found.known_before_m == pytest.approx(np.hypot(1.8, 1.2), rel=0.3)
    assert found.known_after_m is not None
    assert found.known_after_m < 0.5


def _plan(truth: Pose) -> tuple[float, float]:
    assert truth.position is not None
    east, north = to_plane(PLANE, [truth.position.lon_deg, truth.position.lat_deg])
    return float(east), float(north)


def test_a_clock_that_is_off_is_found() -> None:
    rng = np.random.default_rng(20)
    # Flying on at 12 m/s, then turning: a second of clock is 12 m.
    track = Track(
        poses=tuple(
            pose(
                yaw=20.0 * np.sin(t / 9),
                pitch=-70.0,
                seconds=t,
                point=replace(HERE, **at(40 * np.sin(t / 12), -100 + 5.0 * t)),
            )
            for t in np.arange(0, 45, 0.5)
        ),
        source="made",
    )
    times = np.arange(4, 40, 4.0)
    truths = [track.poses[int(2 * t)] for t in times]
    views = [
        # The frame was taken at t, but its clock says 1.7 s earlier, and so it is given the pose of then.
        View(
            frame_id=f"f{i}",
            pose=replace(track.poses[int(2 * t) - 3], captured_at=NOON + timedelta(seconds=t - 1.7)),
            camera=CAMERA,
        )
        for i, t in enumerate(times)
    ]
    things = rng.uniform([-60, -100], [60, 120], (80, 2))
    found = calibrated(views, seen_from(truths, things, rng), track=track)
    assert found.clock_offset_s == pytest.approx(1.7, abs=0.1)
    assert found.after.median_m < 0.5


def test_too_few_ties_are_refused() -> None:
    rng = np.random.default_rng(21)
    poses = true_poses()
    found = self_calibrate(stated(poses, rng), seen_from(poses, THINGS[:3], rng), ground=FLAT)
    assert isinstance(found, Refusal)
    assert found.code == "not-enough-ties"


def test_pictures_of_one_ground_are_tied_and_others_are_not() -> None:
    rng = np.random.default_rng(22)
    ground = cv2.GaussianBlur(rng.integers(0, 255, (900, 900), dtype=np.uint8), (0, 0), 3)
    ground = cv2.normalize(ground, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    turn = cv2.getRotationMatrix2D((450, 450), 20, 1.1)
    moved = cv2.warpAffine(ground, turn, (900, 900))
    other = cv2.GaussianBlur(rng.integers(0, 255, (900, 900), dtype=np.uint8), (0, 0), 3)
    other = cv2.normalize(other, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    ties = match_pictures(
        [
            Picture(frame_id="a", grey=ground, scale=1.0),
            Picture(frame_id="b", grey=moved, scale=1.0),
            Picture(frame_id="c", grey=other, scale=1.0),
        ]
    )
    assert {tie.frame_id for tie in ties} == {"a", "b"}
    pairs = {}
    for tie in ties:
        pairs.setdefault(tie.thing, {})[tie.frame_id] = np.array([tie.u_px, tie.v_px]) - 0.5
    assert len(pairs) >= 50
    off = [np.hypot(*(turn @ [*pair["a"], 1.0] - pair["b"])) for pair in pairs.values()]
    assert np.median(off) < 1.0


def test_a_declared_pitch_that_is_far_off_is_found_when_its_doubt_was_declared_too() -> None:
    rng = np.random.default_rng(24)
    poses = true_poses()
    doubt = PoseSigma(horizontal_m=2.5, vertical_m=2.0, yaw_deg=4.0, pitch_deg=10.0, roll_deg=3.0, source="declared")
    views = [
        replace(view, pose=replace(view.pose, sigma=doubt))
        for view in stated(poses, rng, pitch=-12.0)  # truly 12° steeper than declared
    ]
    found = calibrated(views, seen_from(poses, THINGS, rng))
    assert value(found, "pitch") == pytest.approx(-12.0, abs=1.0)
    assert found.after.median_m < 0.1 * found.before.median_m


def test_wild_errors_are_refused_rather_than_corrected() -> None:
    rng = np.random.default_rng(25)
    poses = true_poses()
    found = self_calibrate(stated(poses, rng, pitch=-12.0), seen_from(poses, THINGS, rng), ground=FLAT)
    assert isinstance(found, Refusal)
    assert found.code in {"implausible", "no-gain"}
    assert found.remedy


def test_a_frame_whose_heading_was_stale_is_left_out_and_named() -> None:
    rng = np.random.default_rng(26)
    poses = true_poses()
    views = stated(poses, rng, yaw=1.0)
    assert len(views) >= 5
    turning = views[2]
    assert turning.pose.yaw_deg is not None
    views[2] = replace(turning, pose=replace(turning.pose, yaw_deg=turning.pose.yaw_deg + 9.0))
    found = calibrated(views, seen_from(poses, THINGS, rng))
    assert list(found.left_out) == ["f2"]
    assert "heading" in found.left_out["f2"]
    assert all("f2" not in sortie.frame_ids for sortie in found.sorties)
    assert value(found, "yaw") == pytest.approx(1.0, abs=0.3)
    with pytest.raises(ValueError, match="no part"):
        corrected(found, views[2])
