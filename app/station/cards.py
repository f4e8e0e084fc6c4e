"""Makes what lists show of a case from the case's document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import connections

from app.station.models import CaseCard, District, Run
from app.store.models import CaseRow
from core.clock import BEIJING
from evidence.incident import Incident
from evidence.sealing.incident_json import decode_incident
from maps.features import semi_major_90_m

AT_A_TIME = 500


def card_fields(incident: Incident, *, site_name: str = "") -> dict[str, Any]:
    """Return the fields of a case's card, all but its district and run."""
    hazard, sighting = incident.hazard, incident.sighting
    return {
        "case_id": incident.incident_id,
        "number": incident.number,
        "state": incident.state.value,
        "hazard_code": hazard.code,
        "hazard_zh": hazard.name_zh,
        "hazard_en": hazard.name_en,
        "severity": hazard.severity,
        "value": hazard.value.value,
        "probability": hazard.probability,
        "label": sighting.label,
        "sighting_id": sighting.sighting_id,
        "site_code": getattr(incident.attribution, "site_code", None) or "",
        "site_name": site_name,
        "zone_id": hazard.zone_id or "",
        "periods": f",{','.join(hazard.periods)}," if hazard.periods else "",
        "lon_deg": sighting.point.lon_deg,
        "lat_deg": sighting.point.lat_deg,
        "error_90_m": semi_major_90_m(sighting.covariance),
        "passes": sighting.passes,
        "first_seen": sighting.first_seen,
        "last_seen": sighting.last_seen,
        "seen_on": sighting.last_seen.astimezone(BEIJING).date(),
        "opened_at": incident.opened_at,
    }


class Districts:
    """The districts' outlines, ready to ask in which of them a point lies."""

    def __init__(self, districts: Iterable[District]) -> None:
        from shapely import STRtree, from_geojson

        drawn = [(district.pk, from_geojson(district.outline)) for district in districts if district.outline]
        self._ids = [key for key, _outline in drawn]
        self._tree = STRtree([outline for _key, outline in drawn])

    def holding(self, lon_deg: float, lat_deg: float) -> int | None:
        """Return the id of the one district that holds a point; None in none, or where outlines overlap."""
        from shapely import Point

        found = self._tree.query(Point(lon_deg, lat_deg), predicate="intersects")
        return self._ids[found[0]] if len(found) == 1 else None


def make_card(
    incident: Incident, *, districts: Districts, run: Run | None = None, site_name: str = "", state: str | None = None
) -> CaseCard:
    """Return a case's card, not yet kept: of the district whose outline holds it, or else of the run's."""
    fields = card_fields(incident, site_name=site_name)
    district = districts.holding(fields["lon_deg"], fields["lat_deg"])
    if district is None and run is not None:
        district = run.district_id
    return CaseCard(**fields | ({} if state is None else {"state": state}), district_id=district, run=run)


def gauge_tables() -> None:
    """Let SQLite look how its tables are filled, so that it takes the index that leaves the fewest rows.

    Without that it cannot know that one site has fewer cases than one district. PostgreSQL does so by itself.
    """
    connection = connections[CaseCard.objects.db]
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA analysis_limit=1000")
            cursor.execute("ANALYZE")


def fill_missing_cards() -> int:
    """Make the cards of cases that came into the store by another way; return how many."""
    districts = Districts(District.objects.all())
    missing = CaseRow.objects.filter(card__isnull=True).order_by("incident_id")
    made = 0
    for rows in _in_bunches(missing.iterator(chunk_size=AT_A_TIME)):
        cards = [
            make_card(decode_incident(row.document.encode(), row.number), districts=districts, state=row.state)
            for row in rows
        ]
        made += len(CaseCard.objects.bulk_create(cards, ignore_conflicts=True))
    return made


def _in_bunches(rows: Iterable[CaseRow]) -> Iterator[list[CaseRow]]:
    bunch: list[CaseRow] = []
    for row in rows:
        bunch.append(row)
        if len(bunch) == AT_A_TIME:
            yield bunch
            bunch = []
    if bunch:
        yield bunch
