"""The scene around sightings: zones at a distance, with their probability, and other things close by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from core.points import LocalPlane, distance_m, to_plane
from geofence.attributing.attribute_footing import chance_of_reaching, outline_on_ground
from geofence.attributing.attribute_mass import polygon_masses, whitening
from geofence.attribution import Share
from geofence.crowd import chance_of_at_least
from geofence.register.site_index import REACH_SIGMAS, closed_rings, zone_holds_at
from geofence.rules.rule import Company, Count
from geofence.rules.rule_trial import ZoneStand
from geofence.sighting import Sighting
from geofence.site import Register, Zone, ZoneType

_METRES_PER_DEGREE: Final = 110_500.0
"""A little less than a degree of latitude has anywhere, so that windows are rather too wide."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """Everything that one run saw, with the zones of its register.

    Attributes:
        zones: The register's zones.
        sightings: All sightings; None when only one is judged and the rest is unknown.
        ids: Their ids, which cost a hash each time they are asked for.
        inside: For each zone, which sightings may stand in it, with the probability.
        zone_tree: Over the zones, degrees.
        sighting_tree: Over the sightings' points, degrees.
    """

    zones: tuple[Zone, ...]
    sightings: tuple[Sighting, ...] | None
    ids: tuple[str, ...] = field(repr=False)
    inside: Mapping[str, tuple[tuple[int, float], ...]] = field(repr=False)
    zone_tree: shapely.STRtree = field(repr=False)
    sighting_tree: shapely.STRtree = field(repr=False)


def build_scene(
    register: Register, sightings: Sequence[Sighting] | None, shares: Mapping[str, Sequence[Share]] | None = None
) -> Scene:
    """Return the scene of a register's zones and of sightings.

    Args:
        register: For the zones.
        sightings: Everything seen; None when that was not looked at.
        shares: In which zones each may stand, by its id; those without are in none.
    """
    inside: dict[str, list[tuple[int, float]]] = {}
    for place, seen in enumerate(sightings or ()):
        for share in (shares or {}).get(seen.sighting_id, ()):
            inside.setdefault(share.key, []).append((place, share.probability))
    points = [shapely.Point(seen.point.lon_deg, seen.point.lat_deg) for seen in sightings or ()]
    return Scene(
        zones=register.zones,
        sightings=None if sightings is None else tuple(sightings),
        inside={zone_id: tuple(found) for zone_id, found in inside.items()},
        ids=tuple(seen.sighting_id for seen in sightings or ()),
        zone_tree=shapely.STRtree([zone.shape for zone in register.zones]),
        sighting_tree=shapely.STRtree(points),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Around:
    """The scene as one sighting has it around; see :class:`geofence.rules.rule_trial.Surroundings`.

    Attributes:
        scene: The whole.
        sighting: The one in the middle.
    """

    scene: Scene
    sighting: Sighting

    def near(self, zone_types: frozenset[ZoneType], within_m: float) -> ZoneStand | None:
        """Return the zone of these types that the sighting most probably stands in or within a distance of.

        The probability is that of the zone widened by the distance (arcs of 16 chords a quarter), integrated as for
        attribution. What is large is near when any of it is: whichever of its middle and its outline is more probable
        counts.
        """
        laid = outline_on_ground(self.sighting)
        covariance = self.sighting.covariance.matrix()
        widest = math.sqrt(float(np.linalg.eigvalsh(covariance)[-1]))
        stands = []
        reach_m = within_m + REACH_SIGMAS * widest + (0.0 if laid is None else laid.reach_m)
        for place in self.scene.zone_tree.query(self._window(reach_m)).tolist():
            zone = self.scene.zones[place]
            if zone.zone_type in zone_types and zone_holds_at(zone, self.sighting.last_seen):
                spread = covariance + zone.boundary_sigma_m**2 * np.eye(2)
                widened = _widened(zone, self.sighting, within_m)
                probability = _mass_within(widened, spread)
                if laid is not None:
                    probability = max(probability, chance_of_reaching(laid, widened, zone.boundary_sigma_m))
                stands.append(ZoneStand(zone_id=zone.zone_id, zone_type=zone.zone_type, probability=probability))
        return max(stands, key=lambda stand: (stand.probability, stand.zone_id), default=None)

    def company(self, company: Company) -> int | None:
        """Return how many things of certain classes stand around it, itself not counted."""
        if self.scene.sightings is None:
            return None
        count = 0
        own_id = self.sighting.sighting_id
        for place in self.scene.sighting_tree.query(self._window(company.within_m)).tolist():
            other = self.scene.sightings[place]
            count += (
                other.label in company.labels
                and self.scene.ids[place] != own_id
                and gap_minutes(self.sighting, other) <= company.within_minutes
                and distance_m(self.sighting.point, other.point) <= company.within_m
            )
        return count

    def count(self, count: Count, zone_id: str) -> float | None:
        """Return how probable it is that so many things of certain classes stand in a zone, itself counted."""
        if self.scene.sightings is None:
            return None
        shares = [
            probability
            for place, probability in self.scene.inside.get(zone_id, ())
            if self.scene.sightings[place].label in count.labels
            and gap_minutes(self.sighting, self.scene.sightings[place]) <= count.within_minutes
        ]
        return chance_of_at_least(shares, count.at_least)

    def _window(self, reach_m: float) -> shapely.Polygon:
        lon, lat = self.sighting.point.lon_deg, self.sighting.point.lat_deg
        north = reach_m / _METRES_PER_DEGREE
        east = north / max(0.01, math.cos(math.radians(lat)))
        return shapely.box(lon - east, lat - north, lon + east, lat + north)


def _widened(zone: Zone, sighting: Sighting, within_m: float) -> BaseGeometry:
    """Return a zone and the ground within a distance of it, in metres of the plane at a sighting."""
    plane = LocalPlane(origin=sighting.point)
    metric = shapely.transform(zone.shape, lambda lonlat: to_plane(plane, lonlat))
    return shapely.buffer(metric, within_m, quad_segs=16)


def _mass_within(widened: BaseGeometry, covariance: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> float:
    vertices, is_edge, _ = closed_rings(shapely.orient_polygons(np.array([widened], dtype=object)))
    white = vertices @ whitening(covariance).T
    return float(polygon_masses(white[:, 0], white[:, 1], is_edge, np.array([0]))[0])


def gap_minutes(one: Sighting, other: Sighting) -> float:
    """Return the minutes between two sightings' spans of time; 0 when they overlap."""
    gap = max(one.first_seen, other.first_seen) - min(one.last_seen, other.last_seen)
    return max(0.0, gap.total_seconds() / 60)
