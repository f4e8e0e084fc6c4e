"""The segments of a JPEG file before its picture, by the marker chain of ITU-T T.81, annex B.

Thermal cameras hide their measurements in application segments of at most 65,533 bytes each, one after the other. A
chain that breaks is told as such: a measurement with a piece missing is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SOI: Final = b"\xff\xd8"
_SOS: Final = 0xDA
_EOI: Final = 0xD9
_STANDALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_FRAMES: Final = frozenset(set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC})


class SegmentsBroken(ValueError):
    """The chain of markers ends or leads astray before the picture begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One segment.

    Attributes:
        marker: The marker's second byte (0xE1 for APP1).
        body: What it holds, without marker and length.
    """

    marker: int
    body: bytes


def is_jpeg(content: bytes) -> bool:
    """Return whether bytes begin as a JPEG file does."""
    return content[:2] == SOI


def segments_of(content: bytes) -> tuple[Segment, ...]:
    """Return the segments up to the start of the picture.

    Raises:
        SegmentsBroken: The bytes end inside a segment, a length is impossible, or no picture follows.
    """
    return _walked(content)[0]


def picture_start(content: bytes) -> int:
    """Return where the first scan (or the end marker) stands: behind all segments, a thumbnail's own scan among them.

    Raises:
        SegmentsBroken: As for :func:`segments_of`.
    """
    return _walked(content)[1]


def _walked(content: bytes) -> tuple[tuple[Segment, ...], int]:
    if not is_jpeg(content):
        raise SegmentsBroken("no JPEG")
    found: list[Segment] = []
    at = 2
    while True:
        if at + 2 > len(content) or content[at] != 0xFF:
            raise SegmentsBroken(f"no marker at byte {at}")
        marker = content[at + 1]
        at += 1 if marker == 0xFF else 2  # any number of fill bytes may stand before a marker
        if marker == 0xFF or marker in _STANDALONE:
            continue
        if marker in {_SOS, _EOI}:
            return tuple(found), at
        length = int.from_bytes(content[at : at + 2], "big")
        if length < 2 or at + length > len(content):
            raise SegmentsBroken(f"a segment of {length} bytes at byte {at} of {len(content)}")
        found.append(Segment(marker=marker, body=content[at + 2 : at + length]))
        at += length


def picture_size(segments: tuple[Segment, ...]) -> tuple[int, int] | None:
    """Return width and height that the frame header states, or None without one."""
    for segment in segments:
        if segment.marker in _FRAMES and len(segment.body) >= 5:
            return int.from_bytes(segment.body[3:5], "big"), int.from_bytes(segment.body[1:3], "big")
    return None
