"""Colours of a plan, one place for picture, KML and map: safe for colour-blind readers.

Sorties take the Okabe–Ito palette (2008) in an order that keeps neighbours apart in hue and lightness; their numbers
are drawn as well, so that no reader depends on colour. The expected coverage count is a ramp of one hue by lightness.
"""

from __future__ import annotations

from typing import Final

from core.text import _

Rgb = tuple[int, int, int]

SORTIE_COLOURS: Final[tuple[Rgb, ...]] = (
    (0, 114, 178), (213, 94, 0), (0, 158, 115), (148, 74, 138), (230, 159, 0), (68, 68, 68), (86, 180, 233),
)  # fmt: skip
NO_FLY_COLOUR: Final[Rgb] = (160, 20, 20)
AREA_COLOUR: Final[Rgb] = (60, 60, 60)

# Least count of each class of the coverage count, and its colour from light to dark.
COVERAGE_CLASSES: Final[tuple[tuple[int, Rgb], ...]] = (
    (1, (236, 244, 247)), (2, (213, 230, 237)), (3, (185, 214, 225)), (5, (154, 195, 211)), (10, (112, 166, 188)),
)  # fmt: skip


def sortie_colour(number: int) -> Rgb:
    """Return the colour of sortie ``number`` (from 1)."""
    return SORTIE_COLOURS[(number - 1) % len(SORTIE_COLOURS)]


def hex_of(colour: Rgb) -> str:
    """Return a colour as ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def coverage_words() -> tuple[tuple[Rgb, str], ...]:
    """Return the coverage classes with their names: "1", "2", "3–4", "5–9", "10 or more"."""
    lows = [low for low, _colour in COVERAGE_CLASSES]
    names = []
    for low, after in zip(lows, [*lows[1:], None], strict=True):
        if after is None:
            names.append(_("{count} or more").format(count=low))
        else:
            names.append(str(low) if after == low + 1 else f"{low}–{after - 1}")
    return tuple((colour, name) for (_low, colour), name in zip(COVERAGE_CLASSES, names, strict=True))
