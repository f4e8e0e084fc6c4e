"""A car that drives under a hovering camera: known to be one, and to move, only when it is looked at in between."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import av
import cv2
import numpy as np
import pytest

from app.examine import examine, reopen, take_in
from app.inputs import list_inputs
from app.instruments import Instruments
from core.clock import FrozenClock
from core.heights import TakeoffHeight
from core.points import GeoPoint
from core.refusal import Refusal
from detection.detection import Box, Detection
from detection.frame import Frame
from detection.frames.following import Following
from flight.camera import Camera, project
from flight.rehearsal.footage import srt_text
from flight.track import Pose, orientation_of
from geofence.gather import gather
from geofence.locating.ground import FlatAtTakeoff

NOON = datetime(2026, 5, 1, 4, 0, tzinfo=UTC)
SIZE = (960, 540)
FPS = 10
SECONDS = 6
HEIGHT_M = 60.0
SPEED_M_S = 8.0
CAMERA = Camera(
    model="test",
    width_px=SIZE[0],
    height_px=SIZE[1],
    focal_px=SIZE[0] * 0.7,
    centre_x_px=SIZE[0] / 2,
    centre_y_px=SIZE[1] / 2,
    source="test",
)


class DrivingCar:
    """Sees a car that drives east under the camera, wherever the frame's own pose and camera put it."""

    weight_sha256 = "cd" * 32
    labels = ("vehicle",)

    def detect(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        return [[self._seen(frame)] for frame in frames]

    def _seen(self, frame: Frame) -> Detection:
        orientation = orientation_of(frame.pose)
        assert orientation is not None
        assert frame.camera is not None
        east = SPEED_M_S * (frame.index / FPS - SECONDS / 2)
        x, y = project(frame.camera, orientation, [east, 0.0, -HEIGHT_M])
        box = Box(left_px=x - 25, top_px=y - 12, right_px=x + 25, bottom_px=y + 12)
        return Detection(frame_id=frame.frame_id, label="vehicle", score=0.9, box=box, weight_sha256=self.weight_sha256)


@pytest.fixture(scope="module")
def hovering(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hover")
    random = np.random.default_rng(1)
    ground = cv2.resize(random.integers(40, 220, (54, 96, 3), dtype=np.uint8), SIZE)
    with av.open(str(folder / "SKY_0001.MP4"), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"g": str(FPS), "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for _number in range(FPS * SECONDS):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(ground, format="bgr24")))
        container.mux(stream.encode())
    poses = [
        Pose(
            captured_at=NOON + timedelta(seconds=number / FPS),
            position=GeoPoint(lon_deg=113.58, lat_deg=22.76),
            height_takeoff=TakeoffHeight(metres=HEIGHT_M),
            yaw_deg=0.0,
            pitch_deg=-90.0,
            roll_deg=0.0,
        )
        for number in range(FPS * SECONDS)
    ]
    text = srt_text(poses, CAMERA, fps=FPS, home_msl_m=6.0)
    (folder / "SKY_0001.SRT").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("following", [None, Following()])
def test_what_is_found_in_a_video_is_known_to_move_by_looking_in_between(
    hovering: Path, tmp_path: Path, following: Following | None
) -> None:
    detector = DrivingCar()
    instruments = Instruments(
        detector=detector,
        ground=FlatAtTakeoff(),
        camera_zone=ZoneInfo("Asia/Shanghai"),
        clock=FrozenClock(instant=NOON),
        weight_cards={detector.weight_sha256: b"# scripted\n"},
        following=following,
    )
    (video,) = [file for file in list_inputs(hovering) if file.path.suffix == ".MP4"]
    original = take_in(video, instruments)
    assert not isinstance(original, Refusal)
    found = examine(video, original, instruments, views=tmp_path)
    assert found.refusals == ()
    assert [given.frame.index for given in found.frames if not given.followed] == [0, 20]
    sightings = gather([fix for given in found.frames for fix in given.fixes])
    moving = [sighting for sighting in sightings if sighting.moving]
    if following is None:
        assert len(sightings) == 2  # sixteen metres apart, two seconds later: nobody can tell
        assert not moving
        return
    assert [given.frame.index for given in found.frames if given.followed] == [10, 30]
    assert moving
    for car in moving:
        assert car.velocity_m_s == pytest.approx((SPEED_M_S, 0.0), abs=0.7)
    wanted = {given.frame.frame_id: given.frame.captured_at for given in found.frames}
    assert set(reopen(video, original, wanted, instruments)) == set(wanted)
