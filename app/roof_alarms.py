"""Vehicles on roofs: what can only stand on the ground, and does not, is something else.

A roof light or a tank on a roof is taken for a car now and then; on the ground beside the building nothing tells it
from one. Where rays from different sides put it clearly above the ground it is no incident by itself: it is listed
with its height, so that a person looks (a roof may be a car park). What may be on a roof, such as drums in a store,
stays an incident, at the place where it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from core.text import _
from geofence.locating.locate_contact import stature_of
from geofence.sighting import Sighting

ROOF_M: Final = 3.0  # lower than the eaves of a workshop; a car on a loader or a ramp stands lower
_SURELY: Final = 1.645  # 95 % of one side


@dataclass(frozen=True, slots=True, kw_only=True)
class RoofAlarm:
    """Something that was taken for what only stands on the ground, and is on a roof.

    Attributes:
        sighting: What was seen; its height is known.
    """

    sighting: Sighting

    @property
    def reason(self) -> str:
        """Why it is none, for a person."""
        return _(
            "{label} {height:.1f} ± {sigma:.1f} m above the ground, where the rays of {looks} looks meet: on a roof, "
            "where no {label} stands unless the roof is a car park"
        ).format(
            label=self.sighting.label,
            height=self.sighting.height_above_ground_m,
            sigma=self.sighting.height_sigma_m,
            looks=len(self.sighting.fixes),
        )


def roof_alarms(sightings: Sequence[Sighting]) -> tuple[RoofAlarm, ...]:
    """Return the sightings that stand on roofs though their class can only stand on the ground."""
    found = []
    for sighting in sightings:
        height, sigma = sighting.height_above_ground_m, sighting.height_sigma_m
        if height is None or sigma is None or not stature_of(sighting.label).grounded:
            continue
        if height - _SURELY * sigma > ROOF_M:
            found.append(RoofAlarm(sighting=sighting))
    return tuple(found)
