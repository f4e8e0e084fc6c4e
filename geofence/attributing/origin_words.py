"""Where smoke comes from and what ground extended things cover, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.text import _
from geofence.attribution import Attribution, Footing, Origin, Overlap, Undecided


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


def tell_overlaps(overlaps: Iterable[Overlap], names: Mapping[str, str]) -> str:
    """Return how much ground lies on each site, with bounds from the errors of position and fence; "" for none.

    Args:
        overlaps: Of the ground under a thing.
        names: Of sites, by code.
    """
    return "; ".join(
        _("{name} {area:.0f} m² ({least:.0f} to {most:.0f})").format(
            name=names.get(overlap.key, overlap.key),
            area=overlap.area_m2,
            least=overlap.least_m2,
            most=overlap.most_m2,
        )
        for overlap in overlaps
        if overlap.most_m2 >= 0.5
    )


def tell_footing(footing: Footing, names: Mapping[str, str]) -> str:
    """Return how much ground an extended thing stands on, and on whose.

    Args:
        footing: The ground.
        names: Of sites, by code.
    """
    if footing.boxed:
        says = _("the box around it covers {area:.0f} m² of ground, which it touches on all sides and need not fill")
    else:
        says = _("it covers {area:.0f} m² of ground")
    where = [tell_overlaps(footing.on_sites, names)]
    if footing.outside_m2 >= 0.5:
        where.append(_("outside all sites {area:.0f} m²").format(area=footing.outside_m2))
    told = "; ".join(part for part in where if part)
    return f"{says.format(area=footing.area_m2)}: {told}"


def tell_ground(outcome: Attribution | Undecided, names: Mapping[str, str]) -> str:
    """Return what ground an extended thing covers; "" for a point, and where the outcome says it already.

    Args:
        outcome: Whose site it is on.
        names: Of sites, by code.
    """
    if outcome.origin is not None:
        return tell_overlaps(outcome.origin.on_sites, names)
    if outcome.footing is None or isinstance(outcome, Undecided):
        return ""  # an undecided outcome's reason tells it
    footing = outcome.footing
    others = [overlap for overlap in footing.on_sites if overlap.key != outcome.site_code and overlap.most_m2 >= 0.5]
    if not others and (outcome.site_code is None or footing.outside_m2 < 0.5):
        return ""  # all of it lies where its middle does
    return tell_footing(footing, names)
