"""Seals an incident: a BagIt 1.0 package with everything it rests on, signed.

The same incident, originals, copies, context, key and time give the same package byte for byte. It is written aside and
renamed, so it is never half there. Originals are copied bit for bit and hashed on the way: an original that is no
longer what it was when it was ingested stops the sealing.

What is not here: time stamps (asked for afterwards, because an authority may be out of reach), and judging whether the
incident is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final, cast

from core.clock import Clock, iso_utc
from core.errors import IntegrityFailed, StoreFailed
from core.text import _
from evidence.cases.life import SCHEMA as REVIEW_SCHEMA
from evidence.cases.life import Life, state_of
from evidence.custody import CustodyEntry, encode_chain, head_of
from evidence.incident import Incident
from evidence.ingest import Digests
from evidence.original import Original
from evidence.sealing import package as names
from evidence.sealing.bag import DECLARATION, bag_info_text, manifest_name, manifest_text
from evidence.sealing.canonical import encode
from evidence.sealing.chain import begin_chain, close_chain
from evidence.sealing.context import SCHEMA as CONTEXT_SCHEMA
from evidence.sealing.context import Attachment, AttachmentRecord, Context, ContextRecord
from evidence.sealing.derivation import SCHEMA as DERIVATIONS_SCHEMA
from evidence.sealing.derivation import Derived, DerivedRecord, DerivedRecords, without_source
from evidence.sealing.digests import ALGORITHMS, WORKERS, copy_digests, digest_bytes
from evidence.sealing.frame_record import SCHEMA as FRAMES_SCHEMA
from evidence.sealing.frame_record import FrameRecord, FrameRecords
from evidence.sealing.incident_json import encode_incident
from evidence.sealing.package import OriginalRecord, OriginalRecords, Predicate
from evidence.sealing.selection import Carry, Chosen, choose_originals, originals_by_frame
from evidence.sealing.staging import durable_file, staged, sweep, write_durably
from evidence.sealing.statement import encode_statement
from evidence.sealing.viewer import draw_viewer
from evidence.signing.dsse import encode_envelope, sign
from evidence.signing.keys import SigningKey
from evidence.signing.public_key import public_pem
from flight.track import Track

SYNCING: Final = 8  # files that are waited for at once
EXCERPT: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sealing:
    """Everything that goes into one package."""

    incident: Incident
    record: bytes  # the incident's canonical JSON
    chosen: Chosen
    derived: Sequence[Derived]
    frames: Sequence[FrameRecord]
    context: Context
    chain: tuple[CustodyEntry, ...]
    life: Life | None
    documents: Sequence[Attachment]
    track: Track | None
    key: SigningKey
    now: datetime


def package_path(incident: Incident, out: Path) -> Path:
    """Return where :func:`seal` puts an incident's package under ``out``."""
    return out / incident.number


def seal(
    incident: Incident,
    *,
    originals: Sequence[Original],
    derived: Sequence[Derived] = (),
    frames: Sequence[FrameRecord] = (),
    context: Context,
    key: SigningKey,
    clock: Clock,
    out: Path,
    custody: Sequence[CustodyEntry] = (),
    life: Life | None = None,
    documents: Sequence[Attachment] = (),
    track: Track | None = None,
    carry: Carry | None = None,
) -> Path:
    """Seal an incident and return the package's folder, ``out``/``incident.number``.

    Args:
        incident: What to seal.
        originals: Originals of the run; those that no fix rests on are left aside.
        derived: Derived copies; each names one of the originals that the incident rests on, or a copy that does.
        frames: What is known of the frames (poses, video frame numbers); others than the incident's are left aside.
        context: What it was decided under.
        key: Signs.
        clock: Gives the time of sealing.
        out: The folder of packages; made when missing.
        custody: The chain so far (:mod:`evidence.sealing.chain`); when empty, one is begun with the ingestion of each
            original and the opening.
        life: The decisions on the incident; None when it was sealed as a fresh lead.
        documents: Reports and forms to carry, each under ``data/documents/``.
        track: The aircraft's track; the poses around each fix are carried.
        carry: How many originals to carry; by default :class:`~evidence.sealing.selection.Carry`'s limits.

    Raises:
        ValueError: A fix rests on a frame of no given original, the decisions are another incident's or lead to another
            state, a derived copy's source is no original of the incident,
            or two copies have one name.
        IntegrityFailed: An original changed since it was ingested, the custody chain does not hold, or the clock
            stands before what already happened.
        StoreFailed: The package exists already, or the disk refuses.
    """
    destination = package_path(incident, out)
    if destination.exists():
        raise StoreFailed(_("{path}: exists already; a sealed package is never replaced.").format(path=destination))
    _check_life(incident, life)
    behind = originals_by_frame(incident, originals, frames)
    chosen = choose_originals(incident, behind, carry or Carry())
    _check_derived(incident, derived, chosen)
    now = clock.now()
    record = encode_incident(incident)
    begun = custody or begin_chain(incident, (*chosen.carried, *chosen.kept), record)
    sealing = _Sealing(
        incident=incident,
        record=record,
        chosen=chosen,
        derived=derived,
        frames=frames,
        context=context,
        life=life,
        documents=documents,
        track=track,
        chain=close_chain(begun, incident, record, now),
        key=key,
        now=now,
    )
    sweep(out)
    with staged(destination) as folder:
        members = _write_payload(folder, sealing)
        members |= _write_tags(folder, members, sealing)
        _write_signature(folder, members, sealing)
    return destination


def list_originals(
    incident: Incident,
    originals: Sequence[Original],
    frames: Sequence[FrameRecord] = (),
    carry: Carry | None = None,
) -> tuple[OriginalRecord, ...]:
    """Return what a package of ``incident`` will say of its originals, for documents that are to be sealed with it."""
    return _listed(choose_originals(incident, originals_by_frame(incident, originals, frames), carry or Carry()))


def _listed(chosen: Chosen) -> tuple[OriginalRecord, ...]:
    carried = {original.sha256 for original in chosen.carried}
    return tuple(
        OriginalRecord(
            name=original.name,
            size_bytes=original.size_bytes,
            sha256=original.sha256,
            sm3=original.sm3,
            media_type=original.media_type,
            ingested_at=original.ingested_at,
            path=original_member(original) if original.sha256 in carried else None,
        )
        for original in (*chosen.carried, *chosen.kept)
    )


def original_member(original: Original) -> str:
    """Return the path at which a package carries an original; refuses a name that could lead elsewhere."""
    name = original.name
    if not name or name in {".", ".."} or "/" in name or "\\" in name or any(ord(letter) < 32 for letter in name):
        raise ValueError(f"{name!r} is no plain file name")
    # A per cent sign is escaped in manifests (RFC 8493, 2.1.3), which neither bagit.py nor sha256sum undo. The list of
    # originals keeps the name as it came.
    return f"data/originals/{original.sha256[:8]}/{name.replace('%', '_')}"


def _check_life(incident: Incident, life: Life | None) -> None:
    if life is not None and (life.incident_id, state_of(life)) != (incident.incident_id, incident.state):
        raise ValueError(f"the decisions given do not lead to {incident.number} as {incident.state.value}")


def _check_derived(incident: Incident, derived: Sequence[Derived], chosen: Chosen) -> None:
    known = {original.sha256 for original in (*chosen.carried, *chosen.kept)}
    stray = without_source({copy.sha256: copy.derivation for copy in derived}, known)
    for copy in derived:
        if copy.sha256 in stray:
            raise ValueError(f"{copy.name} is derived from a file that {incident.number} does not rest on")
    folded = [copy.name.lower() for copy in derived]
    if len(set(folded)) != len(folded):
        raise ValueError("two derived copies have one name")


def _records(sealing: _Sealing) -> list[tuple[str, bytes]]:
    """Return the JSON members of the payload."""
    seen = {fix.detection.frame_id for fix in sealing.incident.sighting.fixes}
    used = sorted(
        {frame.frame_id: frame for frame in sealing.frames if frame.frame_id in seen}.values(),
        key=lambda frame: (frame.captured_at, frame.frame_id),
    )
    listed = OriginalRecords(originals=_listed(sealing.chosen))
    copies = DerivedRecords(
        derived=tuple(
            DerivedRecord(
                path=f"data/derived/{copy.name}",
                media_type=copy.media_type,
                sha256=copy.sha256,
                derivation=copy.derivation,
            )
            for copy in sealing.derived
        )
    )
    review = [] if sealing.life is None else [(names.REVIEW, encode(REVIEW_SCHEMA, sealing.life))]
    page = draw_viewer(
        sealing.incident,
        originals=listed.originals,
        derived=sealing.derived,
        custody=sealing.chain,
        site_name=sealing.context.site_name,
        sealed_at=sealing.now,
        life=sealing.life,
    )
    flown = [] if sealing.track is None else [(names.TRACK, encode(names.TRACK_SCHEMA, _excerpt(sealing)))]
    return [
        *review,
        *flown,
        (names.VIEWER, page),
        (names.INCIDENT, sealing.record),
        (names.FRAMES, encode(FRAMES_SCHEMA, FrameRecords(frames=tuple(used)))),
        (names.ORIGINALS, encode(names.ORIGINALS_SCHEMA, listed)),
        (names.DERIVATIONS, encode(DERIVATIONS_SCHEMA, copies)),
        (names.CONTEXT, encode(CONTEXT_SCHEMA, _context_record(sealing.context))),
        (names.CUSTODY, encode_chain(sealing.chain)),
    ]


def _excerpt(sealing: _Sealing) -> Track:
    """Return the poses within :data:`EXCERPT` of a fix: how the camera came by, and nothing else."""
    if sealing.track is None:
        raise ValueError("there is no track to take an excerpt of")
    seen_at = [fix.captured_at for fix in sealing.incident.sighting.fixes]
    return Track(
        poses=tuple(
            pose for pose in sealing.track.poses if any(abs(pose.captured_at - at) <= EXCERPT for at in seen_at)
        ),
        source=sealing.track.source,
    )


def _context_record(context: Context) -> ContextRecord:
    return ContextRecord(
        program=context.program,
        register_sha256=context.register_sha256,
        register_name=context.register_name,
        site_name=context.site_name,
        flight=context.flight,
        parameters=context.parameters,
        attachments=tuple(
            AttachmentRecord(
                path=f"data/context/{attachment.name}",
                media_type=attachment.media_type,
                sha256=attachment.sha256,
            )
            for attachment in context.attachments
        ),
    )


def _write_payload(folder: Path, sealing: _Sealing) -> dict[str, Digests]:
    contents = [
        *_records(sealing),
        *((f"data/derived/{copy.name}", copy.content) for copy in sealing.derived),
        *((f"data/context/{attachment.name}", attachment.content) for attachment in sealing.context.attachments),
        *((f"data/documents/{document.name}", document.content) for document in sealing.documents),
    ]
    if len({path.lower() for path, _content in contents}) != len(contents):
        raise ValueError("two members of the package would have one name")
    members = _put_all(folder, dict(contents))
    carried = {original_member(original): original for original in sealing.chosen.carried}
    with ThreadPoolExecutor(max_workers=WORKERS + SYNCING // 4) as pool:  # some wait for the disk while others hash
        copies = pool.map(lambda member: _copy_original(carried[member], folder / member), carried)
        members |= dict(zip(carried, copies, strict=True))
    return members


def _put_all(folder: Path, contents: Mapping[str, bytes]) -> dict[str, Digests]:
    """Write files and wait until all are on the disk; waiting together lets the disk commit them together."""
    with ThreadPoolExecutor(max_workers=SYNCING) as pool:
        list(pool.map(lambda path: write_durably(folder / path, contents[path]), contents))
    return {path: digest_bytes(content) for path, content in contents.items()}


def _copy_original(original: Original, destination: Path) -> Digests:
    """Copy an original, hashing the very bytes that are written, and compare with what was ingested."""
    if not original.path.is_file():
        raise IntegrityFailed(
            _("{name}: the original is gone from where it was ingested; nothing was sealed.").format(name=original.name)
        )
    with original.path.open("rb", buffering=0) as source, durable_file(destination) as copy:
        found = copy_digests(cast("BinaryIO", source), sink=copy.write)
    if found != Digests(size_bytes=original.size_bytes, sha256=original.sha256, sm3=original.sm3):
        raise IntegrityFailed(
            _("{name}: changed since it was ingested (SHA-256 was {was}, is {now}); nothing was sealed.").format(
                name=original.name, was=original.sha256, now=found.sha256
            )
        )
    return found


def _write_tags(folder: Path, members: Mapping[str, Digests], sealing: _Sealing) -> dict[str, Digests]:
    incident = sealing.incident
    octets = sum(digests.size_bytes for digests in members.values())
    info = bag_info_text(
        {
            "External-Identifier": incident.number,
            "External-Description": f"{incident.hazard.code} {incident.hazard.name_zh} {incident.hazard.name_en}",
            "Internal-Sender-Identifier": incident.incident_id,
            "Bagging-Date": iso_utc(sealing.now)[:10],
            "Payload-Oxum": f"{octets}.{len(members)}",
            "Bag-Software-Agent": sealing.context.program,
        }
    )
    tags = {names.DECLARATION: DECLARATION, names.BAG_INFO: info}
    for algorithm in ALGORITHMS:
        digests = {path: str(getattr(digest, algorithm)) for path, digest in members.items()}
        tags[manifest_name(algorithm)] = manifest_text(digests)
    return _put_all(folder, tags)


def _predicate(sealing: _Sealing) -> Predicate:
    return Predicate(
        program=sealing.context.program,
        incident_id=sealing.incident.incident_id,
        number=sealing.incident.number,
        state=sealing.incident.state.value,
        sealed_at=sealing.now,
        key_id=sealing.key.key_id,
        key_label=sealing.key.label,
        key_ephemeral=sealing.key.ephemeral,
        custody_entries=len(sealing.chain),
        custody_head=head_of(sealing.chain),
        originals_carried=len(sealing.chosen.carried),
        originals_kept=len(sealing.chosen.kept),
    )


def _write_signature(folder: Path, members: Mapping[str, Digests], sealing: _Sealing) -> None:
    statement = encode_statement(_predicate(sealing), members)
    signature = {
        names.STATEMENT: statement,
        names.ENVELOPE: encode_envelope(sign(statement, sealing.key)),
        names.PUBLIC_KEY: public_pem(sealing.key.public),
    }
    tags = {path: digests for path, digests in members.items() if path in names.SIGNED_TAGS}
    tags |= _put_all(folder, signature)
    manifests = {}
    for algorithm in ALGORITHMS:
        digests = {path: str(getattr(digest, algorithm)) for path, digest in tags.items()}
        manifests[manifest_name(algorithm, tags=True)] = manifest_text(digests)
    _put_all(folder, manifests)
