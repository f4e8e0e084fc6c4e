"""Splits subtitle text into timed blocks; what the blocks say is ``flight.telemetry.subtitle_fields``' business.

Aircraft write subtitles carelessly: UTF-8 with and without a byte order mark, UTF-16, a degree sign in a local code
page, blank lines inside a record, records without a time line, numbers that start anywhere, a last record that is cut
off. A block therefore begins where a time line stands, not where a blank line ends; only a file without any time line
is split by its numbers.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

MAX_BYTES: Final = 256 << 20  # ten hours of 60 records a second; a longer file is not one video's subtitles

_TIME_LINE: Final = re.compile(
    r"[ \t]{0,9}(\d{1,3}):(\d{1,2}):(\d{1,2})[,.](\d{1,3})[ \t]{0,9}-->"
    r"[ \t]{0,9}(\d{1,3}):(\d{1,2}):(\d{1,2})[,.](\d{1,3})"
)
_NUMBER_LINE: Final = re.compile(r"[ \t]{0,9}(\d{1,9})[ \t]{0,9}$")
_BODY_LINE: Final = re.compile(r"\s{0,9}(?:\d{4}[.-]\d|\[|GPS|HOME|F/|<font)")
_TAG: Final = re.compile(r"<[^<>]{0,200}>")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtitleBlock:
    """One record of a subtitle.

    Attributes:
        number: From 1, in the order of the file.
        begin_s: When it appears, seconds of the video; None when the record has no time line.
        end_s: When it disappears, likewise.
        text: Its lines without markup.
    """

    number: int
    begin_s: float | None
    end_s: float | None
    text: str


def decode_subtitle(content: bytes) -> tuple[str, str]:
    """Return a subtitle's text and the name of its encoding.

    A byte order mark settles it; NUL bytes without one mean UTF-16; then UTF-8; then Latin-1, in which every byte is a
    character and the ASCII in which telemetry is written survives.
    """
    if content.startswith(codecs.BOM_UTF8):
        return content.decode("utf-8-sig", errors="replace"), "UTF-8 with BOM"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace"), "UTF-16"
    head = content[:400]
    if head.count(0) > len(head) // 4:
        order = "utf-16-le" if head[1::2].count(0) >= head[0::2].count(0) else "utf-16-be"
        return content.decode(order, errors="replace"), order.upper()
    try:
        return content.decode("utf-8"), "UTF-8"
    except UnicodeDecodeError:
        return content.decode("latin-1"), "not UTF-8; read as Latin-1"


def without_markup(text: str) -> str:
    """Return ``text`` without tags such as ``<font size="28">``."""
    return _TAG.sub("", text)


def split_blocks(text: str) -> tuple[SubtitleBlock, ...]:
    """Return the records of a subtitle in the order of the file.

    A file that does not end with a line's end was cut off, perhaps inside a number: its last word is dropped, so that
    "3.4" of "3.41531" is not taken for a position.
    """
    lines = _without_cut_word(text).splitlines()
    times = [(index, match) for index, line in enumerate(lines) if (match := _TIME_LINE.match(line)) is not None]
    if not times:
        return _split_by_numbers(lines)
    blocks = []
    for order, (index, match) in enumerate(times):
        stop = len(lines)
        if order + 1 < len(times):
            stop = times[order + 1][0]
            stop -= 1 if stop - 1 > index and _NUMBER_LINE.match(lines[stop - 1]) else 0
        figures = [int(figure) for figure in match.groups()]
        blocks.append(
            SubtitleBlock(
                number=order + 1,
                begin_s=_seconds(figures[:4], match[4]),
                end_s=_seconds(figures[4:], match[8]),
                text=_body(lines[index + 1 : stop]),
            )
        )
    return tuple(blocks)


def _without_cut_word(text: str) -> str:
    if not text or text[-1] in "\r\n])>":
        return text
    opened = text.rfind("[")
    inside = opened > max(text.rfind("]"), text.rfind("\n"))
    return text[:opened] if inside else re.sub(r"\S{1,200}$", "", text)


def _seconds(figures: list[int], fraction: str) -> float:
    hours, minutes, seconds, part = figures
    return hours * 3600 + minutes * 60 + seconds + part / float(10 ** len(fraction))


def _body(lines: list[str]) -> str:
    return without_markup("\n".join(line.strip() for line in lines)).strip()


def _split_by_numbers(lines: list[str]) -> tuple[SubtitleBlock, ...]:
    """Return the records of a subtitle without time lines: a number line, then a line that looks like telemetry."""
    starts = [
        index
        for index, line in enumerate(lines[:-1])
        if _NUMBER_LINE.match(line)
        and (index == 0 or not lines[index - 1].strip())
        and _BODY_LINE.match(lines[index + 1])
    ]
    edges = [*starts, len(lines)]
    return tuple(
        SubtitleBlock(number=order + 1, begin_s=None, end_s=None, text=_body(lines[start + 1 : stop]))
        for order, (start, stop) in enumerate(pairwise(edges))
    )
