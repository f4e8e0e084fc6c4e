from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputRefused
from geofence.credit_code import complete_code
from geofence.site_files import read_register

CODE = complete_code("91", "440115", "MA59A1B2")
OTHER = complete_code("91", "440115", "MA5XK7Q3")


def square(lon: float, lat: float, size: float = 0.001) -> list[list[list[float]]]:
    return [[[lon, lat], [lon + size, lat], [lon + size, lat + size], [lon, lat + size], [lon, lat]]]


def feature(coordinates: list[list[list[float]]], **properties: object) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": "Polygon", "coordinates": coordinates},
    }


def write(path: Path, *features: dict[str, Any], **members: object) -> Path:
    path.write_text(
        json.dumps({"type": "FeatureCollection", "features": list(features), **members}, ensure_ascii=False)
    )
    return path


def site(lon: float = 113.50, lat: float = 22.75, **properties: object) -> dict[str, Any]:
    return feature(square(lon, lat), **({"code": CODE, "name": "珠江示范化工"} | properties))


def zone(lon: float = 113.5002, lat: float = 22.7502, **properties: object) -> dict[str, Any]:
    fields = {"zone_id": "Z1", "zone_type": "fire_lane", "name": "东侧消防车道", "site_code": CODE}
    return feature(square(lon, lat, 0.0002), **(fields | properties))


def test_sites_and_zones_of_two_files(tmp_path: Path) -> None:
    sites = write(tmp_path / "sites.geojson", site(licence="危险化学品经营", staff=120))
    zones = write(tmp_path / "zones.geojson", zone(boundary_sigma_m=0.5, valid_from="2026-01-01T00:00:00+08:00"))
    register, refusals = read_register(sites, zones)
    assert refusals == ()
    assert register.sites[0].name == "珠江示范化工"
    assert dict(register.sites[0].attributes) == {"licence": "危险化学品经营", "staff": "120"}
    assert register.zones[0].boundary_sigma_m == 0.5
    assert register.zones[0].valid_from == datetime(2025, 12, 31, 16, tzinfo=UTC)
    assert register.zones[0].valid_to is None


def test_one_file_may_hold_both_in_any_order(tmp_path: Path) -> None:
    register, refusals = read_register(write(tmp_path / "all.geojson", zone(), site()))
    assert (len(register.sites), len(register.zones), refusals) == (1, 1, ())


@pytest.mark.parametrize("suffix", [".gpkg", ".shp"])
def test_other_formats_and_a_projected_system_give_the_same_place(tmp_path: Path, suffix: str) -> None:
    import geopandas
    import shapely

    frame = geopandas.read_file(write(tmp_path / "sites.geojson", site())).to_crs("EPSG:4547")  # CGCS2000 / 114E
    path = tmp_path / f"sites{suffix}"
    frame.to_file(path)
    register, refusals = read_register(path)
    assert refusals == ()
    straight, _ = read_register(tmp_path / "sites.geojson")
    # CGCS2000 and WGS-84 are one to a few centimetres; 1e-7 degrees is a centimetre.
    assert shapely.hausdorff_distance(register.sites[0].shape, straight.sites[0].shape) < 1e-7
    assert register.sites[0].code == CODE


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (feature([[[113.5, 22.7], [113.6, 22.8], [113.6, 22.7], [113.5, 22.8], [113.5, 22.7]]], code=OTHER, name="x"),
         "invalid-shape"),
        (site(113.6, code=CODE[:-1] + "0"), "bad-code"),
        (site(113.6, code=""), "no-code"),
        (site(113.6, code=OTHER, name=None), "no-name"),
        (site(113.6), "duplicate-code"),
        (site(0.0, 0.0, code=OTHER), "null-island"),
        (site(113.6, code=OTHER, boundary_sigma_m=-1), "bad-sigma"),
        (zone(zone_type="tea_room"), "bad-zone-type"),
        (zone(site_code=OTHER), "unknown-site"),
        (zone(zone_id=""), "no-zone-id"),
        (zone(valid_to="next spring"), "bad-time"),
        ({"type": "Feature", "properties": {"code": OTHER, "name": "x"}, "geometry": None}, "no-shape"),
        ({"type": "Feature", "properties": {"code": OTHER, "name": "x"},
          "geometry": {"type": "Point", "coordinates": [113.5, 22.7]}}, "not-a-polygon"),
    ],
)  # fmt: skip
def test_one_bad_feature_is_refused_and_the_rest_goes_on(tmp_path: Path, bad: dict[str, Any], code: str) -> None:
    register, refusals = read_register(write(tmp_path / "sites.geojson", site(), bad))
    assert [refusal.code for refusal in refusals] == [code]
    assert "sites.geojson, feature 2" in refusals[0].subject
    assert [known.code for known in register.sites] == [CODE]


@pytest.mark.parametrize(
    ("coordinates", "says"),
    [
        ([[[22.75, 113.5], [22.76, 113.5], [22.76, 113.6], [22.75, 113.5]]], "latitude before longitude"),
        ([[[38465000.0, 2517000.0], [38465100.0, 2517000.0], [38465100.0, 2517100.0], [38465000.0, 2517000.0]]],
         "no degrees"),
        ([[[465000.0, 2517000.0], [465100.0, 2517000.0], [465100.0, 2517100.0], [465000.0, 2517000.0]]], "no degrees"),
    ],
)  # fmt: skip
def test_a_file_whose_positions_cannot_be_believed_is_refused(
    tmp_path: Path, coordinates: list[list[list[float]]], says: str
) -> None:
    with pytest.raises(InputRefused, match=says) as refused:
        read_register(write(tmp_path / "sites.geojson", feature(coordinates, code=CODE, name="x")))
    assert refused.value.remedy


def test_degrees_declared_as_metres_are_refused(tmp_path: Path) -> None:
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4547"}}
    with pytest.raises(InputRefused, match="numbers are degrees"):
        read_register(write(tmp_path / "sites.geojson", site(), crs=crs))


def test_a_shapefile_without_its_prj_is_refused(tmp_path: Path) -> None:
    import geopandas

    geopandas.read_file(write(tmp_path / "sites.geojson", site())).to_file(tmp_path / "sites.shp")
    (tmp_path / "sites.prj").unlink()
    with pytest.raises(InputRefused, match="declares no coordinate system"):
        read_register(tmp_path / "sites.shp")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("sites.geojson", None, "no such file"),
        ("sites.txt", "x", "no known kind"),
        ("sites.geojson", "", "cannot be read"),
        ("sites.geojson", '{"type": "FeatureCollection", "features": [', "cannot be read"),
        ("sites.geojson", '{"type": "FeatureCollection", "features": []}', "no usable site"),
    ],
)
def test_an_unreadable_file_is_refused_by_name(tmp_path: Path, name: str, text: str | None, says: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(InputRefused, match=says) as refused:
        read_register(tmp_path / name)
    assert str(tmp_path / name) in str(refused.value)


def test_a_version_depends_on_the_fence_not_on_its_first_vertex(tmp_path: Path) -> None:
    ring = square(113.5, 22.75)[0]
    turned = [*ring[2:], *ring[1:3]]
    moved = [[[lon + 1e-6, lat] for lon, lat in ring]]
    versions = [
        read_register(write(tmp_path / f"{number}.geojson", feature(rings, code=CODE, name="x")))[0].sites[0].version
        for number, rings in enumerate([[ring], [turned], [ring[::-1]], moved])
    ]
    assert versions[0] == versions[1] == versions[2] != versions[3]
