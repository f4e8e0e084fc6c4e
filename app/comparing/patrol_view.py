"""What one patrol brought to compare: its frames with their poses, what was found in them, and their pictures.

A case folder that ``process`` wrote has all of it, as long as its folder ``work`` is there; a folder of footage is
examined first, and its pictures are kept beside the comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.case_folder import REPORT, views_of, work_of
from app.examine import examine, take_in
from app.inputs import Kind, list_inputs
from app.instruments import Instruments, Progress
from app.journal import SCHEMA, InputFindings, journal_folder, recall, remember
from app.views import read_view
from core.errors import InputRefused
from core.points import GeoPoint
from core.refusal import Refusal
from core.text import _
from detection.frame_on_ground import View
from evidence.sealing.canonical import decode
from evidence.sealing.frame_record import FrameRecord
from flight.cameras.catalogue import is_thermal
from geofence.fix import Fix


@dataclass(frozen=True, slots=True, kw_only=True)
class PatrolView:
    """What one patrol saw.

    Attributes:
        name: For people: its folder.
        frames: Its daylight frames with full poses, in order of time.
        fixes: Everything that was found in them and put on the ground.
        view_of: Gives a frame's picture, or None when it is no longer there.
        refusals: What of it could not be used.
    """

    name: str
    frames: tuple[FrameRecord, ...]
    fixes: tuple[Fix, ...]
    view_of: Callable[[FrameRecord], View | None] = field(repr=False)
    refusals: tuple[Refusal, ...] = ()


def is_case_folder(folder: Path) -> bool:
    """Return whether a folder is one that ``process`` wrote."""
    return (folder / REPORT).is_file() or work_of(folder).is_dir()


def open_case_folder(folder: Path) -> PatrolView:
    """Return what the patrol of a case folder saw.

    Raises:
        InputRefused: Its folder ``work`` is gone, or holds nothing that can be compared.
    """
    views = views_of(folder)
    settings = sorted(
        (path for path in work_of(folder).glob("*") if any(path.glob("*.json"))), key=lambda path: path.stat().st_mtime
    )
    if not settings or not views.is_dir():
        raise InputRefused(
            folder,
            _("no longer has its folder “work”, where the pictures and poses of its frames are kept"),
            _("Name the folder of its footage instead."),
        )
    entries = sorted(settings[-1].glob("*.json"))
    findings = [decode(SCHEMA, InputFindings, entry.read_bytes(), entry) for entry in entries]
    return seen_in(folder, findings, views)


def examine_footage(folder: Path, instruments: Instruments, *, work: Path, progress: Progress) -> PatrolView:
    """Return what a folder of footage shows, examining what an earlier try did not finish.

    Args:
        folder: The footage.
        instruments: What it is examined with.
        work: Where pictures and findings are kept.
        progress: Told of every file.

    Raises:
        InputRefused: It holds no footage, or nothing that can be compared.
    """
    files = [file for file in list_inputs(folder) if file.kind in {Kind.PHOTO, Kind.VIDEO}]
    journal = journal_folder(
        work, {"weight_sha256": instruments.detector.weight_sha256, "footage": str(folder.resolve())}
    )
    findings, refused = [], []
    progress.start(_("examining {folder}").format(folder=folder.name), len(files))
    for file in files:
        original = take_in(file, instruments)
        if isinstance(original, Refusal):
            refused.append(original)
        else:
            found = recall(journal, original.sha256)
            if found is None:
                found = examine(file, original, instruments, views=work / "views")
                remember(journal, found)
            findings.append(found)
        progress.step()
    return seen_in(folder, findings, work / "views", refused=refused)


def seen_in(
    folder: Path, findings: Sequence[InputFindings], views: Path, *, refused: Sequence[Refusal] = ()
) -> PatrolView:
    """Return what findings show of a patrol.

    Args:
        folder: The patrol's folder, for its name.
        findings: Of its originals.
        views: Where the pictures of its frames are kept.
        refused: What could not be examined.

    Raises:
        InputRefused: They hold nothing that can be compared.
    """
    frames = [
        given.frame for found in findings for given in found.frames if not given.thermal and _is_daylight(given.frame)
    ]
    located = [frame for frame in frames if isinstance(frame.pose.position, GeoPoint)]
    if not located:
        raise InputRefused(
            folder,
            _("holds no daylight frame whose place is known, so there is nothing to compare"),
            _("Name a case folder, or footage as the aircraft wrote it."),
        )
    return PatrolView(
        name=folder.resolve().name,
        frames=tuple(sorted(located, key=lambda frame: (frame.captured_at, frame.frame_id))),
        fixes=tuple(fix for found in findings for given in found.frames for fix in given.fixes),
        view_of=lambda frame: read_view(views, frame),
        refusals=(*refused, *(refusal for found in findings for refusal in found.refusals)),
    )


def _is_daylight(frame: FrameRecord) -> bool:
    return frame.camera is None or not is_thermal(frame.camera.model, frame.width_px, frame.height_px)
