"""What an earlier patrol saw where a case lies: of the same class, or of a lorry that was not told as one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.station.roles import Role
from tests.app.station_world import Bureau
from tests.app.test_station_review import fill


@pytest.mark.parametrize(
    ("earlier", "later", "same"),
    [("vehicle", "truck", True), ("truck", "vehicle", True), ("drums", "drums", True), ("vehicle", "drums", False)],
)
def test_the_earlier_case_may_call_a_lorry_a_vehicle(bureau: Bureau, earlier: str, later: str, *, same: bool) -> None:
    from app.station.models import CaseCard
    from app.station.previous_visit import visit_before

    before, after = fill(2)[:2]
    card = CaseCard.objects.get(pk=after)
    CaseCard.objects.filter(pk=after).update(label=later)
    CaseCard.objects.filter(pk=before).update(
        label=earlier,
        lon_deg=card.lon_deg,
        lat_deg=card.lat_deg,
        first_seen=card.first_seen - timedelta(days=2),
        last_seen=card.first_seen - timedelta(days=1),
    )
    visit = visit_before(bureau.person(Role.REVIEWER), CaseCard.objects.get(pk=after))
    assert (visit is not None and visit.card is not None and visit.card.pk == before) is same
