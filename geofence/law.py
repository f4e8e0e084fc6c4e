"""The law in force on a day, for a hazard class, out of files of data.

Nothing is filled in: an article whose text is not held is cited without text and with its confidence; an article of
which only later versions are held is cited as unknown for that day; a penalty that nobody has read stays unknown.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from core.errors import InputRefused
from core.text import _
from geofence.hazard import Citation, Penalty, Value
from geofence.law_book import Article, Basis, HazardClass, LawBook, Role

_SHIPPED: Final = Path(__file__).resolve().parent.parent / "missions"
_DIGITS: Final = "零一二三四五六七八九"


def read_law(path: Path | None = None) -> LawBook:
    """Return the hazard catalogue and the articles it rests on.

    Args:
        path: A folder with ``hazards/*.yaml`` and ``law/*.json``; None for those shipped.

    Raises:
        InputRefused: A file is missing or malformed, a cited article is not held, or its text lacks the quoted words.
    """
    import yaml

    folder = _SHIPPED if path is None else path
    catalogues, texts = sorted(folder.glob("hazards/*.yaml")), sorted(folder.glob("law/*.json"))
    if not catalogues or not texts:
        remedy = _("Name a folder with hazards/*.yaml and law/*.json.")
        raise InputRefused(folder, _("holds no hazard catalogue or no articles"), remedy)
    digest = hashlib.sha256()
    articles: list[Article] = []
    classes: list[HazardClass] = []
    current = folder
    try:
        for current in (*texts, *catalogues):
            content = current.read_bytes()
            digest.update(hashlib.sha256(content).digest())
            if current.suffix == ".json":
                articles += [_article(entry) for entry in json.loads(content)["articles"]]
            else:
                loader = getattr(
                    yaml, "CSafeLoader", yaml.SafeLoader
                )  # the one in C reads the catalogue ten times faster
                document = yaml.load(content, Loader=loader)  # noqa: S506 - both are safe
                classes += [_hazard_class(entry) for entry in document["hazards"]]
        current = folder
        return LawBook(classes=tuple(classes), articles=tuple(articles), sha256=digest.hexdigest())
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        problem = _("is not as the law's data must be: {reason}").format(reason=error)
        raise InputRefused(current, problem, _("Correct the entry.")) from error


def cite(law: LawBook, code: str, on: date) -> tuple[Citation, ...]:
    """Return what a hazard class rests on, as it stood on a day.

    Args:
        law: The law.
        code: The hazard's code.
        on: The day of the act, in Beijing.

    Raises:
        KeyError: There is no such hazard class.
    """
    return tuple(_citation(law, basis, on) for basis in law.hazard_class(code).basis if basis.holds_on(on))


def article_name(number: int, item: str = "") -> str:
    """Return an article as it is cited: 28 is 第二十八条.

    Raises:
        ValueError: The number is not in 1 to 999.
    """
    if not 1 <= number <= 999:
        raise ValueError(f"articles are numbered from 1 to 999, not {number}")
    hundreds, rest = divmod(number, 100)
    tens, units = divmod(rest, 10)
    words = f"{_DIGITS[hundreds]}百" if hundreds else ""
    if tens:
        # 十 alone begins a number (12: 十二); inside one the digit is spoken (112: 一百一十二).
        words += "十" if tens == 1 and not hundreds else f"{_DIGITS[tens]}十"
    elif hundreds and units:
        words += "零"
    return f"第{words}{_DIGITS[units] if units else ''}条{item}"


def _citation(law: LawBook, basis: Basis, on: date) -> Citation:
    if isinstance(basis.article, str):
        return Citation(
            law=basis.law,
            article=basis.article + basis.item,
            version="",
            effective_from=basis.since,
            text="",
            confidence=basis.confidence,
            role=basis.role,
        )
    name = article_name(basis.article, basis.item)
    for version in law.versions_of(basis.law, basis.article):
        if version.holds_on(on) and basis.words in version.text:
            return Citation(
                law=basis.law,
                article=name,
                version=version.version,
                effective_from=version.effective_from,
                text=version.text,
                confidence=version.confidence,
                role=basis.role,
                words=basis.words,
            )
    return Citation(
        law=basis.law,
        article=name,
        version="",
        effective_from=None,
        text="",
        confidence="unknown",
        role=basis.role,
    )


def _day(value: object) -> date | None:
    if value is None:
        return None
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def _article(entry: Mapping[str, Any]) -> Article:
    return Article(
        law=entry["law"],
        number=entry["article"],
        version=entry["version"],
        effective_from=_day(entry["effective_from"]),
        effective_to=_day(entry["effective_to"]),
        text=entry["text"],
        source=entry["source"],
        confidence=entry["confidence"],
    )


def _basis(entry: Mapping[str, Any]) -> Basis:
    _only(entry, {"law", "article", "item", "role", "words", "from", "until", "confidence"})
    return Basis(
        law=entry["law"],
        article=entry["article"],
        item=entry.get("item", ""),
        role=Role(entry["role"]),
        words=entry.get("words", ""),
        since=_day(entry.get("from")),
        until=_day(entry.get("until")),
        confidence=entry.get("confidence", ""),
    )


def _hazard_class(entry: Mapping[str, Any]) -> HazardClass:
    allowed = {"code", "name_zh", "name_en", "shows", "value", "basis", "penalty", "authority", "transfer"}
    _only(entry, allowed | {"rectification", "confidence", "note", "site_rule"})
    return HazardClass(
        code=entry["code"],
        name_zh=entry["name_zh"],
        name_en=entry["name_en"],
        shows=entry["shows"],
        value=Value(entry["value"]),
        basis=tuple(_basis(basis) for basis in entry["basis"]),
        penalties=tuple(
            Penalty(
                under=penalty["under"],
                text=None if penalty["text"] == "unknown" else penalty["text"],
                confidence=penalty["confidence"],
            )
            for penalty in entry["penalty"]
        ),
        authority=entry["authority"],
        transfer=entry["transfer"],
        rectification=entry["rectification"],
        confidence=entry["confidence"],
        note=entry.get("note", ""),
        site_rule=entry.get("site_rule", False),
    )


def _only(entry: Mapping[str, Any], allowed: set[str]) -> None:
    unknown = set(entry) - allowed
    if unknown:
        raise ValueError(f"{entry.get('code') or entry.get('law')}: unknown fields {', '.join(sorted(unknown))}")
