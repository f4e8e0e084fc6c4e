"""What a threshold was measured to cost and bring, for one label of one weight.

It stands in the weight's card, so that a run can say of each label how many false leads to expect and how far to trust
one; a label without it was never measured, and the run says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

UPPER_SHARE: Final = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredPoint:
    """A threshold on checked ground.

    Attributes:
        on: What it was measured on, in words.
        threshold: Detections from this score on counted.
        area_km2: Ground that was looked at.
        false: False leads there.
        true: True things there.
        found: True things that were found.
        probability: Share of detections of the threshold's score that are true, by the fitted curve; None when too few
            were checked to fit one.
        checked: Detections that the curve was fitted to.
        calibration_error: Expected calibration error of the bare score over those; None as above.
        probability_on: What the curve was fitted on, when that was something else.
    """

    on: str
    threshold: float
    area_km2: float
    false: int
    true: int
    found: int
    probability: float | None = None
    checked: int = 0
    calibration_error: float | None = None
    probability_on: str = ""

    def __post_init__(self) -> None:
        if not self.on.strip():
            raise ValueError("a measured threshold says what it was measured on")
        if not (0 < self.threshold < 1 and self.area_km2 > 0 and math.isfinite(self.area_km2)):
            raise ValueError("a threshold is between 0 and 1, and an area is positive")
        if min(self.false, self.true, self.found, self.checked) < 0 or self.found > self.true:
            raise ValueError("counts are not negative, and no more is found than there is")
        for share in (self.probability, self.calibration_error):
            if share is not None and not 0 <= share <= 1:
                raise ValueError("a probability and a calibration error are in [0, 1]")

    @property
    def false_per_km2(self) -> float:
        """False leads per square kilometre of ground looked at."""
        return self.false / self.area_km2

    @property
    def most_false_per_km2(self) -> float:
        """Upper end of the one-sided 95 % interval of :attr:`false_per_km2`.

        Exact for a Poisson count (Garwood, Biometrika 28, 1936): none in a twentieth of a square kilometre still
        leaves sixty a square kilometre possible.
        """
        from scipy.stats import chi2

        return float(chi2.ppf(UPPER_SHARE, 2 * (self.false + 1)) / 2 / self.area_km2)

    @property
    def recall(self) -> float | None:
        """Found share of the true things; None when there were none."""
        return self.found / self.true if self.true else None


def measured_points(rows: Mapping[str, Any]) -> dict[str, MeasuredPoint]:
    """Return the points of a card's table: label → the fields of a point; unknown fields are a ``TypeError``."""
    return {label: row if isinstance(row, MeasuredPoint) else MeasuredPoint(**row) for label, row in rows.items()}


def measured_rows(points: Mapping[str, MeasuredPoint]) -> dict[str, dict[str, Any]]:
    """Return the table that :func:`measured_points` reads."""
    return {label: asdict(point) for label, point in points.items()}
