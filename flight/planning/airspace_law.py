"""The lawful-flight checklist of each sortie: one finding for each rule, with its article, in the law's order.

FAIL means that flying it as planned would break the rule as far as the patrol shows: no approval where one is needed, a
window or height that the approval does not cover, a deadline that has passed. WARN means that a person has to see to it
on the day. The list judges what it is told: whether ground is controlled is for the patrol's areas to say (their
``airspace``), because the published maps of controlled airspace are not part of this program.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from core.clock import in_utc
from core.points import distance_m
from core.text import _
from flight.calendars.sun import sun_elevation_deg
from flight.flight_plan import Finding, Severity, Sortie
from flight.patrol import Patrol, flown_by
from flight.planning.airspace_rules import AirspaceRules

SUN_UP_DEG: Final = -0.833  # the sun's upper edge on the horizon, refraction included


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """When what is due for a take-off, aware, in the jurisdiction's zone."""

    apply_by: datetime
    decided_by: datetime
    report_by: datetime


def deadlines(rules: AirspaceRules, takeoff_at: datetime, *, emergency: bool = False) -> Deadlines:
    """Return when the application, the decision and the readiness report are due for a take-off."""
    takeoff = in_utc(takeoff_at).astimezone(rules.zone)
    report_by = takeoff - timedelta(minutes=rules.report_minutes_before)
    if emergency:
        return Deadlines(
            apply_by=takeoff - timedelta(minutes=rules.emergency_minutes_before),
            decided_by=takeoff - timedelta(minutes=rules.emergency_decided_minutes_before),
            report_by=report_by,
        )
    day = takeoff.date() - timedelta(days=rules.days_before)
    return Deadlines(
        apply_by=datetime.combine(day, rules.by_time, rules.zone),
        decided_by=datetime.combine(day, rules.decided_by_time, rules.zone),
        report_by=report_by,
    )


def earliest_takeoff(rules: AirspaceRules, now: datetime, *, emergency: bool = False) -> datetime:
    """Return when a flight that is applied for ``now`` (aware) may take off at the earliest, in the rules' zone."""
    moment = in_utc(now).astimezone(rules.zone)
    if emergency:
        return moment + timedelta(minutes=rules.emergency_minutes_before)
    late = moment.time() > rules.by_time
    day = moment.date() + timedelta(days=rules.days_before + (1 if late else 0))
    return datetime.combine(day, time(), rules.zone)


def takeoffs(sorties: tuple[Sortie, ...], at: datetime, *, change_s: float = 300.0) -> dict[int, datetime]:
    """Return when each sortie takes off when every crew begins at ``at``, with a battery change between two.

    A sortie that the plan lets wait takes off no earlier than the plan says.
    """
    found: dict[int, datetime] = {}
    free: dict[str, datetime] = {}
    for sortie in sorties:
        planned = in_utc(at) + timedelta(seconds=sortie.takeoff_s or 0.0)
        found[sortie.number] = max(planned, free.get(sortie.crew, planned))
        free[sortie.crew] = found[sortie.number] + timedelta(seconds=sortie.duration_s + change_s)
    return found


def checklist(
    patrol: Patrol,
    sortie: Sortie,
    rules: AirspaceRules,
    takeoff_at: datetime | None = None,
    now: datetime | None = None,
) -> tuple[Finding, ...]:
    """Return the numbered checklist of one sortie under the rules of a jurisdiction.

    Args:
        patrol: What it belongs to.
        sortie: What is to be flown.
        rules: The jurisdiction's rules.
        takeoff_at: When it takes off, aware; None leaves the lines that depend on it as reminders.
        now: What time it is, aware, to say whether an application still comes in time; None does not judge that.
    """
    patrol = flown_by(patrol, sortie.crew)
    lines = (
        _class(patrol, rules),
        *_airspace(patrol, sortie, rules),
        *_approval(patrol, sortie, rules, takeoff_at),
        _dates(patrol, sortie, rules, takeoff_at, now),
        _identification(rules),
        _night(patrol, sortie, rules, takeoff_at),
        _sight(sortie, rules),
        _filming(rules),
    )
    return tuple(
        Finding(
            code=f"law-{sortie.number}-{number:02d}-{line.code}",
            severity=line.severity,
            text=_("sortie {sortie}: {text}").format(sortie=sortie.number, text=line.text),
            basis=f"{rules.law} {line.basis}",
        )
        for number, line in enumerate(lines, start=1)
    )


def controlled_kinds(patrol: Patrol, sortie: Sortie) -> tuple[str, ...]:
    """Return the kinds of controlled ground below the areas that a sortie flies over, sorted."""
    flown = {waypoint.area for waypoint in sortie.waypoints}
    return tuple(sorted({kind for area in patrol.areas if area.name in flown for kind in area.airspace}))


def needs_approval(patrol: Patrol, sortie: Sortie, rules: AirspaceRules) -> bool:
    """Return whether a sortie needs an approval: controlled ground, above the open height, or a heavy aircraft."""
    return (
        bool(controlled_kinds(patrol, sortie))
        or highest_agl_m(patrol, sortie) > rules.open_height_m
        or rules.class_of(patrol.aircraft.mass_kg) not in rules.open_classes
    )


def highest_agl_m(patrol: Patrol, sortie: Sortie) -> float:
    """Return the greatest height above ground that a sortie is planned for, metres."""
    flown = {waypoint.area for waypoint in sortie.waypoints}
    return max((area.height_agl_m for area in patrol.areas if area.name in flown), default=0.0)


def _class(patrol: Patrol, rules: AirspaceRules) -> Finding:
    return Finding(
        code="registration",
        severity=Severity.WARN,
        text=_(
            "{model}, {mass:.2f} kg, is of class {name}; registered by name and insured? carry its papers and the "
            "pilot's licence"
        ).format(
            model=patrol.aircraft.model, mass=patrol.aircraft.mass_kg, name=rules.class_of(patrol.aircraft.mass_kg)
        ),
        basis=rules.articles["registration"],
    )


def _airspace(patrol: Patrol, sortie: Sortie, rules: AirspaceRules) -> Iterator[Finding]:
    highest = highest_agl_m(patrol, sortie)
    high = highest > rules.open_height_m
    yield Finding(
        code="height",
        severity=Severity.WARN if high else Severity.PASS,
        text=_("flown up to {height:.0f} m true height; air above {limit:.0f} m is controlled").format(
            height=highest, limit=rules.open_height_m
        ),
        basis=rules.articles["height"],
    )
    kinds = controlled_kinds(patrol, sortie)
    if not kinds:
        yield Finding(
            code="controlled-ground",
            severity=Severity.PASS,
            text=_("the areas name no controlled ground below; compare with the published map of open airspace"),
            basis=rules.articles["open_airspace"],
        )
    for kind in kinds:
        known = rules.controlled.get(kind)
        yield Finding(
            code="controlled-ground",
            severity=Severity.WARN if known else Severity.FAIL,
            text=_("the air over {name} is controlled at any height").format(name=known.name)
            if known
            else _("the rules know no ground called {kind}").format(kind=kind),
            basis=known.basis if known else rules.articles["open_airspace"],
        )


def _approval(patrol: Patrol, sortie: Sortie, rules: AirspaceRules, takeoff_at: datetime | None) -> Iterator[Finding]:
    basis = rules.articles["approval"]
    approval = patrol.approval
    if not needs_approval(patrol, sortie, rules):
        yield Finding(
            code="approval", severity=Severity.PASS, text=_("open airspace: no approval is needed"), basis=basis
        )
        return
    if approval is None:
        yield Finding(
            code="approval",
            severity=Severity.FAIL,
            text=_("an approval is needed and none is entered; enter its number, window and height in the patrol"),
            basis=basis,
        )
        return
    yield Finding(
        code="approval",
        severity=Severity.PASS if highest_agl_m(patrol, sortie) <= approval.max_height_agl_m else Severity.FAIL,
        text=_("approval {number} up to {approved:.0f} m; {height:.0f} m are planned").format(
            number=approval.number, approved=approval.max_height_agl_m, height=highest_agl_m(patrol, sortie)
        ),
        basis=basis,
    )
    window = [
        moment.astimezone(rules.zone).isoformat(timespec="minutes") for moment in (approval.starts_at, approval.ends_at)
    ]
    if takeoff_at is None:
        yield Finding(
            code="approval-window",
            severity=Severity.WARN,
            text=_("approved from {start} to {end}; fly within it").format(start=window[0], end=window[1]),
            basis=basis,
        )
        return
    begins = in_utc(takeoff_at)
    ends = begins + timedelta(seconds=sortie.duration_s)
    yield Finding(
        code="approval-window",
        severity=Severity.PASS if approval.starts_at <= begins and ends <= approval.ends_at else Severity.FAIL,
        text=_("flown from {begins} to {ends}; approved from {start} to {end}").format(
            begins=_local(begins, rules),
            ends=_local(ends, rules),
            start=window[0],
            end=window[1],
        ),
        basis=basis,
    )


def _dates(
    patrol: Patrol, sortie: Sortie, rules: AirspaceRules, takeoff_at: datetime | None, now: datetime | None
) -> Finding:
    basis = rules.articles["emergency" if patrol.emergency else "application"] + "、" + rules.articles["report"]
    if not needs_approval(patrol, sortie, rules):
        return Finding(code="deadlines", severity=Severity.PASS, text=_("nothing to apply for"), basis=basis)
    if takeoff_at is None:
        text = (
            _("apply {minutes} min before take-off").format(minutes=rules.emergency_minutes_before)
            if patrol.emergency
            else _("apply by {time} of the day before").format(time=rules.by_time.isoformat("minutes"))
        )
        text += _("; report {minutes} min before take-off").format(minutes=rules.report_minutes_before)
        return Finding(code="deadlines", severity=Severity.WARN, text=text, basis=basis)
    due = deadlines(rules, takeoff_at, emergency=patrol.emergency)
    if now is not None and patrol.approval is None and in_utc(now) > in_utc(due.apply_by):
        return Finding(
            code="deadlines",
            severity=Severity.FAIL,
            text=_("the application was due by {apply}; applied for now, it may be flown from {earliest}").format(
                apply=due.apply_by.isoformat(timespec="minutes"),
                earliest=earliest_takeoff(rules, now, emergency=patrol.emergency).isoformat(timespec="minutes"),
            ),
            basis=basis,
        )
    return Finding(
        code="deadlines",
        severity=Severity.WARN,
        text=_("apply by {apply}, decided by {decided}, report readiness by {report}").format(
            apply=due.apply_by.isoformat(timespec="minutes"),
            decided=due.decided_by.isoformat(timespec="minutes"),
            report=due.report_by.isoformat(timespec="minutes"),
        ),
        basis=basis,
    )


def _local(moment: datetime, rules: AirspaceRules) -> str:
    return moment.astimezone(rules.zone).isoformat(timespec="minutes")


def _identification(rules: AirspaceRules) -> Finding:
    return Finding(
        code="identification",
        severity=Severity.WARN,
        text=_("broadcast identification in flight and report to the supervision platform"),
        basis=rules.articles["identification"],
    )


def _night(patrol: Patrol, sortie: Sortie, rules: AirspaceRules, takeoff_at: datetime | None) -> Finding:
    basis = rules.articles["night"]
    if takeoff_at is None:
        return Finding(code="night", severity=Severity.WARN, text=_("lights on when flown at night"), basis=basis)
    moments = (in_utc(takeoff_at), in_utc(takeoff_at) + timedelta(seconds=sortie.duration_s))
    lowest = min(sun_elevation_deg(patrol.home, moment) for moment in moments)
    if lowest >= SUN_UP_DEG:
        return Finding(
            code="night",
            severity=Severity.PASS,
            text=_("by day, the sun {sun:.0f}° up").format(sun=lowest),
            basis=basis,
        )
    allowed = patrol.limits.night_flight
    return Finding(
        code="night",
        severity=Severity.WARN if allowed else Severity.FAIL,
        text=_("by night: lights on and working")
        if allowed
        else _("by night, and the patrol's limits do not allow night flight (limits: night_flight)"),
        basis=basis,
    )


def _sight(sortie: Sortie, rules: AirspaceRules) -> Finding:
    start = sortie.waypoints[0].position
    farthest = max(distance_m(start, waypoint.position) for waypoint in sortie.waypoints)
    beyond = farthest > rules.sight_m
    return Finding(
        code="beyond-sight",
        severity=Severity.WARN if beyond else Severity.PASS,
        text=_("{distance:.0f} m from take-off: beyond visual line of sight, watch other traffic").format(
            distance=farthest
        )
        if beyond
        else _("{distance:.0f} m from take-off, within sight").format(distance=farthest),
        basis=rules.articles["beyond_sight"],
    )


def _filming(rules: AirspaceRules) -> Finding:
    return Finding(
        code="filming",
        severity=Severity.WARN,
        text=_("no military or secret sites in the picture; faces and plates are blurred on what is handed out"),
        basis=rules.articles["filming"],
    )
