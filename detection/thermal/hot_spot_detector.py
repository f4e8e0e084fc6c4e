"""Hot spots of a thermal frame as detections, with what was measured of each."""

from __future__ import annotations

import hashlib
import math
from typing import Final

from core.text import _
from detection.detection import Box, Detection
from detection.frame import Frame
from detection.ground_scale import gsd_at
from detection.thermal.heat_caveats import caveats
from detection.thermal.hot_spots import LEAST_PX, LEAST_RISE_K, LEAST_SPREADS, WARMER_TIMES, HotSpot, find_hot_spots
from detection.thermal.thermogram import Scale, Thermogram

LABEL: Final = "hot_spot"
_SAME_SHAPE: Final = 0.01

METHOD_CARD: Final = f"""# Hot spots, method 2

Not a trained weight: a rule. A spot rises above the ground around it by {LEAST_SPREADS:g} spreads of the scene (and by
{LEAST_RISE_K:g} K at least, where the file gives temperatures) over {LEAST_PX} pixels or more. Where the file gives
counts, it also lies {WARMER_TIMES:g} times as far above the picture's median as nine tenths of the picture do. Its
score is a strength, not a probability. Tried on 62 photos of cameras by DJI and FLIR, of which nobody had marked what
is hot: no recall and no share of true ones is known.
""".encode()
METHOD_SHA256: Final = hashlib.sha256(METHOD_CARD).hexdigest()
"""Stands where a detection names the weight that saw it."""


def detect_hot_spots(frame: Frame, thermogram: Thermogram) -> list[Detection]:
    """Return the hot spots of a frame, strongest first.

    Args:
        frame: The photo as it is stored.
        thermogram: Its temperatures or counts, of the same field of view; its size may be another.

    Raises:
        ValueError: Frame and thermogram are of different shapes, so that no pixel of one belongs to one of the other.
    """
    height, width = frame.pixels.shape[:2]
    across, down = width / thermogram.width_px, height / thermogram.height_px
    if abs(across / down - 1) > _SAME_SHAPE:
        raise ValueError("a frame and its thermogram have one shape")
    return [
        Detection(
            frame_id=frame.frame_id,
            label=LABEL,
            score=spot.score,
            box=Box(
                left_px=spot.box.left_px * across,
                top_px=spot.box.top_px * down,
                right_px=spot.box.right_px * across,
                bottom_px=spot.box.bottom_px * down,
            ),
            weight_sha256=METHOD_SHA256,
            remarks=remarks_on(spot, frame, thermogram, scale=(across, down)),
        )
        for spot in find_hot_spots(thermogram)
    ]


def remarks_on(spot: HotSpot, frame: Frame, thermogram: Thermogram, *, scale: tuple[float, float]) -> tuple[str, ...]:
    """Return what was measured of a hot spot and on what it rests, as sentences.

    Args:
        spot: The spot.
        frame: Its frame.
        thermogram: Its thermogram.
        scale: Pixels of the frame for one of the thermogram, across and down.
    """
    pixel = (
        (spot.box.left_px + spot.box.right_px) / 2 * scale[0],
        (spot.box.top_px + spot.box.bottom_px) / 2 * scale[1],
    )
    least_c = None
    if thermogram.scale is Scale.CELSIUS:
        least_c = spot.peak - 2 * (spot.peak_sigma_k or 0.0)
        said = [_temperatures(spot)]
    else:
        said = [
            _("relative: {spreads:.0f} times the scene's spread above what surrounds it; no temperature").format(
                spreads=spot.spreads
            )
        ]
    gsd = gsd_at(frame.pose, frame.camera, [pixel])
    if gsd is not None and math.isfinite(float(gsd[0])):
        area = spot.area_px * float(gsd[0]) ** 2 * scale[0] * scale[1]
        said.append(_("about {area:.1f} m² ({pixels} pixels)").format(area=area, pixels=spot.area_px))
    return (
        *said,
        thermogram.source,
        *thermogram.notes,
        *caveats(frame.pose, frame.camera, pixel, peak_c=least_c),
    )


def _temperatures(spot: HotSpot) -> str:
    sigma = "" if spot.peak_sigma_k is None else f" ± {spot.peak_sigma_k:.0f}"
    words = (
        _("at least {peak:.0f}{sigma} °C at its peak, where the camera's range ends")
        if spot.at_ceiling
        else _("{peak:.0f}{sigma} °C at its peak")
    )
    rest = _("{mean:.0f} °C on average, {background:.0f} °C around it").format(
        mean=spot.mean, background=spot.background
    )
    return words.format(peak=spot.peak, sigma=sigma) + "; " + rest
