"""A prior from adjacency: only where it is declared, only between those named, and always said."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputRefused
from geofence.attributing.attribute_prior import Adjacency, AdjacencyPrior, read_prior, weigh
from geofence.attribution import Share

DAY = date(2026, 9, 1)


def adjacency(**weights: float) -> Adjacency:
    return Adjacency(weights=weights, reason="the strip is leased to A", declared_by="区应急管理局", declared_on=DAY)


def shares(**masses: float) -> tuple[Share, ...]:
    return tuple(
        Share(key=key, version="1", probability=mass) for key, mass in sorted(masses.items(), key=lambda p: -p[1])
    )


def test_it_moves_probability_between_those_named_and_nowhere_else() -> None:
    prior = AdjacencyPrior(declared=(adjacency(A=3.0, B=1.0),))
    weighed, said = weigh(shares(A=0.4, B=0.4, C=0.1), prior)
    after = {share.key: share.probability for share in weighed}
    assert after == pytest.approx({"A": 0.6, "B": 0.2, "C": 0.1})
    assert "区应急管理局" in said
    assert "2026-09-01" in said
    assert weigh(shares(A=0.9, C=0.1), prior) == (shares(A=0.9, C=0.1), "")


@given(st.lists(st.floats(0.001, 1), min_size=2, max_size=5), st.lists(st.floats(1, 20), min_size=5, max_size=5))
@settings(max_examples=40, deadline=None)
def test_ground_that_is_nobodys_neither_gains_nor_loses(masses: list[float], weights: list[float]) -> None:
    total = sum(masses) * 1.1
    named = {chr(65 + number): mass / total for number, mass in enumerate(masses)}
    prior = AdjacencyPrior(declared=(adjacency(**dict(zip("ABCDE", weights, strict=True))),))
    weighed, _said = weigh(shares(**named), prior)
    assert math.fsum(share.probability for share in weighed) == pytest.approx(sum(named.values()))
    assert [share.probability for share in weighed] == sorted((s.probability for s in weighed), reverse=True)


@pytest.mark.parametrize("weights", [{"A": 1.0}, {"A": 21.0, "B": 1.0}, {"A": 0.0, "B": 1.0}, {"A": math.nan, "B": 1}])
def test_weights_that_accuse_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"two sites|weigh|positive"):
        adjacency(**weights)
    with pytest.raises(ValueError, match="twice"):
        AdjacencyPrior(declared=(adjacency(A=2.0, B=1.0), adjacency(B=1.0, A=1.0, C=2.0)))


GOOD = """schema: 1
adjacency:
  - sites: {A: 3, B: 1}
    reason: the strip is leased to A
    declared_by: 区应急管理局
    declared_on: 2026-09-01
"""


def test_a_file_is_read_or_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "prior.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert read_prior(path, known=frozenset("AB")).declared[0].weights == {"A": 3.0, "B": 1.0}
    with pytest.raises(InputRefused, match="no site B"):
        read_prior(path, known=frozenset("A"))
    for wrong in (
        "schema: 2\nadjacency: []\n",
        "schema: 1\nadjacency: []\n",
        GOOD.replace("A: 3", "A: true"),
        GOOD.replace("reason: the strip is leased to A", "reason: ''"),
        GOOD.replace("declared_by", "by"),
        "[",
    ):
        path.write_text(wrong, encoding="utf-8")
        with pytest.raises(InputRefused):
            read_prior(path, known=frozenset("AB"))
    with pytest.raises(InputRefused):
        read_prior(tmp_path / "nowhere.yaml", known=frozenset("AB"))
