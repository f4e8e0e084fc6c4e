"""Takes the incidents of a run of ``skywarden process`` into the store, with the files that show them.

A run's case folder is read, never written. Each incident is read from its sealed package; what is there already stays
as it is, so that the same run can be taken in again (after more footage, or after a kill) and adds what is new. The
files go into the vault: originals under the address of their content as every deposit does, derived copies beside them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.db import transaction

from app.case_folder import REPORT
from app.run_report import SCHEMA, RunReport
from app.station.cards import Districts, make_card
from app.station.context import station
from app.station.fences import keep_fences
from app.station.models import CaseCard, District, MediaRow, Run
from app.station.vault_keys import media_key
from app.store.models import CaseRow
from core.clock import from_iso
from core.errors import InputRefused
from core.refusal import Refusal
from core.text import _
from evidence.ingest import CHUNK_BYTES
from evidence.originals.vault_store import VaultStore
from evidence.sealing.canonical import decode, encode
from evidence.sealing.incident_json import decode_incident
from evidence.sealing.package import CONTEXT, DERIVATIONS, INCIDENT, ORIGINALS, PACKAGES
from geofence.register.site_folder import ARCHIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenIn:
    """What became of a run's incidents.

    Attributes:
        opened: New in the store.
        known: There before.
        files: Files put into the vault or found there.
        refusals: Incidents and files that were not taken, each with its reason.
    """

    opened: int
    known: int
    files: int
    refusals: tuple[Refusal, ...]


def take_in_run(folder: Path, *, actor: str, district: str = "", title: str = "") -> TakenIn:
    """Take in a run.

    Args:
        folder: The case folder of the run.
        actor: Who takes it in, as the audit names them.
        district: Code of the district for incidents that lie in no district's outline; empty for none.
        title: What the run is called; the folder's name where empty.

    Raises:
        InputRefused: It is no finished run, or the district is not known.
    """
    report = _report(folder)
    run = _run(folder, report, actor=actor, district=district, title=title)
    districts = Districts(District.objects.all())
    opened = known = files = 0
    refusals: list[Refusal] = []
    for line in report.incidents:
        package = folder / line.package
        if not package.resolve().is_relative_to((folder / PACKAGES).resolve()):
            refusals.append(Refusal(subject=line.number, code="outside", reason=_("its package lies elsewhere")))
            continue
        try:
            new, stored = _take_in(package, run, districts, actor=actor)
        except (OSError, InputRefused) as unfit:
            refusals.append(Refusal(subject=line.number, code="unreadable-package", reason=str(unfit).rstrip(".")))
            continue
        opened, known = opened + new, known + (not new)
        for answer in stored:
            if isinstance(answer, Refusal):
                refusals.append(answer)
            else:
                files += 1
    return TakenIn(opened=opened, known=known, files=files, refusals=tuple(refusals))


def _report(folder: Path) -> RunReport:
    path = folder / REPORT
    try:
        content = path.read_bytes()
    except OSError as missing:
        raise InputRefused(
            folder, _("holds no report of a finished run"), _("Name the folder that skywarden process wrote.")
        ) from missing
    return decode(SCHEMA, RunReport, content, str(path))


def _run(folder: Path, report: RunReport, *, actor: str, district: str, title: str) -> Run:
    owner = District.objects.filter(code=district).first() if district else None
    if district and owner is None:
        raise InputRefused(district, _("is no district of this station"), _("Make it first, or leave it out."))
    kept: Run
    kept, _made = Run.objects.update_or_create(
        folder=str(folder.resolve()),
        defaults={
            "title": (title or folder.resolve().name)[:200],
            "started_at": from_iso(report.started_at),
            "finished_at": from_iso(report.finished_at),
            "imported_at": station().clock.now(),
            "imported_by": actor[:200],
            "report": encode(SCHEMA, report).decode(),
            "district": owner,
        },
    )
    return kept


def _take_in(package: Path, run: Run, districts: Districts, *, actor: str) -> tuple[bool, list[Refusal | MediaRow]]:
    """Open the case of one package, make its card, and store its files."""
    here = station()
    incident = decode_incident((package / INCIDENT).read_bytes(), str(package / INCIDENT))
    context = json.loads((package / CONTEXT).read_bytes())
    with transaction.atomic():
        new = here.store.open_case(incident, actor=actor) is None
        if not CaseCard.objects.filter(pk=incident.incident_id).exists():
            site_name = str(context.get("site_name", ""))[:200]
            state = CaseRow.objects.get(pk=incident.incident_id).state  # it may have been decided before it came here
            make_card(incident, districts=districts, run=run, site_name=site_name, state=state).save(force_insert=True)
        _belongs(CaseCard.objects.filter(pk=incident.incident_id, run=None), run, str(context.get("site_name", "")))
    keep_fences(incident, package.parent.parent / ARCHIVE)
    card = CaseCard.objects.get(pk=incident.incident_id)
    return new, [_store_media(card, fields, path, here.vault) for fields, path in _files(package)]


def _belongs(cards: Any, run: Run, site_name: str) -> None:  # noqa: ANN401 - a queryset
    """Give a card that was made before its run came in the run, and what only the run knows."""
    cards.filter(district=None).update(district=run.district)
    cards.filter(site_name="").update(site_name=site_name[:200])
    cards.update(run=run)


def _files(package: Path) -> Iterator[tuple[dict[str, Any], Path | None]]:
    """Yield what is shown of a case, with where its bytes lie: None for an original that is kept elsewhere."""
    for original in json.loads((package / ORIGINALS).read_bytes())["originals"]:
        place = _within(package, original["path"]) if original["path"] else None
        yield {"kind": "original", "sha256": original["sha256"], "name": original["name"],
               "media_type": original["media_type"], "size_bytes": original["size_bytes"]}, place  # fmt: skip
    derivations = json.loads((package / DERIVATIONS).read_bytes())
    for record in derivations["derived"]:
        yield {"kind": record["derivation"]["operation"], "sha256": record["sha256"],
               "name": Path(record["path"]).name, "media_type": record["media_type"], "size_bytes": None,
               }, _within(package, record["path"])  # fmt: skip


def _within(package: Path, named: str) -> Path:
    """Return a file of a package; a name that leads out of it is refused."""
    place = (package / named).resolve()
    if not place.is_relative_to(package.resolve()):
        raise InputRefused(package, _("names a file outside itself"), _("Verify the package; do not use it."))
    return place


def _store_media(card: CaseCard, fields: dict[str, Any], path: Path | None, vault: VaultStore) -> Refusal | MediaRow:
    """Put one file into the vault, unless its bytes are there, and note that the case shows it."""
    key = media_key(fields["kind"], fields["sha256"])
    size = vault.size(key)
    if size is None and path is not None:
        refusal = _copy(path, vault, key, fields)
        if refusal is not None:
            return refusal
        size = vault.size(key)
    if fields["size_bytes"] is None:
        fields["size_bytes"] = size or 0
    row: MediaRow
    row, _made = MediaRow.objects.get_or_create(
        case=card,
        sha256=fields["sha256"],
        kind=fields["kind"],
        defaults={name: fields[name] for name in ("name", "media_type", "size_bytes")},
    )
    return row


def _copy(path: Path, vault: VaultStore, key: str, fields: dict[str, Any]) -> Refusal | None:
    """Copy a file into the vault under ``key``; what has not the digest that the package says is refused."""
    staged, digest = vault.stage(), sha256()
    try:
        with path.open("rb") as reader:
            while chunk := reader.read(CHUNK_BYTES):
                digest.update(chunk)
                staged.write(memoryview(chunk))
        staged.settle()
        if digest.hexdigest() != fields["sha256"]:
            return Refusal(
                subject=fields["name"], code="altered", reason=_("is not the file that was sealed"),
                remedy=_("Verify the package, and process the footage again."),
            )  # fmt: skip
        staged.commit(key)
    finally:
        staged.discard()
    return None
