"""Where a picture shows secret ground: outlines on the ground, put into the picture by its pose.

The ground is taken as level at the height that the pose states, as detection does (:mod:`detection.ground_scale`). What
the pose may be wrong by is covered too: :data:`ROOM_M` on the ground for the position, and :data:`ROOM_DEG` around for
the camera's angles. A picture whose pose or camera is not known shows nobody knows what, and is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from shapely import MultiPolygon, Polygon, box, contains_xy, prepare, transform, unary_union

from core.points import LocalPlane, to_plane
from core.refusal import Refusal
from core.text import _
from detection.ground_scale import ground_offsets_m, height_above_ground_m
from flight.camera import Camera
from flight.track import Pose, missing, orientation_of

ROOM_M: Final = 5.0
ROOM_DEG: Final = 2.0
CELL_PX: Final = 4
REACH_DEG: Final = 0.2  # no camera of a drone shows ground farther away


def secret_pixels(
    outlines: Sequence[Polygon | MultiPolygon],
    *,
    pose: Pose,
    camera: Camera | None,
    name: str,
    onto_posed: NDArray[np.float64] | None = None,
    more_px: float = 0.0,
) -> NDArray[np.bool_] | Refusal:
    """Return which pixels of a picture may show secret ground, (height, width).

    Args:
        outlines: The ground, WGS-84 longitude and latitude.
        pose: The picture's.
        camera: At the picture's size.
        name: Of the picture, for a refusal.
        onto_posed: For a picture without a pose of its own, the (3, 3) homography from its pixels to those of the
            picture that ``pose`` is of; what that one did not show any more is placed all the same.
        more_px: What that homography may be wrong by.

    Returns:
        The pixels, or a refusal with code "secret-not-placed".
    """
    orientation, height_m = orientation_of(pose), height_above_ground_m(pose)
    if camera is None or pose.position is None or orientation is None or height_m is None:
        lacking = ", ".join(missing(pose)) or _("the camera")
        return Refusal(
            subject=name,
            code="secret-not-placed",
            reason=_("secret ground cannot be placed in it; not known: {what}").format(what=lacking),
            remedy=_("Cover it with --mask by hand, or do not give this copy."),
        )
    plane = LocalPlane(origin=pose.position)
    lon, lat = pose.position.lon_deg, pose.position.lat_deg
    near = box(lon - REACH_DEG, lat - REACH_DEG, lon + REACH_DEG, lat + REACH_DEG)
    # A hole is covered too: what a secret place encloses is not for showing either.
    parts = [part for one in outlines for part in (one.geoms if isinstance(one, MultiPolygon) else (one,))]
    solid = [Polygon(part.exterior) for part in parts]
    ground = unary_union(
        [
            transform(part.intersection(near), lambda lonlat: to_plane(plane, lonlat)).buffer(ROOM_M)
            for part in solid
            if part.intersects(near)
        ]
    )
    prepare(ground)
    rows, columns = (math.ceil(side / CELL_PX) for side in (camera.height_px, camera.width_px))
    middles = np.stack(np.meshgrid((np.arange(columns) + 0.5) * CELL_PX, (np.arange(rows) + 0.5) * CELL_PX), axis=-1)
    if onto_posed is not None:
        there = np.concatenate([middles, np.ones((rows, columns, 1))], axis=-1) @ onto_posed.T
        middles = there[..., :2] / np.where(there[..., 2:] > 0, there[..., 2:], np.nan)
    offsets = ground_offsets_m(camera, orientation, height_m, middles)
    inside = contains_xy(ground, np.nan_to_num(offsets[..., 0], nan=np.inf), np.nan_to_num(offsets[..., 1], nan=np.inf))
    if inside.any():
        room_px = camera.focal_px * math.tan(math.radians(ROOM_DEG)) + CELL_PX + more_px
        inside = distance_transform_edt(~inside) * CELL_PX <= room_px
    pixels: NDArray[np.bool_] = np.kron(inside, np.ones((CELL_PX, CELL_PX), dtype=bool))
    return pixels[: camera.height_px, : camera.width_px]
