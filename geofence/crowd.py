"""Crowds: how many people are in a zone at one time, and how sure that is.

People are counted as things, not as boxes: one who is seen in five frames is one. A look is a stretch of a minute at
most in which people were seen without a pause; who is seen in two looks may have walked, so looks are never added up.

How many stand *inside* is a sum of probabilities (Poisson binomial: every position has its error). How many were
*missed* is known only where the weight's recall was measured; without it the count says how many there are at least and
gives no upper bound, whatever a reader would like to hear.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from core.clock import in_utc
from core.points import GeoPoint, LocalPlane, to_plane
from geofence.attribution import Attribution, Undecided
from geofence.sighting import Sighting
from geofence.site import Register, Zone

PEOPLE: Final = frozenset({"person", "bare_head", "person_no_harness"})
PAUSE_S: Final = 30.0
LOOK_S: Final = 60.0
SURE: Final = 0.95
_Z95: Final = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """The share of people that a weight finds, as it was measured.

    Attributes:
        share: In (0, 1].
        sigma: One sigma of that.
        source: On what it was measured.
    """

    share: float
    sigma: float
    source: str

    def __post_init__(self) -> None:
        if not (0 < self.share <= 1 and 0 <= self.sigma < 1):
            raise ValueError("a recall is in (0, 1], and its error in [0, 1)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """The people in one zone during one look.

    Attributes:
        zone_id, zone_version, zone_name: Where.
        began_at, ended_at: The look, aware UTC.
        seen: People seen who may stand inside.
        expected: How many of them do, given where they stand.
        least: So many people are inside with 95 % confidence, if every one seen is a person.
        most: No more than so many are, with 95 % confidence; None where nobody measured how many are missed.
        estimate: How many there are, the missed ones counted; None likewise.
        per_m2: Those expected over the zone's area.
    """

    zone_id: str
    zone_version: str
    zone_name: str
    began_at: datetime
    ended_at: datetime
    seen: int
    expected: float
    least: int
    most: int | None
    estimate: float | None
    per_m2: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "began_at", in_utc(self.began_at))
        object.__setattr__(self, "ended_at", in_utc(self.ended_at))
        if not 0 <= self.least <= self.seen:
            raise ValueError("no more people are sure to be inside than were seen")


def count_crowds(
    pairs: Iterable[tuple[Sighting, Attribution | Undecided]], register: Register, *, recall: Recall | None = None
) -> tuple[Crowd, ...]:
    """Return the people in each zone and look, in order of zone and time; zones in which nobody was seen are left out.

    Args:
        pairs: Everything seen, with its attribution; what is no person is passed over.
        register: For the zones.
        recall: What was measured of the weight that saw them, if anything was.
    """
    people = [(sighting, attribution) for sighting, attribution in pairs if sighting.label in PEOPLE]
    zones = {zone.zone_id: zone for zone in register.zones}
    crowds = []
    for began_at, ended_at in looks_of([sighting for sighting, _attribution in people]):
        inside: dict[str, list[float]] = {}
        for sighting, attribution in people:
            if any(began_at <= fix.captured_at <= ended_at for fix in sighting.fixes):
                for share in attribution.zones:
                    inside.setdefault(share.key, []).append(min(1.0, share.probability))
        crowds += [_crowd(zones[zone_id], (began_at, ended_at), shares, recall) for zone_id, shares in inside.items()]
    return tuple(sorted(crowds, key=lambda crowd: (crowd.zone_id, crowd.began_at)))


def looks_of(sightings: Sequence[Sighting]) -> list[tuple[datetime, datetime]]:
    """Return the stretches in which things were seen without a pause, each a minute long at most."""
    instants = sorted({fix.captured_at for sighting in sightings for fix in sighting.fixes})
    looks: list[tuple[datetime, datetime]] = []
    for instant in instants:
        begun = looks[-1] if looks else None
        goes_on = (
            begun is not None
            and (instant - begun[1]).total_seconds() < PAUSE_S
            and (instant - begun[0]).total_seconds() <= LOOK_S
        )
        if goes_on and begun is not None:
            looks[-1] = (begun[0], instant)
        else:
            looks.append((instant, instant))
    return looks


def chance_of_at_least(shares: Sequence[float], count: int) -> float:
    """Return the probability that at least ``count`` of independent things with these probabilities are there.

    The law of such a sum is Poisson's binomial; it is built up one thing at a time, exactly.
    """
    if count <= 0:
        return 1.0
    if count > len(shares):
        return 0.0
    return float(min(1.0, _law_of(shares)[count:].sum()))


def _law_of(shares: Sequence[float]) -> NDArray[np.float64]:
    """Return (n + 1,) the probabilities that 0, 1, … n of them are there."""
    law = np.array([1.0])
    for share in sorted(shares):  # in one order, so that the last bit does not depend on who came first
        law = np.append(law * (1 - share), 0.0) + np.append(0.0, law * share)
    return law


def _crowd(zone: Zone, look: tuple[datetime, datetime], shares: Sequence[float], recall: Recall | None) -> Crowd:
    expected = math.fsum(shares)
    at_least = np.cumsum(_law_of(shares)[::-1])[::-1]
    least = int(np.flatnonzero(at_least >= SURE - 1e-12)[-1])
    estimate, most = None, None
    if recall is not None:
        estimate = expected / recall.share
        # Who is inside, who was missed of them, and how well the share of the missed is known.
        inside = math.fsum(share * (1 - share) for share in shares) / recall.share**2
        missed = expected * (1 - recall.share) / recall.share**2
        sigma = math.sqrt(inside + missed + (estimate * recall.sigma / recall.share) ** 2)
        most = max(least, math.ceil(estimate + _Z95 * sigma))
    return Crowd(
        zone_id=zone.zone_id,
        zone_version=zone.version,
        zone_name=zone.name,
        began_at=look[0],
        ended_at=look[1],
        seen=len(shares),
        expected=expected,
        least=least,
        most=most,
        estimate=estimate,
        per_m2=expected / area_m2(zone),
    )


def area_m2(zone: Zone) -> float:
    """Return a zone's area, square metres."""
    middle = zone.shape.centroid
    plane = LocalPlane(origin=GeoPoint(lon_deg=middle.x, lat_deg=middle.y))
    return float(shapely.transform(zone.shape, lambda lonlat: to_plane(plane, lonlat)).area)
