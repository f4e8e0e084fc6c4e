"""What changed on one rendered square: a morning and an afternoon of one place, with changes whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.points import GeoPoint, LocalPlane, from_plane
from core.refusal import Refusal
from detection.changes.align import align, laid_upon
from detection.changes.compare import Comparison, Epoch, Square, compare_square
from detection.changes.patches import Becoming, Patch, Stuff, cut_patches
from detection.changes.shade import shaded_ground
from detection.changes.sweep import heights_to_try, sweep
from detection.frame_on_ground import View
from flight.calendars.sun import sun_place
from flight.camera import Orientation
from flight.rehearsal.render import prepare, render
from flight.rehearsal.world import Light, World
from tests.changing_yard import AFTER, AFTERNOON, BEFORE, CAMERA, LARGE, MORNING, ORIGIN, SMALL

SQUARE = Square(centre=ORIGIN, half_m=22.0, gsd_m=0.15)


def photographs(world: World, at: datetime, *, count: int = 2, exposure: float = 1.0) -> Epoch:
    azimuth, elevation = sun_place(ORIGIN, at)
    light = Light(azimuth_deg=azimuth, elevation_deg=elevation, ambient=0.5, exposure=exposure)
    scene = prepare(replace(world, light=light))
    random = np.random.default_rng(at.hour)
    views = []
    for number in range(count):
        east, north = -7.0 + 14.0 * number, float(random.uniform(-2, 2))
        true = Orientation(yaw_deg=10.0, pitch_deg=-89.0, roll_deg=0.3)
        pixels = render(scene, CAMERA, true, (east, north, 50.0), seed=number)
        told = Orientation(
            yaw_deg=10.0 + random.normal(0, 0.8),
            pitch_deg=-89.0 + random.normal(0, 0.4),
            roll_deg=random.normal(0, 0.4),
        )
        lon, lat = from_plane(LocalPlane(origin=ORIGIN), np.array([east, north]) + random.normal(0, 1.2, 2))
        point = GeoPoint(lon_deg=float(lon), lat_deg=float(lat))
        views.append(View(pixels=pixels, camera=CAMERA, orientation=told, point=point, height_m=50.0))
    return Epoch(views=tuple(views), sun_deg=(azimuth, elevation))


@pytest.fixture(scope="module")
def compared() -> Comparison:
    found = compare_square(SQUARE, photographs(BEFORE, MORNING), photographs(AFTER, AFTERNOON, exposure=1.12))
    assert isinstance(found, Comparison)
    return found


@pytest.fixture(scope="module")
def patches(compared: Comparison) -> tuple[Patch, ...]:
    return cut_patches(compared)


def at(found: tuple[Patch, ...], east: float, north: float, reach: float = 3.5) -> list[Patch]:
    places = [((one.middle_px[0] * SQUARE.gsd_m) - 22.0, 22.0 - one.middle_px[1] * SQUARE.gsd_m) for one in found]
    return [one for one, (x, y) in zip(found, places, strict=True) if np.hypot(x - east, y - north) <= reach]


def test_a_new_container_appears_and_stands(patches: tuple[Patch, ...]) -> None:
    (new,) = at(patches, 0.0, -4.0)
    assert new.becoming is Becoming.APPEARED
    assert new.stuff is Stuff.STANDING
    assert 10 < new.area_m2 < 30  # 14.8 m² and what leans and shades


def test_a_stain_that_was_there_has_grown_by_so_many_square_metres(patches: tuple[Patch, ...]) -> None:
    (grown,) = at(patches, -9.0, 9.0)
    assert grown.becoming is Becoming.GREW
    assert grown.darker
    assert grown.stuff is not Stuff.STANDING
    assert grown.before_m2 == pytest.approx(np.pi * SMALL**2, rel=0.35)
    assert grown.after_m2 == pytest.approx(np.pi * LARGE**2, rel=0.35)


def test_shadows_that_wandered_buildings_that_lean_and_what_stays_are_no_changes(
    compared: Comparison, patches: tuple[Patch, ...]
) -> None:
    assert float(compared.shaded.sum()) * SQUARE.gsd_m**2 > 15  # there were shadows to explain
    others = [one for one in patches if one not in at(patches, 0.0, -4.0) + at(patches, -9.0, 9.0)]
    assert len(others) <= 1
    assert sum(one.area_m2 for one in others) < 6


def test_the_other_way_round_what_appeared_is_gone(compared: Comparison) -> None:
    back = compare_square(SQUARE, photographs(AFTER, AFTERNOON, exposure=1.12), photographs(BEFORE, MORNING))
    assert isinstance(back, Comparison)
    found = cut_patches(back)
    assert [one.becoming for one in at(found, 0.0, -4.0)] == [Becoming.GONE]
    assert [one.becoming for one in at(found, -9.0, 9.0)] == [Becoming.SHRANK]
    assert compared.seen.mean() > 0.5


def test_the_same_place_at_the_same_hour_has_not_changed() -> None:
    found = compare_square(SQUARE, photographs(BEFORE, MORNING), photographs(BEFORE, MORNING, exposure=0.85))
    assert isinstance(found, Comparison)
    assert cut_patches(found) == ()


def test_ground_that_does_not_look_alike_is_refused_and_not_compared() -> None:
    early = photographs(BEFORE, MORNING, count=1)
    noise = np.random.default_rng(1).integers(0, 255, (600, 720, 3)).astype(np.uint8)
    late = Epoch(views=(replace(early.views[0], pixels=noise),), sun_deg=None)
    found = compare_square(SQUARE, early, late)
    assert isinstance(found, Refusal)
    assert found.code == "not-aligned"
    assert compare_square(SQUARE, Epoch(views=(), sun_deg=None), early) == Refusal(
        subject="22.76000, 113.58000", code="not-shown", reason="the earlier patrol's pictures show too little of it"
    )


def textured(side: int = 260) -> np.ndarray:
    import cv2

    random = np.random.default_rng(5)
    picture = np.full((side, side, 3), 120, np.uint8)
    for _ in range(90):
        x, y, size = (int(value) for value in random.integers([0, 0, 5], [side - 20, side - 20, 24]))
        colour = tuple(int(value) for value in random.integers(20, 235, 3))
        cv2.rectangle(picture, (x, y), (x + size, y + size // 2), colour, -1)
    return picture


@given(right=st.floats(-12, 12), down=st.floats(-12, 12), turn=st.floats(-3, 3))
@settings(max_examples=8, deadline=None)
def test_a_moved_picture_is_laid_back(right: float, down: float, turn: float) -> None:
    import cv2

    picture = textured()
    matrix = cv2.getRotationMatrix2D((130, 130), turn, 1.0) + np.array([[0, 0, right], [0, 0, down]])
    moved = cv2.warpAffine(picture, matrix, (260, 260))
    seen = cv2.warpAffine(np.ones((260, 260), np.uint8), matrix, (260, 260)) > 0
    found = align(picture, np.ones((260, 260), dtype=bool), moved, seen, gsd_m=0.15)
    assert found is not None
    back, shown = laid_upon(moved, seen, found)
    inner = shown.copy()
    inner[:20], inner[-20:], inner[:, :20], inner[:, -20:] = False, False, False, False
    assert np.abs(back.astype(int) - picture.astype(int))[inner].mean() < 12


def test_a_lean_is_found_as_its_height() -> None:
    import cv2

    base, baseline, height_m, high = textured(), np.array([60.0, 0.0]), 60.0, 6.0
    lean = high / (height_m - high) * baseline[0]
    other = base.copy()
    block = base[100:160, 100:160]
    other[100:160, 100 - round(lean) : 160 - round(lean)] = block
    every = np.ones(base.shape[:2], dtype=bool)
    found = sweep(base, every, other, every, baseline_px=baseline, height_m=height_m, window_px=9)
    middle = found.height_m[115:145, 115:145]
    assert float(np.median(middle)) == pytest.approx(high, abs=1.5)
    assert float(np.median(found.height_m[20:60, 20:60])) == 0.0
    assert cv2.countNonZero(found.seen.astype(np.uint8)) > 30_000


def test_a_short_baseline_tries_the_ground_alone() -> None:
    assert heights_to_try(np.array([0.5, 0.0]), 60.0, highest_m=30.0) == [0.0]
    tried = heights_to_try(np.array([80.0, 0.0]), 60.0, highest_m=30.0)
    assert tried[0] == 0.0
    assert tried[-1] == pytest.approx(30.0)
    assert tried == sorted(tried)


def test_a_shadow_falls_away_from_the_sun_and_is_as_long_as_the_sun_is_low() -> None:
    heights = np.zeros((200, 200), np.float32)
    heights[95:105, 95:105] = 4.0
    shown = np.ones((200, 200), dtype=bool)
    lengths = []
    for elevation in (60.0, 30.0):
        shade, beyond = shaded_ground(
            heights,
            shown,
            azimuth_deg=90.0,
            elevation_deg=elevation,
            camera_px=(100.0, 100.0),
            camera_height_m=80.0,
            gsd_m=0.25,
        )
        assert shade[100, 85]  # the sun stands in the east: shade lies in the west
        assert not shade[100, 118]
        assert not shade[70, 100]
        assert beyond[100, 195]  # whatever stands farther east is not in the picture
        lengths.append(int(shade[100].sum()))
    assert lengths[1] > 1.5 * lengths[0]
