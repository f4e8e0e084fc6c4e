"""From fixes to incidents: gathers, attributes and judges everything a run has found.

Quick, and always done anew from all findings, so that new sites or rules need no new detection. Every sighting comes
out as an incident (or several, under several rules) or with the reason why it is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.instruments import Jurisdiction
from app.journal import InputFindings
from app.plume_watch import SMOKE, StillAlarm, still_alarms
from app.roof_alarms import RoofAlarm, roof_alarms
from evidence.incident import Incident
from flight.calendars.periods import active_periods
from geofence.attribute import attribute_all
from geofence.attributing.attribute_extended import Wind, attribute_moving
from geofence.attributing.attribute_footing import attribute_footing
from geofence.attributing.attribute_picture import draw_attribution
from geofence.attributing.attribute_source import attribute_source
from geofence.attribution import Attribution, Undecided
from geofence.crowd import Crowd, Recall, count_crowds
from geofence.gather import gather
from geofence.gathering.body_length import name_by_length
from geofence.judge import Judgement, judge_all
from geofence.register.site_index import SiteIndex, build_index
from geofence.sighting import Sighting

DRIFTING: Final = frozenset({"smoke", "fire", "flame", "vapour", "flood_water", "firework_burst"})
"""What changes its outline without going anywhere: its fused position counts, not its path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What all findings of a run come to.

    Attributes:
        sightings: Every thing on the ground.
        attributions: One for each sighting, in the same order.
        incidents: In order of hazard code, then number.
        without: Why the other sightings are no incident, counted by reason.
        pictures: A small map (SVG) that explains each incident's attribution, by sighting.
        still: Alarms for smoke and fire that are none, because they keep still; in ``without`` as "keeps-still".
        roofs: Vehicles on roofs, which are none; in ``without`` as "on-a-roof".
        crowds: The people in each zone and look.
    """

    sightings: tuple[Sighting, ...]
    attributions: tuple[Attribution | Undecided, ...]
    incidents: tuple[Incident, ...]
    without: dict[str, int]
    pictures: dict[str, str]
    still: tuple[StillAlarm, ...] = ()
    roofs: tuple[RoofAlarm, ...] = ()
    crowds: tuple[Crowd, ...] = ()


def conclude(
    findings: Sequence[InputFindings],
    jurisdiction: Jurisdiction,
    *,
    opened_at: datetime,
    wind: Wind | None = None,
    recall: Recall | None = None,
    further: Sequence[Sighting] = (),
) -> Conclusion:
    """Return what the findings come to under a jurisdiction.

    Args:
        findings: Of every input, in any order; the outcome does not depend on it.
        jurisdiction: Sites, zones, rules, law and calendar.
        opened_at: The time at which incidents are opened.
        wind: The wind during the flight, or None where nobody knows it.
        recall: The share of people that the weight finds, where it was measured.
        further: Sightings that no frame shows by itself: what changed since an earlier patrol.
    """
    fixes = sorted(
        (fix for given in findings for frame in given.frames for fix in frame.fixes),
        key=lambda fix: (fix.captured_at, fix.detection.detection_id),
    )
    sightings = (*map(name_by_length, gather(fixes)), *further)
    index = build_index(jurisdiction.register)
    attributions = tuple(
        _special(sighting, index, jurisdiction, wind) or attribute_footing(sighting, outcome, index)
        for sighting, outcome in zip(sightings, attribute_all(sightings, index, prior=jurisdiction.prior), strict=True)
    )
    still = still_alarms(sightings)
    roofs = roof_alarms(sightings)
    quiet = {alarm.sighting.sighting_id for alarm in still} | {alarm.sighting.sighting_id for alarm in roofs}
    lively = [
        (sighting, outcome)
        for sighting, outcome in zip(sightings, attributions, strict=True)
        if sighting.sighting_id not in quiet
    ]
    judged = judge_all(
        lively,
        rules=jurisdiction.rules,
        register=jurisdiction.register,
        law=jurisdiction.law,
        periods=lambda sighting: active_periods(sighting.last_seen, jurisdiction.calendar),
    )
    by_id = {
        sighting.sighting_id: (sighting, outcome) for sighting, outcome in zip(sightings, attributions, strict=True)
    }
    incidents = tuple(
        sorted(
            (
                Incident(
                    hazard=hazard,
                    sighting=by_id[hazard.sighting_id][0],
                    attribution=by_id[hazard.sighting_id][1],
                    opened_at=opened_at,
                )
                for hazard in judged.hazards
            ),
            key=lambda incident: incident.number,
        )
    )
    return Conclusion(
        sightings=sightings,
        attributions=attributions,
        incidents=incidents,
        without=dict(Counter(_codes(judged)) + Counter({"keeps-still": len(still), "on-a-roof": len(roofs)})),
        still=still,
        roofs=roofs,
        crowds=count_crowds(zip(sightings, attributions, strict=True), jurisdiction.register, recall=recall),
        pictures={
            incident.sighting.sighting_id: draw_attribution(incident.attribution, incident.sighting, index)
            for incident in incidents
        },
    )


def _special(
    sighting: Sighting, index: SiteIndex, jurisdiction: Jurisdiction, wind: Wind | None
) -> Attribution | Undecided | None:
    """Return what is said of smoke by its source and of what moves by its way; None for what is where it is."""
    if sighting.label in SMOKE:
        return attribute_source(sighting, index, wind=wind, prior=jurisdiction.prior)
    if sighting.moving and sighting.label not in DRIFTING:
        return attribute_moving(sighting, index, prior=jurisdiction.prior)
    return None


def _codes(judged: Judgement) -> Iterator[str]:
    """Yield why each sighting without a hazard has none."""
    yield from (missed.code for missed in judged.no_hazard)
    yield from (refusal.code for refusal in judged.refused)
