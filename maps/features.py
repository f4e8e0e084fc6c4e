"""GeoJSON features of a scene: one shape for the map and for the files that QGIS opens.

Coordinates are WGS-84 longitude and latitude (RFC 7946). Properties are plain text and numbers; nothing here is HTML.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from shapely import MultiPolygon, Polygon
from shapely.geometry import mapping

from core.clock import iso_utc
from core.points import GeoPoint, LocalPlane, from_plane
from evidence.incident import Incident
from geofence.attributing.origin_words import tell_ground
from geofence.attribution import Undecided
from geofence.fix import Covariance
from geofence.sighting import Sighting
from geofence.site import Register
from maps.scene import Footprint, Scene

Feature = dict[str, Any]

# The 90 % quantile of a chi-square variable with two degrees of freedom: -2 ln(1 - 0.9).
_CHI2_90 = -2 * math.log(0.1)


def ellipse_90(point: GeoPoint, covariance: Covariance, *, corners: int = 48) -> Polygon:
    """Return the ellipse (lon/lat) that holds the true position with a probability of 90 %."""
    variances, axes = np.linalg.eigh(covariance.matrix())
    turn = np.linspace(0, 2 * math.pi, corners, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    east_north = circle * np.sqrt(variances * _CHI2_90) @ axes.T
    return Polygon(from_plane(LocalPlane(origin=point), east_north))


def semi_major_90_m(covariance: Covariance) -> float:
    """Return the 90 % ellipse's longer half axis in metres."""
    return float(math.sqrt(np.linalg.eigvalsh(covariance.matrix())[-1] * _CHI2_90))


def _feature(geometry: dict[str, Any], properties: dict[str, Any]) -> Feature:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _point(point: GeoPoint) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [round(point.lon_deg, 8), round(point.lat_deg, 8)]}


def _outline(shape: Polygon | MultiPolygon) -> dict[str, Any]:
    outline: dict[str, Any] = mapping(shape)
    return outline


def _sighting_properties(sighting: Sighting) -> dict[str, Any]:
    height, sigma = sighting.height_above_ground_m, sighting.height_sigma_m
    raised = (
        {}
        if height is None or sigma is None
        else {"height_above_ground_m": round(height, 1), "height_sigma_m": round(sigma, 1)}
    )
    length = sighting.length
    measured = (
        {}
        if length is None
        else {
            "length_m": length.metres,
            "length_least_m": length.least_m,
            "length_most_m": length.most_m,
            "longer_than_a_car": length.longer,
        }
    )
    return {
        "label": sighting.label,
        "seen": len(sighting.fixes),
        "passes": sighting.passes,
        "first_seen": iso_utc(sighting.first_seen),
        "last_seen": iso_utc(sighting.last_seen),
        "best_score": round(max(fix.detection.score for fix in sighting.fixes), 3),
        "semi_major_90_m": round(semi_major_90_m(sighting.covariance), 2),
        **raised,
        **measured,
    }


def incident_feature(incident: Incident, register: Register, *, history: str = "") -> Feature:
    """Return the incident as a point feature with everything that a table needs.

    Args:
        incident: The incident.
        register: For names.
        history: What patrols said of its hazard, in words.
    """
    attribution, hazard = incident.attribution, incident.hazard
    decided = None if isinstance(attribution, Undecided) else attribution.site_code
    names = {site.code: site.name for site in register.sites}
    zones = {zone.zone_id: zone for zone in register.zones}
    zone = zones.get(hazard.zone_id or "")
    origin = attribution.origin
    look = attribution.view if isinstance(attribution, Undecided) else None
    return _feature(
        _point(incident.sighting.point),
        {
            "number": incident.number,
            "incident_id": incident.incident_id,
            "state": incident.state.value,
            "hazard": hazard.code,
            "hazard_zh": hazard.name_zh,
            "hazard_en": hazard.name_en,
            "value": hazard.value.value,
            "site_code": decided or "",
            "site_name": names.get(decided or "", ""),
            "site_decided": not isinstance(attribution, Undecided),
            "candidates": "; ".join(
                f"{names.get(share.key, share.key)} {share.probability:.0%}" for share in attribution.sites
            ),
            "zone_id": hazard.zone_id or "",
            "zone_name": zone.name if zone else "",
            "zone_type": zone.zone_type.value if zone else "",
            "probability": round(hazard.probability, 4),
            "periods": " ".join(hazard.periods),
            "basis": "; ".join(f"{citation.law}{citation.article}" for citation in hazard.citations),
            "authority": hazard.authority,
            "explanation": hazard.explanation,
            "undecided_because": attribution.reason if isinstance(attribution, Undecided) else "",
            "look_lon": None if look is None else round(look.point.lon_deg, 8),
            "look_lat": None if look is None else round(look.point.lat_deg, 8),
            "look_height_m": None if look is None else round(look.height_agl_m, 1),
            "look_receiver": "" if look is None else look.receiver,
            "declared_prior": attribution.prior,
            "severity": hazard.severity,
            "over_patrols": history,
            "source_lon": None if origin is None else round(origin.likeliest.point.lon_deg, 8),
            "source_lat": None if origin is None else round(origin.likeliest.point.lat_deg, 8),
            "source_basis": "" if origin is None else origin.basis,
            "covers_m2": None if origin is None else round(origin.extent.area_m2),
            "covers_sigma_m2": None if origin is None else round(origin.extent.sigma_m2),
            "covers_sites": tell_ground(attribution, names),
            "opened_at": iso_utc(incident.opened_at),
            **_sighting_properties(incident.sighting),
        },
    )


def sighting_feature(sighting: Sighting) -> Feature:
    """Return a sighting as a point feature."""
    return _feature(_point(sighting.point), _sighting_properties(sighting))


def ellipse_feature(sighting: Sighting, *, name: str) -> Feature:
    """Return a sighting's 90 % ellipse as a polygon feature."""
    return _feature(
        _outline(ellipse_90(sighting.point, sighting.covariance)),
        {"name": name, "label": sighting.label, "semi_major_90_m": round(semi_major_90_m(sighting.covariance), 2)},
    )


def _footprint_feature(footprint: Footprint) -> Feature:
    return _feature(
        _outline(footprint.shape),
        {
            "name": footprint.name,
            "detections": footprint.detections,
            "thermal": footprint.thermal,
            "camera_lon": round(footprint.camera.lon_deg, 8),
            "camera_lat": round(footprint.camera.lat_deg, 8),
        },
    )


def layers_of(scene: Scene) -> dict[str, list[Feature]]:
    """Return the scene's layers by name, each a list of features; every layer of one name has one kind of geometry."""
    leads: dict[str, int] = {}
    for incident in scene.incidents:
        if not isinstance(incident.attribution, Undecided) and incident.attribution.site_code:
            leads[incident.attribution.site_code] = leads.get(incident.attribution.site_code, 0) + 1
    return {
        "sites": [
            _feature(
                _outline(site.shape),
                {
                    "code": site.code,
                    "name": site.name,
                    "version": site.version,
                    "leads": leads.get(site.code, 0),
                    "credit_grade": site.attributes.get("credit_grade", ""),
                },
            )
            for site in scene.register.sites
        ],
        "zones": [
            _feature(
                _outline(zone.shape),
                {
                    "zone_id": zone.zone_id,
                    "zone_type": zone.zone_type.value,
                    "name": zone.name,
                    "site_code": zone.site_code or "",
                    "version": zone.version,
                },
            )
            for zone in scene.register.zones
        ],
        "no_fly_zones": [
            _feature(
                _outline(zone.shape),
                {"name": zone.name, "reason": zone.reason, "floor_m": zone.floor_m, "ceiling_m": str(zone.ceiling_m)},
            )
            for zone in scene.no_fly_zones
        ],
        "footprints": [_footprint_feature(footprint) for trace in scene.traces for footprint in trace.footprints],
        "flown": [
            _feature(
                {"type": "LineString", "coordinates": [[point.lon_deg, point.lat_deg] for point in way]},
                {
                    "number": number,
                    "patrol": trace.name,
                    "started_at": iso_utc(trace.started_at),
                    "ended_at": iso_utc(trace.ended_at),
                },
            )
            for trace in scene.traces
            for number, way in enumerate(trace.ways, start=1)
            if len(way) > 1
        ],
        "ellipses": [
            *(ellipse_feature(incident.sighting, name=incident.number) for incident in scene.incidents),
            *(ellipse_feature(sighting, name="") for sighting in scene.others),
        ],
        "sightings": [sighting_feature(sighting) for sighting in scene.others],
        "incidents": [
            incident_feature(incident, scene.register, history=scene.histories.get(incident.incident_id, ""))
            for incident in scene.incidents
        ],
    }
