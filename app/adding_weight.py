"""Adding a bureau's own weight to its register: it is in it with all that belongs to it, or nothing changed at all.

A weight is loaded only when its digest is registered, so it is registered before it can be tried out. A try-out that
fails, or ends in any other way, puts the register and the folder back as they were: another weight that the new one
would have replaced is used as before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from core.errors import InputRefused, WeightRefused
from core.text import _
from core.whole_file import write_bytes
from detection.registry import read_registry, register_weight, sha256_of
from detection.weight_card import WeightCard


def add_weight(
    weight: Path, described: WeightCard, card: Path, own: Path, passes: Callable[[Path], bool]
) -> WeightCard:
    """Copy a weight and its model card beside a register, enter it, and try it out.

    Args:
        weight: The weight file.
        described: What its card declares; the digest is filled in.
        card: Its model card, Markdown.
        own: The register.
        passes: Tries the weight out, at its place beside the register.

    Returns:
        The card as registered.

    Raises:
        InputRefused: There is no model card, or another registered weight has the file's name.
        WeightRefused: The weight cannot be read, or did not pass; nothing was changed.
        OSError: The register's folder cannot be written; nothing was changed.
    """
    digest = sha256_of(weight)  # refuses a missing or empty file before anything is copied
    if not card.is_file():
        raise InputRefused(card, _("there is no such model card"), _("Write one; docs/models.md shows what it says."))
    own.parent.mkdir(parents=True, exist_ok=True)
    place, card_place = own.parent / described.file, own.parent / described.card
    if _is_used(place, own) and sha256_of(place) != digest:
        raise InputRefused(
            place, _("another weight of that name is there"), _("Rename the weight file and add it again.")
        )
    with _undone_unless_finished((place, card_place, own)):
        for given, kept in ((weight, place), (card, card_place)):
            if kept.resolve() != given.resolve():
                write_bytes(kept, given.read_bytes())
        registered = register_weight(place, described, own)
        if not passes(place):
            raise WeightRefused(
                weight,
                _("it did not pass its self-test and was not registered"),
                _("Correct the card's classes and thresholds, or train it further."),
            )
    return registered


def _is_used(place: Path, own: Path) -> bool:
    """Return whether a file beside a register is one of its weights; what an earlier try left behind is none."""
    if not (place.exists() and own.exists()):
        return False
    return any(entry.path.resolve() == place.resolve() for entry in read_registry([own]).entries)


@contextmanager
def _undone_unless_finished(paths: Sequence[Path]) -> Iterator[None]:
    """Put files back as they were when the block does not finish."""
    before = {path: path.read_bytes() if path.is_file() else None for path in paths}
    try:
        yield
    except BaseException:
        for path, content in before.items():
            if content is None:
                path.unlink(missing_ok=True)
            elif not path.is_file() or path.read_bytes() != content:
                write_bytes(path, content)
        raise
