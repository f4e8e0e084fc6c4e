"""Ties between overlapping photos, from what stands still in them (driver for OpenCV's SIFT and MAGSAC).

Features of the ground (markings, kerbs, roofs' corners) are matched between photos and kept where one homography
explains them: over roughly level ground that is what a static scene does, and what cars that drove off do not. A
feature on a roof or a tree is off by its height's parallax; self-calibration gives each thing a height of its own for
that.

David G. Lowe, "Distinctive image features from scale-invariant keypoints", IJCV 2004. Daniel Barath et al.,
"MAGSAC++", CVPR 2020.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from geofence.calibrating.self_calibration import Tie

_RATIO: Final = 0.75  # Lowe's ratio of nearest to second nearest
_INLIER_PX: Final = 4.0
LEAST_MATCHES: Final = 20
LEAST_SHARE: Final = 0.15  # of the matches; fewer agreeing by one homography are chance


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """A frame's pixels, for matching.

    Attributes:
        frame_id: The frame.
        grey: (height, width) uint8.
        scale: Matching is done at this share of the full size, in (0, 1].
    """

    frame_id: str
    grey: NDArray[np.uint8]
    scale: float = 0.5

    def __post_init__(self) -> None:
        if self.grey.ndim != 2 or self.grey.dtype != np.uint8 or not 0 < self.scale <= 1:
            raise ValueError("a picture is (height, width) uint8 with a scale in (0, 1]")


def match_pictures(
    pictures: Sequence[Picture],
    *,
    pairs: Sequence[tuple[int, int]] | None = None,
    most_per_pair: int = 100,
    most_features: int = 6000,
    seed: int = 0,
) -> tuple[Tie, ...]:
    """Return ties between all pairs of pictures that overlap.

    Args:
        pictures: The frames.
        pairs: Which of them to match, by index; None for every pair, so keep to one stretch of a flight then.
        most_per_pair: At most this many ties of a pair are returned, drawn at random.
        most_features: So many of the clearest features of each picture are matched; the work grows with their square.
        seed: Of that drawing.
    """
    rng = np.random.default_rng(seed)
    features = [_features(picture, most_features) for picture in pictures]
    ties: list[Tie] = []
    for one, two in combinations(range(len(pictures)), 2) if pairs is None else pairs:
        for at, (a, b) in enumerate(_matches(features[one], features[two], most_per_pair, rng)):
            thing = f"{pictures[one].frame_id}/{pictures[two].frame_id}/{at}"
            sigma = 1.0 / pictures[one].scale
            ties.append(Tie(thing=thing, frame_id=pictures[one].frame_id, u_px=a[0], v_px=a[1], sigma_px=sigma))
            ties.append(Tie(thing=thing, frame_id=pictures[two].frame_id, u_px=b[0], v_px=b[1], sigma_px=sigma))
    return tuple(ties)


def _features(picture: Picture, most: int) -> tuple[NDArray[np.float64], Any]:
    """Return (n, 2) pixels at full size and (n, 128) descriptors."""
    import cv2

    library: Any = cv2  # its type information lacks SIFT
    small = cv2.resize(picture.grey, None, fx=picture.scale, fy=picture.scale, interpolation=cv2.INTER_AREA)
    points, descriptors = library.SIFT_create(most, contrastThreshold=0.02).detectAndCompute(small, None)
    # OpenCV counts from the middle of the first pixel, we from its corner.
    pixels = (np.array([point.pt for point in points], dtype=np.float64).reshape(-1, 2) + 0.5) / picture.scale
    return pixels, descriptors


def _matches(
    one: tuple[NDArray[np.float64], Any], two: tuple[NDArray[np.float64], Any], most: int, rng: np.random.Generator
) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """Yield pixel pairs of what is seen in both, where enough agree by one homography."""
    import cv2

    (pixels_one, descriptors_one), (pixels_two, descriptors_two) = one, two
    if descriptors_one is None or descriptors_two is None or min(len(pixels_one), len(pixels_two)) < LEAST_MATCHES:
        return
    near = cv2.BFMatcher().knnMatch(descriptors_one, descriptors_two, k=2)
    clear = [pair[0] for pair in near if len(pair) == 2 and pair[0].distance < _RATIO * pair[1].distance]
    if len(clear) < LEAST_MATCHES:
        return
    a = pixels_one[[match.queryIdx for match in clear]]
    b = pixels_two[[match.trainIdx for match in clear]]
    _homography, agree = cv2.findHomography(a, b, cv2.USAC_MAGSAC, _INLIER_PX, maxIters=20_000)
    if agree is None:
        return
    rows = np.flatnonzero(agree.ravel())
    if rows.size < max(LEAST_MATCHES, LEAST_SHARE * len(clear)):
        return
    for row in np.sort(rng.permutation(rows)[:most]):
        yield (float(a[row, 0]), float(a[row, 1])), (float(b[row, 0]), float(b[row, 1]))
