"""The rules of order for decisions, as a numbered list; and :func:`decide`, which applies them.

Sources: 行政处罚法 41, 42 (review, two officers), and the order of the enforcement documents: no
现场处理措施决定书 before a 现场检查记录; no 整改复查意见书 before a measure or an order; no 陈述申辩笔录 and no
行政处罚决定书 before the 行政处罚告知书.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from core.clock import iso_utc
from core.refusal import Refusal
from core.text import _
from evidence.cases.life import Decision, Deed, Document, Life, Verdict, round_verdicts, state_of, takes_back
from evidence.incident import State

_FROM: Final = {
    Deed.TAKEN_UP: {State.LEAD},
    Deed.VERDICT: {State.IN_REVIEW},
    Deed.RESUMED: {State.NEEDS_ANOTHER_LOOK},
    Deed.CHECKED_ON_SITE: {State.CONFIRMED_LEAD},
    Deed.ACCEPTED: {State.ON_SITE_CHECKED},
    Deed.DOCUMENT_ISSUED: {State.ON_SITE_CHECKED, State.EVIDENCE, State.RECTIFIED, State.TRANSFERRED},
    Deed.RECTIFIED: {State.ON_SITE_CHECKED, State.EVIDENCE},
    Deed.TRANSFERRED: {State.CONFIRMED_LEAD, State.ON_SITE_CHECKED, State.EVIDENCE},
    Deed.CLOSED: {State.REJECTED, State.RECTIFIED, State.TRANSFERRED, State.EVIDENCE},
}

_ORDERS: Final = frozenset({Document.ON_SITE_MEASURES, Document.RECTIFICATION_ORDER, Document.COMPULSORY_MEASURES})

# A document on the left is issued only after one of those on the right.
DOCUMENT_ORDER: Final = {
    Document.ON_SITE_MEASURES: frozenset({Document.ON_SITE_RECORD}),
    Document.RECTIFICATION_ORDER: frozenset({Document.ON_SITE_RECORD}),
    Document.RECHECK_OPINION: _ORDERS,
    Document.PRESERVATION_DECISION: frozenset({Document.PRESERVATION_NOTICE}),
    Document.PENALTY_NOTICE: frozenset({Document.CASE_FILING}),
    Document.DEFENCE_RECORD: frozenset({Document.PENALTY_NOTICE}),
    Document.PENALTY_DECISION: frozenset({Document.PENALTY_NOTICE}),
}

Rule = Callable[[Life, Decision], Refusal | None]


def decide(life: Life, decision: Decision) -> Life | Refusal:
    """Return ``life`` with ``decision`` appended, or the refusal of the first rule that it breaks."""
    for rule in RULES:
        refusal = rule(life, decision)
        if refusal is not None:
            return refusal
    return replace(life, decisions=(*life.decisions, decision))


def first_breach(life: Life) -> Refusal | None:
    """Return the first rule that a stored life breaks, or None: what was appended by another way is found."""
    so_far: Life = replace(life, decisions=())
    for decision in life.decisions:
        step = decide(so_far, decision)
        if isinstance(step, Refusal):
            return step
        so_far = step
    return None


def _refuse(life: Life, code: str, reason: str, remedy: str = "") -> Refusal:
    return Refusal(subject=life.incident_id, code=code, reason=reason, remedy=remedy)


def _time_goes_on(life: Life, decision: Decision) -> Refusal | None:
    last = life.decisions[-1].at if life.decisions else life.opened_at
    if decision.at < last:
        return _refuse(
            life,
            "clock-set-back",
            _("the decision is of {at}, before what was done at {last}").format(
                at=iso_utc(decision.at), last=iso_utc(last)
            ),
            _("Set the clock right."),
        )
    return None


def _comes_in_order(life: Life, decision: Decision) -> Refusal | None:
    state = state_of(life)
    if state in _FROM[decision.deed] or (life.decisions and takes_back(life.decisions[-1], decision)):
        return None
    return _refuse(
        life,
        "out-of-order",
        _("an incident that is {state} cannot be {deed}").format(state=state.value, deed=decision.deed.value),
        _("It must be one of: {states}.").format(
            states=", ".join(sorted(state.value for state in _FROM[decision.deed]))
        ),
    )


def _second_reviewer_is_another(life: Life, decision: Decision) -> Refusal | None:
    if decision.deed is not Deed.VERDICT:
        return None
    if len(decision.people) != 1:
        return _refuse(life, "one-reviewer", _("a verdict is one reviewer's"))
    given = {verdict.people[0].certificate_no for verdict in round_verdicts(life.decisions)}
    if decision.people[0].certificate_no in given:
        return _refuse(
            life,
            "same-reviewer",
            _("the second verdict of a round is by the same person as the first"),
            _("Let another reviewer look."),
        )
    return None


def _reason_is_coded(life: Life, decision: Decision) -> Refusal | None:
    needs = decision.verdict in {Verdict.REJECT, Verdict.ANOTHER_LOOK}
    if needs and decision.reason is None:
        return _refuse(life, "no-reason", _("a lead is not rejected or put back without a reason"), _("Choose one."))
    return None


def _two_officers_on_site(life: Life, decision: Decision) -> Refusal | None:
    if decision.deed is not Deed.CHECKED_ON_SITE:
        return None
    if len({person.certificate_no for person in decision.people}) < 2:
        return _refuse(
            life,
            "one-officer",
            _("a check on site needs two officers with different certificate numbers (行政处罚法 42)"),
        )
    if not decision.place or not decision.note:
        return _refuse(life, "empty-record", _("a check on site says where it was and what was found"))
    return None


def _four_ticks(life: Life, decision: Decision) -> Refusal | None:
    if decision.deed is not Deed.ACCEPTED:
        return None
    if decision.quality is None or not decision.quality.good:
        return _refuse(
            life,
            "not-evidence",
            _("a record that is not true, clear, complete and accurate is no evidence (行政处罚法 41)"),
        )
    return None


def _documents_in_order(life: Life, decision: Decision) -> Refusal | None:
    issued = {one.document for one in life.decisions if one.document is not None}
    if decision.document is not None:
        needed = DOCUMENT_ORDER.get(decision.document, frozenset())
        if needed and not needed & issued:
            return _refuse(
                life,
                "document-order",
                _("{document} is issued only after {needed}").format(
                    document=decision.document.value, needed=" / ".join(sorted(one.value for one in needed))
                ),
            )
    if decision.deed is Deed.RECTIFIED and Document.RECHECK_OPINION not in issued:
        return _refuse(life, "no-recheck", _("nothing is rectified before a 整改复查意见书 says so"))
    return None


def _transfer_names_whom(life: Life, decision: Decision) -> Refusal | None:
    if decision.deed is Deed.TRANSFERRED and not decision.note.strip():
        return _refuse(life, "no-receiver", _("a transfer names the authority that it goes to"))
    return None


RULES: Final[tuple[Rule, ...]] = (
    _time_goes_on,
    _comes_in_order,
    _second_reviewer_is_another,
    _reason_is_coded,
    _two_officers_on_site,
    _four_ticks,
    _documents_in_order,
    _transfer_names_whom,
)
