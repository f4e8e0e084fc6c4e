"""The renderer's projection is its own, and agrees with the house's camera to a hundredth of a pixel."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.camera import Camera, Orientation, project
from flight.rehearsal import render_view
from flight.rehearsal.render_view import clipped_pixels, ground_homography, ground_under, pixels_of, view_of

CAMERA = Camera(
    model="x", width_px=4000, height_px=3000, focal_px=2773.5, centre_x_px=2012.0, centre_y_px=1490.0, source="test"
)
orientations = st.builds(
    Orientation, yaw_deg=st.floats(-720, 720), pitch_deg=st.floats(-180, 180), roll_deg=st.floats(-360, 360)
)


def test_the_renderer_takes_no_geometry_from_the_camera_module() -> None:
    tree = ast.parse(Path(render_view.__file__).read_text(encoding="utf-8"))
    taken = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "flight.camera"
        for alias in node.names
    }
    assert taken == {"Camera", "Orientation"}


@settings(max_examples=150, deadline=None)
@given(
    orientations,
    st.tuples(st.floats(-500, 500), st.floats(-500, 500), st.floats(5, 150)),
    st.integers(0, 2**32 - 1),
)
def test_both_projections_agree(orientation: Orientation, place: tuple[float, float, float], seed: int) -> None:
    random = np.random.default_rng(seed)
    points = np.column_stack([random.uniform(-600, 600, (60, 2)), random.uniform(0, 40, 60)])
    ours = pixels_of(view_of(CAMERA, orientation, place), points)
    theirs = project(CAMERA, orientation, points - np.array(place))
    near_image = (np.abs(ours) < 20_000).all(axis=1)
    assert np.abs(ours - theirs)[near_image].max(initial=0.0) < 0.01
    # The renderer's near plane is farther off than the camera's, which has none; nothing else may differ.
    assert not np.isnan(theirs[~np.isnan(ours[:, 0])]).any()


@settings(max_examples=60, deadline=None)
@given(st.floats(-180, 180), st.floats(-90, -20), st.floats(-20, 20), st.floats(0, 4000), st.floats(0, 3000))
def test_a_pixels_ground_is_seen_at_that_pixel(yaw: float, pitch: float, roll: float, x: float, y: float) -> None:
    view = view_of(CAMERA, Orientation(yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll), (3.0, -4.0, 90.0))
    east, north = ground_under(view, (x, y), farthest_m=1e9)
    back = pixels_of(view, np.array([east, north, 0.0]))
    if not np.isnan(back).any() and np.hypot(east, north) < 5_000:
        assert back == pytest.approx([x, y], abs=0.01)
        mapped = ground_homography(view) @ [east, north, 1.0]
        assert mapped[:2] / mapped[2] == pytest.approx([x, y], abs=0.01)


def test_clipping_keeps_what_is_ahead() -> None:
    view = view_of(CAMERA, Orientation(yaw_deg=0, pitch_deg=-30, roll_deg=0), (0.0, 0.0, 50.0))
    ahead = np.array([[-5.0, 60, 0], [5, 60, 0], [5, 90, 0], [-5, 90, 0]])
    assert clipped_pixels(view, ahead) == pytest.approx(pixels_of(view, ahead))
    assert len(clipped_pixels(view, ahead - [0, 500, 0])) == 0
    across = np.array([[-5.0, -60, 0], [5, -60, 0], [5, 90, 0], [-5, 90, 0]])
    clipped = clipped_pixels(view, across)
    assert len(clipped) == 4
    assert np.isfinite(clipped).all()


def test_a_camera_in_the_ground_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="above the ground"):
        view_of(CAMERA, Orientation(yaw_deg=0, pitch_deg=-90, roll_deg=0), (0.0, 0.0, 0.0))
