"""Things that do not stand on the ground: their heights are true, and nothing that stands or drives there is lifted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from core.points import to_plane
from geofence.fix import Fix
from geofence.gather import gather
from geofence.gathering.gather_height import roof_chi2
from geofence.locating.error_budget import DeviceClass
from geofence.locating.locate_contact import STATURES, stature_of
from geofence.sighting import Sighting
from tests.geofence.drawn_roofs import Pass, Thing, fly
from tests.geofence.locating import PLANE

STRIP = Pass(pitch_deg=-70)
SURVEY = (
    Pass(east_m=-15, bearing_deg=0, pitch_deg=-70),
    Pass(east_m=15, bearing_deg=180, pitch_deg=-70, begins_s=60),
    Pass(bearing_deg=90, pitch_deg=-70, begins_s=120),
)
EVERY_SECOND = Pass(pitch_deg=-70, every_s=1.0, shots=17)


def somewhere(rng: np.random.Generator, height_m: float = 0.0, velocity_m_s: tuple[float, float] = (0.0, 0.0)) -> Thing:
    """A thing near the middle; one that drives is there in the middle of a strip of sixteen seconds."""
    east, north = rng.uniform(-8, 8, 2) - 8.0 * np.array(velocity_m_s)
    return Thing(name="it", east_m=east, north_m=north, height_m=height_m, velocity_m_s=velocity_m_s)


def off(sighting: Sighting, thing: Thing) -> np.ndarray:
    return to_plane(PLANE, [sighting.point.lon_deg, sighting.point.lat_deg]) - [thing.east_m, thing.north_m]


def test_heights_on_roofs_are_as_true_as_they_say_and_nothing_is_counted_twice() -> None:
    rng = np.random.default_rng(11)
    within, held, extra, misses, on_ground = [], [], 0, [], []
    for _ in range(80):
        thing = somewhere(rng, height_m=rng.uniform(9, 20))
        fixes, _truth = fly([thing], SURVEY, rng)
        sightings = gather(fixes)
        extra += len(sightings) - 1
        best = max(sightings, key=lambda sighting: len(sighting.fixes))
        assert best.height_above_ground_m is not None
        assert best.height_sigma_m is not None
        assert best.moving is False
        within.append(abs(best.height_above_ground_m - thing.height_m) <= best.height_sigma_m)
        miss = off(best, thing)
        held.append(miss @ np.linalg.solve(best.covariance.matrix(), miss) <= 4.605)
        misses.append(float(np.hypot(*miss)))
        on_ground += [
            float(np.hypot(*(to_plane(PLANE, [f.point.lon_deg, f.point.lat_deg]) - [thing.east_m, thing.north_m])))
            for f in fixes
        ]
    # 80 draws: one standard error of 68 % is 5 %, of 90 % 3.4 %.
    assert 0.56 <= np.mean(within) <= 0.82
    assert np.mean(held) >= 0.82
    assert extra <= 8
    # The rays meet a metre or two from it; on the ground they lay metres off.
    assert np.median(misses) < 2.0
    assert np.median(on_ground) > 1.5 * np.median(misses)


@pytest.mark.parametrize("label", ["vehicle", "drum"])
def test_what_stands_on_the_ground_is_not_lifted(label: str) -> None:
    """Of 120 things on the ground under poses of the class, none or one is lifted, with one look lost of four."""
    rng = np.random.default_rng(5)
    seen = lifted = 0
    for _ in range(12):
        things = [
            Thing(name=f"{at}", east_m=-20 + 10.0 * (at % 5), north_m=-8.0 + 16.0 * (at // 5)) for at in range(10)
        ]
        fixes, truth = fly(things, SURVEY, rng, label=label, found=0.75)
        seen += len(set(truth.values()))
        lifted += sum(sighting.height_above_ground_m is not None for sighting in gather(fixes))
    assert seen >= 110
    assert lifted <= 1


def test_a_thing_on_a_roof_is_one_where_the_ground_makes_many_of_it() -> None:
    """On the ground alone ten metres of height leave five sightings; the first fixes of each tell how far apart."""
    rng = np.random.default_rng(7)
    thing = somewhere(rng, height_m=12.0)
    fixes, _truth = fly([thing], SURVEY, rng)
    apart = np.ptp(to_plane(PLANE, [[fix.point.lon_deg, fix.point.lat_deg] for fix in fixes]), axis=0)
    assert apart.max() > 8.0
    (sighting,) = gather(fixes)
    assert sighting.passes == 3
    assert len(sighting.fixes) == len(fixes)


def test_a_roof_light_is_told_from_the_cars_of_the_yard_below() -> None:
    rng = np.random.default_rng(3)
    yard = [Thing(name=f"car {i} {j}", east_m=6.0 * i - 15, north_m=10.0 * j - 10) for i in range(6) for j in range(3)]
    light = Thing(name="light", east_m=3.0, north_m=4.0, height_m=9.0)
    lifted: Counter[str] = Counter()
    for _ in range(4):
        fixes, truth = fly([*yard, light], SURVEY, rng, device_class=DeviceClass.RTK)
        for sighting in gather(fixes):
            if sighting.height_above_ground_m is not None:
                lifted.update({truth[fix.detection.detection_id] for fix in sighting.fixes})
                assert sighting.height_above_ground_m == pytest.approx(9.0, abs=3 * (sighting.height_sigma_m or 0))
    assert lifted == {"light": 4}


WAYS = [(0.0, 8.0), (0.0, -5.0), (0.0, -8.0), (0.0, -15.0), (8.0, 0.0), (4.0, -7.0), (10.0, 5.0)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("run", [STRIP, EVERY_SECOND], ids=["photographs", "every second"])
def test_what_drives_is_never_taken_for_a_roof(run: Pass, way: tuple[float, float]) -> None:
    rng = np.random.default_rng(2)
    for _ in range(12):
        thing = somewhere(rng, velocity_m_s=way)
        fixes, _truth = fly([thing], [run], rng)
        for sighting in gather(fixes):
            assert sighting.height_above_ground_m is None
            assert sighting.moving is not False or len(sighting.fixes) <= 3


def along_a_strip(height_m: float, label: str, rng: np.random.Generator) -> list[Sighting]:
    fixes, _truth = fly([somewhere(rng, height_m=height_m)], [EVERY_SECOND], rng, label=label)
    return list(gather(fixes))


def test_one_straight_strip_tells_no_creeping_car_from_one_on_a_roof_and_says_neither() -> None:
    """A drum does not creep, so that the same looks at one say how high it stands."""
    rng = np.random.default_rng(8)
    for _ in range(10):
        sightings = along_a_strip(12.0, "vehicle", rng)
        assert all(sighting.height_above_ground_m is None for sighting in sightings)
        assert not any(sighting.moving for sighting in sightings)
    told = [sighting for _ in range(10) for sighting in along_a_strip(12.0, "drum", rng)]
    heights = [sighting.height_above_ground_m for sighting in told if sighting.height_above_ground_m is not None]
    assert len(heights) >= 6
    assert np.median(heights) == pytest.approx(12.0, abs=2.5)


def test_two_things_seen_by_turns_from_two_sides_are_not_made_one_above_the_ground() -> None:
    """Hovering at two places: each side shows another of two neighbours, whose rays cross above the ground."""
    rng = np.random.default_rng(4)
    sides = [
        Pass(north_m=-50, bearing_deg=0, speed_m_s=0, pitch_deg=-50, shots=5),
        Pass(north_m=50, bearing_deg=180, speed_m_s=0, pitch_deg=-50, shots=5, begins_s=60),
    ]
    fixes: list[Fix] = []
    for side, north in zip(sides, (6.0, -6.0), strict=True):
        seen, _truth = fly([Thing(name="it", east_m=0.0, north_m=north)], [side], rng, device_class=DeviceClass.RTK)
        fixes += seen
    sightings = gather(_renamed(fixes))
    assert len(sightings) == 2
    assert all(sighting.height_above_ground_m is None for sighting in sightings)


def _renamed(fixes: Sequence[Fix]) -> list[Fix]:
    return [
        replace(fix, detection=replace(fix.detection, frame_id=f"{at}-{fix.captured_at:%H%M%S}"))
        for at, fix in enumerate(fixes)
    ]


def test_classes_say_where_they_stand() -> None:
    assert {label for label, stature in STATURES.items() if stature.grounded} >= {"vehicle", "truck", "car", "tanker"}
    assert not stature_of("drum").grounded
    # What can only stand on the ground is lifted by stronger evidence only, and what drifts never.
    assert roof_chi2(stature_of("drum")) < roof_chi2(stature_of("vehicle")) < np.inf
    assert roof_chi2(stature_of("smoke")) == np.inf


def test_a_height_comes_with_its_error() -> None:
    rng = np.random.default_rng(1)
    fixes, _truth = fly([somewhere(rng, height_m=15.0)], SURVEY, rng)
    (sighting,) = gather(fixes)
    fields = {
        "label": sighting.label, "fixes": sighting.fixes, "point": sighting.point, "covariance": sighting.covariance,
        "passes": sighting.passes, "moving": sighting.moving,
    }  # fmt: skip
    for wrong in (
        {"height_above_ground_m": 9.0},
        {"height_above_ground_m": float("nan"), "height_sigma_m": 1.0},
        {"height_above_ground_m": 9.0, "height_sigma_m": 0.0},
    ):
        with pytest.raises(ValueError, match=r"height"):
            Sighting(**{**fields, **wrong})  # type: ignore[arg-type]
