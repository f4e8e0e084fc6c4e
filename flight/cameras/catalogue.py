"""The lens catalogue: from a camera's name and image size to its geometry, or a refusal.

The shipped catalogue is ``missions/catalogue/lenses.yaml``; every entry has its source. A camera that is not in it, an
image size that is none of its modes, and a zoom lens without its focal length are refused: a wrong focal length puts
everything in the wrong place and looks right. What is not catalogued can be declared (:func:`declared_camera`).

Crops keep the scale, resizes change it, and a mode says which it is: a 16:9 photo of a 4:3 sensor is a crop, a 4K video
may be either. Digital zoom is a crop that is resized back: the focal length in pixels grows with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml

from core.errors import InputRefused
from core.refusal import Refusal
from core.text import _
from flight.camera import Camera, Lens

SHIPPED: Final = Path(__file__).resolve().parent.parent.parent / "missions" / "catalogue" / "lenses.yaml"
FILM_DIAGONAL_MM: Final = math.hypot(36.0, 24.0)
_SAME_LENS: Final = 0.1  # EXIF focal lengths within this share of each other are one lens
_DECLARED_SIGMA: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """An image size and the part of the sensor's whole image that it shows.

    Attributes:
        width_px, height_px: The image.
        columns, rows: Of the whole image, centred, scaled to that size.
    """

    width_px: int
    height_px: int
    columns: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueLens:
    """One lens of the catalogue.

    Attributes:
        key: Its key.
        models: Names of the camera, upper case without blanks.
        full_px: Width and height of the sensor's whole image.
        focal_px: Focal length there; None for a zoom lens.
        near_mm: The photo's focal length that tells this lens from others of its model, or None.
        zoom_mm: Shortest and longest focal length of a zoom lens, or None.
        equivalent_per_mm: 35 mm equivalent per millimetre of focal length, for a zoom lens.
        distortion: Coefficients in the order of ``lens``, or empty.
        sigma: Relative one-sigma error of the focal length.
        modes: The image sizes it makes.
        source: Where the figures come from.
        focal_y_px: Focal length along a column of the whole image; None for square pixels.
        centre_px: Principal point in the whole image; None for its middle.
        lens: Which formula ``distortion`` belongs to.
        mount_deg: As in :class:`flight.camera.Camera`.
    """

    key: str
    models: tuple[str, ...]
    full_px: tuple[int, int]
    focal_px: float | None
    near_mm: float | None
    zoom_mm: tuple[float, float] | None
    equivalent_per_mm: float | None
    distortion: tuple[float, ...]
    sigma: float
    modes: tuple[Mode, ...]
    source: str
    focal_y_px: float | None = None
    centre_px: tuple[float, float] | None = None
    lens: Lens = Lens.BROWN_CONRADY
    mount_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)


def catalogue_camera(
    model: str,
    width_px: int,
    height_px: int,
    *,
    focal_mm: float | None = None,
    digital_zoom: float = 1.0,
    lenses: Sequence[CatalogueLens] | None = None,
) -> Camera | Refusal:
    """Return the camera of a photo or video by its model's name and image size, or a refusal.

    Args:
        model: As EXIF or the telemetry writes it, or a key of the catalogue ("m3t-thermal").
        width_px: Width of the image as stored.
        height_px: Its height.
        focal_mm: EXIF FocalLength, to tell a camera's lenses apart and for zoom lenses; None when it is not known.
        digital_zoom: EXIF DigitalZoomRatio; 1 for none.
        lenses: The catalogue; None for the shipped one.

    Returns:
        The camera; or a refusal with code "unknown-camera", "unknown-mode", "which-lens" or "no-focal-length".
    """
    entries = read_lenses() if lenses is None else tuple(lenses)

    def refuse(code: str, reason: str) -> Refusal:
        remedy = _(
            "Declare it with --camera: a key of the catalogue, 24mm as 35 mm equivalent, 3045px as focal length in "
            "pixels, or a lens file; or calibrate it: skywarden camera calibrate."
        )
        return Refusal(subject=model, code=code, reason=reason, remedy=remedy)

    name = model.upper().replace(" ", "")
    mine = [lens for lens in entries if model == lens.key or name in lens.models]
    if not mine:
        return refuse("unknown-camera", _("this camera is not in the lens catalogue"))
    fitting = [(lens, mode) for lens in mine if (mode := _mode(lens, width_px, height_px)) is not None]
    if not fitting:
        return refuse(
            "unknown-mode",
            _("{width} × {height} is no image size of this camera").format(width=width_px, height=height_px),
        )
    if focal_mm is not None:
        fitting = [(lens, mode) for lens, mode in fitting if _has_focal(lens, focal_mm)]
    if len(fitting) != 1:
        names = ", ".join(lens.key for lens, _mode_of in fitting) or _("none")
        return refuse(
            "which-lens", _("this camera's lens cannot be told from the image; possible: {names}").format(names=names)
        )
    lens, mode = fitting[0]
    full = _full_focal(lens, focal_mm)
    if full is None:
        return refuse("no-focal-length", _("this is a zoom lens and the image does not say its focal length"))
    if not digital_zoom >= 1:
        raise ValueError("a digital zoom is 1 or more")
    return _camera_in(lens, mode, full, model=model, digital_zoom=digital_zoom)


def is_thermal(model: str, width_px: int, height_px: int, *, focal_mm: float | None = None) -> bool:
    """Return whether a photo of this model and size can only be its thermal camera's, by the shipped catalogue.

    Args:
        model: As EXIF writes it.
        width_px: Width of the image as stored.
        height_px: Its height.
        focal_mm: EXIF FocalLength, or None.
    """
    name = model.upper().replace(" ", "")
    fitting = [
        lens.key
        for lens in read_lenses()
        if (model == lens.key or name in lens.models)
        and _mode(lens, width_px, height_px) is not None
        and (focal_mm is None or _has_focal(lens, focal_mm))
    ]
    return bool(fitting) and all(key.endswith("-thermal") for key in fitting)


def _camera_in(lens: CatalogueLens, mode: Mode, full_focal_px: float, *, model: str, digital_zoom: float) -> Camera:
    """Return the camera of a lens in one of its modes; crops are taken from the middle of the whole image."""
    scale = mode.width_px / mode.columns * digital_zoom
    zoomed = "" if digital_zoom == 1 else _(", digital zoom ×{zoom:g}").format(zoom=digital_zoom)
    off_x, off_y = 0.0, 0.0
    if lens.centre_px is not None:
        off_x, off_y = lens.centre_px[0] - lens.full_px[0] / 2, lens.centre_px[1] - lens.full_px[1] / 2
    return Camera(
        model=model,
        width_px=mode.width_px,
        height_px=mode.height_px,
        focal_px=full_focal_px * scale,
        focal_y_px=None if lens.focal_y_px is None else lens.focal_y_px * scale,
        centre_x_px=mode.width_px / 2 + off_x * scale,
        centre_y_px=mode.height_px / 2 + off_y * scale,
        distortion=lens.distortion,
        lens=lens.lens,
        # The ratio is written with two digits and the crop's centre is the maker's secret.
        focal_sigma=lens.sigma if digital_zoom == 1 else math.hypot(lens.sigma, 0.01),
        mount_deg=lens.mount_deg,
        source=_("lens catalogue, {key}{zoomed} ({source})").format(key=lens.key, zoomed=zoomed, source=lens.source),
    )


def declared_camera(
    width_px: int, height_px: int, *, focal_px: float | None = None, equivalent_mm: float | None = None
) -> Camera:
    """Return a camera that somebody declares, without distortion and with two per cent of doubt.

    Args:
        width_px: Width of the image.
        height_px: Its height.
        focal_px: Its focal length in pixels of this image; or
        equivalent_mm: its 35 mm equivalent, by the diagonal of this image (CIPA DCG-001).

    Raises:
        ValueError: Not exactly one of the two is given.
    """
    if (focal_px is None) == (equivalent_mm is None):
        raise ValueError("declare a focal length either in pixels or as its 35 mm equivalent")
    if focal_px is None:
        focal_px = (equivalent_mm or 0.0) / FILM_DIAGONAL_MM * math.hypot(width_px, height_px)
    return Camera(
        model="declared",
        width_px=width_px,
        height_px=height_px,
        focal_px=focal_px,
        centre_x_px=width_px / 2,
        centre_y_px=height_px / 2,
        focal_sigma=_DECLARED_SIGMA,
        source=_("declared"),
    )


def sharper_camera(
    stated: Camera | None,
    model: str,
    width_px: int,
    height_px: int,
    *,
    focal_mm: float | None = None,
    digital_zoom: float = 1.0,
) -> Camera | None:
    """Return the catalogue's camera where it is better known than what a photo's header states, else the header's.

    A header that gives only a 35 mm equivalent in whole millimetres (two to four per cent) is worse than the
    catalogue; one with the maker's calibration of the very camera is better.

    Args:
        stated: What the header says, or None.
        model: As the header writes it.
        width_px: Width of the image as stored.
        height_px: Its height.
        focal_mm: EXIF FocalLength, or None.
        digital_zoom: EXIF DigitalZoomRatio; 1 for none.
    """
    listed = catalogue_camera(model, width_px, height_px, focal_mm=focal_mm, digital_zoom=digital_zoom)
    if isinstance(listed, Refusal):
        return stated
    return listed if stated is None or listed.focal_sigma < stated.focal_sigma else stated


def _mode(lens: CatalogueLens, width_px: int, height_px: int) -> Mode | None:
    """Return the lens's mode of this size, or None."""
    return next((mode for mode in lens.modes if (mode.width_px, mode.height_px) == (width_px, height_px)), None)


def _has_focal(lens: CatalogueLens, focal_mm: float) -> bool:
    """Return whether a photo's focal length may be this lens's."""
    if lens.zoom_mm is not None:
        return lens.zoom_mm[0] * (1 - _SAME_LENS / 2) <= focal_mm <= lens.zoom_mm[1] * (1 + _SAME_LENS / 2)
    return lens.near_mm is None or abs(focal_mm / lens.near_mm - 1) <= _SAME_LENS


def _full_focal(lens: CatalogueLens, focal_mm: float | None) -> float | None:
    """Return the focal length in pixels of the whole image, or None when a zoom lens's is not known."""
    if lens.focal_px is not None:
        return lens.focal_px
    if focal_mm is None or lens.equivalent_per_mm is None:
        return None
    return focal_mm * lens.equivalent_per_mm / FILM_DIAGONAL_MM * math.hypot(*lens.full_px)


@lru_cache(maxsize=4)
def read_lenses(path: Path = SHIPPED) -> tuple[CatalogueLens, ...]:
    """Return the lenses of a catalogue file.

    Raises:
        InputRefused: The file cannot be read, or an entry lacks a figure or its source.
    """
    try:
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputRefused(path, _("it cannot be read ({why})").format(why=error), _("Mend the file.")) from error
    if not isinstance(table, dict) or not table:
        raise InputRefused(path, _("it holds no lenses"), _("Give one entry per lens."))
    return tuple(_entry(path, str(key), entry) for key, entry in table.items())


def _entry(path: Path, key: str, entry: Any) -> CatalogueLens:  # noqa: ANN401 - whatever the YAML holds
    """Return one entry, checked."""
    try:
        zoom = tuple(float(x) for x in entry["focal_mm"]) if "focal_mm" in entry else None
        lens = CatalogueLens(
            key=key,
            models=tuple(str(model).upper().replace(" ", "") for model in entry["models"]),
            full_px=(int(entry["full_px"][0]), int(entry["full_px"][1])),
            focal_px=float(entry["focal_px"]) if "focal_px" in entry else None,
            near_mm=float(entry["near_mm"]) if "near_mm" in entry else None,
            zoom_mm=None if zoom is None else (zoom[0], zoom[1]),
            equivalent_per_mm=float(entry["equivalent_per_mm"]) if "equivalent_per_mm" in entry else None,
            distortion=tuple(float(x) for x in entry.get("distortion", ())),
            sigma=float(entry["sigma"]),
            modes=tuple(Mode(width_px=w, height_px=h, columns=c, rows=r) for w, h, c, r in entry["modes"]),
            source=str(entry["source"]),
            focal_y_px=float(entry["focal_y_px"]) if "focal_y_px" in entry else None,
            centre_px=_pair(entry["centre_px"]) if "centre_px" in entry else None,
            lens=Lens(entry.get("lens", Lens.BROWN_CONRADY)),
            mount_deg=_mount(entry.get("mount_deg", (0.0, 0.0, 0.0))),
        )
        # What a noun would refuse later is refused here, with the file's name.
        for mode in lens.modes:
            _camera_in(lens, mode, lens.focal_px or 1.0, model=key, digital_zoom=1.0)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputRefused(
            path, _("the lens {key} lacks or garbles {what}").format(key=key, what=error), _("Complete the entry.")
        ) from error
    for mode in lens.modes:
        if mode.columns > lens.full_px[0] or mode.rows > lens.full_px[1]:
            raise InputRefused(
                path,
                _("the lens {key} has a mode that is larger than its sensor").format(key=key),
                _("Mend the mode's columns and rows."),
            )
        if abs(mode.width_px / mode.columns / (mode.height_px / mode.rows) - 1) > 0.003:
            raise InputRefused(
                path,
                _("the lens {key} has a mode whose pixels are not square").format(key=key),
                _("Mend the mode's columns and rows."),
            )
    if (lens.focal_px is None) == (lens.zoom_mm is None):
        raise InputRefused(
            path, _("the lens {key} has no focal length, or two").format(key=key), _("Give focal_px or focal_mm.")
        )
    return lens


def _pair(given: Any) -> tuple[float, float]:  # noqa: ANN401 - whatever the YAML holds
    x, y = (float(part) for part in given)
    return x, y


def _mount(given: Any) -> tuple[float, float, float]:  # noqa: ANN401 - as above
    yaw, pitch, roll = (float(part) for part in given)
    return yaw, pitch, roll
