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
from flight.planning.yaml_lines import read_yaml
from geofence.hazard import Citation, Penalty, Value
from geofence.rules.law_book import Article, Basis, Consequence, HazardClass, LawBook, Role, amounts_in

_SHIPPED: Final = Path(__file__).resolve().parents[2] / "missions"
_DIGITS: Final = "零一二三四五六七八九"


def read_law(path: Path | None = None) -> LawBook:
    """Return the hazard catalogue and the articles it rests on.

    Args:
        path: A folder with ``hazards/*.yaml`` and ``law/*.json``; None for those shipped.

    Raises:
        InputRefused: A file is missing or malformed, a cited article is not held, or its text lacks the quoted words.
    """
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
                articles += [_article(entry) for entry in _entries(_first_schema(json.loads(content)), "articles")]
            else:
                classes += [
                    _hazard_class(entry) for entry in _entries(_first_schema(read_yaml(current).value), "hazards")
                ]
        current = folder
        return LawBook(classes=tuple(classes), articles=tuple(articles), sha256=digest.hexdigest())
    except (OSError, ValueError, TypeError, KeyError) as error:
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


def penalties_on(law: LawBook, code: str, on: date) -> tuple[Penalty, ...]:
    """Return what the laws provide for a hazard class, as they stood on a day.

    What a law provides only later, or no longer, is left out. What is known from a version that was not yet in force on
    that day is unknown for it: its amounts may have been others.

    Args:
        law: The law.
        code: The hazard's code.
        on: The day of the act, in Beijing.

    Raises:
        KeyError: There is no such hazard class.
    """
    return tuple(_penalty(law, one, on) for one in law.hazard_class(code).penalties if one.holds_on(on))


def _penalty(law: LawBook, provided: Consequence, on: date) -> Penalty:
    said = amounts_in(provided.text or "")
    held = not provided.law or any(
        version.holds_on(on) and said <= amounts_in(version.text)
        for version in law.versions_of(provided.law, provided.article)
    )
    if not held:
        return Penalty(under=provided.under, text=None, confidence="unknown")
    return Penalty(under=provided.under, text=provided.text, confidence=provided.confidence)


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


def _first_schema(document: object) -> object:
    if not isinstance(document, Mapping) or document.get("schema") != 1:
        raise ValueError("schema is not 1")
    return document


def _entries(document: object, key: str) -> list[Mapping[str, Any]]:
    entries = document.get(key) if isinstance(document, Mapping) else None
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise TypeError(f"{key} is a list of mappings")
    return entries


def _text(entry: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = entry[key] if default is None else entry.get(key, default)
    if not isinstance(value, str):
        raise TypeError(f"{key} is a text, not {value!r}")
    return value


def _number(entry: Mapping[str, Any], key: str) -> int:
    value = entry[key]
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{key} is a whole number, not {value!r}")
    return value


def _day(value: object) -> date | None:
    if value is None:
        return None
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def _article(entry: Mapping[str, Any]) -> Article:
    return Article(
        law=_text(entry, "law"),
        number=_number(entry, "article"),
        version=_text(entry, "version"),
        effective_from=_day(entry["effective_from"]),
        effective_to=_day(entry["effective_to"]),
        text=_text(entry, "text"),
        source=_text(entry, "source"),
        confidence=_text(entry, "confidence"),
    )


def _basis(entry: Mapping[str, Any]) -> Basis:
    _only(entry, {"law", "article", "item", "role", "words", "from", "until", "confidence"})
    return Basis(
        law=_text(entry, "law"),
        article=entry["article"] if isinstance(entry["article"], str) else _number(entry, "article"),
        item=_text(entry, "item", ""),
        role=Role(entry["role"]),
        words=_text(entry, "words", ""),
        since=_day(entry.get("from")),
        until=_day(entry.get("until")),
        confidence=_text(entry, "confidence", ""),
    )


def _consequence(entry: Mapping[str, Any]) -> Consequence:
    _only(entry, {"under", "text", "confidence", "law", "article", "from", "until"})
    return Consequence(
        under=_text(entry, "under"),
        text=None if entry["text"] == "unknown" else _text(entry, "text"),
        confidence=_text(entry, "confidence"),
        law=_text(entry, "law", ""),
        article=_number(entry, "article") if "article" in entry else 0,
        since=_day(entry.get("from")),
        until=_day(entry.get("until")),
    )


def _hazard_class(entry: Mapping[str, Any]) -> HazardClass:
    allowed = {"code", "name_zh", "name_en", "shows", "value", "basis", "penalty", "authority", "transfer"}
    _only(entry, allowed | {"rectification", "confidence", "note", "site_rule"})
    return HazardClass(
        code=_text(entry, "code"),
        name_zh=_text(entry, "name_zh"),
        name_en=_text(entry, "name_en"),
        shows=_text(entry, "shows"),
        value=Value(entry["value"]),
        basis=tuple(_basis(basis) for basis in _entries(entry, "basis")),
        penalties=tuple(_consequence(penalty) for penalty in _entries(entry, "penalty")),
        authority=_text(entry, "authority"),
        transfer=_text(entry, "transfer"),
        rectification=_text(entry, "rectification"),
        confidence=_text(entry, "confidence"),
        note=_text(entry, "note", ""),
        site_rule=bool(entry.get("site_rule", False)),
    )


def _only(entry: Mapping[str, Any], allowed: set[str]) -> None:
    unknown = set(entry) - allowed
    if unknown:
        raise ValueError(f"{entry.get('code') or entry.get('law')}: unknown fields {', '.join(sorted(unknown))}")
