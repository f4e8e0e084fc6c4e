"""Lay one frame on one patch of ground: north up, a fixed scale, so that two flights' pictures can be compared.

The patch is level; its height below the camera is what the frame's own fix says, or else the height above take-off.
Two patches about one thing agree in scale and direction; what is left of their poses' errors can be measured from the
pictures themselves (:func:`offset_px`), as far as the ground looks alike.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.points import GeoPoint
from detection.frame_on_ground import View, lay_square

LEAST_SEEN: Final = 0.6
"""Share of a patch that a frame must show."""
_CORNERS: Final = 2_000
_LEAST_AGREEING: Final = 25
_AGREE_PX: Final = 4.0
_MOST_SCALE: Final = 0.05
_MOST_TURN: Final = 0.05  # three degrees

Pixels = NDArray[np.uint8]


def lay_patch(view: View, centre: GeoPoint, *, half_m: float, side_px: int) -> Pixels | None:
    """Return (side, side, 3) BGR pixels of the ground about a point, north up; None where the frame shows too little.

    Args:
        view: The frame, its pose and its height above the patch.
        centre: The patch's middle.
        half_m: Half its side, metres.
        side_px: Its side in pixels.
    """
    laid, seen = lay_square(view, centre, half_m=half_m, side_px=side_px)
    return None if seen.mean() < LEAST_SEEN else laid


def offset_px(before: Pixels, after: Pixels) -> tuple[float, float] | None:
    """Return by how many pixels right and down the second patch's ground lies beside the first's, None where unclear.

    Corners that look alike (ORB; Rublee et al., ICCV 2011) are matched both ways and a similarity is fitted by RANSAC;
    it counts when many agree and it neither turns nor scales, since both patches have one scale and north up.
    """
    import cv2

    finder = cv2.ORB_create(_CORNERS)  # type: ignore[attr-defined]  # missing in OpenCV's own stubs
    found = [finder.detectAndCompute(cv2.cvtColor(patch, cv2.COLOR_BGR2GRAY), None) for patch in (before, after)]
    (corners, words), (corners_after, words_after) = found
    if words is None or words_after is None:
        return None
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(words, words_after)
    if len(matches) < _LEAST_AGREEING:
        return None
    here = np.array([corners[match.queryIdx].pt for match in matches], dtype=np.float32)
    there = np.array([corners_after[match.trainIdx].pt for match in matches], dtype=np.float32)
    turn, agree = cv2.estimateAffinePartial2D(here, there, method=cv2.RANSAC, ransacReprojThreshold=_AGREE_PX)
    if turn is None or int(agree.sum()) < _LEAST_AGREEING:
        return None
    if abs(float(np.hypot(turn[0, 0], turn[1, 0])) - 1) > _MOST_SCALE or abs(float(turn[1, 0])) > _MOST_TURN:
        return None
    middle = np.array([before.shape[1] / 2, before.shape[0] / 2])
    right, down = turn[:, :2] @ middle + turn[:, 2] - middle
    return float(right), float(down)
