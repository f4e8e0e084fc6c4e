"""Several detectors as one: each weight looks at every frame at its own scale.

Cars want ten centimetres a pixel, plumes are seen better from further off; one weight for both would waste most of its
work. Each keeps its own tiles, thresholds and digest, and a detection names the weight that saw it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from detection.detection import Detection, Detector
from detection.frame import Frame


class SeveralDetectors:
    """Detectors in a row, as one :class:`detection.detection.Detector`.

    Args:
        detectors: At least one; no label may be found by two of them, or one thing would be counted twice.
    """

    def __init__(self, detectors: Sequence[Detector]) -> None:
        counts = Counter(label for detector in detectors for label in detector.labels)
        doubled = sorted(label for label, count in counts.items() if count > 1)
        if not detectors or doubled:
            raise ValueError(f"at least one detector, and no label twice (twice: {', '.join(doubled) or 'none'})")
        self._detectors = tuple(detectors)

    @property
    def detectors(self) -> tuple[Detector, ...]:
        """The detectors, in the order given."""
        return self._detectors

    @property
    def weight_sha256(self) -> str:
        """Digest of the weights together, hex; that of the weight itself when there is one."""
        digests = [detector.weight_sha256 for detector in self._detectors]
        return digests[0] if len(digests) == 1 else hashlib.sha256(" ".join(sorted(digests)).encode()).hexdigest()

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes that they find between them."""
        return tuple(label for detector in self._detectors for label in detector.labels)

    def detect(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        """Return the detections of each frame by all of them, in the frames' order, best score first."""
        by_detector = [detector.detect(frames) for detector in self._detectors]
        return [
            sorted((each for found in of_frame for each in found), key=lambda each: -each.score)
            for of_frame in zip(*by_detector, strict=True)
        ]
