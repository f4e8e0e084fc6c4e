"""The incident as JSON: complete, canonical, versioned ``skywarden/incident/1``.

Everything an incident rests on is in it: hazard with its citations, sighting with every fix, covariance and assumption,
attribution with all shares and fence versions, and the digest of the weight that saw it. Ids that are derived from the
content are written beside it for readers, and must agree when it is read: an incident whose parts were exchanged is
refused. Reading gives back an equal incident, to the last bit of every number.

The form grows by fields with defaults only; a field that changes its meaning makes ``skywarden/incident/2``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, cast

from core.errors import InputRefused
from core.text import _
from evidence.incident import Incident
from evidence.sealing.canonical import Json, canonical_bytes, read_canonical, strict_converter, structure_record
from geofence.attribution import Attribution, Undecided

SCHEMA: Final = "skywarden/incident/1"
_DERIVED: Final = ("incident_id", "number", "sighting_id", "detection_ids", "weights_sha256")

_CODEC: Final = strict_converter()
_PLAIN: Final = strict_converter()  # knows nothing of the union below, so that its hooks do not call themselves


def _write_outcome(outcome: Attribution | Undecided) -> dict[str, Any]:
    kind = "attributed" if isinstance(outcome, Attribution) else "undecided"
    return {"outcome": kind, **_PLAIN.unstructure(outcome)}


def _read_outcome(fields: Any, _kind: object) -> Attribution | Undecided:  # noqa: ANN401 - cattrs hands over raw JSON
    rest = {name: value for name, value in fields.items() if name != "outcome"}
    if fields["outcome"] == "attributed":
        return _PLAIN.structure(rest, Attribution)
    if fields["outcome"] == "undecided":
        return _PLAIN.structure(rest, Undecided)
    raise ValueError(f"an attribution is attributed or undecided, not {fields['outcome']!r}")


_CODEC.register_structure_hook(Attribution | Undecided, _read_outcome)
_CODEC.register_unstructure_hook(Attribution | Undecided, _write_outcome)


def _derived(incident: Incident) -> dict[str, Json]:
    detections = [fix.detection for fix in incident.sighting.fixes]
    return {
        "incident_id": incident.incident_id,
        "number": incident.number,
        "sighting_id": incident.sighting.sighting_id,
        "detection_ids": [detection.detection_id for detection in detections],
        "weights_sha256": cast("Json", sorted({detection.weight_sha256 for detection in detections})),
    }


def incident_to_json(incident: Incident) -> dict[str, Json]:
    """Return an incident as a JSON-able dict, with its schema and its derived ids."""
    fields = cast("dict[str, Json]", _CODEC.unstructure(incident, unstructure_as=Incident))
    return {"schema": SCHEMA, **_derived(incident), **fields}


def incident_from_json(document: Json, source: Path | str = "incident") -> Incident:
    """Return the incident of a JSON value; the inverse of :func:`incident_to_json`.

    Args:
        document: The value.
        source: Where it comes from, for the refusal.

    Raises:
        InputRefused: It is of another schema, not a valid incident, or its derived ids do not follow from its content.
    """
    if not isinstance(document, dict):
        return structure_record(SCHEMA, Incident, document, source, _CODEC)
    content: Json = {name: value for name, value in document.items() if name not in _DERIVED}
    incident = structure_record(SCHEMA, Incident, content, source, _CODEC)
    for name, value in _derived(incident).items():
        if document.get(name) != value:
            raise InputRefused(
                source,
                _("says {name} {found}, but its content gives {value}").format(
                    name=name, found=document.get(name), value=value
                ),
                _("Use the record as it was written."),
            )
    return incident


def encode_incident(incident: Incident) -> bytes:
    """Return an incident as canonical JSON."""
    return canonical_bytes(incident_to_json(incident))


def decode_incident(content: bytes, source: Path | str = "incident") -> Incident:
    """Return the incident in canonical JSON; the inverse of :func:`encode_incident`. Raises ``InputRefused``."""
    return incident_from_json(read_canonical(content, source), source)
