"""Sighting: fixes that are one thing on the ground."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from core.ids import derived_id
from core.points import GeoPoint
from geofence.fix import Covariance, Fix


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLength:
    """How long a vehicle is, as its boxes tell.

    Attributes:
        metres: Its likeliest length: as probably longer as shorter.
        least_m, most_m: It lies between these with a probability of nine tenths.
        longer_than_m: The length that no car has.
        longer: Probability that it is one body longer than that.
        looks: How many frames show it whole.
        sides: From how many sides those look, which is what counts.
    """

    metres: float
    least_m: float
    most_m: float
    longer_than_m: float
    longer: float
    looks: int
    sides: int

    def __post_init__(self) -> None:
        if not 0 < self.least_m <= self.metres <= self.most_m < math.inf:
            raise ValueError("a length lies between its bounds, which are positive")
        if not 0 <= self.longer <= 1:
            raise ValueError("a probability is in [0, 1]")
        if not 1 <= self.sides <= self.looks:
            raise ValueError("a length is told by looks, and sides are counted from them")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One thing on the ground, seen once or many times.

    Attributes:
        label: Its class.
        fixes: Every fix of it, in order of time, pieces that were boxed apart among them; at least one.
        point: Fused position, WGS-84.
        covariance: Of the fused position.
        passes: How often the camera came by: fixes separated by more than the gathering's pass gap.
        moving: True when its fixes cannot be one standing thing; None when that cannot be told (one fix).
        velocity_m_s: Its mean velocity east and north, metres per second, when it moves; None otherwise.
        height_above_ground_m: How high above the ground it stands, where rays from different sides meet there and do
            not on the ground; ``point`` is plumb below. None where it stands on the ground or nobody can tell.
        height_sigma_m: One sigma of that height.
        length: How long it is, where that was asked: of what may be longer than a car and whose class does not say it.
    """

    label: str
    fixes: tuple[Fix, ...]
    point: GeoPoint
    covariance: Covariance
    passes: int
    moving: bool | None
    velocity_m_s: tuple[float, float] | None = None
    height_above_ground_m: float | None = None
    height_sigma_m: float | None = None
    length: BodyLength | None = None

    def __post_init__(self) -> None:
        if not self.fixes:
            raise ValueError("a sighting has at least one fix")
        if not 1 <= self.passes <= len(self.fixes):
            raise ValueError("passes are counted from the fixes")
        if (self.height_above_ground_m is None) != (self.height_sigma_m is None):
            raise ValueError("a height comes with its sigma")
        if self.height_above_ground_m is not None and not math.isfinite(self.height_above_ground_m):
            raise ValueError("a height is finite")
        if self.height_sigma_m is not None and not (math.isfinite(self.height_sigma_m) and self.height_sigma_m > 0):
            raise ValueError("the sigma of a height is positive")

    @property
    def sighting_id(self) -> str:
        """The sighting's id, derived from its first fix's detection."""
        return derived_id("sighting", self.fixes[0].detection.detection_id)

    @property
    def dwell_s(self) -> float:
        """Seconds between its first and its last fix: how long it was seen to be there."""
        return (self.last_seen - self.first_seen).total_seconds()

    @property
    def first_seen(self) -> datetime:
        """When it was seen first."""
        return self.fixes[0].captured_at

    @property
    def last_seen(self) -> datetime:
        """When it was seen last."""
        return self.fixes[-1].captured_at
