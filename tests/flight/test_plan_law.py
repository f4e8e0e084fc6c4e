"""Lawful flight: what the regulation asks is found, with its article; the application is filled in Chinese."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import shapely

from core.clock import BEIJING
from core.errors import InputRefused, PlanRefused
from core.points import GeoPoint, LocalPlane, from_plane
from flight.exports.application_sheet import sheet_of, write_application_sheet
from flight.flight_plan import Severity
from flight.patrol import Approval, KeyArea, Limits, Patrol, TimeWindow
from flight.plan import plan
from flight.planning.airspace_law import deadlines
from flight.planning.airspace_rules import read_airspace_rules
from flight.planning.catalogue import read_catalogue

HOME = GeoPoint(lon_deg=113.5, lat_deg=22.8)
NOON = datetime(2026, 10, 1, 12, 0, tzinfo=BEIJING)


def patrol(**area: Any) -> Patrol:
    plane = LocalPlane(origin=HOME)
    shape = shapely.transform(shapely.box(50, 50, 250, 250), lambda p: from_plane(plane, p))
    plain: dict[str, Any] = {"height_agl_m": 80.0, "speed_m_s": 8.0}
    return Patrol(
        name="国庆巡查",
        areas=(KeyArea(name="罐区", shape=shape, **plain | area),),
        aircraft=read_catalogue().aircraft["dji-m30t"],
        camera=read_catalogue().cameras["dji-m30t-wide"].camera,
        home=HOME,
        photo_interval_s=0.7,
    )


def verdicts(asked: Patrol, at: datetime | None = NOON) -> dict[str, list[Severity]]:
    found: dict[str, list[Severity]] = {}
    for finding in plan(asked, at=at).findings:
        if finding.code.startswith("law-"):
            assert "第" in finding.basis
            assert "条" in finding.basis
            found.setdefault(finding.code.split("-", 3)[3], []).append(finding.severity)
    return found


APPROVAL = Approval(
    number="穗空〔2026〕17号",
    starts_at=datetime(2026, 10, 1, 0, tzinfo=UTC),
    ends_at=datetime(2026, 10, 1, 10, tzinfo=UTC),
    max_height_agl_m=120.0,
)


@pytest.mark.parametrize("kind", ["hazmat", "petrol_station", "port", "substation"])
def test_controlled_ground_needs_an_approval_at_any_height(kind: str) -> None:
    without = patrol(airspace=(kind,), height_agl_m=30.0)
    assert verdicts(without)["approval"] == [Severity.FAIL]
    assert verdicts(replace(without, approval=APPROVAL))["approval"] == [Severity.PASS]


def test_open_ground_up_to_120_m_needs_none() -> None:
    assert verdicts(patrol())["approval"] == [Severity.PASS]


def test_above_120_m_needs_one_that_covers_the_height() -> None:
    high = replace(patrol(height_agl_m=150.0), limits=Limits(max_height_agl_m=200.0))
    assert verdicts(high)["approval"] == [Severity.FAIL]
    assert verdicts(replace(high, approval=APPROVAL))["approval"] == [Severity.FAIL]
    assert verdicts(replace(high, approval=replace(APPROVAL, max_height_agl_m=160.0)))["approval"] == [Severity.PASS]


def test_ground_of_an_unknown_kind_is_not_let_pass() -> None:
    assert Severity.FAIL in verdicts(replace(patrol(airspace=("volcano",)), approval=APPROVAL))["controlled-ground"]


def test_night_needs_to_be_allowed() -> None:
    night = datetime(2026, 10, 1, 23, 0, tzinfo=BEIJING)
    assert verdicts(patrol())["night"] == [Severity.PASS]
    assert verdicts(patrol(), night)["night"] == [Severity.FAIL]
    assert verdicts(replace(patrol(), limits=Limits(night_flight=True)), night)["night"] == [Severity.WARN]


def test_the_deadlines_are_those_of_articles_26_29_and_30() -> None:
    rules = read_airspace_rules("cn")
    due = deadlines(rules, datetime(2026, 10, 1, 9, 0, tzinfo=BEIJING))
    assert due.apply_by == datetime(2026, 9, 30, 12, 0, tzinfo=BEIJING)
    assert due.decided_by == datetime(2026, 9, 30, 21, 0, tzinfo=BEIJING)
    assert due.report_by == datetime(2026, 10, 1, 8, 0, tzinfo=BEIJING)
    urgent = deadlines(rules, datetime(2026, 10, 1, 9, 0, tzinfo=BEIJING), emergency=True)
    assert urgent.apply_by == datetime(2026, 10, 1, 8, 30, tzinfo=BEIJING)


def test_outside_its_period_a_patrol_is_refused_with_the_next_window() -> None:
    flood = replace(patrol(), periods=("FS",))
    assert plan(flood, at=NOON).sorties
    with pytest.raises(PlanRefused, match=r"汛期 from 2027-04-15T00:00\+08:00"):
        plan(flood, at=datetime(2026, 12, 1, 12, 0, tzinfo=BEIJING))
    with pytest.raises(PlanRefused, match="knows no period XX"):
        plan(replace(patrol(), periods=("XX",)), at=NOON)


def test_outside_an_areas_window_a_patrol_is_refused() -> None:
    window = TimeWindow(starts_at=datetime(2026, 10, 1, 0, tzinfo=UTC), ends_at=datetime(2026, 10, 1, 2, tzinfo=UTC))
    with pytest.raises(PlanRefused, match="罐区 may be flown"):
        plan(patrol(window=window), at=NOON)


def test_the_application_is_filled_and_blank_where_nothing_is_known(tmp_path: Path) -> None:
    asked = replace(patrol(airspace=("hazmat",)), operator="某区应急管理局")
    rules = read_airspace_rules("cn")
    flight_plan = plan(asked)
    rows = dict(sheet_of(flight_plan, asked, rules, NOON)["rows"])
    assert rows["组织单位"] == "某区应急管理局"
    assert "危险品" in rows["涉及管制空域"]
    assert "2026-09-30 12:00" in rows["申请、报告时限"]
    assert rows["通信联络方法"].strip("＿") == ""
    first, second = tmp_path / "a.pdf", tmp_path / "b.pdf"
    write_application_sheet(flight_plan, asked, rules, NOON, first)
    write_application_sheet(flight_plan, asked, rules, NOON, second)
    assert first.read_bytes().startswith(b"%PDF-")
    assert first.read_bytes() == second.read_bytes()


def test_half_a_rule_file_judges_nothing(tmp_path: Path) -> None:
    whole = (Path(__file__).parents[2] / "missions" / "airspace" / "cn.yaml").read_text(encoding="utf-8")
    (tmp_path / "xx.yaml").write_text(whole.replace("open_height_m: 120", "open_heigth_m: 120"), encoding="utf-8")
    with pytest.raises(InputRefused, match="open_height_m is missing"):
        read_airspace_rules("xx", tmp_path)
    with pytest.raises(InputRefused, match="cannot be read"):
        read_airspace_rules("yy", tmp_path)


@pytest.mark.parametrize(
    ("now", "emergency", "verdict", "words"),
    [
        ("2026-09-30T11:59", False, Severity.WARN, "apply by 2026-09-30T12:00"),
        ("2026-09-30T12:01", False, Severity.FAIL, r"applied for now, it may be flown from 2026-10-02T00:00"),
        ("2026-10-01T11:29", True, Severity.WARN, "apply by 2026-10-01T11:30"),
        ("2026-10-01T11:31", True, Severity.FAIL, r"applied for now, it may be flown from 2026-10-01T12:01"),
    ],
)
def test_an_application_that_comes_too_late_is_said(
    *, now: str, emergency: bool, verdict: Severity, words: str
) -> None:
    asked = replace(patrol(airspace=("hazmat",)), emergency=emergency)
    moment = datetime.fromisoformat(now).replace(tzinfo=BEIJING)
    (finding,) = [one for one in plan(asked, at=NOON, now=moment).findings if one.code.endswith("deadlines")]
    assert finding.severity is verdict
    assert re.search(words, finding.text)
    approved = plan(replace(asked, approval=APPROVAL), at=NOON, now=moment)
    assert all(one.severity is not Severity.FAIL for one in approved.findings)
