"""Cuts what changed on a square into patches, each with what became of it: appeared, gone, grown, shrunk, altered.

Which of two pictures shows the thing and which the bare ground is told by the ground around: a patch looks like its
surroundings where nothing is, and unlike them where something lies. A patch that lies on ground in both, and whose
unlike part was smaller before, has grown; its size is measured in both pictures by its own colour.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detection.changes.align import Mask, Pixels
from detection.changes.compare import LEAST_COST, SHADOW_CHROMA, WINDOW_M, Comparison, Laid

LEAST_M2: Final = 1.5
_OPEN_M: Final = 0.75
_JOIN_M: Final = 0.9
_RING_M: Final = 2.0
_STANDS_M: Final = 0.8
_SURE_COST: Final = 2.5
_GREW: Final = 1.3
_LEAST_BEFORE: Final = 0.12
_APART: Final = 1.25
_BESIDE_SHADE: Final = 0.25
_THIN_M: Final = 1.1
_SEEN_EARLY_M: Final = WINDOW_M * 0.3


class Becoming(StrEnum):
    """What became of a patch of ground."""

    APPEARED = "appeared"
    GONE = "gone"
    GREW = "grew"
    SHRANK = "shrank"
    ALTERED = "altered"


class Stuff(StrEnum):
    """What the patch seems to be made of."""

    STANDING = "standing"  # something with a height: goods, a roof, a vehicle
    FLAT = "flat"  # on the ground: a stain, water, paint, earth
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patch:
    """A patch of ground that changed.

    Attributes:
        becoming, stuff: What became of it, and what it seems to be.
        inside: (side, side) its pixels.
        area_m2: Of what changed.
        before_m2, after_m2: Of the thing in either picture, where it grew or shrank; otherwise 0 and the area, or the
            area and 0.
        height_m: By how much what stands there rose (positive) or fell; None where not known.
        darker: Whether it became darker.
        strength: How clearly it changed, in [0, 1); no probability.
    """

    becoming: Becoming
    stuff: Stuff
    inside: Mask = field(repr=False)
    area_m2: float
    before_m2: float
    after_m2: float
    height_m: float | None
    darker: bool
    strength: float

    @property
    def middle_px(self) -> tuple[float, float]:
        """Column and row of its middle."""
        rows, columns = np.nonzero(self.inside)
        return float(columns.mean() + 0.5), float(rows.mean() + 0.5)

    @property
    def box_px(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom, edges included."""
        rows, columns = np.nonzero(self.inside)
        return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def cut_patches(found: Comparison, *, least_m2: float = LEAST_M2) -> tuple[Patch, ...]:
    """Return the patches of a compared square, largest first.

    Args:
        found: The square.
        least_m2: Smaller ones are left out.
    """
    import cv2

    gsd = found.square.gsd_m
    clean = cv2.morphologyEx(found.changed.astype(np.uint8), cv2.MORPH_OPEN, _disc(_OPEN_M / gsd))
    joined = cv2.morphologyEx(clean, cv2.MORPH_CLOSE, _disc(_JOIN_M / gsd))
    # A stain that was there in part has its old part inside the new.
    outlines, _tree = cv2.findContours(joined, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    patches = []
    for outline in outlines:
        filled = np.zeros_like(joined)
        cv2.drawContours(filled, [outline], -1, 1, cv2.FILLED)
        # What is compared are windows: a change shows a third of one beyond its rim.
        filled = cv2.erode(filled, _disc(2 * _SEEN_EARLY_M / gsd))
        inside = (filled > 0) & found.seen
        if inside.sum() * gsd**2 >= least_m2 and not _is_shadow_s_edge(inside, found):
            patches.append(_judged(inside, found))
    return tuple(sorted(patches, key=lambda patch: -patch.area_m2))


def _disc(diameter_px: float) -> NDArray[np.uint8]:
    import cv2

    side = max(1, round(diameter_px))
    disc: NDArray[np.uint8] = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)).astype(np.uint8)
    return disc


def _is_shadow_s_edge(inside: Mask, found: Comparison) -> bool:
    """Return whether a patch is what is left of a shadow: thin, of no other colour, and with shade along its side."""
    import cv2

    changed = inside & found.changed
    deepest = cv2.distanceTransform(np.pad(inside.astype(np.uint8), 1), cv2.DIST_L2, 3).max() * found.square.gsd_m
    if not changed.any() or deepest > _THIN_M or float(np.median(found.chroma[changed])) > SHADOW_CHROMA:
        return False
    beside = cv2.dilate(inside.astype(np.uint8), _disc(2.0 / found.square.gsd_m)) > 0
    beside &= ~inside
    return bool(found.shaded[beside].mean() > _BESIDE_SHADE) if beside.any() else False


def _judged(inside: Mask, found: Comparison) -> Patch:
    """Return what became of one patch."""
    import cv2

    gsd = found.square.gsd_m
    changed = inside & (found.cost >= LEAST_COST)
    ring = cv2.dilate(inside.astype(np.uint8), _disc(2 * _RING_M / gsd)) > 0
    ring &= ~(cv2.dilate(inside.astype(np.uint8), _disc(0.8 / gsd)) > 0) & found.seen & (found.cost < LEAST_COST)
    before, after = (_unlike(laid, changed, ring) for laid in (found.before[0], found.after[0]))
    height = _rise(inside, found)
    area = float(inside.sum() * gsd**2)
    brightness = float(np.median(found.brightness[changed])) if changed.any() else 0.0
    strength = float(1 - np.exp(-np.median(found.cost[changed]) / _SURE_COST)) if changed.any() else 0.0
    stuff = Stuff.UNKNOWN
    if height is not None:
        stuff = Stuff.STANDING if abs(height) >= _STANDS_M else Stuff.FLAT
    becoming, before_m2, after_m2 = Becoming.ALTERED, area, area
    if height is not None and abs(height) >= _STANDS_M:
        becoming = Becoming.APPEARED if height > 0 else Becoming.GONE
    elif after > _APART * before:
        becoming = Becoming.APPEARED
    elif before > _APART * after:
        becoming = Becoming.GONE
    if becoming is not Becoming.ALTERED and stuff is not Stuff.STANDING:
        later = becoming is Becoming.APPEARED
        becoming, before_m2, after_m2 = _growth(inside, changed, found, becoming=becoming, later=later)
    elif becoming is Becoming.APPEARED:
        before_m2 = 0.0
    elif becoming is Becoming.GONE:
        after_m2 = 0.0
    return Patch(
        becoming=becoming,
        stuff=stuff,
        inside=inside,
        area_m2=area,
        before_m2=before_m2,
        after_m2=after_m2,
        height_m=height,
        darker=brightness < 0,
        strength=strength,
    )


def _unlike(laid: Laid, inside: Mask, ring: Mask) -> float:
    """Return by how many of the surroundings' own spreads a patch differs from them in colour."""
    if ring.sum() < 30 or not inside.any():
        return 1.0
    colours = _colours(laid.pixels)
    around = colours[ring]
    middle = np.median(around, axis=0)
    spread = np.maximum(1.4826 * np.median(np.abs(around - middle), axis=0), (0.06, 0.01, 0.01))
    return float(np.sqrt((((np.median(colours[inside], axis=0) - middle) / spread) ** 2).sum())) + 0.5


def _colours(pixels: Pixels) -> NDArray[np.float32]:
    """Return (height, width, 3): logarithm of brightness, share of blue, share of red."""
    import cv2

    smooth = cv2.blur(pixels.astype(np.float32), (3, 3)) + 4
    total = smooth.sum(axis=-1)
    return np.stack([np.log(total), smooth[..., 0] / total, smooth[..., 2] / total], axis=-1)


def _rise(inside: Mask, found: Comparison) -> float | None:
    """Return by how much what stands on a patch rose, metres, by its upper parts; None where not known."""
    if found.height_before_m is None or found.height_after_m is None:
        return None
    both = inside & np.isfinite(found.height_before_m) & np.isfinite(found.height_after_m)
    if both.sum() < 0.5 * inside.sum():
        return None
    tops = [float(np.percentile(heights[both], 70)) for heights in (found.height_before_m, found.height_after_m)]
    return tops[1] - tops[0]


def _growth(
    inside: Mask, changed: Mask, found: Comparison, *, becoming: Becoming, later: bool
) -> tuple[Becoming, float, float]:
    """Return whether something flat was there in part already, and its area in either picture, square metres.

    Its colour is that of what changed, in the picture that shows it; what is nearer to that colour than to the ground
    around it belongs to it.
    """
    import cv2

    gsd = found.square.gsd_m
    showing = found.after[0] if later else found.before[0]
    near = cv2.dilate(inside.astype(np.uint8), _disc(2 * _RING_M / gsd)) > 0
    around = near & ~(cv2.dilate(inside.astype(np.uint8), _disc(0.8 / gsd)) > 0) & found.seen
    if around.sum() < 30:
        around = found.seen & ~inside
    thing = np.median(_colours(showing.pixels)[changed], axis=0)
    areas = []
    for laid in (found.before[0], found.after[0]):
        colours = _colours(laid.pixels)
        ground = np.median(colours[around], axis=0)
        # Both pictures have their own light: the thing differs from the ground as it does where it shows.
        own = thing + (ground - np.median(_colours(showing.pixels)[around], axis=0))
        scale = np.array([1.0, 5.0, 5.0])
        to_thing = ((colours - own) * scale) ** 2
        to_ground = ((colours - ground) * scale) ** 2
        areas.append(float((inside & (to_thing.sum(axis=-1) < to_ground.sum(axis=-1))).sum() * gsd**2))
    before, after = areas
    smaller, larger = min(areas), max(areas)
    if larger <= 0 or smaller < _LEAST_BEFORE * larger or larger < _GREW * smaller:
        whole = float(inside.sum() * gsd**2)
        return becoming, *((0.0, max(after, whole * 0.5)) if later else (max(before, whole * 0.5), 0.0))
    return (Becoming.GREW if after > before else Becoming.SHRANK), before, after
