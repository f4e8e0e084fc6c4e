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
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from core.points import LocalPlane, to_plane
from core.text import _
from flight.exports.geojson import photo_footprints
from flight.flight_plan import FlightPlan, Leg, Sortie
from flight.patrol import Patrol
from flight.planning.profile import profile
from flight.planning.routing import Points

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw as Draw
    from PIL.ImageFont import FreeTypeFont

COLOURS: Final = (
    (0, 90, 181), (220, 50, 32), (0, 128, 90), (150, 70, 160), (200, 120, 0), (90, 90, 90),
)  # fmt: skip
_PAPER: Final = (255, 255, 255)
_AREA: Final = (60, 60, 60)
_NO_FLY: Final = (200, 30, 30)
_MARGIN_PX: Final = 46
_LEGEND_PX: Final = 26
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
    counts = _counts(sheet, [local(shape) for _n, _area, shape in photo_footprints(flight_plan, patrol)])
    image.paste(Image.fromarray(_shaded(counts)), (0, 0))
    draw = ImageDraw.Draw(image)
    font = _font()
    for zone in zones:
        _outline(draw, sheet, zone, _NO_FLY, 3)
        _hatch(draw, sheet, zone)
    for area in areas:
        _outline(draw, sheet, area, _AREA, 2)
    for index, (sortie, way) in enumerate(zip(flight_plan.sorties, ways, strict=True)):
        _draw_sortie(draw, sheet, sortie, way, COLOURS[index % len(COLOURS)])
    _levels(draw, sheet, font(13), list(zip(flight_plan.sorties, ways, strict=True)), patrol)
    _legend(draw, sheet, font, flight_plan)
    image.save(path, format="PNG", optimize=False)


def _way(plane: LocalPlane, sortie: Sortie) -> Points:
    return to_plane(plane, [[point.position.lon_deg, point.position.lat_deg] for point in sortie.waypoints])


def _sheet(everything: BaseGeometry, width_px: int, sorties: int) -> _Sheet:
    west, south, east, north = everything.bounds
    scale = (width_px - 2 * _MARGIN_PX) / max(east - west, (north - south) / 2, 1.0)
    height = math.ceil((north - south) * scale) + 2 * _MARGIN_PX + _LEGEND_PX * (sorties + 2)
    return _Sheet(west_m=west, north_m=north, px_per_m=scale, width_px=width_px, height_px=height)


def _counts(sheet: _Sheet, footprints: list[BaseGeometry]) -> NDArray[np.int32]:
    """Return how many photographs see each pixel of the sheet."""
    from PIL import Image, ImageDraw

    counts = np.zeros((sheet.height_px, sheet.width_px), dtype=np.int32)
    for footprint in footprints:
        ring = sheet.px(shapely.get_coordinates(footprint))
        left, top = (max(0, math.floor(min(values))) for values in zip(*ring, strict=True))
        right = min(sheet.width_px, math.ceil(max(x for x, _y in ring)) + 1)
        low = min(sheet.height_px, math.ceil(max(y for _x, y in ring)) + 1)
        if right <= left or low <= top:
            continue
        mask = Image.new("L", (right - left, low - top))
        ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in ring], fill=1)
        counts[top:low, left:right] += np.asarray(mask, dtype=np.int32)
    return counts


def _shaded(counts: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Return colours for counts: white for none, deeper blue-green the more photographs see a place, up to ten."""
    share = np.clip(counts, 0, 10)[..., None] / 10.0
    none = counts[..., None] == 0
    shade = np.array([225.0, 240.0, 238.0]) * (1 - share) + np.array([110.0, 180.0, 175.0]) * share
    return np.where(none, np.array(_PAPER, dtype=np.float64), shade).astype(np.uint8)


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
                draw.line(sheet.px(shapely.get_coordinates(part)), fill=_NO_FLY, width=1)


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
    for index, (sortie, way) in enumerate(sorties):
        colour = COLOURS[index % len(COLOURS)]
        moments = profile(sortie, patrol)
        last = -1.0
        for moment, (x, y) in zip(moments, sheet.px(way), strict=True):
            level = round(moment.battery_left * 10) / 10
            if sortie.waypoints[moment.index].leg is Leg.LINE and level != last:
                draw.text((x + 4, y - 16), f"{moment.battery_left:.0%}", fill=colour, font=font)
                last = level


def _legend(draw: Draw, sheet: _Sheet, font: Callable[[int], FreeTypeFont], flight_plan: FlightPlan) -> None:
    """Write the sorties' figures, the scale bar and the north arrow."""
    top = sheet.height_px - _LEGEND_PX * (len(flight_plan.sorties) + 2)
    draw.text((_MARGIN_PX, top), flight_plan.patrol, fill=(0, 0, 0), font=font(20))
    for index, sortie in enumerate(flight_plan.sorties):
        y = top + _LEGEND_PX * (index + 1)
        draw.line((_MARGIN_PX, y + 10, _MARGIN_PX + 40, y + 10), fill=COLOURS[index % len(COLOURS)], width=4)
        text = _("{number}{crew}: {km:.2f} km, {minutes:.1f} min, {photos} photographs, lands with {left:.0%}").format(
            number=sortie.number,
            crew=f" {sortie.crew}" if sortie.crew else "",
            km=sortie.length_m / 1000,
            minutes=sortie.duration_s / 60,
            photos=sortie.photos,
            left=1 - sortie.battery_used,
        )
        draw.text((_MARGIN_PX + 52, y), text, fill=(0, 0, 0), font=font(16))
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
