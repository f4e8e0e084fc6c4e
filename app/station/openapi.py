"""The API's own description (OpenAPI 3.1), made from the filter and the states that the code knows."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

from app.station.case_filter import CaseFilter
from evidence.incident import State
from geofence.hazard import Value

VERSION: Final = "1"
MAX_LIMIT: Final = 500
_DAY: Final = r"^\d{4}-\d{2}-\d{2}$"
_WORDS: Final[dict[str, dict[str, Any]]] = {
    "state": {"enum": [state.value for state in State]},
    "severity": {"enum": ["1", "2", "3", "4"], "description": "At least this severity."},
    "value": {"enum": [value.value for value in Value], "description": "What the air can show."},
    "since": {"format": "date", "pattern": _DAY, "description": "Seen last on this day (Beijing) or later."},
    "until": {"format": "date", "pattern": _DAY, "description": "Seen last on this day (Beijing) or earlier."},
    "number": {"description": "The number begins with this."},
}


def _text(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - keywords of a JSON schema
    return {"type": "string", **more}


def _or_null(kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"]}


_CASE_PROPERTIES: Final[dict[str, dict[str, Any]]] = {
    "id": _text(format="uuid"),
    "number": _text(examples=["H13-7K2M9Q4T"]),
    "state": {"$ref": "#/components/schemas/State"},
    "hazard": {
        "type": "object",
        "required": ["code", "name_zh", "name_en"],
        "properties": {name: _text() for name in ("code", "name_zh", "name_en")},
        "additionalProperties": False,
    },
    "severity": {"type": "integer", "minimum": 1, "maximum": 4},
    "value": _text(enum=[value.value for value in Value]),
    "probability": {"type": "number", "minimum": 0, "maximum": 1},
    "class": _text(),
    "site_code": _or_null("string"),
    "site_name": _or_null("string"),
    "zone_id": _or_null("string"),
    "district": _or_null("string"),
    "longitude": {"type": "number", "description": "WGS-84, degrees."},
    "latitude": {"type": "number", "description": "WGS-84, degrees."},
    "error_90_m": {"type": "number", "minimum": 0, "description": "Longer half axis of the 90 % ellipse, metres."},
    "first_seen": _text(format="date-time"),
    "last_seen": _text(format="date-time"),
    "opened_at": _text(format="date-time"),
}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": sorted(properties),
        "properties": properties,
        "additionalProperties": False,
    }


def _feature() -> dict[str, Any]:
    place = {
        "type": {"const": "Point"},
        "coordinates": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
    }
    rest = {name: kind for name, kind in _CASE_PROPERTIES.items() if name not in {"id", "longitude", "latitude"}}
    return _object(
        {
            "type": {"const": "Feature"},
            "id": _CASE_PROPERTIES["id"],
            "geometry": _object(place),
            "properties": _object(rest),
        }
    )


def _parameters() -> list[dict[str, Any]]:
    """Return the words of a list's address: the filter's, and where and how much to read."""
    words = [
        {"name": field.name, "in": "query", "schema": _text(maxLength=64, **_WORDS.get(field.name, {}))}
        for field in fields(CaseFilter)
    ]
    return [
        *words,
        {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}},
        {
            "name": "after",
            "in": "query",
            "description": "The `next` of the page before.",
            "schema": _text(maxLength=200),
        },
    ]


_REFUSALS: Final = {
    "400": {"$ref": "#/components/responses/Refused"},
    "401": {"$ref": "#/components/responses/Refused"},
    "403": {"$ref": "#/components/responses/Refused"},
    "404": {"$ref": "#/components/responses/Refused"},
    "429": {"$ref": "#/components/responses/Refused"},
    "503": {"$ref": "#/components/responses/Refused"},
}


def _reading(summary: str, media_type: str, schema: dict[str, Any], parameters: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "get": {
            "summary": summary,
            "parameters": parameters,
            "responses": {"200": {"description": "Done.", "content": {media_type: {"schema": schema}}}, **_REFUSALS},
        }
    }


def describe_api() -> dict[str, Any]:
    """Return the OpenAPI document."""
    case = {"$ref": "#/components/schemas/Case"}
    identifier = [{"name": "incident_id", "in": "path", "required": True, "schema": _text(format="uuid")}]
    cursor = {"type": ["string", "null"], "description": "Ask with after=… for the next page; null at the end."}
    listed = _object({"incidents": {"type": "array", "items": case}, "next": cursor})
    collection = _object(
        {
            "type": {"const": "FeatureCollection"},
            "features": {"type": "array", "items": {"$ref": "#/components/schemas/Feature"}},
            "next": cursor,
        }
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Skywarden station",
            "version": VERSION,
            "description": "Read-only. A token reads what its owner may read, by role and district.",
            "license": {"name": "AGPL-3.0-or-later", "identifier": "AGPL-3.0-or-later"},
        },
        "security": [{"token": []}],
        "paths": {
            "/api/v1/incidents": _reading("List cases", "application/json", listed, _parameters()),
            "/api/v1/incidents.geojson": _reading(
                "List cases as GeoJSON", "application/geo+json", collection, _parameters()
            ),
            "/api/v1/incidents.cot": _reading(
                "List cases as Cursor-on-Target events", "application/xml", _text(), _parameters()
            ),
            "/api/v1/incidents/{incident_id}": _reading("Read a case", "application/json", case, identifier),
            "/api/v1/incidents/{incident_id}/cot": _reading(
                "Read a case as a Cursor-on-Target event", "application/xml", _text(), identifier
            ),
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "State": _text(enum=[state.value for state in State]),
                "Case": _object(_CASE_PROPERTIES),
                "Feature": _feature(),
                "Refusal": _object({"title": _text(), "status": {"type": "integer"}, "detail": _text()}),
            },
            "responses": {
                "Refused": {
                    "description": "Refused, with one sentence (RFC 9457).",
                    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Refusal"}}},
                }
            },
        },
    }
