"""Copies out of a vault, under the names that the card gave, for programs that want a folder of footage.

Every copy is hashed while it is written and compared with the vault's record; a copy that differs is not left behind.
Files that are there already with the same bytes are kept, with other bytes they are refused: nothing is overwritten.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from core.errors import StoreFailed
from core.refusal import Refusal
from core.text import _
from core.whole_file import written_whole
from evidence.ingest import read_digests
from evidence.originals.vault_records import Deposit, object_key
from evidence.originals.vault_store import VaultStore

_NOT_IN_NAMES: Final = re.compile(r"[^\w.\- ]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A copy that lies outside the vault.

    Attributes:
        deposit: Of what.
        path: Where.
        fresh: Whether this run wrote it; False where the same bytes were there already.
    """

    deposit: Deposit
    path: Path
    fresh: bool


def export_originals(
    deposits: Sequence[Deposit],
    store: VaultStore,
    folder: Path,
    *,
    on_file: Callable[[Exported | Refusal], object] | None = None,
) -> tuple[tuple[Exported, ...], tuple[Refusal, ...]]:
    """Copy originals into a folder, under their paths on the card; cards with a serial get a folder each.

    Args:
        deposits: What to copy.
        store: The vault.
        folder: Where; made when missing.
        on_file: Called with each answer.

    Returns:
        The copies, and refusals: "altered" (the vault's bytes are not what was recorded), "missing" (the vault no
        longer has them), "exists" (another file has the name) or "unsafe-name" (a path that leaves the folder).

    Raises:
        StoreFailed: The folder cannot be written.
    """
    done: list[Exported] = []
    refused: list[Refusal] = []
    for deposit in deposits:
        try:
            answer = _export(deposit, store, folder)
        except OSError as problem:
            raise StoreFailed(
                _("The folder {folder} cannot be written ({why}).").format(
                    folder=folder, why=problem.strerror or problem
                )
            ) from problem
        (done if isinstance(answer, Exported) else refused).append(answer)  # type: ignore[arg-type]
        if on_file is not None:
            on_file(answer)
    return tuple(done), tuple(refused)


def _export(deposit: Deposit, store: VaultStore, folder: Path) -> Exported | Refusal:
    """Copy one original, or say why not."""
    original, key = deposit.original, object_key(deposit.original.sha256)
    card = _NOT_IN_NAMES.sub("_", deposit.card.serial).strip(". ")  # of a live source it may be an address
    parts = [part for part in (card, *PurePosixPath(deposit.source).parts) if part]
    if any(part in {"..", "/"} or "/" in part or "\0" in part for part in parts):
        reason = _("its path on the card would lead out of the folder")
        return Refusal(subject=deposit.source, code="unsafe-name", reason=reason)
    place = folder.joinpath(*parts)
    if place.exists():
        with place.open("rb", buffering=0) as there:
            if read_digests(there).sha256 == original.sha256:
                return Exported(deposit=deposit, path=place, fresh=False)
        reason = _("{path} is another file; nothing is overwritten").format(path=place)
        return Refusal(subject=deposit.source, code="exists", reason=reason)
    if store.size(key) is None:
        return Refusal(
            subject=deposit.source,
            code="missing",
            reason=_("the vault no longer has it"),
            remedy=_("Run the vault's verification and keep the card."),
        )
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        _copy_out(store, key, place, (original.sha256, original.sm3))
    except _DiffersError:
        return Refusal(
            subject=deposit.source,
            code="altered",
            reason=_("the vault's bytes are not what was brought in"),
            remedy=_("Run the vault's verification and keep the card."),
        )
    return Exported(deposit=deposit, path=place, fresh=True)


def _copy_out(store: VaultStore, key: str, place: Path, recorded: tuple[str, str]) -> None:
    """Write an object's bytes to ``place``, whole and as recorded, or not at all."""
    with written_whole(place) as aside:
        with store.open(key) as reader, aside.open("xb") as writer:
            digests = read_digests(reader, sink=writer.write)
        if (digests.sha256, digests.sm3) != recorded:
            raise _DiffersError
        aside.chmod(0o444)


class _DiffersError(Exception):
    """The bytes that were read are not those of the record."""
