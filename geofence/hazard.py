"""Hazard: what a sighting in a zone means, and the law in force that day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Value(StrEnum):
    """What a frame from the air can show of a hazard (直 / 线 / 警 in the hazard catalogue)."""

    PROVABLE = "provable"  # the frame shows the legally relevant fact; who and where is still confirmed on site
    LEAD = "lead"  # the law asks for a fact that a camera cannot see
    ALERT = "alert"  # a situation to act on, not a violation


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """An article in force on a given day.

    Attributes:
        law: The law's name, Chinese.
        article: Article and item as cited ("第二十八条").
        version: The version's name ("主席令第八十一号 2021修正").
        effective_from: First day in force.
        text: The article's words, or empty where the text is not held (then ``confidence`` says so).
        confidence: "A" text read, "B" second-hand, "C" from memory: check before use; "unknown" where the version in
            force on the day is not held.
        role: "duty" (what was to be done), "penalty" or "competence".
        words: The words of the text that the hazard rests on; empty where the text is not held.
    """

    law: str
    article: str
    version: str
    effective_from: date | None
    text: str
    confidence: str
    role: str = "duty"
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Penalty:
    """What the law provides, in words.

    Attributes:
        under: The article, short ("消防法60①（五）").
        text: The consequence and its amounts, or None where it has not been read.
        confidence: As in :class:`Citation`; "unknown" without a text.
    """

    under: str
    text: str | None
    confidence: str

    def __post_init__(self) -> None:
        if (self.text is None) != (self.confidence == "unknown"):
            raise ValueError(f"{self.under}: a penalty without a text is unknown, and no other")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard:
    """What a sighting means under one rule.

    Attributes:
        code: Hazard code ("H13").
        name_zh, name_en: The hazard's names.
        rule_id: The rule that decided.
        rules_sha256: Digest of the rule file, hex.
        sighting_id: What it is about.
        zone_id: The zone that the rule found it in, or None for rules without a zone.
        zone_version: That zone's version.
        probability: Of the zone (and so of the fact) under this rule, in [0, 1].
        value: What the air can show of it.
        periods: Codes of the key periods that were running.
        citations: Articles in force on the day of the act.
        authority: Who decides (主管部门), Chinese.
        explanation: How the rule came to it, one sentence with the numbers.
        severity: 1 (look at it) to 4 (act at once), as the rule sets it; raised in the key periods it names.
        penalties: What the law provides; unknown ones say so.
        transfer: To whom an emergency management bureau hands it over (移送), or empty.
        rectification: What puts it right, Chinese.
    """

    code: str
    name_zh: str
    name_en: str
    rule_id: str
    rules_sha256: str
    sighting_id: str
    zone_id: str | None
    zone_version: str
    probability: float
    value: Value
    periods: tuple[str, ...]
    citations: tuple[Citation, ...]
    authority: str
    explanation: str
    severity: int = 1
    penalties: tuple[Penalty, ...] = ()
    transfer: str = ""
    rectification: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError("a probability is in [0, 1]")
        if not 1 <= self.severity <= 4:
            raise ValueError("a severity is 1 to 4")
