"""The life of an incident: decisions that are appended, never edited, and the rules of their order.

::

    lead ─taken-up→ in-review ─two verdicts confirm→ confirmed-lead
         confirmed-lead ─checked-on-site→ on-site-checked ─accepted→ evidence
         in-review ─two verdicts reject→ rejected
         in-review ─verdicts differ, or ask for it→ needs-another-look ─resumed→ in-review
         a reviewer who takes the last verdict back ─resumed→ in-review, and the round begins again
         on-site-checked, evidence ─→ rectified or transferred ─→ closed

What a drone saw is a lead (线索); it becomes evidence only after two officers with different certificates checked on
site (行政处罚法 42) and a reviewer ticked that the record is true, clear, complete and accurate (41). The second
reviewer is another person, and blind to the first verdict. Rules that a decision breaks come back as a refusal with a
code; the decisions so far stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from core.clock import in_utc
from core.points import GeoPoint
from evidence.incident import State

SCHEMA: Final = "skywarden/review/1"
TAKE_BACK_WITHIN: Final = timedelta(minutes=10)  # later, another look is asked for instead


class Deed(StrEnum):
    """What a decision does."""

    TAKEN_UP = "taken-up"
    VERDICT = "verdict"
    RESUMED = "resumed"
    CHECKED_ON_SITE = "checked-on-site"
    ACCEPTED = "accepted-as-evidence"
    DOCUMENT_ISSUED = "document-issued"
    RECTIFIED = "rectified"
    TRANSFERRED = "transferred"
    CLOSED = "closed"


class Verdict(StrEnum):
    """What a reviewer says of a lead."""

    CONFIRM = "confirm"
    REJECT = "reject"
    ANOTHER_LOOK = "another-look"


class Reason(StrEnum):
    """Why a lead is rejected or looked at again, coded so that it can be counted."""

    FALSE_DETECTION = "误检"
    WRONG_POSITION = "位置错"
    NOT_THIS_ENTERPRISE = "非该企业"
    ALREADY_RECTIFIED = "已整改"
    POOR_IMAGE = "画质差"
    DUPLICATE = "重复"
    LAWFUL_WORK = "合法作业"
    NO_JURISDICTION = "无管辖权"


class Document(StrEnum):
    """Enforcement documents whose order matters."""

    ON_SITE_RECORD = "现场检查记录"
    ON_SITE_MEASURES = "现场处理措施决定书"
    RECTIFICATION_ORDER = "责令限期整改指令书"
    COMPULSORY_MEASURES = "强制措施决定书"
    RECHECK_OPINION = "整改复查意见书"
    EXTRACTION_RECORD = "电子数据证据提取笔录"
    PRESERVATION_NOTICE = "先行登记保存证据通知书"
    PRESERVATION_DECISION = "先行登记保存证据处理决定书"
    CASE_FILING = "立案审批表"
    PENALTY_NOTICE = "行政处罚告知书"
    DEFENCE_RECORD = "陈述申辩笔录"
    PENALTY_DECISION = "行政处罚决定书"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who decides.

    Attributes:
        name: Name.
        certificate_no: 执法证号; identifies the person, so two certificates are two people.
    """

    name: str
    certificate_no: str

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.certificate_no.strip():
            raise ValueError("a person who decides has a name and a certificate number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """The four ticks of 行政处罚法 41: a record that lacks one is not used as evidence.

    Attributes:
        true, clear, complete, accurate: 真实、清晰、完整、准确.
    """

    true: bool
    clear: bool
    complete: bool
    accurate: bool

    @property
    def good(self) -> bool:
        """Whether all four are ticked."""
        return self.true and self.clear and self.complete and self.accurate


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What a reviewer put right: the record of the detector stays, and this stands beside it.

    Attributes:
        site_code: The enterprise that it is, by its code; empty where the attribution stands.
        lon_deg, lat_deg: Where the thing is, WGS-84; None where the position stands.
        picture_sha256: Digest of the picture that the box was redrawn on, hex; empty where the box stands.
        box_px: Left, top, right and bottom of the redrawn box, pixels of that picture.
    """

    site_code: str = ""
    lon_deg: float | None = None
    lat_deg: float | None = None
    picture_sha256: str = ""
    box_px: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        if (self.lon_deg is None) != (self.lat_deg is None):
            raise ValueError("a position has a longitude and a latitude")
        if self.lon_deg is not None and self.lat_deg is not None:
            GeoPoint(lon_deg=self.lon_deg, lat_deg=self.lat_deg)
        if (self.box_px is None) != (not self.picture_sha256):
            raise ValueError("a box is drawn on a picture")
        if self.box_px is not None and not (self.box_px[0] < self.box_px[2] and self.box_px[1] < self.box_px[3]):
            raise ValueError("a box has width and height")
        if not (self.site_code or self.picture_sha256) and self.lon_deg is None:
            raise ValueError("a correction corrects something")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision. Fields that its deed does not need stay empty.

    Attributes:
        at: When, aware UTC.
        deed: What it does.
        people: Who decided; one reviewer, or two officers on site.
        verdict: Of a reviewer.
        reason: Why, where a lead is rejected or looked at again.
        quality: The four ticks, where a record is accepted as evidence.
        document: Which document was issued.
        place: Where, for a check on site.
        note: In the deciders' own words: findings on site, the authority it was transferred to.
        seconds_spent: How long a reviewer looked.
        correction: What a reviewer put right.
    """

    at: datetime
    deed: Deed
    people: tuple[Person, ...]
    verdict: Verdict | None = None
    reason: Reason | None = None
    quality: Quality | None = None
    document: Document | None = None
    place: str = ""
    note: str = ""
    seconds_spent: float = 0.0
    correction: Correction | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", in_utc(self.at))
        if not self.people:
            raise ValueError("a decision is somebody's")
        if (self.verdict is not None) != (self.deed is Deed.VERDICT):
            raise ValueError("a verdict belongs to a decision that is one, and to no other")
        if (self.document is not None) != (self.deed is Deed.DOCUMENT_ISSUED):
            raise ValueError("a document belongs to its issue, and to nothing else")
        if self.correction is not None and self.deed is not Deed.VERDICT:
            raise ValueError("a correction belongs to a verdict")
        if not 0 <= self.seconds_spent < 1e6:
            raise ValueError("the time spent on a review is not negative, nor weeks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """An incident's decisions in order.

    Attributes:
        incident_id: Which incident.
        opened_at: When it was opened, aware UTC.
        last_seen: When the hazard was seen last, aware UTC; limitation counts from it.
        decisions: In order of time.
    """

    incident_id: str
    opened_at: datetime
    last_seen: datetime
    decisions: tuple[Decision, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "opened_at", in_utc(self.opened_at))
        object.__setattr__(self, "last_seen", in_utc(self.last_seen))


_MOVES: Final = {
    Deed.TAKEN_UP: State.IN_REVIEW,
    Deed.RESUMED: State.IN_REVIEW,
    Deed.CHECKED_ON_SITE: State.ON_SITE_CHECKED,
    Deed.ACCEPTED: State.EVIDENCE,
    Deed.RECTIFIED: State.RECTIFIED,
    Deed.TRANSFERRED: State.TRANSFERRED,
    Deed.CLOSED: State.CLOSED,
}


def round_verdicts(decisions: tuple[Decision, ...]) -> tuple[Decision, ...]:
    """Return the verdicts of the running round of review (since it was taken up or resumed)."""
    verdicts: list[Decision] = []
    for decision in decisions:
        if decision.deed in {Deed.TAKEN_UP, Deed.RESUMED}:
            verdicts = []
        elif decision.deed is Deed.VERDICT:
            verdicts.append(decision)
    return tuple(verdicts)


def state_of(life: Life) -> State:
    """Return where an incident stands after its decisions."""
    state = State.LEAD
    for index, decision in enumerate(life.decisions):
        if decision.deed is Deed.VERDICT:
            state = _after_verdicts(round_verdicts(life.decisions[: index + 1]))
        else:
            state = _MOVES.get(decision.deed, state)
    return state


def _after_verdicts(verdicts: tuple[Decision, ...]) -> State:
    if len(verdicts) < 2:
        return State.IN_REVIEW
    given = {decision.verdict for decision in verdicts}
    if given == {Verdict.CONFIRM}:
        # Two that confirm it of two enterprises do not agree.
        sites = {decision.correction.site_code if decision.correction else "" for decision in verdicts}
        return State.CONFIRMED_LEAD if len(sites) == 1 else State.NEEDS_ANOTHER_LOOK
    return State.REJECTED if given == {Verdict.REJECT} else State.NEEDS_ANOTHER_LOOK


def taken_back(decisions: tuple[Decision, ...]) -> tuple[Decision, ...]:
    """Return the verdicts of rounds that ended because a reviewer took a verdict back."""
    void: list[Decision] = []
    for place, decision in enumerate(decisions):
        last = decisions[place - 1] if place else None
        if decision.deed is Deed.RESUMED and last is not None and takes_back(last, decision):
            void.extend(round_verdicts(decisions[:place]))
    return tuple(void)


def takes_back(last: Decision, decision: Decision) -> bool:
    """Return whether ``decision`` takes back ``last``: its own reviewer begins the round again, soon after."""
    return (
        decision.deed is Deed.RESUMED
        and last.deed is Deed.VERDICT
        and decision.people == last.people
        and decision.at - last.at <= TAKE_BACK_WITHIN
    )


def visible_to(life: Life, person: Person) -> tuple[Decision, ...]:
    """Return the decisions that ``person`` may see: a running round's first verdict only to who gave it.

    The second reviewer judges the footage, not the first reviewer. While the review goes on, verdicts that were taken
    back are hidden from others too.
    """
    if state_of(life) is not State.IN_REVIEW:
        return life.decisions
    hidden = [*round_verdicts(life.decisions), *taken_back(life.decisions)]
    return tuple(
        decision
        for decision in life.decisions
        if decision.people[0].certificate_no == person.certificate_no or not any(decision is each for each in hidden)
    )
