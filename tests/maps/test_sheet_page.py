# ruff: noqa: E501 - the page is asked in its own script
"""The page in Debian's Chromium without network: it asks for nothing, tells the truth, and sites do not jump."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from shapely import box

from benchmarks.maps import FIRST_DAY, synthetic_sheet
from core.points import GeoPoint
from evidence.incident import State
from geofence.datums import Datum, from_wgs84, gcj02_to_wgs84, wgs84_to_gcj02
from maps.base_layers import base_layer
from maps.change_file import read_changes
from maps.offline_map import draw_sheet
from maps.planned_areas import PlannedArea
from maps.scene import Footprint, Mosaic, Trace
from maps.sheet import Sheet, patrols_of, premises_of
from tests.maps.changes_double import write_changes
from tests.maps.test_base_layers import write_mbtiles
from tests.maps.test_offline_map import seen_part

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=document.title='ran'>"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Any, path: Path, *, width: int = 1200, height: int = 800) -> Iterator[Any]:
    """Open a file offline; whatever it asks of anybody, or says of an error, fails the test."""
    context = browser.new_context(offline=True, viewport={"width": width, "height": height}, accept_downloads=True)
    page = context.new_page()
    wrong: list[str] = []
    page.on(
        "request",
        lambda asked: wrong.append(asked.url) if not asked.url.startswith(("file:", "data:", "blob:")) else None,
    )
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.goto(path.as_uri())
    page.wait_for_function("window.Sky?.page?.shownCount !== undefined")
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))")
    yield page
    context.close()
    assert wrong == []


def shown(page: Any) -> int:
    page.evaluate("new Promise(done => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 30))")
    return int(page.evaluate("Sky.page.shownCount"))


@pytest.fixture(scope="module")
def small() -> Sheet:
    return synthetic_sheet(300, sites=30, patrols=3)


@pytest.fixture(scope="module")
def drawn(small: Sheet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sheet") / "map.html"
    draw_sheet(small, path)
    return path


def test_filters_leave_what_they_say(chromium: Any, small: Sheet, drawn: Path) -> None:
    with opened(chromium, drawn) as page:
        assert shown(page) == 300
        page.uncheck("input[name=hazard-H13]")
        assert shown(page) == sum(mark.hazard != "H13" for mark in small.marks)
        page.uncheck("input[name=severity-1]")
        both = [mark for mark in small.marks if mark.hazard != "H13" and mark.severity > 1]
        assert shown(page) == len(both)
        page.uncheck("input[name=state-lead]")
        both = [mark for mark in both if mark.state is not State.LEAD]
        assert shown(page) == len(both)
        page.select_option(".sky-age", "7")
        youngest = small.drawn_at - timedelta(days=7)
        assert shown(page) == sum(mark.first_seen >= youngest for mark in both)
        page.fill(".sky-find", small.marks[1].number[-6:].lower())
        page.select_option(".sky-age", "0")
        for name in ("hazard-H13", "severity-1", "state-lead"):
            page.check(f"input[name={name}]")
        page.wait_for_timeout(400)
        assert shown(page) == 1


def test_the_time_slider_keeps_to_its_patrols(chromium: Any, small: Sheet, drawn: Path) -> None:
    with opened(chromium, drawn) as page:
        first, _last = page.query_selector_all(".sky-time input")
        first.evaluate("e => { e.value = '1'; e.dispatchEvent(new Event('input')); }")
        starts = small.patrols[1].trace.started_at
        ends = small.patrols[2].trace.ended_at + timedelta(minutes=1)
        assert shown(page) == sum(mark.last_seen >= starts and mark.first_seen <= ends for mark in small.marks)
        assert page.evaluate("Sky.page.chosen().map(one => one.name)") == ["patrol 2", "patrol 3"]
        told = page.inner_text(".sky-time output")
        assert f"{sum(seen.area_km2 for seen in small.patrols[1:]):.2f} km²" in told


def test_clusters_lose_nobody(chromium: Any, drawn: Path) -> None:
    with opened(chromium, drawn) as page:
        for zoom in (12, 14.5, 17):
            page.evaluate(f"Sky.page.map.setZoom({zoom}, {{animate: false}})")
            count = page.evaluate(
                "(() => { const m = Sky.page.map; m.fitBounds(L.latLngBounds([[22.6, 113.3], [22.9, 113.7]]), {animate: false});"
                f" m.setZoom(Math.min({zoom}, m.getZoom()), {{animate: false}});"
                " return Sky.page.source.items(m.options.crs, Sky.viewOf(m), 'severity').reduce((n, one) => n + one.n, 0); })()"
            )
            assert count == 300


def test_a_click_tells_the_case_and_leads_to_it(chromium: Any, small: Sheet, tmp_path: Path) -> None:
    mark = replace(
        small.marks[1], site_name=HOSTILE, lon_deg=113.5, lat_deg=22.75, link="packages/H01-1/data/viewer.html"
    )
    draw_sheet(replace(small, marks=(mark,), premises=()), tmp_path / "one.html")
    with opened(chromium, tmp_path / "one.html") as page:
        page.evaluate("Sky.page.map.setView([22.75, 113.5], 18, {animate: false})")
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))")
        place = page.query_selector(".sky-map").bounding_box()
        page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
        page.wait_for_selector(".sky-card dl")
        told = page.inner_text(".sky-card")
        for words in (mark.number, HOSTILE, "2026-", mark.basis):
            assert words in told
        assert page.get_attribute(".sky-open-case", "href") == mark.link
        assert page.title() == small.title  # nothing of the data ran


def test_the_page_and_python_mean_the_same_by_gcj02(chromium: Any, drawn: Path) -> None:
    luck = np.random.default_rng(7)
    wgs = np.column_stack([luck.uniform(70, 140, 200), luck.uniform(-5, 58, 200)])
    with opened(chromium, drawn) as page:
        there = page.evaluate("points => points.map(([x, y]) => Sky.toGcj(x, y))", wgs.tolist())
        back = page.evaluate("points => points.map(([x, y]) => Sky.fromGcj(x, y))", wgs.tolist())
    assert np.abs(np.array(there) - wgs84_to_gcj02(wgs)).max() < 1e-11  # a micrometre
    assert np.abs(np.array(back) - gcj02_to_wgs84(wgs)).max() < 1e-11


def _pixel_of(lonlat: np.ndarray, zoom: int) -> np.ndarray:
    """World pixel of a position in Web Mercator, as tiles are cut."""
    lon, lat = lonlat
    count = 256 * 2**zoom
    return np.array([(lon + 180) / 360 * count, (1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2 * count])


@pytest.mark.parametrize("datum", [Datum.WGS84, Datum.GCJ02])
def test_sites_do_not_jump(chromium: Any, small: Sheet, tmp_path: Path, datum: Datum) -> None:
    """A site's corner falls on the tile pixel that the layer's own datum gives it, and keeps its WGS-84 position."""
    tiles = write_mbtiles(tmp_path / "ground.mbtiles", range(12, 17), datum)
    word = "gcj02" if datum is Datum.GCJ02 else "wgs84"
    ground = box(113.579, 22.759, 113.581, 22.761)
    site = replace(small.premises[0].site, shape=ground)
    sheet = replace(small, marks=(), patrols=(), premises=premises_of([site], {}))
    draw_sheet(sheet, tmp_path / "map.html", layers=base_layer(f"{tiles}@{word}"))
    with opened(chromium, tmp_path / "map.html") as page:
        told = []
        for layer in (-1, 0, -1):
            page.evaluate(f"Sky.page.setBase({layer}); Sky.page.map.setView([22.76, 113.58], 16, {{animate: false}})")
            page.wait_for_timeout(150)
            told.append(
                page.evaluate(
                    "(() => { const m = Sky.page.map, v = Sky.viewOf(m), s = Sky.page.sites[0].world(m.options.crs),"
                    " tile = [...document.querySelectorAll('.sky-tiles img')].map(i => [i.src.length, i.getBoundingClientRect().x,"
                    " i.getBoundingClientRect().y]).filter(([n]) => n > 200);"
                    " return { corner: [s.points[0][0] * v.scale - v.x0, s.points[0][1] * v.scale - v.y0], centre: [m.getCenter().lng,"
                    " m.getCenter().lat], world: [v.x0, v.y0], tiles: tile.length }; })()"
                )
            )
        under = page.evaluate(
            "(() => { const m = Sky.page.map; Sky.page.setBase(0); m.setView([22.76, 113.58], 16, {animate: false});"
            " return new Promise(done => setTimeout(() => { const at = m.getContainer().getBoundingClientRect(),"
            " x = at.x + at.width / 2, y = at.y + at.height / 2;"
            " const i = [...document.querySelectorAll('.sky-tiles img')].find(one => { const r = one.getBoundingClientRect();"
            " return r.x <= x && x < r.right && r.y <= y && y < r.bottom; }); const r = i.getBoundingClientRect();"
            " done([i.src, x - r.x, y - r.y]); }, 300)); })()"
        )
    bare, based, again = told
    assert bare["centre"] == pytest.approx(again["centre"], abs=1e-9)
    assert based["centre"] == pytest.approx(bare["centre"], abs=2e-5)  # a centre is a whole pixel
    assert based["tiles"] > 0
    west_north = np.array(ground.exterior.coords[0])
    for state, lonlat in ((bare, west_north), (based, from_wgs84(west_north, datum)), (again, west_north)):
        assert np.array(state["corner"]) + state["world"] == pytest.approx(_pixel_of(lonlat, 16), abs=0.05)
    # The tile under the middle of the page is the one that holds the middle's position in the layer's datum.
    import base64

    source, x, y = under
    colour = np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",", 1)[1]))))[0, 0]
    wanted = _pixel_of(from_wgs84([113.58, 22.76], datum), 16)
    assert colour.tolist()[1:] == [int(wanted[0] // 256) % 256, int(wanted[1] // 256) % 256]
    assert [x, y] == pytest.approx([wanted[0] % 256, wanted[1] % 256], abs=1.5)


def _patrol(number: int, colour: tuple[int, int, int]) -> Trace:
    held = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(held, "WEBP", lossless=True)
    west = 113.58 if number == 0 else 113.581
    return Trace(
        name=f"P{number}", started_at=FIRST_DAY + timedelta(days=number), ended_at=FIRST_DAY + timedelta(days=number, hours=1),
        ways=((GeoPoint(lon_deg=113.58, lat_deg=22.76), GeoPoint(lon_deg=113.582, lat_deg=22.762)),),
        footprints=(Footprint(name="f", shape=box(west, 22.76, west + 0.001, 22.762), detections=0,
                              camera=GeoPoint(lon_deg=113.58, lat_deg=22.76)),),
        coverage=(seen_part(box(west, 22.76, west + 0.001, 22.762)),),
        mosaic=Mosaic(image=held.getvalue(), media_type="image/webp", west_deg=113.58, south_deg=22.76, east_deg=113.582,
                      north_deg=22.762, metres_per_pixel=3.0),
    )  # fmt: skip


@pytest.fixture
def two_patrols(small: Sheet, tmp_path: Path) -> Path:
    patrols = patrols_of([_patrol(0, (200, 30, 30)), _patrol(1, (30, 30, 200))])
    site = replace(small.premises[0].site, shape=box(113.58, 22.76, 113.582, 22.762))
    draw_sheet(
        replace(small, marks=(), patrols=patrols, premises=premises_of([site], {}, patrols)), tmp_path / "two.html"
    )
    return tmp_path / "two.html"


def _colours(page: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The colours a quarter and three quarters across the middle of the map."""
    place = page.query_selector(".sky-map").bounding_box()
    picture = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
    row = int(place["y"] + place["height"] * 0.47)
    left, right = (picture[row, int(place["x"] + place["width"] * share)] for share in (0.44, 0.56))
    return tuple(left.tolist()), tuple(right.tolist())


def test_before_and_after_stand_side_by_side(chromium: Any, two_patrols: Path) -> None:
    with opened(chromium, two_patrols) as page:
        for name in ("sites", "unseen", "seen", "ways"):
            page.uncheck(f".sky-layers input[name={name}]")
        page.check(".sky-compare input")
        page.wait_for_timeout(300)
        left, right = _colours(page)
        assert left[0] > 150 > left[2]
        assert right[2] > 150 > right[0]
        page.evaluate(
            "(() => { const e = document.querySelector('.sky-swipe'); e.value = '0'; e.dispatchEvent(new Event('input')); })()"
        )
        page.wait_for_timeout(100)
        left, right = _colours(page)
        assert left[2] > 150 > left[0]


def test_what_was_not_looked_at_is_hatched_by_the_patrols_chosen(chromium: Any, two_patrols: Path) -> None:
    hatched = (
        "(() => { const c = document.querySelector('.leaflet-sky-unseen-pane canvas'), i = c.getContext('2d'), w = c.width, h = c.height;"
        " const n = (x0, x1) => { const d = i.getImageData(x0, 0, x1 - x0, h).data; let s = 0; for (let k = 3; k < d.length; k += 4)"
        " if (d[k] > 128) s += 1; return s; }; return [n(0, w / 2 - 3), n(w / 2 + 3, w)]; })()"
    )
    with opened(chromium, two_patrols) as page:
        assert page.evaluate(hatched) == [0, 0]  # together they saw all of it
        last = page.query_selector_all(".sky-time input")[1]
        last.evaluate("e => { e.value = '0'; e.dispatchEvent(new Event('input')); }")
        shown(page)
        left, right = page.evaluate(hatched)  # the first alone saw the western half
        assert left == 0
        assert right > 1000


_INK = (
    "(name) => { const c = document.querySelector(`.leaflet-sky-${name}-pane canvas`), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
    " let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 60; return n; }"
)


def test_coverage_is_told_by_how_often_and_how_finely_ground_was_seen(
    chromium: Any, small: Sheet, tmp_path: Path
) -> None:
    """West seen often and finely, the middle once, the east by blurred frames and a thermal camera alone."""
    west, middle, east = (box(113.58 + place, 22.76, 113.581 + place, 22.762) for place in (0.0, 0.001, 0.002))
    footprint = Footprint(
        name="T", shape=east, detections=0, camera=GeoPoint(lon_deg=113.58, lat_deg=22.76), thermal=True
    )
    trace = replace(
        _patrol(0, (90, 90, 90)),
        mosaic=None,
        footprints=(footprint,),
        coverage=(
            seen_part(west, views=(3, 5), gsd_m=0.018),
            seen_part(middle, gsd_m=0.07),
            seen_part(east, views=(0, 0), unclear=3, gsd_m=None),
        ),
    )
    draw_sheet(replace(small, marks=(), premises=(), patrols=patrols_of([trace])), tmp_path / "map.html")
    with opened(chromium, tmp_path / "map.html") as page:
        page.evaluate("Sky.page.map.fitBounds([[22.76, 113.58], [22.762, 113.583]], {animate: false})")
        shown(page)

        def told(lon: float) -> str:
            at = page.evaluate(
                f"(() => {{ const p = Sky.page.map.latLngToContainerPoint([22.761, {lon}]); return [p.x, p.y]; }})()"
            )
            place = page.locator(".folium-map").bounding_box()
            page.evaluate("Sky.page.map.closePopup()")
            page.mouse.click(place["x"] + at[0], place["y"] + at[1])
            return str(page.locator(".sky-card").last.inner_text())

        page.uncheck(".sky-layers [name=ways]")
        assert "seen 3–5×, 2 cm a pixel or finer" in told(113.5805)
        assert "seen 1×, 8 cm a pixel or finer" in told(113.5815)
        assert "no clear frame" in told(113.5825)
        page.evaluate("Sky.page.map.closePopup()")
        legend = page.inner_text(".sky-rest")
        assert "seen 1×" in legend
        assert "seen 3–5×" in legend
        assert "seen 2×" not in legend
        assert "thermal frame" in legend
        assert page.evaluate(_INK, "unseen") > 1000  # hatched, though no site and no plan asked for it
        assert page.evaluate(_INK, "coverage") > 1000
        page.select_option(".sky-cover", "gsd")
        assert "8 cm a pixel or finer" in page.inner_text(".sky-rest")
        page.uncheck(".sky-layers [name=seen]")
        shown(page)
        assert page.evaluate(_INK, "coverage") == 0


def test_a_change_is_a_sign_that_tells_what_became_of_the_ground(chromium: Any, small: Sheet, tmp_path: Path) -> None:
    write_changes(tmp_path / "changes", 113.581, 22.761, incidents=("H04-AAAA",))
    trace = replace(_patrol(0, (90, 90, 90)), changes=read_changes(tmp_path / "changes"))
    draw_sheet(replace(small, marks=(), premises=(), patrols=patrols_of([trace])), tmp_path / "map.html")
    with opened(chromium, tmp_path / "map.html") as page:
        page.evaluate("Sky.page.map.setView([22.761, 113.581], 16, {animate: false})")
        shown(page)
        place = page.locator(".folium-map").bounding_box()
        page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
        card = page.inner_text(".sky-card")
        assert "C-ABC123" in card
        assert "4.5 → 21.2 m²" in card
        assert "<b>涂料</b>" in card  # a name is shown, never run
        assert "H04-AAAA" in card
        assert "is a lead" in card
        assert "grew" in page.inner_text(".sky-rest")
        assert page.evaluate(_INK, "changes") > 20
        page.uncheck(".sky-layers [name=changes]")
        shown(page)
        assert page.evaluate(_INK, "changes") == 0


def test_heat_is_told_in_incidents_per_square_kilometre(chromium: Any, small: Sheet, tmp_path: Path) -> None:
    """The densest class begins at half the peak, and the peak of one place is n / (2 pi sigma^2)."""
    marks = tuple(replace(small.marks[0], number=f"N{n}", lon_deg=113.5, lat_deg=22.75) for n in range(40))
    draw_sheet(replace(small, marks=marks, premises=(), patrols=()), tmp_path / "heat.html")
    with opened(chromium, tmp_path / "heat.html") as page:
        page.evaluate("Sky.page.map.setView([22.75, 113.5], 15, {animate: false})")
        page.check(".sky-layers input[name=heat]")
        page.wait_for_timeout(200)
        classes = page.evaluate("Sky.page.heat")
        peak = 40 / (2 * np.pi * 0.25**2)  # a kernel of 250 m
        assert classes[-1] == pytest.approx(peak / 2, rel=0.05)
        assert classes[-2] == pytest.approx(classes[-1] / 2, rel=0.05)
        assert "per km²" in page.inner_text(".sky-rest")


def test_a_picture_and_a_print_can_be_made(chromium: Any, drawn: Path, tmp_path: Path) -> None:
    with opened(chromium, drawn) as page:
        with page.expect_download() as waiting:
            page.click(".sky-png")
        waiting.value.save_as(tmp_path / "map.png")
        with Image.open(tmp_path / "map.png") as picture:
            assert picture.width > 1600  # the map and its legend, twice as fine as the screen
            colours = picture.convert("RGB").getcolors(maxcolors=1 << 24)
        assert colours is not None
        assert len(colours) > 50
        page.pdf(path=tmp_path / "map.pdf", prefer_css_page_size=True)
    subprocess.run(["pdftoppm", "-r", "40", "-png", tmp_path / "map.pdf", tmp_path / "paper"], check=True)
    [paper] = tmp_path.glob("paper*.png")  # one page
    with Image.open(paper) as printed:
        ink = np.asarray(printed.convert("L"))
    assert ink.shape[1] > ink.shape[0]
    assert (ink[:, : ink.shape[1] // 2] < 250).mean() > 0.3  # the map is on it


def test_it_fits_a_telephone(chromium: Any, drawn: Path) -> None:
    with opened(chromium, drawn, width=390, height=844) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert not page.is_visible(".sky-panel")
        page.click(".sky-toggle")
        assert page.is_visible(".sky-by")
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_planned_areas_are_told_hatched_and_switched(chromium: Any, small: Sheet, tmp_path: Path) -> None:
    """An area beside every site counts as ground that nobody looked at, until its layer is switched off."""
    west, south = 113.395, 22.71
    area = PlannedArea(name=HOSTILE, patrol="晨巡", shape=box(west, south, west + 0.004, south + 0.004))
    path = tmp_path / "map.html"
    draw_sheet(replace(small, areas=(area,)), path)
    with opened(chromium, path) as page:
        page.evaluate(f"Sky.page.map.setView([{south + 0.002}, {west + 0.002}], 17, {{animate: false}})")
        shown(page)
        middle = "(() => { const c = document.querySelector('.leaflet-sky-unseen-pane canvas'); const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; })()"
        hatched = page.evaluate(middle)
        assert hatched > 1000
        box_of = page.locator(".folium-map").bounding_box()
        page.mouse.click(box_of["x"] + box_of["width"] / 2, box_of["y"] + box_of["height"] / 2)
        card = page.locator(".sky-card").inner_text()
        assert HOSTILE in card
        assert "晨巡" in card
        assert page.title() != "ran"
        page.uncheck(".sky-layers [name=areas]")
        shown(page)
        assert page.evaluate(middle) < hatched / 10
