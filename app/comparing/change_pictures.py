"""The pictures of a change: the same ground before and after, laid exactly upon each other, with its outline."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.comparing.ground_changes import GroundChange
from core.points import GeoPoint, LocalPlane, from_plane, to_plane
from detection.changes.compare import Laid
from detection.frame_on_ground import View, lay_square

SIDE_PX: Final = 480
_LEAST_HALF_M: Final = 9.0
_ROUND_M: Final = 5.0
_QUALITY: Final = 86


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePictures:
    """Two pictures of one patch of ground.

    Attributes:
        before, after: JPEG.
        outline_px: (n, 2) the change's outline in their pixels.
        side_m: Their side on the ground.
    """

    before: bytes = field(repr=False)
    after: bytes = field(repr=False)
    outline_px: tuple[tuple[float, float], ...]
    side_m: float


def draw_pictures(change: GroundChange, before: View, after: View) -> ChangePictures:
    """Return a change's pictures.

    Args:
        change: The change.
        before: The earlier frame that it was compared in.
        after: The later one.
    """
    plane = LocalPlane(origin=change.square.centre)
    ring = to_plane(plane, np.asarray(change.outline.exterior.coords))
    low, high = ring.min(axis=0), ring.max(axis=0)
    middle = (low + high) / 2
    half = max(_LEAST_HALF_M, float((high - low).max()) / 2 + _ROUND_M)
    step = 2 * half / SIDE_PX
    outline = np.column_stack([(ring[:, 0] - middle[0] + half) / step, (middle[1] + half - ring[:, 1]) / step])
    return ChangePictures(
        before=_jpeg(_laid(change, change.shot_before, before, middle, half)),
        after=_jpeg(_laid(change, change.shot_after, after, middle, half)),
        outline_px=tuple((round(float(x), 1), round(float(y), 1)) for x, y in outline),
        side_m=2 * half,
    )


def _laid(change: GroundChange, laid: Laid, view: View, middle: NDArray[np.float64], half: float) -> NDArray[np.uint8]:
    """Return the ground about a change as one frame shows it, moved and turned as the comparison found."""
    import cv2

    square = change.square
    at = np.array([middle[0], -middle[1]]) / square.gsd_m + square.side_px / 2
    turn = np.eye(2)
    if laid.alignment is not None:
        turn, at = laid.alignment.matrix[:, :2], laid.alignment.matrix[:, :2] @ at + laid.alignment.matrix[:, 2]
    offset = (at - square.side_px / 2) * [square.gsd_m, -square.gsd_m]
    lon, lat = from_plane(LocalPlane(origin=square.centre), offset)
    centre = GeoPoint(lon_deg=float(lon), lat_deg=float(lat))
    pixels, _seen = lay_square(view, centre, half_m=half, side_px=SIDE_PX)
    about = np.array([SIDE_PX / 2, SIDE_PX / 2])
    matrix = np.column_stack([turn, about - turn @ about])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    turned: NDArray[np.uint8] = cv2.warpAffine(pixels, matrix, (SIDE_PX, SIDE_PX), flags=flags).astype(np.uint8)
    return turned


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    import cv2

    done, buffer = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise ValueError("the picture could not be encoded")
    content: bytes = buffer.tobytes()
    return content
