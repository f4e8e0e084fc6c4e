from __future__ import annotations

import csv
import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputRefused
from geofence.datums import Datum, from_wgs84
from geofence.register.credit_code import complete_code
from geofence.register.site_files import read_register
from geofence.register.site_mend import read_mended_register
from geofence.site import Register, ZoneType

FOLDER = Path(__file__).resolve().parents[2] / "missions" / "register-sample"
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
        ("sites.geojson", "", "is empty"),
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


ROWS = [
    ("统一社会信用代码", "企业名称", "区域编号", "区域类型", "所属企业代码", "范围"),
    (CODE, "珠江示范化工", "", "", "",
     "POLYGON((113.5 22.75, 113.501 22.75, 113.501 22.751, 113.5 22.751, 113.5 22.75))"),
    ("", "东侧消防车道", "Z1", "消防车通道", CODE,
     "POLYGON((113.5002 22.7502, 113.5004 22.7502, 113.5004 22.7504, 113.5002 22.7504, 113.5002 22.7502))"),
]  # fmt: skip


def check_table(register: Register) -> None:
    assert [(known.code, known.name) for known in register.sites] == [(CODE, "珠江示范化工")]
    (lane,) = register.zones
    assert (lane.zone_id, lane.zone_type, lane.name, lane.site_code) == ("Z1", ZoneType.FIRE_LANE, "东侧消防车道", CODE)
    assert register.sites[0].shape.bounds == pytest.approx((113.5, 22.75, 113.501, 22.751))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
def test_a_csv_with_chinese_headings_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "register.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows(ROWS)
    register, refusals = read_register(path)
    assert refusals == ()
    check_table(register)


def test_an_excel_sheet(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for row in ROWS:
        book.active.append([cell or None for cell in row])
    book.save(tmp_path / "register.xlsx")
    register, refusals = read_register(tmp_path / "register.xlsx")
    assert refusals == ()
    check_table(register)


def test_a_table_in_a_projected_system_says_so_in_each_outline(tmp_path: Path) -> None:
    import pyproj

    to_grid = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:4547", always_xy=True)
    east, north = to_grid.transform([113.5, 113.501, 113.501], [22.75, 22.75, 22.751])
    ring = ", ".join(f"{x:.4f} {y:.4f}" for x, y in zip([*east, east[0]], [*north, north[0]], strict=True))
    path = tmp_path / "register.csv"
    path.write_text(f'code,name,wkt\n{CODE},x,"SRID=4547;POLYGON(({ring}))"\n')
    register, refusals = read_register(path)
    assert refusals == ()
    assert register.sites[0].shape.bounds == pytest.approx((113.5, 22.75, 113.501, 22.751), abs=1e-7)
    path.write_text(f'code,name,wkt\n{CODE},x,"POLYGON(({ring}))"\n')
    with pytest.raises(InputRefused, match="no degrees"):
        read_register(path)


@pytest.mark.parametrize(
    ("text", "code"),
    [("POLYGON((113.5 22.75, 113.6", "no-shape"), ("", "no-shape"), ("POINT(113.5 22.75)", "not-a-polygon")],
)
def test_a_row_without_a_sound_outline_is_refused_alone(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "register.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([*ROWS[:2], (OTHER, "x", "", "", "", text)])
    register, refusals = read_register(path)
    assert len(register.sites) == 1
    assert [refusal.code for refusal in refusals] == [code]


@pytest.mark.parametrize("system", ["99999", "abc", ""])
def test_a_table_in_an_unknown_system_is_refused_not_guessed(tmp_path: Path, system: str) -> None:
    path = tmp_path / "register.csv"
    path.write_text(f'code,name,wkt\n{CODE},x,"SRID={system};POLYGON((1 1, 2 1, 2 2, 1 1))"\n')
    with pytest.raises(InputRefused, match="unknown coordinate system"):
        read_register(path)


def test_what_the_driver_takes_otherwise_than_it_is_written_is_told(tmp_path: Path) -> None:
    # A Shapefile keeps numbers as text; this one has a letter in it, which the driver leaves out with a warning.
    import geopandas

    path = tmp_path / "sites.shp"
    geopandas.read_file(write(tmp_path / "sites.geojson", site(boundary_s=0.5))).to_file(path, encoding="utf-8")
    table = path.with_suffix(".dbf").read_bytes()
    assert table.count(b"0.500000000") == 1
    path.with_suffix(".dbf").write_bytes(table.replace(b"0.500000000", b"0.5G0000000"))
    register, refusals = read_register(path)
    assert len(register.sites) == 1
    assert [refusal.code for refusal in refusals] == ["driver-warning"]
    assert "0.5G" in refusals[0].reason


def test_mending_is_asked_for_and_listed(tmp_path: Path) -> None:
    ring = square(113.5, 22.75)[0]
    (east, south), (_, north) = ring[1], ring[2]
    spiked = [
        *ring[:2],
        [east, south + 6e-4],
        [east + 2e-6, south + 6.1e-4],
        [east, south + 5.9e-4],
        [east, north],
        *ring[3:],
    ]
    path = write(tmp_path / "sites.geojson", feature([spiked], code=CODE, name="x"), site(113.6, code=OTHER))
    _, refusals = read_register(path)
    assert [refusal.code for refusal in refusals] == ["invalid-shape"]
    register, refusals, mended = read_mended_register(path)
    assert len(register.sites) == 2
    assert refusals == ()
    assert [one.subject for one in mended] == ["sites.geojson, feature 1"]


@pytest.mark.parametrize("suffix", ["geojson", "csv", "kml"])
def test_a_damaged_file_is_read_or_refused_and_never_breaks(tmp_path: Path, suffix: str) -> None:
    import geopandas

    source = geopandas.read_file(FOLDER / "sites.geojson").head(3)
    whole = tmp_path / f"whole.{suffix}"
    if suffix == "csv":
        rows = [("code", "name", "wkt"), *zip(source["code"], source["name"], source.geometry.to_wkt(), strict=True)]
        with whole.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
    else:
        source.to_file(whole, driver="KML" if suffix == "kml" else "GeoJSON")
    content = whole.read_bytes()
    chance = random.Random(suffix)  # noqa: S311 - damage, not secrets
    outcomes = set()
    for number in range(25):
        damaged = bytearray(content[: chance.randrange(len(content))] if number % 3 == 0 else content)
        for _ in range(chance.randrange(1, 12)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path = tmp_path / f"{number}.{suffix}"
        path.write_bytes(bytes(damaged))
        try:
            register, _ = read_register(path)
            outcomes.add(len(register.sites) <= 3)
        except InputRefused as refused:
            outcomes.add(refused.path == path)
    assert outcomes == {True}


def test_a_table_without_outlines_is_refused(tmp_path: Path) -> None:
    (tmp_path / "register.csv").write_text("code,name\nx,y\n")
    with pytest.raises(InputRefused, match="no column of outlines"):
        read_register(tmp_path / "register.csv")
    (tmp_path / "register.xlsx").write_bytes(b"no workbook")
    with pytest.raises(InputRefused, match="cannot be read as Excel"):
        read_register(tmp_path / "register.xlsx")


def test_a_kml_from_a_map_application(tmp_path: Path) -> None:
    ring = " ".join(f"{lon},{lat},0" for lon, lat in square(113.5, 22.75)[0])
    field = '<Data name="{}"><value>{}</value></Data>'
    (tmp_path / "register.kml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark>'
        f"<name>珠江示范化工</name><ExtendedData>{field.format('code', CODE)}{field.format('licence', '经营')}"
        f"</ExtendedData><Polygon><outerBoundaryIs><LinearRing><coordinates>{ring}</coordinates></LinearRing>"
        "</outerBoundaryIs></Polygon></Placemark></Document></kml>",
        encoding="utf-8",
    )
    register, refusals = read_register(tmp_path / "register.kml")
    assert refusals == ()
    assert (register.sites[0].code, register.sites[0].name) == (CODE, "珠江示范化工")
    assert register.sites[0].attributes["licence"] == "经营"


@pytest.mark.parametrize("declared", [True, False])
def test_a_shapefile_in_gbk_keeps_its_names(tmp_path: Path, declared: bool) -> None:  # noqa: FBT001 - a case
    import geopandas

    path = tmp_path / "sites.shp"
    geopandas.read_file(write(tmp_path / "sites.geojson", site())).to_file(path, encoding="GBK")
    assert "珠江".encode("gbk") in path.with_suffix(".dbf").read_bytes()
    if not declared:
        path.with_suffix(".cpg").unlink()
    register, refusals = read_register(path)
    assert refusals == ()
    assert register.sites[0].name == "珠江示范化工"


def test_a_declared_datum_is_converted(tmp_path: Path) -> None:
    import shapely

    true_place, _ = read_register(write(tmp_path / "true.geojson", site()))
    shifted = shapely.transform(true_place.sites[0].shape, lambda lonlat: from_wgs84(lonlat, Datum.GCJ02))
    path = write(tmp_path / "gcj.geojson", feature([[list(xy) for xy in shifted.exterior.coords]], code=CODE, name="x"))
    read, _ = read_register(path, datum=Datum.GCJ02)
    assert shapely.hausdorff_distance(read.sites[0].shape, true_place.sites[0].shape) < 1e-9
    unread, _ = read_register(path)
    assert shapely.hausdorff_distance(unread.sites[0].shape, true_place.sites[0].shape) > 3e-3


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the driver says that it cuts them
@pytest.mark.filterwarnings("ignore:Column names longer:UserWarning")
def test_a_shapefile_that_cut_off_chinese_headings_is_understood(tmp_path: Path) -> None:
    import geopandas

    frame = geopandas.read_file(write(tmp_path / "sites.geojson", site()))
    renamed = frame.rename(columns={"code": "统一社会信用代码", "name": "企业名称"})
    renamed.to_file(tmp_path / "cut.shp", encoding="gbk")
    kept = set(geopandas.read_file(tmp_path / "cut.shp", encoding="gbk").columns)
    assert "统一社会信用代码" not in kept  # ten bytes are all there is
    register, refusals = read_register(tmp_path / "cut.shp")
    assert refusals == ()
    assert [(one.code, one.name) for one in register.sites] == [
        (one.code, one.name) for one in read_register(tmp_path / "sites.geojson")[0].sites
    ]
