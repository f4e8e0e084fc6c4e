from __future__ import annotations

import pytest

from geofence.calibrating.self_calibration import SelfCalibration, Tie
from geofence.calibrating.self_calibration_flight import self_calibrate
from geofence.locating.ground import FlatAtTakeoff
from tests.geofence.biased_flight import biased_flight


def test_a_pair_of_photos_matched_in_the_wrong_place_has_no_say() -> None:
    """A row of cars taken for the next row but two: all its ties agree with each other and with nothing else."""
    views, ties, known = biased_flight()
    ground = FlatAtTakeoff(sigma_m=0.5)
    right = self_calibrate(views, ties, ground=ground, known=known)
    of_first = [tie for tie in ties if tie.frame_id == "f0"]
    shifted = [
        Tie(thing=f"w{i}", frame_id=frame, u_px=tie.u_px + shift, v_px=tie.v_px)
        for i, tie in enumerate(of_first)
        for frame, shift in (("f0", 0.0), ("f1", 900.0))
    ]
    led_astray = self_calibrate(views, [*ties, *shifted], ground=ground, known=known)
    assert isinstance(right, SelfCalibration)
    assert isinstance(led_astray, SelfCalibration), led_astray
    assert {f"w{i}" for i in range(len(of_first))} <= set(led_astray.moving)
    for name in ("yaw", "pitch"):
        one, two = (
            next(bias.value for bias in found.sorties[0].biases if bias.name == name) for found in (right, led_astray)
        )
        assert two == pytest.approx(one, abs=0.15)
