"""Changes as leads: what came or grew since an earlier patrol goes the way of everything else that a run finds.

What a comparison found is handed to the run as sightings, seen in the later patrol's frames; the rules decide what each
means, and it is sealed like any other lead. What it was compared with is sealed with it: the earlier photo itself, as
long as it lies in its footage folder with the digest it had, a statement that names both originals with digests and
instants, and the two pictures laid upon each other. A change of which no rule speaks is told as undecided.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from app.case_folder import REPORT
from app.comparing.change_report import change_as_json, draw_change, write_changes
from app.comparing.ground_changes import GroundChange, GroundChanges, find_changes
from app.comparing.ground_squares import Pictures
from app.comparing.patrol_view import PatrolView
from app.examine import take_in
from app.inputs import FootageFile, Kind, list_inputs
from app.instruments import Instruments, Jurisdiction, Progress
from core.clock import iso_utc
from core.errors import InputRefused
from core.text import _
from detection.changes.patches import Becoming
from evidence.incident import Incident
from evidence.original import Original
from evidence.sealing.context import Attachment
from evidence.sealing.frame_record import FrameRecord
from geofence.locating.ground import Ground
from geofence.sighting import Sighting
from maps.change_file import CHANGES

SCHEMA: Final = "skywarden/compared/1"
LEADING: Final = frozenset({Becoming.APPEARED, Becoming.GREW, Becoming.ALTERED})
"""What is there now; what is gone can be no hazard any more."""
MOST_BYTES: Final = 64 * 1024 * 1024  # of an earlier original that is carried; a longer one is named by its digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A run compared with an earlier patrol.

    Attributes:
        found: What changed.
        before, after: The two patrols.
        footage: Where the earlier patrol's originals lay when it was processed.
    """

    found: GroundChanges
    before: PatrolView
    after: PatrolView
    footage: Path
    pictures: Pictures = field(repr=False)

    @property
    def sightings(self) -> tuple[Sighting, ...]:
        """What came or grew, as the later patrol's frames put it on the ground."""
        return tuple(change.sighting for change in self.found.changes if change.patch.becoming in LEADING)

    def behind(self, incident: Incident) -> GroundChange | None:
        """Return the change that an incident is about, or None for one that is about something else."""
        of = (change for change in self.found.changes if change.sighting.sighting_id == incident.sighting.sighting_id)
        return next(of, None)


def compare_patrols(
    early: PatrolView,
    late: PatrolView,
    *,
    ground: Ground,
    jurisdiction: Jurisdiction,
    progress: Progress,
    least_m2: float = 1.5,
) -> GroundChanges:
    """Return what changed between two patrols.

    Raises:
        InputRefused: They were flown the other way round, or show no ground in common.
    """
    if early.frames[0].captured_at > late.frames[0].captured_at:
        problem = _("was flown after {other}").format(other=late.name)
        raise InputRefused(early.name, problem, _("Name the earlier patrol first."))
    found = find_changes(early, late, ground=ground, jurisdiction=jurisdiction, progress=progress, least_m2=least_m2)
    if not found.squares:
        problem = _("shows no ground that {other} shows too").format(other=early.name)
        raise InputRefused(late.name, problem, _("Name patrols of one place."))
    return found


def compare_run(
    folder: Path,
    early: PatrolView,
    late: PatrolView,
    *,
    instruments: Instruments,
    jurisdiction: Jurisdiction,
    progress: Progress,
) -> Compared:
    """Compare a run with the case folder of an earlier patrol.

    Args:
        folder: The earlier patrol's case folder.
        early: What it saw.
        late: What the run saw.
        instruments: Of the run.
        jurisdiction: Of the run.
        progress: Told of every square.

    Raises:
        InputRefused: The two cannot be compared.
    """
    found = compare_patrols(early, late, ground=instruments.ground, jurisdiction=jurisdiction, progress=progress)
    return Compared(found=found, before=early, after=late, footage=_footage_of(folder), pictures=Pictures(early, late))


def _footage_of(folder: Path) -> Path:
    """Return where a case folder's footage lay; the folder itself when its report does not say."""
    try:
        return Path(json.loads((folder / REPORT).read_text(encoding="utf-8"))["footage"])
    except (OSError, ValueError, KeyError, TypeError):
        return folder


def write_compared(compared: Compared, out: Path, jurisdiction: Jurisdiction, incidents: Sequence[Incident]) -> None:
    """Write the page, report, shapes and pictures of a comparison into a case folder."""
    write_changes(
        compared.found, out / CHANGES, pictures=compared.pictures, jurisdiction=jurisdiction, incidents=incidents
    )


def attachments_of(
    change: GroundChange, compared: Compared, instruments: Instruments, jurisdiction: Jurisdiction
) -> tuple[Attachment, ...]:
    """Return what is sealed with a lead about a change: what it was compared with, and how.

    Args:
        change: The change.
        compared: The comparison.
        instruments: Hash the earlier original again.
        jurisdiction: For the names of sites and zones.
    """
    before, after = change.frames
    file = _file_of(before, compared.footage, instruments)
    attached = []
    statement: dict[str, Any] = {
        "schema": SCHEMA,
        "before": _told(before),
        "after": _told(after),
        "change": change_as_json(
            change,
            names={site.code: site.name for site in jurisdiction.register.sites},
            zones={zone.zone_id: zone.name for zone in jurisdiction.register.zones},
            incidents=(),
        ),
    }
    if file is not None:
        original, path = file
        statement["before"] |= {"sm3": original.sm3, "size_bytes": original.size_bytes}
        if original.size_bytes <= MOST_BYTES:
            name = f"before-{original.sha256[:12]}{path.suffix.lower()}"
            attached.append(Attachment(name=name, media_type=original.media_type, content=path.read_bytes()))
            statement["before"]["file"] = name
    drawn = draw_change(change, compared.pictures)
    if drawn is not None:
        attached.extend(
            Attachment(name=f"change-{when}.jpg", media_type="image/jpeg", content=content)
            for when, content in (("before", drawn.before), ("after", drawn.after))
        )
    content = json.dumps(statement, ensure_ascii=False, indent=1, sort_keys=True).encode()
    return (Attachment(name="compared.json", media_type="application/json", content=content), *attached)


def _told(frame: FrameRecord) -> Mapping[str, Any]:
    position = frame.pose.position
    return {
        "original": frame.original_name,
        "sha256": frame.original_sha256,
        "frame": frame.index,
        "captured_at": iso_utc(frame.captured_at),
        "camera_lon_lat": None if position is None else [position.lon_deg, position.lat_deg],
    }


def _file_of(frame: FrameRecord, footage: Path, instruments: Instruments) -> tuple[Original, Path] | None:
    """Return the original behind an earlier frame, hashed anew; None when it is gone or no longer what it was."""
    try:
        files: Sequence[FootageFile] = list_inputs(footage)
    except InputRefused:
        return None
    for file in files:
        if file.path.name == frame.original_name and file.kind in {Kind.PHOTO, Kind.VIDEO}:
            original = take_in(file, instruments)
            if isinstance(original, Original) and original.sha256 == frame.original_sha256:
                return original, file.path
    return None
