from __future__ import annotations

import numpy as np
import pytest

from detection.detection import Box
from detection.frame import Frame
from detection.scripted import ScriptedDetector
from detection.several import SeveralDetectors
from detection.training.promotion import frame_of
from detection.training.yolo_sets import Labelled

BOX = Box(left_px=1, top_px=1, right_px=9, bottom_px=9)


def frame(name: str) -> Frame:
    return frame_of(Labelled(name=name, pixels=np.zeros((32, 32, 3), np.uint8), boxes=np.empty((0, 4)), labels=()))


def test_each_detection_names_the_weight_that_saw_it() -> None:
    frames = [frame("a"), frame("b")]
    cars = ScriptedDetector({frames[0].frame_id: [("vehicle", 0.5, BOX)]}, labels=["vehicle"])
    fires = ScriptedDetector({each.frame_id: [("fire", 0.7, BOX)] for each in frames}, labels=["fire"])
    both = SeveralDetectors([cars, fires])
    first, second = both.detect(frames)
    assert [(each.label, each.weight_sha256) for each in first] == [
        ("fire", fires.weight_sha256),
        ("vehicle", cars.weight_sha256),
    ]
    assert [each.label for each in second] == ["fire"]
    assert both.labels == ("vehicle", "fire")
    assert both.weight_sha256 == SeveralDetectors([fires, cars]).weight_sha256
    assert both.weight_sha256 not in {cars.weight_sha256, fires.weight_sha256}
    assert SeveralDetectors([cars]).weight_sha256 == cars.weight_sha256


def test_one_label_is_not_found_by_two_weights() -> None:
    one = ScriptedDetector({}, labels=["vehicle"])
    with pytest.raises(ValueError, match="vehicle"):
        SeveralDetectors([one, ScriptedDetector({}, labels=["fire", "vehicle"])])
    with pytest.raises(ValueError, match="at least one"):
        SeveralDetectors([])
