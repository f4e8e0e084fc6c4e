"""Streams of sightings: one core, many and after a restart give the same bytes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.errors import StoreFailed
from geofence.attribute import attribute_all
from geofence.attributing.attribute_stream import (
    BATCH,
    attribute_stream,
    attribute_to_file,
    digest_outcomes,
    outcome_line,
)
from geofence.register.site_index import SiteIndex, build_index
from geofence.sighting import Sighting
from tests.geofence.synthetic_district import Trial, draw_trial


@pytest.fixture(scope="module")
def trial() -> Trial:
    return draw_trial(np.random.default_rng(8), side=9, count=3 * BATCH + 7)


@pytest.fixture(scope="module")
def index(trial: Trial) -> SiteIndex:
    return build_index(trial.register)


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_one_core_and_many_say_the_same_to_the_last_bit(trial: Trial, index: SiteIndex) -> None:
    alone = digest_outcomes(attribute_all(trial.sightings, index))
    assert digest_outcomes(attribute_stream(trial.sightings, index, workers=1)) == alone
    assert digest_outcomes(attribute_stream(iter(trial.sightings), index, workers=3)) == alone
    again = build_index(draw_trial(np.random.default_rng(8), side=9, count=1).register)
    assert digest_outcomes(attribute_all(trial.sightings, again)) == alone


class _Killed(BaseException):
    """Stands for a kill."""


@pytest.mark.parametrize("torn", [0, 30])
def test_a_killed_stream_goes_on_and_writes_the_same_bytes(
    trial: Trial, index: SiteIndex, tmp_path: Path, torn: int
) -> None:
    straight, killed = tmp_path / "straight.jsonl", tmp_path / "killed.jsonl"
    assert attribute_to_file(trial.sightings, index, straight) == len(trial.sightings)

    def dying() -> Iterator[Sighting]:
        yield from itertools.islice(trial.sightings, 2 * BATCH + 100)
        raise _Killed

    with pytest.raises(_Killed):
        attribute_to_file(dying(), index, killed)
    kept = killed.read_bytes()
    killed.write_bytes(kept[: len(kept) - torn])
    added = attribute_to_file(trial.sightings, index, killed)
    assert 0 < added < len(trial.sightings)
    assert killed.read_bytes() == straight.read_bytes()
    assert attribute_to_file(trial.sightings, index, killed) == 0


def test_a_file_of_other_choices_is_refused(trial: Trial, index: SiteIndex, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    attribute_to_file(trial.sightings[:5], index, path)
    with pytest.raises(StoreFailed, match="other choices"):
        attribute_to_file(trial.sightings, index, path, threshold=0.9)
    with pytest.raises(StoreFailed, match="cannot be written"):
        attribute_to_file(trial.sightings, index, tmp_path / "nowhere" / "a.jsonl")


def test_an_endless_stream_needs_no_end(trial: Trial, index: SiteIndex) -> None:
    endless = itertools.cycle(trial.sightings)
    first = list(itertools.islice(attribute_stream(endless, index, workers=1), 10))
    assert [outcome_line(one) for one in first] == [
        outcome_line(one) for one in attribute_all(trial.sightings[:10], index)
    ]
    with pytest.raises(ValueError, match="at least one"):
        next(attribute_stream(endless, index, workers=0))
