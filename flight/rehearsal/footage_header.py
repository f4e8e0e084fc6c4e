"""Makes the header of a rehearsed photograph: EXIF and XMP, as an aircraft of the DJI family writes them."""

from __future__ import annotations

import math
from typing import Final
from xml.sax.saxutils import quoteattr

from core.clock import BEIJING
from core.points import GeoPoint
from flight.camera import Camera
from flight.flight_log import Trigger

MAKER: Final = "Skywarden"
SOFTWARE: Final = "Skywarden rehearsal"
_XMP_SIGNATURE: Final = b"http://ns.adobe.com/xap/1.0/\x00"
_FULL_FRAME_DIAGONAL_MM: Final = math.hypot(36, 24)


def header_segments(trigger: Trigger, camera: Camera, *, home_msl_m: float) -> bytes:
    """Return the APP1 segments (EXIF, then XMP) of a photograph taken at a reported pose.

    Args:
        trigger: The reported pose and time.
        camera: The camera; its focal length is stated in millimetres of 35 mm film and, exactly, in pixels.
        home_msl_m: Height of the take-off point above the sea, metres.
    """
    from PIL import Image

    exif = Image.Exif()
    local = trigger.at.astimezone(BEIJING)
    stamp = f"{local:%Y:%m:%d %H:%M:%S}"
    offset = f"{local:%z}"
    offset = f"{offset[:3]}:{offset[3:]}"
    film_mm = camera.focal_px * _FULL_FRAME_DIAGONAL_MM / math.hypot(camera.width_px, camera.height_px)
    exif.update({0x010F: MAKER, 0x0110: camera.model, 0x0112: 1, 0x0131: SOFTWARE, 0x0132: stamp})
    exif.get_ifd(0x8769).update(
        {
            0x829A: 1 / 1000,
            0x829D: 2.8,
            0x8827: 100,
            0x9000: b"0232",
            0x9003: stamp,
            0x9004: stamp,
            0x9010: offset,
            0x9011: offset,
            0x9012: offset,
            0x9291: f"{local.microsecond // 1000:03d}",
            0x920A: film_mm * 9.6 / 36,  # on a sensor 9.6 mm wide (1/1.3 inch)
            0xA002: camera.width_px,
            0xA003: camera.height_px,
            0xA404: 1.0,
            0xA405: round(film_mm),
        }
    )
    exif.get_ifd(0x8825).update(_gps(trigger, home_msl_m))
    coded = exif.tobytes()
    body = coded if coded.startswith(b"Exif\x00\x00") else b"Exif\x00\x00" + coded
    packet = _XMP_SIGNATURE + xmp_packet(trigger, camera, home_msl_m=home_msl_m).encode()
    return _segment(body) + _segment(packet)


def _gps(trigger: Trigger, home_msl_m: float) -> dict[int, object]:
    """Return the GPS tags; the time is UTC, as the standard has it."""
    utc = trigger.at
    return {
        0: b"\x02\x03\x00\x00",
        1: "N" if trigger.position.lat_deg >= 0 else "S",
        2: _sexagesimal(trigger.position.lat_deg),
        3: "E" if trigger.position.lon_deg >= 0 else "W",
        4: _sexagesimal(trigger.position.lon_deg),
        5: b"\x00",
        6: round(home_msl_m + trigger.height_takeoff_m, 3),
        7: (float(utc.hour), float(utc.minute), utc.second + utc.microsecond / 1e6),
        18: "WGS-84",
        29: f"{utc:%Y:%m:%d}",
    }


def _sexagesimal(degrees: float) -> tuple[float, float, float]:
    """Return whole degrees, whole minutes and seconds."""
    minutes, seconds = divmod(round(abs(degrees) * 3600, 5), 60)
    whole, minutes = divmod(minutes, 60)
    return float(whole), float(minutes), seconds


def xmp_packet(trigger: Trigger, camera: Camera, *, home_msl_m: float) -> str:
    """Return the XMP packet with the aircraft's namespace."""
    point: GeoPoint = trigger.position
    up = trigger.height_takeoff_m
    yaw = (trigger.yaw_deg + 180) % 360 - 180
    fields = {
        "xmp:CreatorTool": SOFTWARE,
        "xmp:CreateDate": trigger.at.astimezone(BEIJING).isoformat(timespec="milliseconds"),
        "tiff:Make": MAKER,
        "tiff:Model": camera.model,
        "dc:format": "image/jpeg",
        "drone-dji:AltitudeType": "GpsFusionAlt",
        "drone-dji:GpsStatus": "Normal",
        "drone-dji:GpsLatitude": f"{point.lat_deg:+.9f}",
        "drone-dji:GpsLongitude": f"{point.lon_deg:+.9f}",
        "drone-dji:AbsoluteAltitude": f"{home_msl_m + up:+.3f}",
        "drone-dji:RelativeAltitude": f"{up:+.3f}",
        "drone-dji:GimbalYawDegree": f"{yaw:+.2f}",
        "drone-dji:GimbalPitchDegree": f"{trigger.pitch_deg:+.2f}",
        "drone-dji:GimbalRollDegree": f"{trigger.roll_deg:+.2f}",
        "drone-dji:FlightYawDegree": f"{yaw:+.2f}",
        "drone-dji:FlightPitchDegree": "+0.00",
        "drone-dji:FlightRollDegree": "+0.00",
        "drone-dji:CalibratedFocalLength": f"{camera.focal_px:.6f}",
        "drone-dji:CalibratedOpticalCenterX": f"{camera.width_px / 2:.6f}",
        "drone-dji:CalibratedOpticalCenterY": f"{camera.height_px / 2:.6f}",
    }
    if camera.distortion or (camera.centre_x_px, camera.centre_y_px) != (camera.width_px / 2, camera.height_px / 2):
        k1, k2, p1, p2, k3 = camera.distortion or (0.0,) * 5
        shift = (camera.centre_x_px - camera.width_px / 2, camera.centre_y_px - camera.height_px / 2)
        figures = (camera.focal_px, camera.focal_px, *shift, k1, k2, p1, p2, k3)
        calibrated = f"{trigger.at:%Y-%m-%d};" + ",".join(f"{figure:.9f}" for figure in figures)
        fields |= {"drone-dji:DewarpData": calibrated, "drone-dji:DewarpFlag": "0"}
    written = "\n".join(f"   {name}={quoteattr(text)}" for name, text in fields.items())
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
   xmlns:xmp="http://ns.adobe.com/xap/1.0/"
   xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
   xmlns:dc="http://purl.org/dc/elements/1.1/"
   xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/"
{written}/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""


def _segment(body: bytes) -> bytes:
    """Return an APP1 segment (JPEG, ITU-T T.81, B.2.4.6): marker, length with itself, body."""
    if len(body) + 2 > 0xFFFF:
        raise ValueError("a JPEG segment holds at most 65533 bytes")
    return b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body


def with_segments(jpeg: bytes, segments: bytes) -> bytes:
    """Return a JPEG with segments put right after its start marker."""
    if not jpeg.startswith(b"\xff\xd8"):
        raise ValueError("the bytes are no JPEG")
    return jpeg[:2] + segments + jpeg[2:]
