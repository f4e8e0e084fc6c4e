"""Read a rule file (YAML); refuse at load whatever it does not mean exactly.

The language is described in ``docs/rules.md``. Unknown fields, wrong types and values out of range are refused with the
rule's id, so that a misspelt condition never makes a rule wider than its author meant. The file's own tests are run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, time
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

from core.clock import in_utc
from core.errors import InputRefused
from core.text import _
from flight.planning.yaml_lines import read_yaml
from geofence.hazard import Value
from geofence.rules.rule import Company, Count, Hours, Motion, Near, Outside, Rule, RuleBook
from geofence.rules.rule_cases import GivenSurroundings, RuleTest, failures
from geofence.rules.rule_trial import Facts, ZoneStand
from geofence.site import ZoneType

SHIPPED_RULES: Final = Path(__file__).resolve().parents[2] / "missions" / "rules" / "default.yaml"
_PLACE_FIELDS: Final = frozenset({"zones", "zone_probability", "reach", "outside", "near"})
_CONDUCT_FIELDS: Final = frozenset({"motion", "score", "seen", "dwell_minutes", "company", "count", "hours", "periods"})
_RULE_FIELDS: Final = (
    frozenset({"id", "about", "hazard", "labels", "severity", "raised", "value", "once_within_m"})
    | _PLACE_FIELDS
    | _CONDUCT_FIELDS
)
_GIVEN_FIELDS: Final = frozenset(
    {
        "label",
        "zones",
        "reach",
        "near",
        "moving",
        "score",
        "passes",
        "fixes",
        "dwell_minutes",
        "others",
        "at",
        "periods",
        "in_zone",
    }
)


def read_rules(path: Path | None = None) -> RuleBook:
    """Return the rules of a file.

    Args:
        path: The file; None for the shipped one.

    Raises:
        InputRefused: The file cannot be read, a rule is not well formed, or one of its own tests fails.
    """
    source = SHIPPED_RULES if path is None else path
    document = read_yaml(source)
    try:
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        book, tests = parse_rules(document.value, sha256=digest, line_of=document.line_of)
    except OSError as error:
        raise InputRefused(source, _("cannot be read"), _("Check the path.")) from error
    except (ValueError, TypeError) as error:
        problem = _("is no rule file: {reason}").format(reason=" ".join(str(error).split()))
        raise InputRefused(source, problem, _("Correct the rule; docs/rules.md describes the language.")) from error
    failed = failures(book, tests)
    if failed:
        problem = _("fails {count} of its own {tests} tests: {first}").format(
            count=len(failed), tests=len(tests), first="; ".join(failed[:3])
        )
        raise InputRefused(source, problem, _("Correct the rule or the test."))
    return book


def parse_rules(
    document: object, *, sha256: str, line_of: Callable[[Sequence[str | int]], int] | None = None
) -> tuple[RuleBook, tuple[RuleTest, ...]]:
    """Return the rules of a parsed document and the tests that it carries.

    Args:
        document: Mappings, lists and scalars.
        sha256: Digest of the file, hex.
        line_of: Tells the line in which a value was written, where there are lines.

    Raises:
        ValueError: It is no rule book; the text names the rule or test.
        TypeError: A value has the wrong type; the text names the rule or test.
    """
    book = _mapping("the file", document, {"schema", "name", "rules", "not_decided", "tests"})
    if book.get("schema") != 1:
        raise ValueError("schema is not 1")
    not_decided = _mapping("not_decided", book.get("not_decided", {}), None)
    if not all(isinstance(reason, str) and reason for reason in not_decided.values()):
        raise TypeError("not_decided gives a reason for each hazard")
    rules = RuleBook(
        name=str(book.get("name", "")),
        rules=tuple(_each(book, "rules", "id", _rule, line_of)),
        not_decided=MappingProxyType(dict(not_decided)),
        sha256=sha256,
    )
    return rules, tuple(_each(book, "tests", "name", _test, line_of))


_Noun = TypeVar("_Noun")


def _each(
    book: Mapping[str, Any],
    part: str,
    key: str,
    parse: Callable[[object], _Noun],
    line_of: Callable[[Sequence[str | int]], int] | None,
) -> Iterator[_Noun]:
    """Yield what ``parse`` makes of each entry of a part; whatever is wrong is told with the entry's name and line."""
    for place, entry in enumerate(_list(part, book.get(part, []))):
        line = "" if line_of is None else _("line {line}: ").format(line=line_of((part, place)))
        name = entry.get(key) if isinstance(entry, Mapping) else None
        if not isinstance(name, str) or not name:
            raise TypeError(f"{line}an entry without its {key}: {entry!r:.80}")
        try:
            yield parse(entry)
        except (ValueError, TypeError) as error:
            raise type(error)(f"{line}{name}: {error}") from error


def _rule(entry: object) -> Rule:
    fields = _mapping("a rule", entry, _RULE_FIELDS)
    seen = _mapping("seen", fields.get("seen", {}), {"passes", "fixes"})
    raised = _mapping("raised", fields.get("raised", {}), {"in_periods", "severity"})
    return Rule(
        rule_id=fields["id"],
        hazard_code=_typed(fields, "hazard", str, ""),
        about=_typed(fields, "about", str, ""),
        labels=_words(fields, "labels"),
        zone_types=_zone_types(fields),
        zone_probability=_number(fields, "zone_probability", 0.5),
        reach=_number(fields, "reach", 0.0) if "reach" in fields else None,
        outside=_outside(fields),
        near=_near(fields),
        motion=Motion(_typed(fields, "motion", str, "any")),
        least_score=_number(fields, "score", 0.0),
        least_passes=_typed(seen, "passes", (int, type(None)), None),
        least_fixes=_typed(seen, "fixes", (int, type(None)), None),
        dwell_minutes=_number(fields, "dwell_minutes", 0.0),
        company=tuple(map(_company, _list("company", fields.get("company", [])))),
        count=_count(fields),
        once_within_m=_number(fields, "once_within_m", 0.0) if "once_within_m" in fields else None,
        hours=_hours(fields),
        only_in=_words(fields, "periods"),
        severity=_typed(fields, "severity", int, 1),
        raised_in=_words(raised, "in_periods"),
        raised_severity=_typed(raised, "severity", (int, type(None)), None),
        value=Value(fields["value"]) if "value" in fields else None,
    )


def _outside(fields: Mapping[str, Any]) -> Outside | None:
    if "outside" not in fields:
        return None
    entry = _mapping("outside", fields["outside"], {"zones", "probability"})
    return Outside(zone_types=_zone_types(entry, needed=True), probability=_number(entry, "probability", 0.8))


def _near(fields: Mapping[str, Any]) -> Near | None:
    if "near" not in fields:
        return None
    entry = _mapping("near", fields["near"], {"zones", "within_m", "probability"})
    return Near(
        zone_types=_zone_types(entry, needed=True),
        within_m=_number(entry, "within_m", 0.0),
        probability=_number(entry, "probability", 0.5),
    )


def _company(entry: object) -> Company:
    fields = _mapping("company", entry, {"labels", "within_m", "at_least", "at_most", "within_minutes"})
    labels = _words(fields, "labels")
    if not labels:
        raise ValueError("company: labels says of what")
    return Company(
        labels=labels,
        within_m=_number(fields, "within_m", 0.0),
        at_least=_typed(fields, "at_least", int, 0),
        at_most=_typed(fields, "at_most", (int, type(None)), None),
        within_minutes=_number(fields, "within_minutes", 10.0),
    )


def _count(fields: Mapping[str, Any]) -> Count | None:
    if "count" not in fields:
        return None
    entry = _mapping("count", fields["count"], {"labels", "at_least", "probability", "within_minutes"})
    return Count(
        labels=_words(entry, "labels"),
        at_least=_typed(entry, "at_least", int, 0),
        probability=_number(entry, "probability", 0.9),
        within_minutes=_number(entry, "within_minutes", 1.0),
    )


def _hours(fields: Mapping[str, Any]) -> Hours | None:
    if "hours" not in fields:
        return None
    entry = _mapping("hours", fields["hours"], {"from", "to"})
    begin, end = (time.fromisoformat(_typed(entry, name, str, "")) for name in ("from", "to"))
    return Hours(begin=begin, end=end)


def _test(entry: object) -> RuleTest:
    fields = _mapping("a test", entry, {"name", "given", "expect", "severity"})
    given = _mapping("given", fields.get("given"), _GIVEN_FIELDS)
    zones = {ZoneType(kind): share for kind, share in _numbers(given, "zones").items()}
    reach = {ZoneType(kind): share for kind, share in _numbers(given, "reach").items()}
    near = {ZoneType(kind): metres for kind, metres in _numbers(given, "near").items()}
    others = _list("others", given.get("others", []))
    passes = _typed(given, "passes", int, 1)
    facts = Facts(
        label=_typed(given, "label", str, ""),
        score=_number(given, "score", 1.0),
        moving=_typed({"moving": None} | dict(given), "moving", (bool, type(None)), None, truth=True),
        passes=passes,
        fixes=_typed(given, "fixes", int, passes),
        dwell_minutes=_number(given, "dwell_minutes", 0.0),
        seen_at=in_utc(datetime.fromisoformat(_typed(given, "at", str, "2026-06-15T12:00:00+08:00"))),
        zones=tuple(
            ZoneStand(zone_id=kind, zone_type=kind, probability=zones.get(kind, 0.0), reach=reach.get(kind, 0.0))
            for kind in {**zones, **reach}
        ),
        periods=_words(given, "periods"),
        surroundings=GivenSurroundings(
            distances_m=near,
            others=tuple(other for entry in others for other in _others(entry)),
            in_zone={label: round(number) for label, number in _numbers(given, "in_zone").items()},
        ),
    )
    expect = _list("expect", fields.get("expect"))
    return RuleTest(
        name=fields["name"],
        facts=facts,
        expect=frozenset(map(str, expect)),
        severity=_typed(fields, "severity", (int, type(None)), None),
    )


def _others(entry: object) -> list[tuple[str, float]]:
    fields = _mapping("others", entry, {"label", "m", "times"})
    return [(_typed(fields, "label", str, ""), _number(fields, "m", 0.0))] * _typed(fields, "times", int, 1)


def _mapping(name: str, value: object, allowed: frozenset[str] | set[str] | None) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} is a mapping")
    unknown = set() if allowed is None else {str(key) for key in value} - set(allowed)
    if unknown:
        raise ValueError(f"{name}: unknown fields {', '.join(sorted(unknown))}")
    return value


def _list(name: str, value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{name} is a list")
    return value


def _typed(fields: Mapping[str, Any], name: str, kinds: Any, default: Any, *, truth: bool = False) -> Any:  # noqa: ANN401
    value = fields.get(name, default)
    if not isinstance(value, kinds) or (isinstance(value, bool) and not truth):
        raise TypeError(f"{name} has the wrong type ({value!r})")
    return value


def _number(fields: Mapping[str, Any], name: str, default: float) -> float:
    return float(_typed(fields, name, (int, float), default))


def _numbers(fields: Mapping[str, Any], name: str) -> dict[str, float]:
    entries = _mapping(name, fields.get(name, {}), None)
    return {str(key): _number(entries, key, 0.0) for key in entries}


def _words(fields: Mapping[str, Any], name: str) -> frozenset[str]:
    value = fields.get(name, [])
    if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
        raise TypeError(f"{name} is a list of words ({value!r})")
    if name in fields and not value:
        raise ValueError(f"{name} is empty; leave it out to mean any")
    return frozenset(value)


def _zone_types(fields: Mapping[str, Any], *, needed: bool = False) -> frozenset[ZoneType]:
    words = _words(fields, "zones")
    if needed and not words:
        raise ValueError("zones says of which types")
    return frozenset(map(ZoneType, words))
