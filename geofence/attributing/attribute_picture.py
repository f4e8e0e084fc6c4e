"""A small picture of an attribution: the candidates' fences, the position with its error, and the numbers.

A plain SVG that needs nothing from outside, for a report's margin or a popup. North is up; a bar gives the scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from core.points import LocalPlane, from_plane, to_plane
from core.text import _
from geofence.attributing.extent_on_ground import polygon_of
from geofence.attribution import Attribution, Undecided
from geofence.register.site_index import SiteIndex
from geofence.sighting import Sighting

_SIZE_PX: Final = 320
_HALF95: Final = math.sqrt(-2 * math.log(1 - 0.95))
_HALF50: Final = math.sqrt(-2 * math.log(1 - 0.50))
# Okabe and Ito's colours, told apart by colour-blind readers too.
_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
_NORTH: Final = (
    f'<path d="M{_SIZE_PX - 16} 30V10l-4 7h8l-4 -7" stroke="#000" fill="#000"/>'
    f'<text x="{_SIZE_PX - 20}" y="42">N</text>'
)
_ZONE: Final = "#777777"
_OTHER: Final = "#E4E4E4"
_COVERED: Final = "#555555"


def draw_attribution(outcome: Attribution | Undecided, sighting: Sighting, index: SiteIndex) -> str:
    """Return the picture as an SVG document.

    Args:
        outcome: What was decided.
        sighting: Of what.
        index: The register's index that it was decided with.

    Raises:
        ValueError: The outcome speaks of another sighting.
    """
    if outcome.sighting_id != sighting.sighting_id:
        raise ValueError("the outcome speaks of another sighting")
    plane = LocalPlane(origin=sighting.point)
    laws = _laws(outcome, sighting, plane)
    covered = _covered(outcome)
    half_m = _half_width_m(laws, covered, plane)
    window = shapely.box(-half_m, -half_m, half_m, half_m)
    lines = _others(outcome, index, plane, window, half_m)
    legend: list[str] = []
    has_others = bool(lines)
    for share in outcome.zones[:4]:
        zone = _seen(index.zones.shapes[index.zones.place_of[share.key]], plane, window)
        lines.append(f'<path d="{_path(zone, half_m)}" fill="none" stroke="{_ZONE}" stroke-dasharray="4 3"/>')
    for number, share in enumerate(outcome.sites[: len(_COLOURS)]):
        place = index.sites.place_of[share.key]
        colour = _COLOURS[number]
        shape = _seen(index.sites.shapes[place], plane, window)
        lines.append(f'<path d="{_path(shape, half_m)}" fill="{colour}" fill-opacity="0.18" stroke="{colour}"/>')
        legend.append(_legend(number, colour, f"{index.register.sites[place].name} {share.probability:.3f}"))
    outside = max(0.0, 1 - math.fsum(share.probability for share in outcome.sites))
    if has_others:
        legend.append(_legend(len(legend), _OTHER, _("another site, which cannot be it")))
    legend.append(_legend(len(legend), "none", _("outside all sites {share:.3f}").format(share=outside)))
    legend += [
        _legend(
            len(legend) + number,
            "none",
            f"{index.register.zones[index.zones.place_of[share.key]].name} {share.probability:.3f}",
            dashed=True,
        )
        for number, share in enumerate(outcome.zones[:4])
    ]
    if covered is not None:
        under = _seen(covered, plane, window)
        lines.append(f'<path d="{_path(under, half_m)}" fill="{_COVERED}" fill-opacity="0.35" stroke="{_COVERED}"/>')
        legend.append(_legend(len(legend), _COVERED, _covers(outcome)))
    for middle, covariance in laws:
        for radius, dash in ((_HALF95, ' stroke-dasharray="2 2"'), (_HALF50, "")):
            ring = shapely.Polygon(_ellipse(covariance, radius) + middle)
            lines.append(f'<path d="{_path(ring, half_m)}" fill="none" stroke="#000"{dash}/>')
        x, y = (middle * [1, -1] + half_m) * _SIZE_PX / (2 * half_m)
        lines.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>')
    legend.append(_note(len(legend), _("ellipses: half and 0.95 of the probability; north is up")))
    height = _SIZE_PX + 18 * len(legend) + 8
    title = escape(_("Ellipses hold 50 % and 95 %; north is up"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE_PX} {height}" width="{_SIZE_PX}" '
        f'height="{height}" font-family="sans-serif" font-size="12"><title>{title}</title>'
        f'<rect width="{_SIZE_PX}" height="{height}" fill="#fff"/>'
        f"{''.join(lines)}{_scale(half_m)}{_NORTH}{''.join(legend)}</svg>"
    )


def _others(
    outcome: Attribution | Undecided, index: SiteIndex, plane: LocalPlane, window: BaseGeometry, half_m: float
) -> list[str]:
    """Return the sites in the picture that are no candidates: white ground is nobody's."""
    candidates = {share.key for share in outcome.sites[: len(_COLOURS)]}
    corners = from_plane(plane, shapely.get_coordinates(window)[:-1])
    (west, south), (east, north) = corners.min(axis=0), corners.max(axis=0)
    places = np.sort(index.sites.tree.query(shapely.box(west, south, east, north))).tolist()
    drawn = [
        _path(_seen(index.sites.shapes[place], plane, window), half_m)
        for place in places
        if index.sites.keys[place] not in candidates
    ]
    return [f'<path d="{path}" fill="{_OTHER}" stroke="{_ZONE}"/>' for path in drawn if path]


def _covered(outcome: Attribution | Undecided) -> BaseGeometry | None:
    """Return the ground that an extended thing covers, degrees; None for what a point tells."""
    if outcome.origin is not None:
        return polygon_of(outcome.origin.extent.outline)
    return None if outcome.footing is None else polygon_of(outcome.footing.outline)


def _covers(outcome: Attribution | Undecided) -> str:
    if outcome.origin is not None:
        extent = outcome.origin.extent
        return _("it covers {area:.0f} ± {error:.0f} m²").format(area=extent.area_m2, error=extent.sigma_m2)
    area = 0.0 if outcome.footing is None else outcome.footing.area_m2
    boxed = outcome.footing is not None and outcome.footing.boxed
    return (_("its box covers {area:.0f} m²") if boxed else _("it covers {area:.0f} m²")).format(area=area)


def _laws(
    outcome: Attribution | Undecided, sighting: Sighting, plane: LocalPlane
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return the laws of where it stands: middles in the plane, metres, and covariances."""
    if outcome.origin is None:
        return [(np.zeros(2), sighting.covariance.matrix())]
    return [
        (to_plane(plane, [[mode.point.lon_deg, mode.point.lat_deg]])[0], mode.covariance.matrix())
        for mode in outcome.origin.modes
    ]


def _half_width_m(
    laws: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]], covered: BaseGeometry | None, plane: LocalPlane
) -> float:
    """Return how far the picture reaches each way from the position, so that everything of it is seen, metres."""
    reaches = [
        float(np.abs(middle).max()) + 1.6 * _HALF95 * math.sqrt(float(np.linalg.eigvalsh(covariance)[-1]))
        for middle, covariance in laws
    ]
    if covered is not None:
        reaches.append(1.15 * float(np.abs(to_plane(plane, shapely.get_coordinates(covered))).max()))
    return max(20.0, *reaches)


def _seen(shape: BaseGeometry, plane: LocalPlane, window: BaseGeometry) -> BaseGeometry:
    """Return the part of a shape inside the picture, metres."""
    near = shapely.clip_by_rect(shape, *_degrees_around(plane))
    metric = shapely.transform(near, lambda lonlat: to_plane(plane, lonlat))
    return shapely.intersection(metric, window)


def _degrees_around(plane: LocalPlane) -> tuple[float, float, float, float]:
    lon, lat, reach = plane.origin.lon_deg, plane.origin.lat_deg, 0.05
    return lon - reach, lat - reach, lon + reach, lat + reach


def _ellipse(covariance: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    circle = np.column_stack([np.cos(turn), np.sin(turn)]) * radius
    points: NDArray[np.float64] = circle @ np.linalg.cholesky(covariance).T
    return points


def _path(shape: BaseGeometry, half_m: float) -> str:
    """Return the path of a shape's rings in pixels."""
    parts = []
    for ring in shapely.get_rings([part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]):
        pixels = (shapely.get_coordinates(ring) * [1, -1] + half_m) * _SIZE_PX / (2 * half_m)
        parts.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in pixels.tolist()) + "Z")
    return "".join(parts)


def _scale(half_m: float) -> str:
    """Return a bar of 1, 2 or 5 times a power of ten metres, a fifth to a half of the picture wide."""
    wanted = 2 * half_m / 2.5
    power = 10 ** math.floor(math.log10(wanted))
    metres = max(step * power for step in (1, 2, 5) if step * power <= wanted)
    length = metres * _SIZE_PX / (2 * half_m)
    y = _SIZE_PX - 10
    return (
        f'<path d="M10 {y}H{10 + length:.1f}" stroke="#000" stroke-width="3"/>'
        f'<text x="10" y="{y - 6}">{metres:g} m</text>'
    )


def _note(number: int, text: str) -> str:
    return f'<text x="8" y="{_SIZE_PX + 18 * number + 17}" fill="#444">{escape(text)}</text>'


def _legend(number: int, colour: str, text: str, *, dashed: bool = False) -> str:
    y = _SIZE_PX + 18 * number + 8
    stroke = f'stroke="{_ZONE}" stroke-dasharray="4 3"' if dashed else 'stroke="#000" stroke-width="0.5"'
    return (
        f'<rect x="8" y="{y}" width="10" height="10" fill="{colour}" {stroke}/>'
        f'<text x="24" y="{y + 9}">{escape(text)}</text>'
    )
