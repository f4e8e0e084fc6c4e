"""What changed on one square of ground: two patrols' pictures laid upon each other, and compared as ground.

Light, lean and shadow are no changes:

1. All pictures are laid upon the earlier patrol's best one (:mod:`detection.changes.align`); one that does not fit is
   left out, and a square where no later picture fits is refused, never compared by guess.
2. Two pictures of one patrol give what stands there, and how high (:mod:`detection.changes.sweep`), and by the sun's
   place where its shadows may lie (:mod:`detection.changes.shade`).
3. Pairs of an earlier and a later picture are swept likewise. Ground has changed where no height makes them agree, in
   every pair that shows it: what drove through one picture is not in the other.
4. Of what is left, what only grew darker where the later patrol's shadows may lie, or lighter where the earlier one's
   did, is the sun's doing.
5. The rest is cut into patches (:mod:`detection.changes.patches`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from core.points import GeoPoint, LocalPlane, to_plane
from core.refusal import Refusal
from core.text import _
from detection.changes.align import Alignment, Mask, Pixels, align, laid_upon
from detection.changes.shade import shaded_ground
from detection.changes.sweep import Floats, Sweep, sweep
from detection.frame_on_ground import View, lay_square

WINDOW_M: Final = 1.1
LEAST_COST: Final = 0.9
SHADOW_CHROMA: Final = 0.045
"""Shade is bluer than sun; as much change of colour is still a shadow's."""
_LEAST_SHOWN: Final = 0.25
_DARKER: Final = 0.08
_LOWEST_M: Final = 0.4
_LIKE_SHADE: Final = 0.2
_MAYBE_SHADE: Final = 0.3
_DEEPEST_SHADE: Final = 0.7
_CASTS_M: Final = 8.0  # ground so near to what is not known may lie in its shade
_LEAST_SHADE_PX: Final = 200
_USUAL_SHADE: Final = 0.65  # open shade at noon is about half as bright as sun


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Square:
    """A square of ground to compare.

    Attributes:
        centre: Its middle.
        half_m: Half its side, metres.
        gsd_m: Metres a pixel.
    """

    centre: GeoPoint
    half_m: float
    gsd_m: float

    @property
    def side_px(self) -> int:
        """Its side in pixels."""
        return round(2 * self.half_m / self.gsd_m)


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One patrol's pictures of a square.

    Attributes:
        views: Its pictures, the best first.
        sun_deg: Azimuth and elevation of the sun, or None where its time is not known.
    """

    views: tuple[View, ...]
    sun_deg: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Laid:
    """A picture laid upon the square's reference.

    Attributes:
        number: Which of its epoch's views.
        pixels: (side, side, 3) BGR.
        seen: (side, side) where it shows ground.
        camera_px: Column and row plumb below its camera.
        height_m: Of its camera above the ground.
        alignment: How it was laid; None for the reference itself.
    """

    number: int
    pixels: Pixels = field(repr=False)
    seen: Mask = field(repr=False)
    camera_px: tuple[float, float]
    height_m: float
    alignment: Alignment | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """A square compared.

    Attributes:
        square: It.
        before, after: The pictures that were compared, the best pair first.
        height_before_m, height_after_m: (side, side) what stood there; None where one picture alone showed it.
        cost: (side, side) unlikeness, the least of all pairs.
        brightness: (side, side) logarithm of later over earlier brightness.
        chroma: (side, side) difference of colour.
        changed: (side, side) where ground changed.
        shaded: (side, side) what would have changed but for the sun.
        seen: (side, side) ground that was compared.
        residual_m: How well the best later picture lies upon the reference, one sigma.
    """

    square: Square
    before: tuple[Laid, ...]
    after: tuple[Laid, ...]
    height_before_m: Floats | None = field(repr=False)
    height_after_m: Floats | None = field(repr=False)
    cost: Floats = field(repr=False)
    brightness: Floats = field(repr=False)
    chroma: Floats = field(repr=False)
    changed: Mask = field(repr=False)
    shaded: Mask = field(repr=False)
    seen: Mask = field(repr=False)
    residual_m: float


def compare_square(
    square: Square, before: Epoch, after: Epoch, *, least_cost: float = LEAST_COST
) -> Comparison | Refusal:
    """Return how a square changed, or why that cannot be told.

    Args:
        square: The ground.
        before: The earlier patrol's pictures of it.
        after: The later one's.
        least_cost: Unlikeness from which ground has changed.

    Returns:
        Refusals have code "not-shown" or "not-aligned".
    """
    early = _laid(square, before)
    if not early:
        return _refused(square, "not-shown", _("the earlier patrol's pictures show too little of it"))
    reference = early[0]
    early = (reference, *_upon(reference, early[1:], square))
    late = _laid(square, after)
    if not late:
        return _refused(square, "not-shown", _("the later patrol's pictures show too little of it"))
    late = _upon(reference, late, square)
    if not late:
        return _refused(square, "not-aligned", _("too few corners of its pictures look alike to lay them together"))
    late = _nearest_first(reference, late)
    height_before, height_after = _standing(early, square), _standing(late, square)
    ceiling = _ceiling(height_before, height_after, square)
    best = _swept(early[0], late[0], square, ceiling)
    cost = best.cost
    if len(early) > 1 or len(late) > 1:
        second = _swept(early[-1], _nearest_first(early[-1], late)[0], square, ceiling)
        # A roof is drawn elsewhere by another camera; a change counts as seen twice within a metre and a half.
        cost = np.where(best.seen & second.seen, np.minimum(cost, _spread(second.cost, square)), cost)
    over = best.seen & (cost >= least_cost)
    sunny = _sun_s_doing(best, (early[0], before, height_before), (late[0], after, height_after), square)
    aligned = late[0].alignment
    return Comparison(
        square=square,
        before=early,
        after=late,
        height_before_m=height_before,
        height_after_m=height_after,
        cost=cost,
        brightness=best.brightness,
        chroma=best.chroma,
        changed=over & ~sunny,
        shaded=over & sunny,
        seen=best.seen,
        residual_m=0.0 if aligned is None else max(aligned.residual_px, 0.3) * square.gsd_m,
    )


def _refused(square: Square, code: str, reason: str) -> Refusal:
    place = f"{square.centre.lat_deg:.5f}, {square.centre.lon_deg:.5f}"
    return Refusal(subject=place, code=code, reason=reason)


def _laid(square: Square, epoch: Epoch) -> tuple[Laid, ...]:
    """Return the pictures that show enough of a square, the best first, each by its own pose."""
    found = []
    for number, view in enumerate(epoch.views):
        pixels, seen = lay_square(view, square.centre, half_m=square.half_m, side_px=square.side_px)
        if seen.mean() < _LEAST_SHOWN:
            continue
        east, north = to_plane(LocalPlane(origin=square.centre), [view.point.lon_deg, view.point.lat_deg]).tolist()
        middle = square.side_px / 2
        below = (middle + east / square.gsd_m, middle - north / square.gsd_m)
        found.append(
            Laid(number=number, pixels=pixels, seen=seen, camera_px=below, height_m=view.height_m, alignment=None)
        )
    return tuple(sorted(found, key=lambda laid: -round(float(laid.seen.mean()), 1)))


def _upon(reference: Laid, others: Sequence[Laid], square: Square) -> tuple[Laid, ...]:
    """Return the pictures that fit, laid upon the reference."""
    fitting = []
    for laid in others:
        found = align(reference.pixels, reference.seen, laid.pixels, laid.seen, gsd_m=square.gsd_m)
        if found is None:
            continue
        pixels, seen = laid_upon(laid.pixels, laid.seen, found)
        # The camera was where the picture says, not where its pose put it.
        turn = found.matrix[:, :2]
        camera = np.linalg.solve(turn, np.asarray(laid.camera_px) - found.matrix[:, 2])
        fitting.append(
            Laid(
                number=laid.number,
                pixels=pixels,
                seen=seen,
                camera_px=(float(camera[0]), float(camera[1])),
                height_m=laid.height_m,
                alignment=found,
            )
        )
    return tuple(fitting)


def _nearest_first(laid: Laid, others: Sequence[Laid]) -> tuple[Laid, ...]:
    """Return pictures by how near their cameras were to another's: what stands leans alike in near ones."""
    most = max(float(other.seen.mean()) for other in others)
    return tuple(
        sorted(
            others,
            key=lambda other: (
                float(other.seen.mean()) < 0.8 * most,
                float(np.hypot(other.camera_px[0] - laid.camera_px[0], other.camera_px[1] - laid.camera_px[1])),
            ),
        )
    )


def _ceiling(before: Floats | None, after: Floats | None, square: Square) -> Floats | None:
    """Return how high something may stand where, by both patrols' heights; None where neither knows any."""
    import cv2

    known = [np.nan_to_num(heights) for heights in (before, after) if heights is not None]
    if not known:
        return None
    side = max(3, round(2.5 / square.gsd_m) // 2 * 2 + 1)
    spread: Floats = cv2.dilate(np.maximum.reduce(known), np.ones((side, side), np.uint8))
    return np.where(spread > _LOWEST_M, spread * np.float32(1.3) + np.float32(0.5), np.float32(0)).astype(np.float32)


def _swept(first: Laid, second: Laid, square: Square, ceiling_m: Floats | None = None) -> Sweep:
    baseline = np.array([second.camera_px[0] - first.camera_px[0], first.camera_px[1] - second.camera_px[1]])
    window = max(5, round(WINDOW_M / square.gsd_m) // 2 * 2 + 1)
    return sweep(
        first.pixels,
        first.seen,
        second.pixels,
        second.seen,
        baseline_px=baseline,
        height_m=(first.height_m + second.height_m) / 2,
        window_px=window,
        ceiling_m=ceiling_m,
    )


def _standing(laid: Sequence[Laid], square: Square) -> Floats | None:
    """Return what stands where by two pictures of one patrol, as the first shows it; None with one picture.

    NaN where the second picture does not show the ground.
    """
    if len(laid) < 2:
        return None
    import cv2

    apart = [
        np.hypot(other.camera_px[0] - laid[0].camera_px[0], other.camera_px[1] - laid[0].camera_px[1]) for other in laid
    ]
    found = _swept(laid[0], laid[int(np.argmax(apart))], square)
    # A height holds where the pictures agree at it; elsewhere something moved, or is hidden in one of them.
    believed = np.where(found.seen & (found.cost < LEAST_COST), found.height_m, np.float32(0))
    heights: Floats = cv2.medianBlur(believed.astype(np.float32), 5)
    return np.where(found.seen, heights, np.float32(np.nan))


def _spread(cost: Floats, square: Square) -> Floats:
    import cv2

    side = max(3, round(1.5 / square.gsd_m) // 2 * 2 + 1)
    spread: Floats = cv2.dilate(cost, np.ones((side, side), np.uint8))
    return spread


_Shown = tuple[Laid, Epoch, Floats | None]


def _sun_s_doing(change: Sweep, early: _Shown, late: _Shown, square: Square) -> Mask:
    """Return where a change of brightness alone lies in what may be the one or the other patrol's shadows."""
    import cv2

    plain = change.chroma < SHADOW_CHROMA
    doing = np.zeros_like(plain)
    # A shadow makes darker by one factor everywhere; which, those shadows say whose cause is in the picture.
    for (laid, epoch, own), (_laid_other, _epoch_other, others), sign in ((late, early, -1.0), (early, late, 1.0)):
        heights = own if own is not None else others
        if epoch.sun_deg is None or heights is None:
            # Nothing tells what stands there: whatever is as dark as shade may be shade.
            doing |= plain & (np.abs(sign * change.brightness - _USUAL_SHADE) < _MAYBE_SHADE)
            continue
        azimuth, elevation = epoch.sun_deg
        reach = max(3, round(_CASTS_M / square.gsd_m) * 2 + 1)
        unknown = cv2.dilate(np.isnan(heights).astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
        doing |= plain & unknown & (np.abs(sign * change.brightness - _USUAL_SHADE) < _MAYBE_SHADE)
        shade, beyond = shaded_ground(
            np.nan_to_num(heights),
            laid.seen,
            azimuth_deg=azimuth,
            elevation_deg=elevation,
            camera_px=laid.camera_px,
            camera_height_m=laid.height_m,
            gsd_m=square.gsd_m,
        )
        darker = plain & (sign * change.brightness > _DARKER)
        sure = darker & shade & (change.cost >= LEAST_COST)
        # Edges of shadows are half in the sun, so that the deeper part of them tells.
        deep = np.abs(change.brightness[sure])
        factor = float(np.percentile(deep, 85)) if deep.size > _LEAST_SHADE_PX else _USUAL_SHADE
        # What is darker than shade is something else that lies in it.
        doing |= darker & shade & (np.abs(change.brightness) < min(factor, _DEEPEST_SHADE) + _LIKE_SHADE)
        doing |= _cast_from_beyond(darker & beyond, np.abs(change.brightness), factor, laid.seen, square)
    return doing


def _cast_from_beyond(darker: Mask, depth: Floats, factor: float, shown: Mask, square: Square) -> Mask:
    """Return the dark patches that come in over the picture's rim and are as deep as its shadows are.

    A shadow hangs together with what casts it; one that ends before the rim is cast by something that is shown.
    """
    import cv2

    reach = max(3, round(2 * WINDOW_M / square.gsd_m) // 2 * 2 + 1)
    inner = cv2.erode(
        shown.astype(np.uint8), np.ones((reach, reach), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    _count, numbers = cv2.connectedComponents(darker.astype(np.uint8), connectivity=8)
    cast = np.zeros_like(darker)
    for number in np.unique(numbers[darker & (inner == 0)]).tolist():
        inside = numbers == number
        if number and abs(float(np.percentile(depth[inside], 85)) - factor) < _LIKE_SHADE:
            cast |= inside
    return cast
