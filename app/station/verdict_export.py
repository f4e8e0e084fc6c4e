"""Reviewed boxes for training: what reviewers confirmed becomes positives, what they rejected hard negatives.

Written as ``skywarden train set --verdicts`` reads it: one JSON object a line, and the photos beside the file. A
rejection for another reason than a false detection says nothing of the box (a lawful work is a vehicle all the same),
and is left out. A box that a reviewer redrew takes the place of the detector's where it was drawn on the photo itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.station.context import station
from app.station.models import CaseCard, MediaRow
from app.station.vault_keys import media_key
from app.store.django_store import DECISION_SCHEMA
from app.store.models import CaseRow, DecisionRow
from core.errors import InputRefused
from core.ids import derived_id
from core.text import _
from core.whole_file import write_bytes, write_text
from evidence.cases.life import Decision, Deed, Reason, Verdict
from evidence.incident import State
from evidence.sealing.canonical import decode
from evidence.sealing.incident_json import decode_incident

CONFIRMED: Final = (State.CONFIRMED_LEAD, State.ON_SITE_CHECKED, State.EVIDENCE, State.RECTIFIED, State.TRANSFERRED)
VERDICTS: Final = "verdicts.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written.

    Attributes:
        positives, negatives: Boxes that were confirmed and rejected.
        without: Decided cases that gave no box: seen in videos alone, or rejected for what says nothing of the box.
    """

    positives: int
    negatives: int
    without: int


def export_verdicts(folder: Path) -> Exported:
    """Write the reviewed boxes of all decided cases to a new folder.

    Raises:
        InputRefused: The folder holds something already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InputRefused(folder, _("is not empty"), _("Name a new folder."))
    folder.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    counts = {"confirmed": 0, "rejected": 0}
    without = 0
    decided = CaseCard.objects.filter(state__in=[*CONFIRMED, State.REJECTED]).select_related("run").order_by("number")
    for card in decided.iterator(chunk_size=200):
        rows = list(_lines_of(card, folder))
        without += not rows
        for row in rows:
            counts[row["decision"]] += 1
            lines.append(json.dumps(row, ensure_ascii=False, sort_keys=True))
    write_text(folder / VERDICTS, "".join(f"{line}\n" for line in lines))
    return Exported(positives=counts["confirmed"], negatives=counts["rejected"], without=without)


def _lines_of(card: CaseCard, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield a line for each box of a case that lies in a photo of the vault."""
    verdicts = [
        decode(DECISION_SCHEMA, Decision, row.document.encode(), card.number)
        for row in DecisionRow.objects.filter(case_id=card.pk, deed=Deed.VERDICT).order_by("seq")
    ]
    rejected = card.state == State.REJECTED
    if rejected and not all(one.reason is Reason.FALSE_DETECTION for one in verdicts[-2:]):
        return
    redrawn = {
        one.correction.picture_sha256: one.correction.box_px
        for one in verdicts
        if one.verdict is Verdict.CONFIRM and one.correction is not None and one.correction.box_px is not None
    }
    incident = decode_incident(CaseRow.objects.get(pk=card.pk).document.encode(), card.number)
    photos = {
        derived_id("frame", row.sha256, 0): row
        for row in MediaRow.objects.filter(case=card, kind="original", media_type="image/jpeg")
    }
    for fix in incident.sighting.fixes:
        row = photos.get(fix.detection.frame_id)
        if row is None or not _keep_photo(row, folder):
            continue
        box = fix.detection.box
        edges = redrawn.get(row.sha256) or (box.left_px, box.top_px, box.right_px, box.bottom_px)
        yield {
            "image": f"{row.sha256}.jpg",
            "flight": f"{card.run_id or 0}-{fix.captured_at:%Y%m%d}",
            "label": fix.detection.label,
            "box": [round(edge, 1) for edge in edges],
            "decision": "rejected" if rejected else "confirmed",
        }


def _keep_photo(row: MediaRow, folder: Path) -> bool:
    """Write a photo beside the verdicts, once; return False when the vault does not hold it."""
    place, vault = folder / f"{row.sha256}.jpg", station().vault
    key = media_key("original", row.sha256)
    if place.exists():
        return True
    if vault.size(key) is None:
        return False
    with vault.open(key) as reader:
        write_bytes(place, reader.read())
    return True
