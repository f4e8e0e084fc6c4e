"""Whether probabilities mean what they say. `make bench-geofence` runs the same trial with 100,000 sightings."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.geofence.synthetic_district import calibrate, draw_trial


@pytest.mark.parametrize("seed", [11, 12])
def test_probabilities_are_what_happens(seed: int) -> None:
    trial = draw_trial(np.random.default_rng(seed), side=12, count=6_000)
    honest = calibrate(trial)
    assert honest.right >= 0.95
    assert honest.wrong_enterprise < 0.005
    assert honest.attributed > 0.5  # it is no art to be right by never deciding
    for said, happened, count in honest.reliability:
        chance = 2.5 * math.sqrt(said * (1 - said) / count)  # ten bins, two seeds: 1 in 4 runs would exceed 2 sigmas
        assert abs(happened - said) < 0.02 + chance


def test_fences_that_err_one_by_one_make_it_cautious_not_rash() -> None:
    # The model has the fences of one map err together. Where they do not, shares that sum to more than one are divided,
    # which may only understate a site's share where it counts.
    trial = draw_trial(np.random.default_rng(3), side=24, count=6_000, together=False)
    honest = calibrate(trial)
    assert honest.right >= 0.95
    assert honest.wrong_enterprise < 0.005
    for said, happened, count in honest.reliability[4:]:
        assert happened - said > -2.5 * math.sqrt(said * (1 - said) / count)
