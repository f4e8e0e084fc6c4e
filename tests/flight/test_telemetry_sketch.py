from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.heights import TakeoffHeight
from core.points import GeoPoint, LocalPlane, from_plane
from flight.telemetry.sketch import draw_heights, draw_map
from flight.track import Pose, Track

START = datetime(2026, 10, 1, 2, 0, tzinfo=UTC)
PLANE = LocalPlane(origin=GeoPoint(lon_deg=113.25, lat_deg=23.12))


def track(points: list[tuple[float, float]], heights: list[float] | None = None) -> Track:
    poses = []
    for number, point in enumerate(points):
        lon, lat = from_plane(PLANE, point)
        poses.append(
            Pose(
                captured_at=START + timedelta(seconds=number),
                position=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
                height_takeoff=TakeoffHeight(metres=heights[number]) if heights else None,
            )
        )
    return Track(poses=tuple(poses), source="t")


def test_north_is_up_and_east_is_right() -> None:
    lines = draw_map(track([(0, 0), (100, 0), (100, 100)]), columns=20, rows=10).splitlines()
    first = next((row, line.index("●")) for row, line in enumerate(lines[:-1]) if "●" in line)
    last = next((row, line.index("■")) for row, line in enumerate(lines[:-1]) if "■" in line)
    assert first[0] > last[0]
    assert first[1] < last[1]


def test_the_scale_is_true() -> None:
    drawing = draw_map(track([(0, 0), (1000, 0)]), columns=50, rows=5)
    bar = drawing.splitlines()[-1]
    assert "500 m" in bar
    width = bar.count("─") + 2
    assert width == pytest.approx(50 * 500 / 1000, abs=1.5)


def test_heights_are_plotted_with_their_datum() -> None:
    drawing = draw_heights(track([(0, 0)] * 5, [0.0, 30.0, 60.0, 60.0, 10.0]), columns=30, rows=4)
    assert drawing.splitlines()[0].startswith("60 m")
    assert drawing.splitlines()[3].lstrip().startswith("0 m")
    assert "take-off, 0 – 4 s" in drawing


def test_what_cannot_be_drawn_says_so() -> None:
    empty = Track(poses=(Pose(captured_at=START),), source="t")
    assert "position" in draw_map(empty)
    assert "height" in draw_heights(empty)
    far = Track(
        poses=tuple(
            Pose(captured_at=START + timedelta(seconds=n), position=GeoPoint(lon_deg=113.0 + n, lat_deg=23.0))
            for n in range(2)
        ),
        source="t",
    )
    assert "50 km" in draw_map(far)
    with pytest.raises(ValueError, match="columns"):
        draw_map(empty, columns=1)


@given(st.lists(st.tuples(st.floats(-5000, 5000), st.floats(-5000, 5000)), min_size=1, max_size=30))
@settings(max_examples=40, deadline=None)
def test_every_track_fits_its_frame(points: list[tuple[float, float]]) -> None:
    lines = draw_map(track(points), columns=40, rows=12).splitlines()
    assert len(lines) == 13
    assert max(map(len, lines[:-1])) <= 40
    assert sum("■" in line or "●" in line for line in lines[:-1]) >= 1


def test_reading_telemetry_imports_no_heavy_library_before_it_is_needed() -> None:
    code = (
        "import sys; import flight.telemetry.read_track, flight.telemetry.inspect, flight.telemetry.pairing, "
        "flight.telemetry.rescue, flight.telemetry.sketch; "
        "import evidence.originals.vault, evidence.originals.vault_check, evidence.originals.vault_live; "
        "print(sorted({'av', 'PIL', 'pymavlink', 'pyulog', 'fsspec', 'cv2', 'torch', 'rfc8785'} & set(sys.modules)))"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_map_of_many_points_is_quick() -> None:
    angle = np.linspace(0, 20 * np.pi, 5000)
    drawing = draw_map(track([(float(a * np.cos(a)), float(a * np.sin(a))) for a in angle]))
    assert drawing.count("\n") == 18
