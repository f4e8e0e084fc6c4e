"""The calendar's commands as a user types them: key periods, a season's schedule, the schema; and the wrong file."""

from __future__ import annotations

import json
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from app.commands import build
from core.errors import InputRefused, PlanRefused, SkywardenError
from flight.planning.yaml_lines import read_yaml

ROOT = Path(__file__).resolve().parents[2]
PATROL = """skywarden: patrol/1
name: 春季林区
aircraft: dji-m30t
home: {lon: 113.58, lat: 22.76}
areas:
  - name: 林区甲
    shape: {coordinates: [[113.581, 22.761], [113.584, 22.761], [113.584, 22.763]]}
    height_agl_m: 100
    risk_grade: 1
    credit_grade: D
  - name: 林区乙
    shape: {coordinates: [[113.581, 22.765], [113.584, 22.765], [113.584, 22.767]]}
    height_agl_m: 100
    risk_grade: 2
periods: [QM, FF]
crews:
  - {name: 甲组, launch: {lon: 113.58, lat: 22.76}}
"""


def run(*words: str) -> Result:
    return CliRunner().invoke(build(), list(words), env={"COLUMNS": "150"})


@pytest.fixture
def patrol(tmp_path: Path) -> Path:
    path = tmp_path / "patrol.yaml"
    path.write_text(PATROL, encoding="utf-8")
    return path


def test_the_periods_name_days_hazards_and_the_areas_due(patrol: Path) -> None:
    done = run("periods", "--from", "2026-04-01", "--to", "2026-04-30", "--patrol", str(patrol))
    assert done.exit_code == 0, done.output
    (qm,) = [line for line in done.output.splitlines() if "│ QM " in line]
    assert "2026-03-29" in qm
    assert "2026-04-12" in qm
    assert "林区甲, 林区乙" in qm
    assert "H29 " in done.output.splitlines()[-1]


def test_a_season_is_a_table_a_calendar_and_a_file(patrol: Path, tmp_path: Path) -> None:
    import icalendar

    out = tmp_path / "season"
    done = run("season", str(patrol), "--from", "2026-03-01", "--to", "2026-05-31", "--out", str(out))
    assert done.exit_code == 0, done.output
    document = json.loads((out / "season.json").read_text(encoding="utf-8"))
    events = list(icalendar.Calendar.from_ical((out / "season.ics").read_bytes()).walk("VEVENT"))
    assert len(document["flights"]) == len(events) == done.output.count("甲组")
    by_area = {one["area"]: one for one in document["areas"]}
    assert {name: one["every_days"] for name, one in by_area.items()} == {"林区甲": 7, "林区乙": 30}
    assert all(one["met"] for one in document["areas"])
    for name, one in by_area.items():
        days = [date.fromisoformat(f["starts_at"][:10]) for f in document["flights"] if f["area"] == name]
        assert len(days) == one["visits"]
        ends = [date(2026, 2, 28), *days, date(2026, 4, 30)]
        assert max((b - a for a, b in pairwise(ends))) == timedelta(days=one["longest_gap_days"])
    first = (out / "season.ics").read_bytes()
    run("season", str(patrol), "--from", "2026-03-01", "--to", "2026-05-31", "--out", str(out))
    assert (out / "season.ics").read_bytes() == first


def test_a_season_without_time_says_which_visit_it_cannot_place(patrol: Path) -> None:
    done = run("season", str(patrol), "--from", "2026-03-01", "--to", "2026-03-31", "--hours", "0.01")
    assert isinstance(done.exception, PlanRefused)
    assert "林区甲: no crew has time for its visit from 2026-03-01 to 2026-03-07" in done.output
    assert "NO" in done.output


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("甲组, launch", "甲组, start", r"line 17: crews/0"),
        ("dji-m30t", "dji-m99", r"line 3: the catalogue knows no aircraft called dji-m99"),
        ("[[113.581, 22.761], [113.584, 22.761], [113.584, 22.763]]",
         "[[113.581, 22.761], [113.584, 22.763], [113.584, 22.761], [113.581, 22.763]]", r"line 7: .*not valid"),
        ("name: 甲组, ", "name: 甲组, aircraft: dji-m99, ", r"line 17: the catalogue knows no aircraft called dji-m99"),
        ("risk_grade: 1", "risk_grade: 9", r"line 9: areas/0/risk_grade: 9"),
        ("periods: [QM, FF]", "periods: [QM, QM]", r"line 15: periods"),
        ("height_agl_m: 100", "height_agl_m: [100", r"line \d+: "),
    ],
)  # fmt: skip
def test_a_wrong_patrol_is_refused_with_its_line(patrol: Path, old: str, new: str, words: str) -> None:
    patrol.write_text(PATROL.replace(old, new, 1), encoding="utf-8")
    for command in (("plan", str(patrol), "--out", str(patrol.parent / "x")),
                    ("season", str(patrol), "--from", "2026-03-01", "--to", "2026-03-31")):  # fmt: skip
        done = run(*command)
        assert isinstance(done.exception, InputRefused)
        with pytest.raises(SkywardenError, match=words):
            raise done.exception


def test_a_wrong_frequency_file_is_refused_with_its_line(patrol: Path, tmp_path: Path) -> None:
    text = (ROOT / "missions/periods/frequency.yaml").read_text(encoding="utf-8")
    wrong = tmp_path / "frequency.yaml"
    wrong.write_text(text.replace("1: 15", "1: soon"), encoding="utf-8")
    done = run("season", str(patrol), "--from", "2026-03-01", "--to", "2026-03-31", "--frequency", str(wrong))
    assert isinstance(done.exception, InputRefused)
    assert "line 6: risk_grade_days" in str(done.exception)


def test_the_schema_that_is_printed_is_the_one_that_is_checked(patrol: Path) -> None:
    done = run("schema", "patrol")
    schema = json.loads(done.output)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(read_yaml(patrol).value, schema)
    assert isinstance(run("schema", "sites").exception, InputRefused)
