"""Records as canonical JSON: one value, one sequence of bytes (RFC 8785), so that a digest speaks of the value.

Every record that goes into a package is a dataclass here turned into JSON by one strict converter: unknown fields are
refused, numbers are not made from words, times are aware and keep their microseconds. Decoding asks for the canonical
bytes themselves: a file that says the same in other bytes (other spacing, a key given twice) is refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar, cast

import rfc8785
from cattrs import Converter
from cattrs.errors import BaseValidationError, ForbiddenExtraKeysError

from core.clock import in_utc
from core.errors import InputRefused
from core.text import _

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
T = TypeVar("T")
_NEGATIVE_ZERO: Final = "-0"

# What structuring raises for a document of the wrong shape; everything else is a fault of ours and passes through.
SHAPE_ERRORS: Final = (
    BaseValidationError,
    ForbiddenExtraKeysError,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    RecursionError,
)


def canonical_bytes(document: Json) -> bytes:
    """Return the RFC 8785 form of ``document``.

    Raises:
        ValueError: It holds what canonical JSON cannot say (a number that is not finite, an integer beyond 2**53).
    """
    return cast("bytes", rfc8785.dumps(document))


def read_canonical(content: bytes, source: Path | str) -> Json:
    """Return the JSON value of ``content``, which must be its canonical form.

    Args:
        content: The bytes.
        source: Where they come from, for the refusal.

    Raises:
        InputRefused: It is not JSON, or not the canonical form of its value.
    """
    try:
        document = cast("Json", json.loads(content.decode("utf-8")))
        again = canonical_bytes(document)
    except (ValueError, RecursionError) as problem:
        raise InputRefused(
            source,
            _("is not canonical JSON ({problem})").format(problem=problem),
            _("Use the record as it was written."),
        ) from problem
    if again != content:
        raise InputRefused(
            source,
            _("is JSON, but not in canonical form (RFC 8785), so its bytes were changed after it was written"),
            _("Use the record as it was written."),
        )
    return document


def instant_text(instant: datetime) -> str:
    """Return an aware time as RFC 3339 text in UTC with microseconds; nothing is rounded."""
    return in_utc(instant).isoformat(timespec="microseconds").replace("+00:00", "Z")


def instant_from(text: object) -> datetime:
    """Return the instant that ``text`` names; only the form that :func:`instant_text` writes is read."""
    if not isinstance(text, str):
        raise TypeError("a time is written as text")
    instant = in_utc(datetime.fromisoformat(text))
    if instant_text(instant) != text:
        raise ValueError(f"the time {text} is not in UTC with microseconds")
    return instant


def _only(kind: type[T]) -> Callable[[object, type[T]], T]:
    def structure(value: object, wanted: type[T]) -> T:
        if type(value) is not kind:
            raise TypeError(f"{kind.__name__} expected, {type(value).__name__} found")
        # A StrEnum is a str too and comes here; its constructor refuses a word that it does not know.
        return value if wanted is kind else cast("Callable[[object], T]", wanted)(value)

    return structure


def _number(value: object, _kind: type[float]) -> float:
    if value == _NEGATIVE_ZERO:
        return -0.0
    # Canonical JSON writes 5.0 as 5, so a whole number may come back as an int.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"a number expected, {type(value).__name__} found")
    return float(value)


def _number_json(value: float) -> float | str:
    # RFC 8785 writes −0.0 as 0, and ids that are derived from it ("-0.00") would then no longer follow from the record.
    return _NEGATIVE_ZERO if value == 0 and math.copysign(1, value) < 0 else value


def _day(text: object, _kind: type[date]) -> date:
    if not isinstance(text, str):
        raise TypeError("a day is written as text")
    return date.fromisoformat(text)


def strict_converter() -> Converter:
    """Return a converter between our nouns and JSON values that guesses nothing."""
    converter = Converter(
        forbid_extra_keys=True, detailed_validation=False, unstruct_collection_overrides={tuple: list}
    )
    for kind in (str, int, bool):
        converter.register_structure_hook(kind, _only(kind))
    converter.register_structure_hook(float, _number)
    converter.register_unstructure_hook(float, _number_json)
    converter.register_unstructure_hook(StrEnum, lambda word: word.value)
    converter.register_structure_hook(datetime, lambda text, _kind: instant_from(text))
    converter.register_unstructure_hook(datetime, instant_text)
    converter.register_structure_hook(date, _day)
    converter.register_unstructure_hook(date, date.isoformat)
    return converter


RECORDS: Final = strict_converter()


def encode(schema: str, value: object) -> bytes:
    """Return ``{"schema": schema, ...fields of value}`` in canonical form; ``value`` is a dataclass."""
    fields = cast("dict[str, Json]", RECORDS.unstructure(value))
    return canonical_bytes({"schema": schema, **fields})


def decode(schema: str, kind: type[T], content: bytes, source: Path | str) -> T:
    """Return the record of ``kind`` that ``content`` holds; the inverse of :func:`encode`.

    Raises:
        InputRefused: The bytes are not canonical, of another schema, or not a valid record.
    """
    return structure_record(schema, kind, read_canonical(content, source), source)


def structure_record(
    schema: str, kind: type[T], document: Json, source: Path | str, converter: Converter = RECORDS
) -> T:
    """Return the record of ``kind`` in a JSON value whose ``schema`` field must be ``schema``."""
    if not isinstance(document, dict) or document.get("schema") != schema:
        found = document.get("schema") if isinstance(document, dict) else type(document).__name__
        raise InputRefused(
            source,
            _("is no record of the form {schema} (it says {found})").format(schema=schema, found=found),
            _("Open it with the version of the program that wrote it."),
        )
    fields = {name: value for name, value in document.items() if name != "schema"}
    try:
        return converter.structure(fields, kind)
    except SHAPE_ERRORS as problem:
        raise InputRefused(
            source,
            _("is no valid record of the form {schema} ({problem!r})").format(schema=schema, problem=problem),
            _("Use the record as it was written."),
        ) from problem
