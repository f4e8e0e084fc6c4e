from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.clock import BEIJING
from core.refusal import Refusal
from evidence.cases.life import Person
from evidence.cases.retention import Disposal, Hold, Retention, dispose, kept_until
from evidence.incident import State

YEARS = {"permanent": None, "long": 30, "short": 5}
CHEN, LIN = Person(name="陈", certificate_no="A1"), Person(name="林", certificate_no="A2")
ENDED = datetime(2026, 3, 4, tzinfo=UTC)
SHORT = Retention(number="H13-7K2M9Q4T", state=State.CLOSED, ended_at=ENDED, retention_class="short")
FREE = datetime(2032, 1, 1, tzinfo=BEIJING)


def _dispose(retention: Retention, now: datetime) -> Disposal | Refusal:
    return dispose(retention, years=YEARS, statement_sha256="ab" * 32, by=(CHEN, LIN), now=now)


def test_a_case_is_free_on_its_day_and_not_a_second_before() -> None:
    assert kept_until(SHORT, YEARS) == FREE
    early = _dispose(SHORT, FREE - timedelta(seconds=1))
    assert isinstance(early, Refusal)
    assert early.code == "too-early"
    record = _dispose(SHORT, FREE)
    assert isinstance(record, Disposal)
    assert "2032-01-01" in record.reason
    assert record.statement_sha256 == "ab" * 32


HOLD = Hold(reason="行政诉讼 (2031)粤01行初1号", placed_at=ENDED, placed_by=CHEN)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"holds": (HOLD,)}, "on-hold"),
        ({"state": State.EVIDENCE, "ended_at": None}, "still-open"),
        ({"state": State.IN_REVIEW}, "still-open"),
        ({"retention_class": "permanent"}, "permanent"),
        ({"retention_class": "misspelt"}, "unknown-class"),
        ({"retention_class": "long"}, "too-early"),
    ],
)
def test_what_must_be_kept_is_kept_and_says_why(change: dict[str, object], code: str) -> None:
    outcome = _dispose(replace(SHORT, **change), FREE)
    assert isinstance(outcome, Refusal)
    assert outcome.code == code


def test_a_lifted_hold_frees_the_case() -> None:
    lifted = replace(HOLD, lifted_at=ENDED + timedelta(days=9))
    assert isinstance(_dispose(replace(SHORT, holds=(lifted,)), FREE), Disposal)
    assert isinstance(_dispose(replace(SHORT, holds=(lifted, HOLD)), FREE), Refusal)


def test_nobody_disposes_alone() -> None:
    with pytest.raises(ValueError, match="second person"):
        dispose(SHORT, years=YEARS, statement_sha256="ab" * 32, by=(CHEN, CHEN), now=FREE)
    with pytest.raises(ValueError, match="reason"):
        replace(HOLD, reason=" ")
    with pytest.raises(ValueError, match="lifted"):
        replace(HOLD, lifted_at=ENDED - timedelta(days=1))
