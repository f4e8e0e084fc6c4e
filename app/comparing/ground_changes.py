"""What changed between two patrols, each change put on the ground and on a site, with what speaks against it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from app.comparing.ground_squares import CORE_M, Pictures, Twice, seen_twice
from app.comparing.patrol_view import PatrolView
from app.instruments import Jurisdiction, Progress
from core.clock import iso_utc
from core.ids import derived_id
from core.points import LocalPlane, from_plane, to_plane
from core.refusal import Refusal
from core.text import _
from detection.changes.compare import Comparison, Laid, Square, compare_square
from detection.changes.method import LABELS, METHOD_SHA256
from detection.changes.patches import LEAST_M2, Becoming, Patch, Stuff, cut_patches
from detection.detection import Box, Detection
from detection.ground_scale import height_above_ground_m
from evidence.sealing.frame_record import FrameRecord
from flight.camera import project
from flight.track import orientation_of
from geofence.attribute import attribute_all
from geofence.attributing.attribute_footing import attribute_footing
from geofence.attribution import Attribution, Undecided
from geofence.fix import Fix
from geofence.gather import gather
from geofence.locate import locate
from geofence.locating.ground import Ground
from geofence.register.site_index import SiteIndex, build_index
from geofence.sighting import Sighting

VEHICLES: Final = frozenset({"vehicle", "car", "van", "truck", "bus", "tanker", "trailer", "motorbike", "excavator"})
_VEHICLE_MOST_M2: Final = 35.0  # a car with its shadow's rest; larger bodies twice as much
_LARGE: Final = frozenset({"truck", "bus", "tanker", "trailer", "excavator"})
_VEHICLE_NEAR_M: Final = 3.5
_RIM_M: Final = 4.0
_SAME_DEG: Final = 2e-5  # two metres: neighbouring squares are laid by other pictures' poses


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroundChange:
    """One change on the ground.

    Attributes:
        change_id: Derived from frames and place.
        patch: What became of it.
        sighting: Where, with its error, as the frames of the patrol that shows it put it.
        outcome: On whose site and in which zone.
        outline: Its outline on the ground, degrees.
        square, shot_before, shot_after: What it was compared in, for its pictures.
        frames: The frames that were compared, earlier and later.
        remarks: What speaks for and against it, as sentences.
    """

    change_id: str
    patch: Patch
    sighting: Sighting
    outcome: Attribution | Undecided
    outline: Polygon
    square: Square
    shot_before: Laid = field(repr=False)
    shot_after: Laid = field(repr=False)
    frames: tuple[FrameRecord, FrameRecord]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundChanges:
    """What came of comparing two patrols.

    Attributes:
        before, after: The patrols' names.
        changes: Largest first.
        squares: How many squares both saw; compared + refused = squares.
        compared_m2: Ground that was compared.
        shaded_m2: Ground that looks different, as shadows explain.
        vehicles: Changes at which a detector saw a vehicle, in either patrol; no leads, but told, for detectors err.
        unlocated: Changes that could not be put on the ground, by reason.
        refusals: Squares that could not be compared.
    """

    before: str
    after: str
    changes: tuple[GroundChange, ...]
    squares: int
    compared_m2: float
    shaded_m2: float
    vehicles: tuple[GroundChange, ...]
    unlocated: dict[str, int]
    refusals: tuple[Refusal, ...]


def find_changes(
    before: PatrolView,
    after: PatrolView,
    *,
    ground: Ground,
    jurisdiction: Jurisdiction,
    progress: Progress,
    least_m2: float = LEAST_M2,
) -> GroundChanges:
    """Return what changed between two patrols.

    Args:
        before: The earlier patrol.
        after: The later one.
        ground: What rays are cut with.
        jurisdiction: Sites and zones.
        progress: Told of every square.
        least_m2: Smaller changes are left out.
    """
    squares = seen_twice(before, after)
    index, pictures = build_index(jurisdiction.register), Pictures(before, after)
    vehicles = [fix for patrol in (before, after) for fix in patrol.fixes if fix.detection.label in VEHICLES]
    changes: list[_Ranked] = []
    refusals: list[Refusal] = []
    unlocated: Counter[str] = Counter()
    compared = shaded = 0.0
    driven: list[_Ranked] = []
    progress.start(_("comparing ground"), len(squares))
    for twice in squares:
        found = _compared(twice, pictures)
        progress.step()
        if isinstance(found, Refusal):
            refusals.append(found)
            continue
        comparison, early, late = found
        core = _core(comparison.square)
        area = comparison.square.gsd_m**2
        compared += float(comparison.seen[core].sum()) * area
        shaded += float(comparison.shaded[core].sum()) * area
        for patch in cut_patches(comparison, least_m2=least_m2):
            rank = _rank(patch, comparison)
            if rank is None:
                continue
            placed = _placed(patch, comparison, early, late, ground, index)
            if isinstance(placed, str):
                unlocated[placed] += 1
            else:
                (driven if _is_vehicle(patch, comparison, vehicles) else changes).append((rank, placed))
    return GroundChanges(
        before=before.name,
        after=after.name,
        changes=_once(changes),
        squares=len(squares),
        compared_m2=compared,
        shaded_m2=shaded,
        vehicles=_once(driven),
        unlocated=dict(unlocated),
        refusals=tuple(refusals),
    )


_Compared = tuple[Comparison, tuple[FrameRecord, ...], tuple[FrameRecord, ...]]


def _compared(twice: Twice, pictures: Pictures) -> _Compared | Refusal:
    before, early = pictures.epoch(twice.before)
    after, late = pictures.epoch(twice.after)
    found = compare_square(twice.square, before, after)
    return found if isinstance(found, Refusal) else (found, early, late)


def _core(square: Square) -> tuple[slice, slice]:
    rim = round((square.half_m - CORE_M / 2) / square.gsd_m)
    return slice(rim, square.side_px - rim), slice(rim, square.side_px - rim)


_Ranked = tuple[tuple[int, float], GroundChange]


def _rank(patch: Patch, comparison: Comparison) -> tuple[int, float] | None:
    """Return how well a square shows a patch, greater for better; None for one that only its neighbours show well.

    A neighbour's patch is told too where two pictures of each patrol show it here: there they may be fewer.
    """
    square = comparison.square
    off = max(abs(place - square.side_px / 2) * square.gsd_m for place in patch.middle_px)
    pictures = min(len(comparison.before), len(comparison.after), 2)
    if off > CORE_M / 2 and (pictures < 2 or off > square.half_m - _RIM_M):
        return None
    return pictures, -off


def _once(found: Sequence[_Ranked]) -> tuple[GroundChange, ...]:
    """Return changes without those that a better square tells too, largest first."""
    kept: list[GroundChange] = []
    for _how, change in sorted(found, key=lambda ranked: (ranked[0], ranked[1].change_id), reverse=True):
        middle = change.outline.centroid
        if not any(
            other.outline.distance(middle) < _SAME_DEG or change.outline.distance(other.outline.centroid) < _SAME_DEG
            for other in kept
        ):
            kept.append(change)
    return tuple(sorted(kept, key=lambda change: (-change.patch.area_m2, change.change_id)))


def _is_vehicle(patch: Patch, comparison: Comparison, vehicles: Sequence[Fix]) -> bool:
    """Return whether a detector saw a vehicle there, in either patrol, that is large enough to be the change."""
    fitting = [
        fix.point for fix in vehicles if patch.area_m2 <= _VEHICLE_MOST_M2 * (2 if fix.detection.label in _LARGE else 1)
    ]
    if not fitting:
        return False
    square = comparison.square
    places = to_plane(LocalPlane(origin=square.centre), [[point.lon_deg, point.lat_deg] for point in fitting])
    middle = np.array(patch.middle_px) - square.side_px / 2
    off = places - middle * [square.gsd_m, -square.gsd_m]
    return bool((np.hypot(*off.T) <= _VEHICLE_NEAR_M).any())


def _placed(  # noqa: PLR0917 - one patch, and all that it is placed by
    patch: Patch,
    comparison: Comparison,
    early: tuple[FrameRecord, ...],
    late: tuple[FrameRecord, ...],
    ground: Ground,
    index: SiteIndex,
) -> GroundChange | str:
    """Return a patch on the ground, or why it cannot be put there."""
    gone = patch.becoming in {Becoming.GONE, Becoming.SHRANK}
    shown, frames = (comparison.before, early) if gone else (comparison.after, late)
    first, last = early[comparison.before[0].number], late[comparison.after[0].number]
    remarks = (*_remarks(patch, comparison), _told_frames(first, last))
    fixes, codes = [], []
    for laid in shown:
        outcome = _fix(patch, comparison.square, laid, frames[laid.number], ground, remarks)
        if isinstance(outcome, Fix):
            fixes.append(outcome)
        elif outcome:
            codes.append(outcome)
    if not fixes:
        return codes[0] if codes else "not-in-picture"
    sightings = gather(fixes)
    sighting = max(sightings, key=lambda one: len(one.fixes))
    (attributed,) = attribute_all([sighting], index)
    outline = _outline(patch, comparison.square)
    middle = sighting.point
    return GroundChange(
        change_id=derived_id(
            "change", first.frame_id, last.frame_id, f"{middle.lon_deg:.6f}", f"{middle.lat_deg:.6f}", patch.becoming
        ),
        patch=patch,
        sighting=sighting,
        outcome=attribute_footing(sighting, attributed, index, outline=outline),
        outline=outline,
        square=comparison.square,
        shot_before=comparison.before[0],
        shot_after=comparison.after[0],
        frames=(first, last),
        remarks=remarks,
    )


def _fix(  # noqa: PLR0917 - as above
    patch: Patch, square: Square, laid: Laid, frame: FrameRecord, ground: Ground, remarks: tuple[str, ...]
) -> Fix | str:
    """Return where one frame puts a patch, by its own pose; or why not."""
    orientation, height_m = orientation_of(frame.pose), height_above_ground_m(frame.pose)
    if frame.camera is None or frame.pose.position is None or orientation is None or height_m is None:
        return "no-pose"
    left, top, right, bottom = patch.box_px
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float64)
    if laid.alignment is not None:
        corners = corners @ laid.alignment.matrix[:, :2].T + laid.alignment.matrix[:, 2]
    offsets = (corners - square.side_px / 2) * [square.gsd_m, -square.gsd_m]
    centre = to_plane(LocalPlane(origin=frame.pose.position), [square.centre.lon_deg, square.centre.lat_deg])
    places = np.column_stack([offsets + centre, np.full(4, -height_m)])
    pixels = project(frame.camera, orientation, places)
    if not np.isfinite(pixels).all():
        return "not-in-picture"
    low = np.clip(pixels.min(axis=0), 0, [frame.width_px, frame.height_px])
    high = np.clip(pixels.max(axis=0), 0, [frame.width_px, frame.height_px])
    if (high - low < 1).any():
        return "not-in-picture"
    detection = Detection(
        frame_id=frame.frame_id,
        label=label_of(patch),
        score=patch.strength,
        box=Box(left_px=float(low[0]), top_px=float(low[1]), right_px=float(high[0]), bottom_px=float(high[1])),
        weight_sha256=METHOD_SHA256,
        remarks=remarks,
    )
    found = locate(detection, pose=frame.pose, camera=frame.camera, ground=ground, captured_at=frame.captured_at)
    return found if isinstance(found, Fix) else found.code


def label_of(patch: Patch) -> str:
    """Return the label that the rules know a change by."""
    return LABELS[patch.becoming, patch.stuff, patch.darker]


def _remarks(patch: Patch, comparison: Comparison) -> tuple[str, ...]:
    return tuple(_said(patch, comparison))


def _told_frames(before: FrameRecord, after: FrameRecord) -> str:
    return _("compared: {before} of {then} with {after} of {now}").format(
        before=before.original_name,
        then=iso_utc(before.captured_at),
        after=after.original_name,
        now=iso_utc(after.captured_at),
    )


def _said(patch: Patch, comparison: Comparison) -> Iterator[str]:
    if patch.becoming in {Becoming.GREW, Becoming.SHRANK}:
        yield _("{before:.1f} m² before, {after:.1f} m² after").format(before=patch.before_m2, after=patch.after_m2)
    else:
        yield _("{area:.1f} m²").format(area=patch.area_m2)
    if patch.height_m is None:
        yield _("one picture of one of the patrols shows it, so that its height is not known")
    elif patch.stuff is Stuff.STANDING:
        yield _("stands about {height:.0f} m high, by two pictures").format(height=abs(patch.height_m))
    else:
        yield _("lies flat or has a plain top, by two pictures")
    yield _("the patrols' pictures were laid together to {error:.2f} m by {corners} corners").format(
        error=comparison.residual_m,
        corners=0 if comparison.after[0].alignment is None else comparison.after[0].alignment.agreeing,
    )
    if len(comparison.before) < 2 or len(comparison.after) < 2:
        yield _("seen in one picture of a patrol: something that drove by is not excluded")
    changed = patch.inside & comparison.changed
    if changed.any() and float(np.median(comparison.chroma[changed])) < 0.03:
        yield _("its colour did not change, only its brightness: water, shadow or dirt")


def _outline(patch: Patch, square: Square) -> Polygon:
    """Return a patch's outline on the ground, degrees, to a quarter of a metre."""
    import cv2

    outlines, _tree = cv2.findContours(patch.inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    points: NDArray[np.float64] = max(outlines, key=cv2.contourArea)[:, 0, :].astype(np.float64) + 0.5
    if len(points) < 3:
        left, top, right, bottom = patch.box_px
        points = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float64)
    metres = (points - square.side_px / 2) * [square.gsd_m, -square.gsd_m]
    simple = shapely.make_valid(shapely.simplify(Polygon(metres), 0.25))
    whole = simple if isinstance(simple, Polygon) else simple.convex_hull
    plane = LocalPlane(origin=square.centre)
    placed = shapely.transform(whole, lambda flat: from_plane(plane, flat))
    return placed if isinstance(placed, Polygon) else Polygon(from_plane(plane, metres)).envelope.buffer(1e-7)
