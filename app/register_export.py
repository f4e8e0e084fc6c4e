"""Writes the register of incidents, as the store keeps them now, to a file for other programs; each copy is noted."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Final

from core.errors import StoreFailed
from core.refusal import Refusal
from core.text import _
from core.whole_file import write_bytes
from evidence.cases.case_store import CaseStore, actor_of, incident_digest
from evidence.cases.life import Person
from evidence.cases.register import register_csv
from evidence.custody import Action
from evidence.incident import State
from geofence.site import Register
from maps.features import incident_feature
from maps.geo_files import write_points

FORMATS: Final = (".csv", ".gpkg")
LAYER: Final = "incidents"
_NOBODY: Final = Register(sites=(), zones=(), sha256=sha256(b"").hexdigest())


def export_register(store: CaseStore, out: Path, *, state: State | None, by: Person) -> int:
    """Write the incidents of a store to ``out`` and return how many there are.

    Args:
        store: Keeps the cases; every case that is written gets an audit entry that says so.
        out: A ``.csv`` or ``.gpkg`` file.
        state: Only the cases in this state; None for all.
        by: Who takes the copy.

    Raises:
        StoreFailed: A case is gone meanwhile, or the disk refuses.
    """
    incidents = []
    for line in store.list_cases(state=state):
        case = store.whole_case(line.incident_id, actor=actor_of([by]))
        if isinstance(case, Refusal):
            raise StoreFailed(str(case))
        incidents.append(case.incident)
    try:
        if out.suffix.lower() == ".csv":
            write_bytes(out, register_csv(incidents))
        else:
            write_points([incident_feature(incident, _NOBODY) for incident in incidents], out, layer=LAYER)
    except OSError as problem:
        raise StoreFailed(
            _("{path}: cannot be written ({problem}). Free space, or name another folder.").format(
                path=out, problem=problem.strerror or problem
            )
        ) from problem
    for incident in incidents:
        store.note(
            incident.incident_id,
            Action.COPIED,
            actor=actor_of([by]),
            subject_sha256=incident_digest(incident),
            facts={"to": out.name},
        )
    return len(incidents)
