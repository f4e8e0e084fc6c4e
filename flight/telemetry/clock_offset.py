"""How far a device's clock is from the true time, estimated and stated, never assumed to be zero.

Three ways, best first: pairs of device time and GPS time from the same stream; one track against another (a flight log
whose clock is GPS time) by where the aircraft was; a photograph of a clock whose time is known.

The offset is *true minus device*: add it to the device's time. Every track that was shifted says by how much and how
surely.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.clock import in_utc
from core.points import LocalPlane, to_plane
from core.refusal import Refusal
from core.text import _
from flight.track import Track

STEP_S: Final = 0.1  # lags are tried in steps of this, then refined between
FEWEST_S: Final = 5.0  # tracks must overlap this long at a lag for it to be judged
FARTHEST_RMS_M: Final = 15.0  # consumer GNSS against consumer GNSS; a worse best fit is another flight
SHARPEST: Final = 1.5  # the fit away from the best lag must be at least this much worse, or the aircraft hardly moved


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockOffset:
    """A device clock's error.

    Attributes:
        offset_s: Add this to the device's time, seconds.
        sigma_s: One-sigma error of the offset, seconds.
        method: How it was found, for people.
        samples: How many observations it rests on.
    """

    offset_s: float
    sigma_s: float
    method: str
    samples: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.offset_s) and math.isfinite(self.sigma_s) and self.sigma_s >= 0):
            raise ValueError("an offset and its sigma are finite")


def offset_from_pairs(pairs: Sequence[tuple[datetime, datetime]], *, method: str) -> ClockOffset | Refusal:
    """Return the offset from pairs of device time and true time of the same instants.

    Args:
        pairs: (device time, true time), aware. The median is taken, so that the odd late pair does not move it.
        method: Where the pairs come from ("GPS time in the stream").

    Returns:
        The offset; its sigma is that of the median (1.2533 σ/√n, Kenney & Keeping), at least a millisecond. Or a
        refusal with code "no-pairs", or "clock-wanders" when the pairs spread over more than ten seconds.
    """
    differences = [(in_utc(true) - in_utc(device)).total_seconds() for device, true in pairs]
    if not differences:
        return Refusal(subject=method, code="no-pairs", reason=_("no instant is known on both clocks"))
    middle = median(differences)
    spread = 1.4826 * median(abs(difference - middle) for difference in differences)
    if spread > 10:
        return Refusal(
            subject=method,
            code="clock-wanders",
            reason=_("the device's clock does not run with the true time: {spread:.0f} s of spread").format(
                spread=spread
            ),
        )
    sigma = max(1.2533 * spread / math.sqrt(len(differences)), 0.001)
    return ClockOffset(offset_s=middle, sigma_s=sigma, method=method, samples=len(differences))


def offset_from_clock_photo(device_time: datetime, shown_time: datetime, *, reading_s: float = 1.0) -> ClockOffset:
    """Return the offset from a photograph of a clock.

    Args:
        device_time: When the device says it took the photograph, aware.
        shown_time: What the clock in the photograph shows, aware (its own error is the reader's to include).
        reading_s: Resolution of the clock's display, seconds: uniform, so one sigma is its twelfth's root.
    """
    if not (math.isfinite(reading_s) and reading_s > 0):
        raise ValueError("a clock's resolution is positive")
    return ClockOffset(
        offset_s=(in_utc(shown_time) - in_utc(device_time)).total_seconds(),
        sigma_s=reading_s / math.sqrt(12),
        method=_("photograph of a clock"),
        samples=1,
    )


def offset_from_tracks(device: Track, truth: Track, *, most_s: float = 120.0) -> ClockOffset | Refusal:
    """Return the offset that brings a device's track onto another of the same flight.

    For every lag within ``most_s`` the truth is interpolated at the shifted times of the device; the lag of the least
    RMS distance is refined by a parabola through its neighbours.

    Args:
        device: The track whose clock is in doubt.
        truth: The track whose clock is right; positions in between are taken along straight lines.
        most_s: Largest offset to consider, seconds.

    Returns:
        The offset, its sigma from the curvature of the fit; or a refusal: "no-positions", "no-overlap", "hardly-moves"
        (any lag fits alike) or "another-flight" (none fits).
    """
    subject = f"{device.source} / {truth.source}"
    if not any(pose.position for pose in device.poses) or not any(pose.position for pose in truth.poses):
        return Refusal(subject=subject, code="no-positions", reason=_("a track without positions cannot be compared"))
    origin = next(pose.position for pose in truth.poses if pose.position is not None)
    zero = truth.poses[0].captured_at
    t_truth, p_truth = _polyline(truth, origin_plane := LocalPlane(origin=origin), zero)
    t_device, p_device = _polyline(device, origin_plane, zero)
    if t_truth is None or t_device is None or t_truth.size < 2 or t_device.size < 2:
        return Refusal(subject=subject, code="another-flight", reason=_("the tracks lie more than 50 km apart"))
    lags = np.arange(-most_s, most_s + STEP_S / 2, STEP_S)
    rms = np.array([_misfit(t_device + lag, p_device, t_truth, p_truth) for lag in lags])
    if not np.isfinite(rms).any():
        return Refusal(
            subject=subject, code="no-overlap", reason=_("the tracks do not overlap within the lags considered")
        )
    best = int(np.nanargmin(rms))
    if rms[best] > FARTHEST_RMS_M:
        reason = _("at its best the tracks are {rms:.0f} m apart; they are of different flights").format(rms=rms[best])
        return Refusal(subject=subject, code="another-flight", reason=reason)
    away = rms[np.abs(lags - lags[best]) > 3]
    away = away[np.isfinite(away)]
    if best in {0, lags.size - 1} or not away.size or away.min() < SHARPEST * max(rms[best], 0.2):
        return Refusal(
            subject=subject,
            code="hardly-moves",
            reason=_("the aircraft moves too little for its clock to be told from its track"),
        )
    offset, sigma = _refined(lags, rms, best, t_device.size)
    return ClockOffset(offset_s=offset, sigma_s=sigma, method=_("track against track"), samples=int(t_device.size))


def with_offset(track: Track, offset: ClockOffset) -> Track:
    """Return ``track`` with its times corrected; every pose says so."""
    note = _("times were corrected by {offset:+.2f} s ± {sigma:.2f} s ({method})").format(
        offset=offset.offset_s, sigma=offset.sigma_s, method=offset.method
    )
    shift = timedelta(seconds=offset.offset_s)
    return replace(
        track,
        poses=tuple(
            replace(pose, captured_at=pose.captured_at + shift, assumptions=(*pose.assumptions, note))
            for pose in track.poses
        ),
    )


def _polyline(
    track: Track, plane: LocalPlane, zero: datetime
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64]]:
    """Return (n,) seconds after ``zero`` and (n, 2) metres of a track where the position changes; None beyond 50 km."""
    seen: list[tuple[float, float, float]] = []
    for pose in track.poses:
        if pose.position is None:
            continue
        row = ((pose.captured_at - zero).total_seconds(), pose.position.lon_deg, pose.position.lat_deg)
        # Subtitles repeat a position until the next one comes; only its first appearance has a time of its own.
        if not seen or row[1:] != seen[-1][1:]:
            seen.append(row)
    table = np.array(seen)
    try:
        return table[:, 0], to_plane(plane, table[:, 1:])
    except ValueError:
        return None, np.empty((0, 2))


def _misfit(
    t: NDArray[np.float64], p: NDArray[np.float64], t_truth: NDArray[np.float64], p_truth: NDArray[np.float64]
) -> float:
    """Return the RMS distance of points from a polyline at their times; NaN when too few lie within it."""
    inside = (t >= t_truth[0]) & (t <= t_truth[-1])
    if inside.sum() < 3 or np.ptp(t[inside]) < FEWEST_S:
        return math.nan
    there = np.stack([np.interp(t[inside], t_truth, p_truth[:, axis]) for axis in (0, 1)], axis=-1)
    return float(np.sqrt(np.mean(np.sum((p[inside] - there) ** 2, axis=-1))))


def _refined(lags: NDArray[np.float64], rms: NDArray[np.float64], best: int, count: int) -> tuple[float, float]:
    """Return the lag at the bottom of the parabola through the best three squared misfits, and its one-sigma error.

    Least squares: with misfit variance s² and n points, the lag's variance is 2 s² / (n · d²(s²)/dlag²).
    """
    below, here, above = (float(rms[best + step]) ** 2 for step in (-1, 0, 1))
    curvature = (below - 2 * here + above) / STEP_S**2
    if not math.isfinite(curvature) or curvature <= 0:
        return float(lags[best]), STEP_S
    shift = (below - above) / (2 * (below - 2 * here + above)) * STEP_S
    sigma = math.sqrt(2 * max(here, 0.01) / (max(count, 1) * curvature))
    return float(lags[best]) + shift, max(sigma, 0.01)
