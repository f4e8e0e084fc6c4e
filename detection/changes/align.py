"""Lays one picture of ground upon another: corners that look alike, and the one movement that most of them agree on.

Both pictures are north up and to one scale already; what is left of their poses' errors is a shift of metres and a
little turn and stretch. SIFT's corners (Lowe, IJCV 60, 2004) stand other light better than binary ones; the movement is
a similarity fitted by RANSAC, refused where it turns, stretches or shifts more than poses err.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_CORNERS: Final = 1_500
_RATIO: Final = 0.8
_AGREE_PX: Final = 3.0
LEAST_AGREEING: Final = 20
_LEAST_SHARE: Final = 0.15
_MOST_STRETCH: Final = 0.08
_MOST_TURN: Final = 0.1  # six degrees: a compass at its worst
MOST_SHIFT_M: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alignment:
    """How a picture is laid upon another.

    Attributes:
        matrix: (2, 3) from the pixels of the first, its reference, to those of the second.
        agreeing: How many corners agree.
        residual_px: Their root mean square distance after it.
        shift_px: By how far the middle is moved.
    """

    matrix: NDArray[np.float64]
    agreeing: int
    residual_px: float
    shift_px: float


def align(
    reference: Pixels, seen_reference: Mask, other: Pixels, seen_other: Mask, *, gsd_m: float
) -> Alignment | None:
    """Return how ``other`` lies upon ``reference``, or None where the pictures do not tell.

    Args:
        reference: (height, width, 3) BGR.
        seen_reference: Where it shows ground.
        other: Of the same size, scale and ground.
        seen_other: Where it shows ground.
        gsd_m: Metres a pixel.
    """
    import cv2

    corners, words = _described(reference, seen_reference)
    corners_other, words_other = _described(other, seen_other)
    if words is None or words_other is None or min(len(words), len(words_other)) < LEAST_AGREEING:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(words, words_other, k=2)
    good = [near for near, far in (pair for pair in pairs if len(pair) == 2) if near.distance < _RATIO * far.distance]
    here = np.array([corners[match.queryIdx] for match in good], dtype=np.float32).reshape(-1, 2)
    there = np.array([corners_other[match.trainIdx] for match in good], dtype=np.float32).reshape(-1, 2)
    near_enough = np.hypot(*(there - here).T) * gsd_m <= MOST_SHIFT_M
    here, there = here[near_enough], there[near_enough]
    if len(here) < LEAST_AGREEING:
        return None
    matrix, agree = cv2.estimateAffinePartial2D(here, there, method=cv2.RANSAC, ransacReprojThreshold=_AGREE_PX)
    if matrix is None:
        return None
    inliers = agree.ravel().astype(bool)
    if inliers.sum() < max(LEAST_AGREEING, _LEAST_SHARE * len(here)):
        return None
    stretch, turn = float(np.hypot(matrix[0, 0], matrix[1, 0])), float(matrix[1, 0])
    middle = np.array([reference.shape[1] / 2, reference.shape[0] / 2])
    shift = float(np.hypot(*(matrix[:, :2] @ middle + matrix[:, 2] - middle)))
    if abs(stretch - 1) > _MOST_STRETCH or abs(turn) > _MOST_TURN or shift * gsd_m > MOST_SHIFT_M:
        return None
    left = here[inliers] @ matrix[:, :2].T + matrix[:, 2] - there[inliers]
    return Alignment(
        matrix=np.asarray(matrix, dtype=np.float64),
        agreeing=int(inliers.sum()),
        residual_px=float(np.sqrt((left**2).sum(axis=1).mean())),
        shift_px=shift,
    )


def _described(picture: Pixels, seen: Mask) -> tuple[list[tuple[float, float]], NDArray[np.float32] | None]:
    """Return where a picture has corners, and what they look like."""
    import cv2

    finder = cv2.SIFT.create(nfeatures=_CORNERS, contrastThreshold=0.02)
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    levelled = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8)).apply(grey)
    # The rim of what is shown has corners of its own.
    inside = cv2.erode(seen.astype(np.uint8), np.ones((9, 9), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    points, words = finder.detectAndCompute(levelled, inside * 255)
    return [(float(point.pt[0]), float(point.pt[1])) for point in points], words


def laid_upon(picture: Pixels, seen: Mask, alignment: Alignment) -> tuple[Pixels, Mask]:
    """Return a picture, and where it shows ground, in the pixels of the alignment's reference."""
    import cv2

    size = (picture.shape[1], picture.shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(picture, alignment.matrix, size, flags=flags)
    shown = cv2.warpAffine(
        seen.astype(np.uint8), alignment.matrix, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    )
    return moved.astype(np.uint8, copy=False), shown > 0
