"""The vault: originals under the address of their content, copied once, verified by reading back, never changed.

A deposit goes in this order, so that a kill, a full disk or a pulled card at any moment leaves nothing half there:

1. the file is read once; both digests are taken while it is written aside;
2. what was written is brought to the medium and read back; a digest that differs refuses the copy;
3. the copy moves to ``objects/sha256/<ab>/<digest>`` in one step, read-only;
4. a record of where it came from is written, in one step;
5. a mark says that this file of this card is done, in one step.

Killed after 3, the next run finds the object, does not copy again, and writes the record. Files that were finished are
known by their mark (card serial, path, size, modification time) and are not read again; a card without a serial is
read again and compared, for a name and a date alone prove nothing. Half a copy is not continued in the middle of a
file: nobody could vouch for its first half.

What a vault does not do: decide who may read it (the operating system does), and delete (nothing does).
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from core.clock import Clock
from core.errors import StoreFailed
from core.ids import derived_id
from core.refusal import Refusal
from core.text import _
from evidence.ingest import CHUNK_BYTES, Digests, list_footage, list_left_out, media_type_of, read_digests
from evidence.original import Original
from evidence.originals.vault_records import DONE, Card, Deposit, DepositState, object_key, read_deposits, write_deposit
from evidence.originals.vault_store import LocalStore, Staged, VaultStore


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReport:
    """What a run of :func:`ingest_card` did: deposits + refusals = files of footage on the card.

    Attributes:
        deposits: Files that are in the vault now.
        refusals: Files that are not, each with its reason.
        swept: Leftovers of interrupted runs that were removed.
        left_out: Files of the card that are no footage (proxies, thumbnails, notes), by path: not copied, but named.
    """

    deposits: tuple[Deposit, ...]
    refusals: tuple[Refusal, ...]
    swept: int = 0
    left_out: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every file of footage is in the vault."""
        return not self.refusals


def open_vault(address: str | Path) -> VaultStore:
    """Return the store at ``address``: a folder, or any address with a protocol that fsspec knows.

    Raises:
        StoreFailed: The place cannot be used.
    """
    text = str(address)
    if "://" not in text or text.startswith("file://"):
        return LocalStore(Path(text.removeprefix("file://")))
    from evidence.originals.vault_remote import RemoteStore

    return RemoteStore(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    """A copy that was written aside, brought to the medium and read back, on its way into its place."""

    path: Path
    source: str
    staged: Staged
    digests: Digests
    status: os.stat_result
    mark: str


def ingest_card(
    folder: Path,
    store: VaultStore,
    *,
    card: Card,
    clock: Clock,
    on_file: Callable[[Deposit | Refusal], object] | None = None,
    workers: int = 2,
) -> IngestReport:
    """Copy every file of footage below ``folder`` into the vault, or say why not.

    Run it again after any interruption; it goes on where it stopped. When the vault fails (a full disk), the run ends
    and the files that are still missing are refused by name; when the card fails, each file that cannot be read is.

    Args:
        folder: The card or folder.
        store: The vault.
        card: What the crew says of the card.
        clock: Tells when.
        on_file: Called with each answer in the order of the files (a progress bar).
        workers: Files copied at a time: one is read back while the next is read. They take their places in the order of
            the card, whichever is ready first.

    Raises:
        InputRefused: The folder cannot be used or holds no footage.
        StoreFailed: The vault is held by another process, or cannot be used at all.
    """
    files, left_out = list_footage(folder), list_left_out(folder)
    answers: list[Deposit | Refusal] = []
    with store.held():
        swept = store.remove_staged()
        for answer in _answers(files, folder, store, card=card, clock=clock, workers=workers):
            answers.append(answer)
            if on_file is not None:
                on_file(answer)
    return IngestReport(
        deposits=tuple(answer for answer in answers if isinstance(answer, Deposit)),
        refusals=tuple(answer for answer in answers if isinstance(answer, Refusal)),
        swept=swept,
        left_out=tuple(path.relative_to(folder).as_posix() for path in left_out),
    )


def _answers(
    files: tuple[Path, ...], folder: Path, store: VaultStore, *, card: Card, clock: Clock, workers: int
) -> Iterator[Deposit | Refusal]:
    """Yield the answer to every file in order; at most ``workers`` copies are under way or waiting for their place."""
    broken: StoreFailed | None = None
    pending: deque[tuple[str, Future[_Copy | Deposit | Refusal]]] = deque()
    waiting = iter([(path, path.relative_to(folder).as_posix()) for path in files])
    with ThreadPoolExecutor(max_workers=workers) as pool:
        while True:
            for path, source in islice(waiting, workers - len(pending)):
                pending.append((source, pool.submit(_copy, path, store, source=source, card=card, broken=broken)))
            if not pending:
                return
            source, future = pending.popleft()
            try:
                ready = future.result()
                if broken is None:
                    yield _settle(ready, store, card, clock)
                    continue
                if isinstance(ready, _Copy):
                    ready.staged.discard()
            except StoreFailed as problem:
                broken = broken or problem
            yield Refusal(
                subject=source,
                code="vault-failed",
                reason=_("is not in the vault yet: {why}").format(why=broken),
                remedy=_("Run the ingest again; files that are in the vault are not copied twice."),
            )


def deposit_file(path: Path, store: VaultStore, *, source: str, card: Card, clock: Clock) -> Deposit | Refusal:
    """Copy one file into the vault.

    Args:
        path: The file; opened for reading only.
        store: The vault, held by the caller.
        source: Its path on the card.
        card: Where it comes from.
        clock: Tells when.

    Returns:
        The deposit, or a refusal: "unknown-type", "empty-file", "unreadable-file", "changing-file", "copy-differs"
        (what was read back is not what was written) or "vault-altered" (the vault's copy of the same file is).

    Raises:
        StoreFailed: The vault cannot take it.
    """
    return _settle(_copy(path, store, source=source, card=card), store, card, clock)


def _copy(
    path: Path, store: VaultStore, *, source: str, card: Card, broken: StoreFailed | None = None
) -> _Copy | Deposit | Refusal:
    """Write one file aside and read it back; a file that an earlier run finished is its deposit."""
    if broken is not None:
        raise broken
    reader = _opened(path, source)
    if isinstance(reader, Refusal):
        return reader
    with reader:
        status = os.fstat(reader.fileno())
        mark = _mark_key(card, source, status)
        known = _known(store, mark, source, card) if card.serial else None
        if known is not None:
            return known
        staged = store.stage()
        try:
            digests = _copied(reader, status, staged, source)
        except BaseException:
            staged.discard()
            raise
    if isinstance(digests, Refusal):
        staged.discard()
        return digests
    return _Copy(path=path, source=source, staged=staged, digests=digests, status=status, mark=mark)


def _settle(ready: _Copy | Deposit | Refusal, store: VaultStore, card: Card, clock: Clock) -> Deposit | Refusal:
    """Move a verified copy into its place and record it; the same bytes may be there already."""
    if not isinstance(ready, _Copy):
        return ready
    digests, key = ready.digests, object_key(ready.digests.sha256)
    try:
        twin = store.size(key) is not None
        if twin and not _holds(store, key, digests.sha256):
            return _altered(ready.source, key)
        ready.staged.commit(key)
    finally:
        ready.staged.discard()
    deposit = Deposit(
        original=Original(
            name=ready.path.name,
            path=store.local_path(key) or ready.path.absolute(),
            size_bytes=digests.size_bytes,
            sha256=digests.sha256,
            sm3=digests.sm3,
            media_type=media_type_of(ready.path) or "application/octet-stream",
            ingested_at=clock.now(),
        ),
        source=ready.source,
        modified_at=datetime.fromtimestamp(ready.status.st_mtime, UTC),
        card=card,
        state=DepositState.COPIED,
    )
    return _recorded(store, deposit, mark=ready.mark, twin=twin)


def _opened(path: Path, source: str) -> BinaryIO | Refusal:
    """Open a file of footage that holds something, for reading only."""
    if media_type_of(path) is None:
        return Refusal(subject=source, code="unknown-type", reason=_("is no footage that Skywarden knows"))
    try:
        if path.stat().st_size > 0:
            return path.open("rb", buffering=0)
    except OSError as problem:
        return _unreadable(source, problem)
    return Refusal(
        subject=source,
        code="empty-file",
        reason=_("is empty (zero bytes): the recording was lost before it was written"),
    )


def _copied(reader: BinaryIO, before: os.stat_result, staged: Staged, source: str) -> Digests | Refusal:
    """Hash and write one file and read the copy back; the card's failure is a refusal, the vault's is raised."""
    try:
        digests = read_digests(reader, sink=staged.write)
        after = os.fstat(reader.fileno())
    except OSError as problem:
        return _unreadable(source, problem)
    same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    if not same or digests.size_bytes != before.st_size:
        return Refusal(
            subject=source,
            code="changing-file",
            reason=_("changed while it was copied"),
            remedy=_("Wait until nothing writes to it, then run again."),
        )
    staged.settle()
    with staged.reopen() as back:
        return digests if _sha256(back) == digests.sha256 else _differs(source)


def _holds(store: VaultStore, key: str, sha256: str) -> bool:
    """Return whether the object still has the bytes of its address."""
    with store.open(key) as reader:
        return _sha256(reader) == sha256


def _sha256(reader: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := reader.read(CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def _mark_key(card: Card, source: str, status: os.stat_result) -> str:
    """Return the key that says "this file of this card is done"."""
    identity = derived_id("deposit", card.serial, source, status.st_size, status.st_mtime_ns)
    return f"{DONE}/{identity[:2]}/{identity}"


def _known(store: VaultStore, mark: str, source: str, card: Card) -> Deposit | None:
    """Return the deposit of an earlier run when its mark, record and object all stand."""
    if store.size(mark) is None:
        return None
    with store.open(mark) as reader:
        sha256 = reader.read(64).decode("ascii", errors="replace")
    for deposit in read_deposits(store, sha256=sha256):
        same = deposit.source == source and deposit.card.serial == card.serial
        if same and store.size(object_key(sha256)) == deposit.original.size_bytes:
            return replace(deposit, state=DepositState.KNOWN)
    return None


def _recorded(store: VaultStore, deposit: Deposit, *, mark: str, twin: bool) -> Deposit:
    """Write the record and the mark of a deposit whose object stands, and return it as it now is known."""
    original, card = deposit.original, deposit.card
    earlier = list(read_deposits(store, sha256=original.sha256)) if twin else []
    same = [old for old in earlier if (old.source, old.card.serial) == (deposit.source, card.serial)]
    if same:
        deposit = replace(same[0], state=DepositState.KNOWN)
    elif earlier:
        first = min(earlier, key=lambda old: old.original.ingested_at)
        deposit = replace(deposit, state=DepositState.DUPLICATE, duplicate_of=first.source)
    if not same:
        write_deposit(store, deposit)
    store.put(mark, original.sha256.encode())
    return deposit


def _unreadable(source: str, problem: OSError) -> Refusal:
    return Refusal(
        subject=source,
        code="unreadable-file",
        reason=_("cannot be read ({why})").format(why=problem.strerror or problem),
        remedy=_("Check that the card is in, then run again."),
    )


def _differs(source: str) -> Refusal:
    return Refusal(
        subject=source,
        code="copy-differs",
        reason=_("the copy that was read back is not what was written; the vault's disk cannot be trusted"),
        remedy=_("Check the vault's disk, then run again."),
    )


def _altered(source: str, key: str) -> Refusal:
    return Refusal(
        subject=source,
        code="vault-altered",
        reason=_("the vault's copy {key} of the same file is no longer what it was").format(key=key),
        remedy=_("Run the vault's verification and keep the card."),
    )
