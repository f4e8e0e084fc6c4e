"""The camera of a video, from what its subtitles say of the lens.

Videos are cut to 16:9 from the full width of the sensor, like 16:9 photos (see :mod:`flight.telemetry.lens`). Where a
mode crops further (electronic stabilisation, 4K from the sensor's middle), the subtitles do not say so; the focal
length's sigma is widened for it, and the assumption is stated.
"""

from __future__ import annotations

from typing import Final

from core.text import _
from flight.camera import Camera
from flight.telemetry.lens import FULL_FRAME_DIAGONAL_MM, full_diagonal_px
from flight.telemetry.srt import SrtTelemetry

SIGMA_VIDEO: Final = 0.05  # unstated crops of video modes, besides the spread of lenses


def camera_of_video(told: SrtTelemetry, *, width_px: int, height_px: int) -> tuple[Camera | None, tuple[str, ...]]:
    """Return the camera at the video's size, or None with the reason, and what had to be assumed.

    Args:
        told: The video's subtitles.
        width_px: The video's width as stored, pixels.
        height_px: Its height.
    """
    settings = [record.fields.camera for record in told.records]
    zooms = {setting.zoom for setting in settings if setting.zoom is not None}
    if any(zoom > 1.01 for zoom in zooms):
        return None, (_("digital zoom is on; the focal length in pixels is not known"),)
    films = {setting.focal_35mm_mm for setting in settings if setting.focal_35mm_mm is not None}
    if len(films) != 1:
        return None, (_("the subtitles name {count} focal lengths; exactly one is needed").format(count=len(films)),)
    diagonal_px, _inferred = full_diagonal_px(width_px, height_px, model="")
    return (
        Camera(
            model=told.source,
            width_px=width_px,
            height_px=height_px,
            focal_px=films.pop() * diagonal_px / FULL_FRAME_DIAGONAL_MM,
            centre_x_px=width_px / 2,
            centre_y_px=height_px / 2,
            focal_sigma=SIGMA_VIDEO,
            source="SRT focal_len (35 mm equivalent), by diagonal of the full 4:3 sensor",
        ),
        (_("the video is taken as cut from the full width of a 4:3 sensor"),),
    )
