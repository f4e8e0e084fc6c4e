"""The map of a plan: one file that asks for nothing, shows what was planned, runs nothing of the data."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from PIL import Image

from core.points import GeoPoint, LocalPlane, from_plane
from flight.flight_plan import FlightPlan
from flight.patrol import Crew, KeyArea, NoFlyZone, Obstacle, Patrol
from flight.plan import plan
from flight.planning.catalogue import read_catalogue
from flight.planning.profile import profile
from maps.plan_layers import plan_map_layers
from maps.plan_map import draw_plan, render_plan

HOSTILE = "<img src=x onerror=alert(1)>"
CATALOGUE = read_catalogue()


def patrol(lon_deg: float = 113.5) -> Patrol:
    home = GeoPoint(lon_deg=lon_deg, lat_deg=22.8)
    plane = LocalPlane(origin=home)

    def on_earth(shape: shapely.Geometry) -> shapely.Polygon:
        return shapely.transform(shape, lambda p: from_plane(plane, p))

    return Patrol(
        name="罐区 </script>",
        areas=(KeyArea(name=HOSTILE, shape=on_earth(shapely.box(-200, 60, 200, 360)), height_agl_m=60, speed_m_s=8),),
        aircraft=CATALOGUE.aircraft["generic-arducopter"],
        camera=CATALOGUE.cameras["demo-12mp"].camera,
        home=home,
        no_fly_zones=(
            NoFlyZone(name="变电站", shape=on_earth(shapely.box(0, 150, 40, 190)), ceiling_m=150, reason=HOSTILE),
        ),
        obstacles=(Obstacle(name="烟囱", shape=on_earth(shapely.Point(-100, 200)), top_m=70),),
        crews=(Crew(name="东组", launch=home),),
        rally_points=(GeoPoint(lon_deg=lon_deg, lat_deg=22.8001),),
        photo_interval_s=1.0,
    )


@pytest.fixture(scope="module")
def planned() -> FlightPlan:
    return plan(patrol())


def test_it_is_the_same_text_twice_and_links_nothing(planned: FlightPlan) -> None:
    html = render_plan(planned, patrol())
    assert html == render_plan(planned, patrol())
    linked = re.findall(r"""(?:src|href)\s*=\s*["']?(?!data:)(http[^"'\s>]+)""", html)
    assert [link for link in linked if "leafletjs.com" not in link] == []
    assert not re.search(r"@import|url\((?!data:|#)", html)


def test_data_does_not_run(planned: FlightPlan) -> None:
    html = render_plan(planned, patrol())
    assert HOSTILE not in html
    assert "罐区 </script>" not in html


def test_every_waypoint_tells_its_battery_and_every_sortie_its_way(planned: FlightPlan) -> None:
    features = [one for layer in plan_map_layers(planned, patrol()) for one in layer.features]
    popups = " ".join(one["properties"].get("popup", "") for one in features)
    for sortie in planned.sorties:
        for moment in profile(sortie, patrol()):
            assert f"{sortie.number}.{moment.index}</b>" in popups
            assert f"{moment.battery_left:.1%}" in popups
    assert sum("sky-number" in one["properties"].get("icon", "") for one in features) == len(planned.sorties)
    assert sum("sky-arrow" in one["properties"].get("icon", "") for one in features) >= 5
    assert "0–150 m above take-off" in popups
    drawn = shapely.union_all(
        [shapely.from_geojson(_text(one)) for one in features if "Line" in one["geometry"]["type"]]
    )
    waypoints = [w.position for sortie in planned.sorties for w in sortie.waypoints]
    assert all(drawn.distance(shapely.Point(p.lon_deg, p.lat_deg)) < 2e-7 for p in waypoints)


def _text(feature: dict[str, object]) -> str:
    import json

    return json.dumps(feature["geometry"])


def test_the_count_of_a_spot_is_the_number_of_its_footprints(planned: FlightPlan) -> None:
    from flight.exports.geojson import photo_footprints

    asked = patrol()
    html = render_plan(planned, asked)
    picture = re.search(r"seen\.src='data:image/png;base64,([^']+)'", html)
    edges = re.search(r"box=\[([^\]]+)\],seen", html)
    assert picture is not None
    assert edges is not None
    counts = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture[1]))))
    west, south, east, north = (float(value) for value in edges[1].split(","))
    shapes = [shape for _n, _a, shape in photo_footprints(planned, asked)]
    wrong = 0
    places = np.random.default_rng(1).uniform((-190, 70), (190, 350), size=(60, 2))
    for east_m, north_m in places.tolist():
        lon, lat = from_plane(LocalPlane(origin=asked.home), [[east_m, north_m]])[0]
        expected = sum(shape.contains(shapely.Point(lon, lat)) for shape in shapes)
        row, column = (north - lat) / (north - south), (lon - west) / (east - west)
        found = int(counts[int(row * counts.shape[0]), int(column * counts.shape[1])])
        wrong += found != expected
    # A place may lie within a pixel (about a metre) of an edge, and edges of neighbouring lines' photographs coincide.
    assert wrong <= 6


def test_a_patrol_over_the_antimeridian_stays_in_one_piece() -> None:
    asked = replace(patrol(179.9995), no_fly_zones=(), obstacles=())
    features = [one for layer in plan_map_layers(plan(asked), asked) for one in layer.features]
    positions = np.concatenate([shapely.get_coordinates(shapely.from_geojson(_text(one))) for one in features])
    assert np.ptp(positions[:, 0]) < 0.01
    assert positions[:, 0].max() > 180


def test_a_browser_without_network_asks_for_nothing_and_answers_a_click(planned: FlightPlan, tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    draw_plan(planned, tmp_path / "plan.html", patrol=patrol())
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        context = browser.new_context(offline=True, viewport={"width": 390, "height": 844})
        page = context.new_page()
        asked: list[str] = []
        wrong: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto((tmp_path / "plan.html").as_uri())
        page.wait_for_function("document.querySelectorAll('.sky-dot').length > 3")
        page.mouse.click(150, 420)
        page.wait_for_selector(".leaflet-popup-content")
        told = page.inner_text(".leaflet-popup-content")
        width = page.evaluate("document.documentElement.scrollWidth")
        browser.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert wrong == []
    assert told
    assert width <= 390
