from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import BEIJING
from core.refusal import Refusal
from evidence.cases.life import (
    TAKE_BACK_WITHIN,
    Correction,
    Decision,
    Deed,
    Document,
    Life,
    Person,
    Quality,
    Reason,
    Verdict,
    round_verdicts,
    state_of,
    visible_to,
)
from evidence.cases.order_rules import DOCUMENT_ORDER, RULES, decide, first_breach
from evidence.cases.timers import overdue, timers_of
from evidence.cases.working_days import read_working_days
from evidence.incident import State

START = datetime(2026, 10, 1, 2, tzinfo=UTC)
CHEN, LIN, WU = (Person(name=name, certificate_no=f"粤A{number}") for number, name in enumerate(("陈", "林", "吴")))
GOOD = Quality(true=True, clear=True, complete=True, accurate=True)


def _life() -> Life:
    return Life(incident_id="H13-7K2M9Q4T", opened_at=START, last_seen=START)


def _make(minute: int, deed: Deed, *people: Person, **fields: Any) -> Decision:
    return Decision(at=START + timedelta(minutes=minute), deed=deed, people=people or (CHEN,), **fields)


def _go(life: Life, *decisions: Decision) -> Life:
    for decision in decisions:
        step = decide(life, decision)
        assert isinstance(step, Life), step
        life = step
    return life


def _confirmed() -> Life:
    return _go(
        _life(),
        _make(1, Deed.TAKEN_UP),
        _make(2, Deed.VERDICT, CHEN, verdict=Verdict.CONFIRM, seconds_spent=40),
        _make(3, Deed.VERDICT, LIN, verdict=Verdict.CONFIRM),
    )


def _checked() -> Life:
    return _go(_confirmed(), _make(4, Deed.CHECKED_ON_SITE, CHEN, LIN, place="番禺区", note="两辆货车占用消防车通道"))


def _code(life: Life, decision: Decision) -> str:
    step = decide(life, decision)
    assert isinstance(step, Refusal)
    return step.code


def test_the_whole_way_from_lead_to_closed() -> None:
    life = _checked()
    assert state_of(life) is State.ON_SITE_CHECKED
    life = _go(life, _make(5, Deed.ACCEPTED, WU, quality=GOOD))
    assert state_of(life) is State.EVIDENCE
    issued = (Document.ON_SITE_RECORD, Document.RECTIFICATION_ORDER, Document.RECHECK_OPINION)
    life = _go(life, *(_make(6 + i, Deed.DOCUMENT_ISSUED, document=document) for i, document in enumerate(issued)))
    assert state_of(life) is State.EVIDENCE
    life = _go(life, _make(20, Deed.RECTIFIED), _make(21, Deed.CLOSED))
    assert state_of(life) is State.CLOSED
    assert first_breach(life) is None


@pytest.mark.parametrize(
    ("first", "second", "state"),
    [
        (Verdict.CONFIRM, Verdict.CONFIRM, State.CONFIRMED_LEAD),
        (Verdict.REJECT, Verdict.REJECT, State.REJECTED),
        (Verdict.CONFIRM, Verdict.REJECT, State.NEEDS_ANOTHER_LOOK),
        (Verdict.ANOTHER_LOOK, Verdict.CONFIRM, State.NEEDS_ANOTHER_LOOK),
    ],
)
def test_two_verdicts_settle_a_round(first: Verdict, second: Verdict, state: State) -> None:
    life = _go(
        _life(),
        _make(1, Deed.TAKEN_UP),
        _make(2, Deed.VERDICT, CHEN, verdict=first, reason=Reason.POOR_IMAGE),
        _make(3, Deed.VERDICT, LIN, verdict=second, reason=Reason.FALSE_DETECTION),
    )
    assert state_of(life) is state


def test_one_person_is_no_second_reviewer_even_under_another_name() -> None:
    life = _go(_life(), _make(1, Deed.TAKEN_UP), _make(2, Deed.VERDICT, CHEN, verdict=Verdict.CONFIRM))
    again = Person(name="陈某", certificate_no=CHEN.certificate_no)
    assert _code(life, _make(3, Deed.VERDICT, again, verdict=Verdict.CONFIRM)) == "same-reviewer"
    assert _code(life, _make(3, Deed.VERDICT, LIN, WU, verdict=Verdict.CONFIRM)) == "one-reviewer"


def test_the_second_reviewer_is_blind_until_the_round_is_settled() -> None:
    life = _go(_life(), _make(1, Deed.TAKEN_UP), _make(2, Deed.VERDICT, CHEN, verdict=Verdict.CONFIRM))
    assert all(decision.verdict is None for decision in visible_to(life, LIN))
    assert visible_to(life, CHEN) == life.decisions
    settled = _go(life, _make(3, Deed.VERDICT, LIN, verdict=Verdict.CONFIRM))
    assert visible_to(settled, WU) == settled.decisions


def test_a_new_round_asks_two_reviewers_again() -> None:
    life = _go(
        _life(),
        _make(1, Deed.TAKEN_UP),
        _make(2, Deed.VERDICT, CHEN, verdict=Verdict.CONFIRM),
        _make(3, Deed.VERDICT, LIN, verdict=Verdict.REJECT, reason=Reason.WRONG_POSITION),
        _make(4, Deed.RESUMED, WU),
    )
    assert round_verdicts(life.decisions) == ()
    life = _go(life, _make(5, Deed.VERDICT, CHEN, verdict=Verdict.CONFIRM))
    assert state_of(life) is State.IN_REVIEW


@pytest.mark.parametrize(
    ("life", "decision", "code"),
    [
        (_life(), _make(1, Deed.ACCEPTED, quality=GOOD), "out-of-order"),
        (_life(), _make(1, Deed.CHECKED_ON_SITE, CHEN, LIN, place="x", note="y"), "out-of-order"),
        (_life(), _make(-1, Deed.TAKEN_UP), "clock-set-back"),
        (_go(_life(), _make(1, Deed.TAKEN_UP)), _make(2, Deed.VERDICT, verdict=Verdict.REJECT), "no-reason"),
        (_confirmed(), _make(9, Deed.CHECKED_ON_SITE, CHEN, place="x", note="y"), "one-officer"),
        (_confirmed(), _make(9, Deed.CHECKED_ON_SITE, CHEN, CHEN, place="x", note="y"), "one-officer"),
        (_confirmed(), _make(9, Deed.CHECKED_ON_SITE, CHEN, LIN), "empty-record"),
        (_confirmed(), _make(9, Deed.TRANSFERRED), "no-receiver"),
        (_confirmed(), _make(9, Deed.DOCUMENT_ISSUED, document=Document.ON_SITE_RECORD), "out-of-order"),
        (_checked(), _make(9, Deed.ACCEPTED), "not-evidence"),
        (
            _checked(),
            _make(9, Deed.ACCEPTED, quality=Quality(true=True, clear=True, complete=True, accurate=False)),
            "not-evidence",
        ),
        (_checked(), _make(9, Deed.RECTIFIED), "no-recheck"),
        *(
            (_checked(), _make(9, Deed.DOCUMENT_ISSUED, document=document), "document-order")
            for document in DOCUMENT_ORDER
        ),
    ],
)
def test_what_breaks_a_rule_is_refused_by_its_code(life: Life, decision: Decision, code: str) -> None:
    assert _code(life, decision) == code


decisions = st.builds(
    Decision,
    at=st.integers(0, 50).map(lambda minute: START + timedelta(minutes=minute)),
    deed=st.sampled_from([deed for deed in Deed if deed not in {Deed.VERDICT, Deed.DOCUMENT_ISSUED}]),
    people=st.lists(st.sampled_from([CHEN, LIN, WU]), min_size=1, max_size=2).map(tuple),
    quality=st.sampled_from([None, GOOD]),
    place=st.sampled_from(["", "番禺区"]),
    note=st.sampled_from(["", "found"]),
) | st.builds(
    Decision,
    at=st.integers(0, 50).map(lambda minute: START + timedelta(minutes=minute)),
    deed=st.just(Deed.VERDICT),
    people=st.sampled_from([CHEN, LIN, WU]).map(lambda person: (person,)),
    verdict=st.sampled_from(Verdict),
    reason=st.sampled_from([None, *Reason]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(decisions, max_size=25))
def test_whatever_is_tried_the_life_keeps_its_promises(tried: list[Decision]) -> None:
    life = _life()
    for decision in sorted(tried, key=lambda one: one.at):
        before = life.decisions
        step = decide(life, decision)
        if isinstance(step, Life):
            life = step
        assert life.decisions[: len(before)] == before  # appended, never edited
    assert first_breach(life) is None
    deeds = [decision.deed for decision in life.decisions]
    if state_of(life) in {State.EVIDENCE, State.ON_SITE_CHECKED}:
        check = next(one for one in life.decisions if one.deed is Deed.CHECKED_ON_SITE)
        assert len({person.certificate_no for person in check.people}) == 2
        verdicts = [one for one in life.decisions if one.deed is Deed.VERDICT]
        assert len({one.people[0].certificate_no for one in verdicts[-2:]}) == 2
    if state_of(life) is State.EVIDENCE:
        assert deeds.index(Deed.CHECKED_ON_SITE) < deeds.index(Deed.ACCEPTED)


def test_a_stored_life_that_broke_a_rule_is_found() -> None:
    life = _life()
    broken = Life(
        incident_id="x",
        opened_at=life.opened_at,
        last_seen=life.last_seen,
        decisions=(_make(1, Deed.ACCEPTED, quality=GOOD),),
    )
    breach = first_breach(broken)
    assert breach is not None
    assert breach.code == "out-of-order"
    assert len(RULES) == len(set(RULES))


def test_a_decision_checks_itself() -> None:
    with pytest.raises(ValueError, match="verdict"):
        _make(1, Deed.CLOSED, verdict=Verdict.CONFIRM)
    with pytest.raises(ValueError, match="document"):
        _make(1, Deed.DOCUMENT_ISSUED)
    with pytest.raises(ValueError, match="certificate"):
        Person(name="陈", certificate_no=" ")


def test_timers_count_as_the_law_counts() -> None:
    # 2026-09-28 is a Monday; 1 to 7 October are free, 10 October is a working Saturday.
    monday = datetime(2026, 9, 28, 9, tzinfo=BEIJING)
    issue = (Document.PRESERVATION_NOTICE, Document.CASE_FILING)
    life = Life(
        incident_id="x",
        opened_at=monday,
        last_seen=datetime(2024, 2, 29, 23, 30, tzinfo=BEIJING),
        decisions=tuple(
            Decision(at=monday, deed=Deed.DOCUMENT_ISSUED, people=(CHEN,), document=document) for document in issue
        ),
    )
    counted = {timer.code: timer for timer in timers_of(life, working_days=read_working_days())}
    timers = {code: timer.due_at.astimezone(BEIJING) for code, timer in counted.items()}
    # Working days after Monday: 29, 30 September, 8, 9, 10, 12, 13 October.
    assert timers["preservation"].date() == date(2026, 10, 13)
    assert "国办发明电〔2025〕7号" in counted["preservation"].count
    assert timers["decision"].date() == date(2026, 12, 27)
    assert timers["limitation"].date() == date(2026, 2, 28)
    assert timers_of(life)[0].code == "limitation"
    unknown = {timer.code: timer for timer in timers_of(life)}["preservation"]
    assert unknown.due_at.astimezone(BEIJING).date() == date(2026, 10, 5)  # every day counts, and the timer says so
    assert "2026 are not known" in unknown.count
    assert [timer.code for timer in overdue(timers_of(life), monday)] == ["limitation"]
    five = timers_of(life, endangers_life=True)
    assert overdue(five, monday) == ()


def test_a_verdict_is_taken_back_by_its_own_reviewer_and_the_round_begins_again() -> None:
    life = _go(
        _life(),
        _make(1, Deed.TAKEN_UP),
        _make(2, Deed.VERDICT, CHEN, verdict=Verdict.CONFIRM),
        _make(3, Deed.RESUMED, CHEN),
    )
    assert state_of(life) is State.IN_REVIEW
    assert round_verdicts(life.decisions) == ()
    assert [one.deed for one in visible_to(life, LIN)] == [Deed.TAKEN_UP, Deed.RESUMED]
    assert visible_to(life, CHEN) == life.decisions
    life = _go(
        life,
        _make(4, Deed.VERDICT, CHEN, verdict=Verdict.REJECT, reason=Reason.FALSE_DETECTION),
        _make(5, Deed.VERDICT, LIN, verdict=Verdict.REJECT, reason=Reason.DUPLICATE),
    )
    assert state_of(life) is State.REJECTED
    life = _go(life, _make(6, Deed.RESUMED, LIN))
    assert state_of(life) is State.IN_REVIEW
    assert [one.deed for one in visible_to(life, WU) if one.deed is Deed.VERDICT] == []
    assert first_breach(life) is None


def test_nobody_takes_back_what_another_said_nor_what_was_said_long_ago() -> None:
    life = _go(_life(), _make(1, Deed.TAKEN_UP), _make(2, Deed.VERDICT, CHEN, verdict=Verdict.CONFIRM))
    assert _code(life, _make(3, Deed.RESUMED, LIN)) == "out-of-order"
    late = 3 + int(TAKE_BACK_WITHIN.total_seconds() // 60)
    assert _code(life, _make(late, Deed.RESUMED, CHEN)) == "out-of-order"
    assert _code(_checked(), _make(5, Deed.RESUMED, CHEN)) == "out-of-order"


def test_two_who_confirm_it_of_two_enterprises_do_not_agree() -> None:
    def after(first: str, second: str) -> State:
        said = [Correction(site_code=code) if code else None for code in (first, second)]
        return state_of(
            _go(
                _life(),
                _make(1, Deed.TAKEN_UP),
                _make(2, Deed.VERDICT, CHEN, verdict=Verdict.CONFIRM, correction=said[0]),
                _make(3, Deed.VERDICT, LIN, verdict=Verdict.CONFIRM, correction=said[1]),
            )
        )

    assert after("A", "A") is State.CONFIRMED_LEAD
    assert after("", "") is State.CONFIRMED_LEAD
    assert after("A", "B") is State.NEEDS_ANOTHER_LOOK
    assert after("A", "") is State.NEEDS_ANOTHER_LOOK


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"lon_deg": 113.0},
        {"lon_deg": 200.0, "lat_deg": 22.0},
        {"box_px": (1.0, 1.0, 5.0, 5.0)},
        {"picture_sha256": "a" * 64, "box_px": (5.0, 1.0, 5.0, 5.0)},
    ],
)
def test_a_correction_says_something_whole(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Correction(**fields)
