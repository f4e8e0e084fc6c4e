"""Calibrating a camera from photographs of a checkerboard (driver for OpenCV's calibration).

Z. Zhang, "A flexible new technique for camera calibration", IEEE PAMI 22 (2000). Photograph a flat printed
checkerboard from ten or more sides, near and far, filling the corners of the image too; do not zoom or change the
image size in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.refusal import Refusal
from core.text import _
from flight.camera import Camera

LEAST_PHOTOS: Final = 6
_SEARCHED_PX: Final = 1_600  # a board is looked for at this size: at 48 megapixels a search takes a minute
_WORST_RMS_PX: Final = 2.0  # beyond, the corners were not where the model says: a bent board, or a rolling shutter
_LEAST_TURN_DEG: Final = 10.0  # boards that all face one way leave focal length and distance undecided


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A calibrated camera with what it rests on.

    Attributes:
        camera: The camera, with distortion.
        rms_px: Root mean square distance of found corners from where the camera puts them, pixels.
        used: Photographs in which the board was found.
        refusals: One for each photograph that gave nothing.
    """

    camera: Camera
    rms_px: float
    used: tuple[str, ...]
    refusals: tuple[Refusal, ...]


def calibrate_from_checkerboard(
    photos: Sequence[Path], *, columns: int, rows: int, model: str
) -> Calibration | Refusal:
    """Return the camera that took photographs of a checkerboard, or why it cannot be told.

    Args:
        photos: The photographs, all of one size and zoom.
        columns: Inner corners along a row of the board (squares minus one).
        rows: Inner corners along a column.
        model: The camera's name.

    Returns:
        The calibration; or a refusal with code "too-few-boards", "boards-alike" or "poor-fit".
    """
    if columns < 3 or rows < 3 or columns == rows:
        raise ValueError("a board has at least three inner corners each way, and not as many along as across")
    found, refusals, size = _boards(photos, columns, rows)
    if len(found) < LEAST_PHOTOS or size is None:
        return Refusal(
            subject=model,
            code="too-few-boards",
            reason=_("the board was found in {count} photographs, {least} are needed").format(
                count=len(found), least=LEAST_PHOTOS
            ),
            remedy=_("Photograph the whole board from more sides, sharply; check the counts of its inner corners."),
        )
    return _solve(found, tuple(refusals), size, columns, rows, model)


def _boards(
    photos: Sequence[Path], columns: int, rows: int
) -> tuple[dict[str, NDArray[np.float32]], list[Refusal], tuple[int, int] | None]:
    """Return the corners found per photograph, refusals for the others, and the common image size."""
    import cv2

    found: dict[str, NDArray[np.float32]] = {}
    refusals = []
    size: tuple[int, int] | None = None
    for path in photos:
        image = cv2.imdecode(np.fromfile(path, dtype=np.uint8), cv2.IMREAD_GRAYSCALE) if path.stat().st_size else None
        if image is None:
            refusals.append(
                Refusal(subject=path.name, code="unreadable-file", reason=_("is no image that can be read"))
            )
            continue
        here = (image.shape[1], image.shape[0])
        if size is not None and here != size:
            refusals.append(
                Refusal(
                    subject=path.name,
                    code="other-size",
                    reason=_("is {width} × {height}, unlike the others").format(width=here[0], height=here[1]),
                )
            )
            continue
        corners = _corners(image, columns, rows)
        if corners is None:
            refusals.append(Refusal(subject=path.name, code="no-board", reason=_("the board was not found in it")))
            continue
        size = here
        found[path.name] = corners
    return found, refusals, size


def _corners(image: Any, columns: int, rows: int) -> NDArray[np.float32] | None:  # noqa: ANN401 - OpenCV's own array
    """Return the board's inner corners, pixels of the whole image, or None: found small, then measured at full size."""
    import cv2

    share = min(1.0, _SEARCHED_PX / max(image.shape))
    small = cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA) if share < 1 else image
    good, corners = cv2.findChessboardCornersSB(small, (columns, rows), flags=cv2.CALIB_CB_ACCURACY)
    if not good:
        return None
    found = np.asarray(corners, dtype=np.float32)
    if share == 1:
        return found
    # Both count from pixel centres; the window stays well within a square.
    whole = ((found.reshape(-1, 1, 2) + 0.5) / share - 0.5).astype(np.float32)
    along = np.diff(whole[:columns, 0], axis=0)
    square = float(np.min(np.hypot(along[:, 0], along[:, 1])))
    half = max(3, int(square / 4))
    steps = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 60, 0.005)
    return np.asarray(cv2.cornerSubPix(image, whole, (half, half), (-1, -1), steps), dtype=np.float32)


def _solve(  # noqa: PLR0917 - what was found, and what it is of
    found: dict[str, NDArray[np.float32]],
    refusals: tuple[Refusal, ...],
    size: tuple[int, int],
    columns: int,
    rows: int,
    model: str,
) -> Calibration | Refusal:
    """Return the calibration from found corners."""
    import cv2

    library: Any = cv2  # the extended calibration's type information is wrong about its output arguments
    board = np.zeros((rows * columns, 3), np.float32)
    board[:, :2] = np.mgrid[:columns, :rows].T.reshape(-1, 2)
    boards = [board] * len(found)
    rms, matrix, distortion, turns, _shifts, deviations, *_more = library.calibrateCameraExtended(
        boards, list(found.values()), size, None, None
    )
    normals = np.array([cv2.Rodrigues(turn)[0][:, 2] for turn in turns])
    widest = np.degrees(np.arccos(np.clip(normals @ normals.T, -1, 1))).max()
    if widest < _LEAST_TURN_DEG:
        return Refusal(
            subject=model,
            code="boards-alike",
            reason=_("all photographs see the board from one side; they differ by {angle:.0f}° only").format(
                angle=widest
            ),
            remedy=_("Tilt the board or the camera by 20° to 45° each way."),
        )
    if rms > _WORST_RMS_PX:
        return Refusal(
            subject=model,
            code="poor-fit",
            reason=_("corners lie {rms:.1f} px from where the camera puts them").format(rms=rms),
            remedy=_("Use a flat board, hold still, and check the counts of its inner corners."),
        )
    k1, k2, p1, p2, k3 = (float(value) for value in np.ravel(distortion)[:5])
    camera = Camera(
        model=model,
        width_px=size[0],
        height_px=size[1],
        focal_px=float(matrix[0, 0]),
        focal_y_px=float(matrix[1, 1]),
        # OpenCV counts from the middle of the first pixel, we from its corner.
        centre_x_px=float(matrix[0, 2]) + 0.5,
        centre_y_px=float(matrix[1, 2]) + 0.5,
        distortion=(k1, k2, p1, p2, k3),
        focal_sigma=float(max(deviations[0, 0] / matrix[0, 0], 1e-4)),
        source=_("checkerboard, {count} photographs, rms {rms:.2f} px").format(count=len(found), rms=rms),
    )
    return Calibration(camera=camera, rms_px=float(rms), used=tuple(found), refusals=refusals)
