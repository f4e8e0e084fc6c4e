"""Read a rule file (YAML); refuse at load whatever it does not mean exactly.

The language is described in ``docs/rules.md``. Unknown fields, wrong types and values out of range are refused with the
rule's id, so that a misspelt condition never makes a rule wider than its author meant.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from core.errors import InputRefused
from core.text import _
from geofence.hazard import Value
from geofence.rule import Motion, Rule, RuleBook
from geofence.site import ZoneType

_SHIPPED: Final = Path(__file__).resolve().parent.parent / "missions" / "rules" / "default.yaml"
_FIELDS: Final = frozenset(
    {
        "id",
        "about",
        "hazard",
        "labels",
        "zones",
        "zone_probability",
        "motion",
        "seen",
        "periods",
        "severity",
        "raised",
        "value",
    }
)


def read_rules(path: Path | None = None) -> RuleBook:
    """Return the rules of a file.

    Args:
        path: The file; None for the shipped one.

    Raises:
        InputRefused: The file cannot be read, or a rule is not well formed.
    """
    import yaml

    source = _SHIPPED if path is None else path
    try:
        content = source.read_bytes()
    except OSError as error:
        raise InputRefused(source, _("cannot be read"), _("Check the path.")) from error
    try:
        document = yaml.safe_load(content)
        return parse_rules(document, sha256=hashlib.sha256(content).hexdigest())
    except (ValueError, TypeError, yaml.YAMLError) as error:
        problem = _("is no rule file: {reason}").format(reason=" ".join(str(error).split()))
        raise InputRefused(source, problem, _("Correct the rule; docs/rules.md describes the language.")) from error


def parse_rules(document: object, *, sha256: str) -> RuleBook:
    """Return the rules of a parsed document.

    Args:
        document: Mappings, lists and scalars.
        sha256: Digest of the file, hex.

    Raises:
        ValueError: It is no rule book; the text names the rule.
        TypeError: A value has the wrong type; the text names the rule.
    """
    book = _mapping("the file", document, {"schema", "name", "rules"})
    if book.get("schema") != 1:
        raise ValueError("schema is not 1")
    rules = book.get("rules")
    if not isinstance(rules, list):
        raise TypeError("rules is a list")
    return RuleBook(name=str(book.get("name", "")), rules=tuple(map(_rule, rules)), sha256=sha256)


def _rule(entry: object) -> Rule:
    fields = _mapping("a rule", entry, _FIELDS)
    rule_id = fields.get("id")
    if not isinstance(rule_id, str) or not rule_id:
        raise TypeError("a rule has an id")
    seen = _mapping(f"{rule_id}: seen", fields.get("seen", {}), {"passes", "fixes"})
    raised = _mapping(f"{rule_id}: raised", fields.get("raised", {}), {"in_periods", "severity"})
    try:
        return Rule(
            rule_id=rule_id,
            hazard_code=_typed(fields, "hazard", str, ""),
            about=_typed(fields, "about", str, ""),
            labels=_words(fields, "labels"),
            zone_types=frozenset(ZoneType(word) for word in _words(fields, "zones")),
            zone_probability=float(_typed(fields, "zone_probability", (int, float), 0.5)),
            motion=Motion(_typed(fields, "motion", str, "any")),
            least_passes=_typed(seen, "passes", int, 1),
            least_fixes=_typed(seen, "fixes", int, _typed(seen, "passes", int, 1)),
            only_in=_words(fields, "periods"),
            severity=_typed(fields, "severity", int, 1),
            raised_in=_words(raised, "in_periods"),
            raised_severity=_typed(raised, "severity", (int, type(None)), None),
            value=Value(fields["value"]) if "value" in fields else None,
        )
    except (ValueError, TypeError) as error:
        text = str(error)
        raise type(error)(text if text.startswith(rule_id) else f"{rule_id}: {text}") from error


def _mapping(name: str, value: object, allowed: frozenset[str] | set[str]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} is a mapping")
    unknown = {str(key) for key in value} - set(allowed)
    if unknown:
        raise ValueError(f"{value.get('id') or name}: unknown fields {', '.join(sorted(unknown))}")
    return value


def _typed(fields: Mapping[str, Any], name: str, kinds: Any, default: Any) -> Any:  # noqa: ANN401 - checked here
    value = fields.get(name, default)
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise TypeError(f"{name} has the wrong type ({value!r})")
    return value


def _words(fields: Mapping[str, Any], name: str) -> frozenset[str]:
    value = fields.get(name, [])
    if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
        raise TypeError(f"{name} is a list of words ({value!r})")
    if name in fields and not value:
        raise ValueError(f"{name} is empty; leave it out to mean any")
    return frozenset(value)
