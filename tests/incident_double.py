"""An incident that nobody flew for: a vehicle in a fire lane, seen as often and as surely as a test wants it.

The one place where tests and benchmarks put an incident together by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final

from core.points import GeoPoint
from detection.detection import Box, Detection
from evidence.incident import Incident
from geofence.attribution import Attribution, Share, Undecided
from geofence.fix import Covariance, Fix
from geofence.hazard import Citation, Hazard, Value
from geofence.sighting import Sighting

SITE: Final = "91440101MA5XXXXXX1"
ZONE: Final = "zone-7"
PLACE: Final = GeoPoint(lon_deg=113.5001, lat_deg=23.1002)
BOX: Final = Box(left_px=10, top_px=12.5, right_px=30, bottom_px=25)
DUTY: Final = Citation(
    law="中华人民共和国消防法",
    article="第二十八条",
    version="主席令第八十一号 2021修正",
    effective_from=date(2021, 4, 29),
    text="任何单位、个人不得占用、堵塞、封闭疏散通道、安全出口、消防车通道。",
    confidence="A",
)


def make_fix(frame_id: str, at: datetime, *, label: str = "vehicle", score: float = 0.9, index: int = 0) -> Fix:
    """Return a detection on the ground; ``index`` moves it by a centimetre, so that two are not the same."""
    return Fix(
        detection=Detection(frame_id=frame_id, label=label, score=score, box=BOX, weight_sha256="ab" * 32),
        captured_at=at,
        point=replace(PLACE, lon_deg=PLACE.lon_deg + index * 1e-7),
        covariance=Covariance(east_m2=2.0, north_m2=3.5, east_north_m2=0.1),
        ground_hae_m=None,
        slant_m=112.25,
        camera_point=GeoPoint(lon_deg=113.5, lat_deg=23.1),
        assumptions=("ground flat at take-off height",),
    )


def make_hazard(sighting: Sighting) -> Hazard:
    """Return what it means: a blocked fire lane."""
    return Hazard(
        code="H13",
        name_zh="占用、堵塞消防车通道",
        name_en="blocked fire lane",
        rule_id="H13-fire-lane",
        rules_sha256="cd" * 32,
        sighting_id=sighting.sighting_id,
        zone_id=ZONE,
        zone_version="v3",
        probability=0.97,
        value=Value.PROVABLE,
        periods=("national-day",),
        citations=(DUTY,),
        authority="消防救援机构",
        explanation="vehicle in fire lane zone-7 with probability 0.97 in 2 passes",
    )


def make_incident(fixes: Sequence[Fix], *, decided: bool = True, after: timedelta = timedelta(hours=1)) -> Incident:
    """Return the incident of some fixes, opened some time after the first of them.

    Args:
        fixes: At least one; more than one are two passes of a thing that stands still.
        decided: Whether it is known whose site it is.
        after: From the first fix to the opening.
    """
    several = len(fixes) > 1
    sighting = Sighting(
        label=fixes[0].detection.label,
        fixes=tuple(fixes),
        point=fixes[0].point,
        covariance=Covariance(east_m2=1.0, north_m2=1.5),
        passes=2 if several else 1,
        moving=False if several else None,
    )
    sites = (Share(key=SITE, version="e1", probability=0.99),)
    zones = (Share(key=ZONE, version="v3", probability=0.97),)
    attribution: Attribution | Undecided = Attribution(
        sighting_id=sighting.sighting_id, site_code=SITE, sites=sites, zones=zones
    )
    if not decided:
        attribution = Undecided(sighting_id=sighting.sighting_id, sites=sites, zones=zones, reason="two fences")
    return Incident(
        hazard=make_hazard(sighting),
        sighting=sighting,
        attribution=attribution,
        opened_at=fixes[0].captured_at + after,
    )
