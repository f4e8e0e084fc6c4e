"""Tables of outlines: CSV and Excel files whose rows carry WKT, as offices keep them.

A ledger often has a title above its headings, cells merged over several rows, semicolons or tabs for commas, and the
encoding of the machine that it was saved on. Headings are looked for in the first rows; what a merged cell says, it
says of every row that it spans; text is UTF-16 where it begins so, UTF-8 if it decodes as such, otherwise GB 18030.
"""

from __future__ import annotations

import codecs
import csv
import io
import math
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from typing import Final

from core.errors import InputRefused
from core.text import _

OUTLINES: Final = ("wkt", "geometry", "geom", "outline", "范围", "边界")
"""Headings of the column of outlines."""
_TITLE_ROWS: Final = 10
_DELIMITERS: Final = (",", ";", "\t")
_WIDE_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

Rows = list[list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of outlines.

    Attributes:
        columns: The other columns by their headings, one text for each row.
        outlines: The rows' outlines as they are written.
        numbers: The rows' numbers in the file, from one, as a spreadsheet shows them.
    """

    columns: dict[str, list[str]]
    outlines: list[str]
    numbers: list[int]


def read_table(path: Path) -> Table:
    """Return the table of a CSV or Excel file.

    Raises:
        InputRefused: It cannot be read, or has no column of outlines.
    """
    candidates = _csv_candidates(path) if path.suffix.lower() == ".csv" else [_excel_rows(path)]
    for rows in candidates:
        for head, row in enumerate(rows[:_TITLE_ROWS]):
            outline = next((place for place, name in enumerate(row) if name.lower() in OUTLINES), None)
            if outline is not None:
                return _below(rows, head, outline)
    problem = _("has no column of outlines (one of: {names})").format(names=", ".join(OUTLINES))
    raise InputRefused(path, problem, _("Give each row its outline as WKT."))


def _below(rows: Rows, head: int, outline: int) -> Table:
    """Return the rows below the headings; empty ones are none."""
    width = max(map(len, rows))
    headings = rows[head] + [""] * (width - len(rows[head]))
    kept = [(number, row + [""] * (width - len(row))) for number, row in enumerate(rows, start=1)]
    kept = [(number, row) for number, row in kept[head + 1 :] if any(row)]
    return Table(
        columns={
            name: [row[place] for _number, row in kept]
            for place, name in enumerate(headings)
            if name and place != outline
        },
        outlines=[row[outline] for _number, row in kept],
        numbers=[number for number, _row in kept],
    )


def text_encoding(content: bytes) -> str:
    """Return ``utf-8`` if bytes are that, otherwise ``gb18030``, the national standard that holds GBK."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8"


def _csv_candidates(path: Path) -> list[Rows]:
    """Return the rows as each usual delimiter divides them."""
    content = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    encoding = "utf-16" if content.startswith(_WIDE_MARKS) else text_encoding(content)
    text = content.decode(encoding, errors="replace")
    csv.field_size_limit(2**31 - 1)  # the outline of a large zone is longer than the default of 128 kB
    try:
        return [
            [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text, newline=""), delimiter=mark)]
            for mark in _DELIMITERS
            if mark in text or mark == ","
        ]
    except csv.Error as error:
        problem = _("cannot be read as CSV: {reason}").format(reason=error)
        raise InputRefused(path, problem, _("Save it again as CSV.")) from error


def _excel_rows(path: Path) -> Rows:
    import openpyxl

    try:
        sheet = openpyxl.load_workbook(io.BytesIO(path.read_bytes()), data_only=True).worksheets[0]
        rows = [[as_text(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
        for merged in sheet.merged_cells.ranges:
            top, left = merged.min_row - 1, merged.min_col - 1
            for row in rows[top : merged.max_row]:
                row[left : merged.max_col] = [rows[top][left]] * (merged.max_col - left)
    except Exception as error:  # openpyxl raises what zipfile and its own parsers raise
        problem = _("cannot be read as Excel: {reason}").format(reason=error)
        raise InputRefused(path, problem, _("Save it again as .xlsx, or as CSV.")) from error
    return rows


def as_text(value: object) -> str:
    """Return a property as text; empty for a missing one."""
    if value is None or (isinstance(value, float) and math.isnan(value)) or str(value) in {"NaT", "<NA>"}:
        return ""
    if isinstance(value, datetime):
        # A driver makes a time of what looks like a day; a day it stays.
        is_day = value.tzinfo is None and value.time() == time(0)
        return value.date().isoformat() if is_day else value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value).strip()
