"""What the API and the webhooks say of a case: JSON and GeoJSON, from its card alone."""

from __future__ import annotations

from typing import Any

from app.station.models import CaseCard
from core.clock import iso_utc


def case_json(card: CaseCard) -> dict[str, Any]:
    """Return a case as JSON; times are RFC 3339 in UTC, positions WGS-84, lengths metres."""
    return {
        "id": card.pk,
        "number": card.number,
        "state": card.shown_state,
        "hazard": {"code": card.hazard_code, "name_zh": card.hazard_zh, "name_en": card.hazard_en},
        "severity": card.severity,
        "value": card.value,
        "probability": card.probability,
        "class": card.label,
        "site_code": card.site_code or None,
        "site_name": card.site_name or None,
        "zone_id": card.zone_id or None,
        "district": None if card.district is None else card.district.code,
        "longitude": card.lon_deg,
        "latitude": card.lat_deg,
        "error_90_m": card.error_90_m,
        "first_seen": iso_utc(card.first_seen),
        "last_seen": iso_utc(card.last_seen),
        "opened_at": iso_utc(card.opened_at),
    }


def case_feature(card: CaseCard) -> dict[str, Any]:
    """Return a case as a GeoJSON feature (RFC 7946)."""
    properties = case_json(card)
    identifier, lon, lat = (properties.pop(name) for name in ("id", "longitude", "latitude"))
    return {
        "type": "Feature",
        "id": identifier,
        "geometry": {"type": "Point", "coordinates": [round(lon, 8), round(lat, 8)]},
        "properties": properties,
    }
