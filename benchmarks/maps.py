# ruff: noqa: E501, ANN401 - formats of a table; a browser has no types here
"""The commander's map against a plain Folium map of the same incidents: size, time to open, time to pan.

Both are opened from a file in one run of Debian's Chromium without network, taking turns. The plain map's links to
content networks are answered from the installed packages (Leaflet) or with nothing (Bootstrap, fonts), which is kinder to
it than a real network. "Open" is from the navigation to the second frame after everything is drawn; "pan" is from
moving the map by a third of its width to the second frame after that. Run: ``make bench-maps``.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

from shapely import Polygon, box

from core.ids import short_code
from core.points import GeoPoint
from detection.coverage_map import SeenPart
from evidence.incident import State
from geofence.hazard import Value
from geofence.site import Site
from maps.assets import leaflet_script, leaflet_style
from maps.offline_map import draw_sheet
from maps.scene import Footprint, Trace
from maps.sheet import Mark, Sheet, open_leads, patrols_of, premises_of

FIRST_DAY = datetime(2026, 9, 1, 1, tzinfo=UTC)
WEST, SOUTH = 113.40, 22.70
HAZARDS = (("H13", "blocked fire lane", Value.PROVABLE), ("H01", "open burning", Value.LEAD),
           ("H05", "vehicle in tank farm", Value.LEAD), ("H21", "fire in a fire-risk forest", Value.ALERT))  # fmt: skip


def synthetic_sheet(count: int, *, seed: int = 1, sites: int = 400, patrols: int = 12) -> Sheet:
    """Return a sheet of ``count`` incidents on ``sites`` premises over ``patrols`` patrols; the same for the same seed."""
    luck = random.Random(seed)  # noqa: S311 - a repeatable world, no secret
    grounds = []
    for number in range(sites):
        west, south = WEST + 0.004 * (number % 40), SOUTH + 0.004 * (number // 40)
        grade = ("A", "B", "C", "D", "")[number % 5]
        grounds.append(
            Site(code=f"914401{number:012d}", name=f"示范第{number}厂", shape=box(west, south, west + 0.003, south + 0.003),
                 version="v1", attributes=MappingProxyType({"credit_grade": grade} if grade else {}))
        )  # fmt: skip
    marks = []
    for index in range(count):
        site = grounds[luck.randrange(sites)]
        code, name, value = HAZARDS[luck.randrange(len(HAZARDS))]
        west, south, east, north = site.shape.bounds
        seen = FIRST_DAY + timedelta(minutes=luck.randrange(patrols * 7 * 24 * 60))
        marks.append(
            Mark(
                number=f"{code}-{short_code(f'{index:032x}')}", hazard=code, hazard_name=name,
                severity=1 + luck.randrange(4), value=value, state=luck.choice(list(State)),
                lon_deg=luck.uniform(west, east), lat_deg=luck.uniform(south, north), error_90_m=luck.uniform(1, 9),
                first_seen=seen, last_seen=seen + timedelta(hours=2), site_code=site.code if index % 10 else None,
                site_name=site.name, candidates="" if index % 10 else f"{site.name} 55%", zone="消防车通道",
                basis="中华人民共和国消防法第二十八条", authority="消防救援机构",
                link=f"packages/{code}-{index}/data/viewer.html",
            )
        )  # fmt: skip
    traces = [_trace(number) for number in range(patrols)]
    seen_by = patrols_of(traces)
    return Sheet(
        title="synthetic district",
        drawn_at=FIRST_DAY + timedelta(weeks=patrols),
        marks=tuple(marks),
        premises=premises_of(grounds, open_leads(marks), seen_by),
        patrols=seen_by,
    )


def _trace(number: int) -> Trace:
    south = SOUTH + 0.004 * (number % 10)
    way = [GeoPoint(lon_deg=WEST + 0.002 * step, lat_deg=south + 0.0015) for step in range(80)]
    starts = FIRST_DAY + timedelta(weeks=number)
    # As a flight with overlap leaves it: the middle of the strip seen often and finely, its edges less.
    coverage = tuple(
        _seen(south + inset, south + 0.0028 - inset, views, gsd_m, inset=inset)
        for inset, views, gsd_m in ((0.0, 1, 0.05), (0.0003, 2, 0.04), (0.0006, 5, 0.03))
    )
    prints = tuple(
        Footprint(name=f"DJI_{step:04d}.JPG", camera=point, detections=1,
                  shape=box(point.lon_deg - 0.0012, south, point.lon_deg + 0.0012, south + 0.0024))
        for step, point in enumerate(way)
    )  # fmt: skip
    return Trace(name=f"patrol {number + 1}", started_at=starts, ended_at=starts + timedelta(hours=1), ways=(tuple(way),),
                 footprints=prints, coverage=coverage)  # fmt: skip


def _seen(south: float, north: float, views: int, gsd_m: float, *, inset: float) -> SeenPart:
    """Return a strip of ground with an edge of cells of two metres, as runs write it."""
    steps = [WEST - 0.0012 + inset + 0.00004 * step for step in range(4000)]
    edge = [(lon, north - 0.00002 * round(3 * math.sin(step / 25))) for step, lon in enumerate(steps)]
    stairs = [corner for (a, y), (b, _y) in pairwise(edge) for corner in ((a, y), (b, y))]
    shape = Polygon([(steps[0], south), *stairs, (steps[-1], south)])
    return SeenPart(shape=shape, views=(views, views), unclear=0, gsd_m=gsd_m, sharpness=None, area_m2=1.0)


def plain_folium(sheet: Sheet, path: Path) -> None:
    """Draw the same incidents and sites as a newcomer to Folium would."""
    import folium

    drawn = folium.Map(location=(SOUTH + 0.02, WEST + 0.08), zoom_start=13, tiles=None)
    for one in sheet.premises:
        folium.GeoJson(one.site.shape.__geo_interface__, popup=escape(one.site.name)).add_to(drawn)
    for mark in sheet.marks:
        words = (
            f"{mark.number} {mark.hazard_name} {escape(mark.site_name)} {mark.state.value} {mark.first_seen:%Y-%m-%d}"
        )
        folium.CircleMarker((mark.lat_deg, mark.lon_deg), radius=6, popup=words, fill=True).add_to(drawn)
    drawn.save(path)


def _answer(route: Any) -> None:
    """Answer the plain map's links from this machine."""
    url = route.request.url
    if url.startswith("file:"):
        route.continue_()
    elif url.endswith("/leaflet.js"):
        route.fulfill(body=leaflet_script(), content_type="text/javascript")
    elif url.endswith("/leaflet.css"):
        route.fulfill(body=leaflet_style(), content_type="text/css")
    else:
        route.fulfill(body="", content_type="text/css" if url.endswith(".css") else "text/javascript")


_TWO_FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))"
_OURS_DRAWN = "window.Sky?.page?.drawn.length > 0"
_PLAIN_DRAWN = "document.querySelectorAll('path.leaflet-interactive').length > 100"
_PAN = (
    "(map) => new Promise(done => { const start = performance.now(); map.panBy([map.getSize().x / 3, 0], {animate: false});"
    " requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start))); })"
)


def measure(browser: Any, path: Path, *, drawn: str, the_map: str) -> tuple[float, float, float]:
    """Return seconds to open, milliseconds to pan and megabytes of JavaScript heap of a page."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.route("**/*", _answer)
    start = time.perf_counter()
    page.goto(path.as_uri(), timeout=120_000)
    page.wait_for_function(drawn, timeout=120_000)
    page.evaluate(_TWO_FRAMES)
    opened = time.perf_counter() - start
    pan = statistics.median(page.evaluate(f"({_PAN})({the_map})") for _turn in range(5))
    heap = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
    context.close()
    return opened, pan, heap


def run(counts: Sequence[int], turns: int) -> None:
    """Print the table."""
    from playwright.sync_api import sync_playwright

    with TemporaryDirectory(prefix="skywarden-maps-") as folder, sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--enable-precise-memory-info"]
        )
        print(
            f"{'incidents':>9}  {'map':<14}{'written s':>10}{'MB':>7}{'open s':>8}{'pan ms':>8}{'heap MB':>9}{'open ÷':>8}"
        )
        for count in counts:
            sheet = synthetic_sheet(count)
            ours, plain = Path(folder) / f"ours-{count}.html", Path(folder) / f"plain-{count}.html"
            start = time.perf_counter()
            draw_sheet(sheet, ours)
            written = [time.perf_counter() - start]
            start = time.perf_counter()
            plain_folium(sheet, plain)
            written.append(time.perf_counter() - start)
            name = "Object.values(window).find(v => v instanceof L.Map)"
            found: list[list[tuple[float, float, float]]] = [[], []]
            for _turn in range(turns):
                found[0].append(measure(browser, ours, drawn=_OURS_DRAWN, the_map="Sky.page.map"))
                found[1].append(measure(browser, plain, drawn=_PLAIN_DRAWN, the_map=name))
            middle = [[statistics.median(column) for column in zip(*rows, strict=True)] for rows in found]
            for which, path, wrote, row in zip(
                ("commander's", "plain Folium"), (ours, plain), written, middle, strict=True
            ):
                print(f"{count:>9}  {which:<14}{wrote:>10.2f}{path.stat().st_size / 1e6:>7.2f}{row[0]:>8.2f}{row[1]:>8.0f}"
                      f"{row[2]:>9.1f}{row[0] / middle[1][0]:>8.2f}")  # fmt: skip
        browser.close()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--incidents", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--turns", type=int, default=3)
    asked = parser.parse_args()
    run(asked.incidents, asked.turns)


if __name__ == "__main__":
    main()
