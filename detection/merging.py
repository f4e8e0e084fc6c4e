"""Merging: one box per thing, from tiles that overlap.

A thing in the overlap of two tiles is found twice, and a thing cut by a tile's edge is found as a piece. Boxes are
taken best first, whole ones before cut ones; a later box of the same class goes when it overlaps a taken one (IoU), or
when it is a piece (cut by an inner tile edge) that lies mostly inside a taken one. Two pieces that meet across an edge
and belong together become one box.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

SAME_THING_IOU: Final = 0.65
INSIDE_SHARE: Final = 0.6  # share of a cut piece that must lie inside a taken box for the piece to go


def iou_matrix(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, m) intersection over union of (n, 4) and (m, 4) boxes as left, top, right, bottom."""
    shared = _shared_area(a, b)
    union = _area(a)[:, None] + _area(b)[None, :] - shared
    ious: NDArray[np.float64] = shared / np.maximum(union, 1e-12)
    return ious


def merge_tiles(
    boxes: NDArray[np.float64],
    scores: NDArray[np.float64],
    classes: NDArray[np.int64],
    cut: NDArray[np.bool_],
    *,
    same_thing_iou: float = SAME_THING_IOU,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return boxes, scores and classes with one entry per thing, best score first.

    Args:
        boxes: (n, 4) left, top, right, bottom in pixels of the whole image.
        scores: (n,) in [0, 1].
        classes: (n,) class numbers; boxes of different classes never merge.
        cut: (n, 4) whether each edge of a box lies on an edge of its tile that is inside the image.
        same_thing_iou: Boxes of a class that overlap by more than this are one thing.
    """
    if not len(boxes):
        return boxes.reshape(0, 4), scores, classes
    boxes, scores, cut = boxes.copy(), scores.copy(), cut.copy()
    order = np.lexsort((-scores, cut.any(axis=1)))
    boxes, scores, classes, cut = boxes[order], scores[order], classes[order], cut[order]
    alive = np.ones(len(boxes), dtype=bool)
    taken: list[int] = []
    for one in range(len(boxes)):
        if not alive[one]:
            continue
        if cut[one].any():
            _join_pieces(one, boxes, scores, cut, mates=alive & (classes == classes[one]), alive=alive)
        taken.append(one)
        rest = np.flatnonzero(alive & (classes == classes[one]))
        rest = rest[rest > one]
        if not rest.size:
            continue
        shared = _shared_area(boxes[one : one + 1], boxes[rest])[0]
        areas = _area(boxes[rest])
        same = shared / (areas + _area(boxes[one : one + 1])[0] - shared) > same_thing_iou
        piece = cut[rest].any(axis=1) & (shared / np.maximum(areas, 1e-12) > INSIDE_SHARE)
        alive[rest[same | piece]] = False
    kept = np.array(taken)
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    return boxes[kept], scores[kept], classes[kept]


def _join_pieces(
    one: int,
    boxes: NDArray[np.float64],
    scores: NDArray[np.float64],
    cut: NDArray[np.bool_],
    *,
    mates: NDArray[np.bool_],
    alive: NDArray[np.bool_],
) -> None:
    """Grow the cut box ``one`` over pieces of the same thing on the other side of the edge that cuts it.

    Two pieces belong together when each is cut on the side that faces the other, they touch or overlap, and along the
    edge they cover nearly the same stretch.
    """
    for other in np.flatnonzero(mates & cut.any(axis=1)):
        if other == one:
            continue
        for near, far, along in ((0, 2, 1), (2, 0, 1), (1, 3, 0), (3, 1, 0)):
            if not (cut[one, near] and cut[other, far]):
                continue
            low, high = (one, other) if near in {2, 3} else (other, one)
            side = near % 2
            touching = boxes[low, side + 2] >= boxes[high, side]
            shared = min(boxes[one, along + 2], boxes[other, along + 2]) - max(boxes[one, along], boxes[other, along])
            widest = max(boxes[one, along + 2] - boxes[one, along], boxes[other, along + 2] - boxes[other, along])
            if touching and shared > SAME_THING_IOU * widest:
                boxes[one, :2] = np.minimum(boxes[one, :2], boxes[other, :2])
                boxes[one, 2:] = np.maximum(boxes[one, 2:], boxes[other, 2:])
                scores[one] = max(scores[one], scores[other])
                cut[one, near] = False
                alive[other] = False
                break


def _area(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    areas: NDArray[np.float64] = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return areas


def _shared_area(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    wide = np.minimum(a[:, None, 2], b[None, :, 2]) - np.maximum(a[:, None, 0], b[None, :, 0])
    high = np.minimum(a[:, None, 3], b[None, :, 3]) - np.maximum(a[:, None, 1], b[None, :, 1])
    shared: NDArray[np.float64] = np.clip(wide, 0, None) * np.clip(high, 0, None)
    return shared
