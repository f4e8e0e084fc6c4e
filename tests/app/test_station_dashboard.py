"""The dashboard's figures against a store that was counted by hand, and its files read back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.station.roles import Role
from benchmarks.station_cases import fill_store, synthetic_incidents
from core.errors import InputRefused
from evidence.cases.life import Decision, Deed, Document, Person, Quality, Reason, Verdict
from evidence.incident import Incident
from geofence.attribution import Attribution, Share
from maps.coverage_file import COVERAGE, write_parts
from maps.geo_files import write_geopackage
from maps.scene import Scene
from tests.app.station_world import NOW, Bureau, open_bureau
from tests.maps.test_offline_map import scene

__all__ = ["scene"]  # the fixture
FIRST, SECOND = Person(name="甲", certificate_no="粤1"), Person(name="乙", certificate_no="粤2")
DAY = datetime(2026, 11, 16, 2, tzinfo=UTC)  # a Monday, ten in the morning in Beijing
HOSTILE = "=1+1<script>厂"


def _incident(number: int, *, day: int, site: str) -> Incident:
    """An incident seen ``day`` days after DAY on a site."""
    made = list(synthetic_incidents(40, seed=9))[number]
    seen = DAY + timedelta(days=day, minutes=number)
    fix = replace(made.sighting.fixes[0], captured_at=seen)
    sighting = replace(made.sighting, fixes=(fix,))
    attribution = Attribution(sighting_id=sighting.sighting_id, site_code=site, zones=(),
                              sites=(Share(key=site, version="v", probability=0.9),))  # fmt: skip
    hazard = replace(made.hazard, code="H13" if number % 2 else "H01", name_en="one" if number % 2 else "two")
    return replace(made, hazard=hazard, sighting=sighting, attribution=attribution, opened_at=seen + timedelta(hours=1))


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[Bureau]:
    """Eight cases: five in north (three confirmed, one of them rectified; one rejected; one lead), three in south."""
    with open_bureau(tmp_path) as opened:
        from app.station.models import CaseCard, District

        north, south = (
            District.objects.create(code=code, name=name).pk for code, name in (("north", "北区"), ("south", "南区"))
        )
        cases = [_incident(number, day=day, site=site) for number, day, site in (
            (0, 0, "A"), (1, 1, "A"), (2, 8, "B"), (3, 8, "B"), (4, 8, "A"))]  # fmt: skip
        fill_store(cases, districts=[north])
        fill_store([_incident(number, day=9, site="C") for number in (5, 6, 7)], districts=[south])
        CaseCard.objects.filter(site_code="A").update(site_name=HOSTILE)
        confirm, reject = [(case, Verdict.CONFIRM) for case in cases[:3]], [(cases[3], Verdict.REJECT)]
        for hours, (case, verdict) in enumerate(confirm + reject, start=1):
            seen = case.sighting.last_seen
            opened.clock.instant = max(opened.clock.instant, seen)
            _decide(case, Deed.TAKEN_UP, seen + timedelta(minutes=70), FIRST)
            for person, later in ((FIRST, hours), (SECOND, 2 * hours)):
                _decide(case, Deed.VERDICT, seen + timedelta(hours=1 + later), person, verdict=verdict,
                        reason=Reason.FALSE_DETECTION if verdict is Verdict.REJECT else None)  # fmt: skip
        _on(cases[0])
        yield opened


def _decide(case: Incident, deed: Deed, at: datetime, *people: Person, **more: Any) -> None:
    from app.station.context import station
    from core.refusal import Refusal

    outcome = station().store.decide(case.incident_id, Decision(at=at, deed=deed, people=people, **more))
    assert not isinstance(outcome, Refusal), outcome


def _on(case: Incident) -> None:
    """Take the first case on to rectified, and issue a document of the second whose time runs out."""
    at = case.sighting.last_seen + timedelta(days=1)
    _decide(case, Deed.CHECKED_ON_SITE, at, FIRST, SECOND, place="厂门", note="属实")
    good = Quality(true=True, clear=True, complete=True, accurate=True)
    _decide(case, Deed.ACCEPTED, at + timedelta(hours=1), FIRST, quality=good)
    for document in (Document.ON_SITE_RECORD, Document.RECTIFICATION_ORDER, Document.RECHECK_OPINION):
        _decide(case, Deed.DOCUMENT_ISSUED, at + timedelta(hours=2), FIRST, document=document)
    _decide(case, Deed.RECTIFIED, at + timedelta(hours=3), FIRST, SECOND, note="已整改")


def figures(bureau: Bureau, query: str = "", district: str = "") -> Any:
    from app.station.case_filter import CaseFilter
    from app.station.figures import figures_of

    parts = dict(part.split("=") for part in query.split("&") if part)
    return figures_of(bureau.person(Role.COMMANDER, district), CaseFilter(**parts), now=NOW, chinese=False)


def test_counts_are_those_counted_by_hand(counted: Bureau) -> None:
    found = figures(counted)
    total = found.total
    assert (total.leads, total.confirmed, total.rejected, total.rectified, total.open) == (8, 3, 1, 1, 6)
    # Second verdicts came 1 + 2, 1 + 4, 1 + 6 and 1 + 8 hours after the flight: 3, 5, 7 and 9.
    assert total.median_h == pytest.approx(6.0)
    assert found.p90_h == pytest.approx(8.4)
    by = {one.key: (one.name, one.leads, one.confirmed, one.rejected) for one in found.by_district}
    assert by == {"north": ("北区", 5, 3, 1), "south": ("南区", 3, 0, 0)}
    assert {one.key: (one.leads, one.confirmed) for one in found.by_hazard} == {"H01": (4, 2), "H13": (4, 1)}
    assert {one.key: (one.leads, one.confirmed) for one in found.by_site} == {"A": (3, 2), "B": (2, 1), "C": (3, 0)}
    assert [(one.key, one.leads, one.confirmed) for one in found.by_week] == [
        ("2026-11-16", 2, 2),
        ("2026-11-23", 6, 1),
    ]
    assert [(one.key, one.confirmed) for one in found.repeats] == [("A", 2)]  # on two days; B only on one


def test_period_district_hazard_and_site_narrow_them(counted: Bureau) -> None:
    assert figures(counted, "since=2026-11-16&until=2026-11-17").total.leads == 2
    assert figures(counted, "since=2026-11-24&until=2026-11-24").total.leads == 3
    assert figures(counted, "hazard=H13").total.leads == 4
    assert figures(counted, "site=C").total.leads == 3
    assert figures(counted, "district=north").total.leads == 5
    empty = figures(counted, "since=2027-01-01")
    assert (empty.total.leads, empty.total.median_h, empty.p90_h, empty.by_week) == (0, None, None, ())


def test_other_districts_are_not_counted(counted: Bureau) -> None:
    assert figures(counted, district="south").total.leads == 3
    assert [one.key for one in figures(counted, district="south").by_district] == ["south"]
    page = counted.browser(Role.COMMANDER, "south").get("/dashboard").content.decode()
    assert HOSTILE not in page
    assert "北区" not in page


def test_overdue_counts_from_the_documents(counted: Bureau) -> None:
    from app.station.models import CaseCard

    case = next(one for one in [_incident(2, day=8, site="B")])
    assert CaseCard.objects.filter(pk=case.incident_id).exists()
    at = case.sighting.last_seen + timedelta(days=1)
    _decide(case, Deed.CHECKED_ON_SITE, at, FIRST, SECOND, place="厂门", note="属实")
    _decide(case, Deed.DOCUMENT_ISSUED, at + timedelta(hours=1), FIRST, document=Document.PRESERVATION_NOTICE)
    from app.station.case_filter import CaseFilter
    from app.station.figures import figures_of

    user = counted.person(Role.COMMANDER, "")
    # The notice is of Wednesday 25 November; seven working days after it end with 4 December.
    for now, late in ((datetime(2026, 12, 4, 12, tzinfo=UTC), 0), (datetime(2026, 12, 4, 17, tzinfo=UTC), 1)):
        assert figures_of(user, CaseFilter(), now=now, chinese=False).total.overdue == late
    assert figures_of(user, CaseFilter(), now=datetime(2028, 12, 1, tzinfo=UTC), chinese=False).total.overdue == 6


def test_ground_is_counted_once_and_patrol_by_patrol(counted: Bureau, scene: Scene, tmp_path: Path) -> None:
    from app.station.models import District, Run

    for number, district in enumerate(("north", "north", "south")):
        folder = tmp_path / f"run-{number}"
        folder.mkdir()
        write_geopackage(scene, folder / "patrol.gpkg")
        write_parts(scene.traces[0].coverage, folder / COVERAGE)
        Run.objects.create(folder=str(folder), title=folder.name, started_at=NOW, finished_at=NOW, imported_at=NOW,
                           report="{}", imported_by="x", district=District.objects.get(code=district))  # fmt: skip
    Run.objects.create(folder=str(tmp_path / "gone"), title="gone", started_at=NOW, finished_at=NOW, imported_at=NOW,
                       report="{}", imported_by="x", district=District.objects.get(code="north"))  # fmt: skip
    found = figures(counted)
    assert (found.patrols, found.folders_gone) == (4, 1)
    assert found.km2_looked == pytest.approx(3 * found.km2_ground, rel=1e-3)
    assert found.km2_ground > 0.01
    assert figures(counted, district="south").patrols == 1
    flown = scene.traces[0].started_at.date()
    assert figures(counted, f"since={flown}&until={flown}").patrols == 3  # the fourth is dated by its processing
    assert figures(counted, "since=2025-01-01&until=2025-02-01").patrols == 0


def test_the_page_and_its_files_tell_the_same(counted: Bureau) -> None:
    browser = counted.browser(Role.COMMANDER, "")
    page = browser.get("/dashboard?since=2026-11-01").content.decode()
    assert "<script>厂" not in page
    assert page.count("<svg") == 2

    answer = browser.get("/dashboard/report.csv?since=2026-11-01")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    [site] = [row for row in rows if row[0] == "by site" and row[1] == "A"]
    assert site[2:] == [f"'{HOSTILE}", "3", "2", "0", "1", "2", "0", "4.0"]

    import openpyxl

    book = openpyxl.load_workbook(io.BytesIO(browser.get("/dashboard/report.xlsx?since=2026-11-01").content))
    cell = next(row[1] for row in book["by site"].iter_rows(min_row=2) if row[0].value == "A")
    assert (cell.value, cell.data_type) == (HOSTILE, "s")
    told = {row[0].value: row[1].value for row in book["summary"].iter_rows(min_row=2)}
    assert (told["leads"], told["confirmed"], told["rectified"], told["repeat offenders"]) == (8, 3, 1, 1)

    pdf = browser.get("/dashboard/report.pdf?since=2026-11-01")
    assert pdf.headers["Content-Type"] == "application/pdf"
    text = pdf_text(pdf.content)
    for words in ("Report of aerial patrols", "2026-11-01", "北区", "H13", "6.0 h", "repeat offenders"):
        assert words in text, words
    assert pdf.content == browser.get("/dashboard/report.pdf?since=2026-11-01").content


def pdf_text(content: bytes) -> str:
    """The text of a PDF, as a reader copies it."""
    import subprocess

    done = subprocess.run(["pdftotext", "-layout", "-", "-"], input=content, capture_output=True, check=True)
    return done.stdout.decode()


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_no_name_is_a_formula_to_a_spreadsheet(counted: Bureau, sign: str) -> None:
    """A cell that begins so would be run by the spreadsheet of whoever opens the report (OWASP, CSV injection)."""
    from openpyxl import load_workbook

    from app.station.models import CaseCard

    name = f"{sign}HYPERLINK(1)"
    CaseCard.objects.update(site_name=name, hazard_en=name, hazard_zh=name)
    browser = counted.browser(Role.COMMANDER, "")
    text = browser.get("/dashboard/report.csv").content.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    cells = [cell for row in rows for cell in row]
    assert f"'{name}" in cells
    assert [cell for cell in cells if cell.startswith(sign) and not cell.lstrip("-").replace(".", "").isdigit()] == []
    book = load_workbook(io.BytesIO(browser.get("/dashboard/report.xlsx").content))
    cells_of_book = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells_of_book} <= {"s", "n", "d", "b"}  # "f" is a formula
    assert any("HYPERLINK" in str(cell.value) for cell in cells_of_book)


def test_unknown_forms_are_refused(counted: Bureau) -> None:
    assert counted.browser(Role.COMMANDER, "").get("/dashboard/report.exe").status_code == 400


def test_weeks_are_those_of_iso_8601(bureau: Bureau) -> None:
    from app.station.weekly import read_week, week_of

    assert bureau.store.is_file()
    assert week_of(date(2027, 1, 3)).name == "2026-W53"
    assert read_week("2026-W53", date(2020, 1, 1)).first == date(2026, 12, 28)
    assert read_week("last", date(2026, 11, 23)) == week_of(date(2026, 11, 16))
    for nonsense in ("2026-W54", "2026-47", "next", "", "２０２６-W01"):
        with pytest.raises(InputRefused, match="names no week"):
            read_week(nonsense, date(2026, 1, 1))


def test_a_week_is_written_on_schedule_and_offered_on_its_page(counted: Bureau, tmp_path: Path) -> None:
    from app.station.models import CaseCard
    from app.station.weekly import week_of, write_week

    seen = CaseCard.objects.order_by("-last_seen").first()
    assert seen is not None
    week = week_of(seen.seen_on)
    forms = ("csv", "xlsx", "pdf")
    files = write_week(week, tmp_path / "reports", forms=forms, district="", now=NOW, chinese=False)
    assert [file.name for file in files] == [f"{week.name}.{form}" for form in forms]
    leads = CaseCard.objects.filter(seen_on__range=(week.first, week.last)).count()
    assert f"\r\nall,,leads,{leads}\r\n" in files[0].read_bytes().decode("utf-8-sig")
    assert files[2].read_bytes().startswith(b"%PDF")
    before = files[2].read_bytes()
    write_week(week, tmp_path / "reports", forms=("pdf",), district="", now=NOW, chinese=False)
    assert files[2].read_bytes() == before
    browser = counted.browser(Role.COMMANDER, "north")
    page = browser.get("/dashboard/reports").content.decode()
    assert week.name in page
    asked = f"/dashboard/report.csv?since={week.first}&until={week.last}"
    assert asked.replace("&", "&amp;") in page
    assert browser.get(asked).status_code == 200
    with pytest.raises(InputRefused, match="no district"):
        write_week(week, tmp_path, forms=("csv",), district="west", now=NOW, chinese=False)
