"""Self-calibrating a flight: turned photos first, then the clock, then biases, and what it brought."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.points import LocalPlane
from core.refusal import Refusal
from core.text import _
from flight.track import PoseSigma, Track, orientation_of, pose_at
from geofence.calibrating.self_calibration import (
    BIASES,
    Bias,
    KnownPoint,
    SelfCalibration,
    SortieBiases,
    Tie,
    View,
    error_name,
    turn_over,
)
from geofence.calibrating.self_calibration_sights import (
    POSE,
    SHARED,
    Floats,
    Scene,
    Sights,
    layout_of,
    shared_things,
    shoot,
    sights_of,
)
from geofence.calibrating.self_calibration_solve import (
    Estimate,
    distances_apart,
    estimate_flaws,
    pose_prior,
    prior_of,
    spread_of,
)
from geofence.locating.error_budget import DeviceClass, ErrorBudget, budget_of
from geofence.locating.ground import Ground, NoStanding

LEAST_THINGS: Final = 6
_HOLD_OUT: Final = 4  # every fourth thing is kept out of the estimate
_MOVING_WEIGHT: Final = 0.1
_MISMATCH: Final = 3.5  # times one sigma of everything: a pair of frames that far apart shows two places
_CLOCK_THINGS: Final = 150  # so many things are enough for a clock
_CLOCK_STEP_S: Final = 0.01
# The gain in log-likelihood that a clock offset must bring: chance brings 5 in one flight of a thousand (χ² of one
# degree halved), and what is not modelled as much again.
_CLEAR_CLOCK: Final = 10.0
_FRAMES_PER_ODD_ONE: Final = 5
_WILDEST: Final = 4.5  # times the prior's sigma; beyond, something else is wrong


def self_calibrate(
    views: Sequence[View],
    ties: Sequence[Tie],
    *,
    ground: Ground,
    known: Sequence[KnownPoint] = (),
    track: Track | None = None,
    device_class: DeviceClass = DeviceClass.GNSS,
    longest_offset_s: float = 5.0,
) -> SelfCalibration | Refusal:
    """Return what the overlap of a flight says of its errors, or why it says nothing.

    Args:
        views: The frames, each once.
        ties: Things seen in them; those seen in one frame only are left out.
        ground: The ground.
        known: Points whose position is known.
        track: The flight's track, to estimate a clock offset; views are then re-posed from it.
        device_class: Whose error budget is the prior where poses state none.
        longest_offset_s: Clock offsets up to this are looked for, seconds.

    Returns:
        The report; or a refusal with code "not-enough-ties", "implausible" (an error would be wild) or "no-gain" (the
        kept-out things did not come closer). A frame whose own pose would have to be wildly wrong (its telemetry was
        late while the camera turned, or it belongs to another flight) is left out, one frame in five at most.
    """
    left_out: dict[str, str] = {}
    remaining = tuple(views)
    while True:
        found = _calibrated(
            remaining,
            ties,
            ground=ground,
            known=known,
            track=track,
            device_class=device_class,
            longest_offset_s=longest_offset_s,
        )
        if not isinstance(found, _Wild):
            return replace(found, left_out=left_out) if isinstance(found, SelfCalibration) else found
        if not found.frame_id or (len(left_out) + 1) * _FRAMES_PER_ODD_ONE > len(views):
            return Refusal(
                subject=_("self-calibration"),
                code="implausible",
                reason=found.reason,
                remedy=_("Check the stated heights and angles, or declare larger errors."),
            )
        left_out[found.frame_id] = found.reason
        remaining = tuple(view for view in remaining if view.frame_id != found.frame_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wild:
    """An error that nobody thought possible: of which frame (empty for a whole sortie's), and in words."""

    frame_id: str
    reason: str


def _wild(views: Sequence[View], estimate: Estimate, prior: Floats) -> _Wild | None:
    """Return the wildest error of an estimate, where it is beyond belief."""
    ratio = np.abs(estimate.theta / prior)
    at = int(ratio.argmax())
    if ratio[at] <= _WILDEST:
        return None
    layout = estimate.layout
    frame_id = views[(at - layout.own) // POSE].frame_id if at >= layout.own else ""
    if layout.shared <= at < layout.own:
        name = SHARED[at - layout.shared]
    else:
        name = BIASES[(at - (layout.own if frame_id else 0)) % POSE]
    words = _(
        "the {error} of {frame} would have to be {value:+.3g} off, which was thought to be known to ± {prior:.2g}"
    )
    return _Wild(
        frame_id=frame_id,
        reason=words.format(
            error=error_name(name),
            frame=frame_id or _("the whole flight"),
            value=-float(estimate.theta[at]),
            prior=float(prior[at]),
        ),
    )


def _calibrated(
    views: Sequence[View],
    ties: Sequence[Tie],
    *,
    ground: Ground,
    known: Sequence[KnownPoint],
    track: Track | None,
    device_class: DeviceClass,
    longest_offset_s: float,
) -> SelfCalibration | Refusal | _Wild:
    """Return what these frames say; see :func:`self_calibrate`."""
    usable = tuple(view for view in views if not isinstance(ground.stand(view.pose), NoStanding))
    things = shared_things(usable, ties)
    origin = usable[0].pose.position if usable else None
    if origin is None or (len(things) < LEAST_THINGS and not known):
        return Refusal(
            subject=_("self-calibration"),
            code="not-enough-ties",
            reason=_("only {count} things are seen in two frames or more, {least} are needed").format(
                count=len(things), least=LEAST_THINGS
            ),
            remedy=_("Fly with more overlap, or give a known point."),
        )
    held_out = len(things) >= 3 * LEAST_THINGS
    kept = [name for i, name in enumerate(things) if not held_out or i % _HOLD_OUT]
    checked = [name for i, name in enumerate(things) if not held_out or i % _HOLD_OUT == 0]
    budget = budget_of(usable[0].pose, device_class)
    scene = Scene(views=usable, ground=ground, plane=LocalPlane(origin=origin), budget=budget)
    turned = turned_frames(scene, sights_of(scene, ties, things, known))
    righted = replace(scene, views=tuple(turn_over(view) if view.frame_id in turned else view for view in usable))
    odd = mismatched(righted, sights_of(scene, ties, things, known))
    wrong = {name for at, name in enumerate(things) if at in odd}
    kept = [name for name in kept if name not in wrong]
    checked = [name for name in checked if name not in wrong]
    fit = sights_of(scene, ties, kept, known)
    offset = offset_sigma = None
    if track is not None:
        few = kept[:: max(1, len(kept) // _CLOCK_THINGS)]
        offset, offset_sigma, posed = clock_offset(righted, ties, few, track, longest_offset_s)
        righted = replace(righted, views=posed)
        # Frames for which the track has no pose at the right time take no further part.
        covered = {view.frame_id for view in posed}
        scene = replace(scene, views=tuple(view for view in usable if view.frame_id in covered))
        fit = sights_of(righted, ties, kept, known)
    estimate = estimate_flaws(righted, fit)
    prior = prior_of(righted, estimate.layout)
    wild = _wild(righted.views, estimate, prior)
    if wild is not None:
        return wild
    check = sights_of(scene, ties, checked, known)
    before, known_before = spread_of(scene, check, estimate.layout, None)
    after, known_after = spread_of(righted, check, estimate.layout, estimate.theta)
    if after.median_m > before.median_m and (known_before is None or (known_after or 0.0) > known_before):
        return Refusal(
            subject=_("self-calibration"),
            code="no-gain",
            reason=_("things kept out of the estimate lie {after:.2f} m apart after it, {before:.2f} m before").format(
                after=after.median_m, before=before.median_m
            ),
            remedy=_("Use the poses as they are."),
        )
    return SelfCalibration(
        sorties=_sorties(righted.views, estimate, prior),
        frames=_frames(righted.views, estimate),
        turned=tuple(sorted(turned)),
        clock_offset_s=offset,
        sigma=_sigma(estimate, budget, between=False),
        before=before,
        after=after,
        held_out=held_out,
        known_before_m=known_before,
        known_after_m=known_after,
        moving=(
            *(name for name, weight in zip(kept, estimate.weight, strict=True) if weight < _MOVING_WEIGHT),
            *sorted(wrong),
        ),
        clock_sigma_s=offset_sigma,
        sigma_between=_sigma(estimate, budget, between=True),
    )


def turned_frames(scene: Scene, sights: Sights) -> set[str]:
    """Return the frames whose photos are stored turned by 180° against their poses.

    Each pair of frames that share things says whether their fixes agree better as they are or with one of them
    turned; the clearest pairs speak first, and within what hangs together the turned ones are the fewer.
    """
    views = scene.views
    layout = layout_of(views, each_frame=False)
    upright = shoot(scene, sights, layout, None).place
    over = shoot(replace(scene, views=tuple(turn_over(view) for view in views)), sights, layout, None).place
    sides: dict[int, tuple[int, int]] = {i: (i, 0) for i in range(len(views))}  # frame → (group, turned against it)
    pairs = sorted(_pairs(sights, upright, over), key=lambda pair: -abs(pair[2]))
    for a, b, say in pairs:
        (group_a, turn_a), (group_b, turn_b) = sides[a], sides[b]
        if group_a == group_b:
            continue
        flip = turn_a ^ turn_b ^ int(say < 0)
        for frame, (group, turn) in list(sides.items()):
            if group == group_b:
                sides[frame] = (group_a, turn ^ flip)
    turned: set[str] = set()
    for group in {group for group, _turn in sides.values()}:
        members = [(frame, turn) for frame, (of, turn) in sides.items() if of == group]
        side = int(sum(turn for _frame, turn in members) * 2 > len(members))
        turned |= {views[frame].frame_id for frame, turn in members if turn != side}
    return turned


def mismatched(scene: Scene, sights: Sights) -> set[int]:
    """Return the things of pairs of frames that cannot show the same ground.

    Repeated patterns (rows of cars, roofs) now and then fit one homography in the wrong place. All ties of such a pair
    disagree alike, which robustness thing by thing takes for an error of the flight. So each pair is asked first: where
    its things lie farther apart, in the median, than the errors that are thought possible could put them, the pair was
    matched wrongly.
    """
    layout = layout_of(scene.views, each_frame=False)
    shot = shoot(scene, sights, layout, None, slopes=True)
    sigma = prior_of(scene, layout)
    allowed = np.concatenate([sigma[:POSE], sigma[layout.shared : layout.shared + 1]])
    moves = np.nan_to_num(shot.slope[:, :, : POSE + 1]) * allowed
    reach = np.sqrt(np.sum(moves**2, axis=(1, 2)))  # how far one sigma of everything moves each sight
    pairs: dict[tuple[int, ...], list[tuple[float, int]]] = defaultdict(list)
    by_thing: dict[int, list[int]] = defaultdict(list)
    for row, thing in enumerate(sights.thing):
        if thing >= 0 and np.isfinite(shot.place[row, 0]):
            by_thing[int(thing)].append(row)
    for thing, rows in by_thing.items():
        if len(rows) != 2:
            continue
        one, two = rows
        apart = float(np.hypot(*(shot.place[one] - shot.place[two])))
        expected = math.hypot(float(reach[one]), float(reach[two]))
        pairs[int(sights.frame[one]), int(sights.frame[two])].append((apart / max(expected, 1e-6), thing))
    wrong: set[int] = set()
    for told in pairs.values():
        if float(np.median([ratio for ratio, _thing in told])) > _MISMATCH:
            wrong |= {thing for _ratio, thing in told}
    return wrong


def _pairs(sights: Sights, upright: Floats, over: Floats) -> list[tuple[int, int, float]]:
    """Return frame pairs and what they say: positive for alike, negative for one turned, clear ones only."""
    shared: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    by_thing: dict[int, list[int]] = defaultdict(list)
    for row, thing in enumerate(sights.thing):
        if thing >= 0:
            by_thing[int(thing)].append(row)
    for rows in by_thing.values():
        for at, one in enumerate(rows):
            for two in rows[at + 1 :]:
                shared[int(sights.frame[one]), int(sights.frame[two])].append((one, two))
    said = []
    for (a, b), couples in shared.items():
        if a == b or len(couples) < 3:
            continue
        one, two = np.array(couples).T

        def gap(left: Floats, right: Floats, one: NDArray[np.int64] = one, two: NDArray[np.int64] = two) -> float:
            far = np.hypot(*(left[one] - right[two]).T)
            return float(np.median(np.where(np.isfinite(far), far, 1e6))) + 0.5

        alike = min(gap(upright, upright), gap(over, over))
        unlike = min(gap(upright, over), gap(over, upright))
        say = float(np.log(unlike / alike))
        if abs(say) > 1.0:
            said.append((a, b, say))
    return said


def clock_offset(
    scene: Scene, ties: Sequence[Tie], things: Sequence[str], track: Track, longest_s: float
) -> tuple[float, float | None, tuple[View, ...]]:
    """Return the clock offset under which things agree best, its one-sigma error, and the views posed with it.

    Each offset is judged by how far apart things lie after the other errors were estimated under it, so that what a
    bias of position or heading explains as well is not put on the clock. Ties of one pair of frames say the same again:
    the pairs are counted, not the things. Where the best offset explains no more than chance would, it is zero, and
    its error None. Frames at either end, for which the track has no pose under some offset, are not asked.
    """

    def posed(offset_s: float, views: Sequence[View]) -> tuple[View, ...]:
        moved = []
        for view in views:
            pose = pose_at(track, view.pose.captured_at + timedelta(seconds=offset_s), max_gap_s=5.0)
            if not isinstance(pose, Refusal) and pose.position is not None and orientation_of(pose) is not None:
                own = replace(pose, captured_at=view.pose.captured_at, sigma=view.pose.sigma)
                moved.append(replace(view, pose=own))
        return tuple(moved)

    always = [view for view in scene.views if all(posed(sign * longest_s, [view]) for sign in (-1, 1))]
    asked = replace(scene, views=tuple(always if len(always) > 1 else scene.views))
    sights = sights_of(asked, ties, things, ())

    def cost(offset_s: float) -> float:
        moved = replace(asked, views=posed(offset_s, asked.views))
        if len(moved.views) < len(asked.views):
            return np.inf
        quick = estimate_flaws(moved, sights, rounds=4, each_frame=False)
        apart = distances_apart(sights, shoot(moved, sights, quick.layout, quick.theta).place)
        return float(np.sum(np.log1p(apart[np.isfinite(apart)] ** 2)))

    grid = np.arange(-longest_s, longest_s + 0.25, 0.5)
    costs = [cost(float(offset)) for offset in grid]
    best = float(grid[int(np.argmin(costs))])
    low, high = best - 0.5, best + 0.5
    for _round in range(8):  # golden section to a hundredth of a second
        one, two = low + 0.382 * (high - low), low + 0.618 * (high - low)
        low, high = (low, two) if cost(one) < cost(two) else (one, high)
    best = (low + high) / 2 if np.isfinite(cost((low + high) / 2)) else best
    least, none = max(cost(best), 1e-9), cost(0.0)
    pairs = len(_pairs_of(sights))
    if np.isfinite(none) and pairs * math.log(max(none, 1e-9) / least) < _CLEAR_CLOCK:
        return 0.0, None, posed(0.0, scene.views) or scene.views
    step = 0.2
    around = [cost(best - step), cost(best + step)]
    bend = (around[0] + around[1] - 2 * least) / step**2 if np.all(np.isfinite(around)) else math.inf
    sigma = math.sqrt(least / (pairs * bend)) if 0 < bend < math.inf else step
    return best, max(sigma, _CLOCK_STEP_S), posed(best, scene.views) or scene.views


def _pairs_of(sights: Sights) -> set[tuple[int, ...]]:
    """Return which frames share a thing, as tuples of frames."""
    frames: dict[int, set[int]] = defaultdict(set)
    for frame, thing in zip(sights.frame, sights.thing, strict=True):
        if thing >= 0:
            frames[int(thing)].add(int(frame))
    return {tuple(sorted(seen)) for seen in frames.values()}


def _sorties(views: Sequence[View], estimate: Estimate, prior: Floats) -> tuple[SortieBiases, ...]:
    """Return each sortie's biases with their errors before and after."""
    sigma, layout = np.sqrt(np.diag(estimate.spread)), estimate.layout

    def bias(name: str, column: int) -> Bias:
        value, after, before = estimate.theta[column], sigma[column], prior[column]
        return Bias(name=name, value=float(value), sigma=float(after), prior_sigma=float(before))

    shared = tuple(bias(name, layout.shared + i) for i, name in enumerate(SHARED))
    sorties = []
    for sortie in range(int(layout.sortie.max(initial=0)) + 1):
        frames = tuple(view.frame_id for view, of in zip(views, layout.sortie, strict=True) if of == sortie)
        own = tuple(bias(name, POSE * sortie + i) for i, name in enumerate(BIASES))
        sorties.append(SortieBiases(frame_ids=frames, biases=(*own, *shared)))
    return tuple(sorties)


def _frames(views: Sequence[View], estimate: Estimate) -> Mapping[str, tuple[float, ...]]:
    """Return each frame's own corrections; empty when only the sorties' were estimated."""
    own = estimate.theta[estimate.layout.own :].reshape(-1, POSE)
    return {view.frame_id: tuple(map(float, row)) for view, row in zip(views, own, strict=False)}


def _sigma(estimate: Estimate, budget: ErrorBudget, *, between: bool) -> PoseSigma:
    """Return one-sigma errors of a corrected pose: of the frame that is known worst, or of one ``between`` them."""
    spread, layout = estimate.spread, estimate.layout
    worst = np.zeros(POSE)
    for frame, sortie in enumerate(layout.sortie):
        a = slice(POSE * sortie, POSE * (sortie + 1))
        variances = np.diag(spread[a, a]) + pose_prior(budget)[1] ** 2
        if layout.frames and not between:
            b = slice(layout.own + POSE * frame, layout.own + POSE * (frame + 1))
            variances = np.diag(spread[a, a] + spread[b, b] + 2 * spread[a, b])
        worst = np.maximum(worst, variances)
    east, north, up, yaw, pitch, tilt = np.sqrt(worst)
    return PoseSigma(
        horizontal_m=float(max(east, north)),
        vertical_m=float(up),
        yaw_deg=float(yaw),
        pitch_deg=float(pitch),
        roll_deg=float(tilt),
        source=_("self-calibration of the flight"),
    )
