"""Reads what a document needs besides its case from a YAML file that people write.

::

    bureau: 广州市某区应急管理局
    prefix: 穗
    party: {name: 广州示范化工有限公司, code: 91440101MA5XXXXXX1, address: …}
    officers: [{name: 陈伟, certificate_no: 粤A0012345}, {name: 林静, certificate_no: 粤A0012346}]
    started_at: 2026-10-02T09:30:00+08:00
    deadline: 2026-10-16

Whatever is left out becomes a blank to write in; a word that no document knows is refused, because it was mistyped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from core.clock import in_utc
from core.errors import InputRefused
from core.text import _
from evidence.cases.life import Person
from evidence.papers.documents import Medium, Particulars, Party


def read_particulars(path: Path) -> Particulars:
    """Return the particulars in a YAML file.

    Raises:
        InputRefused: It cannot be read, has a field that no document knows, or one of another kind than it should be.
    """
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise _refused(path, _("cannot be read ({why})").format(why=problem.strerror)) from problem
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise _refused(path, _("is no YAML ({why})").format(why=str(problem).split("\n", 1)[0])) from problem
    try:
        return Particulars(**_values(_table(told or {}, Particulars)))
    except (TypeError, ValueError) as wrong:
        raise _refused(path, str(wrong)) from wrong


def _refused(path: Path, problem: str) -> InputRefused:
    return InputRefused(path, problem, _("See docs/evidence.md for the fields and an example."))


def _table(told: object, kind: type[Any]) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise TypeError(_("{what} is a table of names and values").format(what=kind.__name__.lower()))
    known = {field.name for field in fields(kind)}
    strange = sorted(str(name) for name in told if name not in known)
    if strange:
        raise ValueError(
            _("no document knows {name}; the fields are {known}").format(
                name=strange[0], known=", ".join(sorted(known))
            )
        )
    return told


def _values(told: dict[str, Any]) -> dict[str, Any]:
    readers: dict[str, Callable[[str, Any], object]] = {
        "party": lambda _name, value: Party(**_texts(_table(value, Party))),
        "medium": lambda _name, value: Medium(**_texts(_table(value, Medium))),
        "officers": _officers,
        "started_at": _instant,
        "ended_at": _instant,
        "deadline": _day,
    }
    return {name: readers.get(name, _text)(name, value) for name, value in told.items() if value is not None}


def _text(_name: str, value: object) -> str:
    return str(value)


def _officers(_name: str, value: object) -> tuple[Person, ...]:
    if not isinstance(value, list):
        raise TypeError(_("officers is a list"))
    return tuple(Person(**_texts(_table(one, Person))) for one in value)


def _instant(name: str, value: object) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError(_("{name} is a time such as 2026-10-02T09:30:00+08:00").format(name=name))
    return in_utc(value)


def _day(name: str, value: object) -> date:
    if isinstance(value, datetime) or not isinstance(value, date):
        raise TypeError(_("{name} is a day such as 2026-10-16").format(name=name))
    return value


def _texts(table: dict[str, Any]) -> dict[str, str]:
    return {name: "" if value is None else str(value) for name, value in table.items()}
