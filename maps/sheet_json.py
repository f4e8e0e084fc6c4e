"""A sheet as the JSON that its page reads: columns instead of objects, texts once, outlines as differences.

Ten thousand incidents are about a megabyte this way. Positions are whole numbers of 1e-7 degrees (a centimetre), WGS-84
always; the page projects them through the datum of whatever base layer is shown. Times are whole minutes since 1970.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from core.clock import iso_utc
from detection.coverage_map import GSD_STEPS_M
from maps.base_layers import BaseLayer, tiles_inlined
from maps.change_file import Change
from maps.coverage import VIEWS
from maps.palette import (
    AGE_CLASSES,
    CHANGE_LOOKS,
    COVERAGE_RAMP,
    GRADE_STYLES,
    HAZARD_COLOURS,
    HEAT_RAMP,
    LEADS_CLASSES,
    NO_GRADE_STYLE,
    OTHER_COLOUR,
    SEVERITY_COLOURS,
    STATE_COLOURS,
    STATE_SHAPES,
    VALUE_COLOURS,
    ZONE_STYLES,
    change_name,
    severity_name,
    state_name,
    value_name,
    zone_name,
)
from maps.planned_areas import PlannedArea
from maps.scene import Mosaic
from maps.sheet import Mark, Premises, Seen, Sheet, bounds_of

SCALE: Final = 1e7
PICTURES_BYTES: Final = 6_000_000
"""How much of the thumbnails and explanations goes into a page; the gravest and newest first."""
Json = dict[str, Any]


def as_json(content: object) -> str:
    """Return JSON that may stand in a script element."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def sheet_json(sheet: Sheet, layers: Sequence[BaseLayer] = ()) -> Json:
    """Return what the page of a sheet reads.

    Args:
        sheet: What to show.
        layers: Base layers; files are put in, services only named.

    Raises:
        ValueError: The sheet shows nothing.
        InputRefused: A file of tiles has none of this place.
    """
    bounds = bounds_of(sheet)
    return {
        "title": sheet.title,
        "drawnAt": iso_utc(sheet.drawn_at),
        "bounds": [round(degrees, 7) for degrees in bounds],
        "marks": marks_json(sheet.marks),
        **ground_json(sheet.premises, sheet.patrols),
        "zones": [
            {"name": zone.name or zone.zone_id, "kind": zone_name(zone.zone_type), "site": zone.site_code or "",
             "shape": outline(zone.shape), "look": dict(ZONE_STYLES[zone.zone_type])}
            for zone in sheet.zones
        ],
        "closed": [
            {"name": zone.name, "reason": zone.reason, "shape": outline(zone.shape)} for zone in sheet.no_fly_zones
        ],
        "areas": areas_json(sheet.areas),
        "others": [
            [round(one.point.lon_deg * SCALE), round(one.point.lat_deg * SCALE), one.label, len(one.fixes)]
            for one in sheet.others
        ],
        "base": [layer_json(layer, bounds) for layer in layers],
        "look": looks(sheet.marks),
    }  # fmt: skip


def outline(shape: Polygon | MultiPolygon) -> list[list[int]]:
    """Return a shape's rings, each as [x, y, dx, dy, …] in 1e-7 degrees; holes are rings like the others."""
    return [
        _differences(shapely.get_coordinates(ring))
        for polygon in shapely.get_parts(shape)
        for ring in (polygon.exterior, *polygon.interiors)
    ]


def _differences(lonlat: Any) -> list[int]:  # noqa: ANN401 - any (n, 2) array
    whole = np.round(np.asarray(lonlat, dtype=np.float64) * SCALE).astype(np.int64)
    steps = np.diff(whole, axis=0, prepend=np.zeros((1, 2), dtype=np.int64))
    return [int(number) for number in steps.ravel()]


def _minute(instant: datetime) -> int:
    return int(instant.timestamp() // 60)


class _Texts:
    """Texts in order of their first use, each once."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        return self.places.setdefault(text, len(self.places))


def marks_json(marks: Sequence[Mark]) -> Json:
    """Return incidents as columns; texts are numbers into ``texts``."""
    texts = _Texts()
    texts("")
    pictures, left_out = _pictures(marks)
    columns: Json = {
        "x": [round(mark.lon_deg * SCALE) for mark in marks],
        "y": [round(mark.lat_deg * SCALE) for mark in marks],
        "number": [mark.number for mark in marks],
        "hazard": [texts(mark.hazard) for mark in marks],
        "state": [texts(mark.state.value) for mark in marks],
        "value": [texts(mark.value.value) for mark in marks],
        "severity": [mark.severity for mark in marks],
        "first": [_minute(mark.first_seen) for mark in marks],
        "last": [_minute(mark.last_seen) for mark in marks],
        "error": [round(mark.error_90_m, 1) for mark in marks],
        "site": [-1 if mark.site_code is None else texts(mark.site_code) for mark in marks],
    }
    for name in ("hazard_name", "site_name", "candidates", "note", "zone", "basis", "authority", "history"):
        columns[name] = [texts(getattr(mark, name)) for mark in marks]
    if any(mark.link for mark in marks):
        columns["link"] = [mark.link for mark in marks]
    columns |= {"texts": list(texts.places), "pictures": pictures, "picturesLeftOut": left_out}
    return columns


def _pictures(marks: Sequence[Mark]) -> tuple[dict[int, list[str]], int]:
    """Return thumbnail and explanation (base64) by mark, within :data:`PICTURES_BYTES`, and how many had no room."""
    order = sorted(range(len(marks)), key=lambda place: (-marks[place].severity, -marks[place].last_seen.timestamp()))
    found: dict[int, list[str]] = {}
    left, left_out = PICTURES_BYTES, 0
    for place in order:
        mark = marks[place]
        if not mark.thumbnail and not mark.explanation:
            continue
        encoded = [base64.b64encode(one).decode() for one in (mark.thumbnail, mark.explanation.encode())]
        left -= sum(map(len, encoded))
        if left < 0:
            left_out += 1
        else:
            found[place] = encoded
    return found, left_out


def ground_json(premises: Sequence[Premises], patrols: Sequence[Seen]) -> Json:
    """Return sites and patrols."""
    return {
        "sites": [
            {
                "code": one.site.code,
                "name": one.site.name,
                "leads": one.open_leads,
                "grade": one.grade,
                "looked": [[number, round(share, 3)] for number, share in one.looked],
                "shape": outline(one.site.shape),
            }
            for one in premises
        ],
        "patrols": [_patrol_json(seen) for seen in patrols],
    }


def areas_json(areas: Sequence[PlannedArea]) -> list[Json]:
    """Return ground that was to be looked at."""
    return [
        {
            "name": one.name,
            "patrol": one.patrol,
            "looked": [[number, round(share, 3)] for number, share in one.looked],
            "shape": outline(one.shape),
        }
        for one in areas
    ]


def _patrol_json(seen: Seen) -> Json:
    trace = seen.trace
    return {
        "name": trace.name,
        "start": _minute(trace.started_at),
        "end": _minute(trace.ended_at) + 1,
        "km2": round(seen.area_km2, 4),
        "ways": [_differences([(point.lon_deg, point.lat_deg) for point in way]) for way in trace.ways if len(way) > 1],
        "views": [[least, outline(shape)] for least, shape in seen.views],
        "gsd": [[round(100 * most, 1), outline(shape)] for most, shape in seen.gsd],
        "missed": outline(seen.missed),
        "footprints": [
            {"name": one.name, "detections": one.detections, "shape": outline(one.shape)}
            | ({"thermal": 1} if one.thermal else {})
            for one in trace.footprints
        ],
        "changes": [_change_json(change) for change in trace.changes],
        "mosaic": None if trace.mosaic is None else _mosaic_json(trace.mosaic),
    }


def _change_json(change: Change) -> Json:
    content: Json = {
        "number": change.number,
        "became": change.became,
        "m2": [change.before_m2, change.after_m2] if change.became in {"grew", "shrank"} else [change.area_m2],
        "error": change.error_90_m,
        "site": change.site_name,
        "incidents": list(change.incidents),
        "at": [_minute(change.before_at), _minute(change.after_at)],
        "shape": outline(change.outline),
    }
    return content if change.height_m is None else content | {"height": change.height_m}


def _mosaic_json(mosaic: Mosaic) -> Json:
    return {
        "image": f"data:{mosaic.media_type};base64,{base64.b64encode(mosaic.image).decode()}",
        "bounds": [mosaic.west_deg, mosaic.south_deg, mosaic.east_deg, mosaic.north_deg],
        "metresPerPixel": round(mosaic.metres_per_pixel, 3),
    }


def layer_json(layer: BaseLayer, bounds: tuple[float, float, float, float]) -> Json:
    """Return a base layer as the page reads it, a file's tiles within it."""
    tiles, finest = ({}, layer.most_zoom) if layer.file is None else tiles_inlined(layer, bounds)
    return {
        "name": layer.name,
        "datum": layer.datum.value,
        "url": layer.url,
        "hosts": list(layer.hosts),
        "attribution": layer.attribution,
        "least": layer.least_zoom,
        "most": finest,
        "tiles": tiles,
    }


def looks(marks: Iterable[Mark]) -> Json:
    """Return colours, shapes and names of what the marks are told apart by: the most frequent hazards have a colour."""
    counts: dict[str, int] = {}
    names: dict[str, str] = {}
    for mark in marks:
        counts[mark.hazard] = counts.get(mark.hazard, 0) + 1
        names[mark.hazard] = mark.hazard_name
    return looks_of(counts, names)


def looks_of(counts: dict[str, int], names: dict[str, str]) -> Json:
    """Return the looks where hazards are counted elsewhere."""
    order = sorted(counts, key=lambda code: (-counts[code], code))
    coloured = dict(zip(order, HAZARD_COLOURS, strict=False))
    return {
        "hazard": {
            code: {"name": f"{code} {names[code]}", "colour": coloured.get(code, OTHER_COLOUR)}
            for code in sorted(counts)
        },
        "state": {
            state.value: {"name": state_name(state.value), "colour": colour, "shape": STATE_SHAPES[state]}
            for state, colour in STATE_COLOURS.items()
        },
        "severity": {
            str(grade): {"name": f"{grade} {severity_name(grade)}", "colour": colour}
            for grade, colour in enumerate(SEVERITY_COLOURS, start=1)
        },
        "value": {
            value.value: {"name": value_name(value), "colour": colour} for value, colour in VALUE_COLOURS.items()
        },
        "change": {
            kind: {"name": change_name(kind), "colour": colour, "sign": sign}
            for kind, (colour, sign) in CHANGE_LOOKS.items()
        },
        "age": [{"days": days, "colour": colour} for days, colour in AGE_CLASSES],
        "leads": [{"least": least, "colour": colour} for least, colour in LEADS_CLASSES],
        "grade": {name: dict(style) for name, style in GRADE_STYLES.items()} | {"": dict(NO_GRADE_STYLE)},
        "heat": list(HEAT_RAMP),
        "views": [{"least": least, "colour": colour} for least, colour in zip(VIEWS, COVERAGE_RAMP, strict=True)],
        "gsd": [
            {"most": round(100 * most, 1), "colour": colour}
            for most, colour in zip(reversed(GSD_STEPS_M), COVERAGE_RAMP, strict=True)
        ],
    }
