"""Attribute smoke by its source: the ground that it covers says where it is, its upwind end where it comes from."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np

from core.points import LocalPlane, to_plane
from core.text import _
from geofence.attributing.attribute_belief import Belief, attribute_belief
from geofence.attributing.attribute_extended import Wind, locate_source, overlaps
from geofence.attributing.attribute_prior import AdjacencyPrior
from geofence.attributing.extent_on_ground import polygon_of
from geofence.attribution import Attribution, Mode, Origin, Undecided
from geofence.fix import Fix
from geofence.register.site_index import SiteIndex
from geofence.sighting import Sighting

LEAST_LIKELY: Final = 0.1
"""However well one end fits the picture, the other keeps this share: what a frame shows is no wind."""


def attribute_source(
    sighting: Sighting, index: SiteIndex, *, wind: Wind | None, prior: AdjacencyPrior | None = None
) -> Attribution | Undecided | None:
    """Return whose site smoke comes from, or None where none of its frames tells the ground that it covers.

    Args:
        sighting: Smoke.
        index: The register's index.
        wind: The wind, or None where nobody knows it; then the source is where either end may be.
        prior: What is declared of neighbours, if anything is.
    """
    fix = widest_view(sighting)
    if fix is None or fix.extent is None:
        return None
    shape = polygon_of(fix.extent.outline)
    belief = locate_source(shape, wind, outline_sigma_m=fix.extent.place_sigma_m)
    basis = _basis(wind, belief)
    if len(belief.modes) > 1:
        belief = replace(belief, modes=_weighed(belief.modes, fix))
    outcome = attribute_belief(sighting, belief, index, prior=prior)
    origin = Origin(
        modes=belief.modes,
        basis=basis,
        extent=fix.extent,
        on_sites=overlaps(shape, index.sites),
        on_zones=overlaps(shape, index.zones),
    )
    if isinstance(outcome, Undecided):
        view = None if outcome.view is None else replace(outcome.view, point=origin.likeliest.point)
        return replace(outcome, origin=origin, view=view, reason=_why(outcome, wind, belief, index))
    return replace(outcome, origin=origin)


def widest_view(sighting: Sighting) -> Fix | None:
    """Return the fix whose frame shows the ground under smoke best: from most steeply above, then the nearest."""
    with_extent = [fix for fix in sighting.fixes if fix.extent is not None]
    return max(with_extent, key=lambda fix: (round(_steepness(fix), 1), -fix.slant_m), default=None)


def _steepness(fix: Fix) -> float:
    """Return the sine of the depression of a fix's ray."""
    lonlat = [[fix.point.lon_deg, fix.point.lat_deg]]
    level = float(np.hypot(*to_plane(LocalPlane(origin=fix.camera_point), lonlat)[0]))
    return math.sqrt(max(0.0, 1 - min(1.0, level / fix.slant_m) ** 2))


def _weighed(modes: tuple[Mode, ...], fix: Fix) -> tuple[Mode, ...]:
    """Return the modes weighed by how well each lies where the frame shows smoke leave the ground.

    Seen obliquely that is the lower end of its box; seen from straight above it is the box's middle, which tells the
    ends apart by nothing.
    """
    likely = []
    for mode in modes:
        gap = to_plane(LocalPlane(origin=fix.point), [[mode.point.lon_deg, mode.point.lat_deg]])[0]
        likely.append(-0.5 * float(gap @ np.linalg.solve(fix.covariance.matrix(), gap)))
    shares = np.exp(np.array(likely) - max(likely))
    shares = np.maximum(shares / shares.sum(), LEAST_LIKELY)
    shares /= shares.sum()
    return tuple(replace(mode, weight=float(share)) for mode, share in zip(modes, shares, strict=True))


def _basis(wind: Wind | None, belief: Belief) -> str:
    if wind is not None:
        return _("its source lies at its upwind end, with the wind from {bearing:.0f}° ± {sigma:.0f}° ({told})").format(
            bearing=wind.from_deg % 360, sigma=wind.sigma_deg, told=wind.source or _("as declared")
        )
    if len(belief.modes) > 1:
        return _("the wind is not known, so its source may lie at either end")
    return _("the wind is not known and it is as wide as it is long, so its source may lie anywhere in it")


def _why(outcome: Undecided, wind: Wind | None, belief: Belief, index: SiteIndex) -> str:
    """Return what keeps smoke undecided and what would decide it: the wind, or another look at its foot."""
    names = {site.code: site.name for site in index.register.sites}
    shown = ", ".join(f"{names.get(share.key, share.key)} {share.probability:.2f}" for share in outcome.sites[:3])
    outside = max(0.0, 1 - math.fsum(share.probability for share in outcome.sites))
    says = _("its source is on no site for certain: {shown}, outside all sites {outside:.2f}").format(
        shown=shown or "–", outside=outside
    )
    foot = max(belief.modes, key=lambda mode: mode.weight).point
    if wind is None:
        decides = _(
            "the wind would decide (run again with --wind), or another pass over {lat:.6f}, {lon:.6f} that shows where "
            "it leaves the ground"
        )
    else:
        decides = _("another pass over {lat:.6f}, {lon:.6f} that shows where it leaves the ground would decide")
    return f"{says}; {decides.format(lat=foot.lat_deg, lon=foot.lon_deg)}"
