"""A patrol video for benchmarks: smooth flight, and truth that agrees with the pictures."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from core.points import GeoPoint, LocalPlane, distance_m, to_plane
from flight.camera import Camera
from flight.rehearsal.scenes_video import lawnmower, write_patrol_video
from flight.rehearsal.world import Light, World
from flight.rehearsal.world_things import Material, Vehicle, VehicleKind

ORIGIN = GeoPoint(lon_deg=113.58, lat_deg=22.76)
CAMERA = Camera(model="x", width_px=320, height_px=180, focal_px=220.0, centre_x_px=160, centre_y_px=90, source="test")


def car(number: int, east: float) -> Vehicle:
    return Vehicle(
        vehicle_id=f"v{number}", kind=VehicleKind.CAR, centre=(east, 0.0), heading_deg=0.0, length_m=4.5, width_m=1.8,
        height_m=1.5, colour=(220, 20, 20),
    )  # fmt: skip


WORLD = World(
    name="strip",
    origin=ORIGIN,
    ground=Material.ASPHALT,
    light=Light(haze=0.0),
    vehicles=(car(1, 12.0), car(2, 30.0), car(3, 400.0)),
)


def test_the_lawnmower_never_jumps() -> None:
    track = lawnmower(WORLD, ((0.0, 0.0), (200.0, 150.0)), seconds=300, speed_m_s=10, spacing_m=50)
    for one, two in pairwise(track.poses):
        assert one.position is not None
        assert two.position is not None
        assert one.yaw_deg is not None
        assert two.yaw_deg is not None
        assert distance_m(one.position, two.position) == pytest.approx(1.0, abs=0.01)
        assert abs((two.yaw_deg - one.yaw_deg + 180) % 360 - 180) < 4
    places = to_plane(
        LocalPlane(origin=ORIGIN), [[p.position.lon_deg, p.position.lat_deg] for p in track.poses if p.position]
    )
    assert places[:, 0].min() > -30
    assert places[:, 0].max() < 230
    assert places[:, 1].max() > 90


def test_truth_agrees_with_the_pictures(tmp_path: Path) -> None:
    track = lawnmower(WORLD, ((-10.0, 0.0), (90.0, 0.0)), seconds=4, height_m=40, speed_m_s=10, pitch_deg=-90)
    made = write_patrol_video(WORLD, track, CAMERA, tmp_path, seconds=3, fps=6, boxes_every=3, workers=1)
    truth = json.loads(made.truth.read_text(encoding="utf-8"))
    assert made.things == 2
    assert [thing["id"] for thing in truth["things"]] == ["v1", "v2"]
    for thing, east in zip(truth["things"], (12.0, 30.0), strict=True):
        place = to_plane(LocalPlane(origin=ORIGIN), [thing["lon"], thing["lat"]])
        assert place == pytest.approx([east, 0.0], abs=0.05)
        assert thing["label"] == "car"
    with av.open(str(made.video)) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(container.streams.video[0])]
    assert len(frames) == 18
    rows = [json.loads(line) for line in made.boxes.read_text(encoding="utf-8").splitlines()]
    assert [row["frame"] for row in rows] == [0, 3, 6, 9, 12, 15]
    checked = 0
    for row in rows:
        red = frames[row["frame"]][..., 2].astype(int) - frames[row["frame"]][..., 1] > 50
        inside = np.zeros_like(red)
        for _name, _label, left, top, right, bottom, _share in row["boxes"]:
            inside[max(0, int(top) - 2) : int(bottom) + 3, max(0, int(left) - 2) : int(right) + 3] = True
        assert not (red & ~inside).any()
        checked += int(red.sum())
    assert checked > 200
