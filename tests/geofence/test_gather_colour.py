"""Colour as evidence: what stands in one place in another colour is another thing; what light changes is the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detection.detection import Box
from geofence.fix import Fix
from geofence.gather import Gathering, gather
from geofence.locating.look_colour import colour_of, colours_apart
from tests.geofence.test_gather import fixes_of

RED, BLUE, WHITE, SILVER = (45.0, 55.0, 35.0), (30.0, 10.0, -45.0), (92.0, -1.0, 1.0), (68.0, -1.0, -1.0)


def painted(fixes: list[Fix], colour: tuple[float, float, float] | None) -> list[Fix]:
    return [replace(fix, colour_lab=colour) for fix in fixes]


def look(place: tuple[float, float], second: int, colour: tuple[float, float, float], label: str = "car") -> list[Fix]:
    return painted(fixes_of([place], frame=f"f{second}", seconds=float(second), label=label), colour)


@pytest.mark.parametrize(("one", "two", "things"), [(RED, BLUE, 2), (RED, RED, 1), (WHITE, SILVER, 1), (RED, WHITE, 2)])
def test_cars_within_each_others_gates_are_told_apart_by_their_colour(
    one: tuple[float, float, float], two: tuple[float, float, float], things: int
) -> None:
    # A red car drives off unseen, and a day later a blue one stands 40 cm from where it stood.
    fixes = [fix for second in range(4) for fix in look((0.0, 0.0), second, one)]
    fixes += [fix for second in range(86_400, 86_404) for fix in look((0.4, 0.0), second, two)]
    assert len(gather(fixes)) == things
    assert len(gather(fixes, how=Gathering(by_colour=False))) == 1


def test_one_car_in_sun_and_shade_from_several_heights_is_one() -> None:
    rng = np.random.default_rng(2)
    fixes: list[Fix] = []
    for second, pitch in enumerate((-85.0, -70.0, -60.0, -50.0, -45.0)):
        seen = fixes_of([(0.0, 0.0)], frame=f"f{second}", seconds=2.0 * second, pitch=pitch, label="car")
        colour = np.array(RED) + [12.0, 3.0, 3.0] * rng.normal(0, 1, 3)
        fixes += painted(seen, (float(colour[0]), float(colour[1]), float(colour[2])))
    (sighting,) = gather(fixes)
    assert len(sighting.fixes) == 5


def test_two_neighbours_keep_their_colours_when_only_one_is_seen_at_a_time() -> None:
    """Without colour the stray looks at either go to whichever is nearer by chance."""
    fixes = []
    for second in range(6):
        fixes += look((0.0, 0.0), second, RED) if second % 2 else look((1.2, 0.0), second, BLUE)
    sightings = gather(fixes)
    assert sorted(len(sighting.fixes) for sighting in sightings) == [3, 3]
    for sighting in sightings:
        assert len({fix.colour_lab for fix in sighting.fixes}) == 1


def test_a_colour_that_fades_into_the_ground_is_the_same_and_another_hue_is_not() -> None:
    blue, half_ground, green = (36.1, 6.8, -32.3), (34.7, 2.1, -13.9), (36.0, -30.0, 10.0)
    assert colours_apart(blue, half_ground) == colours_apart(half_ground, blue) < 7
    assert colours_apart(blue, green) > 50
    assert colours_apart((50.0, 0.0, 0.0), (50.0, 4.0, 0.0)) == pytest.approx(1.0, rel=0.2)


def test_smoke_and_unseen_colours_say_nothing() -> None:
    smoke = look((0, 0), 0, RED, label="smoke") + look((0, 0), 1, BLUE, label="smoke")
    assert len(gather(smoke)) == 1
    assert len(gather(look((0, 0), 0, RED) + painted(look((0, 0), 1, BLUE), None))) == 1


def test_a_colour_is_that_of_the_boxs_middle() -> None:
    pixels = np.full((100, 100, 3), 60, dtype=np.uint8)
    pixels[35:65, 30:70] = (30, 30, 200)  # a red roof, BGR
    pixels[45, 40:60] = 255  # a glint on it
    found = colour_of(pixels, Box(left_px=20, top_px=25, right_px=80, bottom_px=75))
    assert found is not None
    lightness, a, b = found
    assert 40 < lightness < 46
    assert a > 55
    assert b > 35
    assert colours_apart(found, found) == 0
    assert colour_of(pixels, Box(left_px=20, top_px=25, right_px=24, bottom_px=75)) is None
    assert colour_of(pixels, Box(left_px=-40, top_px=-40, right_px=-20, bottom_px=-20)) is None
    assert colour_of(pixels, Box(left_px=90, top_px=90, right_px=200, bottom_px=200)) is None


def test_known_colours_of_the_standard() -> None:
    """White, black and pure blue of sRGB under D65 (IEC 61966-2-1): 100, 0, 0; 0, 0, 0; 32.3, 79.2, −107.9."""
    for bgr, lab in (((255, 255, 255), (100, 0, 0)), ((0, 0, 0), (0, 0, 0)), ((255, 0, 0), (32.3, 79.2, -107.9))):
        pixels = np.full((20, 20, 3), bgr, dtype=np.uint8)
        assert colour_of(pixels, Box(left_px=0, top_px=0, right_px=20, bottom_px=20)) == pytest.approx(lab, abs=0.15)
