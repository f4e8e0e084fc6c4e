"""Ids: derived from content where the same input must give the same id, random where it must not.

A derived id makes a run repeatable: the same photo, box and model give the same detection id on every machine, so a
killed run that starts again writes the same files.
"""

from __future__ import annotations

import hashlib
import uuid

_NAMESPACE = uuid.UUID("6f0d6e1e-3c54-5b7a-9d2c-5a9f3c1f7a10")


def derived_id(kind: str, *parts: object) -> str:
    """Return a UUID (version 5 form) that depends only on ``kind`` and ``parts``.

    Args:
        kind: The noun the id is for ("detection"); part of what is hashed, so kinds never collide.
        parts: What identifies the thing; each is hashed as its ``str`` with its length, so no two lists collide.
    """
    text = "".join(f"{len(str(part))}:{part}," for part in (kind, *parts))
    return str(uuid.uuid5(_NAMESPACE, text))


def short_code(identifier: str, length: int = 8) -> str:
    """Return ``length`` upper-case base-32 characters derived from ``identifier``, for people to say and type.

    Eight of them are forty bits: among a hundred thousand identifiers two share a code once in two hundred times that
    such a number is drawn; six would have made some four pairs each time.
    """
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U
    number = int.from_bytes(hashlib.sha256(identifier.encode()).digest()[:16], "big")
    letters = []
    for _ in range(length):
        number, digit = divmod(number, 32)
        letters.append(alphabet[digit])
    return "".join(letters)
