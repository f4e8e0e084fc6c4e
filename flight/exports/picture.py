"""The plan as a picture (PNG): areas, expected coverage count, no-fly zones, sorties by colour with their direction.

Drawn with Pillow in the local plane, north up, with a scale bar; no fonts beyond Pillow's own and Noto Sans CJK, no
network, and the same plan gives the same pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from core.points import LocalPlane, to_plane
from core.text import _
from flight.exports.colours import AREA_COLOUR, NO_FLY_COLOUR, coverage_words, sortie_colour
from flight.exports.coverage_count import coverage_counts, shaded
from flight.exports.geojson import photo_footprints
from flight.flight_plan import FlightPlan, Leg, Severity, Sortie
from flight.patrol import Patrol
from flight.planning.plan_table import band_words
from flight.planning.profile import profile
from flight.planning.routing import Points

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw as Draw
    from PIL.ImageFont import FreeTypeFont

_PAPER: Final = (255, 255, 255)
_MARGIN_PX: Final = 46
_LEGEND_PX: Final = 26
_LEGEND_LINES: Final = 4  # besides one for each sortie: the name, the coverage classes, the signs, one of air
_ARROW_EVERY_PX: Final = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """Where metres of the plane fall on the picture."""

    west_m: float
    north_m: float
    px_per_m: float
    width_px: int
    height_px: int

    def px(self, points: Points) -> list[tuple[float, float]]:
        x = _MARGIN_PX + (points[:, 0] - self.west_m) * self.px_per_m
        y = _MARGIN_PX + (self.north_m - points[:, 1]) * self.px_per_m
        return list(zip(x.tolist(), y.tolist(), strict=True))


def write_picture(flight_plan: FlightPlan, path: Path, *, patrol: Patrol, width_px: int = 1600) -> None:
    """Write the picture of a plan as PNG.

    Args:
        flight_plan: What to draw.
        path: Where.
        patrol: Its areas, zones and camera.
        width_px: Width of the picture; its height follows.
    """
    from PIL import Image, ImageDraw

    plane = LocalPlane(origin=flight_plan.home)

    def local(shape: BaseGeometry) -> BaseGeometry:
        return shapely.transform(shape, lambda lonlat: to_plane(plane, lonlat))

    ways = [_way(plane, sortie) for sortie in flight_plan.sorties]
    areas = [local(area.shape) for area in patrol.areas]
    zones = [local(zone.shape) for zone in patrol.no_fly_zones]
    sheet = _sheet(shapely.union_all([*areas, *(shapely.LineString(way) for way in ways)]), width_px, len(ways))
    image = Image.new("RGB", (sheet.width_px, sheet.height_px), _PAPER)
    rings = [sheet.px(shapely.get_coordinates(local(shape))) for _n, _a, shape in photo_footprints(flight_plan, patrol)]
    seen = Image.fromarray(shaded(coverage_counts(rings, sheet.width_px, sheet.height_px)), "RGBA")
    image.paste(seen, (0, 0), seen)
    draw = ImageDraw.Draw(image)
    font = _font()
    for shape in zones:
        _outline(draw, sheet, shape, NO_FLY_COLOUR, 3)
        _hatch(draw, sheet, shape)
    for shape in areas:
        _outline(draw, sheet, shape, AREA_COLOUR, 2)
    for sortie, way in zip(flight_plan.sorties, ways, strict=True):
        _draw_sortie(draw, sheet, sortie, way, sortie_colour(sortie.number))
    _levels(draw, sheet, font(13), list(zip(flight_plan.sorties, ways, strict=True)), patrol)
    for area, shape in zip(patrol.areas, areas, strict=True):
        _name(draw, sheet, font(15), shape, area.name, AREA_COLOUR)
    for zone, shape in zip(patrol.no_fly_zones, zones, strict=True):
        _name(draw, sheet, font(15), shape, f"{zone.name} {band_words(zone)}", NO_FLY_COLOUR)
    _legend(draw, sheet, font, flight_plan)
    image.save(path, format="PNG", optimize=False)


def _way(plane: LocalPlane, sortie: Sortie) -> Points:
    return to_plane(plane, [[point.position.lon_deg, point.position.lat_deg] for point in sortie.waypoints])


def _sheet(everything: BaseGeometry, width_px: int, sorties: int) -> _Sheet:
    west, south, east, north = everything.bounds
    scale = (width_px - 2 * _MARGIN_PX) / max(east - west, (north - south) / 2, 1.0)
    height = math.ceil((north - south) * scale) + 2 * _MARGIN_PX + _LEGEND_PX * (sorties + _LEGEND_LINES)
    return _Sheet(west_m=west, north_m=north, px_per_m=scale, width_px=width_px, height_px=height)


def _outline(draw: Draw, sheet: _Sheet, shape: BaseGeometry, colour: tuple[int, int, int], width: int) -> None:
    for part in shapely.get_parts(shape):
        if part.geom_type == "Polygon":
            for ring in shapely.get_rings(part):
                draw.line(sheet.px(shapely.get_coordinates(ring)), fill=colour, width=width)
        elif part.geom_type == "Point":
            ((x, y),) = sheet.px(shapely.get_coordinates(part))
            draw.ellipse((x - 4, y - 4, x + 4, y + 4), outline=colour, width=width)
        else:
            draw.line(sheet.px(shapely.get_coordinates(part)), fill=colour, width=width)


def _hatch(draw: Draw, sheet: _Sheet, zone: BaseGeometry) -> None:
    west, south, east, north = zone.bounds
    step = 14 / sheet.px_per_m
    offsets = np.arange(west - (north - south), east, step)
    for offset in offsets:
        line = shapely.LineString([(offset, south), (offset + north - south, north)]).intersection(zone)
        for part in shapely.get_parts(line):
            if part.geom_type == "LineString":
                draw.line(sheet.px(shapely.get_coordinates(part)), fill=NO_FLY_COLOUR, width=1)


def _draw_sortie(draw: Draw, sheet: _Sheet, sortie: Sortie, way: Points, colour: tuple[int, int, int]) -> None:
    ends = sheet.px(way)
    since_arrow = 0.0
    for index in range(1, len(ends)):
        (x0, y0), (x1, y1) = ends[index - 1], ends[index]
        length = math.hypot(x1 - x0, y1 - y0)
        photographed = sortie.waypoints[index].leg is Leg.LINE
        if photographed:
            draw.line((x0, y0, x1, y1), fill=colour, width=3)
        else:
            _dashed(draw, (x0, y0), (x1, y1), colour)
        since_arrow += length
        if since_arrow > _ARROW_EVERY_PX and length > 12:
            _arrow(draw, ((x0 + x1) / 2, (y0 + y1) / 2), math.atan2(y1 - y0, x1 - x0), colour)
            since_arrow = 0.0
    x, y = ends[0]
    draw.rectangle((x - 7, y - 7, x + 7, y + 7), outline=colour, width=3)


def _name(  # noqa: PLR0917 - private; as the other drawing functions here
    draw: Draw, sheet: _Sheet, font: FreeTypeFont, shape: BaseGeometry, text: str, colour: tuple[int, int, int]
) -> None:
    """Write a name on white at the top left of a shape, inside the sheet."""
    west, _south, _east, north = shape.bounds
    ((x, y),) = sheet.px(np.array([[west, north]]))
    box = draw.textbbox((0, 0), text, font=font)
    x = min(max(2.0, x), sheet.width_px - box[2] - 4)
    y = max(2.0, y - box[3] - 6)
    draw.rectangle((x - 2, y, x + box[2] + 2, y + box[3] + 3), fill=_PAPER)
    draw.text((x, y), text, fill=colour, font=font)


def _dashed(draw: Draw, start: tuple[float, float], end: tuple[float, float], colour: tuple[int, int, int]) -> None:
    length = math.hypot(end[0] - start[0], end[1] - start[1])
    for step in range(0, math.ceil(length), 12):
        a, b = step / length, min(1.0, (step + 6) / length)
        points = [(start[0] + (end[0] - start[0]) * s, start[1] + (end[1] - start[1]) * s) for s in (a, b)]
        draw.line(points, fill=colour, width=2)


def _arrow(draw: Draw, at: tuple[float, float], angle: float, colour: tuple[int, int, int]) -> None:
    def tip(turn: float, size: float) -> tuple[float, float]:
        return (at[0] + size * math.cos(angle + turn), at[1] + size * math.sin(angle + turn))

    draw.polygon([tip(0.0, 10), tip(2.5, 9), tip(-2.5, 9)], fill=colour)


def _levels(
    draw: Draw, sheet: _Sheet, font: FreeTypeFont, sorties: list[tuple[Sortie, Points]], patrol: Patrol
) -> None:
    """Write the battery left where it has fallen by another tenth."""
    for sortie, way in sorties:
        moments = profile(sortie, patrol)
        last = -1.0
        for moment, (x, y) in zip(moments, sheet.px(way), strict=True):
            level = round(moment.battery_left * 10) / 10
            if sortie.waypoints[moment.index].leg is Leg.LINE and level != last:
                draw.text(
                    (x + 4, y - 16),
                    f"{moment.battery_left:.0%}",
                    fill=AREA_COLOUR,
                    font=font,
                    stroke_width=2,
                    stroke_fill=_PAPER,
                )
                last = level


def _legend(draw: Draw, sheet: _Sheet, font: Callable[[int], FreeTypeFont], flight_plan: FlightPlan) -> None:
    """Write the sorties' figures, the coverage classes, the checklist's sums, the scale bar and the north arrow."""
    top = sheet.height_px - _LEGEND_PX * (len(flight_plan.sorties) + _LEGEND_LINES) - _MARGIN_PX // 2
    draw.text((_MARGIN_PX, top), flight_plan.patrol, fill=(0, 0, 0), font=font(20))
    for index, sortie in enumerate(flight_plan.sorties):
        y = top + _LEGEND_PX * (index + 1)
        draw.line((_MARGIN_PX, y + 10, _MARGIN_PX + 40, y + 10), fill=sortie_colour(sortie.number), width=4)
        text = _("{number}{crew}: {km:.2f} km, {minutes:.1f} min, {photos} photographs, lands with {left:.0%}").format(
            number=sortie.number,
            crew=f" {sortie.crew}" if sortie.crew else "",
            km=sortie.length_m / 1000,
            minutes=sortie.duration_s / 60,
            photos=sortie.photos,
            left=1 - sortie.battery_used,
        )
        draw.text((_MARGIN_PX + 52, y), text, fill=(0, 0, 0), font=font(16))
    y = top + _LEGEND_PX * (len(flight_plan.sorties) + 1)
    x: float = _MARGIN_PX
    for colour, words in coverage_words():
        draw.rectangle((x, y + 3, x + 18, y + 19), fill=colour, outline=AREA_COLOUR)
        draw.text((x + 24, y), words, fill=(0, 0, 0), font=font(16))
        x += 40 + draw.textlength(words, font=font(16))
    draw.text((x, y), _("photographs see the ground"), fill=(0, 0, 0), font=font(16))
    counts = [sum(finding.severity is verdict for finding in flight_plan.findings) for verdict in Severity]
    text = _(
        "solid: photographs; dashed: none; percentages: battery left; "
        "{passed} passed, {warned} to see to, {failed} failed"
    )
    draw.text(
        (_MARGIN_PX, y + _LEGEND_PX),
        text.format(passed=counts[0], warned=counts[1], failed=counts[2]),
        fill=(0, 0, 0),
        font=font(16),
    )
    metres = 10 ** math.floor(math.log10(sheet.width_px / sheet.px_per_m / 4))
    x, y = sheet.width_px - _MARGIN_PX - metres * sheet.px_per_m, sheet.height_px - 24
    draw.line((x, y, x + metres * sheet.px_per_m, y), fill=(0, 0, 0), width=3)
    draw.text((x, y - 22), f"{metres:g} m", fill=(0, 0, 0), font=font(13))
    draw.text((sheet.width_px - 34, 12), "N", fill=(0, 0, 0), font=font(18))
    draw.polygon([(sheet.width_px - 28, 36), (sheet.width_px - 34, 52), (sheet.width_px - 22, 52)], fill=(0, 0, 0))


def _font() -> Callable[[int], FreeTypeFont]:
    from noto_cjk_sans_otc import FONT_PATH
    from PIL import ImageFont

    return lambda size: ImageFont.truetype(str(FONT_PATH), size)
