"""Where a photo's camera looked, as its header says: the makers' angles as those of the house.

DJI, Autel, Parrot and Skydio write the camera's angles in the world (yaw from true north, pitch up from the horizon,
roll; DJI's manuals name the frame and the order: north, east, down, rotated about Z, Y, X). Pix4D's XMP writes an
airframe's, under whose belly the camera hangs.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from core.text import _
from flight.camera import Orientation, orientation_of_rotation
from flight.telemetry.photo_header import PhotoHeader

_TURNING_GIMBALS: Final = ("ZENMUSE", "ZH", "ZP", "ZX", "M30", "M350", "XT", "H20", "H30", "FC65", "FC550")
_OPPOSITE_DEG: Final = 25.0
_NEARLY_DOWN_DEG: Final = 6.0


def camera_angles(header: PhotoHeader) -> tuple[float | None, float | None, float | None]:
    """Return the camera's yaw, pitch and roll in the world; each None when not written."""
    for pattern in (
        "drone-dji:Gimbal{}Degree",
        "drone:Gimbal{}Degree",
        "drone-parrot:Camera{}Degree",
        "drone-skydio:CameraOrientationNED/drone-skydio:{}",
    ):
        yaw, pitch, roll = (header.xmp_number(pattern.format(axis)) for axis in ("Yaw", "Pitch", "Roll"))
        if (yaw, pitch, roll) != (None, None, None):
            return yaw, _bounded(pitch, 180), _bounded(roll, 360)
    return _belly_angles(*(header.xmp_number(f"Camera:{axis}") for axis in ("Yaw", "Pitch", "Roll")))


def _belly_angles(
    yaw: float | None, tilt: float | None, roll: float | None
) -> tuple[float | None, float | None, float | None]:
    """Return our angles of a camera under an airframe's belly, as Pix4D's XMP counts them.

    The airframe turns by roll about its nose, then pitch about its right wing, then yaw (north, east, down axes); the
    camera's right is the right wing, its image's lower edge the tail ("Yaw, Pitch, Roll and Omega, Phi, Kappa angles",
    Pix4D). A roll of 5° tilts a nadir view by 5° to the side; taken for a turn about the lens it would be lost.
    """
    if yaw is None or tilt is None or roll is None:
        return yaw, _bounded(None if tilt is None else tilt - 90, 180), _bounded(roll, 360)
    if abs(tilt) > 180 or abs(roll) > 360:
        return yaw, _bounded(tilt - 90, 180), _bounded(roll, 360)
    if roll == 0:
        return yaw, _bounded(tilt - 90, 180), roll
    (sin_y, sin_p, sin_r), (cos_y, cos_p, cos_r) = (
        np.sin(np.radians([yaw, tilt, roll])),
        np.cos(np.radians([yaw, tilt, roll])),
    )
    about_down = np.array([[cos_y, -sin_y, 0], [sin_y, cos_y, 0], [0, 0, 1]])
    about_right = np.array([[cos_p, 0, sin_p], [0, 1, 0], [-sin_p, 0, cos_p]])
    about_nose = np.array([[1, 0, 0], [0, cos_r, -sin_r], [0, sin_r, cos_r]])
    body = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])  # camera's right, lower edge and view in nose, wing, down
    enu = np.array([[0, 1, 0], [1, 0, 0], [0, 0, -1]])
    near = Orientation(yaw_deg=yaw, pitch_deg=max(-180.0, min(180.0, tilt - 90)), roll_deg=0.0)
    looks = orientation_of_rotation(enu @ about_down @ about_right @ about_nose @ body, near=near)
    return looks.yaw_deg, looks.pitch_deg, looks.roll_deg


def mended_roll(
    model: str, yaw: float | None, pitch: float | None, roll: float | None, flight_yaw: float | None
) -> tuple[float | None, tuple[str, ...]]:
    """Return the camera's roll, mended where a gimbal is said to look backwards that cannot, and how.

    A hair past straight down, yaw, pitch and roll of a gimbal come out as yaw + 180°, −89.9°, 180°. Firmware that then
    leaves the roll at zero turns the photo by 180° against its angles. The gimbals of Phantoms, Mavics, Airs and Minis
    turn by some 30° against the airframe, so a heading opposite to the airframe's can be nothing else; those of
    Matrices (Zenmuse payloads, M30) do look backwards and are believed.
    """
    name = model.upper().replace(" ", "")
    if yaw is None or pitch is None or roll is None or flight_yaw is None or name.startswith(_TURNING_GIMBALS):
        return roll, ()
    opposite = abs((yaw - flight_yaw) % 360 - 180) < _OPPOSITE_DEG
    if not name or not opposite or abs(pitch + 90) > _NEARLY_DOWN_DEG or abs(roll) > _OPPOSITE_DEG:
        return roll, ()
    note = _(
        "its gimbal is said to look backwards, which it cannot; straight down that is the same view turned by 180°, "
        "and it is taken so"
    )
    return roll + 180.0 if roll <= 0 else roll - 180.0, (note,)


def _bounded(angle: float | None, limit: float) -> float | None:
    """Return an angle within ±``limit`` degrees, else None: beyond it the field is no angle."""
    return angle if angle is not None and abs(angle) <= limit else None
