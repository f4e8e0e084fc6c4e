"""What else than a fire makes a hot spot: the sun on dark ground, and the sun in a mirror.

A dark roof in the sun reaches 70 to 90 °C, bare metal mirrors the sky or the sun. Both are worked out from where the
sun stood: heating by its elevation, mirroring by how far a flat mirror would have to be tilted to send the sun into the
camera. Neither is excluded by a picture; a look at night, or a second view from another side, excludes both.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from core.text import _
from detection.thermal.hot_spots import HEATED_TO_C
from flight.calendars.sun import sun_place
from flight.camera import Camera, rays
from flight.track import Pose, orientation_of

_HEATING_FROM_DEG: Final = 8.0
_ROOF_TILT_DEG: Final = 30.0  # flat and pitched roofs, car windows, tank tops


def mirror_tilt_deg(pose: Pose, camera: Camera, pixel: tuple[float, float]) -> float | None:
    """Return by how much a mirror at a pixel would be tilted from level to show the sun; None by night or without pose.

    The mirror's normal halves the angle between the ways to the sun and to the camera.
    """
    orientation = orientation_of(pose)
    if pose.position is None or orientation is None:
        return None
    azimuth_deg, elevation_deg = sun_place(pose.position, pose.captured_at)
    if elevation_deg <= 0:
        return None
    azimuth, elevation = math.radians(azimuth_deg), math.radians(elevation_deg)
    to_sun = np.array(
        [math.sin(azimuth) * math.cos(elevation), math.cos(azimuth) * math.cos(elevation), math.sin(elevation)]
    )
    normal = to_sun - rays(camera, orientation, np.array(pixel))
    length = float(np.linalg.norm(normal))
    if not math.isfinite(length) or length < 1e-6:
        return None
    return math.degrees(math.acos(max(-1.0, min(1.0, float(normal[2]) / length))))


def caveats(pose: Pose, camera: Camera | None, pixel: tuple[float, float], *, peak_c: float | None) -> tuple[str, ...]:
    """Return what else may explain a hot spot, as sentences.

    Args:
        pose: Of the camera.
        camera: At the picture's size, or None.
        pixel: Of the spot.
        peak_c: The least that its peak may be, degrees Celsius; None where it is not known.
    """
    if pose.position is None:
        return ()
    said = []
    _azimuth, elevation_deg = sun_place(pose.position, pose.captured_at)
    if elevation_deg >= _HEATING_FROM_DEG:
        if peak_c is not None and peak_c > HEATED_TO_C:
            said.append(_("hotter than the sun makes dark roofs ({limit:.0f} °C)").format(limit=HEATED_TO_C))
        else:
            said.append(
                _("the sun stood {elevation:.0f}° high: a dark surface heated by it is not excluded").format(
                    elevation=elevation_deg
                )
            )
    tilt_deg = None if camera is None else mirror_tilt_deg(pose, camera, pixel)
    if tilt_deg is not None and tilt_deg <= _ROOF_TILT_DEG:
        said.append(
            _("glass or bare metal tilted by {tilt:.0f}° would mirror the sun here; look from another side").format(
                tilt=tilt_deg
            )
        )
    return tuple(said)
