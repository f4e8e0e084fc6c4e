"""Lay an outline of an image on the ground: how much ground a thing covers, and with what error.

Each corner's ray is met with the ground as for a fix. Smoke hangs above the ground, so its outline is that of the
ground that it hides from the camera: rather too large, by what it hangs above the ground over the camera's height.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from core.points import LocalPlane, from_plane
from detection.detection import Box, Detection
from detection.frame import Frame
from flight.track import missing, orientation_of
from geofence.fix import Extent, Fix
from geofence.locate import locate
from geofence.locating.error_budget import DeviceClass, budget_of
from geofence.locating.ground import Ground, NoStanding
from geofence.locating.locate_cast import Aim, cast

REACH_M: Final = 2_000.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Laid:
    """An outline in the plane at the camera, and the camera's height above the ground's reference with its sigma."""

    metres: NDArray[np.float64]
    height_m: float
    sigma_m: float


def lay_outline(
    outline_px: NDArray[np.float64],
    frame: Frame,
    ground: Ground,
    *,
    area_sigma: float,
    device_class: DeviceClass = DeviceClass.GNSS,
) -> Extent | None:
    """Return the ground that an outline covers, or None where a part of it meets no ground.

    Args:
        outline_px: (n, 2) corners in the frame, column and row.
        frame: The frame.
        ground: The ground.
        area_sigma: One sigma of the outline's area in the image, as a share of it.
        device_class: Whose height error to assume where the pose states none.
    """
    laid = _lay(outline_px, frame, ground, device_class)
    place_sigma = _place_sigma_m(outline_px, frame, ground, device_class)
    if laid is None or place_sigma is None or frame.pose.position is None:
        return None
    shape = shapely.make_valid(shapely.Polygon(laid.metres))
    parts = [part for part in shapely.get_parts(shape) if isinstance(part, shapely.Polygon)]
    largest = max(parts, key=lambda part: part.area, default=None)
    if largest is None or largest.area <= 0:
        return None
    # A height that is wrong by a share makes lengths wrong by it, and areas by twice as much.
    share = math.hypot(area_sigma, 2 * laid.sigma_m / max(1.0, abs(laid.height_m)))
    corners = from_plane(LocalPlane(origin=frame.pose.position), shapely.get_coordinates(largest.exterior)[:-1])
    return Extent(
        outline=tuple((round(float(lon), 8), round(float(lat), 8)) for lon, lat in corners),
        area_m2=round(largest.area, 2),
        sigma_m2=round(max(0.01, largest.area * share), 2),
        place_sigma_m=round(place_sigma, 3),
    )


def _lay(outline_px: NDArray[np.float64], frame: Frame, ground: Ground, device_class: DeviceClass) -> _Laid | None:
    pose, camera = frame.pose, frame.camera
    orientation = orientation_of(pose)
    if missing(pose) or camera is None or orientation is None or pose.position is None:
        return None
    standing = ground.stand(pose)
    if isinstance(standing, NoStanding):
        return None
    aim = Aim(
        point=pose.position,
        height_m=standing.height_m,
        orientation=orientation,
        camera=camera,
        pixels=outline_px,
        lift_m=np.zeros(len(outline_px)),
    )
    hits = cast(aim, ground, reach_m=REACH_M)
    if not np.isfinite(hits.enu_m).all():
        return None
    above = standing.height_m - float(hits.height_m.mean())
    sigma = budget_of(pose, device_class).vertical_m if standing.sigma_m is None else standing.sigma_m
    return _Laid(metres=hits.enu_m[:, :2], height_m=above, sigma_m=math.hypot(sigma, ground.sigma_m))


def _place_sigma_m(
    outline_px: NDArray[np.float64], frame: Frame, ground: Ground, device_class: DeviceClass
) -> float | None:
    """Return how far pose, lens and ground may displace the outline's middle, as for any point of the ground."""
    u, v = outline_px.mean(axis=0).tolist()
    middle = Detection(
        frame_id=frame.frame_id,
        label="point",
        score=1.0,
        box=Box(left_px=u - 1, top_px=v - 1, right_px=u + 1, bottom_px=v + 1),
        weight_sha256="",
    )
    met = locate(
        middle,
        pose=frame.pose,
        camera=frame.camera,
        ground=ground,
        captured_at=frame.captured_at,
        device_class=device_class,
        reach_m=REACH_M,
    )
    return math.sqrt(float(np.linalg.eigvalsh(met.covariance.matrix())[-1])) if isinstance(met, Fix) else None


def polygon_of(outline: tuple[tuple[float, float], ...]) -> shapely.Polygon:
    """Return an outline on the ground as a polygon, WGS-84 degrees."""
    shape = shapely.Polygon(outline)
    if shape.is_valid:
        return shape
    parts = shapely.get_parts(shapely.make_valid(shape))  # rounded to a millimetre, an outline may touch itself
    return max((part for part in parts if isinstance(part, shapely.Polygon)), key=lambda part: part.area)
