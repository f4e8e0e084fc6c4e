"""Attribution: with what probability a sighting stands on whose site and in which zone."""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.points import GeoPoint
from geofence.fix import Covariance, Extent


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The probability that a sighting stands inside one site or zone.

    Attributes:
        key: The site's code or the zone's id.
        version: The fence's version.
        probability: In [0, 1].
    """

    key: str
    version: str
    probability: float

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError("a probability is in [0, 1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewpoint:
    """A look that would decide whose site a thing stands on.

    Attributes:
        point: Above which to stand, the camera straight down.
        height_agl_m: How high above ground at most.
        receiver: What positions the aircraft needs: "gnss" or "rtk".
        needed_m: Sigma across the nearest fence that would decide, metres.
        expected_m: Sigma that such a look is expected to have, metres.
    """

    point: GeoPoint
    height_agl_m: float
    receiver: str
    needed_m: float
    expected_m: float

    def __post_init__(self) -> None:
        if self.receiver not in {"gnss", "rtk"}:
            raise ValueError("a receiver is gnss or rtk")
        if not (math.isfinite(self.height_agl_m) and 0 < self.expected_m <= self.needed_m):
            raise ValueError("a viewpoint's expected sigma is below the one needed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """One possibility of where a thing stands: a normal law and how likely it is the true one, relative to others."""

    point: GeoPoint
    covariance: Covariance
    weight: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and self.weight > 0):
            raise ValueError("a mode's weight is positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """How much of an area lies on one site or zone.

    Attributes:
        key: Site code or zone id.
        version: The fence's version.
        area_m2: Common ground.
        least_m2: Common ground were the fence two sigmas smaller all round.
        most_m2: Common ground were it two sigmas larger.
        share: Of the area.
        reach: Probability that some of the thing stands there at all; None where that was not asked.
    """

    key: str
    version: str
    area_m2: float
    least_m2: float
    most_m2: float
    share: float
    reach: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an extended thing comes from, and the ground that it covers.

    Attributes:
        modes: Where its source may lie; one, or several possibilities.
        basis: How that is known, as a sentence ("wind from 45° ± 20°, as declared").
        extent: The ground that it covers, as the frame shows it that the source is told from.
        on_sites: How much of that ground lies on each site, largest first.
        on_zones: How much lies in each zone, largest first.
    """

    modes: tuple[Mode, ...]
    basis: str
    extent: Extent
    on_sites: tuple[Overlap, ...] = ()
    on_zones: tuple[Overlap, ...] = ()

    def __post_init__(self) -> None:
        if not self.modes:
            raise ValueError("a source lies somewhere")

    @property
    def likeliest(self) -> Mode:
        """The likeliest mode."""
        return max(self.modes, key=lambda mode: mode.weight)


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    """The ground that an extended thing stands on: no point, but an area that may lie across a fence.

    Attributes:
        outline: Its corners, longitude and latitude, WGS-84 degrees, not closed. The thing lies within.
        area_m2: Of the outline: the thing covers so much at most.
        boxed: True where the outline is that of a detector's box, of which the thing touches every side without
            filling it; False where it is the thing's own.
        on_sites: How much of the outline lies on each site, largest first; ``area_m2`` is the mean over the position's
            and the fence's errors, ``least_m2`` and ``most_m2`` hold nine tenths of them.
        on_zones: The same of zones.
        outside_m2: The mean of what lies on no site.
        outside: Probability that some of the thing stands on no site.
    """

    outline: tuple[tuple[float, float], ...]
    area_m2: float
    boxed: bool
    on_sites: tuple[Overlap, ...]
    on_zones: tuple[Overlap, ...]
    outside_m2: float
    outside: float

    def __post_init__(self) -> None:
        if len(self.outline) < 3 or not (math.isfinite(self.area_m2) and self.area_m2 > 0):
            raise ValueError("a footing has three corners or more and an area")
        if not 0 <= self.outside <= 1:
            raise ValueError("a probability is in [0, 1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """A sighting tied to one site, or to ground that is nobody's.

    Attributes:
        sighting_id: Which sighting.
        site_code: The site it stands on, or None when it stands outside every site.
        sites: Shares of all sites nearby, largest first; they sum to at most 1 where sites do not overlap.
        zones: Shares of all zones nearby, largest first (zones may overlap, so these may sum to more).
        prior: The declared prior that was applied to the shares, in words; empty for none.
        origin: For what is attributed by its source rather than by its own place (smoke); else None.
        footing: The ground that it stands on, for what is so large that a point does not tell; else None.
    """

    sighting_id: str
    site_code: str | None
    sites: tuple[Share, ...]
    zones: tuple[Share, ...]
    prior: str = ""
    origin: Origin | None = None
    footing: Footing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """A sighting whose site cannot be told with the confidence asked for.

    Attributes:
        sighting_id: Which sighting.
        sites: The candidates, largest first.
        zones: Shares of all zones nearby, largest first.
        reason: What keeps it undecided, and what would decide it.
        view: The look that would decide it; None where only a look on site would.
        prior: The declared prior that was applied to the shares, in words; empty for none.
        origin: As in :class:`Attribution`.
        footing: As in :class:`Attribution`.
    """

    sighting_id: str
    sites: tuple[Share, ...]
    zones: tuple[Share, ...]
    reason: str
    view: Viewpoint | None = None
    prior: str = ""
    origin: Origin | None = None
    footing: Footing | None = None
