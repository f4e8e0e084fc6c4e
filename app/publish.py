"""Writes what a run came to: sealed packages, the map, the GeoPackage and the GeoJSON."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from app.conclude import Conclusion
from app.instruments import Jurisdiction, Signing
from app.journal import FrameFindings, InputFindings
from app.views import read_view
from core.clock import Clock
from core.errors import StoreFailed
from core.points import GeoPoint, LocalPlane, from_plane
from core.refusal import Refusal
from detection.coverage_map import SeenPart
from detection.frame import Frame
from detection.ground_scale import height_above_ground_m
from evidence.cases.case_store import NOTED, CaseStore, custody_of
from evidence.cases.life import Life, state_of
from evidence.custody import Action, CustodyEntry
from evidence.incident import Incident
from evidence.original import Original
from evidence.papers.documents import CaseFile, Paper, write_document
from evidence.seal import list_originals, package_path, seal
from evidence.sealing.chain import PROGRAM_ACTOR, custody_with_ingestion
from evidence.sealing.clip import review_clip
from evidence.sealing.context import Attachment, Context, FlightApproval
from evidence.sealing.derivation import Derived
from evidence.sealing.derive import annotate_frame, crop_frame
from evidence.sealing.frame_record import FrameRecord
from evidence.sealing.incident_json import encode_incident
from evidence.sealing.package import INCIDENT, STATEMENT, OriginalRecord
from flight.patrol import NoFlyZone, Patrol
from flight.planning.footprint import footprint
from flight.track import Track, orientation_of
from geofence.attribution import Undecided
from geofence.fix import Fix
from geofence.site import Register
from maps.mosaic import lay_mosaic
from maps.picture import thumbnail_of
from maps.scene import Footprint, Mosaic, Scene, Trace

FOOTPRINT_REACH_M: Final = 1_500.0

OpenFrame = Callable[[str], Frame | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """Where an incident was sealed, and its thumbnail for the map."""

    package: Path
    thumbnail: bytes


def seal_incident(
    incident: Incident,
    *,
    frames: Mapping[str, FrameRecord],
    originals: Sequence[Original],
    context: Context,
    signing: Signing,
    open_frame: OpenFrame,
    clock: Clock,
    packages: Path,
    store: CaseStore | None = None,
    track: Track | None = None,
) -> Sealed:
    """Seal an incident, unless a package of exactly this incident exists; an older one is kept and a revision added.

    Args:
        incident: What to seal.
        frames: What is known of each frame, by frame id.
        originals: Every original of the run.
        context: What it was decided under.
        signing: Who seals.
        open_frame: Opens a frame's pixels again, by its id; None when they cannot be read any more.
        clock: The station's clock.
        packages: The folder of packages.
        track: Where the camera was during the run; the part around each fix is sealed.
        store: Keeps the case; it is opened there, and its custody and decisions are sealed with it.

    Raises:
        IntegrityFailed: The store's clock or chain does not hold.
    """
    life, entries = _kept(incident, store)
    incident = incident if life is None else replace(incident, state=state_of(life))
    for folder in revisions(packages):
        existing = package_path(incident, folder)
        if not existing.exists():
            break
        if (existing / INCIDENT).read_bytes() == encode_incident(incident):
            if store is not None:
                note_sealed(store, incident, existing)
            return Sealed(package=existing, thumbnail=_thumbnail(_sealed_picture(existing)))
    copies = (*_derived_copies(incident, open_frame), *_clips(incident, frames, originals))
    seen_in = {fix.detection.frame_id for fix in incident.sighting.fixes}
    records = [frames[frame_id] for frame_id in sorted(seen_in)]
    report = _report_of(
        incident,
        listed=list_originals(incident, originals, records),
        copies=copies,
        context=context,
        at=clock.now(),
        life=life,
    )
    package = seal(
        incident,
        originals=originals,
        derived=copies,
        frames=records,
        context=context,
        key=signing.key,
        clock=clock,
        out=folder,
        custody=custody_with_ingestion(incident, originals, records, entries) if entries else (),
        life=life,
        track=track,
        documents=(report,),
    )
    if store is not None:
        note_sealed(store, incident, package)
    return Sealed(package=package, thumbnail=_thumbnail(_sealed_picture(package)))


def _report_of(
    incident: Incident,
    *,
    listed: tuple[OriginalRecord, ...],
    copies: Sequence[Derived],
    context: Context,
    at: datetime,
    life: Life | None,
) -> Attachment:
    """Return the evidence report that is sealed with a case."""
    case = CaseFile(
        incident=incident,
        originals=listed,
        derived=tuple(copies),
        site_name=context.site_name,
        program=context.program,
        at=at,
        life=life,
    )
    return Attachment(
        name=f"{Paper.EVIDENCE_REPORT.value}.pdf",
        media_type="application/pdf",
        content=write_document(Paper.EVIDENCE_REPORT, case),
    )


def _kept(incident: Incident, store: CaseStore | None) -> tuple[Life | None, tuple[CustodyEntry, ...]]:
    """Open the case in its store, unless it is there; return its decisions (None for none) and its custody."""
    if store is None:
        return None, ()
    store.open_case(incident, actor=PROGRAM_ACTOR)
    entries = custody_of(store.audit(incident.number), incident.number)
    if all(entry.action in {Action.OPENED, Action.VIEWED} or entry.action in NOTED for entry in entries):
        return None, entries
    kept = store.whole_case(incident.incident_id, actor=PROGRAM_ACTOR)
    if isinstance(kept, Refusal):
        raise StoreFailed(str(kept))
    return kept.life, custody_of(store.audit(incident.number), incident.number)


def note_sealed(store: CaseStore, incident: Incident, package: Path) -> None:
    """Note in the case's store, once, that it was sealed, by the digest of the package's signed statement."""
    statement = hashlib.sha256((package / STATEMENT).read_bytes()).hexdigest()
    noted = store.audit(incident.number)
    if any(entry.action is Action.SEALED and entry.subject_sha256 == statement for entry in noted):
        return
    store.note(
        incident.incident_id,
        Action.SEALED,
        actor=PROGRAM_ACTOR,
        subject_sha256=statement,
        facts={"package": f"{package.parent.name}/{package.name}"},
    )


def _sealed_picture(package: Path) -> bytes:
    """Return the picture of a sealed package that its thumbnail is made from: the crop, or else another copy."""
    pictures = sorted((package / "data/derived").glob("*.jpg"), key=lambda path: ("-crop-" not in path.name, path.name))
    return pictures[0].read_bytes() if pictures else b""


def revisions(packages: Path) -> Sequence[Path]:
    """Return the folders that may hold a case's packages, the oldest first; the last one is new."""
    existing = sum(1 for path in packages.glob("revision-*") if path.is_dir())
    return [packages, *(packages / f"revision-{number}" for number in range(2, existing + 3))]


def fixes_to_mark(incident: Incident) -> tuple[Fix, ...]:
    """Return the fixes whose frames are copied with marks: the best look first, then the last one."""
    fixes = incident.sighting.fixes
    best = max(fixes, key=lambda fix: (fix.detection.score, fix.detection.detection_id))
    return (best,) if fixes[-1] is best else (best, fixes[-1])


def _derived_copies(incident: Incident, open_frame: OpenFrame) -> tuple[Derived, ...]:
    """Return the annotated frames and the crop of the best look."""
    best, *_others = marked = fixes_to_mark(incident)
    caption = f"{incident.number} {incident.hazard.name_zh}"
    copies: list[Derived] = []
    for fix in marked:
        frame = open_frame(fix.detection.frame_id)
        if frame is None:
            continue
        if fix is best:
            copies.append(crop_frame(frame, fix.detection, margin=2.0, min_side_px=320))
        copies.append(annotate_frame(frame, [fix.detection], caption=caption))
    return tuple(copies)


def _clips(incident: Incident, frames: Mapping[str, FrameRecord], originals: Sequence[Original]) -> tuple[Derived, ...]:
    """Return a clip of what the video shows around the best look, where that is in a video."""
    record = frames[fixes_to_mark(incident)[0].detection.frame_id]
    original = next((given for given in originals if given.sha256 == record.original_sha256), None)
    if original is None or not original.media_type.startswith("video/"):
        return ()
    clip = review_clip(original, record.index)
    return () if isinstance(clip, Refusal) else (clip,)


def track_of(findings: Sequence[InputFindings]) -> Track | None:
    """Return where the camera was, by every frame that was looked at; None when no frame says."""
    poses = {
        frame.frame.captured_at: replace(frame.frame.pose, captured_at=frame.frame.captured_at)
        for given in findings
        for frame in given.frames
    }
    if not poses:
        return None
    return Track(poses=tuple(poses[at] for at in sorted(poses)), source="frames")


def _thumbnail(content: bytes) -> bytes:
    """Return a picture as a small JPEG; empty when there is none."""
    return thumbnail_of(content) if content else b""


def context_of(
    incident: Incident,
    jurisdiction: Jurisdiction,
    *,
    program: str,
    parameters: Mapping[str, str],
    model_cards: Mapping[str, bytes],
    picture: str,
    flight: FlightApproval | None = None,
) -> Context:
    """Return what an incident was decided under: rules, its weights' cards and the attribution's picture attached."""
    code = None if isinstance(incident.attribution, Undecided) else incident.attribution.site_code
    names = {site.code: site.name for site in jurisdiction.register.sites}
    return Context(
        program=program,
        register_sha256=jurisdiction.register.sha256,
        register_name=jurisdiction.register_file.name,
        site_name=names.get(code or "", ""),
        flight=flight,
        parameters=tuple(sorted(parameters.items())),
        attachments=(
            Attachment(name="rules.yaml", media_type="application/yaml", content=jurisdiction.rules_content),
            *_cards_of(incident, model_cards),
            Attachment(name="attribution.svg", media_type="image/svg+xml", content=picture.encode()),
        ),
    )


def _cards_of(incident: Incident, model_cards: Mapping[str, bytes]) -> Iterator[Attachment]:
    weights = sorted({fix.detection.weight_sha256 for fix in incident.sighting.fixes})
    for digest in weights:
        name = "model-card.md" if len(weights) == 1 else f"model-card-{digest[:12]}.md"
        yield Attachment(name=name, media_type="text/markdown", content=model_cards[digest])


def register_of(conclusion: Conclusion, jurisdiction: Jurisdiction) -> Register:
    """Return the sites and zones that a run's incidents speak of, for the archive of fences as they were."""
    shares = [incident.attribution for incident in conclusion.incidents]
    sites = {share.key for attribution in shares for share in attribution.sites}
    zones = {share.key for attribution in shares for share in attribution.zones}
    footings = [attribution.footing for attribution in shares if attribution.footing is not None]
    sites |= {part.key for footing in footings for part in footing.on_sites}
    zones |= {part.key for footing in footings for part in footing.on_zones}
    zones |= {incident.hazard.zone_id or "" for incident in conclusion.incidents}
    register = jurisdiction.register
    return Register(
        sites=tuple(site for site in register.sites if site.code in sites),
        zones=tuple(zone for zone in register.zones if zone.zone_id in zones),
        sha256=register.sha256,
    )


def scene_of(
    conclusion: Conclusion,
    findings: Sequence[InputFindings],
    jurisdiction: Jurisdiction,
    *,
    coverage: Sequence[SeenPart],
    title: str,
    thumbnails: Mapping[str, bytes],
    no_fly_zones: Sequence[NoFlyZone],
    plans: Sequence[Patrol],
    views: Path,
    drawn_at: datetime,
    histories: Mapping[str, str],
) -> Scene:
    """Return the scene that the run's map shows."""
    frames = [frame for given in findings for frame in given.frames]
    involved = {incident.sighting.sighting_id for incident in conclusion.incidents}
    # A thermal picture's false colours are no picture of the place, and not what the weights looked at.
    daylight = [frame.frame for frame in frames if not frame.thermal]
    drawn = [view for frame in daylight if (view := read_view(views, frame)) is not None]
    return Scene(
        title=title,
        drawn_at=drawn_at,
        register=jurisdiction.register,
        incidents=conclusion.incidents,
        thumbnails=thumbnails,
        others=tuple(sighting for sighting in conclusion.sightings if sighting.sighting_id not in involved),
        traces=_traces(frames, title, lay_mosaic(drawn), coverage),
        no_fly_zones=tuple(no_fly_zones),
        plans=tuple(plans),
        histories=histories,
        explanations={
            incident.incident_id: conclusion.pictures[incident.sighting.sighting_id]
            for incident in conclusion.incidents
        },
    )


def _traces(
    frames: Sequence[FrameFindings], title: str, mosaic: Mosaic | None, coverage: Sequence[SeenPart]
) -> tuple[Trace, ...]:
    """Return what the run's patrol left on the map; nothing where no frame was seen."""
    if not frames:
        return ()
    instants = [frame.frame.captured_at for frame in frames]
    return (
        Trace(
            name=title,
            started_at=min(instants),
            ended_at=max(instants),
            ways=_ways(frames),
            footprints=tuple(seen for frame in frames if (seen := _footprint(frame)) is not None),
            coverage=tuple(coverage),
            mosaic=mosaic,
        ),
    )


def _footprint(frame: FrameFindings) -> Footprint | None:
    """Return the ground that a frame saw (level ground at take-off height), or None when it saw the horizon."""
    from shapely import Polygon

    record = frame.frame
    orientation, height_m = orientation_of(record.pose), height_above_ground_m(record.pose)
    if record.camera is None or record.pose.position is None or orientation is None or height_m is None:
        return None
    outline = footprint(record.camera, orientation, height_m)
    if outline is None or abs(outline).max() > FOOTPRINT_REACH_M:
        return None
    return Footprint(
        name=record.original_name if record.index == 0 else f"{record.original_name} #{record.index}",
        shape=Polygon(from_plane(LocalPlane(origin=record.pose.position), outline)),
        camera=record.pose.position,
        detections=len(frame.fixes) + len(frame.unlocated),
        thermal=frame.thermal,
    )


def _ways(frames: Sequence[FrameFindings]) -> tuple[tuple[GeoPoint, ...], ...]:
    """Return the way flown through the frames' positions, cut where ten minutes passed between two frames."""
    located = sorted(
        ((frame.frame.captured_at, frame.frame.pose.position) for frame in frames if frame.frame.pose.position),
        key=lambda timed: timed[0],
    )
    ways: list[list[GeoPoint]] = []
    last = None
    for at, position in located:
        if last is None or (at - last).total_seconds() > 600:
            ways.append([])
        ways[-1].append(position)
        last = at
    return tuple(tuple(way) for way in ways)
