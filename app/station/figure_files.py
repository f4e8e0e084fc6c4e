"""The dashboard's figures as files: a workbook, CSV, and the weekly report as PDF.

The only module of the station that writes workbooks. Words that a spreadsheet would take for a formula are written as
text. The same figures give the same PDF.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from importlib.resources import files
from typing import Any, Final

from app.station.figures import Figures, Tally
from core.clock import BEIJING
from core.text import _
from evidence.papers.typesetting import FONT_FAMILY, typeset

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
Row = list[str | int | float | None]


def heading() -> list[str]:
    """Return the names of a table's columns."""
    return [
        _("code"), _("name"), _("leads"), _("confirmed"), _("rejected"), _("rectified"), _("open"), _("overdue"),
        _("median hours to decision"),
    ]  # fmt: skip


def rows_of(tallies: Sequence[Tally]) -> Iterator[Row]:
    """Yield a table's rows."""
    for one in tallies:
        hours = None if one.median_h is None else round(one.median_h, 1)
        yield [one.key, one.name, one.leads, one.confirmed, one.rejected, one.rectified, one.open, one.overdue, hours]


def tables(figures: Figures) -> list[tuple[str, tuple[Tally, ...]]]:
    """Return the tables with their names, in the order in which they are shown."""
    return [
        (_("by district"), figures.by_district),
        (_("by hazard"), figures.by_hazard),
        (_("by site"), figures.by_site),
        (_("by week"), figures.by_week),
        (_("repeat offenders"), figures.repeats),
    ]


def summary(figures: Figures) -> list[tuple[str, str]]:
    """Return the figures that stand alone, with their names."""
    total = figures.total

    def hours(value: float | None) -> str:
        return "–" if value is None else _("{hours:.1f} h").format(hours=value)

    return [
        (_("patrols flown"), str(figures.patrols)),
        (_("km² looked at, patrol by patrol"), f"{figures.km2_looked:.2f}"),
        (_("km² of ground looked at at least once"), f"{figures.km2_ground:.2f}"),
        (_("leads"), str(total.leads)),
        (_("confirmed"), str(total.confirmed)),
        (_("rejected"), str(total.rejected)),
        (_("rectified"), str(total.rectified)),
        (_("open"), str(total.open)),
        (_("overdue"), str(total.overdue)),
        (_("repeat offenders"), str(len(figures.repeats))),
        (_("from flight to decision, median"), hours(total.median_h)),
        (_("from flight to decision, nine in ten within"), hours(figures.p90_h)),
    ]


def as_csv(figures: Figures) -> bytes:
    """Return every table as one CSV (RFC 4180, UTF-8 with a byte-order mark), each row with its table's name."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow([_("table"), *heading()])
    for name, value in summary(figures):
        writer.writerow([_("all"), "", _text(name), value])
    for name, tallies in tables(figures):
        for row in rows_of(tallies):
            writer.writerow([name, *(_text(cell) if isinstance(cell, str) else cell for cell in row)])
    return b"\xef\xbb\xbf" + stream.getvalue().encode()


def _text(words: str) -> str:
    return f"'{words}" if words.startswith(_FORMULA) else words


def as_workbook(figures: Figures, *, title: str, now: datetime) -> bytes:
    """Return the figures as an Excel workbook, one sheet a table."""
    from openpyxl import Workbook
    from openpyxl.styles import Font

    book = Workbook()
    book.properties.title = title
    book.properties.created = book.properties.modified = now.replace(tzinfo=None)
    first = book.active
    first.title = _("summary")
    first.append([_plain(title)])
    for name, value in summary(figures):
        number = value.replace(".", "", 1)
        first.append([name, float(value) if number.isdigit() else value])
    for name, tallies in tables(figures):
        sheet = book.create_sheet(name)
        sheet.append(heading())
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        for row in rows_of(tallies):
            sheet.append([_plain(cell) if isinstance(cell, str) else cell for cell in row])
            for cell in sheet[sheet.max_row]:
                if isinstance(cell.value, str):
                    cell.data_type = "s"  # a name that begins with "=" is a name
        sheet.freeze_panes = "A2"
        sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = 22, 36
    first.column_dimensions["A"].width = 40
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _plain(words: str) -> str:
    """Return words without the control characters that a workbook cannot hold."""
    return "".join(letter for letter in words if letter >= " ")


def as_pdf(figures: Figures, *, title: str, period: str, bureau: str, now: datetime) -> bytes:
    """Return the weekly report as PDF.

    Args:
        figures: What it tells.
        title: Its title.
        period: The period, in words.
        bureau: Whose report it is.
        now: When it is made; also the PDF's time.

    Raises:
        StoreFailed: typst cannot set it.
    """
    content = {
        "title": title,
        "period": period,
        "bureau": bureau,
        "fonts": [FONT_FAMILY],
        "made": _("made {when} Beijing time").format(when=now.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")),
        "summary": summary(figures),
        "heading": heading(),
        "tables": [
            [name, [[_cell(cell) for cell in row] for row in rows_of(tallies)][:30]]
            for name, tallies in tables(figures)
        ],
        "weeks": [asdict(week) for week in figures.by_week][-26:],
        "chart": _("leads and confirmed cases by week"),
        "leads": _("leads"),
        "confirmed": _("confirmed"),
        "none": _("nothing in this period"),
        "note": _("A finding from the air is a lead until officers confirm it on site."),
    }
    template = files("app.station").joinpath("templates", "report", "weekly.typ").read_bytes()
    return typeset("weekly", {"weekly.typ": template}, inputs={"report": content}, at=now)


def _cell(value: str | float | None) -> str:
    return "–" if value is None else str(value)


FORMS: Final[dict[str, tuple[str, Callable[..., Any]]]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", as_workbook),
    "pdf": ("application/pdf", as_pdf),
}
