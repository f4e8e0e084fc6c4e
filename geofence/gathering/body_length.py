"""How long a vehicle is, told from several boxes of it: what is surely longer than any car is a lorry.

A detector whose labels do not tell cars from lorries says ``vehicle`` of both; their size on the ground tells them
apart. A box is drawn along the picture's axes, and nobody knows which way the vehicle stands in it: of a body ``L``
long and ``W`` wide that stands at the angle ``φ`` to an axis, the box shows ``L |cos φ| + W |sin φ|`` along it, and
the body's height besides, leaning away from the camera by the ray's slope for each metre. A van of 6.0 × 2.2 m that
stands askew fills a box of 5.8 × 5.8 m, whose diagonal is longer than any van. So no side of a box is taken for a
length. Instead

1. views flatter than :data:`_FLATTEST_DEG` are left out: there rows of parked cars stand before each other, and two are
   boxed as one;
2. looks from one side count once, with the box of middling size: what a box takes in besides the vehicle (a shadow, a
   second car) it takes in again from there;
3. every body that may stand there (:func:`_bodies`: length, width, height, heading) is laid into each view and says
   how large its box would be; one body, and one heading where it stands, must explain all views;
4. boxes err (:data:`_EXCESS_M` and the figures beside it), and all of them together by the scale of the ground (height
   above ground, focal length: ``scale_sigma`` of :class:`geofence.fix.Fix`); a view may show a piece of the vehicle, or
   more than it;
5. two cars boxed as one, in line or abreast, are bodies too, and no lorry. Their width tells them from one.

What comes out is the probability that it is one body longer than :data:`CAR_MOST_M`. Only from :data:`SURE` on, and
from two sides or more, is a vehicle called ``truck``; else it stays ``vehicle``. A bus is a ``truck`` here: the length
does not tell them apart. docs/locating.md says what was measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.text import _
from geofence.fix import Fix
from geofence.locating.locate_contact import stature_of
from geofence.sighting import BodyLength, Sighting

UNTOLD: Final = "vehicle"
"""The class of which the length decides; a weight that tells cars from lorries itself is believed."""
LONG: Final = "truck"
CAR_MOST_M: Final = 7.5
"""No car, van or minibus is longer: the longest vans sold are 7.4 m, and lorries begin at some 6 m."""
SURE: Final = 0.95
LEAST_SIDES: Final = 2

# Of boxes of the default weight on labelled cars of real photos 8 of 73 held two cars in views flatter than that, and
# none of 52 (another 462 straight down) in steeper ones.
_FLATTEST_DEG: Final = 50.0
_ONE_SIDE_DEG: Final = 10.0  # looks whose rays differ by less show the same shadow and the same neighbour
_MOST_SIDES: Final = 8  # so many, evenly spread
# How much larger than a hand-drawn box the default weight's is, metres: of 403 cars of real photos, straight down.
_EXCESS_M: Final = 0.25
_EXCESS_SIGMA_M: Final = 0.35
_SHARE_SIGMA: Final = 0.04
_COMMON_SHARE: Final = 0.03  # what all boxes of one vehicle err by alike: its shadow, its colour against the ground
_LEAST_PX: Final = 1.4
_PIECE: Final = 0.1  # of all views show a piece, of any size up to the body's own
_MORE: Final = 0.03  # and so many more than the body, up to 20 × 20 m
_MOST_M2: Final = 400.0

_SHORTEST_M: Final = 3.0
_LONGEST_M: Final = 19.0  # GB 1589-2016: 18.1 m for articulated lorries and 18.75 m for road trains
_WORTH_TELLING: Final = 0.05
_STEPS: Final = 56
_HEADINGS: Final = 45
_NODES: Final = (-math.sqrt(3), 0.0, math.sqrt(3))  # Gauss-Hermite, three nodes for a normal law
_NODE_WEIGHTS: Final = (1 / 6, 2 / 3, 1 / 6)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _View:
    """A box as it bears on sizes.

    Attributes:
        across: (2, 2) its two sides as vectors on the plane at half the class's height, metres east and north.
        onward: (2,) from the camera to the thing, level, metres.
        drop_m: How far the camera is above that plane.
        lift_m: How far the plane is above the ground.
        pixel_m: Ground that a pixel shows, along each side.
    """

    across: Floats
    onward: Floats
    drop_m: float
    lift_m: float
    pixel_m: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Bodies:
    """Bodies that may stand there: (n,) arrays, and whether each is one vehicle longer than any car."""

    length_m: Floats
    width_m: Floats
    height_m: Floats
    weight: Floats
    long: NDArray[np.bool_]
    one: NDArray[np.bool_]


def name_by_length(sighting: Sighting) -> Sighting:
    """Return a vehicle with its length where that was asked, called ``truck`` where it is surely longer than any car.

    Args:
        sighting: As gathered. Of other classes, on roofs, and of what is plainly small nothing is asked.
    """
    if sighting.label != UNTOLD or sighting.height_above_ground_m is not None:
        return sighting
    length = measure_length(sighting.fixes, stands=sighting.moving is False)
    if length is None:
        return sighting
    sure = length.longer >= SURE and length.sides >= LEAST_SIDES
    return replace(sighting, label=LONG if sure else sighting.label, length=length)


def tell_length(label: str, length: BodyLength) -> str:
    """Return how a vehicle's class was decided, as the end of a sentence; empty for what is plainly no lorry."""
    if label != LONG and length.longer < _WORTH_TELLING:
        return ""
    told = _(
        "; by its boxes on the ground it is {metres:.1f} m long ({least:.1f} to {most:.1f} m, nine times in ten) and "
        "longer than any car ({car:g} m) with probability {longer:.3f}, told from {sides} sides in {looks} frames "
        "(a truck from {sure:g} and {least_sides} sides on)"
    ).format(
        metres=length.metres,
        least=length.least_m,
        most=length.most_m,
        car=length.longer_than_m,
        longer=length.longer,
        sides=length.sides,
        looks=length.looks,
        sure=SURE,
        least_sides=LEAST_SIDES,
    )
    return told if label == LONG else told + ": " + _("not sure enough to call it a truck")


def measure_length(fixes: Sequence[Fix], *, stands: bool) -> BodyLength | None:
    """Return how long the vehicle is that fixes show; None where the boxes are all too small for it to be long.

    Args:
        fixes: Looks at one thing. Those whose box was cut off by the image's border, or whose scale nobody knows, say
            nothing.
        stands: Whether it keeps its heading from look to look.
    """
    looks = _one_each_frame(fixes)
    if not any(_diagonal_m(fix) >= CAR_MOST_M for fix in looks):
        return None  # most vehicles are cars, and are done with here
    sides = _sides(looks)
    views = [_view(fix) for fix in sides]
    scale_sigma = math.hypot(_COMMON_SHARE, max(fix.scale_sigma or 0.0 for fix in sides))
    bodies = _bodies()
    evidence = _evidence(views, bodies, scale_sigma=scale_sigma, stands=stands)
    posterior = bodies.weight * evidence
    posterior /= posterior.sum()
    order = np.argsort(bodies.length_m, kind="stable")
    below = np.cumsum(posterior[order])
    least, middle, most = (float(bodies.length_m[order][np.searchsorted(below, part)]) for part in (0.05, 0.5, 0.95))
    return BodyLength(
        metres=round(middle, 2),
        least_m=round(least, 2),
        most_m=round(most, 2),
        longer_than_m=CAR_MOST_M,
        longer=round(float(posterior[bodies.long].sum()), 4),
        looks=len(looks),
        sides=len(sides),
    )


def _one_each_frame(fixes: Sequence[Fix]) -> list[Fix]:
    """Return the largest whole box of each frame: smaller ones in it are pieces."""
    largest: dict[str, Fix] = {}
    for fix in fixes:
        if not fix.outline_m or fix.scale_sigma is None or _is_flat(fix):
            continue
        before = largest.get(fix.detection.frame_id)
        if before is None or _diagonal_m(fix) > _diagonal_m(before):
            largest[fix.detection.frame_id] = fix
    return list(largest.values())


def _is_flat(fix: Fix) -> bool:
    return _view(fix).drop_m < math.sin(math.radians(_FLATTEST_DEG)) * fix.slant_m


def _diagonal_m(fix: Fix) -> float:
    corners = np.array(fix.outline_m)
    return float(np.hypot(*(corners[:2] - corners[2:]).T).max())


def _sides(looks: Sequence[Fix]) -> list[Fix]:
    """Return one look from each side, the one of middling size."""
    least = math.cos(math.radians(_ONE_SIDE_DEG))
    begun: list[tuple[Floats, list[Fix]]] = []
    for fix in looks:
        view = _view(fix)
        ray = np.array([*view.onward, -view.drop_m]) / math.hypot(*view.onward, view.drop_m)
        near = next((kept for first, kept in begun if float(first @ ray) >= least), None)
        if near is None:
            begun.append((ray, [fix]))
        else:
            near.append(fix)
    chosen = [sorted(kept, key=_diagonal_m)[len(kept) // 2] for _ray, kept in begun]
    spread = np.unique(np.linspace(0, len(chosen) - 1, min(_MOST_SIDES, len(chosen))).round().astype(int))
    return [chosen[place] for place in spread.tolist()]


def _view(fix: Fix) -> _View:
    corners = np.array(fix.outline_m)
    left_top, right_top, right_bottom, left_bottom = corners
    across = np.array(
        [right_top - left_top + right_bottom - left_bottom, left_bottom - left_top + right_bottom - right_top]
    )
    across = across / 2
    east = (fix.point.lon_deg - fix.camera_point.lon_deg) * math.cos(math.radians(fix.point.lat_deg))
    onward = np.array([east, fix.point.lat_deg - fix.camera_point.lat_deg]) * 111_195.0
    drop2 = fix.slant_m**2 - float(onward @ onward)
    box = fix.detection.box
    pixels = np.array([box.right_px - box.left_px, box.bottom_px - box.top_px])
    return _View(
        across=across,
        onward=onward,
        drop_m=math.sqrt(max(drop2, (0.05 * fix.slant_m) ** 2)),
        lift_m=stature_of(fix.detection.label).height_m / 2,
        pixel_m=np.hypot(*across.T) / pixels,
    )


@cache
def _bodies() -> _Bodies:
    """Return the bodies that may stand there, with what each is worth before anything was seen.

    Of five vehicles four are taken to be no longer than :data:`CAR_MOST_M`; within a kind, lengths are spread evenly by
    their logarithm. Cars are 1.6 to 2.0 m wide and 1.3 to 1.9 m high, vans to 2.4 m and 3.0 m, lorries and buses 2.1 to
    2.55 m (GB 1589-2016) and 2.4 to 4.0 m. Two cars that are boxed as one from every side are taken for one thing in
    700: from one side straight down fewer than 7 in 1000 are (none of 426, 95 %), and it must happen again.
    """
    lengths = np.geomspace(_SHORTEST_M, _LONGEST_M, _STEPS)
    parts = []
    kinds = (  # lengths from, to; widths; heights; what the kind is worth; one body; long
        (_SHORTEST_M, 5.6, (1.6, 1.8, 2.0), (1.3, 1.6, 1.9), 0.50, True),
        (5.0, CAR_MOST_M, (1.8, 2.1, 2.4), (1.7, 2.3, 3.0), 0.30, True),
        (CAR_MOST_M, _LONGEST_M, (2.1, 2.35, 2.55), (2.4, 3.2, 4.0), 0.20, True),
        (8.0, 11.5, (1.6, 1.8, 2.0), (1.3, 1.6, 1.9), 0.001, False),  # two cars in line
        (3.8, 5.2, (3.8, 4.4, 5.0), (1.3, 1.6, 1.9), 0.0005, False),  # two cars abreast
    )
    for least, most, widths, heights, worth, one in kinds:
        own = lengths[(lengths > least) & (lengths <= most)]
        grid = np.array(np.meshgrid(own, widths, heights, indexing="ij")).reshape(3, -1)
        count = grid.shape[1]
        long = one and least >= CAR_MOST_M
        parts.append((*grid, np.full(count, worth / count), np.full(count, long), np.full(count, one)))
    length, width, height, weight, long_, one_ = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _Bodies(length_m=length, width_m=width, height_m=height, weight=weight, long=long_, one=one_)


def _evidence(views: Sequence[_View], bodies: _Bodies, *, scale_sigma: float, stands: bool) -> Floats:
    """Return (n,) how well each body explains all views, over its headings and the scale's error."""
    boxes = [_boxes(view, bodies) for view in views]
    told = np.zeros(len(bodies.length_m))
    for node, weight in zip(_NODES, _NODE_WEIGHTS, strict=True):
        fits = [_fit(view, sizes * math.exp(node * scale_sigma)) for view, sizes in zip(views, boxes, strict=True)]
        if stands:
            told += weight * np.prod(fits, axis=0).mean(axis=1)
        else:
            told += weight * np.prod([fit.mean(axis=1) for fit in fits], axis=0)
    return told


def _boxes(view: _View, bodies: _Bodies) -> Floats:
    """Return (2, n, headings) how far each body reaches along a view's two sides, laid on its plane, metres."""
    headings = np.pi * np.arange(_HEADINGS) / _HEADINGS
    along = np.column_stack([np.sin(headings), np.cos(headings)])
    aside = np.column_stack([np.cos(headings), -np.sin(headings)])
    # A point h above the ground is seen, on the plane, nearer to or farther from below the camera than it stands.
    reach = view.drop_m + view.lift_m
    low, top = view.drop_m / reach, view.drop_m / np.maximum(reach - bodies.height_m, 0.1 * reach)
    shares = np.linalg.inv(view.across)  # a point east and north, in parts of the box's two sides
    sizes = []
    for side in (0, 1):
        gradient = shares[:, side] * float(np.hypot(*view.across[side]))
        foot = np.outer(bodies.length_m, np.abs(along @ gradient)) + np.outer(bodies.width_m, np.abs(aside @ gradient))
        lean = (np.abs(gradient @ view.onward) * (top - low))[:, None]
        half_low, half_top = foot * low / 2, foot * top[:, None] / 2
        sizes.append(np.maximum(half_low, half_top + lean) + np.maximum(half_low, half_top - lean))
    return np.array(sizes)


def _fit(view: _View, sizes: Floats) -> Floats:
    """Return (n, headings) the density of a view's box, where bodies reach so far along its two sides."""
    shown_m = np.hypot(*view.across.T)[:, None, None]
    pixel_m = view.pixel_m[:, None, None]
    sigma2 = _EXCESS_SIGMA_M**2 + (_SHARE_SIGMA * sizes) ** 2 + (_LEAST_PX * pixel_m) ** 2
    off2 = ((shown_m - sizes - _EXCESS_M) ** 2 / sigma2).sum(axis=0)
    good = np.exp(-0.5 * off2) / (2 * np.pi * np.sqrt(sigma2[0] * sigma2[1]))
    piece = (shown_m <= sizes).all(axis=0) / (sizes[0] * sizes[1])
    density: Floats = (1 - _PIECE - _MORE) * good + _PIECE * piece + _MORE / _MOST_M2
    return density
