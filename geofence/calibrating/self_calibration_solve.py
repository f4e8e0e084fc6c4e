"""The estimate behind :mod:`.self_calibration_flight`: robust least squares over frames and sorties.

Every tie's ray is cast on the ground with the trial corrections; a thing's fixes should meet. Unknown places of
things are eliminated (each is the weighted mean of its fixes), weights are the inverse covariances of the pixel
errors on the ground (which is a reprojection error in all but name), and each thing's say falls with its disagreement
(Cauchy). Biases of the sorties and corrections of each frame have Gaussian priors from the error budget, so what
geometry does not show stays put.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from geofence.calibrating.self_calibration import BIASES, Spread
from geofence.calibrating.self_calibration_sights import POSE, Floats, Layout, Scene, Shot, Sights, layout_of, shoot
from geofence.locating.error_budget import ErrorBudget

ROUNDS: Final = 20
# Ties of one pair of frames share what is not modelled (lens, relief); beyond this number they say the same again.
_SAY_OF_A_PAIR: Final = 30.0
# Things do not stand on the ground as it is assumed to be: each has a height of its own, one sigma of a hundredth of
# the flying height and at most a metre. It shrinks with a trial height, or a camera on the ground would explain
# everything.
_RELIEF_M: Final = 1.0
_RELIEF_SHARE: Final = 0.01
_MODEL_SHARE: Final = 1e-4  # of the flying height: what no pixel's error explains
_SLOPE_SIGMA: Final = 0.03
_CAUCHY2: Final = 2.385**2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimate:
    """Parameters in the order of :class:`Layout`, their covariance, and each thing's final weight."""

    layout: Layout
    theta: Floats
    spread: Floats
    weight: Floats


def pose_prior(budget: ErrorBudget) -> tuple[Floats, Floats]:
    """Return (6,) one-sigma errors of the flight's biases and of each frame's own deviation from them."""
    whole = np.array(
        [budget.horizontal_m, budget.horizontal_m, budget.vertical_m, budget.yaw_deg, budget.pitch_deg, budget.tilt_deg]
    )
    common = np.maximum(whole * np.sqrt(budget.common_share), 1e-4)
    return common, np.maximum(whole * np.sqrt(1 - budget.common_share), 1e-4)


def prior_of(scene: Scene, layout: Layout) -> Floats:
    """Return (parameters,) one-sigma errors before: what the ground's height may be wrong by counts as height."""
    common, own = pose_prior(scene.budget)
    common[BIASES.index("height")] = np.hypot(common[BIASES.index("height")], scene.ground.sigma_m)
    focal = max([1e-4, *(view.camera.focal_sigma for view in scene.views)])
    sorties = layout.shared // POSE
    return np.concatenate([np.tile(common, sorties), [focal, _SLOPE_SIGMA, _SLOPE_SIGMA], np.tile(own, layout.frames)])


def estimate_flaws(
    scene: Scene,
    sights: Sights,
    *,
    rounds: int = ROUNDS,
    each_frame: bool = True,
) -> Estimate:
    """Return the robust maximum a posteriori estimate of biases and frame corrections."""
    layout = layout_of(scene.views, each_frame=each_frame)
    sigmas = prior_of(scene, layout)
    stiffness = sigmas**-2
    theta = np.zeros(stiffness.size)
    groups = _groups(sights)
    weight: Floats = np.ones(int(sights.thing.max(initial=-1)) + 1)
    spread: Floats = np.linalg.inv(np.diag(stiffness))
    near = shoot(scene, sights, layout, None).place
    # Derivatives are taken where a ray *ought* to look, not where it was measured. Otherwise every disagreement would
    # be made smaller by a lower camera, which draws all fixes together, and the estimate would sink.
    aimed = sights.pixel
    sure, step, most, least = theta, np.zeros_like(theta), 0, np.inf
    for _round in range(rounds):
        shot = shoot(scene, sights, layout, theta, near=near, aimed=aimed, slopes=True)
        normal, gradient, chi2, ought = _normal_equations(sights, shot, aimed, groups, weight, layout)
        seen = chi2[np.isfinite(chi2)]
        middle = float(np.median(seen)) if seen.size else np.inf
        if seen.size < 0.7 * most or middle > 4 * least:
            # Too long a step: rays left the ground, or things came far apart. Take less of it.
            step = 0.4 * step
            theta = sure + step
            continue
        most, least, sure = max(most, seen.size), min(least, middle), theta
        near = np.where(np.isfinite(shot.place), shot.place, near)
        back = np.linalg.solve(
            np.where(np.isfinite(shot.pixel), shot.pixel, np.eye(2)), (ought - shot.place)[:, :, None]
        )
        aimed = np.where(np.isfinite(back[:, :, 0]), aimed + back[:, :, 0], sights.pixel)
        scale = max(1.0, middle / 0.69) if seen.size else 1.0  # 0.69: median of χ²/2, two degrees
        weight = np.where(np.isfinite(chi2), 1 / (1 + chi2 / (_CAUCHY2 * scale)), 0.0)
        spread = np.asarray(np.linalg.inv(normal / scale + np.diag(stiffness)), dtype=np.float64)
        step = spread @ (-gradient / scale - stiffness * theta)
        theta = theta + step
        if np.max(np.abs(step)) < 1e-4:
            break
    return Estimate(layout=layout, theta=theta, spread=spread, weight=weight)


def _groups(sights: Sights) -> list[tuple[NDArray[np.int64], float]]:
    """Return the rows of each thing (or known point), and its say: many ties of the same frames say the same again."""
    order = np.argsort(sights.thing, kind="stable")
    first = int(np.sum(sights.thing < 0))
    groups = [order[i : i + 1] for i in range(first)]
    rest = order[first:]
    groups += [rows for rows in np.split(rest, np.flatnonzero(np.diff(sights.thing[rest])) + 1) if rows.size > 1]
    frames = [tuple(sights.frame[rows]) if rows.size > 1 else None for rows in groups]
    counts = Counter(frames)
    return [
        (rows, 1.0 if key is None else min(1.0, _SAY_OF_A_PAIR / counts[key]))
        for rows, key in zip(groups, frames, strict=True)
    ]


def _normal_equations(  # noqa: PLR0917 - the parts of one equation
    sights: Sights,
    shot: Shot,
    aimed: Floats,
    groups: list[tuple[NDArray[np.int64], float]],
    weight: Floats,
    layout: Layout,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return normal matrix, gradient, (things,) χ² per degree of freedom, and (n, 2) where each ray ought to land."""
    normal, gradient = np.zeros((layout.size, layout.size)), np.zeros(layout.size)
    chi2, ought = np.full(weight.size, np.nan), np.full((len(sights.frame), 2), np.nan)
    landed = shot.place + np.einsum("nij,nj->ni", shot.pixel, sights.pixel - aimed)
    good = np.isfinite(shot.place[:, 0]) & np.isfinite(shot.slope).all(axis=(1, 2))
    for members, say in groups:
        rows = members[good[members]]
        thing = int(sights.thing[members[0]])
        if rows.size < (1 if thing < 0 else 2):
            continue
        m = rows.size
        stated, flying = np.abs(shot.height[rows]).mean(axis=0)
        relief = min(_RELIEF_M, _RELIEF_SHARE * stated) * flying / max(stated, 1e-6)
        covariance = np.zeros((2 * m, 2 * m))
        for at, row in enumerate(rows):
            pixel = shot.pixel[row] * sights.sigma_px[row]
            covariance[2 * at : 2 * at + 2, 2 * at : 2 * at + 2] = (
                pixel @ pixel.T + np.eye(2) * (_MODEL_SHARE * flying) ** 2
            )
        lever = shot.raised[rows].ravel()
        covariance += relief**2 * np.outer(lever, lever)
        # Each row's own columns side by side; columns that rows share come again and are added up.
        columns = np.concatenate([layout.columns(int(sights.frame[row])) for row in rows])
        width = columns.size // m
        slope = np.zeros((2 * m, columns.size))
        for at, row in enumerate(rows):
            by = shot.slope[row]
            whole = np.concatenate([by, by[:, :POSE]], axis=1) if layout.frames else by
            slope[2 * at : 2 * at + 2, width * at : width * (at + 1)] = whole
        place = landed[rows].ravel()
        if thing < 0:
            precise = np.linalg.inv(covariance + np.eye(2) * sights.known_sigma[rows[0]] ** 2)
            gap, share = place - sights.known[rows[0]], 1.0
            ought[rows] = sights.known[rows]
        else:
            precise = np.linalg.inv(covariance)
            one = np.tile(np.eye(2), (m, 1))
            mean = np.linalg.solve(one.T @ precise @ one, one.T @ precise)
            gap, slope = place - one @ (mean @ place), slope - one @ (mean @ slope)
            own_height = relief**2 * float(lever @ precise @ gap)
            ought[rows] = (place - gap + lever * own_height).reshape(m, 2)
            chi2[thing] = gap @ precise @ gap / (2 * (m - 1))
            share = say * weight[thing]
        np.add.at(normal, np.ix_(columns, columns), share * slope.T @ precise @ slope)
        np.add.at(gradient, columns, share * slope.T @ precise @ gap)
    return normal, gradient, chi2, ought


def distances_apart(sights: Sights, place: Floats) -> Floats:
    """Return per thing the root mean square distance of its fixes from their mean, metres; NaN for fewer than two."""
    things = int(sights.thing.max(initial=-1)) + 1
    apart = np.full(things, np.nan)
    for thing in range(things):
        mine = place[(sights.thing == thing) & np.isfinite(place[:, 0])]
        if len(mine) > 1:
            apart[thing] = np.sqrt(np.mean(np.sum((mine - mine.mean(axis=0)) ** 2, axis=1)))
    return apart


def spread_of(scene: Scene, sights: Sights, layout: Layout, theta: Floats | None) -> tuple[Spread, float | None]:
    """Return the spread of things, and the root mean square miss of known points."""
    place = shoot(scene, sights, layout, theta).place
    apart = distances_apart(sights, place)
    apart = apart[np.isfinite(apart)]
    known = (sights.thing < 0) & np.isfinite(place[:, 0])
    miss = None
    if known.any():
        miss = float(np.sqrt(np.mean(np.sum((place[known] - sights.known[known]) ** 2, axis=1))))
    if not apart.size:
        return Spread(count=0, median_m=0.0, p90_m=0.0), miss
    return Spread(count=apart.size, median_m=float(np.median(apart)), p90_m=float(np.quantile(apart, 0.9))), miss
