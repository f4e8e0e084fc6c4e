from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from core.heights import TakeoffHeight
from core.points import GeoPoint, LocalPlane, from_plane
from detection.frame import Frame
from flight.camera import Camera
from flight.track import Pose, Track

NOON = datetime(2026, 5, 1, 4, 0, tzinfo=UTC)
PLANE = LocalPlane(origin=GeoPoint(lon_deg=113.3, lat_deg=23.1))


@pytest.fixture(scope="session")
def make_camera() -> Callable[..., Camera]:
    def make(width: int = 640, height: int = 480, focal: float = 500.0) -> Camera:
        return Camera(
            model="test",
            width_px=width,
            height_px=height,
            focal_px=focal,
            centre_x_px=width / 2,
            centre_y_px=height / 2,
            source="test",
        )

    return make


@pytest.fixture(scope="session")
def make_pose() -> Callable[..., Pose]:
    def make(
        *,
        east: float = 0.0,
        north: float = 0.0,
        height: float | None = 50.0,
        pitch: float | None = -90.0,
        yaw: float = 0.0,
        roll: float = 0.0,
        after_s: float = 0.0,
    ) -> Pose:
        lon, lat = from_plane(PLANE, [east, north])
        return Pose(
            captured_at=NOON + timedelta(seconds=after_s),
            position=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
            height_takeoff=None if height is None else TakeoffHeight(metres=height),
            yaw_deg=yaw,
            pitch_deg=pitch,
            roll_deg=roll,
        )

    return make


@pytest.fixture(scope="session")
def make_frame(make_camera: Callable[..., Camera], make_pose: Callable[..., Pose]) -> Callable[..., Frame]:
    def make(
        pixels: np.ndarray | None = None, *, pose: Pose | None = None, camera: Camera | None = None, index: int = 0
    ) -> Frame:
        shown = pixels if pixels is not None else np.full((480, 640, 3), 90, dtype=np.uint8)
        return Frame(
            original_sha256=hashlib.sha256(shown.tobytes()).hexdigest(),
            original_name="test.jpg",
            index=index,
            captured_at=NOON,
            pixels=shown,
            pose=pose if pose is not None else make_pose(),
            camera=camera if camera is not None else make_camera(shown.shape[1], shown.shape[0]),
        )

    return make


@pytest.fixture(scope="session")
def flyover(make_pose: Callable[..., Pose]) -> Track:
    """Twenty seconds north at 5 m/s, nadir, a pose every tenth of a second."""
    return Track(
        poses=tuple(make_pose(north=0.5 * step, after_s=0.1 * step) for step in range(201)), source="test track"
    )


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds, 10 frames a second; frame n's blue channel is n."""
    import av

    path = tmp_path_factory.mktemp("video") / "flight.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"g": "10", "crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv444p"
        for number in range(200):
            pixels = np.full((480, 640, 3), number, dtype=np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="bgr24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path
