"""The camera of a photo, from what its header says of the lens.

Best first: the maker's calibration of this very camera (DJI DewarpData, DJI Mavic 3M manual: fx, fy, cx, cy, k1, k2,
p1, p2, k3, pixels, centre relative to the photo's centre; DJI DewarpDataK6, Matrice 4 manual: the same with k4, k5, k6
below the line); Pix4D's XMP calibration; the design focal length in pixels (DJI
CalibratedFocalLength); the 35 mm equivalent. Where the catalogue knows the model better than that, the catalogue's
camera is taken. A digital zoom makes what a header states unknown; then there is the catalogue's camera or none.

The 35 mm equivalent is by diagonal of the sensor's own full image (CIPA DCG-001): f_px = f35 · d_px / 43.267 mm. It is
*not* by the diagonal of a cropped file. A 16:9 photo of a 4:3 sensor keeps the full width, so d_px is 5/4 of the width:
for DJI's FC220 (26 mm, 4000 × 2250 cut from 4000 × 3000) that gives 3005 px, and the lens itself (4.73 mm, 1.55 µm
pixels of a 1/2.3-inch sensor) 3052 px: 1.6 % apart. By the file's own diagonal it would be 2758 px, by width 2889 px.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Final

from core.text import _
from flight.camera import Camera, Lens
from flight.cameras.catalogue import sharper_camera
from flight.telemetry.photo_header import PhotoHeader, finite

FULL_FRAME_DIAGONAL_MM: Final = math.hypot(36.0, 24.0)

# Shapes of sensors, by the model name in EXIF, from the largest photo that the model takes.
THREE_BY_TWO: Final = frozenset(
    {"FC6310", "FC6310R", "FC6310S", "FC6360", "FC6510", "FC6520", "FC6540", "FC3411", "L1D-20C", "ZENMUSEP1"}
)
FOUR_BY_THREE: Final = frozenset(
    {
        "FC220", "FC300S", "FC300X", "FC330", "FC350", "FC2103", "FC2204", "FC3170", "FC3582", "FC7203", "FC7303",
        "FC8282", "FC8482", "L2D-20C",
    }
)  # fmt: skip

_OFF_CENTRE: Final = 0.05  # how far a camera's own centre lies from the middle at most, as a share of the half size

SIGMA_DEWARP: Final = 0.002  # self-calibration of one camera against temperature and focus
SIGMA_SURVEYED: Final = 0.005  # a maker's calibration of a fixed lens, per camera or per series
SIGMA_DESIGN: Final = 0.015  # spread of one model's lenses around its design value
SIGMA_FILM: Final = 0.02  # whole millimetres of 35 mm equivalent, and the spread above
SIGMA_FILM_CROP: Final = 0.04  # as above, and the sensor's own shape is inferred: 4:3 against 3:2 differ by 4 %


def camera_of(header: PhotoHeader, *, model: str) -> tuple[Camera | None, tuple[str, ...]]:
    """Return the camera at the photo's stored size, or None, and what had to be assumed.

    Args:
        header: The photo's header.
        model: The camera model's name, for the camera and for the shape of its sensor.
    """
    zoom = header.number("DigitalZoomRatio")
    if zoom is not None and zoom > 1.01:
        listed = sharper_camera(
            None,
            model,
            header.width_px,
            header.height_px,
            focal_mm=header.number("FocalLength"),
            digital_zoom=zoom,
        )
        if listed is not None:
            return listed, ()
        return None, (_("digital zoom {zoom:.2f}× is on; the focal length in pixels is not known").format(zoom=zoom),)
    stated, notes = _stated(header, model)
    camera = sharper_camera(stated, model, header.width_px, header.height_px, focal_mm=header.number("FocalLength"))
    if camera is not None and camera is not stated and header.xmp_number("drone-dji:DewarpFlag") == 1:
        camera = replace(camera, distortion=(), lens=Lens.BROWN_CONRADY)
    return camera, notes if camera is stated else ()


def _stated(header: PhotoHeader, model: str) -> tuple[Camera | None, tuple[str, ...]]:
    """Return the camera by what the header itself says, best first."""
    notes: list[str] = []
    for attempt in (_dewarped, _surveyed, _designed, _film_equivalent):
        camera, said = attempt(header, model)
        notes += said
        if camera is not None:
            return camera, tuple(notes)
    return None, (*notes, _("the header does not say the focal length; the camera is not known"))


def _plausible(focal_px: float | None, width_px: int) -> bool:
    """Return whether a focal length sees between 3° and 150° across."""
    return focal_px is not None and 0.13 * width_px <= focal_px <= 20 * width_px


def _calibration_scale(header: PhotoHeader) -> float | None:
    """Return stored size over calibrated size, or None when the file is cropped from what was calibrated."""
    centre_x = header.xmp_number("drone-dji:CalibratedOpticalCenterX")
    centre_y = header.xmp_number("drone-dji:CalibratedOpticalCenterY")
    if not centre_x or not centre_y or centre_x < 0 or centre_y < 0:
        return 1.0
    across, down = header.width_px / (2 * centre_x), header.height_px / (2 * centre_y)
    if max(abs(across - 1), abs(down - 1)) < _OFF_CENTRE:
        return 1.0  # some cameras write their own centre, not the middle: that is no other size
    return across if abs(across / down - 1) < 0.02 else None


def _dewarped(header: PhotoHeader, model: str) -> tuple[Camera | None, tuple[str, ...]]:
    """Return the camera of DJI's DewarpData or DewarpDataK6 ("2018-09-26;fx,fy,cx,cy,k1,k2,p1,p2,k3[,k4,k5,k6]")."""
    scale = _calibration_scale(header)
    notes: tuple[str, ...] = ()
    for name, lens, count in (("DewarpData", Lens.BROWN_CONRADY, 9), ("DewarpDataK6", Lens.RATIONAL, 12)):
        text = header.xmp.get(f"drone-dji:{name}", "")
        figures = [finite(part) for part in re.split(r"[,\s]+", text.rpartition(";")[2].strip()) if part]
        if len(figures) != count or scale is None:
            continue
        fx, fy, cx, cy, *bend = (math.nan if figure is None else figure for figure in figures)
        if (
            not _plausible(fx * scale, header.width_px)
            or not fy
            or not abs(fx / fy - 1) <= 0.01
            or not all(map(math.isfinite, (cx, cy, *bend)))
        ):
            notes = (_("its DewarpData is not plausible and is not used"),)
            continue
        already = header.xmp_number("drone-dji:DewarpFlag") == 1
        camera = Camera(
            model=model,
            width_px=header.width_px,
            height_px=header.height_px,
            focal_px=fx * scale,
            focal_y_px=None if fx == fy else fy * scale,
            centre_x_px=header.width_px / 2 + cx * scale,
            centre_y_px=header.height_px / 2 + cy * scale,
            distortion=() if already else tuple(bend),
            lens=lens,
            focal_sigma=SIGMA_DEWARP,
            source=f"XMP {name}" + (" (already dewarped)" if already else ""),
        )
        return camera, ()
    return None, notes


def _surveyed(header: PhotoHeader, model: str) -> tuple[Camera | None, tuple[str, ...]]:
    """Return the camera of Pix4D's XMP Camera fields (senseFly, Parrot, MicaSense, Sentera), with EXIF's pixel pitch.

    Focal length and principal point are millimetres, the latter from the image's top-left corner.
    """
    focal_mm, pitch_mm = header.xmp_number("Camera:PerspectiveFocalLength"), _pitch_mm(header)
    if focal_mm is None or pitch_mm is None or not _plausible(focal_mm / pitch_mm, header.width_px):
        return None, ()
    centre = [finite(part) for part in header.xmp.get("Camera:PrincipalPoint", "").split(",")]
    bend = [finite(part) for part in header.xmp.get("Camera:PerspectiveDistortion", "").split(",")]
    centre_x, centre_y = header.width_px / 2, header.height_px / 2
    if len(centre) == 2 and centre[0] and centre[1]:
        x, y = centre[0] / pitch_mm, centre[1] / pitch_mm
        if abs(x - centre_x) < 0.05 * header.width_px and abs(y - centre_y) < 0.05 * header.height_px:
            centre_x, centre_y = x, y
    distortion: tuple[float, ...] = ()
    if len(bend) == 5 and all(figure is not None for figure in bend):
        r1, r2, r3, t1, t2 = (float(figure or 0.0) for figure in bend)
        distortion = (r1, r2, t1, t2, r3)
    return (
        Camera(
            model=model,
            width_px=header.width_px,
            height_px=header.height_px,
            focal_px=focal_mm / pitch_mm,
            centre_x_px=centre_x,
            centre_y_px=centre_y,
            distortion=distortion,
            focal_sigma=SIGMA_SURVEYED,
            source="XMP Camera:PerspectiveFocalLength",
        ),
        (),
    )


def _pitch_mm(header: PhotoHeader) -> float | None:
    """Return the size of a pixel, millimetres, by EXIF FocalPlaneXResolution; None when not written."""
    resolution = header.number("FocalPlaneXResolution")
    unit_mm = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}.get(int(header.number("FocalPlaneResolutionUnit") or 0))
    if resolution is None or unit_mm is None or resolution <= 0:
        return None
    pitch_mm = unit_mm / resolution
    return pitch_mm if 0.0004 < pitch_mm < 0.03 else None


def _designed(header: PhotoHeader, model: str) -> tuple[Camera | None, tuple[str, ...]]:
    """Return the camera of DJI's CalibratedFocalLength, pixels of the full image."""
    focal = header.xmp_number("drone-dji:CalibratedFocalLength")
    scale = _calibration_scale(header)
    if focal is None or scale is None or not _plausible(focal * scale, header.width_px):
        return None, ()
    return _centred(header, model, focal * scale, SIGMA_DESIGN, "XMP CalibratedFocalLength"), ()


def _film_equivalent(header: PhotoHeader, model: str) -> tuple[Camera | None, tuple[str, ...]]:
    """Return the camera of EXIF FocalLengthIn35mmFilm, by diagonal of the sensor's full image."""
    film_mm = header.number("FocalLengthIn35mmFilm")
    if film_mm is None or not 4 <= film_mm <= 3000:
        return None, ()
    diagonal, inferred = full_diagonal_px(header.width_px, header.height_px, model=model)
    focal = film_mm * diagonal / FULL_FRAME_DIAGONAL_MM
    notes = (
        (
            _(
                "the photo is taken as cut to its shape from the full width of a 4:3 sensor, "
                "to which its 35 mm equivalent belongs"
            ),
        )
        if inferred
        else ()
    )
    sigma = SIGMA_FILM_CROP if inferred else SIGMA_FILM
    return _centred(header, model, focal, sigma, "EXIF FocalLengthIn35mmFilm, by diagonal of the full sensor"), notes


def full_diagonal_px(width_px: int, height_px: int, *, model: str) -> tuple[float, bool]:
    """Return the diagonal of the sensor's full image in pixels of this file, and whether its shape is inferred.

    Args:
        width_px: Width of the file.
        height_px: Height of the file.
        model: The camera model; its sensor's shape is looked up in :data:`THREE_BY_TWO`.
    """
    long, short = max(width_px, height_px), min(width_px, height_px)
    known = model.upper().replace(" ", "")
    if known in THREE_BY_TWO:
        # A shape squarer than 3:2 (the 4:3 setting) keeps the height; a flatter one (16:9) keeps the width.
        side = max(long, short * 1.5)
        return math.hypot(side, side / 1.5), False
    if long / short <= 1.40:  # 4:3 photos, 5:4 thermal images: the sensor's own shape
        return math.hypot(long, short), False
    return long * 1.25, known not in FOUR_BY_THREE


def _centred(header: PhotoHeader, model: str, focal_px: float, sigma: float, source: str) -> Camera:
    return Camera(
        model=model,
        width_px=header.width_px,
        height_px=header.height_px,
        focal_px=focal_px,
        centre_x_px=header.width_px / 2,
        centre_y_px=header.height_px / 2,
        focal_sigma=sigma,
        source=source,
    )
