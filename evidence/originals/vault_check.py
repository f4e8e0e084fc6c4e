"""Prove that a vault holds what was brought to it, whole and unchanged.

Every object is read and both digests are taken anew; every record must have its object, and every object its record.
Nothing is repaired: a vault that repairs itself proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from core.errors import StoreFailed
from core.text import _
from evidence.ingest import read_digests
from evidence.originals.vault_pairing import PAIRINGS, read_pairings
from evidence.originals.vault_records import DONE, OBJECTS, RECORDS, object_key, read_deposits
from evidence.originals.vault_store import STAGING, VaultStore

HARMLESS: Final = frozenset({"unrecorded", "leftover"})
"""Codes that an interrupted run leaves and the next run clears; no original is lost or altered by them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultFinding:
    """One thing that is not as it should be.

    Attributes:
        code: "altered" (an object's bytes differ from its address or record), "missing" (a record without its object),
            "damaged-record", "unrecorded" (an object that no record names: a run was interrupted), "leftover" (bytes
            on their way in when a run was interrupted) or "stray" (a file that is none of the vault's).
        key: Where.
        text: For a person.
    """

    code: str
    key: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultCheck:
    """What a verification found.

    Attributes:
        objects: Objects read.
        size_bytes: Bytes read.
        records: Records read.
        findings: What is not as it should be; empty for a sound vault.
    """

    objects: int
    size_bytes: int
    records: int
    findings: tuple[VaultFinding, ...]

    @property
    def sound(self) -> bool:
        """Whether every original is there and unchanged (leftovers of an interrupted run do not count)."""
        return all(finding.code in HARMLESS for finding in self.findings)


def verify_vault(store: VaultStore, *, on_object: Callable[[str], object] | None = None) -> VaultCheck:
    """Read the whole vault and compare.

    Args:
        store: The vault.
        on_object: Called with each object's key (a progress bar).

    Raises:
        StoreFailed: The vault cannot be read, or there is none at its address (an empty place proves nothing).
    """
    if next(iter(store.keys("")), None) is None:
        raise StoreFailed(_("There is no vault at {address}. Check the address.").format(address=store.address))
    findings: list[VaultFinding] = []
    recorded, records = _read_records(store, findings)
    seen: set[str] = set()
    size = 0
    for key in store.keys(OBJECTS):
        named = key.rpartition("/")[2]
        with store.open(key) as reader:
            digests = read_digests(reader)
        size += digests.size_bytes
        seen.add(named)
        if key != object_key(digests.sha256) or recorded.get(named, digests.sm3) != digests.sm3:
            findings.append(VaultFinding(code="altered", key=key, text=_("its bytes are not what was brought in")))
        elif named not in recorded:
            text = _("no record says where it came from; run the interrupted ingest again")
            findings.append(VaultFinding(code="unrecorded", key=key, text=text))
        if on_object is not None:
            on_object(key)
    findings += [
        VaultFinding(code="missing", key=object_key(sha256), text=_("its record stands, but the original is gone"))
        for sha256 in sorted(set(recorded) - seen)
    ]
    findings += _pairing_findings(store, set(recorded))
    for key in store.keys(""):
        place = key.partition("/")[0]
        if place == STAGING:
            text = _("an ingest was interrupted here; running it again removes this")
            findings.append(VaultFinding(code="leftover", key=key, text=text))
        elif place not in {OBJECTS.partition("/")[0], RECORDS, DONE, PAIRINGS, "lock"}:
            findings.append(VaultFinding(code="stray", key=key, text=_("this file is none of the vault's")))
    return VaultCheck(objects=len(seen), size_bytes=size, records=records, findings=tuple(findings))


def _read_records(store: VaultStore, findings: list[VaultFinding]) -> tuple[dict[str, str], int]:
    """Return the SM3 digest of every recorded SHA-256 digest, and how many records there are."""
    recorded: dict[str, str] = {}
    keys = list(store.keys(RECORDS))
    for prefix in sorted({key.rpartition("/")[0] for key in keys}):
        try:
            deposits = list(read_deposits(store, sha256=prefix.rpartition("/")[2]))
        except StoreFailed:
            findings.append(VaultFinding(code="damaged-record", key=prefix, text=_("it cannot be read")))
            continue
        for deposit in deposits:
            digests = deposit.original
            if recorded.setdefault(digests.sha256, digests.sm3) != digests.sm3 or not prefix.endswith(digests.sha256):
                text = _("two records of one original contradict each other")
                findings.append(VaultFinding(code="damaged-record", key=prefix, text=text))
    return recorded, len(keys)


def _pairing_findings(store: VaultStore, recorded: set[str]) -> list[VaultFinding]:
    """Return the pairings that cannot be read, or that name an original which the vault has never recorded."""
    try:
        strangers = {
            name.source: name.sha256
            for pairing in read_pairings(store)
            for name in pairing.names()
            if name.sha256 not in recorded
        }
    except StoreFailed as problem:
        return [VaultFinding(code="damaged-record", key=PAIRINGS, text=str(problem))]
    text = _("a pairing names it as {source}, but no record says where it came from")
    return [
        VaultFinding(code="missing", key=object_key(sha256), text=text.format(source=source))
        for source, sha256 in strangers.items()
    ]
