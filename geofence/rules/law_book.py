"""The nouns of the law as data: articles with their days, hazard classes with what they rest on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from geofence.hazard import Penalty, Value


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
class HazardClass:
    """A class of the hazard catalogue.

    Attributes:
        code: "H13"; "S…" for a site's own rule.
        name_zh: Chinese name.
        name_en: English name.
        shows: What a frame shows of it.
        value: The most that the air can show of it.
        basis: What it rests on.
        penalties: What the law provides.
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
    penalties: tuple[Penalty, ...]
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

    def hazard_class(self, code: str) -> HazardClass:
        """Return the class of a code; an unknown one raises ``KeyError``."""
        for known in self.classes:
            if known.code == code:
                return known
        raise KeyError(code)

    def versions_of(self, law: str, number: int) -> tuple[Article, ...]:
        """Return every version held of an article."""
        return tuple(article for article in self.articles if article.law == law and article.number == number)
