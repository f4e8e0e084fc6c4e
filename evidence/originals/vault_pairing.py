"""Which originals of a card belong together, found from the vault's own copies and recorded beside them.

Pairing looks into files, so it comes after sealing: every file is in the vault, hashed and read back, before anything
else reads it. A record names originals by digest and by their path on the card, says by what evidence they were put
together, what each recording lacks, and which files belong to none. Another look at the same files under the same
declarations finds the same and writes nothing; new files, or another declared zone, give a new record, and the old one
stays.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

from core.clock import Clock, from_iso, iso_utc
from core.errors import StoreFailed
from core.ids import derived_id
from core.text import _
from evidence.originals.vault_records import Card, Deposit, object_key
from evidence.originals.vault_store import VaultStore
from flight.telemetry.pairing import Pairing, pair_files
from flight.telemetry.read_track import Declared

PAIRINGS: Final = "pairings"
PAIRING_FORMAT: Final = "skywarden-pairing"
PAIRING_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An original as a pairing names it: its path on the card and its digest."""

    source: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRecording:
    """Originals that belong together, as recorded.

    Attributes:
        footage: The photo or video.
        kind: "photo" or "video".
        subtitle: Its subtitles, or None.
        logs: Flight logs that ran while it was taken.
        reasons: By what evidence.
        missing: What it lacks.
    """

    footage: Named
    kind: str
    subtitle: Named | None
    logs: tuple[Named, ...]
    reasons: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPairing:
    """What a card held, as recorded.

    Attributes:
        card: The card.
        paired_at: When it was found, aware UTC.
        camera_zone: The time zone that was declared for the cameras' clocks; empty for none.
        recordings: What belongs together.
        unpaired: Originals that belong to no recording: each with the code and the reason.
        gaps: Numbers missing in the names, as sentences.
    """

    card: Card
    paired_at: datetime
    camera_zone: str
    recordings: tuple[RecordedRecording, ...]
    unpaired: tuple[tuple[Named, str, str], ...]
    gaps: tuple[str, ...] = ()

    def names(self) -> Iterator[Named]:
        """Yield every original that the pairing names."""
        for recording in self.recordings:
            yield recording.footage
            yield from recording.logs
            if recording.subtitle is not None:
                yield recording.subtitle
        for named, _code, _reason in self.unpaired:
            yield named


def pair_deposits(
    deposits: Sequence[Deposit], store: VaultStore, *, folder: Path, card: Card, declared: Declared, clock: Clock
) -> RecordedPairing:
    """Find which of a card's originals belong together, and record it in the vault.

    Args:
        deposits: What an ingest of the card gave.
        store: The vault.
        folder: The card; read only where the vault is not on this machine, and its files have just been compared.
        card: Where they come from.
        declared: What is declared of them.
        clock: Tells when.

    Raises:
        StoreFailed: The vault cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="skywarden-pairing-") as place:
        named = _under_their_names(deposits, store, folder, Path(place))
        pairing = _recorded(pair_files(list(named), declared), named, card, declared, clock.now())
    with store.held():
        store.put(f"{PAIRINGS}/{_identity(pairing)}.json", _to_json(pairing))
    return pairing


def read_pairings(store: VaultStore) -> Iterator[RecordedPairing]:
    """Yield the recorded pairings, by key.

    Raises:
        StoreFailed: A record cannot be read.
    """
    for key in store.keys(PAIRINGS):
        with store.open(key) as reader:
            content = reader.read()
        try:
            yield _from_json(json.loads(content))
        except (ValueError, KeyError, TypeError) as problem:
            raise StoreFailed(
                _("The vault's record {key} is damaged. Run the vault's verification.").format(key=key)
            ) from problem


def _under_their_names(deposits: Sequence[Deposit], store: VaultStore, folder: Path, place: Path) -> dict[Path, Named]:
    """Return the originals by paths that carry their names; in the vault they lie under their digests."""
    named = {}
    for deposit in deposits:
        sha256 = deposit.original.sha256
        in_vault = store.local_path(object_key(sha256))
        link = place.joinpath(*PurePosixPath(deposit.source).parts)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to((folder / deposit.source).absolute() if in_vault is None else in_vault.absolute())
        named[link] = Named(source=deposit.source, sha256=sha256)
    return named


def _recorded(
    pairing: Pairing, named: Mapping[Path, Named], card: Card, declared: Declared, now: datetime
) -> RecordedPairing:
    """Return a pairing with originals for files."""
    return RecordedPairing(
        card=card,
        paired_at=now,
        camera_zone="" if declared.camera_zone is None else str(declared.camera_zone),
        recordings=tuple(
            RecordedRecording(
                footage=named[recording.footage],
                kind=recording.kind.value,
                subtitle=None if recording.subtitle is None else named[recording.subtitle],
                logs=tuple(named[log] for log in recording.logs),
                reasons=recording.reasons,
                missing=recording.missing,
            )
            for recording in pairing.recordings
        ),
        unpaired=tuple((named[lone.path], lone.code, lone.reason) for lone in pairing.unpaired),
        gaps=pairing.gaps,
    )


def _identity(pairing: RecordedPairing) -> str:
    """Return an id of what was found, whenever it was found and in whatever language it was said."""
    parts = [pairing.card.serial, pairing.camera_zone]
    for recording in pairing.recordings:
        others = [recording.subtitle, *recording.logs]
        parts += [f"{name.sha256} {name.source}" if name else "-" for name in (recording.footage, *others)]
    parts += [f"{name.sha256} {name.source} {code}" for name, code, _reason in pairing.unpaired]
    return derived_id("pairing", *parts)


def _to_json(pairing: RecordedPairing) -> bytes:
    """Return the canonical JSON (RFC 8785) of a pairing."""
    import rfc8785

    def name(named: Named) -> dict[str, str]:
        return {"source": named.source, "sha256": named.sha256}

    card = pairing.card
    return bytes(
        rfc8785.dumps(
            {
                "format": PAIRING_FORMAT,
                "version": PAIRING_VERSION,
                "card": {"serial": card.serial, "device": card.device, "operator": card.operator},
                "paired_at": iso_utc(pairing.paired_at),
                "camera_zone": pairing.camera_zone,
                "recordings": [
                    {
                        "footage": name(recording.footage),
                        "kind": recording.kind,
                        "subtitle": None if recording.subtitle is None else name(recording.subtitle),
                        "logs": [name(log) for log in recording.logs],
                        "reasons": list(recording.reasons),
                        "missing": list(recording.missing),
                    }
                    for recording in pairing.recordings
                ],
                "unpaired": [
                    {**name(named), "code": code, "reason": reason} for named, code, reason in pairing.unpaired
                ],
                "gaps": list(pairing.gaps),
            }
        )
    )


def _from_json(fields: dict[str, Any]) -> RecordedPairing:
    """Return the pairing of a record; a record of another shape raises."""
    if (fields["format"], fields["version"]) != (PAIRING_FORMAT, PAIRING_VERSION):
        raise ValueError(fields["format"])
    return RecordedPairing(
        card=Card(**fields["card"]),
        paired_at=from_iso(fields["paired_at"]),
        camera_zone=fields["camera_zone"],
        recordings=tuple(
            RecordedRecording(
                footage=Named(**told["footage"]),
                kind=told["kind"],
                subtitle=None if told["subtitle"] is None else Named(**told["subtitle"]),
                logs=tuple(Named(**log) for log in told["logs"]),
                reasons=tuple(told["reasons"]),
                missing=tuple(told["missing"]),
            )
            for told in fields["recordings"]
        ),
        unpaired=tuple(
            (Named(source=lone["source"], sha256=lone["sha256"]), lone["code"], lone["reason"])
            for lone in fields["unpaired"]
        ),
        gaps=tuple(fields["gaps"]),
    )
