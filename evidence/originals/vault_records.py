"""What a vault records of each deposit: the nouns, their keys, and their canonical JSON.

One record is written for every file that was brought, also for those whose bytes were there already. A record is never
rewritten; a second deposit of the same file of the same card finds the first and leaves it alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from core.clock import from_iso, iso_utc
from core.errors import StoreFailed
from core.ids import derived_id
from core.text import _
from evidence.original import Original
from evidence.originals.vault_store import VaultStore

OBJECTS: Final = "objects/sha256"
RECORDS: Final = "records"
DONE: Final = "done"
RECORD_FORMAT: Final = "skywarden-deposit"
RECORD_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Where footage comes from, as far as the crew says.

    Attributes:
        serial: The memory card's serial number or label; empty when unknown.
        device: The aircraft or camera it was in.
        operator: Who brings it.
    """

    serial: str = ""
    device: str = ""
    operator: str = ""


class DepositState(StrEnum):
    """What a run did with a file."""

    COPIED = "copied"
    DUPLICATE = "duplicate"  # the same bytes were in the vault already, from another file
    KNOWN = "known"  # this very file was deposited by an earlier run


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """A file that is in the vault.

    Attributes:
        original: The file; its path is the vault's copy where the vault is on this machine.
        source: Its path on the card, with forward slashes.
        modified_at: Its modification time on the card, aware UTC (cards on FAT keep it to two seconds).
        card: Where it came from.
        state: What was done.
        duplicate_of: The source of the first deposit with the same bytes; empty for none.
    """

    original: Original
    source: str
    modified_at: datetime
    card: Card
    state: DepositState
    duplicate_of: str = ""


def object_key(sha256: str) -> str:
    """Return the key of the object with a digest."""
    return f"{OBJECTS}/{sha256[:2]}/{sha256}"


def write_deposit(store: VaultStore, deposit: Deposit) -> None:
    """Write the record of a deposit, in one step; one that stands already is left alone.

    Raises:
        StoreFailed: The vault cannot be written.
    """
    sha256 = deposit.original.sha256
    identity = derived_id("record", sha256, deposit.card.serial, deposit.source)
    store.put(f"{RECORDS}/{sha256[:2]}/{sha256}/{identity}.json", _to_record(deposit))


def read_deposits(store: VaultStore, *, sha256: str = "") -> Iterator[Deposit]:
    """Yield the recorded deposits, of one digest or of all, sorted by record key.

    Raises:
        StoreFailed: A record cannot be read.
    """
    prefix = f"{RECORDS}/{sha256[:2]}/{sha256}" if sha256 else RECORDS
    for key in store.keys(prefix):
        yield _from_record(store, key)


def _to_record(deposit: Deposit) -> bytes:
    """Return the canonical JSON (RFC 8785) of a deposit."""
    import rfc8785

    original, card = deposit.original, deposit.card
    return bytes(
        rfc8785.dumps(
            {
                "format": RECORD_FORMAT,
                "version": RECORD_VERSION,
                "name": original.name,
                "source": deposit.source,
                "source_modified_at": iso_utc(deposit.modified_at),
                "size_bytes": original.size_bytes,
                "sha256": original.sha256,
                "sm3": original.sm3,
                "media_type": original.media_type,
                "ingested_at": iso_utc(original.ingested_at),
                "card": {"serial": card.serial, "device": card.device, "operator": card.operator},
                "duplicate_of": deposit.duplicate_of,
            }
        )
    )


def _from_record(store: VaultStore, key: str) -> Deposit:
    """Return the deposit of a record."""
    with store.open(key) as reader:
        content = reader.read()
    try:
        fields: dict[str, Any] = json.loads(content)
        _expect_format(fields)
        sha256 = fields["sha256"]
        return Deposit(
            original=Original(
                name=fields["name"],
                path=store.local_path(object_key(sha256)) or Path(fields["name"]),
                size_bytes=fields["size_bytes"],
                sha256=sha256,
                sm3=fields["sm3"],
                media_type=fields["media_type"],
                ingested_at=from_iso(fields["ingested_at"]),
            ),
            source=fields["source"],
            modified_at=from_iso(fields["source_modified_at"]),
            card=Card(**fields["card"]),
            state=DepositState.DUPLICATE if fields["duplicate_of"] else DepositState.COPIED,
            duplicate_of=fields["duplicate_of"],
        )
    except (ValueError, KeyError, TypeError) as problem:
        raise StoreFailed(
            _("The vault's record {key} is damaged. Run the vault's verification.").format(key=key)
        ) from problem


def _expect_format(fields: dict[str, Any]) -> None:
    if (fields["format"], fields["version"]) != (RECORD_FORMAT, RECORD_VERSION):
        raise ValueError(fields["format"])
