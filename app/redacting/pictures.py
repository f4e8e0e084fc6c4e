"""Redacts a package's picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO

import numpy as np
from shapely import Polygon

from app.redacting.added import Added
from app.redacting.looking import look_at_picture, tell_detectors
from app.redacting.made_from import camera_of, record_of
from app.redacting.secret_file import SecretGround
from core.refusal import Refusal
from detection.detection import Box, Detector
from detection.frame import Frame
from evidence.handing_out.redact import Region, redact_frame, regions_of
from evidence.handing_out.secret_ground import secret_pixels
from evidence.sealing.again import Contents
from evidence.sealing.derivation import Derived
from flight.track import Pose

BY_HAND_CELLS = 4


def redacted_picture(
    contents: Contents,
    copy: Derived,
    detectors: Sequence[Detector],
    *,
    added: Sequence[Added],
    secret: SecretGround | None,
    by: str,
) -> Derived | Refusal:
    """Return a picture, redacted, or why secret ground cannot be placed in it."""
    frame, seen = _frame_of(copy, contents)
    regions = [
        *(region for one in detectors for region in regions_of(look_at_picture(one, seen))),
        *(
            Region(kind="by-hand", box=one.shape, cells=BY_HAND_CELLS, found_by=by)
            for one in added
            if isinstance(one.shape, Box)
        ),
    ]
    secret_there = None
    if secret is not None:
        placed = secret_pixels(secret.outlines, pose=seen.pose, camera=seen.camera, name=copy.name)
        if isinstance(placed, Refusal):
            return placed
        secret_there = placed
    return redact_frame(
        frame,
        regions=regions,
        masks=[one.shape for one in added if isinstance(one.shape, Polygon)],
        looked_by=tell_detectors(detectors),
        looked_for=[label for one in detectors for label in one.labels],
        secret_there=secret_there,
        secret="" if secret is None else secret.name,
    )


def _frame_of(copy: Derived, contents: Contents) -> tuple[Frame, Frame]:
    """Return a derived picture as the frame that is redacted, and as the frame that detectors look at.

    The second is the picture without the strip of words below it, with the pose and camera of the frame that it was
    made from.
    """
    from PIL import Image

    with Image.open(BytesIO(copy.content)) as picture:
        pixels = np.asarray(picture.convert("RGB"))[:, :, ::-1].copy()
    at = contents.incident.sighting.first_seen
    whole = Frame(
        original_sha256=copy.sha256,
        original_name=copy.name,
        captured_at=at,
        pixels=pixels,
        pose=Pose(captured_at=at),
        camera=None,
    )
    record = record_of(copy, contents)
    camera = None if record is None else camera_of(copy, record, pixels.shape)
    if record is None or camera is None:
        return whole, whole
    return whole, replace(whole, pixels=pixels[: camera.height_px].copy(), pose=record.pose, camera=camera)
