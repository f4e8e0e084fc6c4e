from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.points import GeoPoint, LocalPlane, from_plane
from detection.frames.following import Following, FoundAt, instants_to_follow

NOON = datetime(2026, 5, 1, 4, 0, tzinfo=UTC)
PLANE = LocalPlane(origin=GeoPoint(lon_deg=113.3, lat_deg=23.1))


def found(after_s: float, *places: tuple[float, float]) -> FoundAt:
    points = [from_plane(PLANE, place) for place in places]
    return FoundAt(
        captured_at=NOON + timedelta(seconds=after_s),
        points=tuple(GeoPoint(lon_deg=float(lon), lat_deg=float(lat)) for lon, lat in points),
    )


def seconds(instants: tuple[datetime, ...]) -> list[float]:
    return [(instant - NOON).total_seconds() for instant in instants]


def test_what_is_found_is_looked_at_shortly_before_and_after() -> None:
    instants, too_many = instants_to_follow([found(0.0), found(5.0, (0, 0)), found(9.0)], Following())
    assert seconds(instants) == pytest.approx([4.2, 4.6, 5.4, 5.8])
    assert too_many == 0


def test_a_thing_is_followed_once_and_again_after_a_while() -> None:
    frames = [found(float(after), (0.1 * after, 0)) for after in range(0, 50, 2)]
    instants, _ = instants_to_follow(frames, Following(again_s=20.0))
    bursts = [instant for instant in seconds(instants) if abs(instant - round(instant)) > 0.3]
    assert {round(instant / 20) * 20 for instant in seconds(instants)} == {0, 20, 40}
    assert len(bursts) <= len(instants) == 12
    other, _ = instants_to_follow([*frames[:1], found(2.0, (0, 0), (30, 0))], Following())
    assert len(other) == 8  # something else, thirty metres away


def test_no_frame_is_taken_beside_one_that_is_there_and_none_beyond_the_limit() -> None:
    frames = [found(4.6), found(5.0, (0, 0)), found(5.45)]
    assert seconds(instants_to_follow(frames, Following())[0]) == pytest.approx([4.2, 5.8])
    many = [found(10.0 * number, (50.0 * number, 0)) for number in range(20)]
    instants, too_many = instants_to_follow(many, Following(most=10))
    assert (len(instants), too_many) == (10, 70)
    assert instants_to_follow([found(1.0)], Following()) == ((), 0)


@pytest.mark.parametrize("wrong", [{"frames": 0}, {"most": -1}, {"span_s": 0.0}])
def test_a_following_that_makes_no_sense_is_a_mistake(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"frame|spans"):
        Following(**wrong)  # type: ignore[arg-type]
