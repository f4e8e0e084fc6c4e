"""The detectors that look for what must not show: which they are, and how they look at pictures and frames.

This is where the drivers for redaction are chosen: CenterFace for faces, the station's YOLO weights for vehicles and,
where the bureau registered one that finds them, people.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from app.weights import open_detectors
from detection.detection import Box, Detection, Detector
from detection.frame import Frame


def open_redactors(weights: Sequence[str]) -> tuple[Detector, ...]:
    """Return the detectors that look for faces, and for vehicles and people.

    Args:
        weights: Registered weights for vehicles and people, by name or file; the defaults when empty.

    Raises:
        WeightRefused: A weight cannot be used.
    """
    from evidence.handing_out.face_detector import FaceDetector

    return FaceDetector(), open_detectors(weights, device="auto", heat=False).light


def tell_detectors(detectors: Sequence[Detector]) -> list[str]:
    """Return what each detector looks for and by which weight, for the record."""
    return [f"{','.join(one.labels)}: weight {one.weight_sha256[:16]}" for one in detectors]


def look_at_picture(detector: Detector, frame: Frame) -> Iterator[Detection]:
    """Yield what a detector finds in a picture at its own, half and double size, without its ground scale and with it.

    A crop and a reduced whole frame show a vehicle at very different sizes; pose and camera tell which, where known.
    What only one of the looks finds is made unreadable too.
    """
    plain = replace(frame, camera=None)
    looks = [(1.0, plain), (2.0, replace(plain, pixels=plain.pixels[::2, ::2].copy()))]
    if frame.camera is not None:
        looks.append((1.0, frame))
    else:
        looks.append((0.5, replace(plain, pixels=plain.pixels.repeat(2, axis=0).repeat(2, axis=1))))
    for scale, look in looks:
        [seen] = detector.detect([look])
        for one in seen:
            yield replace(one, box=scaled_box(one.box, scale))


def look_at_frame(detectors: Sequence[Detector], frame: Frame) -> Iterator[Detection]:
    """Yield what detectors find in a frame of a clip; its ground scale tells how large things are, where it is known.

    The frames before and after are further looks at the same things, so one size is enough here.
    """
    for detector in detectors:
        if frame.camera is None:
            yield from look_at_picture(detector, frame)
        else:
            yield from detector.detect([frame])[0]


def scaled_box(box: Box, scale: float) -> Box:
    """Return a box of a picture that was made ``scale`` times as large."""
    left, top, right, bottom = (edge * scale for edge in (box.left_px, box.top_px, box.right_px, box.bottom_px))
    return Box(left_px=left, top_px=top, right_px=right, bottom_px=bottom)
