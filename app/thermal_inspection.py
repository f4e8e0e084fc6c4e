"""What an inspection says of a thermal photo: what it measured, and its hot spots."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from app.thermal_photos import slant_m
from core.refusal import Refusal
from core.text import _
from detection.thermal.hot_spots import HotSpot, find_hot_spots
from detection.thermal.read_thermogram import EXPORTED, read_thermogram, refuse_sequence
from detection.thermal.thermogram import Conditions, Scale, Thermogram
from flight.cameras.catalogue import is_thermal
from flight.telemetry.file_kind import FileKind
from flight.telemetry.inspect import Fact, Inspection
from flight.telemetry.photo_header import PhotoHeader, read_photo_header

SHOWN: Final = 5


def with_thermal(seen: Inspection, path: Path, conditions: Conditions) -> Inspection:
    """Return an inspection with what a thermal photo measured; as it is for any other file.

    Args:
        seen: What is known of the file.
        path: The file.
        conditions: What is declared of the measurement.
    """
    sequence = refuse_sequence(path)
    if sequence is not None and seen.kind is FileKind.UNKNOWN:
        return replace(seen, refusals=(sequence,))
    if seen.kind is not FileKind.PHOTO and path.suffix.lower() not in EXPORTED:
        return seen
    beside = next((one for suffix in EXPORTED if (one := path.with_suffix(suffix)).is_file() and one != path), None)
    pose = seen.track.poses[0] if seen.track is not None and seen.track.poses else None
    if conditions.distance_m is None and pose is not None:
        conditions = replace(conditions, distance_m=slant_m(pose))
    found = read_thermogram(path, infrared=_is_infrared(path), exported=beside, conditions=conditions)
    if found is None or (isinstance(found, Refusal) and found.code == "unreadable"):
        return seen
    if isinstance(found, Refusal):
        # A TIFF that nobody called thermal may be any picture.
        other = path.suffix.lower() in EXPORTED and conditions.unit is None and seen.facts
        return seen if other else replace(seen, refusals=(*seen.refusals, found))
    facts = (*seen.facts, *_facts(found))
    return replace(seen, facts=facts, notes=(*seen.notes, *found.notes))


def _is_infrared(path: Path) -> bool:
    """Return whether a photo's header says that a thermal camera took it."""
    header = read_photo_header(path)
    if not isinstance(header, PhotoHeader):
        return False
    if header.xmp.get("drone-dji:ImageSource", "").strip().lower().startswith("infrared"):
        return True
    model = header.text("Model") or ""
    return is_thermal(model, header.width_px, header.height_px, focal_mm=header.number("FocalLength"))


def _facts(found: Thermogram) -> list[Fact]:
    unit = "°C" if found.scale is Scale.CELSIUS else _("counts, no temperatures")
    measured = found.values[np.isfinite(found.values)]
    digits = 1 if found.scale is Scale.CELSIUS else 0
    low, middle, high = (f"{value:.{digits}f}" for value in (measured.min(), np.median(measured), measured.max()))
    size = f"{found.width_px} × {found.height_px}"
    spread = _("{low} to {high}, median {middle} {unit}").format(low=low, high=high, middle=middle, unit=unit)
    facts = [
        Fact(label=_("thermal measurement"), value=f"{found.source}, {size}"),
        Fact(label=_("measured"), value=spread),
    ]
    if found.sigma_k is not None:
        facts.append(
            Fact(
                label=_("error of a temperature"), value=_("± {sigma:.1f} K").format(sigma=np.nanmedian(found.sigma_k))
            )
        )
    spots = find_hot_spots(found)
    facts.append(Fact(label=_("hot spots"), value=str(len(spots)) if spots else _("none")))
    facts += [Fact(label=_("hot spot {number}").format(number=n), value=_told(s, found)) for n, s in _first(spots)]
    return facts


def _first(spots: tuple[HotSpot, ...]) -> list[tuple[int, HotSpot]]:
    return list(enumerate(spots[:SHOWN], start=1))


def _told(spot: HotSpot, found: Thermogram) -> str:
    place = _("at pixel {column:.0f}, {row:.0f}, {area} pixels").format(
        column=(spot.box.left_px + spot.box.right_px) / 2,
        row=(spot.box.top_px + spot.box.bottom_px) / 2,
        area=spot.area_px,
    )
    if found.scale is Scale.COUNTS:
        return (
            _("{spreads:.0f} times the scene's spread above its surroundings").format(spreads=spot.spreads)
            + f", {place}"
        )
    sigma = "" if spot.peak_sigma_k is None else f" ± {spot.peak_sigma_k:.0f}"
    words = _("{peak:.0f}{sigma} °C, {background:.0f} °C around it")
    return words.format(peak=spot.peak, sigma=sigma, background=spot.background) + f", {place}"
