"""Corrections of a flight: written for a person to read, applied only when they are named, and then said everywhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from app.calibrate import FlightPhoto, corrections_of, known_in
from app.corrections import CorrectedFrame, apply_corrections, read_corrections, write_corrections
from app.known_point_file import read_known_points
from app.site_corner import corner_at
from core.errors import InputRefused
from core.points import from_plane
from core.refusal import Refusal
from flight.camera import Camera
from geofence.calibrating.self_calibration import KnownPoint, SelfCalibration, View
from geofence.calibrating.self_calibration_flight import self_calibrate
from geofence.datums import Datum, from_wgs84
from geofence.locating.ground import FlatAtTakeoff
from geofence.locating.locate_point import LocatedPoint, locate_point
from geofence.site import Site
from tests.geofence.biased_flight import biased_flight
from tests.geofence.locating import CAMERA, HERE, PLANE, pose

NOW = datetime(2026, 10, 1, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def calibrated() -> tuple[list[View], SelfCalibration]:
    views, ties, known = biased_flight()
    found = self_calibrate(views, ties, ground=FlatAtTakeoff(sigma_m=0.5), known=known)
    assert isinstance(found, SelfCalibration), found
    return views, found


def test_corrections_are_written_read_back_and_applied_with_a_word(
    calibrated: tuple[list[View], SelfCalibration], tmp_path: Path
) -> None:
    views, found = calibrated
    photos = [FlightPhoto(path=Path(f"{view.frame_id}.JPG"), view=view) for view in views]
    made = corrections_of(found, photos, ground=FlatAtTakeoff(), known_points=3, made_at=NOW, program="skywarden test")
    path = tmp_path / "corrections.json"
    write_corrections(made, path)
    back, digest = read_corrections(path)
    assert back == made
    assert len(digest) == 64
    fixed, camera = apply_corrections(back, "f1", views[1].pose, views[1].camera)
    assert fixed.yaw_deg == pytest.approx(92.0, abs=0.6)
    assert any("self-calibrated" in sentence for sentence in fixed.assumptions)
    assert camera.width_px == CAMERA.width_px
    left, same = apply_corrections(back, "another", views[1].pose, views[1].camera)
    assert (left.yaw_deg, same) == (views[1].pose.yaw_deg, views[1].camera)
    assert any("hold nothing" in sentence for sentence in left.assumptions)
    assert apply_corrections(None, "f1", views[1].pose, CAMERA) == (views[1].pose, CAMERA)


def test_files_that_are_no_corrections_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(InputRefused, match="read"):
        read_corrections(path)
    path.write_text('{"schema":"skywarden/run/1"}')
    with pytest.raises(InputRefused):
        read_corrections(path)


def test_known_points_come_from_a_file_in_their_own_datum(tmp_path: Path) -> None:
    lon, lat = from_wgs84(np.array([HERE.lon_deg, HERE.lat_deg]), Datum.GCJ02)
    path = tmp_path / "points.csv"
    path.write_text(f"photo, u, v, lat, lon, height, sigma\na.JPG, 10, 20, {lat:.9f}, {lon:.9f}, 3.5, 0.02\n")
    (row,) = read_known_points(path, datum=Datum.GCJ02)
    assert (row.photo, row.u_px, row.v_px, row.height_m, row.sigma_m) == ("a.JPG", 10.0, 20.0, 3.5, 0.02)
    assert (row.point.lon_deg, row.point.lat_deg) == pytest.approx((HERE.lon_deg, HERE.lat_deg), abs=1e-8)
    view = View(frame_id="f", pose=pose(), camera=CAMERA)
    (known,) = known_in([FlightPhoto(path=Path("x/a.JPG"), view=view)], [row], path=path)
    assert known.frame_id == "f"
    with pytest.raises(InputRefused, match="not among"):
        known_in([], [row], path=path)


@pytest.mark.parametrize(
    "text", ["", "photo,u,v,lat\na,1,2,3\n", "photo,u,v,lat,lon\n", "photo,u,v,lat,lon\na,1,x,3,4\n"]
)
def test_files_that_hold_no_points_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "points.csv"
    path.write_text(text)
    with pytest.raises(InputRefused, match="photo,u,v,lat,lon"):
        read_known_points(path)


def test_a_sites_corner_is_a_known_point_where_only_one_can_be_meant() -> None:
    from shapely.geometry import Polygon

    def site(side_m: float) -> Site:
        ring = from_plane(PLANE, np.array([[0, 0], [side_m, 0], [side_m, side_m], [0, side_m]], dtype=float))
        return Site(code="91440115MADM0P017J", name="x", shape=Polygon(ring), version="1")

    view = View(frame_id="f", pose=pose(pitch=-90), camera=CAMERA)
    ground = FlatAtTakeoff()
    centre = locate_point(2000, 1500, name="p", pose=view.pose, camera=CAMERA, ground=ground)
    assert isinstance(centre, LocatedPoint)
    found = corner_at(view, 2030.0, 1500.0, sites=[site(60.0)], ground=ground, name="p")
    assert isinstance(found, KnownPoint)
    assert (found.point.lon_deg, found.point.lat_deg) == pytest.approx((HERE.lon_deg, HERE.lat_deg), abs=1e-9)
    unsure = corner_at(view, 2030.0, 1500.0, sites=[site(1.5)], ground=ground, name="p")
    assert isinstance(unsure, Refusal)
    assert unsure.code == "which-corner"
    far = corner_at(view, 200.0, 1500.0, sites=[site(60.0)], ground=ground, name="p")
    assert isinstance(far, Refusal)
    assert far.code == "no-corner"


def test_a_view_of_another_camera_keeps_its_size(calibrated: tuple[list[View], SelfCalibration]) -> None:
    views, found = calibrated
    assert {bias.name for bias in found.sorties[0].biases} >= {"yaw", "pitch", "height", "focal"}
    yaw = next(bias for bias in found.sorties[0].biases if bias.name == "yaw")
    assert yaw.observed
    assert yaw.value == pytest.approx(2.0, abs=0.5)
    assert found.known_before_m is not None
    assert found.known_after_m is not None
    assert found.known_after_m < found.known_before_m
    assert isinstance(replace(views[0]).camera, Camera)


def test_a_run_applies_corrections_to_the_photos_they_name_and_says_so_in_every_frame(
    calibrated: tuple[list[View], SelfCalibration], tmp_path: Path
) -> None:
    from app.examine import examine
    from app.inputs import FootageFile, Kind
    from app.instruments import Instruments
    from core.clock import FrozenClock
    from detection.scripted import ScriptedDetector
    from evidence.ingest import ingest_file
    from evidence.original import Original
    from flight.cameras.declared import read_declared_camera
    from tests.app.test_placing import unknown

    path = unknown(tmp_path)
    clock = FrozenClock(instant=NOW)
    original = ingest_file(path, clock=clock)
    assert isinstance(original, Original)
    plain = Instruments(
        detector=ScriptedDetector({}),
        ground=FlatAtTakeoff(),
        camera_zone=UTC,
        clock=clock,
        weight_cards={},
        camera=read_declared_camera("24mm"),
    )
    file = FootageFile(path=path, kind=Kind.PHOTO)
    (before,) = examine(file, original, plain, views=tmp_path / "views").frames
    views, found = calibrated
    made = corrections_of(found, [], ground=FlatAtTakeoff(), known_points=0, made_at=NOW, program="skywarden test")
    assert before.frame.camera is not None
    turned = replace(before.frame.pose, yaw_deg=12.5, assumptions=("self-calibrated by hand",))
    named = replace(
        made, frames={before.frame.frame_id: CorrectedFrame(name=path.name, pose=turned, camera=before.frame.camera)}
    )
    (after,) = examine(file, original, replace(plain, corrections=named), views=tmp_path / "views").frames
    assert (before.frame.pose.yaw_deg, after.frame.pose.yaw_deg) == (10.0, 12.5)
    assert "self-calibrated by hand" in after.frame.pose.assumptions
    (left,) = examine(file, original, replace(plain, corrections=made), views=tmp_path / "views").frames
    assert left.frame.pose.yaw_deg == 10.0
    assert any("hold nothing" in sentence for sentence in left.frame.pose.assumptions)
    assert len(views) == 4
