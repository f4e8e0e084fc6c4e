"""Where everything in a package came from, as W3C PROV-JSON (Member Submission 2013), for other people's tools.

Entities are originals, derived copies, the incident record and the package; activities are what custody names plus each
derivation; agents are who did it. It says nothing that the package does not say in its own records.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from evidence.custody import Action, CustodyEntry
from evidence.incident import Incident
from evidence.sealing.canonical import Json, canonical_bytes, instant_text
from evidence.sealing.derivation import DerivedRecord
from evidence.sealing.package import OriginalRecord, Predicate

PREFIX: Final = {"sw": "urn:skywarden:", "sha256": "urn:sha256:"}


def _typed(value: str, kind: str) -> dict[str, Json]:
    return {"$": value, "type": kind}


def provenance_of(
    incident: Incident,
    *,
    originals: Sequence[OriginalRecord],
    derived: Sequence[DerivedRecord],
    custody: Sequence[CustodyEntry],
    predicate: Predicate,
) -> bytes:
    """Return the PROV-JSON document of a package, canonical.

    Args:
        incident: The incident.
        originals: Every original it rests on.
        derived: The derived copies.
        custody: The custody chain; every entry becomes an activity.
        predicate: Of the package's signed statement.
    """
    record = f"sw:incident-{incident.incident_id}"
    package = f"sw:package-{predicate.number}"
    entities: dict[str, Json] = {
        record: {"prov:label": incident.number, "prov:type": _typed("sw:Incident", "prov:QUALIFIED_NAME")},
        package: {"prov:label": predicate.number, "prov:type": _typed("prov:Bundle", "prov:QUALIFIED_NAME")},
    }
    for original in originals:
        entities[f"sha256:{original.sha256}"] = {
            "prov:label": original.name,
            "prov:type": _typed("sw:Original", "prov:QUALIFIED_NAME"),
            "sw:bytes": original.size_bytes,
            "sw:sm3": original.sm3,
        }
    for copy in derived:
        entities[f"sha256:{copy.sha256}"] = {
            "prov:label": copy.path,
            "prov:type": _typed("sw:DerivedCopy", "prov:QUALIFIED_NAME"),
        }
    derivations = [(record, f"sha256:{original.sha256}") for original in originals]
    derivations += [(f"sha256:{copy.sha256}", f"sha256:{copy.derivation.source_sha256}") for copy in derived]
    derivations.append((package, record))
    agents: dict[str, Json] = {}
    activities: dict[str, Json] = {}
    generated: list[tuple[str, str]] = []
    used: list[tuple[str, str]] = []
    associated: list[tuple[str, str]] = []

    def agent_of(name: str) -> str:
        kind = "prov:SoftwareAgent" if name.startswith("program:") else "prov:Person"
        key = next((key for key, one in agents.items() if isinstance(one, dict) and one["prov:label"] == name), None)
        if key is None:
            key = f"sw:agent-{len(agents) + 1}"
            agents[key] = {"prov:label": name, "prov:type": _typed(kind, "prov:QUALIFIED_NAME")}
        return key

    for entry in custody:
        activity = f"sw:custody-{entry.seq}"
        at = instant_text(entry.at)
        activities[activity] = {"prov:startTime": at, "prov:endTime": at, "prov:label": entry.action.value}
        associated.append((activity, agent_of(entry.actor)))
        if entry.action is Action.SEALED:
            generated.append((package, activity))
        subject = f"sha256:{entry.subject_sha256}"
        used.append((activity, subject if subject in entities else record))
    for number, copy in enumerate(derived):
        activity = f"sw:derivation-{number}"
        activities[activity] = {"prov:label": copy.derivation.operation}
        associated.append((activity, agent_of(f"program:{copy.derivation.tool} {copy.derivation.tool_version}")))
        generated.append((f"sha256:{copy.sha256}", activity))
        used.append((activity, f"sha256:{copy.derivation.source_sha256}"))

    def relation(name: str, pairs: Sequence[tuple[str, str]], first: str, second: str) -> Json:
        return {f"_:{name}{number}": {first: one, second: other} for number, (one, other) in enumerate(pairs)}

    return canonical_bytes(
        {
            "prefix": dict(PREFIX),
            "entity": entities,
            "activity": activities,
            "agent": agents,
            "wasDerivedFrom": relation("d", derivations, "prov:generatedEntity", "prov:usedEntity"),
            "wasGeneratedBy": relation("g", generated, "prov:entity", "prov:activity"),
            "used": relation("u", used, "prov:activity", "prov:entity"),
            "wasAssociatedWith": relation("a", associated, "prov:activity", "prov:agent"),
        }
    )
