"""A register that is taken in: one form from every format, versions kept, mends only on request and listed."""

from __future__ import annotations

import csv
import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import shapely

from core.points import GeoPoint, LocalPlane, from_plane, to_plane
from geofence.datums import Datum, from_wgs84
from geofence.register.credit_code import complete_code
from geofence.register.site_archive import site_as_it_was
from geofence.register.site_features import Feature
from geofence.register.site_files import Source, compile_register, read_files, read_register
from geofence.register.site_finding import findings_geojson, findings_of_refusals
from geofence.register.site_folder import ARCHIVE, IMPORTS, take_in
from geofence.register.site_mend import Mend, mend_source
from geofence.register.site_report import examine_register
from geofence.site import Register

AT = datetime(2026, 10, 1, tzinfo=UTC)
SAMPLE = Path(__file__).resolve().parents[2] / "missions" / "register-sample"
PLANE = LocalPlane(origin=GeoPoint(lon_deg=113.5, lat_deg=22.75))
ORIGIN = {"source": "test", "datum": "WGS-84"}


def feature(number: int, shape: shapely.Polygon, **properties: str) -> Feature:
    placed = shapely.transform(shape, lambda metres: from_plane(PLANE, metres))
    own = {"code": complete_code("91", "440115", f"MA{number:06d}"), "name": f"{number}厂"}
    return Feature(subject=f"f, feature {number}", properties=own | properties, shape=placed)


def source(*features: Feature) -> Source:
    return Source(features=features, doubts=(), sha256="0" * 64)


def compiled(features: list[Feature] | tuple[Feature, ...]) -> Register:
    return compile_register(features, sha256="0" * 64)[0]


def versions(register: Register) -> dict[str, str]:
    return {site.code: site.version for site in register.sites} | {
        zone.zone_id: zone.version for zone in register.zones
    }


def test_every_format_taken_in_gives_the_same_versions(tmp_path: Path) -> None:
    import geopandas

    frame = geopandas.read_file(SAMPLE / "sites.geojson").head(6).fillna("")
    frame["licensed_on"] = "2026-01-31"
    written = {name: tmp_path / f"sites.{name}" for name in ("geojson", "gpkg", "csv")}
    frame.to_file(written["geojson"], driver="GeoJSON", COORDINATE_PRECISION=15)
    frame.to_file(written["gpkg"], driver="GPKG")
    columns = [name for name in frame.columns if name != "geometry"]
    with written["csv"].open("w", encoding="gb18030", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([*columns, "wkt"])
        for row in frame.to_dict("records"):
            outline = shapely.to_wkt(row["geometry"], rounding_precision=-1)
            rows.writerow([*(row[name] for name in columns), outline])
    found = []
    for name, path in written.items():
        folder = tmp_path / f"register-{name}"
        register, change = take_in(read_files(path).features, folder, source=ORIGIN, at=AT)
        assert len(change.added) == 6
        assert versions(read_register(folder)[0]) == versions(register)
        found.append(versions(register))
    assert found[0] == found[1] == found[2]


def test_the_sample_keeps_its_versions_and_a_changed_fence_is_told_and_archived(tmp_path: Path) -> None:
    folder = tmp_path / "register"
    read, _ = read_register(SAMPLE / "sites.geojson", SAMPLE / "zones.geojson")
    features = read_files(SAMPLE / "sites.geojson", SAMPLE / "zones.geojson").features
    register, change = take_in(features, folder, source=ORIGIN, at=AT)
    assert (len(change.added), change.unchanged) == (36 + 267, 0)
    assert versions(register) == versions(read)
    moved = dataclasses.replace(features[0], shape=shapely.transform(features[0].shape, lambda xy: xy + 1e-5))
    kept = [one for one in features[2:] if one.properties.get("site_code") != features[1].properties["code"]]
    later, change = take_in([moved, *kept], folder, source=ORIGIN, at=AT)
    assert change.changed == (features[0].properties["code"],)
    assert features[1].properties["code"] in change.removed
    old = register.sites[0]
    assert site_as_it_was(folder / ARCHIVE, old.code, old.version).shape.equals(old.shape)
    assert site_as_it_was(folder / ARCHIVE, old.code, later.sites[0].version).shape.equals(later.sites[0].shape)
    log = [json.loads(line) for line in (folder / IMPORTS).read_text().splitlines()]
    assert [line["changed"] for line in log] == [[], [old.code]]


def test_a_declared_datum_is_converted_before_anything_is_kept(tmp_path: Path) -> None:
    import geopandas

    frame = geopandas.read_file(SAMPLE / "sites.geojson").head(3)
    true = frame.geometry.to_numpy().copy()
    moved = shapely.transform(true, lambda lonlat: from_wgs84(lonlat, Datum.BD09))
    frame.set_geometry(moved, crs=frame.crs).to_file(tmp_path / "b.gpkg", driver="GPKG")
    register, _ = take_in(
        read_files(tmp_path / "b.gpkg", datum=Datum.BD09).features, tmp_path / "r", source=ORIGIN, at=AT
    )
    for site, shape in zip(register.sites, true, strict=True):
        assert shapely.hausdorff_distance(site.shape, shape) < 1e-8


def test_nothing_is_mended_without_being_asked_for() -> None:
    with pytest.raises(ValueError, match="without being asked"):
        mend_source(source(), set())
    with pytest.raises(ValueError, match="earlier register"):
        mend_source(source(), {Mend.SHIFT})


@pytest.mark.parametrize(("east", "mend", "other"), [(99.2, Mend.SLIVERS, Mend.GAPS), (101.2, Mend.GAPS, Mend.SLIVERS)])
def test_slivers_and_gaps_are_closed_on_request_only(east: float, mend: Mend, other: Mend) -> None:
    pair = source(feature(1, shapely.box(0, 0, 100, 80)), feature(2, shapely.box(east, 0, 200, 80)))
    untouched, done = mend_source(pair, {other})
    assert (tuple(untouched), done) == (pair.features, ())
    mended, done = mend_source(pair, {mend})
    assert [(one.mend, "2厂" in one.subject) for one in done] == [(mend, True)]
    assert examine_register(compiled(mended)) == ()
    assert mended[0] == pair.features[0]
    metric = shapely.transform(mended[1].shape, lambda lonlat: to_plane(PLANE, lonlat))
    assert shapely.area(metric) == pytest.approx(8000, abs=3)


def test_an_overlap_too_wide_for_a_sliver_stays_for_a_person() -> None:
    pair = source(feature(1, shapely.box(0, 0, 100, 80)), feature(2, shapely.box(90, 0, 200, 80)))
    mended, done = mend_source(pair, set(Mend) - {Mend.SHIFT})
    assert (tuple(mended), done) == (pair.features, ())


def test_only_what_is_repeated_word_for_word_is_dropped() -> None:
    one = feature(1, shapely.box(0, 0, 100, 80))
    turned = dataclasses.replace(one, subject="again", shape=shapely.reverse(one.shape))
    other = dataclasses.replace(one, subject="other", properties={**one.properties, "contact": "李"})
    mended, done = mend_source(source(one, turned, other), {Mend.REPEATS})
    assert [feature.subject for feature in mended] == [one.subject, "other"]
    assert [entry.subject for entry in done] == ["again"]


def test_a_tiny_shift_of_the_whole_is_found_and_undone_on_request() -> None:
    before = [feature(n, shapely.box(n * 150, 0, n * 150 + 90, 80)) for n in range(5)]
    rng = np.random.default_rng(1)
    shifts = np.array([1.3, -0.8]) + rng.normal(0, 0.01, (5, 2))
    now = [
        feature(n, shapely.box(n * 150 + east, north, n * 150 + 90 + east, 80 + north))
        for n, (east, north) in enumerate(shifts.tolist())
    ]
    (finding,) = examine_register(compiled(now), before=compiled(before))
    assert finding.code == "tiny-shift"
    assert "+1.3" in finding.says
    mended, done = mend_source(source(*now), {Mend.SHIFT}, before=compiled(before))
    assert [one.mend for one in done] == [Mend.SHIFT]
    assert examine_register(compiled(mended), before=compiled(before)) == ()
    for one, other in zip(mended, before, strict=True):
        assert shapely.hausdorff_distance(one.shape, other.shape) < 5e-7
    one_moved = [now[0], *before[1:]]
    assert examine_register(compiled(one_moved), before=compiled(before)) == ()  # one fence was resurveyed


def test_refused_entries_stand_on_the_map_where_they_cross_themselves() -> None:
    crossed = feature(1, shapely.Polygon([(0, 0), (100, 80), (100, 0), (0, 80)]))
    nowhere = dataclasses.replace(feature(2, shapely.box(0, 0, 9, 9)), shape=None)
    _, refused = compile_register([crossed, nowhere], sha256="")
    one, other = findings_of_refusals(refused, [crossed, nowhere])
    assert (one.code, other.code, other.where) == ("invalid-shape", "no-shape", None)
    (place,) = [part for part in shapely.get_parts(one.where) if part.geom_type == "Point"]
    assert to_plane(PLANE, [place.x, place.y]) == pytest.approx([50, 40], abs=0.01)
    drawn = json.loads(findings_geojson([one, other]))["features"]
    assert [entry["geometry"] is None for entry in drawn] == [False, True]


def test_two_codes_under_one_name_and_a_stray_piece_are_told() -> None:
    one, other = feature(1, shapely.box(0, 0, 100, 80)), feature(2, shapely.box(300, 0, 400, 80), name="1厂")
    stray = shapely.union(shapely.box(600, 0, 700, 80), shapely.box(710, 0, 712, 3))
    placed = shapely.transform(stray, lambda metres: from_plane(PLANE, metres))
    third = dataclasses.replace(feature(3, shapely.box(0, 0, 1, 1)), shape=placed)
    codes = [finding.code for finding in examine_register(compiled([one, other, third]))]
    assert codes == ["fragment", "same-name"]
