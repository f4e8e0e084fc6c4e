"""How a video's picture moves from one frame to the next, by OpenCV; the one module of this room that speaks to it.

Corners of the earlier picture (Shi and Tomasi, CVPR 1994) are followed into the later one (Lucas and Kanade's pyramid;
Bouguet, 2001), and those that lead back to where they came from (Kalal et al., ICPR 2010) give one homography. From the
air that is what level ground does, whatever drives over it. Where too few corners agree the motion is not known, and
nobody guesses it.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

CORNERS: Final = 400
LEAST_AGREEING: Final = 16
LEAST_SHARE: Final = 0.4  # of the corners followed
THERE_AND_BACK_PX: Final = 0.7
AGREES_PX: Final = 2.0


def motion_between(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """Return the (3, 3) homography that takes pixels of one picture to the next, or None when it is not known.

    Args:
        before: (height, width, 3) uint8.
        after: Another picture of this size.

    Raises:
        ValueError: The pictures are not of one size.
    """
    import cv2

    if before.shape != after.shape:
        raise ValueError("pictures of one video have one size")
    library: Any = cv2  # its type information knows no optional arguments
    first, second = (library.cvtColor(one, library.COLOR_RGB2GRAY) for one in (before, after))
    corners = library.goodFeaturesToTrack(first, CORNERS, 0.005, 8)
    if corners is None or len(corners) < LEAST_AGREEING:
        return None
    there, seen, _error = library.calcOpticalFlowPyrLK(first, second, corners, None, winSize=(21, 21), maxLevel=4)
    back, seen_back, _error = library.calcOpticalFlowPyrLK(second, first, there, None, winSize=(21, 21), maxLevel=4)
    returned = np.abs(back - corners).max(axis=(1, 2)) < THERE_AND_BACK_PX
    sure = returned & (seen.ravel() == 1) & (seen_back.ravel() == 1)
    if sure.sum() < LEAST_AGREEING:
        return None
    library.setRNGSeed(0)  # the same clip gives the same copy
    homography, agreeing = library.findHomography(corners[sure], there[sure], library.RANSAC, AGREES_PX)
    if homography is None or agreeing.sum() < max(LEAST_AGREEING, LEAST_SHARE * sure.sum()):
        return None
    return np.asarray(homography, dtype=np.float64)


def motion_tool_version() -> str:
    """Return the version of what finds the motion."""
    import cv2

    return str(cv2.__version__)
