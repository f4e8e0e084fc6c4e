"""The ledger of patrols: what each run looked at and found, so that hazards live over patrols.

One file a patrol, in a folder that all runs of a bureau share. What stands is never stored but worked out anew from all
patrols in order of time: a run that is repeated replaces its own file, one that is processed late takes its place, and
the outcome is the same in whatever order patrols were processed::

    PATROL-ID.json     a patrol: its incidents, and the ground it looked at
    PATROL-ID.frames   its frames' poses, read only for pictures
    deadlines.json     by when a hazard must be put right, as set by a person
    standings.json     what stands, for reading; written anew by every run
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

import shapely
from filelock import FileLock, Timeout
from shapely import Polygon

from app.looked_at import Grade, gsd_of
from core.clock import from_iso, in_utc, iso_utc
from core.errors import StoreFailed
from core.ids import derived_id
from core.text import _
from core.whole_file import write_bytes, write_text
from evidence.incident import Incident
from evidence.sealing.canonical import (
    SHAPE_ERRORS,
    Json,
    canonical_bytes,
    decode,
    encode,
    instant_from,
    instant_text,
    read_canonical,
)
from evidence.sealing.frame_record import SCHEMA as FRAMES_SCHEMA
from evidence.sealing.frame_record import FrameRecord, FrameRecords
from evidence.sealing.incident_json import incident_from_json, incident_to_json
from geofence.attribution import Undecided
from geofence.persistence.carry_over import carry_over
from geofence.persistence.standing import Found, Look, Standing

SCHEMA: Final = "skywarden/patrol-record/1"
DEADLINES: Final = "deadlines.json"
STANDINGS: Final = "standings.json"
_FRAMES: Final = ".frames"
_PATIENCE_S: Final = 60.0
_NO_PATROLS: Final = frozenset({DEADLINES, STANDINGS})


@dataclass(frozen=True, slots=True, kw_only=True)
class PatrolRecord:
    """What one run looked at and found.

    Attributes:
        patrol_id: Derived from the digests of its originals.
        title: The run's title.
        case_folder: Where its map and packages lie.
        footage: Where its originals lie.
        started_at, ended_at: Of its first and last frame, aware UTC.
        frames: Every frame's pose; empty where it was read without them.
        incidents: Every incident.
        gsd_m: Ground that a pixel saw where each incident was seen best, metres, by incident id.
        grades: The ground it looked at in daylight, by how finely; see :func:`app.looked_at.ground_looked_at`.
        heat: The ground that its thermal frames looked at, likewise.
        sought: The labels that its weights for light find; None where it was kept before that was noted.
        sought_in_heat: Label that its weights for heat find → the largest GSD at which they look for it, metres.
    """

    patrol_id: str
    title: str
    case_folder: str
    footage: str
    started_at: datetime
    ended_at: datetime
    frames: tuple[FrameRecord, ...]
    incidents: tuple[Incident, ...]
    gsd_m: Mapping[str, float]
    grades: tuple[Grade, ...]
    heat: tuple[Grade, ...] = ()
    sought: tuple[str, ...] | None = None
    sought_in_heat: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("started_at", "ended_at"):
            object.__setattr__(self, name, in_utc(getattr(self, name)))

    @property
    def look(self) -> Look:
        """What it looked at, as the standings need it."""
        covered = self.grades[-1][1] if self.grades else Polygon()
        return Look(
            patrol_id=self.patrol_id,
            ended_at=self.ended_at,
            covered=covered,
            grades=self.grades,
            heat=self.heat,
            sought=None if self.sought is None else frozenset(self.sought),
            sought_in_heat=self.sought_in_heat,
        )

    @property
    def found(self) -> tuple[Found, ...]:
        """What it found, as the standings need it."""
        return tuple(
            Found(
                hazard=incident.hazard,
                sighting=incident.sighting,
                site_code=None if isinstance(incident.attribution, Undecided) else incident.attribution.site_code,
                gsd_m=self.gsd_m.get(incident.incident_id),
            )
            for incident in self.incidents
        )


def finest_gsd_m(incidents: Iterable[Incident], frames: Iterable[FrameRecord]) -> dict[str, float]:
    """Return the ground that a pixel saw where each incident was seen best, metres, by incident id.

    Args:
        incidents: The incidents; those seen by no known camera are left out.
        frames: The frames that they were seen in.
    """
    known = {frame.frame_id: frame for frame in frames}
    finest = {}
    for incident in incidents:
        seen = (gsd_of(known.get(fix.detection.frame_id), fix.slant_m) for fix in incident.sighting.fixes)
        least = min((gsd for gsd in seen if gsd is not None), default=None)
        if least is not None:
            finest[incident.incident_id] = least
    return finest


def patrol_id_of(originals: Iterable[str]) -> str:
    """Return the id of the patrol that left originals with these digests, hex, in any order."""
    return derived_id("patrol", hashlib.sha256("".join(sorted(originals)).encode()).hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """All patrols, and what stands after them.

    Attributes:
        patrols: In order of time.
        standings: In the order in which they were opened.
    """

    patrols: tuple[PatrolRecord, ...]
    standings: tuple[Standing, ...]


def read_ledger(folder: Path, *, with_frames: bool = False) -> Ledger:
    """Return a ledger; an empty one when the folder does not exist.

    Args:
        folder: The ledger.
        with_frames: Whether the frames' poses are wanted too.

    Raises:
        InputRefused: A record is not as it was written.
        StoreFailed: A record or the deadlines are not as they were written.
    """
    patrols = read_patrols(folder, with_frames=with_frames)
    return Ledger(patrols=patrols, standings=standings_after(patrols, read_deadlines(folder)))


def keep_patrol(record: PatrolRecord, folder: Path) -> Ledger:
    """Write a patrol into a ledger and return the ledger after it.

    An earlier record of the same case folder is replaced: it was of the same flight, with less footage.

    Raises:
        InputRefused: Another record is not as it was written.
        StoreFailed: The ledger cannot be read or written, or another run keeps it for more than a minute.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock").acquire(timeout=_PATIENCE_S):
            for other in read_patrols(folder):
                if other.case_folder == record.case_folder and other.patrol_id != record.patrol_id:
                    (folder / f"{other.patrol_id}.json").unlink()
                    (folder / f"{other.patrol_id}{_FRAMES}").unlink(missing_ok=True)
            write_bytes(
                folder / f"{record.patrol_id}{_FRAMES}", encode(FRAMES_SCHEMA, FrameRecords(frames=record.frames))
            )
            write_bytes(folder / f"{record.patrol_id}.json", canonical_bytes(_as_json(record)))
            ledger = read_ledger(folder)
            write_text(folder / STANDINGS, _standings_text(ledger))
    except (OSError, Timeout) as problem:
        raise StoreFailed(
            _("{folder}: the ledger of patrols cannot be written: {reason}").format(folder=folder, reason=problem)
        ) from problem
    return ledger


def read_patrols(ledger: Path, *, with_frames: bool = False) -> tuple[PatrolRecord, ...]:
    """Return the patrols of a ledger in order of time; none when the folder does not exist.

    Args:
        ledger: The ledger.
        with_frames: Whether the frames' poses are wanted too.

    Raises:
        InputRefused: A record is not canonical JSON.
        StoreFailed: A record is not as it was written.
    """
    paths = (path for path in ledger.glob("*.json") if path.name not in _NO_PATROLS and not path.name.startswith("."))
    records = [_from_json(read_canonical(path.read_bytes(), path), path) for path in paths]
    if with_frames:
        records = [replace(record, frames=_frames(ledger / f"{record.patrol_id}{_FRAMES}")) for record in records]
    return tuple(sorted(records, key=lambda record: (record.ended_at, record.patrol_id)))


def _frames(path: Path) -> tuple[FrameRecord, ...]:
    return decode(FRAMES_SCHEMA, FrameRecords, path.read_bytes(), path).frames if path.is_file() else ()


def standings_after(patrols: Sequence[PatrolRecord], deadlines: Mapping[str, datetime]) -> tuple[Standing, ...]:
    """Return what stands after patrols, each hazard with its deadline.

    Args:
        patrols: In order of time.
        deadlines: By the number of any incident that belongs to the hazard.
    """
    standings: tuple[Standing, ...] = ()
    for patrol in patrols:
        standings = carry_over(standings, patrol.look, patrol.found)
    numbers = numbers_of(patrols)
    return tuple(replace(standing, deadline=_deadline(standing, numbers, deadlines)) for standing in standings)


def numbers_of(patrols: Iterable[PatrolRecord]) -> dict[tuple[str, str], str]:
    """Return the incidents' numbers by hazard code and sighting."""
    return {
        (incident.hazard.code, incident.sighting.sighting_id): incident.number
        for patrol in patrols
        for incident in patrol.incidents
    }


def incident_numbers(standing: Standing, numbers: Mapping[tuple[str, str], str]) -> tuple[str, ...]:
    """Return the numbers of the incidents that are one standing hazard, in order of time."""
    found = (numbers.get((standing.code, entry.sighting_id)) for entry in standing.entries)
    return tuple(dict.fromkeys(number for number in found if number))


def _deadline(
    standing: Standing, numbers: Mapping[tuple[str, str], str], deadlines: Mapping[str, datetime]
) -> datetime | None:
    set_ones = [deadlines[number] for number in incident_numbers(standing, numbers) if number in deadlines]
    return set_ones[-1] if set_ones else None


def read_deadlines(ledger: Path) -> dict[str, datetime]:
    """Return the deadlines of a ledger by incident number.

    Raises:
        StoreFailed: They are not as they were written.
    """
    path = ledger / DEADLINES
    if not path.is_file():
        return {}
    try:
        return {str(number): from_iso(at) for number, at in json.loads(path.read_text(encoding="utf-8")).items()}
    except (ValueError, AttributeError, TypeError) as unfit:
        raise StoreFailed(_("{path}: is not as it was written: {reason}").format(path=path, reason=unfit)) from unfit


def set_deadline(ledger: Path, number: str, by: datetime) -> None:
    """Note by when a hazard must be put right; a later note replaces an earlier one.

    Args:
        ledger: The ledger.
        number: An incident's number.
        by: The deadline, aware.
    """
    known = read_deadlines(ledger) | {number: by}
    text = {name: iso_utc(at) for name, at in sorted(known.items())}
    write_text(ledger / DEADLINES, json.dumps(text, ensure_ascii=False, indent=1) + "\n")


def _standings_text(ledger: Ledger) -> str:
    numbers = numbers_of(ledger.patrols)
    standings = [standing_as_json(one, numbers) for one in ledger.standings]
    document = {"schema": "skywarden/standings/1", "standings": standings}
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def standing_as_json(standing: Standing, numbers: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """Return a standing hazard as a JSON-able dict, for people and other programs."""
    return {
        "standing_id": standing.standing_id,
        "incidents": list(incident_numbers(standing, numbers)),
        "hazard": standing.code,
        "label": standing.label,
        "site_code": standing.site_code,
        "zone_id": standing.zone_id,
        "lon_deg": standing.point.lon_deg,
        "lat_deg": standing.point.lat_deg,
        "severity": standing.severity,
        "is_there": standing.is_there,
        "deadline": iso_utc(standing.deadline) if standing.deadline else None,
        "entries": [
            {
                "event": entry.event.value,
                "patrol_id": entry.patrol_id,
                "at": iso_utc(entry.at),
                "incident": numbers.get((standing.code, entry.sighting_id), ""),
            }
            for entry in standing.entries
        ],
    }


def _as_json(record: PatrolRecord) -> dict[str, Json]:
    return {
        "schema": SCHEMA,
        "patrol_id": record.patrol_id,
        "title": record.title,
        "case_folder": record.case_folder,
        "footage": record.footage,
        "started_at": instant_text(record.started_at),
        "ended_at": instant_text(record.ended_at),
        "incidents": cast("Json", [incident_to_json(incident) for incident in record.incidents]),
        "gsd_m": dict(record.gsd_m),
        "grades": _grades_as_json(record.grades),
        "heat": _grades_as_json(record.heat),
        "sought": None if record.sought is None else list(record.sought),
        "sought_in_heat": dict(record.sought_in_heat),
    }


def _grades_as_json(grades: Iterable[Grade]) -> Json:
    return [[gsd, shapely.to_wkb(shape, hex=True)] for gsd, shape in grades]


def _grades_from_json(fields: Any) -> tuple[Grade, ...]:  # noqa: ANN401 - JSON is anything until it is read
    return tuple((float(gsd), shapely.from_wkb(shape)) for gsd, shape in fields)


def _from_json(document: Json, path: Path) -> PatrolRecord:
    try:
        fields = cast("dict[str, Any]", document)
        if fields["schema"] != SCHEMA:
            raise ValueError(f"schema {fields['schema']}")
        return PatrolRecord(
            patrol_id=fields["patrol_id"],
            title=fields["title"],
            case_folder=fields["case_folder"],
            footage=fields["footage"],
            started_at=instant_from(fields["started_at"]),
            ended_at=instant_from(fields["ended_at"]),
            frames=(),
            incidents=tuple(incident_from_json(entry, path) for entry in fields["incidents"]),
            gsd_m={str(key): float(gsd) for key, gsd in fields["gsd_m"].items()},
            grades=_grades_from_json(fields["grades"]),
            heat=_grades_from_json(fields.get("heat", ())),
            sought=None if fields.get("sought") is None else tuple(map(str, fields["sought"])),
            sought_in_heat={str(label): float(gsd) for label, gsd in fields.get("sought_in_heat", {}).items()},
        )
    except (*SHAPE_ERRORS, shapely.errors.ShapelyError) as unfit:
        raise StoreFailed(
            _("{path}: is no record of a patrol: {reason}. Remove it, and process its footage again.").format(
                path=path, reason=unfit
            )
        ) from unfit
