"""The catalogue of aircraft and cameras: figures for planning, each with its source.

The shipped catalogue is ``missions/catalogue``; a bureau may hand in a folder of its own with the same two files. Keys
are stable ("dji-m30t"); figures may be corrected, so a plan names the catalogue's figures it was made with through the
nouns it carries. Nothing here guesses: an unknown key or a missing figure is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml

from core.errors import InputRefused
from core.text import _
from flight.camera import Camera
from flight.patrol import Aircraft

SHIPPED: Final = Path(__file__).resolve().parents[2] / "missions" / "catalogue"

FRAME_35MM_DIAGONAL_MM: Final = math.hypot(36.0, 24.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueCamera:
    """A camera of the catalogue with what planning and export need besides its geometry.

    Attributes:
        key: Its key.
        camera: Its geometry.
        interval_s: Shortest time between two photographs, seconds.
        wpml_payload: DJI's payloadEnumValue, or None.
        wpml_lens: DJI's payloadLensIndex of this lens.
    """

    key: str
    camera: Camera
    interval_s: float
    wpml_payload: int | None = None
    wpml_lens: str = "wide"

    def __post_init__(self) -> None:
        if not self.interval_s > 0:
            raise ValueError(f"{self.key}: interval_s is positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Aircraft and cameras by key, and the camera that each aircraft carries unless the patrol says otherwise."""

    aircraft: dict[str, Aircraft]
    cameras: dict[str, CatalogueCamera]
    default_camera: dict[str, str]


def focal_from_equivalent_px(equivalent_mm: float, width_px: int, height_px: int) -> float:
    """Return the focal length in pixels of a 35 mm equivalent, by the diagonal of the picture (CIPA DCG-001)."""
    return equivalent_mm / FRAME_35MM_DIAGONAL_MM * math.hypot(width_px, height_px)


@lru_cache(maxsize=8)
def read_catalogue(folder: Path = SHIPPED) -> Catalogue:
    """Return the catalogue in ``folder`` (``aircraft.yaml`` and ``cameras.yaml``).

    Raises:
        InputRefused: A file is missing or an entry lacks a figure.
    """
    aircraft: dict[str, Aircraft] = {}
    default_camera: dict[str, str] = {}
    aircraft_path, cameras_path = folder / "aircraft.yaml", folder / "cameras.yaml"
    for key, entry in _entries(aircraft_path):
        aircraft[key] = _aircraft(aircraft_path, key, entry)
        default_camera[key] = str(entry.get("camera", ""))
    cameras = {key: _camera(cameras_path, key, entry) for key, entry in _entries(cameras_path)}
    for key, camera_key in default_camera.items():
        if camera_key not in cameras:
            raise InputRefused(
                aircraft_path,
                _("the aircraft {key} carries the camera {camera}, which is not in cameras.yaml").format(
                    key=key, camera=camera_key or "?"
                ),
                _("Name one of its keys."),
            )
    return Catalogue(aircraft=aircraft, cameras=cameras, default_camera=default_camera)


def _entries(path: Path) -> list[tuple[str, dict[str, Any]]]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputRefused(
            path,
            _("the catalogue cannot be read ({error})").format(error=error),
            _("Restore the file or name another catalogue folder."),
        ) from error
    if not isinstance(document, dict) or not all(isinstance(entry, dict) for entry in document.values()):
        raise InputRefused(
            path, _("the catalogue is not a table of entries by key"), _("Write each entry under its key.")
        )
    return [(str(key), entry) for key, entry in document.items()]


def _aircraft(path: Path, key: str, entry: dict[str, Any]) -> Aircraft:
    try:
        coldest, hottest = entry["temperature_c"]
        drone = entry.get("wpml_drone")
        return Aircraft(
            model=str(entry["model"]),
            kind=str(entry["kind"]),
            cruise_m_s=float(entry["cruise_m_s"]),
            climb_m_s=float(entry["climb_m_s"]),
            descent_m_s=float(entry["descent_m_s"]),
            endurance_s=60.0 * float(entry["hover_min"]),
            max_wind_m_s=float(entry["max_wind_m_s"]),
            turn_radius_m=float(entry.get("turn_radius_m", 0.0)),
            autopilot=str(entry["autopilot"]),
            source=str(entry["source"]),
            mass_kg=float(entry["mass_kg"]),
            min_temperature_c=float(coldest),
            max_temperature_c=float(hottest),
            max_items=int(entry["max_items"]),
            wpml_drone=None if drone is None else (int(drone[0]), int(drone[1])),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise _unfit(path, key, error) from error


def _camera(path: Path, key: str, entry: dict[str, Any]) -> CatalogueCamera:
    try:
        width, height = int(entry["width_px"]), int(entry["height_px"])
        focal = (
            float(entry["focal_px"])
            if "focal_px" in entry
            else focal_from_equivalent_px(float(entry["equivalent_mm"]), width, height)
        )
        payload = entry.get("wpml_payload")
        camera = Camera(
            model=str(entry["model"]),
            width_px=width,
            height_px=height,
            focal_px=focal,
            centre_x_px=width / 2,
            centre_y_px=height / 2,
            distortion=tuple(float(k) for k in entry.get("distortion", ())),
            source=str(entry["source"]),
        )
        interval_s = float(entry["interval_s"])
        return CatalogueCamera(
            key=key,
            camera=camera,
            interval_s=interval_s,
            wpml_payload=None if payload is None else int(payload),
            wpml_lens=str(entry.get("wpml_lens", "wide")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _unfit(path, key, error) from error


def _unfit(path: Path, key: str, error: Exception) -> InputRefused:
    reason = _("{field} is missing").format(field=error.args[0]) if isinstance(error, KeyError) else str(error)
    return InputRefused(
        path, _("the entry {key} is unfit: {reason}").format(key=key, reason=reason), _("Correct the entry.")
    )
