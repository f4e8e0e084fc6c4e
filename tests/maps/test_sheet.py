"""What a sheet holds: counts by hand, columns that give the marks back, coverage, many runs as one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, box

from benchmarks.maps import synthetic_sheet
from core.errors import InputRefused
from evidence.incident import State
from geofence.site import Register
from maps.case_folder import relative_link, sheet_of_folders
from maps.change_file import picture_of, read_changes
from maps.coverage import area_km2, ground_by_gsd, ground_by_views, missed_ground, seen_ground, share_seen
from maps.coverage_file import COVERAGE, read_parts, write_parts
from maps.geo_files import MOSAIC, PLACE_OF_MOSAIC, read_mosaic, write_geopackage, write_mosaic
from maps.scene import Mosaic, Scene, Trace
from maps.sheet import OPEN_STATES, bounds_of, open_leads, patrols_of, premises_of, sheet_of
from maps.sheet_json import PICTURES_BYTES, SCALE, as_json, marks_json, outline, sheet_json
from tests.maps.changes_double import write_changes
from tests.maps.test_offline_map import NOON, scene, seen_part

__all__ = ["scene"]  # the fixture


def test_columns_give_every_mark_back() -> None:
    marks = synthetic_sheet(200, sites=20, patrols=2).marks
    columns = json.loads(as_json(marks_json(marks)))
    texts = columns["texts"]
    for place, mark in enumerate(marks):
        assert abs(columns["x"][place] / SCALE - mark.lon_deg) < 6e-8
        assert abs(columns["y"][place] / SCALE - mark.lat_deg) < 6e-8
        assert columns["number"][place] == mark.number
        assert texts[columns["state"][place]] == mark.state.value
        assert columns["first"][place] == int(mark.first_seen.timestamp() // 60)
        assert (columns["site"][place] == -1) == (mark.site_code is None)
        assert columns["link"][place] == mark.link


def test_ten_thousand_incidents_are_small() -> None:
    content = as_json(sheet_json(synthetic_sheet(10_000)))
    assert len(content.encode()) < 3_000_000


def test_pictures_keep_within_their_room_and_the_gravest_stay() -> None:
    marks = [
        replace(mark, thumbnail=b"x" * 1_000_000, severity=1 + place % 4)
        for place, mark in enumerate(synthetic_sheet(12, sites=2, patrols=1).marks)
    ]
    columns = marks_json(marks)
    kept = columns["pictures"]
    assert len(kept) + columns["picturesLeftOut"] == 12
    assert sum(len(text) for pair in kept.values() for text in pair) <= PICTURES_BYTES
    assert {marks[place].severity for place in kept} == {3, 4}


def test_names_cannot_leave_the_script() -> None:
    assert "</script" not in as_json({"name": "</script><script>alert(1)"})
    assert json.loads(as_json(["</script>"])) == ["</script>"]


@given(st.lists(st.tuples(st.integers(0, 9_000), st.integers(0, 9_000)), min_size=3, max_size=12, unique=True))
@settings(max_examples=40, deadline=None)
def test_an_outline_comes_back_to_a_centimetre(corners: list[tuple[int, int]]) -> None:
    shape = shapely.convex_hull(shapely.MultiPoint([(113 + x * 1e-6, 22 + y * 1e-6) for x, y in corners]))
    if shape.geom_type != "Polygon":
        return
    [ring] = outline(shape)
    back = np.cumsum(np.array(ring).reshape(-1, 2), axis=0) / SCALE
    assert np.abs(back - shapely.get_coordinates(shape.exterior)).max() <= 0.51 / SCALE + 1e-12


def test_coverage_is_the_union_not_the_sum() -> None:
    ground, km2 = seen_ground(
        [seen_part(box(113.0, 22.0, 113.01, 22.01)), seen_part(box(113.005, 22.0, 113.015, 22.01))]
    )
    # 0.015° of longitude at 22.005° N (1,032.2 m each 0.01°) by 0.01° of latitude (1,107.3 m): 1.714 km².
    assert km2 == pytest.approx(1.714, rel=2e-3)
    assert area_km2(ground) == km2
    assert seen_ground([]) == (MultiPolygon(), 0.0)


def test_ground_that_only_blurred_frames_show_was_not_looked_at() -> None:
    clear, blurred, missed = (box(113 + west, 22.0, 113.001 + west, 22.001) for west in (0.0, 0.001, 0.002))
    parts = (
        seen_part(clear, views=(3, 5), unclear=2),
        seen_part(blurred, views=(0, 0), unclear=4, gsd_m=None),
        seen_part(missed, views=(0, 0), gsd_m=None),
    )
    ground, _km2 = seen_ground(parts)
    assert ground.symmetric_difference(clear).area < 1e-12
    assert missed_ground(parts).symmetric_difference(blurred.union(missed)).area < 1e-10


def test_steps_of_coverage_lie_in_each_other_and_say_nothing_twice() -> None:
    near, far = box(113.0, 22.0, 113.001, 22.001), box(113.001, 22.0, 113.004, 22.001)
    parts = (seen_part(near, views=(12, 15), gsd_m=0.019), seen_part(far, views=(2, 2), gsd_m=0.07))
    views, gsd = ground_by_views(parts), ground_by_gsd(parts)
    assert [step for step, _shape in views] == [1, 2, 12]  # nothing was seen once only, or 3 to 11 times
    assert views[0][1].equals(views[1][1])
    assert views[2][1].symmetric_difference(near).area < 1e-12
    assert [step for step, _shape in gsd] == [0.08, 0.02]
    assert gsd[1][1].symmetric_difference(near).area < 1e-12
    assert ground_by_views(()) == ground_by_gsd(()) == ()


def test_stairs_of_cells_and_specks_are_not_drawn() -> None:
    cell = 2e-5
    stairs = [(113 + cell * (step + up), 22 + cell * step) for step in range(200) for up in (0, 1)]
    ground = shapely.Polygon([*stairs, (113 + 200 * cell, 22.0)])
    speck = box(113.02, 22.0, 113.02 + cell, 22.0 + cell)
    hole = box(113.0038, 22.0002, 113.0038 + cell, 22.0002 + cell)
    [(step, drawn)] = ground_by_views([seen_part(shapely.union(ground.difference(hole), speck))])
    assert step == 1
    assert drawn.geom_type == "Polygon"
    assert shapely.get_num_coordinates(drawn) < 20
    assert len(drawn.interiors) == 1  # what was not looked at stays, however small
    assert drawn.symmetric_difference(ground).area / ground.area < 0.01


def test_the_file_of_coverage_comes_back_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    parts = (
        seen_part(box(113, 22, 113.001, 22.001), views=(2, 5), unclear=1),
        seen_part(box(113, 23, 114, 24), views=(0, 0), gsd_m=None),
    )
    path = tmp_path / "coverage.geojson"
    write_parts(parts, path)
    back = read_parts(path)
    assert [(one.views, one.unclear, one.gsd_m) for one in back] == [
        (one.views, one.unclear, one.gsd_m) for one in parts
    ]
    assert all(one.shape.symmetric_difference(two.shape).area < 1e-9 for one, two in zip(back, parts, strict=True))
    for damaged in (
        '{"features": [{}]}',
        "[1]",
        '{"features": [{"geometry": {"type": "Point"}, "properties": {}}]}',
        "{",
    ):
        path.write_text(damaged, encoding="utf-8")
        with pytest.raises(InputRefused, match="Process the footage again"):
            read_parts(path)
    path.unlink()
    with pytest.raises(InputRefused, match="nobody knows what the run looked at"):
        read_parts(path)


def test_the_share_seen_of_a_site_is_its_own() -> None:
    sites = [box(0, 0, 1, 1), box(2, 0, 3, 1), box(5, 5, 6, 6)]
    ground = box(0.5, -1, 2.25, 2)
    assert share_seen(sites, ground) == {0: pytest.approx(0.5), 1: pytest.approx(0.25)}
    assert share_seen(sites, MultiPolygon()) == {}


def test_open_leads_are_counted_by_site_and_state() -> None:
    marks = [replace(mark, site_code="S") for mark in synthetic_sheet(60, sites=1, patrols=1).marks]
    assert open_leads(marks) == {"S": sum(mark.state in OPEN_STATES for mark in marks)}
    settled = [replace(mark, state=State.RECTIFIED) for mark in marks]
    assert open_leads(settled) == {}
    assert open_leads([replace(mark, site_code=None) for mark in marks]) == {}


def test_patrols_stand_in_order_of_time_and_sites_know_who_saw_them(scene: Scene) -> None:
    [site] = scene.register.sites
    west, south, east, north = site.shape.bounds
    early = Trace(name="early", started_at=NOON - timedelta(days=1), ended_at=NOON,
                  coverage=(seen_part(box(west, south, (west + east) / 2, north)),))  # fmt: skip
    late = Trace(
        name="late", started_at=NOON, ended_at=NOON, coverage=(seen_part(box(west + 1, south, east + 1, north)),)
    )
    seen = patrols_of([late, early])
    assert [one.trace.name for one in seen] == ["early", "late"]
    [premises] = premises_of([site], {site.code: 2}, seen)
    assert (premises.open_leads, premises.looked) == (2, ((0, pytest.approx(0.5)),))
    with pytest.raises(ValueError, match="does not end before"):
        Trace(name="x", started_at=NOON, ended_at=NOON - timedelta(1))


def test_a_register_that_spans_a_city_does_not_decide_what_is_shown(scene: Scene) -> None:
    far = replace(scene.register.sites[0], code="far", shape=box(110, 20, 110.1, 20.1))
    wide = replace(scene, register=Register(sites=(*scene.register.sites, far), zones=(), sha256=""))
    assert bounds_of(sheet_of(wide))[0] > 112


def test_many_runs_are_one_sheet(scene: Scene, tmp_path: Path) -> None:
    later = replace(
        scene,
        traces=tuple(
            replace(trace, name="second", started_at=NOON + timedelta(days=7), ended_at=NOON + timedelta(days=7))
            for trace in scene.traces
        ),
    )
    mosaic = Mosaic(image=_webp(), media_type="image/webp", west_deg=113.579, south_deg=22.759, east_deg=113.581,
                    north_deg=22.761, metres_per_pixel=0.5)  # fmt: skip
    for name, one in (("one", scene), ("two", later)):
        (tmp_path / name / "packages").mkdir(parents=True)
        write_geopackage(one, tmp_path / name / "patrol.gpkg")
        write_parts(one.traces[0].coverage, tmp_path / name / COVERAGE)
        write_mosaic(mosaic, tmp_path / name)
    [incident] = scene.incidents
    viewer = tmp_path / "one" / "packages" / incident.number / "data" / "viewer.html"
    viewer.parent.mkdir(parents=True)
    viewer.write_text("case")
    sheet = sheet_of_folders(
        [tmp_path / "two", tmp_path / "one"], title="both", drawn_at=datetime(2026, 11, 1, tzinfo=UTC),
        link_from=tmp_path / "maps",
    )  # fmt: skip
    assert [seen.trace.name for seen in sheet.patrols] == ["morning", "second"]
    assert [len(premises.looked) for premises in sheet.premises] == [2]
    [mark] = sheet.marks
    alone = sheet_of(scene).marks[0]
    assert replace(mark, link="", thumbnail=b"", error_90_m=0, lon_deg=0, lat_deg=0) == replace(
        alone, thumbnail=b"", error_90_m=0, lon_deg=0, lat_deg=0
    )
    assert [seen.trace.mosaic is not None for seen in sheet.patrols] == [True, True]
    (tmp_path / "one" / COVERAGE).unlink()
    with pytest.raises(InputRefused, match="nobody knows what the run looked at"):
        sheet_of_folders([tmp_path / "one"], title="", drawn_at=NOON)


def test_a_link_leads_from_the_page_to_the_file(tmp_path: Path) -> None:
    assert relative_link(tmp_path / "a b" / "x.html", tmp_path / "maps") == "../a%20b/x.html"


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="holds no finished run"):
        sheet_of_folders([tmp_path], title="", drawn_at=NOON)
    (tmp_path / "patrol.gpkg").write_bytes(b"nothing")
    with pytest.raises(InputRefused, match="GeoPackage"):
        sheet_of_folders([tmp_path], title="", drawn_at=NOON)


def test_changes_are_read_with_pictures_within_their_folder(tmp_path: Path) -> None:
    assert read_changes(tmp_path) == ()
    write_changes(tmp_path / "fine", 113.5, 22.75, incidents=("H04-AAAA",))
    [change] = read_changes(tmp_path / "fine")
    assert (change.became, change.before_m2, change.after_m2, change.height_m) == ("grew", 4.5, 21.2, None)
    assert change.outline.contains(shapely.Point(113.5, 22.75))
    after = picture_of(tmp_path / "fine", change, "after")
    assert after is not None
    assert after.read_bytes().endswith(b"after")
    assert picture_of(tmp_path / "fine", change, "never") is None
    (tmp_path / "secret.jpg").write_bytes(b"x")
    write_changes(tmp_path / "sly", 113.5, 22.75, picture_before="../secret.jpg", picture_after="/etc/hostname")
    [sly] = read_changes(tmp_path / "sly")
    assert picture_of(tmp_path / "sly", sly, "before") is None
    assert picture_of(tmp_path / "sly", sly, "after") is None
    for name, said in (("odd", {"became": "danced"}), ("old", {"area_m2": None})):
        write_changes(tmp_path / name, 113.5, 22.75, **said)
        with pytest.raises(InputRefused, match="Compare the two patrols again"):
            read_changes(tmp_path / name)


def _webp() -> bytes:
    import io

    from PIL import Image

    held = io.BytesIO()
    Image.new("RGBA", (20, 40), (1, 2, 3, 255)).save(held, "WEBP")
    return held.getvalue()


def test_a_mosaic_is_found_again_where_it_was(tmp_path: Path) -> None:
    mosaic = Mosaic(image=_webp(), media_type="image/webp", west_deg=113.1, south_deg=22.1, east_deg=113.102,
                    north_deg=22.105, metres_per_pixel=10)  # fmt: skip
    write_mosaic(mosaic, tmp_path)
    back = read_mosaic(tmp_path)
    assert back is not None
    for name in ("west_deg", "south_deg", "east_deg", "north_deg"):
        assert getattr(back, name) == pytest.approx(getattr(mosaic, name), abs=1e-9)
    import rasterio

    with rasterio.open(tmp_path / MOSAIC) as opened:  # a geographic information system finds it there too
        assert opened.bounds.left == pytest.approx(113.1, abs=1e-9)
        assert opened.bounds.top == pytest.approx(22.105, abs=1e-9)
    (tmp_path / PLACE_OF_MOSAIC).write_text("1 2 3")
    with pytest.raises(InputRefused, match="where it lies"):
        read_mosaic(tmp_path)
    assert read_mosaic(tmp_path / "elsewhere") is None
