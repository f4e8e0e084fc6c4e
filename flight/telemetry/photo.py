"""Where a photo's camera was and where it looked, as its header says.

Reads EXIF and XMP of DJI, Autel, Parrot and Skydio aircraft, and plain EXIF of anything else. What the header does not
say stays ``None``; zero coordinates are no fix; two positions that contradict each other are none. Heights keep the
datum that the maker writes:

======================  =======================================================================================
maker, field            is
======================  =======================================================================================
DJI RelativeAltitude    above take-off (barometer)
DJI AbsoluteAltitude    above the WGS-84 ellipsoid with RTK (RtkFlag 32 to 50, AltitudeType RtkAlt, or RtkFlag 16
                        without an AltitudeType); otherwise above mean sea level on a geoid that DJI does not state
Autel RelativeAltitude  above take-off
Autel AbsoluteAltitude  above mean sea level, geoid unstated
Parrot GPSAltitude      EGM96 (Anafi 4K, Thermal, USA); WGS-84 ellipsoid (Anafi Ai) [Parrot, photo metadata]
Skydio AbsoluteAltitude above mean sea level, geoid unstated; RelativeAltitude above take-off
Pix4D Camera:VertCS     what GPSAltitude is above: "ellipsoidal", EPSG:5773 (EGM96), EPSG:3855 (EGM2008)
EXIF GPSAltitude        GPSAltitudeRef 0, 1: sea level up to Exif 2.32, ellipsoid from 3.0; 2, 3: sea level in 3.0
======================  =======================================================================================

Camera angles are the gimbal's in the world, as in :class:`flight.camera.Orientation`. Pix4D's ``Camera:Yaw``,
``Pitch`` and ``Roll`` (senseFly, Autel's old firmware) are an airframe's, with the camera under its belly looking
straight down and the image's upper edge forward: pitch counts from nadir (0) to the horizon (90), roll tilts the view
sideways. They are turned into ours. Angles belong to the pixels *as stored*: decode photos without applying the
Orientation tag, which :attr:`PhotoTelemetry.stored_orientation` hands on.

DJI's positions are the camera's own: the arm from the antenna is already in them (Matrice 4 manual, MRK file).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final

from core.clock import in_utc
from core.heights import Geoid, HaeHeight, MslHeight, TakeoffHeight
from core.points import GeoPoint, distance_m
from core.refusal import Refusal
from core.text import _
from flight.camera import Camera
from flight.telemetry.lens import camera_of
from flight.telemetry.photo_angles import camera_angles, mended_roll
from flight.telemetry.photo_header import PhotoHeader, finite, read_photo_header
from flight.telemetry.photo_time import captured_at, rests_on_camera_clock
from flight.track import Pose, PoseSigma

POSITIONS_AGREE_M: Final = 20.0  # EXIF holds fewer digits than XMP; GCJ-02 would differ by hundreds of metres
SAME_AS_WGS84: Final = frozenset({"WGS84", "WGS1984", "EPSG4326", "CGCS2000"})
GIMBAL_SIGMA_DEG: Final = (
    1.5,
    0.7,
    0.8,
)  # yaw, pitch, roll of small stabilised gimbals, as measured on surveyed flights
RTK_FIXED: Final = 50
RTK_FLOAT: Final = 34
RTK_SINGLE: Final = 16  # the RTK receiver without corrections: metres, but its heights are ellipsoidal all the same
# Float and fixed: the only states in which DJI's RtkStd fields mean anything (Matrice 4 manual: 32 to 49 is float).
RTK_WITH_SIGMA: Final = frozenset(range(32, 51))
# What those states are worth where the receiver states no deviations: position and height, metres.
_RTK_WORTH: Final = {True: (0.03, 0.05), False: (0.5, 1.0)}
_SINGLE_HEIGHT_SIGMA_M: Final = 4.0
# What a solution is by its deviations alone, metres: fixed ones are centimetres, floating ones decimetres.
_FIXED_STD_M: Final = 0.1
_FLOAT_STD_M: Final = 1.0

_GEOID_BY_CODE: Final = {"epsg:5773": Geoid.EGM96, "epsg:3855": Geoid.EGM2008}

_Heights = tuple[TakeoffHeight | None, HaeHeight | None, MslHeight | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaserSpot:
    """What the aircraft's laser rangefinder measured along the camera's axis (DJI LRF fields, Matrice 4 manual).

    Attributes:
        distance_m: Straight-line distance to the spot, metres.
        point: Where the aircraft puts the spot, WGS-84, or None.
        height_takeoff: The spot's height above the take-off point, or None.
        height_hae: Its height above the ellipsoid, or None.
    """

    distance_m: float
    point: GeoPoint | None = None
    height_takeoff: TakeoffHeight | None = None
    height_hae: HaeHeight | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoTelemetry:
    """What a photo's header says.

    Attributes:
        pose: Where and how the camera was; parts may be missing.
        camera: The camera at the stored size, or None.
        captured_at: When, aware UTC.
        maker, model: As the header names them; empty when it does not.
        serial: The aircraft's or camera's serial number, or None.
        stored_orientation: EXIF Orientation, 1 to 8. Angles and camera speak of the pixels as stored (1).
        flight_yaw_deg: Heading of the airframe, degrees from north, or None. Not where the camera looks.
        laser: What its laser rangefinder measured, or None.
        focal_mm: EXIF FocalLength, which tells one lens of a camera from another, or None.
        digital_zoom: EXIF DigitalZoomRatio, or 1.
        width_px, height_px: Size of the stored image.
        infrared: Whether it says that its thermal camera took it (DJI ImageSource).
        camera_clock: Whether the time rests on the camera's own clock, which may be wrong, and not on a receiver's.
        assumptions: What was assumed or found odd, as sentences; also in ``pose.assumptions``.
    """

    pose: Pose
    camera: Camera | None
    captured_at: datetime
    maker: str
    model: str
    serial: str | None
    stored_orientation: int = 1
    flight_yaw_deg: float | None = None
    laser: LaserSpot | None = None
    focal_mm: float | None = None
    digital_zoom: float = 1.0
    width_px: int = 0
    height_px: int = 0
    infrared: bool = False
    camera_clock: bool = True
    assumptions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "captured_at", in_utc(self.captured_at))


def read_photo(path: Path, *, camera_zone: tzinfo | None) -> PhotoTelemetry | Refusal:
    """Return what a photo's header says of time, pose and camera.

    Args:
        path: A JPEG, TIFF or DNG; opened for reading only, its pixels are not decoded.
        camera_zone: The time zone declared for the camera's clock, for headers with a bare time; None for none.

    Returns:
        The telemetry, or a refusal: "empty-file", "unreadable-file", "not-a-photo", "no-time" or "no-time-zone".
    """
    header = read_photo_header(path)
    if isinstance(header, Refusal):
        return header
    timed = captured_at(header, camera_zone=camera_zone)
    if isinstance(timed, Refusal):
        return timed
    instant, said_of_time = timed
    maker, model = header.text("Make") or "", header.text("Model") or ""
    position, said_of_position = _position(header)
    takeoff, hae, msl = _heights(header, maker, model)
    yaw, pitch, roll = camera_angles(header)
    flight_yaw = header.xmp_number("drone-dji:FlightYawDegree", "drone:FlightYawDegree")
    roll, said_of_angles = mended_roll(model, yaw, pitch, roll, flight_yaw)
    camera, said_of_camera = camera_of(header, model=model or "unnamed")
    assumptions = (*header.problems, *said_of_time, *said_of_position, *said_of_angles, *said_of_camera)
    orientation = header.exif.get("Orientation")
    assumptions += _said_of_turning(orientation, roll)
    clocked = rests_on_camera_clock(header)
    return PhotoTelemetry(
        pose=Pose(
            captured_at=instant,
            position=position,
            height_takeoff=takeoff,
            height_hae=hae,
            height_msl=msl,
            yaw_deg=yaw,
            pitch_deg=pitch,
            roll_deg=roll,
            sigma=_sigma(header),
            assumptions=assumptions,
        ),
        camera=camera,
        captured_at=instant,
        maker=maker,
        model=model,
        serial=_serial(header),
        camera_clock=clocked,
        stored_orientation=orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1,
        flight_yaw_deg=flight_yaw,
        laser=_laser(header),
        focal_mm=header.number("FocalLength"),
        digital_zoom=max(1.0, header.number("DigitalZoomRatio") or 1.0),
        width_px=header.width_px,
        height_px=header.height_px,
        infrared=header.xmp.get("drone-dji:ImageSource", "").strip().lower().startswith("infrared"),
        assumptions=assumptions,
    )


def fix_of(lon_deg: float | None, lat_deg: float | None) -> GeoPoint | None:
    """Return the position, or None when a coordinate is missing, impossible, or both are zero (no fix)."""
    if lon_deg is None or lat_deg is None or (lon_deg == 0 and lat_deg == 0):
        return None
    try:
        return GeoPoint(lon_deg=lon_deg, lat_deg=lat_deg)
    except ValueError:
        return None


def _position(header: PhotoHeader) -> tuple[GeoPoint | None, tuple[str, ...]]:
    """Return the position of XMP (more digits) or EXIF.

    None when the two contradict each other, when the receiver says that it had no fix (DJI ``GpsStatus``), or when the
    header names a datum that is not WGS-84 (CGCS2000 is the same to centimetres; GCJ-02 is not).
    """
    if header.xmp.get("drone-dji:GpsStatus", "").strip().lower() == "invalid":
        return None, (_("its receiver had no fix"),)
    datum = (header.text("GPSMapDatum") or "").upper()
    if datum and re.sub(r"[^A-Z0-9]", "", datum) not in SAME_AS_WGS84:
        return None, (_("its position is on the datum {datum}, which is not WGS-84").format(datum=datum),)
    by_xmp = fix_of(
        # DJI, Autel (whose firmware spells it "Longtitude") and Skydio.
        header.xmp_number(
            "drone-dji:GpsLongitude", "drone-dji:GpsLongtitude", "drone:GpsLongitude", "drone:GpsLongtitude",
            "drone-skydio:Longitude",
        ),
        header.xmp_number("drone-dji:GpsLatitude", "drone:GpsLatitude", "drone-skydio:Latitude"),
    )  # fmt: skip
    by_exif = fix_of(
        _sexagesimal(header, "GPSLongitude", negative="W", positive="E"),
        _sexagesimal(header, "GPSLatitude", negative="S", positive="N"),
    )
    if by_xmp is None or by_exif is None:
        return by_xmp or by_exif, ()
    if distance_m(by_xmp, by_exif) > POSITIONS_AGREE_M:
        return None, (_("its EXIF and XMP positions contradict each other; neither is used"),)
    return by_xmp, ()


def _sexagesimal(header: PhotoHeader, tag: str, *, negative: str, positive: str) -> float | None:
    """Return a GPS coordinate in degrees; None without its hemisphere, which would be a guess."""
    parts, side = header.exif.get(tag), (header.text(tag + "Ref") or "").upper()
    if not isinstance(parts, Sequence) or isinstance(parts, str | bytes) or len(parts) != 3:
        return None
    degrees, minutes, seconds = (finite(part) for part in parts)
    if degrees is None or minutes is None or seconds is None or side not in {negative, positive}:
        return None
    if min(degrees, minutes, seconds) < 0 or minutes > 60 or seconds > 60:
        return None
    value = degrees + minutes / 60 + seconds / 3600
    return -value if side == negative else value


def _heights(header: PhotoHeader, maker: str, model: str) -> _Heights:
    """Return the heights above take-off, ellipsoid and sea level that the header states."""
    relative = _metres(
        header.xmp_number("drone-dji:RelativeAltitude", "drone:RelativeAltitude", "drone-skydio:RelativeAltitude")
    )
    takeoff = None if relative is None else TakeoffHeight(metres=relative)
    absolute = _metres(header.xmp_number("drone-dji:AbsoluteAltitude"))
    if absolute is not None:
        flag, kind = _rtk_state(header), header.xmp.get("drone-dji:AltitudeType", "").strip().lower()
        if flag in RTK_WITH_SIGMA or kind == "rtkalt" or (flag == RTK_SINGLE and not kind):
            return takeoff, HaeHeight(metres=absolute, sigma_m=_height_sigma(header)), None
        return takeoff, None, MslHeight(metres=absolute, geoid=Geoid.UNSTATED)
    absolute = _metres(header.xmp_number("drone:AbsoluteAltitude", "drone-skydio:AbsoluteAltitude"))
    if absolute is not None:
        return takeoff, None, MslHeight(metres=absolute, geoid=Geoid.UNSTATED)
    return takeoff, *_exif_height(header, maker, model)


def _said_of_turning(orientation: object, roll_deg: float | None) -> tuple[str, ...]:
    """Return what is assumed of a photo that asks viewers to turn it.

    Sensors that hang upside down write either a roll of 180° or Orientation 3; some write the tag and turn the pixels
    too. Whether they did cannot be told from one photo, but from a flight's overlap (geofence.calibrate).
    """
    if not isinstance(orientation, int) or not 2 <= orientation <= 8:
        return ()
    note = _(
        "it asks viewers to turn it (EXIF Orientation {value}); its angles are taken to speak of the stored pixels"
    )
    upside_down = orientation == 3 and roll_deg is not None and abs((roll_deg + 180) % 360 - 180) < 90
    doubt = _("it may be stored turned by 180° against its yaw; aligning the photos of the flight settles it")
    return (note.format(value=orientation), *((doubt,) if upside_down else ()))


def _rtk_state(header: PhotoHeader) -> float | None:
    """Return DJI's RtkFlag; where firmware leaves it out but states an RTK height and its deviations, what they say."""
    flag = header.xmp_number("drone-dji:RtkFlag")
    if flag is not None or header.xmp.get("drone-dji:AltitudeType", "").strip().lower() != "rtkalt":
        return flag
    stated = [header.xmp_number(f"drone-dji:RtkStd{axis}") or 0.0 for axis in ("Lon", "Lat", "Hgt")]
    if min(stated) <= 0:
        return None
    return RTK_FIXED if max(stated) < _FIXED_STD_M else RTK_FLOAT if max(stated) < _FLOAT_STD_M else RTK_SINGLE


def _height_sigma(header: PhotoHeader) -> float | None:
    """Return the one-sigma error of an RTK receiver's height by its state; None when the state is not written."""
    flag, stated = _rtk_state(header), header.xmp_number("drone-dji:RtkStdHgt")
    if flag in RTK_WITH_SIGMA:
        return stated if stated is not None and stated > 0 else _RTK_WORTH[flag == RTK_FIXED][1]
    return _SINGLE_HEIGHT_SIGMA_M if flag == RTK_SINGLE else None


def _laser(header: PhotoHeader) -> LaserSpot | None:
    """Return what DJI's laser rangefinder measured, or None when it was off, out of range or not there."""
    status = header.xmp.get("drone-dji:LRFStatus", "").strip().lower()
    distance = header.xmp_number("drone-dji:LRFTargetDistance")
    if distance is None or not 1 <= distance <= 10_000 or status not in {"", "normal"}:
        return None
    relative = _metres(header.xmp_number("drone-dji:LRFTargetAlt"))
    absolute = _metres(header.xmp_number("drone-dji:LRFTargetAbsAlt"))
    return LaserSpot(
        distance_m=distance,
        point=fix_of(header.xmp_number("drone-dji:LRFTargetLon"), header.xmp_number("drone-dji:LRFTargetLat")),
        height_takeoff=None if relative is None else TakeoffHeight(metres=relative),
        height_hae=None if absolute is None else HaeHeight(metres=absolute),
    )


def _metres(value: float | None) -> float | None:
    """Return a height that can be one on Earth, else None."""
    return value if value is not None and -12_000 <= value <= 60_000 else None


def _exif_height(header: PhotoHeader, maker: str, model: str) -> tuple[HaeHeight | None, MslHeight | None]:
    """Return EXIF GPSAltitude as the height that its maker and its version of the standard make it."""
    metres = _metres(header.number("GPSAltitude"))
    reference = header.exif.get("GPSAltitudeRef", b"\x00")
    reference = reference[0] if isinstance(reference, bytes) and len(reference) == 1 else reference
    if metres is None or not isinstance(reference, int) or reference not in {0, 1, 2, 3}:
        return None, None
    metres = -metres if reference in {1, 3} else metres
    if maker.strip().lower() == "parrot":
        if model.replace(" ", "").upper().startswith("ANAFIAI"):
            return HaeHeight(metres=metres), None
        return None, MslHeight(metres=metres, geoid=Geoid.EGM96)
    named = header.xmp.get("Camera:VertCS", "").strip().lower()
    if named.startswith("ellips") or ((header.text("ExifVersion") or "") >= "0300" and reference in {0, 1}):
        return HaeHeight(metres=metres), None
    return None, MslHeight(metres=metres, geoid=_GEOID_BY_CODE.get(named, Geoid.UNSTATED))


def _sigma(header: PhotoHeader) -> PoseSigma | None:
    """Return one-sigma errors when an RTK receiver says how it stood; None otherwise."""
    flag = _rtk_state(header)
    if flag not in RTK_WITH_SIGMA:
        return _stated_accuracies(header)
    lon, lat, height = (header.xmp_number(f"drone-dji:RtkStd{axis}") for axis in ("Lon", "Lat", "Hgt"))
    horizontal, vertical = _RTK_WORTH[flag == RTK_FIXED]
    source = "XMP RtkFlag; angles: class of small gimbals"
    if lon is not None and lat is not None and height is not None and min(lon, lat, height) > 0:
        horizontal, vertical = max(lon, lat), height
        source = "XMP RtkStdLon/Lat/Hgt; angles: class of small gimbals"
    yaw, pitch, roll = GIMBAL_SIGMA_DEG
    return PoseSigma(
        horizontal_m=horizontal, vertical_m=vertical, yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll, source=source
    )


def _stated_accuracies(header: PhotoHeader) -> PoseSigma | None:
    """Return one-sigma errors of Pix4D's XMP accuracies where all of them are stated; None otherwise.

    They are one sigma ("68 % of the values"), and of the airframe's angles.
    """
    names = ("GPSXYAccuracy", "GPSZAccuracy", "IMUYawAccuracy", "IMUPitchAccuracy", "IMURollAccuracy")
    horizontal, vertical, *angles = (header.xmp_number(f"Camera:{name}") or 0.0 for name in names)
    if not (0 < horizontal <= 100 and 0 < vertical <= 100 and all(0 < angle <= 45 for angle in angles)):
        return None
    yaw, pitch, roll = angles
    return PoseSigma(
        horizontal_m=horizontal,
        vertical_m=vertical,
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=roll,
        source="XMP Camera:GPS…Accuracy and IMU…Accuracy",
    )


def _serial(header: PhotoHeader) -> str | None:
    """Return the aircraft's serial number, else the camera's, else None."""
    written = (
        header.xmp.get("drone-dji:DroneSerialNumber"),
        header.xmp.get("drone-dji:CameraSerialNumber"),
        header.text("BodySerialNumber"),
    )
    return next((text.strip() for text in written if text and text.strip()), None)
