"""The last step of a run: its report, summed up from what the other steps gave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from app.case_folder import first_time
from app.conclude import Conclusion
from app.instruments import Jurisdiction, Station
from app.journal import FrameFindings
from app.looks import tell_looks
from app.operating import operating_lines
from app.plume_watch import StillAlarm
from app.processing.examine_all import Taken
from app.processing.job import Job
from app.publish import Sealed
from app.roof_alarms import RoofAlarm
from app.run_report import IncidentLine, RunReport, crowd_line
from core.clock import iso_utc
from core.text import _
from evidence.incident import Incident
from geofence.attributing.origin_words import tell_ground, tell_origin
from geofence.attribution import Undecided
from geofence.register.datums_suspicion import LEAST_PLACES, suspect_datum
from maps.features import incident_feature, semi_major_90_m


def sum_up(taken: Taken, conclusion: Conclusion, sealed: dict[str, Sealed], job: Job, station: Station) -> RunReport:
    """Return what became of every input, detection and sighting of a run, counted, with a line for each incident."""
    frames = [frame for given in taken.findings for frame in given.frames]
    unlocated = Counter(lost.code for frame in frames for lost in frame.unlocated)
    located = sum(len(frame.fixes) for frame in frames)
    with_incident = len({incident.sighting.sighting_id for incident in conclusion.incidents})
    assumptions = {
        words
        for frame in frames
        for words in (*frame.frame.pose.assumptions, *(said for fix in frame.fixes for said in fix.assumptions))
    }
    heat = station.instruments.heat
    detectors = [station.instruments.detector, *([] if heat is None else [heat.detector])]
    return RunReport(
        footage=str(job.footage),
        started_at=iso_utc(first_time(job.out, "started", station.instruments.clock)),
        finished_at=iso_utc(station.instruments.clock.now()),
        program=job.program,
        inputs=len(taken.files),
        results=sum(not given.refused for given in taken.findings),
        sidecars=taken.sidecars,
        refused_inputs=taken.refused_inputs,
        refusals=taken.refusals,
        resumed=taken.resumed,
        frames=len(frames),
        detections=located + sum(unlocated.values()),
        located=located,
        unlocated=dict(unlocated),
        sightings=len(conclusion.sightings),
        with_incident=with_incident,
        without=conclusion.without,
        undecided=sum(isinstance(outcome, Undecided) for outcome in conclusion.attributions),
        incidents=tuple(_line(incident, sealed, job, station.jurisdiction) for incident in conclusion.incidents),
        assumptions=tuple(sorted(assumptions)),
        register_refusals=job.register_refusals,
        findings=_findings(taken, conclusion, station.jurisdiction),
        looks=tell_looks(taken.findings),
        crowds=tuple(map(crowd_line, conclusion.crowds)),
        still_alarms=tuple(_alarm_line(alarm, frames) for alarm in conclusion.still),
        roof_alarms=tuple(_alarm_line(alarm, frames) for alarm in conclusion.roofs),
        operating=operating_lines(*detectors),
    )


def _findings(taken: Taken, conclusion: Conclusion, jurisdiction: Jurisdiction) -> tuple[str, ...]:
    """Return what speaks against trusting the run: sites that lie where a Chinese map's offset would put them."""
    places = [sighting.point for sighting in conclusion.sightings]
    if len(places) < LEAST_PLACES:
        frames = [frame.frame for given in taken.findings for frame in given.frames]
        places = [frame.pose.position for frame in frames if frame.pose.position is not None]
    suspicion = suspect_datum(jurisdiction.register.sites, places, declared=jurisdiction.datum)
    return () if suspicion is None else (str(suspicion),)


def _line(incident: Incident, sealed: dict[str, Sealed], job: Job, jurisdiction: Jurisdiction) -> IncidentLine:
    properties = incident_feature(incident, jurisdiction.register)["properties"]
    site = f"{properties['site_name']} {properties['site_code']}".strip()
    if not properties["site_decided"]:
        site = _("undecided") + ": " + properties["candidates"]
    return IncidentLine(
        number=incident.number,
        hazard=f"{incident.hazard.code} {incident.hazard.name_zh if job.chinese else incident.hazard.name_en}",
        site=site,
        site_code=properties["site_code"],
        zone=properties["zone_name"],
        probability=incident.hazard.probability,
        lon_deg=incident.sighting.point.lon_deg,
        lat_deg=incident.sighting.point.lat_deg,
        error_90_m=semi_major_90_m(incident.sighting.covariance),
        package=str(sealed[incident.incident_id].package.relative_to(job.out)),
        remark=_remark(incident, jurisdiction),
    )


def _remark(incident: Incident, jurisdiction: Jurisdiction) -> str:
    """Return what would decide an undecided site, and where smoke comes from."""
    outcome = incident.attribution
    parts = [outcome.reason] if isinstance(outcome, Undecided) else []
    if outcome.origin is not None:
        parts.append(tell_origin(outcome.origin))
    parts.append(tell_ground(outcome, {site.code: site.name for site in jurisdiction.register.sites}))
    return "; ".join(part for part in parts if part)


def _alarm_line(alarm: StillAlarm | RoofAlarm, frames: Sequence[FrameFindings]) -> str:
    """Return where an alarm that is none was seen, in which file first, and why it is none."""
    sighting = alarm.sighting
    first = sighting.fixes[0].detection.frame_id
    name, index = next(
        (frame.frame.original_name, frame.frame.index) for frame in frames if frame.frame.frame_id == first
    )
    return _("{lat:.6f}, {lon:.6f}, seen {count} times, score {score:.2f}, first in {file}: {reason}").format(
        lat=sighting.point.lat_deg,
        lon=sighting.point.lon_deg,
        count=len(sighting.fixes),
        score=max(fix.detection.score for fix in sighting.fixes),
        reason=alarm.reason,
        file=f"{name} #{index}" if index else name,
    )
