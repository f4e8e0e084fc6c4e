"""Where smoke comes from and what it covers, in words."""

from __future__ import annotations

from collections.abc import Mapping

from core.text import _
from geofence.attribution import Origin


def tell_origin(origin: Origin) -> str:
    """Return where an extended thing comes from and how much ground it covers, with the errors of both."""
    foot = origin.likeliest.point
    spread = origin.likeliest.covariance
    sigma = max(spread.east_m2, spread.north_m2) ** 0.5
    return _(
        "{basis}: {lat:.6f}, {lon:.6f} ± {sigma:.0f} m; it covers about {area:.0f} ± {error:.0f} m² of ground"
    ).format(
        basis=origin.basis,
        lat=foot.lat_deg,
        lon=foot.lon_deg,
        sigma=sigma,
        area=origin.extent.area_m2,
        error=origin.extent.sigma_m2,
    )


def tell_overlaps(origin: Origin, names: Mapping[str, str]) -> str:
    """Return how much of the ground under it lies on each site, with bounds from the fences' errors; "" for none.

    Args:
        origin: The source and the ground.
        names: Of sites, by code.
    """
    return "; ".join(
        _("{name} {area:.0f} m² ({least:.0f} to {most:.0f})").format(
            name=names.get(overlap.key, overlap.key),
            area=overlap.area_m2,
            least=overlap.least_m2,
            most=overlap.most_m2,
        )
        for overlap in origin.on_sites
    )
