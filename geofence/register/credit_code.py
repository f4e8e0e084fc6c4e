"""统一社会信用代码: the unified social credit code of an enterprise, and its check character.

GB 32100-2015: eighteen characters, of which the eighteenth checks the first seventeen with the weights 3^(i-1) mod 31
over an alphabet without I, O, S, V and Z. Characters 9 to 17 are the organisation code of GB 11714-1997, whose own
check character (the seventeenth) is verified too, so that two mistyped characters rarely pass.
"""

from __future__ import annotations

from typing import Final

from core.text import _

ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""The 31 characters of GB 32100-2015 table 4, in order of their values."""

_WEIGHTS: Final = tuple(pow(3, place, 31) for place in range(17))
_ORGANISATION_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)
_ORGANISATION_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def check_character(first17: str) -> str:
    """Return the eighteenth character that belongs to the first seventeen.

    Raises:
        ValueError: There are not seventeen characters, or one is not in the code's alphabet.
    """
    if len(first17) != 17:
        raise ValueError(f"seventeen characters come before the check character, not {len(first17)}")
    total = 0
    for character, weight in zip(first17, _WEIGHTS, strict=True):
        value = ALPHABET.find(character)
        if value < 0:
            raise ValueError(f"{character!r} does not occur in a unified social credit code")
        total += value * weight
    return ALPHABET[-total % 31]


def organisation_check_character(first8: str) -> str:
    """Return the ninth character of an organisation code (GB 11714-1997) that belongs to its first eight.

    Raises:
        ValueError: There are not eight characters, or one is not a digit or a capital letter.
    """
    if len(first8) != 8:
        raise ValueError(f"eight characters come before an organisation code's check character, not {len(first8)}")
    total = 0
    for character, weight in zip(first8, _ORGANISATION_WEIGHTS, strict=True):
        value = _ORGANISATION_ALPHABET.find(character)
        if value < 0:
            raise ValueError(f"{character!r} does not occur in an organisation code")
        total += value * weight
    return "0123456789X0"[11 - total % 11]


def complete_code(authority_and_kind: str, division: str, organisation: str) -> str:
    """Return a whole code with both check characters, for sample registers and rehearsal.

    Args:
        authority_and_kind: Registering authority and kind of organisation, two characters ("91": an enterprise).
        division: Administrative division, six digits ("440115").
        organisation: The organisation code's first eight characters.

    Raises:
        ValueError: A part has the wrong length or a character that the code does not allow.
    """
    first17 = authority_and_kind + division + organisation + organisation_check_character(organisation)
    return first17 + check_character(first17)


def fault_in_code(code: str) -> str | None:
    """Return what is wrong with ``code`` as one clause, or None when both of its check characters agree."""
    if len(code) != 18:
        return _("has {count} characters instead of 18").format(count=len(code))
    for place, character in enumerate(code, start=1):
        if character not in ALPHABET:
            return _("has {character!r} at place {place}, which the code's alphabet lacks").format(
                character=character, place=place
            )
    if not code[2:8].isdigit():
        return _("has {found!r} at places 3 to 8, where six digits name the administrative division").format(
            found=code[2:8]
        )
    expected = check_character(code[:17])
    if code[17] != expected:
        return _("ends in {found!r} where GB 32100-2015 asks for {expected!r}").format(
            found=code[17], expected=expected
        )
    expected = organisation_check_character(code[8:16])
    if code[16] != expected:
        return _("has {found!r} at place 17 where the organisation code asks for {expected!r}").format(
            found=code[16], expected=expected
        )
    return None
