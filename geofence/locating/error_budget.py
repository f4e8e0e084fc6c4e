"""How wrong a pose may be: one-sigma errors by device class, and how much of each is common to a whole flight.

Telemetry seldom states its own errors. Where it does (RTK standard deviations), they are used; where it does not, the
device class gives them, and the class and its source travel with the fix as an assumption. Every error is split into a
part common to all frames of a flight (a compass bias, a GNSS solution's slow drift, the zero of a barometer, a wrong
focal length) and a part drawn anew for each frame; only the second averages away when a thing is seen often.

Angles are errors of the camera's orientation about level axes: yaw about the vertical, pitch about the horizontal axis
across the view, tilt about the horizontal axis along it. At nadir, an error of the Euler roll would be the same as one
of yaw and leave the camera's cross tilt without error; hence the level axes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from flight.track import Pose, PoseSigma


class DeviceClass(StrEnum):
    """Kinds of aircraft that differ in how well they know where they are and where they look."""

    RTK = "rtk"  # carrier-phase positions (DJI RtkFlag 50), magnetic or dual-antenna heading
    GNSS = "gnss"  # enterprise and consumer aircraft with code-phase GNSS and a three-axis gimbal
    UNSTABILISED = "unstabilised"  # body attitude only (no gimbal encoder), or telemetry without its own accuracy


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBudget:
    """One-sigma errors of a camera pose, split into flight-wide and per-frame parts.

    Attributes:
        horizontal_m, vertical_m: Position per axis and height, metres.
        yaw_deg, pitch_deg, tilt_deg: Orientation about level axes, degrees.
        common_share: Share of each of those variances that all frames of a flight have in common, in [0, 1].
        source: Where the figures come from.
    """

    horizontal_m: float
    vertical_m: float
    yaw_deg: float
    pitch_deg: float
    tilt_deg: float
    common_share: float
    source: str

    def __post_init__(self) -> None:
        figures = (self.horizontal_m, self.vertical_m, self.yaw_deg, self.pitch_deg, self.tilt_deg)
        if not all(math.isfinite(figure) and figure >= 0 for figure in figures):
            raise ValueError("sigmas are finite and not negative")
        if not 0 <= self.common_share <= 1:
            raise ValueError("a common share is in [0, 1]")


# Horizontal and vertical: DJI's published hovering accuracies (GNSS ±1.5 m horizontal, ±0.5 m vertical; RTK ±0.1 m)
# taken as one sigma for code-phase fixes, with a metre for the drift of the barometer over a battery; RTK photo
# positions are stated as 1 cm + 1 ppm horizontal and 1.5 cm + 1 ppm vertical, widened for antenna offset and shutter
# timing.
# Angles: biases measured on surveyed photo sets of such aircraft: yaw −2…+1°, pitch −1.2…+0.2°, roll ±1.7°.
_CLASSES: Final = {
    DeviceClass.RTK: ErrorBudget(
        horizontal_m=0.05,
        vertical_m=0.08,
        yaw_deg=0.8,
        pitch_deg=0.4,
        tilt_deg=0.4,
        common_share=0.8,
        source="device class RTK: maker's 1 cm + 1 ppm widened for lever arm; angle biases measured on surveys",
    ),
    DeviceClass.GNSS: ErrorBudget(
        horizontal_m=1.5,
        vertical_m=1.2,
        yaw_deg=1.2,
        pitch_deg=0.6,
        tilt_deg=0.6,
        common_share=0.8,
        source="device class GNSS: maker's hovering accuracy and barometer drift; angle biases measured on surveys",
    ),
    DeviceClass.UNSTABILISED: ErrorBudget(
        horizontal_m=2.5,
        vertical_m=2.0,
        yaw_deg=4.0,
        pitch_deg=2.5,
        tilt_deg=2.5,
        common_share=0.6,
        source="device class unstabilised: body attitude of a small autopilot, no gimbal encoder",
    ),
}


def class_budget(device_class: DeviceClass) -> ErrorBudget:
    """Return the error budget of a device class."""
    return _CLASSES[device_class]


def stated_budget(sigma: PoseSigma) -> ErrorBudget:
    """Return the budget that a pose states itself; four fifths of each variance count as common to the flight."""
    return ErrorBudget(
        horizontal_m=sigma.horizontal_m,
        vertical_m=sigma.vertical_m,
        yaw_deg=sigma.yaw_deg,
        pitch_deg=sigma.pitch_deg,
        tilt_deg=sigma.roll_deg,
        common_share=0.8,
        source=sigma.source,
    )


def budget_of(pose: Pose, device_class: DeviceClass = DeviceClass.GNSS) -> ErrorBudget:
    """Return the budget of ``pose``: its own sigmas, or those of ``device_class``.

    Without its own sigmas a pose is never taken for RTK unless the caller says so: that a drone carries an RTK receiver
    does not say that the receiver had a fix.
    """
    return stated_budget(pose.sigma) if pose.sigma is not None else class_budget(device_class)


def ray_sigmas(
    budget: ErrorBudget,
    *,
    standing_m: float | None,
    focal: float,
    pixel_px: tuple[float, float],
    ground_m: float,
    lift_m: float = 0.0,
) -> dict[str, float]:
    """Return one-sigma errors of all that a ray to the ground hangs on, by :data:`locate_cast.PARAMETERS`' names.

    Args:
        budget: Of the pose.
        standing_m: Of the camera's height above the ground as that was told, metres; None for the budget's.
        focal: Of the focal length, relative.
        pixel_px: Of the pixel along a row and a column.
        ground_m: Of the ground's height, metres.
        lift_m: Of the height above the ground that is looked at, metres.
    """
    return {
        "east": budget.horizontal_m,
        "north": budget.horizontal_m,
        "height": budget.vertical_m if standing_m is None else standing_m,
        "yaw": budget.yaw_deg,
        "pitch": budget.pitch_deg,
        "tilt": budget.tilt_deg,
        "focal": focal,
        "u": pixel_px[0],
        "v": pixel_px[1],
        "lift": lift_m,
        "ground": ground_m,
    }
