"""Thermal photos on their way through a run: whether a photo is one, and what it measured."""

from __future__ import annotations

import math
from dataclasses import replace

from app.inputs import FootageFile
from app.instruments import Instruments
from core.refusal import Refusal
from core.text import _
from detection.frame import Frame
from detection.ground_scale import height_above_ground_m
from detection.thermal.read_thermogram import read_thermogram
from detection.thermal.thermogram import Thermogram
from flight.cameras.catalogue import is_thermal
from flight.telemetry.photo import PhotoTelemetry
from flight.track import Pose

_LEAST_DEPRESSION_DEG = 10.0
_SAME_SHAPE = 0.01


def thermogram_of(
    file: FootageFile, told: PhotoTelemetry, frame: Frame, instruments: Instruments
) -> Thermogram | Refusal | None:
    """Return what a photo measured, None for a photo of visible light, or why a thermal one measured nothing.

    Where neither the run nor (sensibly) the file says how far the camera was from what it saw, the pose does.

    Args:
        file: The photo, and what lies beside it.
        told: What its header says.
        frame: Its pixels and pose.
        instruments: What is declared.
    """
    infrared = told.infrared or is_thermal(told.model, told.width_px, told.height_px, focal_mm=told.focal_mm)
    conditions = instruments.thermal
    if conditions.distance_m is None:
        conditions = replace(conditions, distance_m=slant_m(frame.pose))
    found = read_thermogram(file.path, infrared=infrared, exported=file.temperatures, conditions=conditions)
    if not isinstance(found, Thermogram):
        return found
    height, width = frame.pixels.shape[:2]
    if abs(width * found.height_px / (height * found.width_px) - 1) > _SAME_SHAPE:
        return Refusal(
            subject=file.path.name,
            code="thermal-shape",
            reason=_("its picture is {width}×{height}, its measurement {columns}×{rows}: not of one view").format(
                width=width, height=height, columns=found.width_px, rows=found.height_px
            ),
            remedy=_("Save thermal photos without a visible picture around them."),
        )
    return found


def slant_m(pose: Pose) -> float | None:
    """Return how far the ground in the picture's middle is, metres; None without a height or near the horizon."""
    height_m, pitch_deg = height_above_ground_m(pose), pose.pitch_deg
    if height_m is None or height_m <= 0 or pitch_deg is None or pitch_deg > -_LEAST_DEPRESSION_DEG:
        return None
    return height_m / math.sin(math.radians(min(90.0, -pitch_deg)))
