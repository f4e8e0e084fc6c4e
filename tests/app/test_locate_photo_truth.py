"""``locate`` on photos as each aircraft writes them, against truth that shares no code with the house.

Truth goes the other way: a point of the ground to Earth-centred axes (pyproj), into the makers' frame (north, east,
down, turned about Z, Y, X as DJI's manuals have it), through the lens by OpenCV. What ``locate`` and
``locate_numbers`` make of the pixel must be the point again, to two centimetres.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL.ExifTags import GPS, Base
from pyproj import Transformer
from typer.testing import CliRunner

from app.commands import build
from core.errors import InputRefused
from core.heights import Geoid
from core.points import GeoPoint
from flight.cameras.catalogue import catalogue_camera
from geofence.locating.geoid import installed_geoid
from geofence.locating.locate_numbers import locate_numbers
from tests.flight.test_telemetry_photo import TIME, packet, write_photo

TO_EARTH = Transformer.from_crs(4979, 4978, always_xy=True)
GROUND_HAE_M = 31.0
NEAR_M = 0.02


@dataclass(frozen=True, kw_only=True)
class Shot:
    """A photo to be made: where its camera is, where it looks, its lens, and what the maker writes of all that."""

    model: str
    size: tuple[int, int]
    focal: tuple[float, float]
    centre: tuple[float, float]
    bend: tuple[float, ...] = ()
    yaw: float = 0.0
    pitch: float = -90.0
    roll: float = 0.0
    lat: float = 48.14
    lon: float = 11.58
    above_m: float = 80.0
    belly: bool = False
    fields: str = ""
    make: str = "DJI"
    exif: dict[int, object] = field(default_factory=dict)
    words: tuple[str, ...] = ("--ground-height", str(GROUND_HAE_M), "--height-datum", "ellipsoid")


def about(axis: int, degrees: float) -> np.ndarray:
    sin, cos = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    i, j = {0: (1, 2), 1: (2, 0), 2: (0, 1)}[axis]
    turn = np.eye(3)
    turn[i, i] = turn[j, j] = cos
    turn[i, j], turn[j, i] = -sin, sin
    return turn


def pixels_of(shot: Shot, lonlat: np.ndarray, hae_m: float | np.ndarray) -> np.ndarray:
    """Return where OpenCV sees ground points, from the image's top-left corner; NaN behind the camera."""
    import cv2

    here = np.array(TO_EARTH.transform(shot.lon, shot.lat, GROUND_HAE_M + shot.above_m))
    heights = np.broadcast_to(hae_m, len(lonlat))
    there = np.stack(TO_EARTH.transform(lonlat[:, 0], lonlat[:, 1], heights), axis=1)
    lat, lon = math.radians(shot.lat), math.radians(shot.lon)
    north = [-math.sin(lat) * math.cos(lon), -math.sin(lat) * math.sin(lon), math.cos(lat)]
    east = [-math.sin(lon), math.cos(lon), 0.0]
    ned = (there - here) @ np.array([north, east, np.negative(np.cross(east, north))]).T
    body = ned @ about(2, shot.yaw) @ about(1, shot.pitch) @ about(0, shot.roll)
    ahead, right, down = body.T
    # A camera on a gimbal looks ahead; one under a belly looks down, its image's lower edge towards the tail.
    seen = np.stack([right, -ahead, down] if shot.belly else [right, down, ahead], axis=1)
    matrix = np.array([[shot.focal[0], 0, shot.centre[0] - 0.5], [0, shot.focal[1], shot.centre[1] - 0.5], [0, 0, 1]])
    pixels, _slopes = cv2.projectPoints(
        seen[:, None, :], np.zeros(3), np.zeros(3), matrix, np.array(shot.bend or [0.0] * 4)
    )
    return np.where((seen[:, 2] > 0)[:, None], pixels[:, 0] + 0.5, np.nan)


def level(lonlat: np.ndarray) -> np.ndarray:
    return np.full(len(lonlat), GROUND_HAE_M)


def visible(shot: Shot, ground: Callable[[np.ndarray], np.ndarray] = level) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, 2) positions spread over the photo and (n, 2) their pixels, on a ground of these heights."""
    rng = np.random.default_rng(5)
    reach = 3 * shot.above_m
    metres = rng.uniform(-reach, reach, (4000, 2))
    scale = 111_320 * math.cos(math.radians(shot.lat)), 111_130
    lonlat = np.array([shot.lon, shot.lat]) + metres / scale
    hae_m = ground(lonlat)
    pixels = pixels_of(shot, lonlat, hae_m)
    # Well inside the field: OpenCV's polynomial folds points from far outside back into the picture.
    inside = np.all((pixels > 40) & (pixels < np.array(shot.size) - 40), axis=1)
    straight = pixels_of(Shot(**{**vars_of(shot), "bend": ()}), lonlat, hae_m)
    inside &= np.all(np.abs(straight - np.array(shot.size) / 2) < 0.62 * np.array(shot.size), axis=1)
    rows = np.flatnonzero(inside)[:12]
    assert len(rows) >= 6
    return lonlat[rows], pixels[rows]


def vars_of(shot: Shot) -> dict[str, Any]:
    return {name: getattr(shot, name) for name in shot.__dataclass_fields__}


def written(shot: Shot, path: Path) -> Path:
    gps = {
        GPS.GPSLatitudeRef: "N" if shot.lat >= 0 else "S",
        GPS.GPSLatitude: (abs(shot.lat), 0.0, 0.0),
        GPS.GPSLongitudeRef: "E" if shot.lon >= 0 else "W",
        GPS.GPSLongitude: (abs(shot.lon), 0.0, 0.0),
    }
    namespaces = (
        'xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/" xmlns:drone="http://www.autelrobotics.com/drone/1.0/" '
        'xmlns:Camera="http://pix4d.com/camera/1.0"'
    )
    return write_photo(
        path,
        exif={**TIME, **shot.exif},
        gps=gps,
        base={Base.Make: shot.make, Base.Model: shot.model},
        xmp=packet(shot.fields, namespaces=namespaces),
        size=shot.size,
        mode="L",  # nobody looks at the pixels, and there are many
    )


def dji(shot: dict[str, Any], *, angles: tuple[float, float, float] | None = None, **more: object) -> str:
    yaw, pitch, roll = angles or (shot["yaw"], shot["pitch"], shot.get("roll", 0.0))
    told: dict[str, object] = {
        "GpsLatitude": f"{shot.get('lat', 48.14):+.9f}",
        "GpsLongitude": f"{shot.get('lon', 11.58):+.9f}",
        "GimbalYawDegree": f"{yaw:+.2f}",
        "GimbalPitchDegree": f"{pitch:+.2f}",
        "GimbalRollDegree": f"{roll:+.2f}",
        **more,
    }
    return " ".join(f'drone-dji:{name}="{value}"' for name, value in told.items())


def rtk(above_m: float = 80.0, hae_m: float = GROUND_HAE_M) -> dict[str, object]:
    return {
        "RtkFlag": 50, "RtkStdLon": 0.011, "RtkStdLat": 0.012, "RtkStdHgt": 0.025, "AltitudeType": "RtkAlt",
        "GpsStatus": "RTK", "AbsoluteAltitude": f"{hae_m + above_m:+.3f}",
        # From a hill 12 m above this ground, so that falling back on it would show.
        "RelativeAltitude": f"{above_m - 12:+.2f}",
    }  # fmt: skip


def dewarp(date: str, *figures: float) -> str:
    return f"{date};" + ",".join(f"{figure:.12f}" for figure in figures)


P4RTK = (-0.269385, 0.11267, 0.00081256, -0.00012864, -0.0328627)
M3E = (-0.11257524, 0.01487443, -0.00008571, 0.00000007, -0.02709911)
K6 = (0.3, -0.12, 0.0004, -0.0003, 0.02, 0.25, -0.05, 0.03)


def phantom_4_rtk(**at: Any) -> Shot:
    return Shot(
        model="FC6310R", size=(5472, 3648), focal=(3652.88, 3655.37), centre=(2736 - 7.58, 1824 + 15.01), bend=P4RTK,
        **at,
        fields=dji(
            at, **rtk(at.get("above_m", 80.0)), DewarpFlag=0, CalibratedFocalLength=3666.666504,
            CalibratedOpticalCenterX=2736, CalibratedOpticalCenterY=1824,
            DewarpData=dewarp("2019-03-12", 3652.88, 3655.37, -7.58, 15.01, *P4RTK),
        ),
    )  # fmt: skip


def mavic_3e(
    *, angles: tuple[float, float, float] | None = None, extra: dict[str, object] | None = None, **at: Any
) -> Shot:
    return Shot(
        model="M3E", size=(5280, 3956), focal=(3713.29, 3713.29), centre=(2640 + 7.02, 1978 - 8.72), bend=M3E, **at,
        fields=dji(
            at, angles=angles, **{**rtk(at.get("above_m", 80.0)), **(extra or {})}, CalibratedFocalLength=3725.151611,
            CalibratedOpticalCenterX=2640, CalibratedOpticalCenterY=1978,
            DewarpData=dewarp("2022-06-08", 3713.29, 3713.29, 7.02, -8.72, *M3E),
        ),
        exif={Base.FocalLength: 12.29, Base.FocalLengthIn35mmFilm: 24},
    )  # fmt: skip


def matrice_4t(**at: Any) -> Shot:
    return Shot(
        model="M4T", size=(4032, 3024), focal=(2800.0, 2800.0), centre=(2016 + 5.5, 1512 - 3.25), bend=K6, **at,
        fields=dji(
            at, **rtk(), CalibratedOpticalCenterX=2016, CalibratedOpticalCenterY=1512,
            DewarpDataK6=dewarp("2024-12-01", 2800.0, 2800.0, 5.5, -3.25, *K6),
        ),
        exif={Base.FocalLength: 6.72},
    )  # fmt: skip


def listed(model: str, size: tuple[int, int], focal_mm: float | None = None, **more: Any) -> Shot:
    """Return a photo of a camera without its own calibration: the catalogue's lens is then the truth."""
    camera = catalogue_camera(model, *size, focal_mm=focal_mm)
    assert not hasattr(camera, "code"), camera
    exif = {} if focal_mm is None else {Base.FocalLength: focal_mm}
    return Shot(
        model=model, size=size, focal=(camera.focal_px, camera.focal_y_px or camera.focal_px),
        centre=(camera.centre_x_px, camera.centre_y_px), bend=camera.distortion, exif=exif, **more,
    )  # fmt: skip


def without_rtk(at: dict[str, Any], *, absolute_m: float = 517.0) -> str:
    """Return a DJI header whose absolute height is a barometer's, hundreds of metres from the truth."""
    return dji(
        at, RelativeAltitude=f"{at.get('above_m', 80.0):+.2f}", AbsoluteAltitude=f"{absolute_m:+.2f}",
        AltitudeType="GpsFusionAlt", GpsStatus="Normal",
    )  # fmt: skip


NADIR = {"yaw": 37.1, "pitch": -90.0}
LOOKS = {"yaw": -128.4, "pitch": -58.3, "roll": 0.7}
SOUTH = {"yaw": 201.0, "pitch": -44.9, "roll": -0.4, "lat": -33.45, "lon": -70.66}

SHOTS = {
    "Phantom 4 RTK, nadir": phantom_4_rtk(**NADIR),
    "Phantom 4 RTK, oblique": phantom_4_rtk(**LOOKS),
    "Mavic 3E, RTK": mavic_3e(**LOOKS),
    "Mavic 3E, RTK, south and west": mavic_3e(**SOUTH),
    "Mavic 3E, past nadir: roll 180": mavic_3e(yaw=-92.6, pitch=-89.4, roll=180.0),
    "Mavic 3E, backwards at 60 degrees": mavic_3e(yaw=140.0, pitch=-60.0, roll=180.0),
    "gimbal lock: yaw and roll share a turn": mavic_3e(yaw=40.0, pitch=-90.0, roll=90.0),
    # Firmware that forgets the roll: the view is that of yaw + 180°, and the airframe's heading shows it.
    "Mavic 3E, said to look backwards": mavic_3e(
        yaw=20.0, pitch=-89.9, roll=180.0, angles=(20.0, -89.9, 0.0), extra={"FlightYawDegree": "-161.5"}
    ),
    "Mavic 3E whose firmware leaves RtkFlag out": mavic_3e(**LOOKS, extra={"RtkFlag": "", "AltitudeType": "RtkAlt"}),
    "Matrice 4T, rational lens": matrice_4t(**LOOKS),
    "Zenmuse P1": listed("ZenmuseP1", (8192, 5460), 35.0, **LOOKS, fields=dji(LOOKS, **rtk())),
    "Phantom 4 Pro": listed("FC6310", (5472, 3648), 8.8, **LOOKS, fields=without_rtk(LOOKS)),
    "Phantom 4": listed("FC330", (4000, 3000), 3.61, **NADIR, fields=without_rtk(NADIR, absolute_m=-43.0)),
    "Phantom 3": listed("FC300S", (4000, 2250), 3.61, **NADIR, fields=without_rtk(NADIR)),
    "Mavic Pro, 16:9": listed("FC220", (4000, 2250), 4.73, **LOOKS, fields=without_rtk(LOOKS)),
    "H20T, wide": listed("ZH20T", (4056, 3040), 4.5, **LOOKS, fields=without_rtk(LOOKS)),
    "H20T, zoom": listed("ZH20T", (5184, 3888), 6.83, **LOOKS, fields=without_rtk(LOOKS)),
    "M30T, wide": listed("M30T", (4000, 3000), 4.5, **LOOKS, fields=without_rtk(LOOKS)),
    "Autel EVO II Pro": listed(
        "XT705", (5472, 3648), 10.57, **LOOKS, make="Autel Robotics",
        fields=dji(LOOKS, RelativeAltitude="+80.0", AbsoluteAltitude="+300").replace("drone-dji:", "drone:"),
    ),
    # Pix4D's angles: the airframe's, with the camera under its belly.
    "senseFly S.O.D.A., banking": listed(
        "S.O.D.A.", (5472, 3648), 10.6, yaw=77.0, pitch=4.0, roll=-9.0, belly=True, make="senseFly",
        fields='Camera:Yaw="77.0" Camera:Pitch="4.0" Camera:Roll="-9.0" Camera:VertCS="ellipsoidal"',
    ),
    # A centre of its own is no sign of another size.
    "Phantom 4 RTK whose designed centre is not the middle": phantom_4_rtk(**LOOKS),
}  # fmt: skip
_own = SHOTS["Phantom 4 RTK whose designed centre is not the middle"]
SHOTS["Phantom 4 RTK whose designed centre is not the middle"] = Shot(
    **{**vars_of(_own), "fields": _own.fields.replace('CenterX="2736"', 'CenterX="2719.4"')}
)


def far_apart_m(lat: float, lon: float, there: np.ndarray) -> float:
    return math.hypot((lon - there[0]) * 111_320 * math.cos(math.radians(lat)) * 1.0022, (lat - there[1]) * 111_130)


def located(path: Path, pixels: np.ndarray, *words: str) -> list[dict[str, Any]]:
    asked = [word for u, v in pixels for word in ("--pixel", f"{u:.4f},{v:.4f}")]
    answer = CliRunner().invoke(build(), ["locate", str(path), *asked, *words])
    assert answer.exit_code == 0, answer.output + repr(answer.exception)
    return [feature["properties"] for feature in json.loads(answer.stdout)["features"]]


@pytest.mark.parametrize("name", sorted(SHOTS))
def test_a_photo_of_this_aircraft_puts_ground_points_where_they_are(name: str, tmp_path: Path) -> None:
    shot = SHOTS[name]
    path = written(shot, tmp_path / "photo.jpg")
    if shot.belly:
        path = with_height(shot, path)
    lonlat, pixels = visible(shot)
    for found, there in zip(located(path, pixels, *shot.words), lonlat, strict=True):
        assert far_apart_m(found["lat_deg"], found["lon_deg"], there) < NEAR_M
        assert found["height_m"] == pytest.approx(GROUND_HAE_M, abs=0.01)


def with_height(shot: Shot, path: Path) -> Path:
    """Write the photo again with its height in EXIF, as aircraft without DJI's fields have it."""
    gps = {
        GPS.GPSLatitudeRef: "N", GPS.GPSLatitude: (shot.lat, 0.0, 0.0), GPS.GPSLongitudeRef: "E",
        GPS.GPSLongitude: (shot.lon, 0.0, 0.0), GPS.GPSAltitudeRef: b"\x00",
        GPS.GPSAltitude: GROUND_HAE_M + shot.above_m,
    }  # fmt: skip
    return write_photo(
        path, exif={**TIME, **shot.exif}, gps=gps, base={Base.Make: shot.make, Base.Model: shot.model},
        xmp=packet(shot.fields, namespaces='xmlns:Camera="http://pix4d.com/camera/1.0"'), size=shot.size,
    )  # fmt: skip


@pytest.mark.parametrize(("datum", "geoid"), [("EGM2008", Geoid.EGM2008), ("EGM96", Geoid.EGM96)])
def test_marks_with_heights_above_the_sea_meet_rtk_heights_above_the_ellipsoid(
    datum: str, geoid: Geoid, tmp_path: Path
) -> None:
    shot = mavic_3e(**LOOKS)
    grids = installed_geoid()
    assert grids is not None
    undulation = grids(GeoPoint(lon_deg=shot.lon, lat_deg=shot.lat), geoid)
    assert undulation is not None
    assert undulation.metres > 40
    lonlat, pixels = visible(shot)
    words = ("--ground-height", f"{GROUND_HAE_M - undulation.metres:.4f}", "--height-datum", datum)
    path = written(shot, tmp_path / "photo.jpg")
    for found, there in zip(located(path, pixels, *words), lonlat, strict=True):
        assert far_apart_m(found["lat_deg"], found["lon_deg"], there) < NEAR_M
    # The trap: the same number taken for a height above the ellipsoid.
    wrong = located(path, pixels[:1], *words[:3], "ellipsoid", "--pixel", "100,100")[0]
    assert far_apart_m(wrong["lat_deg"], wrong["lon_deg"], lonlat[0]) > 15


@pytest.mark.parametrize("name", [name for name, shot in SHOTS.items() if not shot.belly and len(shot.bend) in {0, 5}])
def test_plain_numbers_agree_with_the_same_truth(name: str) -> None:
    shot = SHOTS[name]
    lonlat, pixels = visible(shot)
    found = locate_numbers(
        pixels,
        lon_deg=shot.lon,
        lat_deg=shot.lat,
        height_m=GROUND_HAE_M + shot.above_m,
        height_datum="ellipsoid",
        yaw_deg=shot.yaw,
        pitch_deg=shot.pitch,
        roll_deg=shot.roll,
        width_px=shot.size[0],
        height_px=shot.size[1],
        focal_px=shot.focal,
        centre_px=shot.centre,
        distortion=shot.bend,
        ground_height_m=GROUND_HAE_M,
        ground_datum="ellipsoid",
    )
    for (lon, lat), there in zip(found.lonlat, lonlat, strict=True):
        assert far_apart_m(lat, lon, there) < NEAR_M


@pytest.mark.parametrize("datum", ["ellipsoid", "EGM2008"])
@pytest.mark.parametrize("name", ["Mavic 3E, RTK", "Phantom 4 RTK, oblique", "Mavic Pro, 16:9"])
def test_on_a_slope_the_raster_is_hit_where_it_is(name: str, datum: str, tmp_path: Path) -> None:
    import rasterio
    from affine import Affine

    shot = SHOTS[name]
    to_plan = Transformer.from_crs(4326, 32632, always_xy=True)
    x0, y0 = to_plan.transform(shot.lon, shot.lat)
    undulation = 0.0
    if datum == "EGM2008":
        grids = installed_geoid()
        assert grids is not None
        found = grids(GeoPoint(lon_deg=shot.lon, lat_deg=shot.lat), Geoid.EGM2008)
        assert found is not None
        undulation = found.metres

    def slope(lonlat: np.ndarray) -> np.ndarray:
        x, y = to_plan.transform(lonlat[:, 0], lonlat[:, 1])
        return GROUND_HAE_M + 0.12 * (np.asarray(x) - x0) - 0.05 * (np.asarray(y) - y0)

    cell, count = 5.0, 400
    columns, rows = np.meshgrid(np.arange(count) + 0.5 - count / 2, np.arange(count) + 0.5 - count / 2)
    raster = tmp_path / "slope.tif"
    with rasterio.open(
        raster, "w", driver="GTiff", width=count, height=count, count=1, dtype="float64", crs="EPSG:32632",
        transform=Affine(cell, 0, x0 - count / 2 * cell, 0, -cell, y0 + count / 2 * cell),
    ) as out:  # fmt: skip
        out.write(GROUND_HAE_M + 0.12 * columns * cell + 0.05 * rows * cell - undulation, 1)
    lonlat, pixels = visible(shot, slope)
    # Without RTK, a height above take-off needs to know where that was: here, straight below the camera.
    words = ("--dem", str(raster), "--height-datum", datum, "--takeoff", f"{shot.lat},{shot.lon}")
    path = written(shot, tmp_path / "photo.jpg")
    for answer, there in zip(located(path, pixels, *words), lonlat, strict=True):
        assert far_apart_m(answer["lat_deg"], answer["lon_deg"], there) < 0.05
    trap = located(path, pixels, *shot.words)
    apart = [far_apart_m(flat["lat_deg"], flat["lon_deg"], there) for flat, there in zip(trap, lonlat, strict=True)]
    assert max(apart) > 3


def test_of_several_pixels_each_gets_its_answer(tmp_path: Path) -> None:
    path = written(mavic_3e(yaw=10.0, pitch=-12.0), tmp_path / "photo.jpg")
    found = located(path, np.array([[2640.0, 3900.0], [2640.0, 100.0]]), *SHOTS["Mavic 3E, RTK"].words)
    assert found[0]["ce90_m"] > 0
    assert (found[1]["refused"], found[1]["pixel"]) == ("above-horizon", [2640.0, 100.0])
    alone = CliRunner().invoke(build(), ["locate", str(path), "--pixel", "2640,100", *SHOTS["Mavic 3E, RTK"].words])
    assert isinstance(alone.exception, InputRefused)
