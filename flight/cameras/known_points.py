"""Calibrating a camera from points whose positions are known, seen in one or more of its photographs.

Estimated are the focal length, the principal point, radial distortion and how the optical axis is mounted against the
angles that the telemetry states, by weighted least squares on pixels (a bundle adjustment with the points held). Where
each photograph was is not taken for true either: its position and its own angles move within their stated errors.

What the geometry does not decide is not claimed. Flat ground seen straight down lets a longer lens pass for a lower
flight, and a shifted principal point for a tilted mount; so whether a parameter is told apart is read off the
covariance, parameters that are not are held where they were, and a focal length that is not is a refusal. Residuals
are given twice: as fitted, and as each point would have been missed had it not been used (by its leverage).

C. Brown, "Close-range camera calibration", Photogrammetric Engineering 37 (1971).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.points import GeoPoint, LocalPlane, to_enu
from core.refusal import Refusal
from core.text import _
from flight.camera import Camera, Lens, Orientation, project

Floats = NDArray[np.float64]

LEAST_POINTS: Final = 5
_FOCAL_DECIDED: Final = 0.02  # relative; a focal length known worse than this is no calibration
_OF_PRIOR: Final = 0.5  # a parameter counts as told apart when its error fell below this share of what was thought
_WORST_PX: Final = 20.0
_OUTLIER: Final = 4.0  # times the robust spread
_ROUNDS: Final = 60
_SETTLED: Final = 1e-6
# One sigma of what is thought before, beside the pose's own errors: share of the focal length, centre as a share of
# the width, radial terms, and the mount's angles in degrees.
_PRIOR: Final = {"focal": 0.2, "centre": 0.02, "k1": 0.3, "k2": 0.3, "mount": 5.0}
_LENS: Final = ("focal", "centre x", "centre y", "k1", "k2", "mount yaw", "mount pitch", "mount roll")
_POSE: Final = 6  # east, north, up, yaw, pitch, roll of each photograph


@dataclass(frozen=True, slots=True, kw_only=True)
class PointPhoto:
    """A photograph with known points in it.

    Attributes:
        name: The photograph.
        position: Where the telemetry puts the camera.
        height_hae_m: Its height above the ellipsoid, metres.
        orientation: Where the telemetry says it looked.
        horizontal_sigma_m, vertical_sigma_m: One-sigma errors of position and height.
        angle_sigma_deg: One sigma of this photograph's own angles, beside what the mount explains for all.
        pixels: (n, 2) columns and rows of the points.
        lonlat: (n, 2) their longitudes and latitudes, degrees.
        point_hae_m: (n,) their heights above the ellipsoid, metres.
    """

    name: str
    position: GeoPoint
    height_hae_m: float
    orientation: Orientation
    horizontal_sigma_m: float
    vertical_sigma_m: float
    angle_sigma_deg: float
    pixels: Floats
    lonlat: Floats
    point_hae_m: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One estimated parameter: its value, its one-sigma error, and whether the geometry tells it apart."""

    name: str
    value: float
    sigma: float
    decided: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Residual:
    """How far a point was missed, pixels: with it in the fit, and as it would be without it."""

    photo: str
    u_px: float
    v_px: float
    fitted_px: float
    left_out_px: float
    used: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PointCalibration:
    """A camera calibrated from known points, with what it rests on.

    Attributes:
        camera: The camera.
        parameters: Every parameter of the lens and the mount.
        residuals: Every point, in the order given.
        rms_px, left_out_rms_px: Of the points used, fitted and left out.
        before_rms_px: The same before, with the camera and the poses as stated.
    """

    camera: Camera
    parameters: tuple[Parameter, ...]
    residuals: tuple[Residual, ...]
    rms_px: float
    left_out_rms_px: float
    before_rms_px: float


def calibrate_from_points(
    photos: Sequence[PointPhoto], *, camera: Camera, pixel_sigma_px: float = 1.5
) -> PointCalibration | Refusal:
    """Return the camera that saw known points where it saw them, or why that cannot be told.

    Args:
        photos: The photographs, all of one image size and zoom.
        camera: What is thought of the camera before.
        pixel_sigma_px: One-sigma error of the pixels, as a person points at them.

    Returns:
        The calibration; or a refusal with code "too-few-points", "undecided" or "poor-fit".
    """
    count = sum(len(photo.pixels) for photo in photos)
    if count < LEAST_POINTS:
        return Refusal(
            subject=camera.model,
            code="too-few-points",
            reason=_("{count} points are given, {least} are needed").format(count=count, least=LEAST_POINTS),
            remedy=_("Point at more known points, spread over the whole image."),
        )
    if camera.lens is Lens.FISHEYE:
        raise ValueError("a fisheye is calibrated with a checkerboard")
    problem = _Problem(tuple(photos), camera, pixel_sigma_px)
    free = np.ones(len(_LENS), dtype=bool)
    # Parameters that the geometry does not tell apart are held, the least decided first, and the rest solved again.
    while True:
        theta, used, spread = _solved(problem, free)
        sigma = np.sqrt(np.diag(spread))[: len(_LENS)]
        undecided = [i for i in range(1, 5) if free[i] and sigma[i] > _OF_PRIOR * problem.prior[i]]
        if not undecided:
            break
        free[max(undecided, key=lambda i: sigma[i] / problem.prior[i])] = False
    residuals = problem.residuals(theta)
    fitted = np.hypot(*residuals.T)
    rms = float(np.sqrt(np.mean(fitted[used] ** 2))) if used.any() else math.inf
    decided_focal = sigma[0] * max(1.0, rms / pixel_sigma_px) <= _FOCAL_DECIDED
    if not decided_focal:
        return Refusal(
            subject=camera.model,
            code="undecided",
            reason=_(
                "the focal length could be {share:.0%} longer or shorter and these points would look the same"
            ).format(share=sigma[0]),
            remedy=_(
                "Take oblique photographs, points at different heights, or photographs whose height is well known."
            ),
        )
    if not math.isfinite(rms) or rms > _WORST_PX or used.sum() < LEAST_POINTS:
        return Refusal(
            subject=camera.model,
            code="poor-fit",
            reason=_("the points lie {rms:.1f} px from where any camera puts them").format(rms=rms),
            remedy=_("Check which point is which, the datum of the heights, and the order of latitude and longitude."),
        )
    return _calibration(problem, theta, spread, used, free, rms)


class _Problem:
    """The photographs as one vector of residuals of a vector of parameters."""

    def __init__(self, photos: tuple[PointPhoto, ...], camera: Camera, pixel_sigma_px: float) -> None:
        self.photos, self.camera, self.pixel_sigma_px = photos, camera, pixel_sigma_px
        self.pixels = np.concatenate([photo.pixels for photo in photos])
        self.points = [
            to_enu(LocalPlane(origin=photo.position), photo.lonlat, photo.point_hae_m) - [0, 0, photo.height_hae_m]
            for photo in photos
        ]
        centre = _PRIOR["centre"] * camera.width_px
        lens = [_PRIOR["focal"], centre, centre, _PRIOR["k1"], _PRIOR["k2"], *[_PRIOR["mount"]] * 3]
        poses = [
            (p.horizontal_sigma_m, p.horizontal_sigma_m, p.vertical_sigma_m, *[p.angle_sigma_deg] * 3) for p in photos
        ]
        self.prior: Floats = np.concatenate([lens, np.maximum(np.ravel(poses), 1e-6)])
        # Steps of the derivatives: a hundredth of what is thought possible.
        self.steps: Floats = self.prior / 100

    def seen_by(self, theta: Floats) -> Camera:
        """Return the camera that parameters describe."""
        focal, x, y, k1, k2, *mount = (float(value) for value in theta[: len(_LENS)])
        own = self.camera.distortion or (0.0,) * 5
        yaw, pitch, roll = (a + b for a, b in zip(self.camera.mount_deg, mount, strict=True))
        return replace(
            self.camera,
            focal_px=self.camera.focal_px * math.exp(focal),
            focal_y_px=None if self.camera.focal_y_px is None else self.camera.focal_y_px * math.exp(focal),
            centre_x_px=self.camera.centre_x_px + x,
            centre_y_px=self.camera.centre_y_px + y,
            distortion=(own[0] + k1, own[1] + k2, *own[2:]),
            mount_deg=(yaw, pitch, roll),
        )

    def residuals(self, theta: Floats) -> Floats:
        """Return (n, 2) measured minus predicted pixels; far outside for points that the camera would not see."""
        camera, predicted = self.seen_by(theta), []
        for at, (photo, points) in enumerate(zip(self.photos, self.points, strict=True)):
            own = theta[len(_LENS) + _POSE * at : len(_LENS) + _POSE * (at + 1)]
            look = Orientation(
                yaw_deg=photo.orientation.yaw_deg + own[3],
                pitch_deg=max(-180.0, min(180.0, photo.orientation.pitch_deg + own[4])),
                roll_deg=max(-360.0, min(360.0, photo.orientation.roll_deg + own[5])),
            )
            predicted.append(project(camera, look, points - own[:3]))
        gap: Floats = self.pixels - np.concatenate(predicted)
        return np.where(np.isfinite(gap), gap, 1e4)

    def slopes(self, theta: Floats) -> Floats:
        """Return (2n, parameters) derivatives of the residuals, by central differences."""
        columns = []
        for at, step in enumerate(self.steps):
            move = np.zeros_like(theta)
            move[at] = step
            columns.append((self.residuals(theta + move) - self.residuals(theta - move)).ravel() / (2 * step))
        return np.stack(columns, axis=1)


def _solved(problem: _Problem, free: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Return parameters, which points were used, and the covariance; held parameters keep zero and a zero variance."""
    columns = np.concatenate([free, np.ones(_POSE * len(problem.photos), dtype=bool)])
    stiffness = np.diag(problem.prior[columns] ** -2)
    theta, damping = np.zeros(problem.prior.size), 1e-3
    used = np.ones(len(problem.pixels), dtype=bool)

    def cost(at: Floats) -> float:
        gap = np.hypot(*problem.residuals(at).T) / problem.pixel_sigma_px
        prior = at[columns] / problem.prior[columns]
        # Cauchy: a point that was taken for another must not turn the lens.
        return float(np.sum(2.385**2 * np.log1p((gap / 2.385) ** 2)) + prior @ prior)

    now = cost(theta)
    normal = stiffness
    for _round in range(_ROUNDS):
        residuals = problem.residuals(theta)
        gap = np.hypot(*residuals.T) / problem.pixel_sigma_px
        weight = np.repeat(1 / (1 + (gap / 2.385) ** 2), 2) / problem.pixel_sigma_px**2
        slope = problem.slopes(theta)[:, columns]
        normal = slope.T @ (slope * weight[:, None]) + stiffness
        gradient = slope.T @ (weight * residuals.ravel()) + stiffness @ theta[columns]
        step = np.zeros_like(theta)
        step[columns] = -np.linalg.solve(normal + damping * np.diag(np.diag(normal)), gradient)
        trial = cost(theta + step)
        if trial > now:
            damping = min(damping * 10, 1e6)
            continue
        theta, damping, gained = theta + step, max(damping / 10, 1e-9), now - trial
        now = trial
        if gained < _SETTLED:
            break
    gap = np.hypot(*problem.residuals(theta).T)
    middle = max(float(np.median(gap)) / 1.177, problem.pixel_sigma_px)  # 1.177: median of a Rayleigh of sigma 1
    used = gap <= _OUTLIER * middle
    spread = np.zeros((theta.size, theta.size))
    spread[np.ix_(columns, columns)] = np.linalg.inv(normal)
    return theta, used, spread


def _calibration(  # noqa: PLR0917 - the parts of one solution
    problem: _Problem, theta: Floats, spread: Floats, used: NDArray[np.bool_], free: NDArray[np.bool_], rms: float
) -> PointCalibration:
    """Return the report of a solution."""
    scale = max(1.0, rms / problem.pixel_sigma_px)
    sigma = np.sqrt(np.diag(spread)) * scale
    residuals, slope = problem.residuals(theta), problem.slopes(theta)
    fitted, left_out = np.hypot(*residuals.T), np.empty(len(residuals))
    for at in range(len(residuals)):
        rows = slope[2 * at : 2 * at + 2]
        # What a point pulled the fit towards itself: its block of the hat matrix.
        hat = rows @ spread @ rows.T / problem.pixel_sigma_px**2 if used[at] else np.zeros((2, 2))
        keep = np.eye(2) - hat
        left_out[at] = float(np.hypot(*np.linalg.solve(keep + np.eye(2) * 1e-9, residuals[at])))
    left_rms = float(np.sqrt(np.mean(left_out[used] ** 2)))
    before = np.hypot(*problem.residuals(np.zeros_like(theta)).T)
    camera = replace(
        problem.seen_by(theta),
        focal_sigma=float(max(sigma[0], 1e-4)),
        source=_("{count} known points in {photos} photographs, rms {rms:.1f} px, {left:.1f} px left out").format(
            count=int(used.sum()), photos=len(problem.photos), rms=rms, left=left_rms
        ),
    )
    values = (
        camera.focal_px,
        camera.centre_x_px,
        camera.centre_y_px,
        camera.distortion[0],
        camera.distortion[1],
        *camera.mount_deg,
    )
    factors = (camera.focal_px, *[1.0] * 7)
    names = [photo.name for photo in problem.photos for _pixel in photo.pixels]
    return PointCalibration(
        camera=camera,
        parameters=tuple(
            Parameter(
                name=name,
                value=float(value),
                sigma=float(error * factor),
                decided=bool(open_ and error <= _OF_PRIOR * prior),
            )
            for name, value, error, factor, open_, prior in zip(
                _LENS, values, sigma[: len(_LENS)], factors, free, problem.prior, strict=False
            )
        ),
        residuals=tuple(
            Residual(
                photo=name,
                u_px=float(pixel[0]),
                v_px=float(pixel[1]),
                fitted_px=float(gap),
                left_out_px=float(left),
                used=bool(use),
            )
            for name, pixel, gap, left, use in zip(names, problem.pixels, fitted, left_out, used, strict=True)
        ),
        rms_px=rms,
        left_out_rms_px=left_rms,
        before_rms_px=float(np.sqrt(np.mean(before[used] ** 2))),
    )
