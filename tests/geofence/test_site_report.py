from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import shapely

from core.errors import StoreFailed
from core.points import GeoPoint, LocalPlane, from_plane, to_plane
from geofence.datums import Datum, from_wgs84
from geofence.register.credit_code import complete_code
from geofence.register.site_archive import archive_register, site_as_it_was, zone_as_it_was
from geofence.register.site_features import Feature
from geofence.register.site_finding import findings_geojson
from geofence.register.site_mend import mend_features
from geofence.register.site_report import examine_register
from geofence.site import Register, Site, Zone, ZoneType

PLANE = LocalPlane(origin=GeoPoint(lon_deg=113.5, lat_deg=22.75))
AT = datetime(2026, 10, 1, tzinfo=UTC)
HERE = Path(__file__).resolve().parents[2]


def site(number: int, shape: shapely.Polygon, version: str = "1") -> Site:
    placed = shapely.transform(shape, lambda metres: from_plane(PLANE, metres))
    code = complete_code("91", "440115", f"MA{number:06d}")
    return Site(code=code, name=f"{number}厂", shape=placed, version=version, attributes={"grade": "三级"})


def zone(shape: shapely.Polygon, of: Site) -> Zone:
    placed = shapely.transform(shape, lambda metres: from_plane(PLANE, metres))
    return Zone(
        zone_id="Z", zone_type=ZoneType.DIKE, name="堤", shape=placed, site_code=of.code, version="1", valid_from=AT
    )


def register(*sites: Site, zones: tuple[Zone, ...] = ()) -> Register:
    return Register(sites=sites, zones=zones, sha256="0" * 64)


def codes(*sites: Site, zones: tuple[Zone, ...] = ()) -> list[str]:
    return [finding.code for finding in examine_register(register(*sites, zones=zones))]


BLOCK = shapely.box(0, 0, 100, 80)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (shapely.box(100, 0, 200, 80), []),  # one shared line
        (shapely.box(103, 0, 200, 80), []),  # an alley
        (shapely.box(90, 0, 200, 80), ["overlap"]),
        (shapely.box(99.2, 0, 200, 80), ["sliver"]),
        (shapely.box(101.2, 0, 200, 80), ["gap"]),
        (BLOCK, ["same-outline"]),
        (shapely.box(300, 0, 302, 4), ["too-small"]),
        (shapely.box(300, 0, 10_000, 10_000), ["too-large"]),
    ],
)
def test_neighbours(other: shapely.Polygon, expected: list[str]) -> None:
    assert codes(site(1, BLOCK), site(2, other)) == expected


def test_an_overlap_is_measured_and_drawn() -> None:
    (finding,) = examine_register(register(site(1, BLOCK), site(2, shapely.box(90, 0, 200, 80))))
    assert "overlap by 800 m²" in finding.says
    metric = shapely.transform(finding.where, lambda lonlat: to_plane(PLANE, lonlat))
    assert shapely.hausdorff_distance(metric, shapely.box(90, 0, 100, 80)) < 0.01
    (drawn,) = json.loads(findings_geojson([finding]))["features"]
    assert drawn["properties"]["keys"] == list(finding.keys)
    assert drawn["geometry"]["type"] == "Polygon"


def test_a_zone_outside_its_site_is_told() -> None:
    home = site(1, BLOCK)
    assert codes(home, zones=(zone(shapely.box(10, 10, 40, 40), home),)) == []
    assert codes(home, zones=(zone(shapely.box(80, 10, 120, 40), home),)) == ["outside-its-site"]


@pytest.mark.parametrize("datum", [Datum.GCJ02, Datum.BD09])
def test_a_register_that_lies_where_another_datum_puts_it_is_caught(datum: Datum) -> None:
    sites = [site(number, shapely.box(number * 300, 0, number * 300 + 90, 80)) for number in range(4)]
    shifted = [
        dataclasses.replace(one, shape=shapely.transform(one.shape, lambda lonlat: from_wgs84(lonlat, datum)))
        for one in sites
    ]
    (finding,) = examine_register(register(*shifted), before=register(*sites))
    assert finding.code == "datum-shift"
    assert f"{datum} read as WGS-84" in finding.says
    (back,) = examine_register(register(*sites), before=register(*shifted))
    assert f"WGS-84 read as {datum}" in back.says
    assert examine_register(register(*sites), before=register(*sites)) == ()
    moved = [dataclasses.replace(one, shape=shapely.transform(one.shape, lambda xy: xy + 0.004)) for one in sites]
    assert examine_register(register(*moved), before=register(*sites)) == ()  # moved, but as no datum does


def test_zones_in_another_datum_than_their_sites_are_caught() -> None:
    homes = [site(number, shapely.box(number * 300, 0, number * 300 + 90, 80)) for number in range(3)]
    zones = []
    for number, home in enumerate(homes):
        inside = zone(shapely.box(number * 300 + 20, 20, number * 300 + 60, 60), home)
        gcj = shapely.transform(inside.shape, lambda lonlat: from_wgs84(lonlat, Datum.GCJ02))
        zones.append(dataclasses.replace(inside, zone_id=f"Z{number}", shape=gcj))
    assert "datum-shift" in codes(*homes, zones=tuple(zones))


def test_outlines_are_mended_only_where_one_reading_is_possible() -> None:
    spike = shapely.Polygon([(0, 0), (100, 0), (100, 50), (100.2, 50.1), (100, 49.9), (100, 80), (0, 80)])
    bow_tie = shapely.Polygon([(0, 0), (100, 80), (100, 0), (0, 80)])
    sound = BLOCK
    features = [
        Feature(subject=f"f{number}", properties={}, shape=shape)
        for number, shape in enumerate([spike, bow_tie, sound, None])
    ]
    mended, done = mend_features(features)
    assert [one.subject for one in done] == ["f0"]
    assert mended[0].shape is not None
    assert mended[0].shape.is_valid
    assert mended[0].shape.area == pytest.approx(8000, rel=1e-3)
    assert [one.shape for one in mended[1:]] == [bow_tie, sound, None]


def test_an_incidents_fence_is_found_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "fences.jsonl"
    old = site(1, BLOCK, version="a")
    new = site(1, shapely.box(0, 0, 100, 90), version="b")
    area = zone(shapely.box(10, 10, 40, 40), old)
    assert archive_register(register(old, zones=(area,)), path, at=AT) == 2
    assert archive_register(register(old, zones=(area,)), path, at=AT) == 0
    assert archive_register(register(new), path, at=AT) == 1
    assert site_as_it_was(path, old.code, "a") == old
    assert site_as_it_was(path, old.code, "b") == new
    assert zone_as_it_was(path, "Z", "1") == area
    assert not path.with_name("fences.jsonl.part").exists()
    with pytest.raises(StoreFailed, match="holds no version c"):
        site_as_it_was(path, old.code, "c")
    path.write_text("not json\n")
    with pytest.raises(StoreFailed, match="cannot be read"):
        site_as_it_was(path, old.code, "a")
