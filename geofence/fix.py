"""Fix: a detection on the ground with its uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from core.clock import in_utc
from core.heights import HeightDatum
from core.points import GeoPoint
from detection.detection import Detection
from detection.plumes import PlumeMotion


@dataclass(frozen=True, slots=True, kw_only=True)
class Covariance:
    """Covariance of a horizontal position, square metres, axes east and north.

    Attributes:
        east_m2, north_m2: Variances.
        east_north_m2: Covariance.
    """

    east_m2: float
    north_m2: float
    east_north_m2: float = 0.0

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.east_m2, self.north_m2, self.east_north_m2))):
            raise ValueError("a covariance is finite")
        if self.east_m2 <= 0 or self.north_m2 <= 0 or self.east_north_m2**2 >= self.east_m2 * self.north_m2:
            raise ValueError("a covariance is positive definite")

    def matrix(self) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """Return the (2, 2) matrix."""
        return np.array([[self.east_m2, self.east_north_m2], [self.east_north_m2, self.north_m2]])


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonError:
    """What one standard deviation of a cause that many fixes share does to a fix.

    Two fixes with the same cause, in the same flight, are moved by it together, each by its own displacement; averaging
    them does not make it smaller unless they look from different sides.

    Attributes:
        cause: What it is: "yaw", "pitch", "height", "ground", …
        east_m, north_m: Displacement of the fix for one standard deviation of the cause.
    """

    cause: str
    east_m: float
    north_m: float

    def __post_init__(self) -> None:
        if not self.cause or not (math.isfinite(self.east_m) and math.isfinite(self.north_m)):
            raise ValueError("a common error names its cause and is finite")


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """The ground that an extended thing (smoke) covers, as one frame shows it.

    Attributes:
        outline: Corners of its outline, longitude and latitude, WGS-84 degrees, not closed.
        area_m2: Its area, square metres.
        sigma_m2: One sigma of that.
        place_sigma_m: How far the whole outline may be displaced, one sigma along the worse axis, metres.
    """

    outline: tuple[tuple[float, float], ...]
    area_m2: float
    sigma_m2: float
    place_sigma_m: float

    def __post_init__(self) -> None:
        if len(self.outline) < 3 or not all(math.isfinite(degrees) for corner in self.outline for degrees in corner):
            raise ValueError("an extent's outline has three corners or more, all finite")
        figures = (self.area_m2, self.sigma_m2, self.place_sigma_m)
        if not all(math.isfinite(figure) and figure > 0 for figure in figures):
            raise ValueError("an extent's area and its errors are positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """A detection's position on the ground.

    Attributes:
        detection: What was seen.
        captured_at: When, aware UTC.
        point: Where on the ground the thing stands, WGS-84.
        covariance: Its whole horizontal error: what is common to a flight and what is this frame's own.
        common: The parts of ``covariance`` that it shares with other fixes, by cause.
        ground_hae_m: Ellipsoidal height of that ground, metres; None when only relative heights are known.
        ground_height_m: Height of that ground above ``ground_datum``, metres; None when it is not known.
        ground_datum: What ``ground_height_m`` is measured from.
        slant_m: Distance from the camera, metres.
        camera_point: Where the camera was.
        assumptions: What was declared or assumed, as short sentences ("ground flat at take-off height").
        extent: The ground that it covers, for what is extended and could be told from the ground around it; else None.
        motion: What smoke or fire does over a second or more; None where that was not watched.
        outline_m: East and north from ``point`` of where the box's corners meet the ground; or nothing.
        colour_lab: Median L*, a*, b* of the middle of its box, or None where nobody looked.
        scale_sigma: One sigma of the outline's lengths, as a share of them: of the camera's height above that ground
            and of its focal length. None where nobody worked it out.
    """

    detection: Detection
    captured_at: datetime
    point: GeoPoint
    covariance: Covariance
    ground_hae_m: float | None
    slant_m: float
    camera_point: GeoPoint
    assumptions: tuple[str, ...]
    common: tuple[CommonError, ...] = ()
    ground_height_m: float | None = None
    ground_datum: HeightDatum | None = None
    outline_m: tuple[tuple[float, float], ...] = ()
    extent: Extent | None = None
    motion: PlumeMotion | None = None
    colour_lab: tuple[float, float, float] | None = None
    scale_sigma: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "captured_at", in_utc(self.captured_at))
        if not (math.isfinite(self.slant_m) and self.slant_m > 0):
            raise ValueError("a slant distance is positive")
        if len(self.outline_m) not in {0, 4}:
            raise ValueError("an outline has four corners, or none")
        if self.colour_lab is not None and not all(map(math.isfinite, self.colour_lab)):
            raise ValueError("a colour is three finite numbers")
        if self.scale_sigma is not None and not (math.isfinite(self.scale_sigma) and self.scale_sigma >= 0):
            raise ValueError("the sigma of a scale is not negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlocated:
    """A detection that could not be put on the ground, and why.

    Attributes:
        detection: What was seen.
        code: Stable slug: "no-pose", "no-camera", "above-horizon", "too-grazing", "beyond-range".
        reason: For a person.
    """

    detection: Detection
    code: str
    reason: str
