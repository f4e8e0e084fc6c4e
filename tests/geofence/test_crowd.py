"""Crowds: counted per zone and look, with what is known and no more."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from core.points import LocalPlane, from_plane
from geofence.attribute import attribute_all
from geofence.crowd import Recall, chance_of_at_least, count_crowds, looks_of
from geofence.judge import judge_all
from geofence.register.site_index import build_index
from geofence.rules.law import read_law
from geofence.rules.rule import Count, Rule, RuleBook
from geofence.sighting import Sighting
from geofence.site import Register, Zone, ZoneType
from tests.geofence.synthetic_district import CENTRE, SEEN_AT, make_sighting

PLANE = LocalPlane(origin=CENTRE)


def zone(zone_id: str, west: float, east: float) -> Zone:
    outline = shapely.transform(shapely.box(west, -20, east, 20), lambda metres: from_plane(PLANE, metres))
    return Zone(
        zone_id=zone_id,
        zone_type=ZoneType.STORAGE,
        name=f"仓{zone_id}",
        shape=outline,
        version="1",
        boundary_sigma_m=0.0,
    )


REGISTER = Register(sites=(), zones=(zone("A", -40, 0), zone("B", 0, 40)), sha256="0" * 64)
INDEX = build_index(REGISTER)


def person(number: int, east: float, north: float = 0.0, *, sigma: float = 1.0, after_s: float = 0.0) -> Sighting:
    lonlat = from_plane(PLANE, [[east, north]])[0]
    seen = make_sighting(number, lonlat, np.array([sigma**2, sigma**2, 0.0]))
    fixes = tuple(replace(fix, captured_at=SEEN_AT + timedelta(seconds=after_s)) for fix in seen.fixes)
    return replace(seen, label="person", fixes=fixes)


def counted(people: Sequence[Sighting], recall: Recall | None = None):  # noqa: ANN201 - a tuple of crowds
    return count_crowds(zip(people, attribute_all(people, INDEX), strict=True), REGISTER, recall=recall)


def test_people_are_counted_by_zone_and_one_on_the_line_is_half_in_each() -> None:
    people = [*(person(number, -20, number - 5.0) for number in range(10)), person(10, 20), person(11, 0.0)]
    west, east = counted(people)
    assert (west.zone_id, east.zone_id) == ("A", "B")
    assert west.expected == pytest.approx(10.5, abs=1e-3)
    assert east.expected == pytest.approx(1.5, abs=1e-3)
    assert (west.seen, west.least) == (11, 10)  # the one on the line is not sure to be inside
    assert (west.most, west.estimate) == (None, None)  # nobody measured how many are missed
    assert west.per_m2 == pytest.approx(10.5 / 1600, rel=1e-3)


def test_with_a_measured_recall_the_missed_are_counted_and_their_number_is_not_sure() -> None:
    people = [person(number, -20, number / 2 - 10.0) for number in range(40)]
    (crowd,) = counted(people, Recall(share=0.8, sigma=0.05, source="test"))
    assert crowd.estimate == pytest.approx(50, rel=1e-3)
    assert crowd.least == 40
    # Missed: variance 40 · 0.2 / 0.64 = 12.5; recall: (50 · 0.05 / 0.8)² = 9.8; 50 + 1.96 · 4.72 = 59.3.
    assert crowd.most == 60


def test_two_looks_are_never_added_up() -> None:
    people = [person(number, -20, number - 5.0, after_s=400.0 * (number % 2)) for number in range(10)]
    first, second = counted(people)
    assert (first.seen, second.seen) == (5, 5)
    assert (second.began_at - first.ended_at).total_seconds() == 400
    steady = [person(number, -20, after_s=10.0 * number) for number in range(13)]
    assert [(end - begin).total_seconds() for begin, end in looks_of(steady)] == [60, 50]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9), st.integers(0, 10))
@settings(max_examples=60)
def test_the_chance_of_a_count_is_that_of_all_ways_to_come_by_it(shares: list[float], least: int) -> None:
    ways = itertools.product([0, 1], repeat=len(shares))
    truth = sum(
        float(np.prod([share if here else 1 - share for share, here in zip(shares, way, strict=True)]))
        for way in ways
        if sum(way) >= least
    )
    assert chance_of_at_least(shares, least) == pytest.approx(truth, abs=1e-9)
    assert chance_of_at_least(shares[::-1], least) == chance_of_at_least(shares, least)


def judged(people: Sequence[Sighting], **changes: object):  # noqa: ANN201 - a judgement
    rule = Rule(
        rule_id="many",
        hazard_code="H32",
        labels=frozenset({"person"}),
        zone_types=frozenset({ZoneType.STORAGE}),
        count=Count(labels=frozenset({"person"}), at_least=5, probability=0.9),
        once_within_m=100.0,
    )
    book = RuleBook(name="t", rules=(replace(rule, **changes),), sha256="1" * 64)  # type: ignore[arg-type]
    pairs = zip(people, attribute_all(people, INDEX), strict=True)
    return judge_all(pairs, rules=book, register=REGISTER, law=read_law())


def test_a_crowd_is_one_incident_and_everybody_else_in_it_says_so() -> None:
    people = [person(number, -20, number * 2.0 - 8) for number in range(6)]
    outcome = judged(people)
    (hazard,) = outcome.hazards
    assert (hazard.code, hazard.zone_id) == ("H32", "A")
    assert hazard.probability > 0.9
    assert [missed.code for missed in outcome.no_hazard] == ["told-once"] * 5
    turned = judged(people[::-1])
    assert [one.sighting_id for one in turned.hazards] == [hazard.sighting_id]
    assert len(judged(people, once_within_m=None).hazards) == 6


def test_too_few_too_far_apart_in_time_or_not_surely_inside_are_no_crowd() -> None:
    four = [person(number, -20, number * 2.0 - 8) for number in range(4)]
    on_the_line = person(4, 0.0)
    for people in (four, [*four, on_the_line], [*four, person(4, -20, after_s=300.0)], [*four, person(4, 20)]):
        outcome = judged(people)
        assert outcome.hazards == ()
        assert "count" in {missed.code for missed in outcome.no_hazard}
    assert len(judged([*four, person(4, -20)]).hazards) == 1
