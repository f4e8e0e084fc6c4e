"""The patrol file: what a person writes becomes a Patrol, or a refusal that names the line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
import shapely

from core.errors import InputRefused
from flight.patrol import Pattern
from flight.planning.catalogue import read_catalogue
from flight.planning.patrol_file import patrol_schema, read_patrol

GOOD = """\
skywarden: patrol/1
name: Tank farm
aircraft: generic-arducopter
camera: demo-12mp
home: {lon: 113.5, lat: 22.8}
areas:
  - name: tanks
    shape: {coordinates: [[113.501, 22.801], [113.506, 22.801], [113.506, 22.804], [113.501, 22.804]]}
    gsd_cm: 3
    side_overlap: 0.6
  - name: fence
    pattern: corridor
    shape: {coordinates: [[113.501, 22.801], [113.506, 22.801]]}
    height_agl_m: 60
no_fly_zones:
  - name: substation
    shape: {circle: {lon: 113.503, lat: 22.8025, radius_m: 60}}
    reason: high voltage
approval:
  number: "GZ-2026-7"
  starts_at: 2026-10-01T08:00:00+08:00
  ends_at: 2026-10-01T18:00:00+08:00
  max_height_agl_m: 120
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "patrol.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file_becomes_a_patrol(tmp_path: Path) -> None:
    patrol = read_patrol(written(tmp_path, GOOD))
    tanks, fence = patrol.areas
    assert tanks.height_agl_m == pytest.approx(0.03 * patrol.camera.focal_px)
    assert fence.pattern is Pattern.CORRIDOR
    assert isinstance(fence.shape, shapely.LineString)
    assert patrol.approval is not None
    assert patrol.approval.starts_at == datetime(2026, 10, 1, 0, 0, tzinfo=UTC)
    assert patrol.aircraft.autopilot == "ardupilot"


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("gsd_cm: 3", "gsd_cm: -3", 9, "minimum"),
        ("gsd_cm: 3", "gsd_cn: 3", 7, "gsd_cn"),
        ("generic-arducopter", "balloon", 3, "dji-m30t"),
        ("[113.506, 22.801], [113.506, 22.804]", "[113.506, 22.804], [113.506, 22.801]", 8, "not valid"),
        ("+08:00", "", 21, "does not match"),
        ("name: fence", "name: tanks", 1, "one name"),
        ("name: fence", "name: fence\n    name: again", 12, "twice"),
        ("lat: 22.8}", "lat: 92.8}", 5, "maximum"),
        ("[113.501, 22.801], [113.506, 22.801]]", "[113.501, 22.801], [22.801, 113.506]]", 13, "maximum"),
        ("home: {lon", "home: [lon", 5, "expected"),
    ],
)
def test_a_mistake_is_refused_with_its_line(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    assert old in GOOD
    with pytest.raises(InputRefused) as refused:
        read_patrol(written(tmp_path, GOOD.replace(old, new)))
    assert f"line {line}:" in str(refused.value)
    assert words in str(refused.value)


def test_a_shape_comes_from_a_named_feature_of_a_file(tmp_path: Path) -> None:
    square = shapely.box(113.501, 22.801, 113.506, 22.804)
    feature = {"type": "Feature", "properties": {"name": "罐区"}, "geometry": json.loads(shapely.to_geojson(square))}
    (tmp_path / "areas.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    text = GOOD.replace(
        "{coordinates: [[113.501, 22.801], [113.506, 22.801], [113.506, 22.804], [113.501, 22.804]]}",
        "{file: areas.geojson, name: 罐区}",
    )
    assert read_patrol(written(tmp_path, text)).areas[0].shape.equals(square)
    with pytest.raises(InputRefused, match=r"line 8: .*no feature is called"):
        read_patrol(written(tmp_path, text.replace("罐区", "elsewhere")))


def test_the_published_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(patrol_schema())


def test_every_aircraft_of_the_catalogue_has_a_source_and_a_camera() -> None:
    catalogue = read_catalogue()
    assert {"generic-arducopter", "dji-m30t", "dji-m3e", "dji-m3t", "dji-m4t", "dji-p4rtk"} <= set(catalogue.aircraft)
    for key, aircraft in catalogue.aircraft.items():
        assert aircraft.source
        assert catalogue.cameras[catalogue.default_camera[key]].camera.source


@pytest.mark.parametrize(("encoding", "says_it"), [("UTF-8", True), ("GBK", True), ("UTF-8", False), ("GBK", False)])
def test_a_shapefile_in_chinese_is_read_whatever_its_encoding(tmp_path: Path, *, encoding: str, says_it: bool) -> None:
    import geopandas

    boxes = [shapely.box(113.501, 22.801, 113.506, 22.804), shapely.box(113.507, 22.801, 113.508, 22.804)]
    table = geopandas.GeoDataFrame({"名称": ["罐区", "堆场"]}, geometry=boxes, crs=4326)
    table.to_crs(4547).to_file(tmp_path / "areas.shp", encoding=encoding)
    if not says_it:
        (tmp_path / "areas.cpg").unlink()
    shape = "{coordinates: [[113.501, 22.801], [113.506, 22.801], [113.506, 22.804], [113.501, 22.804]]}"
    text = GOOD.replace(shape, "{file: areas.shp, name: 罐区}", 1)
    patrol = read_patrol(written(tmp_path, text))
    assert patrol.areas[0].shape.symmetric_difference(boxes[0]).area < 1e-9


def test_a_crew_brings_its_own_aircraft_and_its_own_camera(tmp_path: Path) -> None:
    crews = """crews:
  - {name: a, launch: {lon: 113.5, lat: 22.8}}
  - {name: b, launch: {lon: 113.51, lat: 22.8}, aircraft: dji-m3e}
  - {name: c, launch: {lon: 113.51, lat: 22.8}, aircraft: dji-m3t, camera: dji-m3t-thermal}
"""
    patrol = read_patrol(written(tmp_path, GOOD + crews))
    kits = [crew.kit for crew in patrol.crews]
    assert kits[0] is None
    assert kits[1] is not None
    assert (kits[1].aircraft.model, kits[1].camera_key) == ("DJI Mavic 3E", "dji-m3e-wide")
    assert kits[2] is not None
    assert kits[2].camera_key == "dji-m3t-thermal"
    focal = min([patrol.camera.focal_px, kits[1].camera.focal_px, kits[2].camera.focal_px])
    assert patrol.areas[0].height_agl_m == pytest.approx(0.03 * focal)
