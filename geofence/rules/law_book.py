"""The nouns of the law as data: articles with their days, hazard classes with what they rest on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from geofence.hazard import Value


class Role(StrEnum):
    """What an article does for a hazard."""

    DUTY = "duty"
    PENALTY = "penalty"
    COMPETENCE = "competence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One article of one version of a law, with its text.

    Attributes:
        law: The law's name, Chinese.
        number: The article's number.
        version: The version's name.
        effective_from: First day in force, or None where that has not been found.
        effective_to: First day no longer in force, or None while it is.
        text: Its words.
        source: Where the text was read.
        confidence: "A" text read, "B" second-hand.
    """

    law: str
    number: int
    version: str
    effective_from: date | None
    effective_to: date | None
    text: str
    source: str
    confidence: str

    def __post_init__(self) -> None:
        if not (self.law and self.text and self.number > 0):
            raise ValueError("an article has a law, a number and a text")
        if self.effective_from and self.effective_to and not self.effective_from < self.effective_to:
            raise ValueError(f"{self.law} {self.number}: it ends before it begins")

    def holds_on(self, day: date) -> bool:
        """Return whether this version was in force on a day; an unknown first day is taken as past."""
        return (self.effective_from is None or self.effective_from <= day) and (
            self.effective_to is None or day < self.effective_to
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """One thing that a hazard class rests on.

    Attributes:
        law: The law's or standard's name.
        article: The article's number where its text is held; otherwise the place as people cite it.
        item: Paragraph and item inside the article ("第一款第（五）项"), or empty.
        role: What it does.
        words: The words that the class relies on; empty where the text is not held.
        since: First day from which the class rests on it, or None.
        until: First day on which it no longer does, or None.
        confidence: For a place whose text is not held: "B" second-hand or "C" from memory.
    """

    law: str
    article: int | str
    item: str = ""
    role: Role
    words: str = ""
    since: date | None = None
    until: date | None = None
    confidence: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.article, int) != bool(self.words):
            raise ValueError(f"{self.law} {self.article}: words are quoted from articles whose text is held, always")
        if isinstance(self.article, str) and self.confidence not in {"B", "C"}:
            raise ValueError(f"{self.law} {self.article}: without its text, the confidence is B or C")

    def holds_on(self, day: date) -> bool:
        """Return whether the class rests on it on a day."""
        return (self.since is None or self.since <= day) and (self.until is None or day < self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequence:
    """What a law provides for a hazard class, and on which days.

    Attributes:
        under: The article, short ("消防法60①（五）").
        text: The consequence and its amounts, or None where it has not been read.
        confidence: "A" text read, "B" second-hand, "C" from memory; "unknown" without a text.
        law: The law whose text is held; empty where it is not.
        article: Its article; 0 where it is not held.
        since: First day from which it is provided, or None.
        until: First day on which it no longer is, or None.
    """

    under: str
    text: str | None
    confidence: str
    law: str = ""
    article: int = 0
    since: date | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        if (self.text is None) != (self.confidence == "unknown"):
            raise ValueError(f"{self.under}: a penalty without a text is unknown, and no other")
        if bool(self.law) != bool(self.article) or (self.confidence == "A" and not self.law):
            raise ValueError(f"{self.under}: a penalty whose text was read names its law and article")

    def holds_on(self, day: date) -> bool:
        """Return whether a law provides it on a day."""
        return (self.since is None or self.since <= day) and (self.until is None or day < self.until)


_DIGITS: Final = {digit: value for value, digit in enumerate("零一二三四五六七八九")}
_POWERS: Final = {"十": 10, "百": 100, "千": 1000, "万": 10_000}
_AMOUNT: Final = re.compile(r"(?:(\d+)|([零一二三四五六七八九十百千]+))(万?)(元|日|平方米)")


def amounts_in(text: str) -> frozenset[tuple[int, str]]:
    """Return the amounts that a text names with their units, however they are written: 5万元 and 五万元 are one."""
    return frozenset(
        ((int(digits) if digits else _number_of(words)) * (10_000 if wan else 1), unit)
        for digits, words, wan, unit in _AMOUNT.findall(text)
    )


def _number_of(words: str) -> int:
    """Return a number up to 9999 that is written in Chinese."""
    total = digit = 0
    for character in words:
        if character in _DIGITS:
            digit = _DIGITS[character]
        else:
            total += (digit or 1) * _POWERS[character]
            digit = 0
    return total + digit


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardClass:
    """A class of the hazard catalogue.

    Attributes:
        code: "H13"; "S…" for a site's own rule.
        name_zh: Chinese name.
        name_en: English name.
        shows: What a frame shows of it.
        value: The most that the air can show of it.
        basis: What it rests on.
        penalties: What the laws provide, each with its days.
        authority: Who decides, Chinese.
        transfer: To whom an emergency management bureau hands it over, or empty.
        rectification: What puts it right, Chinese.
        confidence: Of the entry as a whole: A, B or C.
        note: What the user must know before relying on it.
        site_rule: Whether it is a site's own rule and no class of the catalogue.
    """

    code: str
    name_zh: str
    name_en: str
    shows: str
    value: Value
    basis: tuple[Basis, ...]
    penalties: tuple[Consequence, ...]
    authority: str
    transfer: str = ""
    rectification: str
    confidence: str
    note: str = ""
    site_rule: bool = False

    def __post_init__(self) -> None:
        if not (self.code and self.name_zh and self.name_en and self.basis):
            raise ValueError(f"{self.code}: a hazard class has a code, two names and a basis")
        if self.site_rule != self.code.startswith("S"):
            raise ValueError(f"{self.code}: codes of site rules, and only they, begin with S")


@dataclass(frozen=True, slots=True, kw_only=True)
class LawBook:
    """The hazard catalogue and the articles it rests on.

    Attributes:
        classes: By code, in the catalogue's order.
        articles: Every version held.
        sha256: Digest of the files it was read from, hex.
    """

    classes: tuple[HazardClass, ...]
    articles: tuple[Article, ...]
    sha256: str

    def __post_init__(self) -> None:
        codes = [known.code for known in self.classes]
        if len(set(codes)) != len(codes):
            raise ValueError("two hazard classes have one code")
        for known in self.classes:
            for basis in known.basis:
                if isinstance(basis.article, str):
                    continue
                versions = self.versions_of(basis.law, basis.article)
                if not versions:
                    raise ValueError(f"{known.code}: no text of {basis.law} {basis.article} is held")
                if not any(basis.words in version.text for version in versions):
                    raise ValueError(f"{known.code}: {basis.law} {basis.article} does not say “{basis.words}”")

            for penalty in known.penalties:
                self._check_amounts(known.code, penalty)

    def _check_amounts(self, code: str, penalty: Consequence) -> None:
        """Check that an article whose text is held says every amount that a penalty under it says."""
        if not penalty.law:
            return
        versions = self.versions_of(penalty.law, penalty.article)
        if not versions:
            raise ValueError(f"{code}: no text of {penalty.law} {penalty.article} is held")
        said = amounts_in(penalty.text or "")
        if not any(said <= amounts_in(version.text) for version in versions):
            raise ValueError(f"{code}: {penalty.law} {penalty.article} does not say the amounts of “{penalty.text}”")

    def hazard_class(self, code: str) -> HazardClass:
        """Return the class of a code; an unknown one raises ``KeyError``."""
        for known in self.classes:
            if known.code == code:
                return known
        raise KeyError(code)

    def versions_of(self, law: str, number: int) -> tuple[Article, ...]:
        """Return every version held of an article."""
        return tuple(article for article in self.articles if article.law == law and article.number == number)
