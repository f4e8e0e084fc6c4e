"""What every command about cases is told in the same way: the store, the case, and who is deciding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from app.wiring import open_case_store
from core.clock import SystemClock
from core.errors import InputRefused
from core.refusal import Refusal
from core.text import _
from evidence.cases.case_store import CaseLine, CaseStore
from evidence.cases.life import Person

if TYPE_CHECKING:
    from app.store.django_store import DjangoCaseStore

T = TypeVar("T")
DEFAULT_STORE: Final = "cases.sqlite3"
StoreOption = Annotated[
    str,
    typer.Option(
        envvar="SKYWARDEN_STORE", help=_("Store of cases: a file, or the postgresql:// address of a database.")
    ),
]
NumberArgument = Annotated[str, typer.Argument(help=_("The case's number, such as H13-7K2M9Q4T."))]
ByOption = Annotated[str, typer.Option("--by", help=_("Who does it: NAME/CERTIFICATE."))]
ByOptions = Annotated[list[str], typer.Option("--by", help=_("Who does it: NAME/CERTIFICATE; give it twice for two."))]


def opened(store: str) -> DjangoCaseStore:
    """Return the store that a command was told; it must be there already."""
    return open_case_store(store, SystemClock(), new=False)


def person_of(text: str) -> Person:
    """Return the person that ``NAME/CERTIFICATE`` names. Raises ``InputRefused`` for anything else."""
    name, _slash, certificate_no = text.rpartition("/")
    try:
        return Person(name=name.strip(), certificate_no=certificate_no.strip())
    except ValueError as wrong:
        raise InputRefused(
            text, _("names nobody"), _("Say who it is as NAME/CERTIFICATE, such as 陈伟/粤A0012345.")
        ) from wrong


def people_of(texts: Sequence[str]) -> tuple[Person, ...]:
    """Return the people that several ``NAME/CERTIFICATE`` name."""
    return tuple(person_of(text) for text in texts)


def find_case(store: CaseStore, number: str) -> CaseLine:
    """Return the line of the case with this number (or id). Raises ``InputRefused`` when the store has none."""
    for line in store.list_cases():
        if number.upper() == line.number or number == line.incident_id:
            return line
    raise InputRefused(
        number, _("is no case of this store"), _("Look at the numbers with skywarden case list, and name one.")
    )


def unless_refused(answer: T | Refusal) -> T:
    """Return an answer that is none; a refusal ends the command with its reason."""
    if isinstance(answer, Refusal):
        raise InputRefused(answer.subject, answer.reason, answer.remedy)
    return answer
