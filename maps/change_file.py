"""What a comparison of two patrols found, as maps read it from the folder that ``skywarden changes`` wrote."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from shapely import MultiPolygon, Polygon
from shapely.errors import ShapelyError
from shapely.geometry import shape

from core.clock import from_iso
from core.errors import InputRefused
from core.text import _
from maps.coverage import areal

CHANGES: Final = "changes"
"""The folder of a comparison with an earlier patrol, in the later patrol's case folder."""
SHAPES: Final = "changes.geojson"
PAGE: Final = "changes.html"
KINDS: Final = ("appeared", "gone", "grew", "shrank", "altered")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Ground that changed between two patrols.

    Attributes:
        number: Its short number.
        became: One of :data:`KINDS`.
        area_m2: How large it is.
        before_m2, after_m2: How large what grew or shrank was, and is.
        height_m: How high it stands, or None where that is not known.
        error_90_m: Longer half axis of its 90 % ellipse.
        site_name: Whose ground; empty where that is undecided or nobody's.
        incidents: Numbers of the incidents that lie there.
        before_at, after_at: When the two pictures were taken, aware UTC.
        pictures: The picture of before and the one of after, relative to the folder; empty where there is none.
        outline: The ground, lon/lat.
    """

    number: str
    became: str
    area_m2: float
    before_m2: float
    after_m2: float
    height_m: float | None
    error_90_m: float
    site_name: str
    incidents: tuple[str, ...]
    before_at: datetime
    after_at: datetime
    pictures: tuple[str, str]
    outline: Polygon | MultiPolygon

    def __post_init__(self) -> None:
        if self.became not in KINDS:
            raise ValueError(f"{self.number}: nothing becomes {self.became}")


def read_changes(folder: Path) -> tuple[Change, ...]:
    """Return the changes that a comparison's folder holds; none where there was no comparison.

    Raises:
        InputRefused: The file is not as a comparison writes it.
    """
    path = folder / SHAPES
    if not path.is_file():
        return ()
    try:
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
        return tuple(_change(feature) for feature in features)
    except (OSError, KeyError, ValueError, TypeError, AttributeError, ShapelyError) as unfit:
        raise InputRefused(
            path, _("is not as a comparison of this version writes it"), _("Compare the two patrols again.")
        ) from unfit


def picture_of(folder: Path, change: Change, when: str) -> Path | None:
    """Return where a change's picture lies ("before" or "after"); None where there is none within the folder."""
    name = dict(zip(("before", "after"), change.pictures, strict=True)).get(when, "")
    place = (folder / name).resolve()
    fitting = name.endswith(".jpg") and place.is_relative_to(folder.resolve()) and place.is_file()
    return place if fitting else None


def _change(feature: dict[str, Any]) -> Change:
    said = feature["properties"]
    return Change(
        number=str(said["number"]),
        became=str(said["became"]),
        area_m2=float(said["area_m2"]),
        before_m2=float(said["before_m2"]),
        after_m2=float(said["after_m2"]),
        height_m=None if said["height_m"] is None else float(said["height_m"]),
        error_90_m=float(said["error_90_m"]),
        site_name=str(said["site_name"]),
        incidents=tuple(str(number) for number in said["incidents"]),
        before_at=from_iso(said["before_at"]),
        after_at=from_iso(said["after_at"]),
        pictures=(str(said.get("picture_before", "")), str(said.get("picture_after", ""))),
        outline=areal(shape(feature["geometry"])),
    )
