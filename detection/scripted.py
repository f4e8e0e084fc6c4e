"""A detector that sees what it is told to see: the twin of :mod:`detection.yolo` for rehearsal and tests."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from detection.detection import Box, Detection
from detection.frame import Frame


class ScriptedDetector:
    """Gives back prepared boxes per frame; frames that the script does not name show nothing.

    Args:
        script: Frame id → the (label, score, box) seen there.
        labels: The classes it claims to find; those of the script when not given.
    """

    def __init__(
        self, script: Mapping[str, Sequence[tuple[str, float, Box]]], *, labels: Sequence[str] | None = None
    ) -> None:
        seen = sorted({label for boxes in script.values() for label, _score, _box in boxes})
        self._labels = tuple(labels) if labels is not None else tuple(seen)
        strangers = set(seen) - set(self._labels)
        if strangers:
            raise ValueError(f"the script shows {sorted(strangers)}, which are not among the labels")
        self._script = {frame_id: tuple(boxes) for frame_id, boxes in script.items()}
        self._sha256 = hashlib.sha256(repr((sorted(self._script.items()), self._labels)).encode()).hexdigest()

    @property
    def weight_sha256(self) -> str:
        """Digest of the script: two detectors with one script are one weight."""
        return self._sha256

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes it can find."""
        return self._labels

    def detect(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        """Return the scripted detections of each frame, in the frames' order, best score first."""
        return [
            [
                Detection(frame_id=frame.frame_id, label=label, score=score, box=box, weight_sha256=self._sha256)
                for label, score, box in sorted(self._script.get(frame.frame_id, ()), key=lambda row: -row[1])
            ]
            for frame in frames
        ]
