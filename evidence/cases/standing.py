"""What a record is worth so far, and what a draft must not be used for, in the words of the papers.

A state alone does not tell: a case is transferred or closed with or without a check on site. So the decisions are
asked, and where there are none to ask nothing is claimed that the state does not imply.
"""

from __future__ import annotations

from evidence.cases.life import Deed, Life
from evidence.incident import State

_CHECKED = frozenset({State.ON_SITE_CHECKED, State.EVIDENCE, State.RECTIFIED})  # whatever came before


def _deeds(state: State, life: Life | None) -> frozenset[Deed]:
    """Return what was certainly done."""
    done = set() if life is None else {decision.deed for decision in life.decisions}
    if state in _CHECKED:
        done.add(Deed.CHECKED_ON_SITE)
    if state is State.EVIDENCE:
        done.add(Deed.ACCEPTED)
    if state is State.TRANSFERRED:
        done.add(Deed.TRANSFERRED)
    return frozenset(done)


def _rejected(state: State, life: Life | None, deeds: frozenset[Deed]) -> bool:
    """Return whether its reviewers rejected it; what is closed without a check or a transfer was rejected before."""
    closed_as_rejected = state is State.CLOSED and not deeds & {Deed.CHECKED_ON_SITE, Deed.TRANSFERRED}
    return state is State.REJECTED or (life is not None and closed_as_rejected)


def standing_of(state: State, life: Life | None) -> str:
    """Return what the record is worth: a lead, rejected, transferred unchecked, checked on site, or accepted.

    Args:
        state: Where the incident stands.
        life: Its decisions; None where they are not known.
    """
    deeds = _deeds(state, life)
    if Deed.CHECKED_ON_SITE in deeds:
        accepted = "，本记录经审核真实、清晰、完整、准确" if Deed.ACCEPTED in deeds else ""
        return f"本记录中的情况已由两名执法人员现场核查{accepted}。"
    if _rejected(state, life, deeds):
        return "本线索经审核已排除，未经执法人员现场核查，不是行政处罚的证据。"
    if Deed.TRANSFERRED in deeds:
        return "本记录为无人机巡查发现的线索，经审核后移送其他机关，移送前未经现场核查，不是行政处罚的证据。"
    return "本记录为无人机巡查发现的线索，未经执法人员现场核查，不是行政处罚的证据。"


def bar_on_record(state: State, life: Life | None) -> str:
    """Return why a draft of a 现场检查记录 may not be used; empty where it may."""
    if _rejected(state, life, _deeds(state, life)):
        return "本线索经审核已排除，不得据此使用本文书。"
    return "本案已结案，不得使用本文书。" if state is State.CLOSED else ""


def bar_on_order(state: State, life: Life | None) -> str:
    """Return why a draft of a 责令限期整改指令书 may not be used; empty where it may."""
    barred = bar_on_record(state, life)
    if barred:
        return barred
    if state is State.TRANSFERRED:
        return "本案已移送，不得使用本文书。"
    if Deed.CHECKED_ON_SITE not in _deeds(state, life):
        return "尚未现场检查：制作现场检查记录之前，不得使用本文书。"
    return ""
