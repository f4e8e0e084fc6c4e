"""What papers and the viewer say a record is worth follows from the decisions, not from the state's name."""

from __future__ import annotations

from typing import Any

import pytest

from evidence.cases.case_store import begin_life
from evidence.cases.life import Decision, Deed, Life, Person, Quality, Reason, Verdict, state_of
from evidence.cases.order_rules import decide
from evidence.cases.standing import bar_on_order, bar_on_record, standing_of
from evidence.incident import State

CHEN, LIN = (Person(name=name, certificate_no=f"粤A{number}") for number, name in enumerate(("陈", "林")))
CONFIRMED: tuple[dict[str, Any], ...] = (
    {"deed": Deed.TAKEN_UP},
    {"deed": Deed.VERDICT, "verdict": Verdict.CONFIRM},
    {"deed": Deed.VERDICT, "verdict": Verdict.CONFIRM, "people": (LIN,)},
)
REJECTED = (
    CONFIRMED[0],
    *({**one, "verdict": Verdict.REJECT, "reason": Reason.DUPLICATE} for one in CONFIRMED[1:]),
)
ON_SITE: dict[str, Any] = {"deed": Deed.CHECKED_ON_SITE, "people": (CHEN, LIN), "place": "gate", "note": "blocked"}
GOOD = Quality(true=True, clear=True, complete=True, accurate=True)
ACCEPTED: dict[str, Any] = {"deed": Deed.ACCEPTED, "quality": GOOD}
TRANSFERRED: dict[str, Any] = {"deed": Deed.TRANSFERRED, "note": "消防救援机构"}
CLOSED: dict[str, Any] = {"deed": Deed.CLOSED}

# The steps, the state they lead to, what must be said, and whether a record or an order may be drafted from it.
LIVES = {
    "lead": ((), State.LEAD, "不是行政处罚的证据", True, False),
    "confirmed": (CONFIRMED, State.CONFIRMED_LEAD, "不是行政处罚的证据", True, False),
    "rejected": (REJECTED, State.REJECTED, "已排除", False, False),
    "rejected and closed": ((*REJECTED, CLOSED), State.CLOSED, "已排除", False, False),
    "transferred unseen": ((*CONFIRMED, TRANSFERRED), State.TRANSFERRED, "移送前未经现场核查", True, False),
    "transferred unseen and closed": (
        (*CONFIRMED, TRANSFERRED, CLOSED),
        State.CLOSED,
        "移送前未经现场核查",
        False,
        False,
    ),
    "on site": ((*CONFIRMED, ON_SITE), State.ON_SITE_CHECKED, "两名执法人员现场核查", True, True),
    "evidence": ((*CONFIRMED, ON_SITE, ACCEPTED), State.EVIDENCE, "真实、清晰、完整、准确", True, True),
    "transferred after": ((*CONFIRMED, ON_SITE, TRANSFERRED), State.TRANSFERRED, "两名执法人员现场核查", True, False),
    "evidence and closed": (
        (*CONFIRMED, ON_SITE, ACCEPTED, CLOSED),
        State.CLOSED,
        "真实、清晰、完整、准确",
        False,
        False,
    ),
}


@pytest.mark.parametrize("name", LIVES)
def test_the_standing_claims_a_check_on_site_only_where_one_was_made(case: Any, name: str) -> None:
    steps, state, words, record, order = LIVES[name]
    life: Life = begin_life(case.incident)
    for step in steps:
        grown = decide(life, Decision(**({"at": case.incident.opened_at, "people": (CHEN,)} | step)))
        assert isinstance(grown, Life), grown
        life = grown
    assert state_of(life) is state
    said = standing_of(state, life)
    assert words in said
    assert ("由两名执法人员现场核查" in said) == (ON_SITE in steps)
    assert ("不是行政处罚的证据" in said) == (ON_SITE not in steps)
    assert (bar_on_record(state, life) == "", bar_on_order(state, life) == "") == (record, order)


@pytest.mark.parametrize("state", list(State))
def test_without_decisions_nothing_is_claimed_that_the_state_does_not_imply(state: State) -> None:
    sure = state in {State.ON_SITE_CHECKED, State.EVIDENCE, State.RECTIFIED}
    assert ("由两名执法人员现场核查" in standing_of(state, None)) == sure
