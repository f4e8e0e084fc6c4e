"""Attribution: with what probability a sighting stands on whose site and in which zone."""

from __future__ import annotations

from dataclasses import dataclass


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
class Attribution:
    """A sighting tied to one site, or to ground that is nobody's.

    Attributes:
        sighting_id: Which sighting.
        site_code: The site it stands on, or None when it stands outside every site.
        sites: Shares of all sites nearby, largest first; they sum to at most 1 where sites do not overlap.
        zones: Shares of all zones nearby, largest first (zones may overlap, so these may sum to more).
    """

    sighting_id: str
    site_code: str | None
    sites: tuple[Share, ...]
    zones: tuple[Share, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """A sighting whose site cannot be told with the confidence asked for.

    Attributes:
        sighting_id: Which sighting.
        sites: The candidates, largest first.
        zones: Shares of all zones nearby, largest first.
        reason: What keeps it undecided, and what would decide it.
    """

    sighting_id: str
    sites: tuple[Share, ...]
    zones: tuple[Share, ...]
    reason: str
