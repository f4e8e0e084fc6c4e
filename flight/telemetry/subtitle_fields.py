"""Reads one subtitle record: the grammar of every family of telemetry text that aircraft write.

There are three dialects. *Brackets* (``[rel_alt: 1.2 abs_alt: 30.4]``, Mavic 2 and later, Matrice, Avata), *commas*
(``F/2.8, SS 320, GPS (lon, lat, n), H 20.0m``, Phantom 4, Mini) and *colons* (``GPS(a,b,c) BAROMETER:1.9``, older
aircraft, Matrice 300, Autel). One grammar reads all three, so a mixture or an unknown variant loses only the fields
that it spells in a way nobody has seen; the family is then named from the fields that were found.

Units come out plain whatever the firmware writes (f-number ×100, focal length ×10, zoom ×10000, shutter as a
denominator). What cannot be told is left out: the third number of ``GPS(a,b,c)`` is a count of satellites when it is
bare and whole, and otherwise a height on an unstated datum; ``altitude`` of the Mavic 2 and Air 2 is such a height too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.points import GeoPoint
from flight.telemetry.photo_header import finite
from flight.telemetry.photo_time import bare_time


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSettings:
    """How the camera was set; each None when not written.

    Attributes:
        iso: Sensitivity.
        shutter_s: Exposure time, seconds.
        f_number: Aperture.
        ev: Exposure compensation, stops.
        focal_35mm_mm: Focal length, millimetres of 35 mm equivalent.
        zoom: Digital zoom factor (1 is none).
        colour_temperature_k: White balance, kelvin.
    """

    iso: float | None = None
    shutter_s: float | None = None
    f_number: float | None = None
    ev: float | None = None
    focal_35mm_mm: float | None = None
    zoom: float | None = None
    colour_temperature_k: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtitleFields:
    """What one record says; each field None when it does not say it.

    Attributes:
        family: Key of :data:`FAMILIES`, or "" when the text holds no telemetry.
        clock: The camera's bare local time.
        position: WGS-84 position of the aircraft; None for zero coordinates.
        home: Where it took off, WGS-84.
        height_takeoff_m: Above take-off (``rel_alt``, ``H``, ``BAROMETER``, ``Hb``), metres.
        height_msl_m: ``abs_alt``, metres above mean sea level on an unstated geoid.
        height_unstated_m: A height whose datum the text does not tell, metres.
        gimbal_yaw_deg, gimbal_pitch_deg, gimbal_roll_deg: Camera angles in the world, degrees.
        flight_yaw_deg, flight_pitch_deg, flight_roll_deg: Angles of the airframe, degrees.
        ground_speed_m_s, climb_m_s: Speeds, metres a second.
        distance_home_m: Distance to home, metres.
        satellites: Satellites in use.
        rtk: Whether the position is an RTK position.
        camera: How the camera was set.
        problems: Slugs of what was written but cannot be ("impossible-position", "impossible-height").
    """

    family: str
    clock: datetime | None = None
    position: GeoPoint | None = None
    home: GeoPoint | None = None
    height_takeoff_m: float | None = None
    height_msl_m: float | None = None
    height_unstated_m: float | None = None
    gimbal_yaw_deg: float | None = None
    gimbal_pitch_deg: float | None = None
    gimbal_roll_deg: float | None = None
    flight_yaw_deg: float | None = None
    flight_pitch_deg: float | None = None
    flight_roll_deg: float | None = None
    ground_speed_m_s: float | None = None
    climb_m_s: float | None = None
    distance_home_m: float | None = None
    satellites: int | None = None
    rtk: bool = False
    camera: CameraSettings = CameraSettings()
    problems: tuple[str, ...] = ()


FAMILIES: Final = {
    "1": "Phantom, first Mavic",
    "2": "Mavic Pro",
    "3": "Matrice 300",
    "4": "Avata 2, brackets round",
    "5": "Mavic Mini, Phantom 4 Pro",
    "5b": "Mini 2",
    "6": "Phantom 4 RTK without fix",
    "6b": "Phantom 4 RTK with fix",
    "6c": "Matrice 30 lineage, commas",
    "7": "camera debug text",
    "8": "Mavic 2 style, no time line",
    "9": "Mavic Air, no position",
    "10": "Mavic 2 Pro, Zoom",
    "11": "Air 2, Air 2S",
    "12": "Mini 3 Pro era",
    "13": "Mavic 2 Enterprise Dual",
    "13b": "Mavic 2 Enterprise Advanced",
    "14": "Mavic 3",
    "15": "Mini 5 Pro, Air 3S",
    "16": "Mavic 3T, Matrice 30T",
    "17": "Matrice 300 with H20T",
    "18": "Avata 360, Neo 2",
    "19": "Matrice, drone and gimbal in words",
    "20": "Mini 3 with ISP debug text",
    "21": "Autel Nano+, EVO",
    "22": "bare brackets",
}
"""Families of telemetry text, by the key that documentation and refusals use."""

_NUM: Final = r"[-+]?\d{1,9}(?:\.\d{1,9})?"
_BRACKET: Final = re.compile(r"\[([^\[\]\n]{1,400})(?:\]|$)", re.MULTILINE)
_PAIR: Final = re.compile(r"([A-Za-z_]\w{0,40})\s{0,3}:\s{0,3}([^\s,\]:]{1,40})")
_PLACE: Final = re.compile(r"\b(GPS|RTK|HOME)\s?\(([^()\n]{1,120})\)")
_TRIPLE: Final = re.compile(
    rf"\b([FG])\.PRY\s{{0,3}}\(\s{{0,3}}({_NUM})[^\d,]{{0,3}},\s{{0,3}}({_NUM})[^\d,]{{0,3}},\s{{0,3}}({_NUM})"
)
_CLOCK: Final = re.compile(r"\b(\d{4}[.-]\d{1,2}[.-]\d{1,2} \d{1,2}:\d{2}:\d{2})(?:[.,](\d{3}))?(?:,(\d{3}))?")
_WORDS: Final = {
    "height_takeoff_m": (
        re.compile(rf"\bBAROMETER:\s?({_NUM})"),
        re.compile(rf"\bHb:\s?({_NUM})"),
        re.compile(rf"(?:^|[,\s])H ({_NUM})m\b"),
    ),
    "ground_speed_m_s": (re.compile(rf"\bH\.S ({_NUM})\s?m/s"),),
    "climb_m_s": (re.compile(rf"\bV\.S ({_NUM})\s?m/s"),),
    "distance_home_m": (re.compile(rf"(?:^|[,\s])D ({_NUM})m\b"),),
}
_ISO: Final = re.compile(r"\bISO[: ]\s?(\d{1,7})")
_SHUTTER: Final = re.compile(rf"\b(?:SS |Shutter:\s?|SHUTTER:\s?|TV:\s?)({_NUM})")
_F_NUMBER: Final = re.compile(rf"(?:\bF/|\bFnum:\s?F?|\bF-NUM:\s?F?|\bIR:\s?F)({_NUM})")
_EV: Final = re.compile(r"\bEV[: ]\s?([-+]?\d{1,3}(?:[./]\d{1,3})?)")
_DZOOM: Final = re.compile(rf"\bDZOOM ({_NUM})")


def read_fields(text: str) -> SubtitleFields:
    """Return what one record's text says.

    Args:
        text: The record's lines, without markup.
    """
    keys, tilt = _bracket_pairs(text)
    numbers = {name: finite(value) for name, value in keys.items()}
    problems: list[str] = []
    places = _places(text, problems)
    position, third = places.get("RTK") or places.get("GPS") or (None, "")
    lon, lat = numbers.get("longitude", numbers.get("longtitude")), numbers.get("latitude")
    if lon is not None and lat is not None:
        position = _point(lon, lat, problems)
    words = {name: _first(patterns, text) for name, patterns in _WORDS.items()}
    flight, gimbal = _angles(numbers, tilt, text)
    stated = _height(problems, numbers.get("rel_alt"), words["height_takeoff_m"])
    return SubtitleFields(
        family=_family(text, keys, tilt),
        clock=_clock(text),
        position=position,
        home=places.get("HOME", (None, ""))[0],
        height_takeoff_m=stated,
        height_msl_m=_height(problems, numbers.get("abs_alt")),
        height_unstated_m=_height(problems, numbers.get("altitude"), _third_height(third)),
        gimbal_yaw_deg=gimbal[0],
        gimbal_pitch_deg=gimbal[1],
        gimbal_roll_deg=gimbal[2],
        flight_yaw_deg=flight[0],
        flight_pitch_deg=flight[1],
        flight_roll_deg=flight[2],
        ground_speed_m_s=words["ground_speed_m_s"],
        climb_m_s=words["climb_m_s"],
        distance_home_m=words["distance_home_m"],
        satellites=int(third) if third.isascii() and third.isdigit() else None,
        rtk="RTK" in places,
        camera=_settings(text, keys),
        problems=tuple(dict.fromkeys(problems)),
    )


def _first(patterns: tuple[re.Pattern[str], ...], text: str) -> float | None:
    """Return the number that the first matching pattern finds."""
    return next((float(found[1]) for pattern in patterns if (found := pattern.search(text))), None)


def _bracket_pairs(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the bracketed ``key: value`` pairs, and those of ``[Drone: …]`` and ``[Gimbal: …]`` as "drone yaw"."""
    keys: dict[str, str] = {}
    tilt: dict[str, str] = {}
    for bracket in _BRACKET.finditer(text):
        head, colon, rest = bracket[1].partition(":")
        whose = head.strip().lower()
        if colon and whose in {"drone", "gimbal"}:
            for pair in _PAIR.finditer(rest):
                tilt.setdefault(f"{whose} {pair[1].lower()}", pair[2])
        else:
            for pair in _PAIR.finditer(bracket[1]):
                keys.setdefault(pair[1].lower(), pair[2])
    return keys, tilt


def _places(text: str, problems: list[str]) -> dict[str, tuple[GeoPoint | None, str]]:
    """Return the positions of ``GPS(…)``, ``RTK(…)`` and ``HOME(…)`` with their third entry.

    Longitude comes first, except in two families: Matrice 300 (a height with the unit M in third place) and Avata 2
    (``BAROMETER(…)`` with a round bracket). Autel names its axes (``E: 120.0, N: 20.0``).
    """
    found: dict[str, tuple[GeoPoint | None, str]] = {}
    latitude_first = "BAROMETER(" in text
    for match in _PLACE.finditer(text):
        parts = [part.strip() for part in match[2].split(",")]
        if match[1] in found or len(parts) < 2:
            continue
        third = parts[2] if len(parts) > 2 else ""
        axes = {part[:1]: finite(part[2:]) for part in parts[:2] if part[1:2] == ":"}
        if axes:
            east = axes.get("E", _negative(axes.get("W")))
            north = axes.get("N", _negative(axes.get("S")))
        else:
            first, second = finite(parts[0]), finite(parts[1])
            turned = latitude_first or (match[1] == "GPS" and third.endswith("M"))
            east, north = (second, first) if turned else (first, second)
        if east is not None and north is not None:
            found[match[1]] = (_point(east, north, problems), third)
    return found


def _negative(value: float | None) -> float | None:
    return None if value is None else -value


def _point(lon_deg: float, lat_deg: float, problems: list[str]) -> GeoPoint | None:
    """Return the position; zero coordinates are no fix, and an impossible one is a problem, not a swap of axes."""
    if lon_deg == 0 and lat_deg == 0:
        return None
    try:
        return GeoPoint(lon_deg=lon_deg, lat_deg=lat_deg)
    except ValueError:
        problems.append("impossible-position")
        return None


def _third_height(third: str) -> float | None:
    """Return the third entry of ``GPS(…)`` when it is a height: it has a unit or a fraction."""
    number = third.rstrip("Mm").strip()
    return finite(number) if number != third or "." in number else None


def _height(problems: list[str], *values: float | None) -> float | None:
    """Return the first height that is written, or None when it is impossible on Earth."""
    value = next((value for value in values if value is not None), None)
    if value is not None and not -12_000 <= value <= 60_000:
        problems.append("impossible-height")
        return None
    return value


_Angles = tuple[float | None, float | None, float | None]


def _angles(numbers: dict[str, float | None], tilt: dict[str, str], text: str) -> tuple[_Angles, _Angles]:
    """Return yaw, pitch and roll of the airframe and of the gimbal, degrees."""
    written = {match[1]: (float(match[4]), float(match[2]), float(match[3])) for match in _TRIPLE.finditer(text)}
    axes = ("yaw", "pitch", "roll")
    by_word = {whose: tuple(finite(tilt.get(f"{whose} {axis}")) for axis in axes) for whose in ("drone", "gimbal")}
    by_key = {prefix: tuple(numbers.get(f"{prefix}_{axis}") for axis in axes) for prefix in ("drone", "gb")}
    none: _Angles = (None, None, None)

    def best(*choices: tuple[float | None, ...]) -> _Angles:
        for choice in choices:
            if any(angle is not None for angle in choice):
                yaw, pitch, roll = (angle if angle is not None and abs(angle) <= 360 else None for angle in choice)
                return yaw, pitch if pitch is not None and abs(pitch) <= 180 else None, roll
        return none

    return (
        best(by_key["drone"], by_word["drone"], written.get("F", none)),
        best(by_key["gb"], by_word["gimbal"], written.get("G", none)),
    )


def _clock(text: str) -> datetime | None:
    """Return the camera's clock (``10:28:08,438,904`` is 438 ms and 904 µs); None for month 0 and the like."""
    match = _CLOCK.search(text)
    if match is None:
        return None
    whole = bare_time(match[1].replace(".", "-"))
    return whole and whole.replace(microsecond=int(match[2] or 0) * 1000 + int(match[3] or 0))


def _settings(text: str, keys: dict[str, str]) -> CameraSettings:
    """Return how the camera was set, in plain units."""
    iso = finite(keys.get("iso")) or _first((_ISO,), text)
    stops = keys.get("ev") or ((found := _EV.search(text)) and found[1]) or ""
    shutter = keys.get("shutter", "")
    denominator = finite(shutter.removeprefix("1/")) if shutter.startswith("1/") else _first((_SHUTTER,), text)
    seconds = 1 / denominator if denominator and denominator > 0 else finite(shutter)
    aperture = keys.get("fnum") or ((found := _F_NUMBER.search(text)) and found[1]) or ""
    zoom = finite(keys.get("dzoom_ratio") or keys.get("dzoom")) or _first((_DZOOM,), text)
    kelvin = finite(keys.get("ct"))
    return CameraSettings(
        iso=iso,
        shutter_s=seconds if seconds and seconds > 0 else None,
        f_number=_scaled(aperture, (100, 100), (12, 10)),
        ev=_fraction(stops),
        focal_35mm_mm=_scaled(keys.get("focal_len", ""), (100, 10)),
        zoom=zoom / 10_000 if zoom and zoom >= 1000 else zoom or None,
        colour_temperature_k=kelvin if kelvin and 1000 <= kelvin <= 40_000 else None,
    )


def _scaled(text: str, *scales: tuple[int, int]) -> float | None:
    """Return a number that firmware may have multiplied: a whole one from a scale's threshold on is divided by it."""
    number = finite(text)
    if number is None or number <= 0:
        return None
    if "." not in text:
        for threshold, divisor in scales:
            if number >= threshold:
                return number / divisor
    return number


def _fraction(text: str) -> float | None:
    """Return "-1/3" or "0.7" as a number."""
    above, slash, below = text.partition("/")
    number, divisor = finite(above), finite(below) if slash else 1.0
    return None if number is None or not divisor else number / divisor


def _family(text: str, keys: dict[str, str], tilt: dict[str, str]) -> str:
    """Return the key of the family that a record's fields belong to, or "" for no telemetry."""
    if "latitude" in keys or "iso" in keys or "fnum" in keys or "rel_alt" in keys:
        return _bracket_family(text, keys, tilt)
    commas = re.search(r"(?:^|\s)F/\d", text) is not None
    signs = (
        ("21", re.search(r"\bGPS\s?\([EW]:", text) is not None),
        ("4", "BAROMETER(" in text),
        ("7", commas and text.startswith("No:")),
        ("6b", commas and "G.PRY" in text and "RTK (" in text),
        ("6c", commas and "G.PRY" in text and "DZOOM" in text),
        ("6", commas and "G.PRY" in text),
        ("5b", commas and "DZOOM" in text),
        ("5", commas),
        ("3", re.search(r"\bGPS\([^()\n]{0,60}M\)", text) is not None),
        ("1", "GPS(" in text and "Hb:" in text),
        ("2", "GPS(" in text),
    )
    return next((family for family, holds in signs if holds), "")


def _bracket_family(text: str, keys: dict[str, str], tilt: dict[str, str]) -> str:
    """Return the family of a record in square brackets."""
    signs = (
        ("17", "drone_yaw" in keys or "drone_speedx" in keys),
        ("19", "gimbal yaw" in tilt),
        ("13b", "drone yaw" in tilt and "rel_alt" in keys),
        ("13", "drone yaw" in tilt),
        ("18", "vsync" in keys or "pp_vsync" in keys),
        ("16", "gb_yaw" in keys),
        ("20", "cmpr" in text or "sensor_temperature" in keys),
        ("9", "latitude" not in keys and "rel_alt" not in keys),
        ("11", "altitude" in keys and "SrtCnt" in text),
        ("10", "altitude" in keys or ("longtitude" in keys and "FrameCnt" in text)),
        ("8", "longtitude" in keys),
        ("12", "delta" in keys or (len(keys.get("dzoom_ratio", "")) >= 4 and "." not in keys["dzoom_ratio"])),
        ("22", "Cnt" not in text),
        ("15", 0 < text.find("abs_alt") < text.find("[ct")),
    )
    return next((family for family, holds in signs if holds), "14")
