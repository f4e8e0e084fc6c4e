"""Where everything in a package came from, as a CASE 1.4 / UCO 1.4 graph in JSON-LD, for forensic tools.

The Cyber-investigation Analysis Standard Expression (CASE) and the Unified Cyber Ontology (UCO) are what forensic
laboratories exchange. Originals and derived copies are files with digests, custody entries and derivations are
investigative actions with performers and tools. It says nothing that the package does not say in its own records. The
tests have ``case-utils``, the ontologies' own validator, check it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from evidence.custody import CustodyEntry
from evidence.incident import Incident
from evidence.sealing.canonical import Json, canonical_bytes, instant_text
from evidence.sealing.derivation import DerivedRecord
from evidence.sealing.package import OriginalRecord, Predicate

CONTEXT: Final[dict[str, Json]] = {
    "kb": "urn:skywarden:kb:",
    "case-investigation": "https://ontology.caseontology.org/case/investigation/",
    "uco-action": "https://ontology.unifiedcyberontology.org/uco/action/",
    "uco-core": "https://ontology.unifiedcyberontology.org/uco/core/",
    "uco-identity": "https://ontology.unifiedcyberontology.org/uco/identity/",
    "uco-observable": "https://ontology.unifiedcyberontology.org/uco/observable/",
    "uco-tool": "https://ontology.unifiedcyberontology.org/uco/tool/",
    "uco-types": "https://ontology.unifiedcyberontology.org/uco/types/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
Node = dict[str, Json]


def _id(kind: str, name: str) -> str:
    """Return an identifier that follows from what it names (UCO asks that it end in a UUID)."""
    return f"kb:{kind}-{uuid5(NAMESPACE_URL, f'urn:skywarden:{kind}:{name}')}"


def _typed(value: str, kind: str) -> Node:
    return {"@type": kind, "@value": value}


def _ref(identifier: str) -> Node:
    return {"@id": identifier}


def _hash(owner: str, method: str, value: str) -> Node:
    return {
        "@id": _id("hash", f"{owner}{method}"),
        "@type": "uco-types:Hash",
        "uco-types:hashMethod": method,
        "uco-types:hashValue": _typed(value, "xsd:hexBinary"),
    }


def _file(name: str, media_type: str, *, sha256: str, sm3: str = "", size_bytes: int | None = None) -> Node:
    facet: Node = {
        "@id": _id("file-facet", sha256),
        "@type": "uco-observable:FileFacet",
        "uco-observable:fileName": name,
    }
    if size_bytes is not None:
        facet["uco-observable:sizeInBytes"] = size_bytes
    content: Node = {
        "@id": _id("content-facet", sha256),
        "@type": "uco-observable:ContentDataFacet",
        "uco-observable:mimeType": media_type,
        "uco-observable:hash": [
            _hash(sha256, "SHA256", sha256),
            *([_hash(sha256, "SM3", sm3)] if sm3 else []),
        ],
    }
    return {"@id": _id("file", sha256), "@type": "uco-observable:File", "uco-core:hasFacet": [facet, content]}


def _performer(actor: str) -> Node:
    if actor.startswith("program:"):
        return {"@id": _id("tool", actor), "@type": "uco-tool:Tool", "uco-core:name": actor.removeprefix("program:")}
    facet: Node = {
        "@id": _id("name-facet", actor),
        "@type": "uco-identity:SimpleNameFacet",
        "uco-identity:familyName": actor,
    }
    return {"@id": _id("person", actor), "@type": "uco-identity:Person", "uco-core:hasFacet": [facet]}


def case_graph_of(
    incident: Incident,
    *,
    originals: Sequence[OriginalRecord],
    derived: Sequence[DerivedRecord],
    custody: Sequence[CustodyEntry],
    predicate: Predicate,
) -> bytes:
    """Return the CASE graph of a package as canonical JSON-LD; the same package gives the same bytes.

    Args:
        incident: The incident.
        originals: Every original it rests on.
        derived: The derived copies.
        custody: The custody chain; every entry becomes an investigative action.
        predicate: Of the package's signed statement.
    """
    files: dict[str, Node] = {}
    for original in originals:
        files[original.sha256] = _file(
            original.name,
            original.media_type,
            sha256=original.sha256,
            sm3=original.sm3,
            size_bytes=original.size_bytes,
        )
    for copy in derived:
        files.setdefault(copy.sha256, _file(copy.path.rsplit("/", 1)[-1], copy.media_type, sha256=copy.sha256))
    record: Node = {
        "@id": _id("provenance-record", predicate.number),
        "@type": "case-investigation:ProvenanceRecord",
        "uco-core:name": predicate.number,
        "case-investigation:exhibitNumber": predicate.number,
        "uco-core:object": [_ref(str(node["@id"])) for node in files.values()],
    }
    performers: dict[str, Node] = {}
    actions: list[Node] = []
    for entry in custody:
        performers.setdefault(entry.actor, _performer(entry.actor))
        about = files.get(entry.subject_sha256, record)
        actions.append(
            {
                "@id": _id("action", entry.sha256),
                "@type": "case-investigation:InvestigativeAction",
                "uco-core:name": entry.action.value,
                "uco-action:startTime": _typed(instant_text(entry.at), "xsd:dateTime"),
                "uco-action:endTime": _typed(instant_text(entry.at), "xsd:dateTime"),
                "uco-action:performer": _ref(str(performers[entry.actor]["@id"])),
                "uco-action:object": _ref(str(about["@id"])),
            }
        )
    relations: list[Node] = []
    for copy in derived:
        if copy.derivation.source_sha256 in files:
            tool = f"program:{copy.derivation.tool} {copy.derivation.tool_version}"
            performers.setdefault(tool, _performer(tool))
            relations.append(
                {
                    "@id": _id("relation", f"{copy.sha256}{copy.derivation.source_sha256}"),
                    "@type": "uco-observable:ObservableRelationship",
                    "uco-core:kindOfRelationship": "Derived_From",
                    "uco-core:isDirectional": True,
                    "uco-core:source": _ref(str(files[copy.sha256]["@id"])),
                    "uco-core:target": _ref(str(files[copy.derivation.source_sha256]["@id"])),
                    "uco-core:description": f"{copy.derivation.operation}, {tool.removeprefix('program:')}",
                }
            )
    investigation: Node = {
        "@id": _id("investigation", incident.incident_id),
        "@type": "case-investigation:Investigation",
        "uco-core:name": incident.number,
        "uco-core:description": f"{incident.hazard.code} {incident.hazard.name_zh} / {incident.hazard.name_en}",
        "uco-core:object": [_ref(str(node["@id"])) for node in (record, *actions)],
    }
    graph: list[Json] = [investigation, record, *files.values(), *relations, *actions, *performers.values()]
    return canonical_bytes({"@context": CONTEXT, "@graph": graph})
