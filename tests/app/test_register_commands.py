"""``skywarden register``: as its user calls it, with sound files and with broken ones."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.commands import build
from core.errors import InputRefused

SAMPLE = Path(__file__).resolve().parents[2] / "missions" / "register-sample"
SITES, ZONES = str(SAMPLE / "sites.geojson"), str(SAMPLE / "zones.geojson")


def run(*arguments: str) -> str:
    done = CliRunner().invoke(build(), ["register", *arguments], env={"COLUMNS": "200"})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """The sample with a repeated entry, a wrong code, a fence moved by a metre and one that crosses itself."""
    document: dict[str, Any] = json.loads((SAMPLE / "sites.geojson").read_text(encoding="utf-8"))
    features = document["features"]
    features.append(copy.deepcopy(features[0]))
    features.append(copy.deepcopy(features[1]))
    features[-1]["properties"]["code"] = "91440115MA00000000"
    features[3]["geometry"]["coordinates"] = [[[x + 1.2e-5, y] for x, y in features[3]["geometry"]["coordinates"][0]]]
    ring = features[10]["geometry"]["coordinates"][0]
    ring[1], ring[2] = ring[2], ring[1]
    features[5]["properties"]["name"] = "<script>alert(1)</script>"
    path = tmp_path / "broken.geojson"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_a_sound_register_is_said_to_be_sound(tmp_path: Path) -> None:
    said = run("check", SITES, "--zones", ZONES, "--out", str(tmp_path / "out"))
    assert "36 sites, 267 zones, 0 entries refused, 0 findings" in said
    assert "nothing is wrong" in (tmp_path / "out" / "findings.html").read_text(encoding="utf-8")


def test_a_broken_register_is_shown_on_an_offline_map_and_not_changed(broken: Path, tmp_path: Path) -> None:
    content = broken.read_bytes()
    said = run("check", str(broken), "--zones", ZONES, "--out", str(tmp_path / "out"))
    for code in ("invalid-shape", "duplicate-code", "bad-code", "unknown-site", "gap"):
        assert code in said
    page = (tmp_path / "out" / "findings.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert not re.search(r"""(src|href)\s*=\s*["']?http|url\(["']?http""", page.replace('href="https://leafletjs', ""))
    features = json.loads((tmp_path / "out" / "findings.geojson").read_text(encoding="utf-8"))["features"]
    assert {feature["properties"]["code"] for feature in features} >= {"invalid-shape", "gap"}
    assert broken.read_bytes() == content


def test_mending_says_what_and_makes_a_new_version(broken: Path, tmp_path: Path) -> None:
    folder = tmp_path / "register"
    run("import", str(broken), "--zones", ZONES, "--datum", "wgs84", "--register", str(folder))
    said = run(
        "mend", str(broken), "--zones", ZONES, "--datum", "WGS-84", "--register", str(folder), "--gaps", "--repeats"
    )
    assert "takes the line of" in said
    assert "dropped" in said
    assert "1 changed" in said
    code = json.loads((folder / "imports.jsonl").read_text().splitlines()[-1])["changed"][0]
    fences = json.loads(run("fence", str(folder), code))["features"]
    assert len({fence["properties"]["version"] for fence in fences}) == 2
    with pytest.raises(InputRefused, match="without saying what"):
        run("mend", str(broken), "--datum", "wgs84", "--register", str(folder))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("import", SITES, "--datum", "Mars", "--register", "{tmp}"), "is no datum"),
        (("import", "nowhere.gpkg", "--datum", "gcj02", "--register", "{tmp}"), "no such file"),
        (("import", "docs", "--datum", "gcj02", "--register", "{tmp}"), "folder without sites.geojson"),
        (("check", "README.md"), "no known kind"),
        (("fence", "{tmp}", "9144"), "holds no version"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=words):
        run(*(argument.format(tmp=tmp_path) for argument in arguments))
    assert not (tmp_path / "sites.geojson").exists()


def test_an_empty_register_is_refused_and_the_one_in_force_stays(tmp_path: Path) -> None:
    folder = tmp_path / "register"
    run("import", SITES, "--datum", "cgcs2000", "--register", str(folder))
    before = (folder / "sites.geojson").read_bytes()
    empty = tmp_path / "empty.geojson"
    empty.write_text('{"type": "FeatureCollection", "features": []}')
    with pytest.raises(InputRefused, match=r"no usable site|without shapes"):
        run("import", str(empty), "--datum", "wgs84", "--register", str(folder))
    assert (folder / "sites.geojson").read_bytes() == before


def test_a_register_that_lies_where_another_datum_puts_it_is_not_taken_in_unasked(tmp_path: Path) -> None:
    folder = tmp_path / "register"
    run("import", SITES, "--zones", ZONES, "--datum", "wgs84", "--register", str(folder))
    before = (folder / "sites.geojson").read_bytes()
    with pytest.raises(InputRefused, match="as WGS-84 read as GCJ-02 does"):
        run("import", SITES, "--zones", ZONES, "--datum", "gcj02", "--register", str(folder))
    assert (folder / "sites.geojson").read_bytes() == before
    said = run("import", SITES, "--zones", ZONES, "--datum", "gcj02", "--register", str(folder), "--shifted")
    assert "303 changed" in said


def test_the_datum_has_to_be_declared(tmp_path: Path) -> None:
    done = CliRunner().invoke(build(), ["register", "import", SITES, "--register", str(tmp_path)])
    assert done.exit_code == 2
    assert "--datum" in done.output
