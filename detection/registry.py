"""The register of weights: which weight files may be loaded at all.

A ``.pt`` file is a pickle, and unpickling runs code. So a weight is hashed first and loaded only when its digest is
registered; a card that is missing, or does not fit, is a :class:`core.errors.WeightRefused` before anything is
unpickled. The register shipped with the program is ``detection/weights/registry.json``; a bureau keeps its own beside
its own weights (:func:`register_weight` writes it).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from core.errors import WeightRefused
from core.text import _
from core.whole_file import write_text
from detection.measured_point import measured_points, measured_rows
from detection.weight_card import Sees, WeightCard

SHIPPED: Final = Path(__file__).parent / "weights" / "registry.json"
SCHEMA: Final = 1


def bureau_register() -> Path:
    """Return where a bureau's own register lies when no other place is named: in its user's folder."""
    return Path.home() / ".local" / "share" / "skywarden" / "weights" / "registry.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A card together with the folder in which its weight lies."""

    card: WeightCard
    folder: Path

    @property
    def path(self) -> Path:
        """The weight file."""
        return self.folder / self.card.file


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Every weight that may be loaded, from one or more register files."""

    entries: tuple[Registered, ...]

    def __post_init__(self) -> None:
        names = [entry.card.name for entry in self.entries]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"more than one weight is called {', '.join(doubled)}")

    def defaults(self) -> tuple[Registered, ...]:
        """Return the weights to use when none is named: those marked as default.

        A later one takes the place of every earlier one that finds a label of its own in the same kind of light.
        """
        chosen: list[Registered] = []
        for entry in self.entries:
            if entry.card.default:
                chosen = [each for each in chosen if not _shares_label(each.card, entry.card)] + [entry]
        if not chosen:
            raise LookupError("no registered weight is marked as the default")
        return tuple(chosen)

    def defaults_for(self, sees: Sees) -> tuple[Registered, ...]:
        """Return the defaults for one kind of light; there may be none."""
        return tuple(entry for entry in self.defaults() if entry.card.sees is sees)

    def default_for(self, label: str, sees: Sees = Sees.LIGHT) -> Registered:
        """Return the weight that looks for ``label`` when none is named; ``LookupError`` when none does."""
        for entry in self.defaults_for(sees):
            if label in entry.card.thresholds:
                return entry
        raise LookupError(f"no default weight finds {label} in {sees}")

    def named(self, name: str) -> Registered:
        """Return the weight called ``name``; ``LookupError`` lists the names there are."""
        for entry in self.entries:
            if entry.card.name == name:
                return entry
        known = ", ".join(entry.card.name for entry in self.entries) or "none"
        raise LookupError(f"no weight is called {name}; registered: {known}")


def read_registry(paths: Sequence[Path] = (SHIPPED,)) -> Registry:
    """Return the weights that the register files at ``paths`` list, later files after earlier ones.

    Raises:
        WeightRefused: A register cannot be read, or a card in it is not valid.
    """
    entries: list[Registered] = []
    for path in paths:
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            cards = [_card_from(row) for row in _rows(document)]
        except (OSError, ValueError, TypeError, KeyError) as problem:
            raise WeightRefused(
                path,
                _("this register of weights cannot be used ({problem})").format(problem=problem),
                _("Repair the file, or register the weights again with `skywarden model add`."),
            ) from problem
        entries.extend(Registered(card=card, folder=path.parent) for card in cards)
    return Registry(entries=tuple(entries))


def verify_weight(path: Path, registry: Registry) -> WeightCard:
    """Return the card of the weight at ``path``, by the digest of its bytes.

    The same bytes may be registered twice, under other thresholds: the card that names this very file comes first.

    Raises:
        WeightRefused: The file is missing or empty, or its digest is not registered.
    """
    digest = sha256_of(path)
    cards = [entry for entry in registry.entries if entry.card.sha256 == digest]
    for entry in (*(each for each in cards if each.path.resolve() == path.resolve()), *cards):
        return entry.card
    expected = [entry.card for entry in registry.entries if entry.card.file == path.name]
    if expected:
        raise WeightRefused(
            path,
            _("its SHA-256 is {found}, not the registered {wanted}; the file was altered or is incomplete").format(
                found=digest[:16] + "…", wanted=expected[0].sha256[:16] + "…"
            ),
            _("Restore the original weight, or register this one with `skywarden model add` if you trust it."),
        )
    raise WeightRefused(
        path,
        _("this weight is not registered (SHA-256 {found})").format(found=digest),
        _("Register it with `skywarden model add` if you trust where it comes from."),
    )


def register_weight(weight: Path, card: WeightCard, registry_path: Path) -> WeightCard:
    """Add ``weight`` to the register file at ``registry_path`` and return its card with the digest filled in.

    The weight must lie in the register's folder and ``card.file`` must be its name. A weight of the same name in the
    register is replaced. When the card is marked as default, others that find one of its labels in the same kind of
    light lose the mark. The register is written whole or not at all.

    Raises:
        WeightRefused: The weight cannot be read, or lies elsewhere.
    """
    if weight.resolve().parent != registry_path.resolve().parent or weight.name != card.file:
        raise WeightRefused(
            weight,
            _("it does not lie beside the register {register}").format(register=registry_path),
            _("Copy the weight and its model card into the register's folder first."),
        )
    digest = sha256_of(weight)
    known = read_registry([registry_path]).entries if registry_path.exists() else ()
    added = replace(card, sha256=digest)
    kept = [
        replace(entry.card, default=entry.card.default and not (added.default and _shares_label(entry.card, added)))
        for entry in known
        if entry.card.name != added.name
    ]
    _write_register(registry_path, (*kept, added))
    return added


def update_card(card: WeightCard, registry_path: Path) -> None:
    """Put a card in the place of the one of the same name and digest in the register.

    Raises:
        WeightRefused: The register cannot be read, or holds no such weight.
    """
    known = [entry.card for entry in read_registry([registry_path]).entries]
    if not any((each.name, each.sha256) == (card.name, card.sha256) for each in known):
        raise WeightRefused(
            registry_path,
            _("this register holds no weight {name}").format(name=card.name),
            _("Only cards of a bureau's own register are changed; add the weight to it with `skywarden model add`."),
        )
    _write_register(registry_path, [card if each.name == card.name else each for each in known])


def forget_weight(name: str, registry_path: Path) -> None:
    """Take the weight called ``name`` out of the register; its files stay.

    Raises:
        WeightRefused: The register cannot be read.
    """
    kept = [entry.card for entry in read_registry([registry_path]).entries if entry.card.name != name]
    _write_register(registry_path, kept)


def _shares_label(card: WeightCard, other: WeightCard) -> bool:
    """Return whether two weights look for the same thing in the same kind of light."""
    return card.sees is other.sees and bool(set(card.thresholds) & set(other.thresholds))


def _write_register(path: Path, cards: Iterable[WeightCard]) -> None:
    document = {"schema": SCHEMA, "weights": [_row_of(each) for each in cards]}
    write_text(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a weight file, hex; a missing or empty file is refused."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
    except OSError as problem:
        raise WeightRefused(
            path,
            _("the weight cannot be read ({problem})").format(problem=problem.strerror),
            _("Name a weight file that exists; `skywarden model list` shows the registered ones."),
        ) from problem
    if size == 0:
        raise WeightRefused(path, _("the weight is empty"), _("Restore the original file."))
    return digest


def _rows(document: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401 - JSON of any shape comes in, a checked list goes out
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ValueError(f"schema {SCHEMA} expected")
    rows = document.get("weights")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TypeError("a list of weights expected")
    return rows


def _card_from(row: Mapping[str, Any]) -> WeightCard:
    """Return the card in one row; unknown keys are an error, so that a misspelt threshold is not ignored."""
    fields = dict(row)
    return WeightCard(
        **{
            **fields,
            "classes": tuple(fields["classes"]),
            "plain_scales": tuple(fields.get("plain_scales", (0.5,))),
            "measured": measured_points(fields.get("measured", {})),
        }
    )


def _row_of(card: WeightCard) -> dict[str, Any]:
    row = {slot: getattr(card, slot) for slot in re.findall(r"\w+", " ".join(WeightCard.__slots__))}
    row["measured"] = measured_rows(card.measured)
    return {
        key: dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value
        for key, value in row.items()
    }
