"""Which characters the fonts at hand can print: the one module of this room that reads font files.

A font without a character prints an empty box in its place, and nobody sees from a box what was meant. So a character
that no font has is printed by its number in Unicode instead: 〔U+2B740〕.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

_FONT_FILES: Final = frozenset({".ttf", ".otf", ".ttc", ".otc"})
_FIRST: Final = 0x2E80  # what lies before (Latin, Greek, signs) is in the fonts that typst brings along
# The embedded font has all of these, so that a font file is opened for rare characters only.
_SURE: Final = (range(0x3000, 0x3040), range(0x4E00, 0xA000), range(0xFF01, 0xFF5F))


def printable(value: object, *, font: Path, font_folders: Sequence[Path] = ()) -> object:
    """Return words, or a structure of lists and dictionaries of words, with what no font can print by its number.

    Args:
        value: The words.
        font: The embedded font.
        font_folders: Folders of other fonts.
    """
    if isinstance(value, str):
        return "".join(
            letter if _is_sure(letter) or _is_there(letter, font, font_folders) else f"〔U+{ord(letter):04X}〕"
            for letter in value
        )
    if isinstance(value, dict):
        return {key: printable(one, font=font, font_folders=font_folders) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [printable(one, font=font, font_folders=font_folders) for one in value]
    return value


def _is_sure(letter: str) -> bool:
    return ord(letter) < _FIRST or any(ord(letter) in block for block in _SURE)


def _is_there(letter: str, font: Path, font_folders: Sequence[Path]) -> bool:
    if ord(letter) in _letters_of(font):
        return True
    others = (path for folder in font_folders for path in sorted(folder.rglob("*")))
    return any(ord(letter) in _letters_of(path) for path in others if path.suffix.lower() in _FONT_FILES)


@lru_cache(maxsize=64)
def _letters_of(font: Path) -> frozenset[int]:
    """Return the characters that a font file has; none where it cannot be read."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with TTFont(str(font), fontNumber=0, lazy=True) as opened:
            return frozenset(opened.getBestCmap() or {})
    except (TTLibError, OSError):
        return frozenset()
