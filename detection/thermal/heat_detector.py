"""Weights for heat on thermal frames: what they are shown, and their boxes in the pixels of the frame.

A weight is shown the grey picture of :mod:`detection.thermal.heat_picture` at the thermogram's own size, with the
camera made to fit: a photo that was enlarged when it was stored is no finer look at the ground. From there on it is a
picture like any other, resampled to the ground sampling distance that the weight was trained at. A detection says that
it was seen in heat, and between which measured values the picture's grey ran.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from core.text import _
from detection.detection import Box, Detection, Detector
from detection.frame import Frame
from detection.frames.image_quality import ImageQuality, measure_quality
from detection.thermal.heat_picture import HeatPicture, heat_picture
from detection.thermal.thermogram import Scale, Thermogram
from flight.camera import resized


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatLook:
    """What a look at a thermal frame gave.

    Attributes:
        detections: In the frame's pixels, best score first.
        quality: How good the grey picture was that the weights were shown.
    """

    detections: tuple[Detection, ...]
    quality: ImageQuality


class HeatDetector:
    """Weights for heat as what finds things in thermograms.

    Args:
        detector: The weights; it is shown nothing but grey pictures of heat.
        coarsest_gsd_m: Label → ground with a larger GSD than this is not searched for it, metres.
    """

    def __init__(self, detector: Detector, *, coarsest_gsd_m: Mapping[str, float]) -> None:
        if set(coarsest_gsd_m) != set(detector.labels) or not all(gsd > 0 for gsd in coarsest_gsd_m.values()):
            raise ValueError("for each label there is a coarsest GSD, positive")
        self._detector = detector
        self._coarsest_gsd_m = MappingProxyType(dict(coarsest_gsd_m))

    @property
    def detector(self) -> Detector:
        """The weights themselves."""
        return self._detector

    @property
    def weight_sha256(self) -> str:
        """Digest of the weights together, hex."""
        return self._detector.weight_sha256

    @property
    def coarsest_gsd_m(self) -> Mapping[str, float]:
        """Label → the largest GSD of ground that is searched for it, metres."""
        return self._coarsest_gsd_m

    def look(self, frame: Frame, thermogram: Thermogram) -> HeatLook | None:
        """Return what is found in a thermal frame, or None where nothing was measured that could be shown.

        Args:
            frame: The photo as it is stored.
            thermogram: Its temperatures or counts, of the same field of view; its size may be another.
        """
        picture = heat_picture(thermogram)
        if picture is None:
            return None
        quality = measure_quality(picture.pixels)
        [found] = self._detector.detect([_shown(frame, picture, quality)])
        across = frame.pixels.shape[1] / thermogram.width_px
        down = frame.pixels.shape[0] / thermogram.height_px
        remarks = (_told(picture, thermogram.scale), thermogram.source, *thermogram.notes)
        return HeatLook(
            detections=tuple(
                replace(each, box=_scaled(each.box, across, down), remarks=(*each.remarks, *remarks)) for each in found
            ),
            quality=quality,
        )


def _shown(frame: Frame, picture: HeatPicture, quality: ImageQuality) -> Frame:
    """Return the frame with the grey picture in the place of its own, and a camera of that size."""
    height, width = picture.pixels.shape[:2]
    camera = None
    if frame.camera is not None:
        camera = resized(frame.camera, width / frame.camera.width_px, width_px=width, height_px=height)
    return replace(frame, pixels=picture.pixels, camera=camera, quality=quality)


def _scaled(box: Box, across: float, down: float) -> Box:
    return Box(
        left_px=box.left_px * across,
        top_px=box.top_px * down,
        right_px=box.right_px * across,
        bottom_px=box.bottom_px * down,
    )


def _told(picture: HeatPicture, scale: Scale) -> str:
    """Return that something was seen in heat, and in which picture of it."""
    words = (
        _("seen in heat: in a grey picture of the measured temperatures, {black:.0f} °C black, {white:.0f} °C white")
        if scale is Scale.CELSIUS
        else _("seen in heat: in a grey picture of the measured counts, {black:.0f} black, {white:.0f} white")
    )
    return words.format(black=picture.black, white=picture.white)
