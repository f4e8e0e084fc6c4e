"""What self-calibration measures with: sights of things and known points, and casting them with trial corrections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.points import LocalPlane, to_plane
from flight.track import orientation_of
from geofence.calibrating.self_calibration import BIASES, KnownPoint, Tie, View
from geofence.locating.error_budget import ErrorBudget
from geofence.locating.ground import Ground, NoStanding
from geofence.locating.locate_cast import PARAMETERS, Aim, cast, on_earth

Floats = NDArray[np.float64]

REACH_M: Final = 5_000.0
SORTIE_GAP_S: Final = 300.0  # after five minutes without a frame, compass and barometer have started anew
MOST_FRAMES_EACH: Final = 150  # beyond, only the sorties' biases are estimated
SHARED: Final = ("focal", "slope east", "slope north")
POSE, REST = len(BIASES), len(SHARED)
# Steps of the derivatives: pose in metres and degrees, focal share, pixels, ground in metres.
_COLUMNS: Final = [PARAMETERS.index(name) for name in (*BIASES, "focal", "u", "v", "ground")]
_STEPS: Final = np.array([0.5, 0.5, 0.5, 0.1, 0.1, 0.1, 0.002, 1.0, 1.0, 0.2])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """What does not change while estimating: frames as they are stated, their ground, the flight's plane, the prior."""

    views: tuple[View, ...]
    ground: Ground
    plane: LocalPlane
    budget: ErrorBudget


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sights:
    """Ties and known points as arrays, sorted by frame.

    ``thing`` is the index of the thing, or −1 for a known point, whose place is then ``known``.
    """

    frame: NDArray[np.int64]
    pixel: Floats
    sigma_px: Floats
    lift: Floats
    thing: NDArray[np.int64]
    known: Floats
    known_sigma: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shot:
    """Where sights meet the ground in the flight's plane, and what changes that.

    ``place`` (n, 2), ``pixel`` (n, 2, 2) derivative by the pixel, ``slope`` (n, 2, 9) derivatives by BIASES and SHARED,
    ``raised`` (n, 2) derivative by the ground's height, ``height`` (n,) of the camera above the ground's reference,
    as stated and as corrected in two columns.
    """

    place: Floats
    pixel: Floats
    slope: Floats
    raised: Floats
    height: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """Where parameters stand: six biases of each sortie, what all share, then six corrections of each frame.

    ``sortie`` (frames,) is each frame's sortie; ``frames`` is zero when frames have no corrections of their own.
    """

    sortie: NDArray[np.int64]
    frames: int

    @property
    def shared(self) -> int:
        """Where what all share begins."""
        return POSE * (int(self.sortie.max(initial=0)) + 1)

    @property
    def own(self) -> int:
        """Where the frames' own corrections begin."""
        return self.shared + REST

    @property
    def size(self) -> int:
        """How many parameters there are."""
        return self.own + POSE * self.frames

    def columns(self, frame: int) -> NDArray[np.int64]:
        """Return the columns that a sight in ``frame`` depends on: its sortie's, the shared, its own."""
        begin = POSE * self.sortie[frame]
        columns = [np.arange(begin, begin + POSE), np.arange(self.shared, self.own)]
        if self.frames:
            columns.append(np.arange(self.own + POSE * frame, self.own + POSE * (frame + 1)))
        return np.concatenate(columns)


def shared_things(views: Sequence[View], ties: Sequence[Tie]) -> list[str]:
    """Return the things seen in at least two of the frames, in order of name."""
    ids = {view.frame_id for view in views}
    frames: dict[str, set[str]] = defaultdict(set)
    for tie in ties:
        if tie.frame_id in ids:
            frames[tie.thing].add(tie.frame_id)
    return sorted(thing for thing, seen in frames.items() if len(seen) > 1)


def sights_of(scene: Scene, ties: Sequence[Tie], things: Sequence[str], known: Sequence[KnownPoint]) -> Sights:
    """Return the sights of ``things`` and the known points, sorted by frame."""
    order = {view.frame_id: i for i, view in enumerate(scene.views)}
    number = {name: i for i, name in enumerate(things)}
    rows = [
        (order[t.frame_id], t.u_px, t.v_px, t.sigma_px, t.lift_m, number[t.thing], 0.0, 0.0, 1.0)
        for t in ties
        if t.thing in number and t.frame_id in order
    ]
    for k in known:
        if k.frame_id in order:
            x, y = to_plane(scene.plane, [k.point.lon_deg, k.point.lat_deg])
            rows.append((order[k.frame_id], k.u_px, k.v_px, k.sigma_px, 0.0, -1, float(x), float(y), k.sigma_m))
    rows.sort(key=lambda row: row[0])
    table = np.array(rows, dtype=np.float64).reshape(-1, 9)
    return Sights(
        frame=table[:, 0].astype(np.int64),
        pixel=table[:, 1:3],
        sigma_px=table[:, 3],
        lift=table[:, 4],
        thing=table[:, 5].astype(np.int64),
        known=table[:, 6:8],
        known_sigma=table[:, 8],
    )


def layout_of(views: Sequence[View], *, each_frame: bool) -> Layout:
    """Return the layout of the parameters for these frames; sorties are told apart by gaps in time."""
    order = sorted(range(len(views)), key=lambda i: views[i].pose.captured_at)
    sortie = np.zeros(len(views), dtype=np.int64)
    for before, now in pairwise(order):
        gap_s = (views[now].pose.captured_at - views[before].pose.captured_at).total_seconds()
        sortie[now] = sortie[before] + (gap_s > SORTIE_GAP_S)
    return Layout(sortie=sortie, frames=len(views) if each_frame and len(views) <= MOST_FRAMES_EACH else 0)


def _corrections(theta: Floats | None, layout: Layout) -> Floats:
    """Return (frames, 6) corrections in the order of BIASES: the sortie's plus each frame's own."""
    if theta is None:
        return np.zeros((len(layout.sortie), POSE))
    whole = theta[: layout.shared].reshape(-1, POSE)[layout.sortie]
    own: Floats = whole + theta[layout.own :].reshape(-1, POSE) if layout.frames else whole
    return own


def shoot(
    scene: Scene,
    sights: Sights,
    layout: Layout,
    theta: Floats | None,
    *,
    near: Floats | None = None,
    aimed: Floats | None = None,
    slopes: bool = False,
) -> Shot:
    """Cast all sights with trial corrections; places are NaN where a ray meets no ground.

    Args:
        scene: Frames and ground.
        sights: Sorted by frame.
        layout: Where parameters stand.
        theta: Trial parameters, or None for none.
        near: (n, 2) about where the sights lie, for the height of sloping ground; None to leave the slope out.
        aimed: (n, 2) pixels to cast instead of the measured ones.
        slopes: Whether derivatives are wanted.
    """
    count = len(sights.frame)
    place, pixel = np.full((count, 2), np.nan), np.full((count, 2, 2), np.nan)
    pixels = sights.pixel if aimed is None else aimed
    slope, raised = np.full((count, 2, POSE + REST), np.nan), np.full((count, 2), np.nan)
    height = np.full((count, 2), np.nan)
    corrections = _corrections(theta, layout)
    rise = np.zeros(count)
    if theta is not None and near is not None:
        rise = np.nan_to_num(near) @ theta[layout.shared + 1 : layout.own]
    blocks = np.zeros((1 + 2 * len(_COLUMNS) * slopes, len(PARAMETERS)))
    if slopes:
        for at, (column, step) in enumerate(zip(_COLUMNS, _STEPS, strict=True)):
            blocks[1 + 2 * at, column], blocks[2 + 2 * at, column] = step, -step
    for i, view in enumerate(scene.views):
        rows = np.flatnonzero(sights.frame == i)
        standing, orientation, point = scene.ground.stand(view.pose), orientation_of(view.pose), view.pose.position
        if not rows.size or isinstance(standing, NoStanding) or orientation is None or point is None:
            continue
        deviations = np.repeat(blocks, rows.size, axis=0)
        deviations[:, _COLUMNS[:POSE]] += corrections[i]
        if theta is not None:
            deviations[:, PARAMETERS.index("focal")] += theta[layout.shared]
        deviations[:, PARAMETERS.index("ground")] += np.tile(rise[rows], len(blocks))
        aim = Aim(
            point=point,
            height_m=standing.height_m,
            orientation=orientation,
            camera=view.camera,
            pixels=np.tile(pixels[rows], (len(blocks), 1)),
            lift_m=np.tile(sights.lift[rows], len(blocks)),
        )
        met = cast(aim, scene.ground, deviations, reach_m=REACH_M).enu_m.reshape(len(blocks), rows.size, 3)
        good = np.isfinite(met).all(axis=(0, 2))
        if not good.any():
            continue
        rows, met = rows[good], met[:, good]
        height[rows] = standing.height_m, standing.height_m + corrections[i, BIASES.index("height")]
        place[rows] = to_plane(scene.plane, on_earth(point, met[0], standing.reference_hae_m or 0.0))
        if slopes:
            change = (met[1::2, :, :2] - met[2::2, :, :2]) / (2 * _STEPS[:, None, None])
            by = np.moveaxis(change, 0, -1)  # (rows, 2, stepped)
            raised[rows] = by[:, :, POSE + 3]
            slope[rows, :, : POSE + 1] = by[:, :, : POSE + 1]
            where = place[rows] if near is None else near[rows]
            slope[rows, :, POSE + 1 :] = raised[rows][:, :, None] * where[:, None, :]
            pixel[rows] = by[:, :, POSE + 1 : POSE + 3]
    return Shot(place=place, pixel=pixel, slope=slope, raised=raised, height=height)
