"""A camera that somebody declares: what ``--camera`` means.

Four ways: a key of the shipped catalogue (``m3t-wide``), a lens file that a calibration wrote (``ours.yaml``, or
``ours.yaml:KEY`` where it holds several lenses that fit), a 35 mm equivalent (``24mm``), a focal length in pixels of
the image as it is (``3045px``). A declaration is for every file of a run, so it is applied to each file's own size.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from core.errors import InputRefused
from core.refusal import Refusal
from core.text import _
from flight.camera import Camera
from flight.cameras.catalogue import CatalogueLens, catalogue_camera, declared_camera, read_lenses
from flight.telemetry.lens import FULL_FRAME_DIAGONAL_MM, full_diagonal_px

_FIGURE: Final = re.compile(r"^(\d+(?:\.\d+)?)(mm|px)$")
_SUFFIXES: Final = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredCamera:
    """What somebody says the camera is.

    Attributes:
        said: As it was written.
        focal_px: Focal length in pixels of each image, or None.
        equivalent_mm: 35 mm equivalent, or None.
        lenses: The lenses to choose from by image size and focal length, or empty.
    """

    said: str
    focal_px: float | None = None
    equivalent_mm: float | None = None
    lenses: tuple[CatalogueLens, ...] = ()

    def __post_init__(self) -> None:
        if (self.focal_px is not None) + (self.equivalent_mm is not None) + bool(self.lenses) != 1:
            raise ValueError("a camera is declared in exactly one way")


def read_declared_camera(said: str) -> DeclaredCamera:
    """Return what a ``--camera`` option declares.

    Raises:
        InputRefused: It is neither a focal length, a key of the catalogue, nor a lens file.
    """
    figure = _FIGURE.match(said.strip().lower())
    if figure is not None:
        value = float(figure[1])
        if value <= 0:
            raise InputRefused(said, _("is no focal length"), _("Write a positive number."))
        if figure[2] == "px":
            return DeclaredCamera(said=said, focal_px=value)
        return DeclaredCamera(said=said, equivalent_mm=value)
    path, _colon, key = said.partition(":") if not Path(said).is_file() else (said, "", "")
    if path.lower().endswith(_SUFFIXES):
        lenses = tuple(lens for lens in read_lenses(Path(path)) if key in {"", lens.key})
        if not lenses:
            raise InputRefused(path, _("holds no lens {key}").format(key=key), _("Name one that it holds."))
        return DeclaredCamera(said=said, lenses=lenses)
    lenses = tuple(lens for lens in read_lenses() if lens.key == said)
    if not lenses:
        raise InputRefused(
            said,
            _("is no key of the lens catalogue"),
            _("Give a key such as {key}, 24mm as 35 mm equivalent, 3045px, or a lens file.").format(
                key=read_lenses()[0].key
            ),
        )
    return DeclaredCamera(said=said, lenses=lenses)


def camera_as_declared(  # noqa: PLR0917 - what is known of one image
    declared: DeclaredCamera,
    model: str,
    width_px: int,
    height_px: int,
    focal_mm: float | None = None,
    digital_zoom: float = 1.0,
) -> Camera | Refusal:
    """Return the declared camera at an image's size, or a refusal as :func:`flight.cameras.catalogue.catalogue_camera`.

    Args:
        declared: The declaration.
        model: The camera's name in the file; only kept.
        width_px: Width of the image.
        height_px: Its height.
        focal_mm: EXIF FocalLength, for zoom lenses and to choose among several; None when not known.
        digital_zoom: 1 for none.
    """
    name = model or "declared"
    if declared.focal_px is not None:
        return replace(declared_camera(width_px, height_px, focal_px=declared.focal_px), model=name)
    if declared.equivalent_mm is not None:
        diagonal_px, _inferred = full_diagonal_px(width_px, height_px, model=model)
        focal_px = declared.equivalent_mm * diagonal_px / FULL_FRAME_DIAGONAL_MM * digital_zoom
        return replace(
            declared_camera(width_px, height_px, focal_px=focal_px),
            model=name,
            source=_("declared, {said} by the diagonal of the sensor's full image").format(said=declared.said),
        )
    found: Camera | Refusal = Refusal(subject=name, code="unknown-camera", reason=_("no lens is declared"))
    for lens in declared.lenses:
        only = [lens]
        # A focal length that is written otherwise than the catalogue has it does not gainsay a declaration.
        if lens.zoom_mm is None:
            only = [replace(lens, near_mm=None)]
        found = catalogue_camera(
            lens.key, width_px, height_px, focal_mm=focal_mm, digital_zoom=digital_zoom, lenses=only
        )
        if isinstance(found, Camera):
            return replace(found, model=name, source=_("declared: {source}").format(source=found.source))
    if isinstance(found, Refusal):
        return replace(found, subject=name)
    return found
