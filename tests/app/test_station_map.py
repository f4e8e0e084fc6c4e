# ruff: noqa: E501 - rows of a table
"""The station's map: counts that the database gives too, districts kept apart, changes and aircraft told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from shapely.geometry import mapping

from app.station.roles import Role
from benchmarks.station_cases import fill_store, synthetic_incidents
from maps.base_layers import base_layer
from maps.coverage_file import COVERAGE, write_parts
from maps.geo_files import write_geopackage, write_mosaic
from maps.scene import Scene
from tests.app.station_world import NOW, Bureau, open_bureau, settle
from tests.maps.changes_double import write_changes
from tests.maps.test_base_layers import PLACE, write_mbtiles
from tests.maps.test_offline_map import scene
from tests.maps.test_sheet import Mosaic, _webp

__all__ = ["scene"]  # the fixture
WORLD = "bbox=-180,-85,180,85"


@pytest.fixture
def full(bureau: Bureau) -> Iterator[Bureau]:
    """Six hundred cases dealt out to two districts."""
    from app.station.map_marks import HELD
    from app.station.models import District

    keys = list(District.objects.order_by("code").values_list("id", flat=True))
    fill_store(synthetic_incidents(600, seed=5), districts=keys)
    HELD.forget()
    yield bureau
    HELD.forget()


def ask(bureau: Bureau, query: str, district: str = "", role: Role = Role.COMMANDER) -> Any:
    return bureau.browser(role, district).get(f"/map/marks?{query}").json()


@pytest.mark.parametrize("zoom", [4, 9, 13.5, 19])
def test_no_zoom_loses_anybody(full: Bureau, zoom: float) -> None:
    answer = ask(full, f"{WORLD}&zoom={zoom}")
    assert answer["total"] == 602
    assert sum(item["n"] for item in answer["items"]) == 602
    for item in answer["items"]:
        assert item["n"] == (sum(item["kinds"].values()) if item["n"] > 1 else 1)
    if zoom == 19:
        assert {item["n"] for item in answer["items"]} == {1}


def test_filters_count_as_the_database_does(full: Bureau) -> None:
    from app.station.models import CaseCard

    cards = CaseCard.objects.all()
    assert ask(full, f"{WORLD}&not_hazard=H13,H01")["total"] == cards.exclude(hazard_code__in=["H13", "H01"]).count()
    assert ask(full, f"{WORLD}&not_severity=1,2")["total"] == cards.filter(severity__gte=3).count()
    assert ask(full, f"{WORLD}&not_state=lead")["total"] == cards.exclude(state="lead").count()
    assert ask(full, f"{WORLD}&not_value=lead")["total"] == cards.exclude(value="lead").count()
    assert ask(full, f"{WORLD}&age=30")["total"] == cards.filter(first_seen__gte=NOW - timedelta(days=30)).count()
    some = cards.order_by("number")[7]
    assert ask(full, f"{WORLD}&q={some.number.lower()}")["total"] == 1
    start, end = NOW - timedelta(days=60), NOW - timedelta(days=50)
    span = f"from={int(start.timestamp() // 60)}&to={int(end.timestamp() // 60)}"
    within = cards.filter(last_seen__gte=start, first_seen__lt=end + timedelta(minutes=1)).count()
    assert ask(full, f"{WORLD}&{span}")["total"] == within > 0


def test_what_is_out_of_view_is_counted_but_not_sent(full: Bureau) -> None:
    from app.station.models import CaseCard

    answer = ask(full, "bbox=113.3,23.0,113.5,23.1&zoom=19")
    assert answer["total"] == 602
    inside = CaseCard.objects.filter(lon_deg__range=(113.3, 113.5), lat_deg__range=(23.0, 23.1)).count()
    assert len(answer["items"]) == inside > 0


def test_districts_are_kept_apart(full: Bureau) -> None:
    from app.station.models import CaseCard

    for district in ("north", "south"):
        own = CaseCard.objects.filter(district__code=district)
        answer = ask(full, f"{WORLD}&zoom=19", district)
        assert answer["total"] == own.count()
        assert {item["ids"][0] for item in answer["items"]} == set(own.values_list("pk", flat=True))
    other = full.cases["south"]
    assert ask(full, f"ids={other}", "north") == {"marks": []}
    [told] = ask(full, f"ids={other}", "south")["marks"]
    assert told["link"] == f"/incidents/{other}"
    page = full.browser(Role.COMMANDER, "north").get("/map").content.decode()
    assert f'"severity":{json.dumps(_severities("north"), separators=(",", ":"))}' in page


def _severities(district: str) -> dict[str, int]:
    from app.station.models import CaseCard

    found = CaseCard.objects.filter(district__code=district)
    counts = {str(grade): found.filter(severity=grade).count() for grade in (1, 2, 3, 4)}
    return {grade: count for grade, count in counts.items() if count}


def test_a_cluster_tells_where_its_cases_lie(full: Bureau) -> None:
    from app.station.models import CaseCard

    for item in ask(full, f"{WORLD}&zoom=8&by=hazard")["items"]:
        if item["n"] < 3:
            continue
        west, south, east, north = (degrees / 1e7 for degrees in item["box"])
        inside = CaseCard.objects.filter(
            lon_deg__range=(west - 1e-6, east + 1e-6), lat_deg__range=(south - 1e-6, north + 1e-6)
        )
        assert inside.count() >= item["n"]
        assert west * 1e7 <= item["x"] <= east * 1e7
    heat = ask(full, f"{WORLD}&zoom=10&fine=1")["heat"]
    assert sum(count for _x, _y, count in heat) == 602


@pytest.mark.parametrize(
    "query",
    ["bbox=1,2,3", "bbox=a,b,c,d", "zoom=99", "zoom=nan", "by=secret", "age=-1", "bbox=nan,0,0,0", "from=1e99&to=2"],
)
def test_nonsense_is_refused(bureau: Bureau, query: str) -> None:
    assert bureau.browser(Role.COMMANDER, "").get(f"/map/marks?{query}").status_code == 400


def test_a_decision_reaches_the_map(full: Bureau) -> None:
    from app.station.context import station
    from app.station.map_live import pulse
    from app.station.map_marks import HELD
    from evidence.cases.life import Decision, Deed, Person

    store, case = station().store, full.cases["north"]
    before = pulse(store, fresh=True)
    HELD.columns(store, before)
    person = Person(name="审", certificate_no="粤1")
    store.decide(case, Decision(at=NOW, deed=Deed.TAKEN_UP, people=(person,)))
    assert pulse(store, fresh=True) != before
    HELD.forget()
    assert ask(full, f"{WORLD}&not_state=lead")["total"] == 1


def _stream(path: Path, **changes: Any) -> Path:
    view = {"skywarden": "flight-view/1", "aircraft": "一号", "at": "2026-12-01T02:00:00Z",
            "lon_deg": 113.5, "lat_deg": 23.1, "height_takeoff_m": 60.0, "yaw_deg": 90.0, "battery": 0.7} | changes  # fmt: skip
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(view, ensure_ascii=False) + "\n")
    return path


def test_the_last_whole_line_of_a_stream_is_where_an_aircraft_is(bureau: Bureau, tmp_path: Path) -> None:
    assert bureau.store.exists()
    from app.station.map_live import aircraft_of

    path = _stream(_stream(tmp_path / "fly.jsonl"), lon_deg=113.6)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"skywarden": "flight-view/1", "lon_deg": 113.9')  # still being written
    [one] = aircraft_of([path, tmp_path / "missing"])
    assert (one["name"], one["lon"], one["battery"]) == ("一号", 113.6, 0.7)
    assert aircraft_of([_stream(tmp_path / "lost.jsonl", lon_deg=None)]) == []
    (tmp_path / "torn").write_bytes(b"\xff\xfe\n[1]\n")
    assert aircraft_of([tmp_path / "torn"]) == []
    assert aircraft_of([_stream(tmp_path / "nan.jsonl", lon_deg=float("nan"))]) == []
    assert aircraft_of([_stream(tmp_path / "inf.jsonl", height_takeoff_m=float("inf"))]) == []


def test_an_aircraft_over_another_district_is_not_told(bureau: Bureau) -> None:
    from app.station.map_live import seen_by_user
    from app.station.models import District

    square = {"type": "Polygon", "coordinates": [[[113, 23], [114, 23], [114, 24], [113, 24], [113, 23]]]}
    District.objects.filter(code="south").update(outline=json.dumps(square))
    aircraft = [{"lon": 113.5, "lat": 23.5}, {"lon": 100.0, "lat": 30.0}]
    assert seen_by_user(aircraft, bureau.person(Role.COMMANDER, "north")) == aircraft[1:]
    assert seen_by_user(aircraft, bureau.person(Role.COMMANDER, "south")) == aircraft
    assert seen_by_user(aircraft, bureau.person(Role.COMMANDER, "")) == aircraft


def test_events_tell_what_changed(bureau: Bureau, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.station import map_live
    from app.station.context import station

    told = iter([(2, 0), (2, 0), (3, 0), (3, 0)])
    monkeypatch.setattr(map_live, "pulse", lambda _store: next(told))
    monkeypatch.setattr(map_live, "EVERY_S", 0.0)
    stream = _stream(tmp_path / "fly.jsonl")
    user = bureau.person(Role.COMMANDER, "")

    async def listen() -> list[bytes]:
        heard: list[bytes] = []
        async for line in map_live.events(user, station().store, [stream]):
            heard.append(line)
            if line.startswith(b"event: incidents"):
                return heard
        return heard

    heard = asyncio.run(listen())
    assert heard[0].startswith(b"retry:")
    assert sum(line.startswith(b"event: incidents") for line in heard) == 1
    [position] = [line for line in heard if line.startswith(b"event: aircraft")]
    assert json.loads(position.split(b"data: ")[1])[0]["lat"] == 23.1


def test_ground_comes_from_the_runs_of_ones_districts(bureau: Bureau, scene: Scene, tmp_path: Path) -> None:
    from app.station.models import District, Run

    folder = tmp_path / "run"
    folder.mkdir()
    write_geopackage(scene, folder / "patrol.gpkg")
    write_parts(scene.traces[0].coverage, folder / COVERAGE)
    write_mosaic(Mosaic(image=_webp(), media_type="image/webp", west_deg=113.0, south_deg=22.0, east_deg=113.1,
                        north_deg=22.1, metres_per_pixel=1.0), folder)  # fmt: skip
    run = Run.objects.create(folder=str(folder), title="晨巡", started_at=NOW, finished_at=NOW, imported_at=NOW, report="{}",
                             imported_by="x", district=District.objects.get(code="north"))  # fmt: skip
    Run.objects.create(folder=str(tmp_path / "gone"), title="gone", started_at=NOW, finished_at=NOW, imported_at=NOW,
                       report="{}", imported_by="x", district=run.district)  # fmt: skip
    ground = bureau.browser(Role.COMMANDER, "north").get("/map/ground").json()
    assert [patrol["name"] for patrol in ground["patrols"]] == ["晨巡"]
    assert ground["leftOut"] == 1
    assert [site["code"] for site in ground["sites"]] == [scene.register.sites[0].code]
    assert ground["sites"][0]["looked"][0] == [0, pytest.approx(1.0)]
    address = ground["patrols"][0]["mosaic"]["image"]
    assert bureau.browser(Role.COMMANDER, "north").get(address).headers["Content-Type"] == "image/webp"
    away = bureau.browser(Role.COMMANDER, "south")
    assert away.get("/map/ground").json()["patrols"] == []
    assert away.get(address).status_code == 204
    far = {"type": "Polygon", "coordinates": mapping(scene.register.sites[0].shape.buffer(0.1))["coordinates"]}
    District.objects.filter(code="south").update(outline=json.dumps(far))
    assert bureau.browser(Role.COMMANDER, "north").get("/map/ground").json()["sites"] == []  # it lies in the other


def test_what_changed_since_the_last_visit_is_on_the_map_and_with_its_case(
    bureau: Bureau, scene: Scene, tmp_path: Path
) -> None:
    from app.station.models import CaseCard, District, Run

    folder = tmp_path / "run"
    folder.mkdir()
    write_geopackage(scene, folder / "patrol.gpkg")
    write_parts(scene.traces[0].coverage, folder / COVERAGE)
    run = Run.objects.create(folder=str(folder), title="晨巡", started_at=NOW, finished_at=NOW, imported_at=NOW, report="{}",
                             imported_by="x", district=District.objects.get(code="north"))  # fmt: skip
    case = bureau.cases["north"]
    CaseCard.objects.update(run=run)
    number = CaseCard.objects.get(pk=case).number
    reviewer, away = bureau.browser(Role.REVIEWER, "north"), bureau.browser(Role.REVIEWER, "south")
    assert "Since then the ground" not in reviewer.get(f"/incidents/{case}").content.decode()
    other = CaseCard.objects.exclude(pk=case).get().number
    write_changes(folder / "changes", 113.58, 22.76, incidents=(number, other))  # compared after it was taken in
    [change] = reviewer.get("/map/ground").json()["patrols"][0]["changes"]
    assert change["incidents"] == [number]  # another district's case does not exist
    assert change["cases"] == [[number, f"/incidents/{case}"]]
    assert [when for when, _address in change["pictures"]] == ["before", "after"]
    address = change["pictures"][1][1]
    assert reviewer.get(address).content.endswith(b"after")
    assert reviewer.get(address).headers["Content-Type"] == "image/jpeg"
    assert away.get(address).status_code == 204
    assert reviewer.get("/map/change?run=x&change=..&when=before").status_code == 204
    assert reviewer.get(f"/map/change?run={run.pk}&change=C-ABC123&when=../../patrol.gpkg").status_code == 204
    for page in (f"/incidents/{case}", f"/review/{case}"):
        shown = reviewer.get(page).content.decode()
        assert f"/incidents/{case}/changes/C-ABC123/before" in shown
        assert "the ground here grew: 21.2 m²" in shown
    assert reviewer.get(f"/incidents/{case}/changes/C-ABC123/before").content.endswith(b"before")
    assert reviewer.get(f"/incidents/{case}/changes/C-ABC123/during").status_code == 204
    assert reviewer.get(f"/incidents/{case}/changes/C-OTHER/before").status_code == 204
    assert away.get(f"/incidents/{case}/changes/C-ABC123/before").status_code == 404


def test_older_patrols_are_turned_to(
    bureau: Bureau, scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.station import map_ground
    from app.station.models import Run
    from app.station.pages import commander_map

    monkeypatch.setattr(map_ground, "PER_PAGE", 2)
    monkeypatch.setattr(commander_map, "PER_PAGE", 2)
    for number in range(5):
        folder = tmp_path / f"run-{number}"
        folder.mkdir()
        write_geopackage(scene, folder / "patrol.gpkg")
        write_parts(scene.traces[0].coverage, folder / COVERAGE)
        at = NOW + timedelta(days=number)
        Run.objects.create(folder=str(folder), title=f"run {number}", started_at=at, finished_at=at, imported_at=at,
                           report="{}", imported_by="x")  # fmt: skip
    browser = bureau.browser(Role.COMMANDER, "")
    pages = [browser.get(f"/map/ground?page={number}").json() for number in range(4)]
    shown = [sorted(one["name"] for one in page["patrols"]) for page in pages]
    assert shown == [["run 3", "run 4"], ["run 1", "run 2"], ["run 0"], []]
    assert {(page["pages"], page["perPage"], page["patrolsInAll"]) for page in pages} == {(3, 2, 5)}
    assert browser.get("/map/ground?page=-1").status_code == 400


def test_a_click_tells_the_law_and_shows_the_picture(bureau: Bureau) -> None:
    from app.station.models import MediaRow

    case, crop = bureau.cases["north"], bureau.files["north"]
    MediaRow.objects.create(case_id=case, sha256="f" * 64, kind="annotate", name="a.jpg", media_type="image/jpeg",
                            size_bytes=1)  # fmt: skip
    [told] = ask(bureau, f"ids={case}", "north")["marks"]
    assert told["basis"] == "中华人民共和国消防法第二十八条"
    assert told["authority"] == "消防救援机构"
    assert told["picture"] == f"/media/{crop}"
    assert bureau.browser(Role.COMMANDER, "north").get(told["picture"]).status_code == 200
    assert ask(bureau, f"ids={case}", "south")["marks"] == []


def test_planned_areas_come_from_the_patrol_files_of_ones_districts(bureau: Bureau, tmp_path: Path) -> None:
    from dataclasses import replace

    from app.station.context import station

    folder = tmp_path / "patrols"
    folder.mkdir()
    demo = Path(__file__).resolve().parents[2] / "missions/demo/patrol.yaml"
    (folder / "demo.yaml").write_bytes(demo.read_bytes())
    station().options = replace(station().options, patrols=folder)
    everywhere = bureau.browser(Role.COMMANDER, "").get("/map/ground").json()["areas"]
    assert everywhere
    assert {one["patrol"] for one in everywhere} == {"demo-district"}
    assert all(len(one["shape"][0]) >= 8 for one in everywhere)
    assert bureau.browser(Role.COMMANDER, "north").get("/map/ground").json()["areas"] == []  # its home lies elsewhere


def test_the_offline_file_holds_pictures_and_the_law(bureau: Bureau) -> None:
    from hashlib import sha256

    from app.station.context import station
    from app.station.models import MediaRow
    from app.station.vault_keys import media_key
    from tests.app.station_browser import drawn_picture

    content = drawn_picture(1)
    digest = sha256(content).hexdigest()
    station().vault.put(media_key("crop", digest), content)
    MediaRow.objects.filter(case_id=bureau.cases["north"]).update(sha256=digest)
    text = bureau.browser(Role.COMMANDER, "").get("/map/offline").content.decode()
    assert "中华人民共和国消防法第二十八条" in text
    sheet = json.loads(text.partition('id="sky-sheet">')[2].partition("</script>")[0])
    assert len(sheet["marks"]["pictures"]) == 1  # the other case's picture is none that can be read


def test_the_offline_file_holds_what_one_may_see(full: Bureau) -> None:
    from app.station.models import CaseCard

    answer = full.browser(Role.COMMANDER, "north").get("/map/offline")
    text = answer.content.decode()
    assert "attachment" in answer.headers["Content-Disposition"]
    assert full.cases["south"] not in text
    own, other = (
        CaseCard.objects.filter(district__code=code).values_list("number", flat=True) for code in ("north", "south")
    )
    assert all(number in text for number in own)
    assert not any(f'"{number}"' in text for number in other)


def test_tiles_are_served_from_a_file_and_services_only_when_named(tmp_path: Path) -> None:
    tiles = write_mbtiles(tmp_path / "ground.mbtiles", range(10, 12))
    with open_bureau(tmp_path, base=(str(tiles), "osm")) as opened:
        browser = settle(opened).browser(Role.COMMANDER)
        page = browser.get("/map")
        assert "https://tile.openstreetmap.org" in page.headers["Content-Security-Policy"]
        from maps.base_layers import tiles_around

        [layer] = base_layer(str(tiles))
        x, y = next(iter(tiles_around(PLACE, 11, layer.datum)))
        answer = browser.get(f"/map/tiles/0/11/{x}/{y}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
        assert browser.get("/map/tiles/0/11/0/0").status_code == 204
        assert browser.get("/map/tiles/1/11/0/0").status_code == 204
        assert browser.get("/map/tiles/9/40/0/0").status_code == 204


def test_nothing_from_elsewhere_by_default(bureau: Bureau) -> None:
    assert "https://" not in bureau.browser(Role.COMMANDER).get("/map").headers["Content-Security-Policy"]
