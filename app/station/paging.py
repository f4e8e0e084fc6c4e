"""Pages of a long list, without counting what nobody reads: one row more than a page says whether there is another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from core.errors import InputRefused
from core.text import _

PER_PAGE: Final = 50
MAX_PAGE: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage:
    """One page of a list.

    Attributes:
        rows: Its rows.
        number: Its number, from 1.
        more: Whether another follows.
    """

    rows: tuple[Any, ...]
    number: int
    more: bool


def page_number(asked: Mapping[str, str]) -> int:
    """Return the number of the page that ``asked["page"]`` names, or 1.

    Raises:
        InputRefused: It is no number of a page.
    """
    text = asked.get("page", "1")
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= MAX_PAGE):
        raise InputRefused("page", _("is no number of a page"), _("Begin with page 1."))
    return int(text)


def page_of(query: Any, asked: Mapping[str, str], per_page: int = PER_PAGE) -> ListPage:  # noqa: ANN401 - a queryset
    """Return the page of an ordered query that ``asked["page"]`` names, or the first.

    Raises:
        InputRefused: It is no number of a page.
    """
    number = page_number(asked)
    rows = list(query[(number - 1) * per_page : number * per_page + 1])
    return ListPage(rows=tuple(rows[:per_page]), number=number, more=len(rows) > per_page)
