"""Finding: one thing in a register that a person should look at, with the ground it is about."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import shapely
from shapely import GeometryCollection, Point
from shapely.geometry.base import BaseGeometry

from core.refusal import Refusal
from geofence.register.site_features import Feature

_PLACE: Final = re.compile(r"\[(-?[\d.eE+]+) (-?[\d.eE+]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a person should look at.

    Attributes:
        code: Stable slug: "overlap", "sliver", "gap", "same-outline", "same-name", "outside-its-site", "too-small",
            "too-large", "fragment", "datum-shift", "tiny-shift"; or that of a refused entry ("bad-code", …).
        keys: The site codes and zone ids it is about; for a refused entry, its place in the file.
        says: What is wrong, with its numbers.
        remedy: What a person can do.
        where: The ground it is about, WGS-84 degrees; None where the entry has none.
    """

    code: str
    keys: tuple[str, ...]
    says: str
    remedy: str
    where: BaseGeometry | None


def findings_of_refusals(refusals: Iterable[Refusal], features: Sequence[Feature]) -> tuple[Finding, ...]:
    """Return refused entries as findings, with their outlines and the place where these cross themselves.

    Args:
        refusals: From :func:`geofence.register.site_files.compile_register`.
        features: What it was compiled from.
    """
    by_subject = {feature.subject: feature for feature in features}
    found = []
    for refusal in refusals:
        subject = refusal.subject.partition(" (")[0]
        feature = by_subject.get(refusal.subject) or by_subject.get(subject)
        found.append(
            Finding(
                code=refusal.code,
                keys=(refusal.subject,),
                says=refusal.reason,
                remedy=refusal.remedy,
                where=None if feature is None else _where(feature.shape),
            )
        )
    return tuple(found)


def _where(shape: BaseGeometry | None) -> BaseGeometry | None:
    if shape is None or shape.is_empty or not all(abs(edge) <= 180 for edge in shape.bounds):
        return None
    place = None if shape.is_valid else _PLACE.search(shapely.is_valid_reason(shape))
    flat = shapely.force_2d(shape)
    return flat if place is None else GeometryCollection([flat, Point(float(place[1]), float(place[2]))])


def findings_geojson(findings: Iterable[Finding]) -> str:
    """Return findings as a GeoJSON text, for QGIS; those without ground have a null geometry."""
    features = [
        {
            "type": "Feature",
            "properties": {"code": found.code, "keys": list(found.keys), "says": found.says, "remedy": found.remedy},
            "geometry": None if found.where is None else shapely.geometry.mapping(found.where),
        }
        for found in findings
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)
