from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from core.points import GeoPoint, LocalPlane, from_plane
from flight.patrol import Approval, KeyArea, Patrol, Pattern
from flight.planning.catalogue import read_catalogue
from geofence.fix import Covariance
from geofence.hazard import Hazard, Value
from geofence.persistence.carry_over import carry_over
from geofence.persistence.follow_up import follow_up, plan_revisit
from geofence.persistence.standing import Entry, Event, Found, Look, Standing, overdue, repeat_offenders
from tests.geofence.synthetic_district import CENTRE, SEEN_AT, make_sighting

PLANE = LocalPlane(origin=CENTRE)
EVERYWHERE = shapely.box(113, 22, 114, 23)
NOWHERE = shapely.box(10, 10, 11, 11)
_NUMBERS = iter(range(1_000_000))


def found(
    east: float, north: float = 0.0, *, day: int = 0, code: str = "H13", label: str = "vehicle", site: str = "A"
) -> Found:
    lonlat = from_plane(PLANE, [[east, north]])[0]
    seen = make_sighting(next(_NUMBERS), lonlat, np.array([1.0, 1.0, 0.0]))
    fix = dataclasses.replace(seen.fixes[0], captured_at=SEEN_AT + timedelta(days=day))
    seen = dataclasses.replace(seen, fixes=(fix,), label=label)
    hazard = Hazard(
        code=code,
        name_zh="占用",
        name_en="blocked",
        rule_id="r",
        rules_sha256="0" * 64,
        sighting_id=seen.sighting_id,
        zone_id="Z",
        zone_version="1",
        probability=1.0,
        value=Value.PROVABLE,
        periods=(),
        citations=(),
        authority="",
        explanation="",
    )
    return Found(hazard=hazard, sighting=seen, site_code=site)


def look(day: int, covered: shapely.Polygon = EVERYWHERE) -> Look:
    return Look(patrol_id=f"P{day}", ended_at=SEEN_AT + timedelta(days=day, hours=1), covered=covered)


def events(standing: Standing) -> list[str]:
    return [entry.event.value for entry in standing.entries]


def test_a_hazards_life_over_five_patrols() -> None:
    after = carry_over((), look(0), [found(0)])
    after = carry_over(after, look(1), [found(1.5, day=1)])
    after = carry_over(after, look(2, NOWHERE), [])
    assert events(after[0]) == ["opened", "seen-again"]  # nobody looked: nothing is known
    after = carry_over(after, look(3), [])
    after = carry_over(after, look(4), [])
    after = carry_over(after, look(5), [found(1.0, day=5)])
    (standing,) = after
    assert events(standing) == ["opened", "seen-again", "gone", "back"]
    assert standing.last_seen == SEEN_AT + timedelta(days=5)
    assert standing.is_there
    assert [entry.patrol_id for entry in standing.before_and_after] == ["P0", "P5"]


def test_two_things_side_by_side_are_matched_together_not_greedily() -> None:
    before = carry_over((), look(0), [found(0.0), found(3.0)])
    after = carry_over(before, look(1), [found(1.6, day=1), found(4.6, day=1)])
    assert [events(one) for one in after] == [["opened", "seen-again"]] * 2
    assert after[0].point.lon_deg < after[1].point.lon_deg


def test_a_pair_that_is_thrown_away_takes_nothing_from_one_that_fits() -> None:
    """Two pairs beyond the gate may cost less together than the one that fits and a farther one."""
    before = carry_over((), look(0), [found(0.0), found(-4.0)])
    after = carry_over(before, look(1), [found(1.0, day=1), found(6.5, day=1)])
    assert [events(one) for one in after] == [["opened", "seen-again"], ["opened", "gone"], ["opened"]]


@pytest.mark.parametrize("other", [{"code": "H14"}, {"label": "drums"}, {"north": 9.0}])
def test_another_class_or_place_is_another_hazard(other: dict[str, object]) -> None:
    before = carry_over((), look(0), [found(0)])
    after = carry_over(before, look(1), [found(0, day=1, **other)])  # type: ignore[arg-type]
    assert [events(one) for one in after] == [["opened", "gone"], ["opened"]]


@pytest.mark.parametrize("labels", [("vehicle", "truck", "vehicle"), ("truck", "vehicle", "truck")])
def test_a_lorry_that_one_patrol_saw_too_little_of_is_still_one_hazard(labels: tuple[str, str, str]) -> None:
    after: tuple[Standing, ...] = ()
    for day, label in enumerate(labels):
        after = carry_over(after, look(day), [found(0.2 * day, day=day, label=label)])
    (standing,) = after
    assert events(standing) == ["opened", "seen-again", "seen-again"]
    assert standing.label == "truck"  # once told, it stays told
    # A weight that knows vehicles only would have found it, one that knows neither would not.
    for sought, event in (({"vehicle"}, "gone"), ({"truck"}, "gone"), ({"smoke"}, "seen-again")):
        seeing = dataclasses.replace(look(3), sought=frozenset(sought))
        assert events(carry_over(after, seeing, [])[0])[-1] == event


def test_a_hazard_at_the_edge_of_what_was_covered_is_not_called_gone() -> None:
    before = carry_over((), look(0), [found(0)])
    edge = shapely.transform(shapely.box(-1.5, -50, 50, 50), lambda metres: from_plane(PLANE, metres))
    assert events(carry_over(before, look(1, edge), [])[0]) == ["opened"]


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=12))
@settings(max_examples=40, deadline=None)
def test_every_history_is_lawful_and_nothing_is_lost(history: list[tuple[bool, bool]]) -> None:
    after: tuple[Standing, ...] = carry_over((), look(0), [found(0)])
    for day, (there, looked) in enumerate(history, start=1):
        after = carry_over(after, look(day, EVERYWHERE if looked else NOWHERE), [found(0.3, day=day)] if there else [])
    (standing,) = after  # Standing itself refuses an unlawful order of events
    assert sum(bool(entry.sighting_id) for entry in standing.entries) == 1 + sum(there for there, _ in history)
    last = next((there for there, looked in reversed(history) if there or looked), True)
    assert standing.is_there is last


def test_unlawful_histories_are_refused() -> None:
    def standing(*steps: tuple[Event, int]) -> Standing:
        entries = tuple(
            Entry(
                event=event,
                patrol_id="P",
                at=SEEN_AT + timedelta(days=day),
                sighting_id="" if event is Event.GONE else "s",
            )
            for event, day in steps
        )
        return Standing(
            code="H13", label="v", site_code=None, zone_id=None, point=CENTRE,
            covariance=Covariance(east_m2=1, north_m2=1), entries=entries,
        )  # fmt: skip

    for steps in (
        (),
        ((Event.GONE, 0),),
        ((Event.OPENED, 0), (Event.BACK, 1)),
        ((Event.OPENED, 0), (Event.OPENED, 1)),
        ((Event.OPENED, 0), (Event.GONE, 1), (Event.SEEN_AGAIN, 2)),
        ((Event.OPENED, 2), (Event.SEEN_AGAIN, 1)),
    ):
        with pytest.raises(ValueError, match=r"opened once|after|order of time"):
            standing(*steps)


def test_gone_is_only_what_was_looked_for() -> None:
    seen = found(0)
    label = seen.sighting.label
    before = carry_over((), look(0), [seen])
    warm = dataclasses.replace(seen, sighting=dataclasses.replace(seen.sighting, label="hot_spot"))
    hot = carry_over((), look(0), [warm])
    daylight = dataclasses.replace(look(1), grades=((0.08, EVERYWHERE),))
    thermal = dataclasses.replace(look(1, NOWHERE), heat=((0.08, EVERYWHERE),))
    for standing, looked, expected in (
        (before, dataclasses.replace(daylight, sought=frozenset({label})), ["opened", "gone"]),
        (before, dataclasses.replace(daylight, sought=frozenset({"another"})), ["opened"]),
        (before, thermal, ["opened"]),
        (hot, daylight, ["opened"]),
        (hot, thermal, ["opened", "gone"]),
        (before, dataclasses.replace(thermal, sought_in_heat={label: 0.1}), ["opened", "gone"]),
        (before, dataclasses.replace(thermal, sought_in_heat={label: 0.05}), ["opened"]),
        (before, dataclasses.replace(thermal, sought_in_heat={"another": 0.1}), ["opened"]),
    ):
        assert events(carry_over(standing, looked, [])[0]) == expected
    with pytest.raises(ValueError, match="fine to coarse"):
        dataclasses.replace(look(1), heat=((0.08, EVERYWHERE), (0.02, EVERYWHERE)))


def test_what_was_seen_from_close_by_is_not_called_gone_from_afar() -> None:
    near = dataclasses.replace(found(0), gsd_m=0.02)
    before = carry_over((), look(0), [near])
    for grades, expected in (
        (((0.08, EVERYWHERE),), ["opened"]),
        (((0.02, NOWHERE), (0.08, EVERYWHERE)), ["opened"]),
        (((0.02, NOWHERE), (0.028, EVERYWHERE), (0.08, EVERYWHERE)), ["opened", "gone"]),
    ):
        looked = dataclasses.replace(look(1), grades=grades)
        assert events(carry_over(before, looked, [])[0]) == expected
    with pytest.raises(ValueError, match="fine to coarse"):
        dataclasses.replace(look(1), grades=((0.08, EVERYWHERE), (0.02, EVERYWHERE)))


def test_two_patrols_side_by_side_make_one_story() -> None:
    after = carry_over((), look(0), [found(0, day=0)])
    after = carry_over(after, look(2), [])  # ended on day 2
    after = carry_over(after, look(2), [found(0.2, day=1)])  # flown beside it, and saw it a day before that end
    assert events(after[0]) == ["opened", "gone", "back"]


def test_repeat_offenders_are_counted_by_site_since_a_day() -> None:
    after = carry_over((), look(0), [found(0), found(200, site="B"), found(400, site="A")])
    after = carry_over(after, look(1), [found(200, day=1, site="B")])
    after = carry_over(after, look(2), [found(0, day=2), found(200, day=2, site="B")])
    assert repeat_offenders(after, since=SEEN_AT) == (("A", 3),)
    assert repeat_offenders(after, since=SEEN_AT + timedelta(days=1), least=1) == (("A", 1),)


def test_follow_up_looks_where_hazards_still_stand_and_first_where_it_is_late() -> None:
    standings = carry_over((), look(0), [found(0), found(20), found(300), found(600), found(900)])
    standings = carry_over(standings, look(1), [found(x, day=1) for x in (0, 20, 300, 600)])  # the last is gone
    now = datetime(2026, 10, 10, tzinfo=UTC)
    deadlines = [None, now + timedelta(days=30), now + timedelta(days=1), now - timedelta(days=1), now]
    dated = [dataclasses.replace(one, deadline=deadline) for one, deadline in zip(standings, deadlines, strict=True)]
    revisits = follow_up(dated, now=now)
    assert [revisit.priority for revisit in revisits] == [1, 2, 3]
    assert revisits[0].standing_ids == (dated[3].standing_id,)
    assert set(revisits[2].standing_ids) == {dated[0].standing_id, dated[1].standing_id}  # one pass for both
    for revisit, east in zip(revisits, (600, 300, 10), strict=True):
        lon, lat = from_plane(PLANE, [[east, 0]])[0]
        assert revisit.area.contains(shapely.Point(lon, lat))
        assert GeoPoint(lon_deg=lon, lat_deg=lat).lon_deg == pytest.approx(revisit.point.lon_deg, abs=1e-6)
    assert [one.standing_id for one in overdue(dated, now=now)] == [dated[3].standing_id]
    assert follow_up([], now=now) == ()


def test_what_is_decided_only_from_lower_down_is_looked_at_from_there() -> None:
    standings = carry_over((), look(0), [found(0), found(300)])
    low, plain = follow_up(standings, now=SEEN_AT, heights_m={standings[0].standing_id: 35.0})[:2]
    if low.standing_ids != (standings[0].standing_id,):
        low, plain = plain, low
    assert (low.height_agl_m, plain.height_agl_m) == (35.0, None)
    catalogue = read_catalogue()
    before = Patrol(
        name="first",
        areas=(KeyArea(name="a", shape=EVERYWHERE, height_agl_m=60.0, speed_m_s=6.0),),
        aircraft=next(iter(catalogue.aircraft.values())),
        camera=next(iter(catalogue.cameras.values())).camera,
        home=CENTRE,
    )
    assert [area.height_agl_m for area in plan_revisit((low, plain), before, name="x").areas] == [35.0, 60.0]


def test_a_revisit_is_flown_like_the_patrol_that_found_it() -> None:
    catalogue = read_catalogue()
    high, low = (
        KeyArea(name=str(height), shape=EVERYWHERE, height_agl_m=height, speed_m_s=height / 10) for height in (90, 60)
    )
    before = Patrol(
        name="first",
        areas=(high, low),
        aircraft=next(iter(catalogue.aircraft.values())),
        camera=next(iter(catalogue.cameras.values())).camera,
        home=CENTRE,
        approval=Approval(number="1", starts_at=SEEN_AT, ends_at=SEEN_AT + timedelta(hours=1), max_height_agl_m=120),
    )
    standings = carry_over((), look(0), [found(0), found(300)])
    again = plan_revisit(follow_up(standings, now=SEEN_AT), before, name="second")
    assert (again.name, again.approval, len(again.areas)) == ("second", None, 2)
    assert {(area.height_agl_m, area.speed_m_s, area.priority) for area in again.areas} == {(60, 6.0, 3)}
    assert {area.pattern for area in again.areas} == {Pattern.POINTS}
    late = [dataclasses.replace(one, deadline=SEEN_AT - timedelta(days=1)) for one in standings]
    assert {area.pattern for area in plan_revisit(follow_up(late, now=SEEN_AT), before, name="x").areas} == {
        Pattern.ORBIT
    }
    blurred = Covariance(east_m2=60.0**2, north_m2=1.0)
    vague = [dataclasses.replace(standings[0], covariance=blurred)]
    (wide,) = plan_revisit(follow_up(vague, now=SEEN_AT), before, name="x").areas
    assert wide.pattern is Pattern.SURVEY
    assert (again.aircraft, again.limits, again.no_fly_zones) == (before.aircraft, before.limits, before.no_fly_zones)
    with pytest.raises(ValueError, match="nothing to revisit"):
        plan_revisit((), before, name="third")
