"""Review through the pages: queue, verdicts, undo, corrections, known answers, agreement."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.station.roles import Role
from benchmarks.station_cases import fill_store, synthetic_incidents
from core.ids import derived_id
from core.points import GeoPoint
from evidence.incident import Incident, State
from geofence.attribution import Mode, Origin, Undecided, Viewpoint
from geofence.fix import Covariance, Extent
from tests.app.station_world import Bureau

HTMX = {"HTTP_HX_REQUEST": "true"}


def fill(count: int) -> list[str]:
    """Put leads of the north into the store; return their ids."""
    from app.station.models import CaseCard, District

    fill_store(synthetic_incidents(count, seed=5), districts=[District.objects.get(code="north").pk])
    return list(CaseCard.objects.filter(district__code="north").values_list("pk", flat=True))


def another(bureau: Bureau, name: str, role: Role = Role.REVIEWER) -> Any:
    """A browser of one more reviewer of the north."""
    from django.test import Client

    from app.station.models import District, User

    user = User.objects.create(
        username=name, name=name, certificate_no=f"粤{name}", roles=[role.value], created_at=bureau.clock.now()
    )
    user.districts.set(District.objects.filter(code="north"))
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user)
    return client


def decide(browser: Any, case: str, verdict: str, **fields: str) -> Any:
    given = {"verdict": verdict, "seconds": "2.5", **fields}
    return browser.post(f"/review/{case}/decide", given, **HTMX)


def state_of(case: str) -> str:
    from app.store.models import CaseRow

    return str(CaseRow.objects.get(pk=case).state)


def shown(answer: Any) -> str:
    """The number of the lead that an answer shows, or nothing."""
    found = re.search(r'data-number="([^"]+)"', answer.content.decode())
    return found[1] if found else ""


def test_a_reviewer_goes_through_the_queue_and_each_lead_comes_once(bureau: Bureau) -> None:
    cases = fill(6)
    browser, seen = bureau.browser(Role.REVIEWER), []
    address = browser.get("/review").headers["Location"]
    for _turn in cases:
        case = address.split("/")[2].split("?")[0]
        seen.append(case)
        answer = decide(browser, case, "reject", reason="误检") if len(seen) % 2 else decide(browser, case, "confirm")
        assert answer.status_code == 200
        address = answer.headers.get("HX-Push-Url", "")
    assert sorted(seen) == sorted(cases)
    assert "Nothing waits" in answer.content.decode()
    assert {state_of(case) for case in cases} == {State.IN_REVIEW}


def test_the_second_reviewer_is_blind_and_the_two_decide(bureau: Bureau) -> None:
    case = bureau.cases["north"]
    first, second = bureau.browser(Role.REVIEWER), another(bureau, "lin")
    decide(first, case, "confirm")
    page = second.get(f"/review/{case}").content.decode()
    assert "某reviewer" not in page
    assert "Your verdict is given" not in page
    assert "Your verdict is given" in first.get(f"/review/{case}").content.decode()
    assert decide(second, case, "confirm").status_code == 200
    assert state_of(case) == State.CONFIRMED_LEAD


def test_a_lead_that_others_decided_meanwhile_says_so(bureau: Bureau) -> None:
    case, late = bureau.cases["north"], bureau.browser(Role.SENIOR_REVIEWER, "")
    decide(bureau.browser(Role.REVIEWER), case, "confirm")
    decide(bureau.browser(Role.REVIEWER, ""), case, "confirm")
    assert state_of(case) == State.CONFIRMED_LEAD
    said = decide(late, case, "confirm").content.decode()
    assert "others decided it in the meantime" in said
    assert "cannot be verdict" not in said
    assert state_of(case) == State.CONFIRMED_LEAD
    assert "is decided; no verdict is taken any more" in late.get(f"/review/{case}").content.decode()


def test_one_reviewer_does_not_decide_twice(bureau: Bureau) -> None:
    case, browser = bureau.cases["north"], bureau.browser(Role.REVIEWER)
    decide(browser, case, "confirm")
    again = decide(browser, case, "confirm")
    assert "another reviewer" in again.content.decode()
    assert state_of(case) == State.IN_REVIEW
    assert browser.post(f"/review/{case}/decide", {"verdict": "confirm"}).status_code == 409


@pytest.mark.parametrize(
    "fields",
    [
        {"verdict": "perhaps"},
        {"verdict": "reject"},
        {"verdict": "reject", "reason": "因为"},
        {"verdict": "confirm", "seconds": "soon"},
        {"verdict": "confirm", "site": "91440101NOTASITE00"},
        {"verdict": "confirm", "point": "9999,1"},
        {"verdict": "confirm", "point": "nan,1"},
        {"verdict": "confirm", "box": "1,1,5,5", "picture": "0" * 64},
        {"verdict": "confirm", "order": "x", "queue": "order=backwards"},
    ],
)
def test_what_is_no_verdict_is_refused_and_nothing_is_decided(bureau: Bureau, fields: dict[str, str]) -> None:
    case = bureau.cases["north"]
    answer = bureau.browser(Role.REVIEWER).post(f"/review/{case}/decide", fields)
    assert answer.status_code == 400
    assert state_of(case) == State.LEAD


def test_undo_takes_the_last_verdict_back_within_ten_minutes(bureau: Bureau) -> None:
    from app.station.models import CaseCard

    case, browser = bureau.cases["north"], bureau.browser(Role.REVIEWER)
    decide(browser, case, "reject", reason="误检")
    back = browser.post("/review/undo", {}, **HTMX)
    assert shown(back) == CaseCard.objects.get(pk=case).number
    assert "taken back" in back.content.decode()
    decide(browser, case, "confirm")
    bureau.clock.instant += timedelta(minutes=11)
    assert "cannot be taken back" in browser.post("/review/undo", {}, **HTMX).content.decode()
    assert "nothing to take back" in another(bureau, "wu").post("/review/undo", {}, **HTMX).content.decode()


def test_skipped_leads_come_last_and_previous_goes_back(bureau: Bureau) -> None:
    cases, browser = fill(3), bureau.browser(Role.REVIEWER)
    first = browser.get("/review").headers["Location"].split("/")[2]
    answer = browser.post(f"/review/{first}/skip", {}, **HTMX)
    for _turn in range(len(cases) - 1):
        case = answer.headers["HX-Push-Url"].split("/")[2]
        assert case != first
        answer = decide(browser, case, "confirm")
    assert answer.headers["HX-Push-Url"].split("/")[2] == first
    assert browser.post("/review/previous", {}, **HTMX).headers["HX-Push-Url"].split("/")[2] == case


def test_site_and_point_are_put_right_beside_the_record(bureau: Bureau) -> None:
    from app.station.models import CaseCard
    from app.store.models import CaseRow, DecisionRow
    from evidence.sealing.incident_json import decode_incident

    case = bureau.cases["north"]
    before = CaseRow.objects.get(pk=case).document
    site = decode_incident(before.encode(), "case").attribution.sites[0].key
    decide(bureau.browser(Role.REVIEWER), case, "confirm", site=site, point="300,200")
    row = DecisionRow.objects.filter(case_id=case, deed="verdict").get()
    card = CaseCard.objects.get(pk=case)
    assert f'"site_code":"{site}"' in row.document
    moved = float(re.search(r'"lon_deg":([\d.]+)', row.document)[1])  # type: ignore[index]
    assert 0 < moved - card.lon_deg < 0.001
    assert CaseRow.objects.get(pk=case).document == before


def test_a_box_is_redrawn_on_a_picture_of_the_lead(bureau: Bureau) -> None:
    from app.store.models import DecisionRow

    case, picture = bureau.cases["north"], bureau.files["north"]
    decide(bureau.browser(Role.REVIEWER), case, "confirm", box="10,20,30.5,40", picture=picture)
    assert '"box_px":[10,20,30.5,40]' in DecisionRow.objects.get(case_id=case, deed="verdict").document.replace(
        ".0", ""
    )


def test_leads_of_one_sighting_are_decided_together_and_no_others(bureau: Bureau) -> None:
    from app.station.models import CaseCard

    cases = fill(4)
    first, second, third, *rest = cases
    CaseCard.objects.filter(pk__in=[first, second, third]).update(sighting_id="one-sighting")
    browser = bureau.browser(Role.REVIEWER)
    page = browser.get(f"/review/{first}").content.decode()
    assert "2 more leads" in page
    answer = decide(browser, first, "reject", reason="重复", together="yes")
    assert "and 2 more" in answer.content.decode()
    assert {state_of(case) for case in (first, second, third)} == {State.IN_REVIEW}
    assert {state_of(case) for case in rest} == {State.LEAD}


def test_the_queue_is_filtered_and_ordered_and_keeps_its_filter(bureau: Bureau) -> None:
    from app.station.models import CaseCard

    fill(12)
    browser = bureau.browser(Role.REVIEWER)
    label = CaseCard.objects.filter(district__code="north").first().label  # type: ignore[union-attr]
    wanted = set(CaseCard.objects.filter(district__code="north", label=label).values_list("number", flat=True))
    listed = browser.get(f"/review/queue?label={label}&order=age").content.decode()
    assert set(re.findall(r">(H\d+-\w+)</a>", listed)) == wanted
    address = browser.get(f"/review?label={label}&order=age").headers["Location"]
    assert address.endswith(f"?label={label}&order=age")
    following = decide(browser, address.split("/")[2].split("?")[0], "confirm", queue=f"label={label}&order=age")
    assert f"label={label}&order=age" in following.headers["HX-Push-Url"]
    assert browser.get("/review/queue?order=backwards").status_code == 400


def test_the_calendar_counts_what_waits_by_day(bureau: Bureau) -> None:
    from app.station.models import CaseCard

    fill(8)
    card = CaseCard.objects.filter(district__code="north").order_by("last_seen").first()
    assert card is not None
    from core.clock import BEIJING

    day = card.last_seen.astimezone(BEIJING).date()
    same = [
        one
        for one in CaseCard.objects.filter(district__code="north")
        if one.last_seen.astimezone(BEIJING).date() == day
    ]
    page = bureau.browser(Role.REVIEWER).get(f"/review/days?month={day:%Y-%m}").content.decode()
    assert f'since={day}&amp;until={day}" aria-label="{len(same)} leads' in page
    assert bureau.browser(Role.REVIEWER).get("/review/days?month=soon").status_code == 400


def test_reviewers_who_differ_leave_it_to_a_senior(bureau: Bureau) -> None:
    case = bureau.cases["north"]
    decide(bureau.browser(Role.REVIEWER), case, "confirm")
    decide(another(bureau, "lin"), case, "reject", reason="误检")
    assert state_of(case) == State.NEEDS_ANOTHER_LOOK
    assert bureau.browser(Role.REVIEWER).get("/review").status_code == 200  # nothing waits for reviewers
    senior = bureau.browser(Role.SENIOR_REVIEWER)
    assert case in senior.get("/review").headers["Location"]
    decide(senior, case, "confirm")
    decide(bureau.browser(Role.REVIEWER), case, "confirm")
    assert state_of(case) == State.CONFIRMED_LEAD


def test_known_answers_look_like_leads_and_move_no_case(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.station import review_queue
    from app.station.models import KnownReply

    case = bureau.cases["north"]
    for browser in (bureau.browser(Role.REVIEWER), another(bureau, "lin")):
        decide(browser, case, "confirm")
    senior = bureau.browser(Role.SENIOR_REVIEWER)
    assert senior.post(f"/review/known/{case}").status_code == 302
    monkeypatch.setattr(review_queue, "KNOWN_EVERY", 1)
    third, extra = another(bureau, "wu"), fill(2)
    answer = decide(third, next(one for one in extra if one != case), "confirm")
    assert answer.headers["HX-Push-Url"].split("/")[2] == case
    page = answer.content.decode()
    assert "confirmed" not in page
    decide(third, case, "reject", reason="误检")
    assert state_of(case) == State.CONFIRMED_LEAD
    assert KnownReply.objects.get().verdict == "reject"
    table = senior.get("/review/reviewers").content.decode()
    assert "0/1" in table
    assert "100 % (1/1)" in table
    assert senior.post(f"/review/known/{case}", {"known": "no"}).status_code == 400


def test_a_known_answer_is_a_lead_wherever_a_reviewer_looks(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    """List, case, map, API and dashboard say of it what they say of a lead; a senior reviewer sees it as it is."""
    from app.station import review_queue
    from app.station.map_marks import HELD
    from app.station.models import CaseCard

    case = bureau.cases["north"]
    number = CaseCard.objects.get(pk=case).number
    for browser in (bureau.browser(Role.REVIEWER), another(bureau, "lin")):
        decide(browser, case, "confirm")
    assert bureau.browser(Role.SENIOR_REVIEWER).post(f"/review/known/{case}").status_code == 302
    HELD.forget()
    third, token = another(bureau, "wu"), _token_of("wu")
    for state, there in (("lead", True), ("confirmed-lead", False)):
        assert (number in third.get(f"/incidents?state={state}").content.decode()) == there
        listed = third.get(f"/api/v1/incidents?state={state}", headers=token).json()["incidents"]
        assert [one["state"] for one in listed if one["number"] == number] == ([state] if there else [])
    assert third.get(f"/api/v1/incidents/{case}", headers=token).json()["state"] == "lead"
    assert "<strong>1</strong><span>lead</span>" in third.get("/").content.decode()
    told = re.compile(r'state-confirmed-lead|"state":"confirmed-lead"|某reviewer|; confirmed lead;')
    for page in (f"/incidents/{case}", f"/incidents?number={number}", f"/map/marks?ids={case}", "/map/marks?zoom=19"):
        assert not told.search(third.get(page).content.decode()), page
        assert told.search(bureau.browser(Role.SENIOR_REVIEWER).get(page).content.decode()), page
    assert not told.search(third.get(f"/api/v1/incidents/{case}/cot", headers=token).content.decode())
    assert '"confirmed-lead"' not in third.get("/map/offline").content.decode().partition('"look"')[0]
    assert '"state": {"lead": 1}' in third.get("/map").content.decode().replace('":', '": ')
    counted = third.get(f"/dashboard/report.csv?number={number}").content.decode("utf-8-sig")
    assert ",confirmed,0" in counted
    knows = bureau.browser(Role.SENIOR_REVIEWER)
    assert ",confirmed,1" in knows.get(f"/dashboard/report.csv?number={number}").content.decode("utf-8-sig")
    assert number in knows.get("/incidents?state=confirmed-lead").content.decode()
    monkeypatch.setattr(review_queue, "KNOWN_EVERY", 1)
    extra = fill(2)
    decide(third, next(one for one in extra if one != case), "confirm")
    assert number in third.get(f"/review/queue?number={number}").content.decode()  # it is on the screen
    decide(third, case, "reject", reason="误检")
    assert third.get(f"/api/v1/incidents/{case}", headers=token).json()["state"] == "in-review"


def _token_of(username: str) -> dict[str, str]:
    from app.station.api_tokens import make_token
    from app.station.context import station
    from app.station.models import User

    owner = User.objects.get(username=username)
    return {"Authorization": f"Bearer {make_token(owner, 'test', days=1, clock=station().clock)}"}


def test_an_undecided_case_is_no_known_answer(bureau: Bureau) -> None:
    assert bureau.browser(Role.SENIOR_REVIEWER).post(f"/review/known/{bureau.cases['north']}").status_code == 400


def test_the_page_of_an_undecided_case_says_from_where_it_would_be_decided(bureau: Bureau) -> None:
    from app.station.models import District

    (incident,) = synthetic_incidents(1, seed=11)
    place = GeoPoint(lon_deg=113.5, lat_deg=22.75)
    unsure = Undecided(
        sighting_id=incident.sighting.sighting_id,
        sites=(),
        zones=(),
        reason="no site reaches 0.95",
        view=Viewpoint(point=place, height_agl_m=42, receiver="rtk", needed_m=1.5, expected_m=0.9),
        origin=Origin(
            modes=(Mode(point=place, covariance=Covariance(east_m2=9, north_m2=4), weight=1.0),),
            basis="the wind is not known",
            extent=Extent(
                outline=((113.5, 22.75), (113.5001, 22.75), (113.5001, 22.7501)),
                area_m2=57,
                sigma_m2=18,
                place_sigma_m=2,
            ),
        ),
    )
    incident = replace(incident, attribution=unsure)
    fill_store([incident], districts=[District.objects.get(code="north").pk])
    page = bureau.browser(Role.REVIEWER).get(f"/incidents/{incident.incident_id}").content.decode()
    assert "another pass over 22.750000, 113.500000: straight down from at most 42 m, receiver RTK" in page
    assert f"--incident {incident.number}" in page
    assert "the wind is not known: 22.750000, 113.500000 ± 3 m; it covers about 57 ± 18 m²" in page


def test_every_look_and_verdict_stands_in_the_audit(bureau: Bureau) -> None:
    from app.station.context import station

    case, browser = bureau.cases["north"], bureau.browser(Role.REVIEWER)
    browser.get(f"/review/{case}")
    decide(browser, case, "confirm")
    actions = [entry.action.value for entry in station().store.audit() if entry.actor.startswith("某reviewer")]
    assert actions.count("viewed") >= 1
    assert actions.count("reviewed") == 2  # taken up, and the verdict
    assert station().store.audit_breaks() == ()


def test_verdicts_go_to_training_as_positives_and_hard_negatives(bureau: Bureau, tmp_path: Path) -> None:
    import cv2

    from app.station.context import station
    from app.station.models import District, MediaRow
    from app.station.vault_keys import media_key
    from app.station.verdict_export import VERDICTS, export_verdicts
    from core.errors import InputRefused
    from detection.training.verdict_file import read_verdicts, training_tiles

    done, photo = cv2.imencode(".jpg", np.full((400, 600, 3), 90, np.uint8))
    assert done
    contents = [photo.tobytes() + bytes([number]) for number in range(4)]
    incidents = [
        seen_in(incident, sha256(content).hexdigest())
        for incident, content in zip(synthetic_incidents(4, seed=6), contents, strict=True)
    ]
    fill_store(incidents, districts=[District.objects.get(code="north").pk])
    said = [("confirm", {}), ("reject", {"reason": "误检"}), ("reject", {"reason": "合法作业"}), ("confirm", {})]
    first, second = bureau.browser(Role.REVIEWER), another(bureau, "lin")
    for number, (incident, content, (verdict, fields)) in enumerate(zip(incidents, contents, said, strict=True)):
        digest, case = sha256(content).hexdigest(), incident.incident_id
        if number < 3:  # the last one's photo is not in the vault
            station().vault.put(media_key("original", digest), content)
        MediaRow.objects.create(case_id=case, sha256=digest, kind="original", name="a.jpg",
                                media_type="image/jpeg", size_bytes=len(content))  # fmt: skip
        for browser in (first, second):
            decide(browser, case, verdict, **fields)
    written = export_verdicts(tmp_path / "out")
    assert (written.positives, written.negatives, written.without) == (1, 1, 2)
    reviewed = read_verdicts(tmp_path / "out" / VERDICTS)
    assert sorted(one.verdicts[0].decision.value for one in reviewed) == ["confirmed", "rejected"]
    assert sorted(len(tile.labels) for tile in training_tiles(reviewed, tile_px=128)) == [0, 1]
    with pytest.raises(InputRefused, match="not empty"):
        export_verdicts(tmp_path / "out")


def seen_in(incident: Incident, digest: str) -> Incident:
    """The incident as seen in the photo of a digest."""
    fix = incident.sighting.fixes[0]
    fix = replace(fix, detection=replace(fix.detection, frame_id=derived_id("frame", digest, 0)))
    sighting = replace(incident.sighting, fixes=(fix,))
    key = sighting.sighting_id
    hazard, attribution = (replace(part, sighting_id=key) for part in (incident.hazard, incident.attribution))
    return replace(incident, sighting=sighting, hazard=hazard, attribution=attribution)
