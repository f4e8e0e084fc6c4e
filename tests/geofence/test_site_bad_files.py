"""Register files as offices send them, and files that are broken: each is read, or refused in a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import geopandas
import openpyxl
import pytest
import shapely
from shapely.geometry import mapping

from core.errors import InputRefused
from geofence.register.credit_code import complete_code
from geofence.register.site_files import read_register

CODES = [complete_code("91", "440115", f"MA{number:06d}") for number in range(9)]
YARD = shapely.box(113.50, 22.70, 113.501, 22.701)
THREE = shapely.Polygon([(113.51, 22.7), (113.511, 22.7), (113.511, 22.701)])
HEADINGS = ["统一社会信用代码", "企业名称", "范围", "危险等级"]


def excel(path: Path, rows: Sequence[Sequence[object]], merged: Sequence[str] = ()) -> Path:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(row)
    for cells in merged:
        sheet.merge_cells(cells)
    book.save(path)
    return path


def geojson(path: Path, *geometries: dict[str, Any] | shapely.Geometry | None) -> Path:
    features = [
        {
            "type": "Feature",
            "properties": {"code": CODES[number], "name": f"第{number}厂"},
            "geometry": mapping(one) if isinstance(one, shapely.Geometry) else one,
        }
        for number, one in enumerate(geometries)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


def shapefile(path: Path) -> Path:
    frame = geopandas.GeoDataFrame({"code": CODES[:2], "name": ["甲", "乙"]}, geometry=[YARD, THREE], crs="EPSG:4326")
    frame.to_file(path, encoding="gbk")
    path.with_suffix(".cpg").unlink(missing_ok=True)
    return path


def test_a_ledger_with_a_title_and_merged_cells_says_of_each_row_what_it_shows(tmp_path: Path) -> None:
    rows = [
        ["二〇二六年企业台账", None, None, None],
        HEADINGS,
        [CODES[0], "甲", YARD.wkt, "一级"],
        [CODES[1], "乙", THREE.wkt, None],
    ]
    register, refusals = read_register(excel(tmp_path / "ledger.xlsx", rows, ["A1:D1", "D3:D4"]))
    assert refusals == ()
    assert [(site.name, site.attributes["危险等级"]) for site in register.sites] == [("甲", "一级"), ("乙", "一级")]


def test_one_enterprise_over_two_merged_rows_is_a_duplicate_and_not_lost(tmp_path: Path) -> None:
    rows = [HEADINGS, [CODES[0], "甲", YARD.wkt, ""], [None, None, THREE.wkt, ""]]
    register, (refusal,) = read_register(excel(tmp_path / "two.xlsx", rows, ["A2:A3", "B2:B3"]))
    assert len(register.sites) == 1
    assert refusal.code == "duplicate-code"


def test_a_code_that_a_spreadsheet_took_for_a_number_says_so(tmp_path: Path) -> None:
    rows = [HEADINGS, [911234567890123456, "甲", YARD.wkt, "x"], [CODES[1], "乙", THREE.wkt, "x"]]
    _register, (refusal,) = read_register(excel(tmp_path / "number.xlsx", rows))
    assert refusal.code == "bad-code"
    assert "took the code for a number" in (refusal.remedy or "")


def test_an_outline_that_is_no_wkt_is_told_with_its_row(tmp_path: Path) -> None:
    rows = [["台账"], HEADINGS, [CODES[0], "甲", "POLYGON((113 22, 113.1", "x"], [CODES[1], "乙", THREE.wkt, "x"]]
    register, (refusal,) = read_register(excel(tmp_path / "cut.xlsx", rows))
    assert [site.name for site in register.sites] == ["乙"]
    assert refusal.code == "no-shape"
    assert refusal.reason == "its outline in row 3 is no WKT: POLYGON((113 22, 113.1"


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gbk"])
def test_a_csv_of_any_delimiter_and_encoding_is_read(tmp_path: Path, mark: str, encoding: str) -> None:
    lines = ["台账", mark.join(["code", "企业名称", "wkt"]), mark.join([CODES[0], "甲厂", f'"{YARD.wkt}"'])]
    (tmp_path / "sites.csv").write_bytes("\r\n".join(lines).encode(encoding))
    register, refusals = read_register(tmp_path / "sites.csv")
    assert refusals == ()
    assert register.sites[0].name == "甲厂"
    assert register.sites[0].shape.equals_exact(YARD, 1e-9)


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda path: path.with_suffix(".shx").unlink(), r"lacks its companion sites\.shx\. Copy all files"),
        (lambda path: path.with_suffix(".dbf").unlink(), r"lacks its companion sites\.dbf\. Copy all files"),
        (lambda path: path.write_bytes(path.read_bytes()[:150]), r"is cut off: 150 of \d+ bytes are there"),
        (lambda path: path.write_bytes(b""), r"sites\.shp: is empty"),
        (
            lambda path: path.with_suffix(".dbf").write_bytes(path.with_suffix(".dbf").read_bytes()[:120]),
            "cannot be read as vectors",
        ),
    ],
)
def test_a_shapefile_that_is_not_whole_is_refused(
    tmp_path: Path, break_it: Callable[[Path], object], says: str
) -> None:
    path = shapefile(tmp_path / "sites.shp")
    register, _refusals = read_register(path)
    assert [site.name for site in register.sites] == ["甲", "乙"]
    break_it(path)
    with pytest.raises(InputRefused, match=says):
        read_register(path)


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".kml", ".csv", ".xlsx"])
def test_an_empty_file_is_called_so(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"sites{suffix}"
    path.write_bytes(b"")
    with pytest.raises(InputRefused, match="is empty"):
        read_register(path)


def test_a_page_saved_as_a_site_file_is_refused_without_advice_to_programmers(tmp_path: Path) -> None:
    (tmp_path / "sites.geojson").write_text("<html>404</html>")
    with pytest.raises(InputRefused, match=r"is no \.geojson file, whatever its name says") as refused:
        read_register(tmp_path / "sites.geojson")
    assert "DRIVER" not in str(refused.value)


def test_one_outline_with_latitude_first_is_named(tmp_path: Path) -> None:
    exchanged = shapely.transform(YARD, lambda lonlat: lonlat[:, ::-1])
    with pytest.raises(InputRefused, match=r"latitude before longitude in some outlines \(features 2\)"):
        read_register(geojson(tmp_path / "sites.geojson", YARD, exchanged, THREE))


def test_of_mixed_features_each_bad_one_is_told_for_what_it_is(tmp_path: Path) -> None:
    bow_tie = shapely.Polygon([(113.5, 22.7), (113.501, 22.701), (113.501, 22.7), (113.5, 22.701)])
    lost_hole = shapely.Polygon(YARD.exterior, [shapely.box(113.6, 22.7, 113.601, 22.701).exterior])
    line = shapely.Polygon([(113.5, 22.7), (113.501, 22.7), (113.502, 22.7)])
    register, refusals = read_register(
        geojson(
            tmp_path / "sites.geojson", YARD, shapely.Point(113.5, 22.7), bow_tie, lost_hole, THREE,
            shapely.force_3d(YARD, 12.0), line, None,
        )
    )  # fmt: skip
    assert [site.name for site in register.sites] == ["第0厂", "第4厂", "第5厂"]
    assert not any(site.shape.has_z for site in register.sites)
    codes = [refusal.code for refusal in refusals]
    assert codes == ["not-a-polygon", "invalid-shape", "invalid-shape", "invalid-shape", "no-shape"]
    assert refusals[1].reason == "its outline crosses or touches itself at 22.700500, 113.500500"
    assert "--crossings" in (refusals[1].remedy or "")
    assert "a hole of its outline lies outside it" in refusals[2].reason
    assert "hole inside the outline" in (refusals[2].remedy or "")


def test_a_kml_with_heights_loses_them_and_one_that_does_not_close_is_refused(tmp_path: Path) -> None:
    ring = "113.5,22.7,35 113.501,22.7,35 113.501,22.701,36 113.5,22.701,36"
    text = (
        '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark><name>甲厂</name><ExtendedData>'
        f'<Data name="code"><value>{CODES[0]}</value></Data></ExtendedData><Polygon>'
        "<altitudeMode>absolute</altitudeMode><outerBoundaryIs><LinearRing><coordinates>{ring}</coordinates>"
        "</LinearRing></outerBoundaryIs></Polygon></Placemark></Document></kml>"
    )
    (tmp_path / "closed.kml").write_text(text.replace("{ring}", ring + " 113.5,22.7,35"), encoding="utf-8")
    register, refusals = read_register(tmp_path / "closed.kml")
    assert refusals == ()
    assert not register.sites[0].shape.has_z
    (tmp_path / "open.kml").write_text(text.replace("{ring}", ring), encoding="utf-8")
    with pytest.raises(InputRefused, match="it has no outline that can be read"):
        read_register(tmp_path / "open.kml")
