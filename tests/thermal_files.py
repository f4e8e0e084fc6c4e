"""Writes radiometric JPEGs byte by byte as their formats are documented, with measurements that the tests choose.

FLIR: APP1 pieces of an FFF file with a camera record and a raw image. DJI: APP3 counts, APP4 settings. The pictures are
grey and say nothing; only the measurement counts.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from detection.thermal.planck import Calibration, Path, counts_through

CALIBRATION = Calibration(
    r1=21106.77,
    b=1501.0,
    f=1.0,
    o=-7340.0,
    r2=0.012545258,
    alpha1=0.006569,
    alpha2=0.01262,
    beta1=-0.002276,
    beta2=-0.00667,
    x=1.9,
)
PATH = Path(emissivity=0.95, distance_m=20.0, reflected_k=293.15, air_k=303.15, humidity=0.6)


@dataclass(frozen=True)
class Flir:
    """How a FLIR file is written."""

    png: bool = True
    swapped: bool = True  # as most cameras do
    order: str = "<"
    piece: int = 60_000
    with_calibration: bool = True
    range_k: tuple[float, float] = (0.0, 823.15)  # what the camera says that it measures; some say nothing


def counts_of(celsius: NDArray[np.float64]) -> NDArray[np.uint16]:
    """The counts that the test camera gives for these temperatures."""
    return np.rint(counts_through(CALIBRATION, PATH, celsius + 273.15)).astype(np.uint16)


def camera_record(counts: NDArray[np.uint16], order: str, range_k: tuple[float, float] = (0.0, 823.15)) -> bytes:
    record = bytearray(0x400)

    def put(at: int, code: str, *values: float) -> None:
        struct.pack_into(order + code, record, at, *values)

    put(0, "H", 2)
    put(0x20, "5f", PATH.emissivity, PATH.distance_m, PATH.reflected_k, PATH.air_k, 293.15)
    put(0x34, "f", 1.0)
    put(0x3C, "f", PATH.humidity)
    c = CALIBRATION
    put(0x58, "3f", c.r1, c.b, c.f)
    put(0x70, "5f", c.alpha1, c.alpha2, c.beta1, c.beta2, c.x)
    put(0x90, "2f", range_k[1], range_k[0])
    record[0xD4:0xDC] = b"TestCore"
    put(0x308, "i", int(c.o))
    put(0x30C, "f", c.r2)
    put(0x310, "HH", int(counts.min()), int(counts.max()))
    return bytes(record)


def fff(counts: NDArray[np.uint16], how: Flir) -> bytes:
    height, width = counts.shape
    raw = bytearray(32)
    struct.pack_into(how.order + "HHH", raw, 0, 2, width, height)
    if how.png:
        stream = io.BytesIO()
        Image.fromarray(counts.byteswap() if how.swapped else counts).save(stream, "PNG")
        raw += stream.getvalue()
    else:
        raw += counts.astype(np.dtype(how.order + "u2")).tobytes()
    records = [(0x01, bytes(raw))]
    if how.with_calibration:
        records.append((0x20, camera_record(counts, how.order, how.range_k)))
    at = 64 + 32 * len(records)
    directory, bodies = b"", b""
    for kind, body in records:
        directory += struct.pack(">HHIIIIIII", kind, 1, 100, 1, at + len(bodies), len(body), 0, 0, 0)
        bodies += body
    header = b"FFF\x00" + b"TESTCAM".ljust(16, b"\x00") + struct.pack(">III", 100, 64, len(records))
    return header.ljust(64, b"\x00") + directory + bodies


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body


def plain_jpeg(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    ramp = np.linspace(40, 200, width * height).reshape(height, width).astype(np.uint8)
    Image.fromarray(ramp).convert("RGB").save(stream, "JPEG", quality=80)
    return stream.getvalue()


def flir_segments(celsius: NDArray[np.float64], how: Flir | None = None) -> list[bytes]:
    how = how or Flir()
    whole = fff(counts_of(celsius), how)
    pieces = [whole[at : at + how.piece] for at in range(0, len(whole), how.piece)]
    return [
        segment(0xE1, b"FLIR\x00\x01" + bytes([number, len(pieces) - 1]) + piece) for number, piece in enumerate(pieces)
    ]


def flir_jpeg(celsius: NDArray[np.float64], how: Flir | None = None) -> bytes:
    """A radiometric JPEG as FLIR's cameras write it."""
    picture = plain_jpeg(celsius.shape[1], celsius.shape[0])
    return picture[:2] + b"".join(flir_segments(celsius, how)) + picture[2:]


NAMED = b"\xff\xd2\xd1\xff"


def dji_settings(kind: str, *, emissivity: float = 0.95, distance_m: float = 5.0) -> bytes:
    """APP4 as the cameras of a kind write it: lengths, heads and places are those of their files."""
    measured = struct.pack("<5f", 25.0, distance_m, emissivity, 0.7, 23.0)
    if kind == "M2EA":  # no name; the settings stand first
        return measured.ljust(32, b"\x00") + b"\x2c\x01\x20\x00" + bytes(188)
    if kind == "iirp":  # H20N, M3T, M3TD, M30T
        return (NAMED + b"iirp").ljust(32, b"\x00") + measured.ljust(32, b"\x00") + b"\x2c\x01\x20\x00" + bytes(188)
    if kind == "iirp-1280":  # H30T, M4T: longer, and without the number behind the settings
        return ((NAMED + b"iirp").ljust(32, b"\x00") + measured).ljust(1280, b"\x00")
    if kind == "girp":  # M30T
        numbers = struct.pack("<4H", 60, round(distance_m * 10), round(emissivity * 100), 230)
        return ((NAMED + b"girp").ljust(32, b"\x00") + b"\xaa\x55\x38\x00" + numbers).ljust(316, b"\x00")
    if kind == "hirp":  # M3TD, M4T
        return (NAMED + b"hirp").ljust(64, b"\x00") + b"\x02\x32\x32\x32" + bytes(76)
    if kind == "H20T":
        numbers = struct.pack("<4H", round(distance_m), 70, round(emissivity * 100), 230)
        return (b"\xaa\x55\x12\x06".ljust(0x44, b"\x01") + numbers).ljust(2560, b"\x00")
    raise ValueError(kind)


def pieces(marker: int, stored: bytes) -> list[bytes]:
    return [segment(marker, stored[at : at + 65_532]) for at in range(0, len(stored), 65_532)]


def dji_segments(counts: NDArray[np.uint16], kind: str = "M2EA") -> list[bytes]:
    stored, table = counts.astype("<u2").tobytes(), bytes(32_768)
    if kind == "XT S":  # the calibration where the others have the counts, and the counts where they have the settings
        return [segment(0xE3, table), *pieces(0xE4, stored)]
    return [*pieces(0xE3, stored), segment(0xE4, dji_settings(kind)), segment(0xE5, table)]


def make_exif(maker: str) -> bytes:
    exif = Image.Exif()
    exif[271] = maker
    return segment(0xE1, exif.tobytes())


def dji_jpeg(counts: NDArray[np.uint16], kind: str = "M2EA") -> bytes:
    """A radiometric JPEG as DJI's cameras write it."""
    picture = plain_jpeg(counts.shape[1], counts.shape[0])
    return picture[:2] + make_exif("DJI") + b"".join(dji_segments(counts, kind)) + picture[2:]


def scene(
    spots: tuple[tuple[int, int, int, float], ...] = (), *, width: int = 640, height: int = 512, seed: int = 1
) -> NDArray[np.float64]:
    """A yard at 30 °C with a roof at 45 °C, a slow slope, noise, and hot discs (column, row, radius, °C)."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    celsius = 30.0 + columns / width * 3 + random.normal(0, 0.15, (height, width))
    celsius[height // 8 : height // 2, width // 8 : width // 3] += 15.0
    for column, row, radius, hot in spots:
        celsius[np.hypot(columns - column, rows - row) <= radius] = hot
    return celsius
