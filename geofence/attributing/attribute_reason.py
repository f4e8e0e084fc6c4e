"""Say why a sighting's site is undecided, and what would decide it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.points import to_ecef
from core.text import _
from geofence.attribution import Share, Viewpoint
from geofence.locating.error_budget import DeviceClass, class_budget
from geofence.register.site_index import Fences, SiteIndex, tangent_axes
from geofence.sighting import Sighting

_LOWEST_M: Final = 20.0
"""Lower than this over somebody's works nobody flies; asking for it would be no advice."""
_HIGHEST_M: Final = 110.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """The fence nearest to a sighting: metres to it, the position's sigma across it, and the fence's own part."""

    distance_m: float
    sigma_m: float
    fence_m: float


def why_undecided(
    sighting: Sighting, index: SiteIndex, sites: tuple[Share, ...], *, outside: float, threshold: float
) -> tuple[str, Viewpoint | None]:
    """Return the candidates with their numbers and what would decide between them, and from where to look.

    Args:
        sighting: What was seen.
        index: The register's index.
        sites: The candidates, largest first.
        outside: Probability of standing outside every site.
        threshold: The probability asked for.
    """
    places = [index.sites.place_of[share.key] for share in sites[:3]]
    names = [index.register.sites[place].name for place in places]
    shown = ", ".join(f"{name} {share.probability:.2f}" for name, share in zip(names, sites, strict=False))
    says = _("no site reaches {threshold:.2f}: {shown}, outside all sites {outside:.2f}").format(
        threshold=threshold, shown=shown, outside=outside
    )
    line = _nearest_line(sighting, index, places)
    if line is None:
        return says, None
    lies = _("the position lies {distance:.1f} m from a fence with a sigma of {sigma:.1f} m across it").format(
        distance=line.distance_m, sigma=line.sigma_m
    )
    # One straight fence splits the law at Φ(d/σ): the threshold is reached when σ is d over its quantile.
    from scipy.special import ndtri

    needed = line.distance_m / float(ndtri(threshold)) if threshold < 1 else 0.0
    view = None if needed >= line.sigma_m else _deciding_view(sighting, line, needed)
    if needed >= line.sigma_m:
        decides = _("several fences meet here or overlap, so only a look on site would decide")
    elif view is not None:
        decides = _(
            "another pass over {lat:.6f}, {lon:.6f} that brings it below {needed:.1f} m would decide: straight down "
            "from at most {height:.0f} m with a receiver as good as {receiver}, which gives {expected:.1f} m"
        ).format(
            lat=view.point.lat_deg,
            lon=view.point.lon_deg,
            needed=needed,
            height=view.height_agl_m,
            receiver=view.receiver.upper(),
            expected=view.expected_m,
        )
    else:
        decides = _("it stands on the fence itself, so only a look on site would decide")
    return f"{says}; {lies}; {decides}", view


def _deciding_view(sighting: Sighting, line: _Line, needed_m: float) -> Viewpoint | None:
    """Return from how high a look straight down would decide, with the plainest receiver that does; None for none.

    Straight below the camera an error of yaw moves nothing, and one of pitch or tilt moves a point by the height times
    its angle; the fence's own error stays. (The budgets are those that locating uses.)
    """
    for receiver in (DeviceClass.GNSS, DeviceClass.RTK):
        budget = class_budget(receiver)
        angle = math.radians(max(budget.pitch_deg, budget.tilt_deg))
        left2 = needed_m**2 - budget.horizontal_m**2 - line.fence_m**2
        if left2 <= 0 or math.sqrt(left2) / angle < _LOWEST_M:
            continue
        height = min(_HIGHEST_M, math.floor(math.sqrt(left2) / angle))
        expected = math.sqrt(budget.horizontal_m**2 + line.fence_m**2 + (height * angle) ** 2)
        return Viewpoint(
            point=sighting.point,
            height_agl_m=height,
            receiver=receiver.value,
            needed_m=needed_m,
            expected_m=expected,
        )
    return None


def _nearest_line(sighting: Sighting, index: SiteIndex, places: list[int]) -> _Line | None:
    """Return the nearest edge among the outlines of the candidate sites."""
    lines = [_nearest_edge(sighting, index.sites, place) for place in places]
    return min(lines, key=lambda line: line.distance_m, default=None)


def _nearest_edge(sighting: Sighting, fences: Fences, place: int) -> _Line:
    """Return the nearest edge of one outline, in the tangent plane at the sighting."""
    part = slice(int(fences.offsets[place]), int(fences.offsets[place + 1]))
    lonlat = np.array([[sighting.point.lon_deg, sighting.point.lat_deg]])
    east_north = (fences.vertices[part] - to_ecef(lonlat)) @ tangent_axes(lonlat)[0].T
    begins = np.flatnonzero(fences.is_edge[part])
    start, along = east_north[begins], east_north[begins + 1] - east_north[begins]
    length2 = np.maximum(np.einsum("ij,ij->i", along, along), 1e-12)
    share = np.clip(-np.einsum("ij,ij->i", start, along) / length2, 0.0, 1.0)
    touch = start + share[:, None] * along
    distances = np.hypot(touch[:, 0], touch[:, 1])
    best = int(np.argmin(distances))
    # Across the edge itself, so that the direction is known even where the position lies on it.
    across = np.array([-along[best, 1], along[best, 0]]) / math.sqrt(length2[best])
    variance = float(across @ sighting.covariance.matrix() @ across) + float(fences.sigma_m[place]) ** 2
    return _Line(distance_m=float(distances[best]), sigma_m=math.sqrt(variance), fence_m=float(fences.sigma_m[place]))
