"""Smoke cut from its ground, against the truth that a renderer knows."""

from __future__ import annotations

import numpy as np
import pytest

from core.points import GeoPoint
from detection.detection import Box
from detection.smoke_area import cut_smoke, smoke_mask
from flight.camera import Camera, Orientation
from flight.rehearsal.render import prepare, render
from flight.rehearsal.render_truth import seen_things
from flight.rehearsal.world import Light, World
from flight.rehearsal.world_things import Material, Plume, PlumeKind

CAMERA = Camera(model="x", width_px=640, height_px=480, focal_px=480.0, centre_x_px=320, centre_y_px=240, source="test")
NADIR = Orientation(yaw_deg=0, pitch_deg=-90, roll_deg=0)
EYE = (0.0, 0.0, 60.0)


def world(ground: Material, *plumes: Plume) -> World:
    return World(
        name="bare",
        origin=GeoPoint(lon_deg=113.58, lat_deg=22.76),
        ground=ground,
        light=Light(ambient=1.0, haze=0.0),
        plumes=plumes,
    )


@pytest.mark.parametrize(("ground", "name"), [(Material.GRASS, "s4"), (Material.GRASS, "s6"), (Material.ASPHALT, "s4")])
def test_smoke_is_cut_along_its_rim(ground: Material, name: str) -> None:
    plume = Plume(plume_id=name, kind=PlumeKind.SMOKE, centre=(0.0, 0.0), radius_m=4.0, height_m=14.0, drift_deg=60.0)
    scene = prepare(world(ground, plume))
    (thing,) = seen_things(scene, CAMERA, NADIR, EYE, time_s=3.0)
    seen, bare = render(scene, CAMERA, NADIR, EYE, time_s=3.0), render(prepare(world(ground)), CAMERA, NADIR, EYE)
    truth = np.abs(seen.astype(int) - bare).max(axis=2) > 15
    patch = cut_smoke(
        seen, Box(left_px=thing.left_px, top_px=thing.top_px, right_px=thing.right_px, bottom_px=thing.bottom_px)
    )
    assert patch is not None
    cut = smoke_mask(patch, truth.shape)
    in_box = np.zeros_like(truth)
    in_box[int(thing.top_px) : int(thing.bottom_px), int(thing.left_px) : int(thing.right_px)] = True
    overlap = (cut & truth).sum() / (cut | truth).sum()
    assert overlap > 0.7
    assert overlap > (in_box & truth).sum() / (in_box | truth).sum()
    assert patch.share == pytest.approx(cut.sum() / in_box.sum(), abs=0.05)
    again = cut_smoke(
        seen, Box(left_px=thing.left_px, top_px=thing.top_px, right_px=thing.right_px, bottom_px=thing.bottom_px)
    )
    assert again is not None
    assert np.array_equal(again.outline_px, patch.outline_px)


def test_ground_that_looks_alike_everywhere_is_no_smoke_and_a_box_of_everything_has_no_ground_beside_it() -> None:
    grey = np.full((480, 640, 3), 120, np.uint8)
    assert cut_smoke(grey, Box(left_px=200, top_px=150, right_px=400, bottom_px=300)) is None
    assert cut_smoke(grey, Box(left_px=0, top_px=0, right_px=640, bottom_px=480)) is None
    assert cut_smoke(grey, Box(left_px=10, top_px=10, right_px=12, bottom_px=12)) is None
