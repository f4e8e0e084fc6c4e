"""The preflight checklist: numbered, computed live, and binding.

Every line has a value and a verdict. A FAIL stops the flight unless a person overrides it by name and with a reason;
overrides are lines of the log. What a rehearsal cannot have (an approval, the same clock as the station, daylight) is
a WARN there and a FAIL in earnest.

The order is that of a walk-round: the link, the position, the power, the guards, the weather, the papers, the ground.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.clock import BEIJING, Clock
from core.points import GeoPoint, LocalPlane, distance_m, to_plane
from core.text import _
from flight.calendars.sun import sun_elevation_deg
from flight.flight_plan import FlightPlan, Severity, Sortie
from flight.link import Link, VehicleHealth, VehicleState
from flight.patrol import Approval, Patrol, flown_by

CIVIL_TWILIGHT_DEG: Final = -6.0
PARAMETERS: Final = (
    "FENCE_ENABLE", "FENCE_ACTION", "FENCE_ALT_MAX", "FENCE_TYPE", "FENCE_RADIUS", "FS_GCS_ENABLE", "BATT_FS_LOW_ACT",
    "RTL_ALT", "RTL_ALT_M", "MIS_RESTART", "CAM1_TYPE",
)  # fmt: skip
_FENCE_CEILING, _FENCE_CIRCLE, _FENCE_POLYGONS = 1, 2, 4  # bits of FENCE_TYPE
_CIRCLE_MARGIN_M: Final = 10.0
_RTL_HEIGHT_MARGIN_M: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the checklist.

    Attributes:
        number: From 1; the number of a check never changes.
        code: Stable slug, what an override names ("gps").
        severity: PASS, WARN or FAIL.
        text: What was found, with its value.
        overridden_by: Who let it pass, and why; empty when nobody did.
    """

    number: int
    code: str
    severity: Severity
    text: str
    overridden_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A person's decision to fly in spite of a failed check.

    Attributes:
        name: Who.
        reason: Why.
    """

    name: str
    reason: str

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.reason.strip():
            raise ValueError("an override names the person and the reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that the checklist looks at, gathered once."""

    state: VehicleState
    health: VehicleHealth
    parameters: Mapping[str, float | None]
    plan: FlightPlan
    sortie: Sortie
    patrol: Patrol | None
    approval: Approval | None
    rehearsal: bool
    now: datetime


def preflight(
    link: Link,
    plan: FlightPlan,
    sortie: Sortie,
    *,
    clock: Clock,
    patrol: Patrol | None = None,
    approval: Approval | None = None,
    rehearsal: bool = False,
    overrides: Mapping[str, Override] | None = None,
) -> tuple[Check, ...]:
    """Go through the checklist with the vehicle as it stands there now.

    Args:
        link: A connected vehicle, loaded with the sortie or not.
        plan: The plan.
        sortie: The sortie to be flown.
        clock: The station's clock.
        patrol: The patrol, for wind limits, reserve and no-fly zones; without it those lines warn.
        approval: The flight approval.
        rehearsal: Whether a simulated vehicle is to be flown.
        overrides: By check code.

    Returns:
        The checks in order.

    Raises:
        LinkFailed: The link died under it.
        ValueError: An override names a check that does not exist.
    """
    unknown = set(overrides or {}) - {code for code, _judge in _CHECKS}
    if unknown:
        raise ValueError(f"there is no check named {', '.join(sorted(unknown))}")
    health, parameters = link.health(), link.parameters(PARAMETERS)
    state = link.state()  # last, so that it is fresh when the others took their time
    situation = Situation(
        state=state,
        health=health,
        parameters=parameters,
        plan=plan,
        sortie=sortie,
        patrol=patrol,
        approval=approval,
        rehearsal=rehearsal,
        now=state.at if rehearsal else clock.now(),  # a rehearsal has a day of its own
    )
    checks = []
    for number, (code, judge) in enumerate(_CHECKS, start=1):
        severity, text = judge(situation)
        override = (overrides or {}).get(code)
        by = f"{override.name}: {override.reason}" if override is not None and severity is Severity.FAIL else ""
        checks.append(Check(number=number, code=code, severity=severity, text=text, overridden_by=by))
    return tuple(checks)


def demanded_parameters(
    sortie: Sortie, patrol: Patrol | None, *, return_height_m: float | None = None
) -> dict[str, float]:
    """Return the ArduPilot parameters that a sortie demands of its vehicle's guards, by name.

    Fence on, with polygons and a ceiling ten metres above the plan (and not above the limit), returning on a breach;
    link loss and low battery return; the return height that of the plan, for there the obstacles are known; a mission
    that was interrupted goes on where it was and does not begin again in the air. ``RTL_ALT`` is in centimetres;
    ArduPilot 4.7 calls it ``RTL_ALT_M`` and counts metres, and a vehicle has one of the two.

    Args:
        sortie: What will be flown.
        patrol: Its limits.
        return_height_m: Another return height, where several aircraft must not meet on their ways home.
    """
    home_m = return_height_m or max(waypoint.height.metres for waypoint in sortie.waypoints)
    top = max(home_m, *(waypoint.height.metres for waypoint in sortie.waypoints))
    limit = patrol.limits.max_height_agl_m if patrol is not None else 120.0
    return {
        "FENCE_TYPE": float(_FENCE_CEILING | _FENCE_POLYGONS),
        "FENCE_ACTION": 1.0,
        "FENCE_ALT_MAX": max(top + 1.0, min(top + 10.0, limit)),
        "FENCE_ENABLE": 1.0,
        "FS_GCS_ENABLE": 1.0,
        "BATT_FS_LOW_ACT": 2.0,
        "MIS_RESTART": 0.0,
        "RTL_ALT": float(round(home_m * 100.0)),
        "RTL_ALT_M": float(round(home_m)),
    }


def set_demanded(
    link: Link, sortie: Sortie, patrol: Patrol | None, *, return_height_m: float | None = None
) -> dict[str, tuple[float | None, float]]:
    """Set the demanded parameters and return those that changed: by name, (before, after).

    Arguments as for :func:`demanded_parameters`.

    Raises:
        VehicleRefused: The vehicle lacks a parameter or does not take its value.
        LinkFailed: It did not answer.
    """
    demanded = demanded_parameters(sortie, patrol, return_height_m=return_height_m)
    held = link.parameters(demanded)
    changed = {}
    for name, value in demanded.items():
        before = held[name]
        if before is None and name in {"RTL_ALT", "RTL_ALT_M", "MIS_RESTART"}:
            continue  # the other name of the same, or a firmware without it; the checklist tells
        if before is None or not math.isclose(before, value, abs_tol=1e-6):
            link.set_parameter(name, value)
            changed[name] = (before, value)
    return changed


def check_codes() -> tuple[str, ...]:
    """Return the names of the checklist's lines, in order; an override names one of them."""
    return tuple(code for code, _judge in _CHECKS)


def failures(checks: Sequence[Check]) -> tuple[Check, ...]:
    """Return the checks that stop the flight: failed and not overridden."""
    return tuple(check for check in checks if check.severity is Severity.FAIL and not check.overridden_by)


def _graded(value: float, *, warn_above: float, fail_above: float) -> Severity:
    return Severity.FAIL if value > fail_above else Severity.WARN if value > warn_above else Severity.PASS


def _earnest(situation: Situation) -> Severity:
    """Return FAIL, or WARN in a rehearsal, for what a rehearsal cannot have."""
    return Severity.WARN if situation.rehearsal else Severity.FAIL


def _link_quality(s: Situation) -> tuple[Severity, str]:
    worst = max(
        _graded(s.health.packet_loss, warn_above=0.05, fail_above=0.20),
        _graded(s.health.heartbeat_age_s, warn_above=2.5, fail_above=5.0),
        key=list(Severity).index,
    )
    return worst, _("{loss:.1%} of packets lost, last heartbeat {age:.1f} s ago").format(
        loss=s.health.packet_loss, age=s.health.heartbeat_age_s
    )


def _gps(s: Situation) -> tuple[Severity, str]:
    fix, hdop, satellites = s.health.gps_fix, s.health.hdop, s.health.satellites
    if fix is None or fix < 3 or s.state.position is None:
        return Severity.FAIL, _("no 3D fix")
    text = _("fix type {fix}, HDOP {hdop}, {satellites} satellites").format(
        fix=fix, hdop="?" if hdop is None else f"{hdop:.1f}", satellites="?" if satellites is None else satellites
    )
    if hdop is None:
        return Severity.WARN, text
    return _graded(hdop, warn_above=1.4, fail_above=2.5), text


def _estimator(s: Situation) -> tuple[Severity, str]:
    if s.health.ekf_ok is None:
        return Severity.WARN, _("the vehicle does not report its estimator")
    return (Severity.PASS, _("absolute position held")) if s.health.ekf_ok else (Severity.FAIL, _("no position"))


def _own_checks(s: Situation) -> tuple[Severity, str]:
    if s.health.prearm_ok is None:
        return Severity.WARN, _("the vehicle does not report its own checks")
    if s.health.prearm_ok:
        return Severity.PASS, _("the autopilot's own checks pass ({firmware})").format(firmware=s.health.firmware)
    return Severity.FAIL, _("the autopilot's own checks fail: {texts}").format(
        texts="; ".join(s.health.prearm_texts) or _("it does not say why")
    )


def _battery(s: Situation) -> tuple[Severity, str]:
    share = s.health.battery_share
    reserve = s.patrol.limits.battery_reserve if s.patrol is not None else 0.25
    need = s.sortie.battery_used + reserve
    if share is None:
        return Severity.FAIL, _("the battery is not reported; the plan needs {need:.0%}").format(need=need)
    text = _("{share:.0%} charged, the plan needs {need:.0%} with its reserve").format(share=share, need=need)
    # The report is in whole per cent.
    if share + 0.005 < need:
        return Severity.FAIL, text
    return (Severity.WARN if share < need + 0.05 else Severity.PASS), text


def _home(s: Situation) -> tuple[Severity, str]:
    planned = s.sortie.waypoints[0].position
    if s.state.position is None:
        return Severity.FAIL, _("the vehicle has no position")
    away = distance_m(s.state.position, planned)
    held = "?" if s.health.home is None else f"{distance_m(s.health.home, planned):.0f}"
    text = _("stands {away:.0f} m from the plan's home; its own home lies {held} m from it").format(
        away=away, held=held
    )
    return _graded(away, warn_above=10, fail_above=30), text


def _fence(s: Situation) -> tuple[Severity, str]:
    held = s.parameters
    enabled, action, ceiling = held["FENCE_ENABLE"], held["FENCE_ACTION"], held["FENCE_ALT_MAX"]
    kinds, radius = int(held["FENCE_TYPE"] or 0), held["FENCE_RADIUS"]
    if enabled is None:
        return Severity.WARN, _("the vehicle has no fence parameters of ArduPilot; check its fence by hand")
    top = max(waypoint.height.metres for waypoint in s.sortie.waypoints)
    reach = max(distance_m(s.plan.home, waypoint.position) for waypoint in s.sortie.waypoints)
    problems = []
    if not enabled:
        problems.append(_("the fence is off; set FENCE_ENABLE to 1"))
    if not action:
        problems.append(_("the fence only reports; set FENCE_ACTION to 1"))
    if ceiling is not None and kinds & _FENCE_CEILING and ceiling < top:
        problems.append(
            _("FENCE_ALT_MAX is {ceiling:.0f} m, the plan flies at {top:.0f} m").format(ceiling=ceiling, top=top)
        )
    if radius is not None and kinds & _FENCE_CIRCLE and radius < reach + _CIRCLE_MARGIN_M:
        problems.append(
            _("FENCE_RADIUS is {radius:.0f} m, the plan goes {reach:.0f} m away").format(radius=radius, reach=reach)
        )
    bounded = s.patrol is not None and (s.patrol.permitted is not None or s.patrol.no_fly_zones)
    if bounded and not kinds & _FENCE_POLYGONS:
        problems.append(_("the fence ignores the polygons that were loaded; add 4 to FENCE_TYPE"))
    if problems:
        return Severity.FAIL, "; ".join(problems)
    return Severity.PASS, _("on, action {action:.0f}, ceiling {ceiling} m").format(
        action=action, ceiling="?" if ceiling is None else f"{ceiling:.0f}"
    )


def _return_height_m(held: Mapping[str, float | None]) -> float | None:
    """Return the height at which it comes home, metres; None when the vehicle has neither name of the parameter."""
    metres, centimetres = held["RTL_ALT_M"], held["RTL_ALT"]
    if metres is not None:
        return metres
    return None if centimetres is None else centimetres / 100


def _failsafes(s: Situation) -> tuple[Severity, str]:
    held = s.parameters
    if held["FS_GCS_ENABLE"] is None and held["BATT_FS_LOW_ACT"] is None:
        return Severity.WARN, _("the vehicle has no failsafe parameters of ArduPilot; check them by hand")
    problems = []
    if not held["FS_GCS_ENABLE"]:
        problems.append(_("FS_GCS_ENABLE is off: a lost link would not bring it home"))
    if not held["BATT_FS_LOW_ACT"]:
        problems.append(_("BATT_FS_LOW_ACT is off: a low battery would not bring it home"))
    if held["MIS_RESTART"]:
        problems.append(_("MIS_RESTART is on: a mission that was interrupted would begin anew in the air"))
    top = max(waypoint.height.metres for waypoint in s.sortie.waypoints)
    height = _return_height_m(held)
    if height is not None and s.patrol is not None and height > s.patrol.limits.max_height_agl_m:
        problems.append(
            _("RTL_ALT is {height:.0f} m, above the limit of {limit:.0f} m").format(
                height=height, limit=s.patrol.limits.max_height_agl_m
            )
        )
    if problems:
        return Severity.FAIL, "; ".join(problems)
    if height is None:
        return Severity.WARN, _("link loss and low battery bring it home; at what height it does not tell")
    text = _("link loss and low battery bring it home at {height:.0f} m").format(height=height)
    return (Severity.WARN if height + _RTL_HEIGHT_MARGIN_M < min(top, 30) else Severity.PASS), text


def _clock(s: Situation) -> tuple[Severity, str]:
    offset = s.health.clock_offset_s
    if offset is None:
        return Severity.WARN, _("the vehicle does not know the time")
    text = _("the vehicle's clock is off by {offset:+.1f} s").format(offset=offset)
    if abs(offset) > 5:
        return _earnest(s), text
    return (Severity.WARN if abs(offset) > 1 else Severity.PASS), text


def _storage(s: Situation) -> tuple[Severity, str]:
    free = s.health.storage_free_mib
    need = s.sortie.photos * 12.0  # a 20-megapixel JPEG is 8 to 12 MB
    if s.sortie.photos and s.parameters["CAM1_TYPE"] == 0:
        return Severity.WARN, _(
            "the vehicle has no camera set up (CAM1_TYPE 0): {count} photographs would not be reported"
        ).format(count=s.sortie.photos)
    if free is None:
        return Severity.WARN, _("the camera does not report its card; {need:.0f} MiB are needed").format(need=need)
    text = _("{free:.0f} MiB free, {need:.0f} MiB needed").format(free=free, need=need)
    return (Severity.PASS if free >= need else Severity.FAIL), text


def _wind(s: Situation) -> tuple[Severity, str]:
    wind = s.health.wind_m_s
    if wind is None:
        return Severity.WARN, _("the vehicle does not report the wind; measure it")
    if s.patrol is None:
        return Severity.WARN, _("{wind:.1f} m/s; no limit is known without the patrol").format(wind=wind)
    limit = flown_by(s.patrol, s.sortie.crew).aircraft.max_wind_m_s
    text = _("{wind:.1f} m/s from {direction:.0f}°, the limit is {limit:.0f} m/s").format(
        wind=wind, direction=s.health.wind_from_deg or 0.0, limit=limit
    )
    return _graded(wind, warn_above=0.7 * limit, fail_above=limit), text


def _approval(s: Situation) -> tuple[Severity, str]:
    if s.approval is None:
        return _earnest(s), _("no flight approval (飞行活动批准)")
    lasts_s = (s.approval.ends_at - s.now).total_seconds()
    text = _("{number}, until {end}").format(
        number=s.approval.number, end=s.approval.ends_at.astimezone(BEIJING).strftime("%H:%M")
    )
    top = max(waypoint.height.metres for waypoint in s.sortie.waypoints)
    if not s.approval.starts_at <= s.now < s.approval.ends_at:
        return _earnest(s), _("{approval}: not valid now").format(approval=text)
    if lasts_s < s.sortie.duration_s:
        return _earnest(s), _("{approval}: ends before the sortie does").format(approval=text)
    if top > s.approval.max_height_agl_m:
        return Severity.FAIL, _("{approval}: approved to {limit:.0f} m, planned to {top:.0f} m").format(
            approval=text, limit=s.approval.max_height_agl_m, top=top
        )
    return (Severity.WARN if lasts_s < s.sortie.duration_s + 300 else Severity.PASS), text


def _daylight(s: Situation) -> tuple[Severity, str]:
    elevation = sun_elevation_deg(s.plan.home, s.now)
    text = _("the sun stands at {elevation:.0f}°").format(elevation=elevation)
    if elevation < CIVIL_TWILIGHT_DEG:
        return Severity.WARN, _("{sun}: night; lights on, and the approval must name it").format(sun=text)
    return (Severity.WARN if elevation < 0 else Severity.PASS), text


def _no_fly(s: Situation) -> tuple[Severity, str]:
    if s.patrol is None:
        return Severity.WARN, _("no no-fly zones are known without the patrol")
    crossed = crossings(s.sortie, s.patrol, s.plan.home)
    if crossed:
        return Severity.FAIL, _("the route crosses {zones}").format(zones=", ".join(crossed))
    return Severity.PASS, _("the route keeps clear of {count} zones").format(count=len(s.patrol.no_fly_zones))


def crossings(sortie: Sortie, patrol: Patrol, home: GeoPoint) -> list[str]:
    """Return the names of no-fly zones that the sortie's legs cross within the zones' height bands."""
    import shapely
    from shapely import LineString

    plane = LocalPlane(origin=home)
    names = []
    for zone in patrol.no_fly_zones:
        shape = shapely.transform(zone.shape, lambda lonlat: to_plane(plane, lonlat))
        for before, after in zip(sortie.waypoints, sortie.waypoints[1:], strict=False):
            low, high = sorted((before.height.metres, after.height.metres))
            if high < zone.floor_m or low > zone.ceiling_m:
                continue
            ends = [[w.position.lon_deg, w.position.lat_deg] for w in (before, after)]
            if shape.intersects(LineString(to_plane(plane, ends))):
                names.append(zone.name)
                break
    return names


def _plan_findings(s: Situation) -> tuple[Severity, str]:
    failed = [finding.code for finding in s.plan.findings if finding.severity is Severity.FAIL]
    if failed:
        return _earnest(s), _("the plan's own checklist fails: {codes}").format(codes=", ".join(failed))
    if not s.plan.findings:
        return _earnest(s), _("the plan carries no checklist; make it anew with `skywarden plan`")
    return Severity.PASS, _("the plan's own checklist has {count} lines and no failure").format(
        count=len(s.plan.findings)
    )


def _at_rest(s: Situation) -> tuple[Severity, str]:
    if s.state.armed:
        return Severity.FAIL, _("the motors are armed already")
    if s.state.ground_speed_m_s > 1.0 or math.fabs(s.state.climb_m_s) > 1.0:
        return Severity.FAIL, _("it moves at {speed:.1f} m/s on the ground").format(speed=s.state.ground_speed_m_s)
    return Severity.PASS, _("disarmed and at rest")


_CHECKS: Final = (
    ("link", _link_quality),
    ("gps", _gps),
    ("estimator", _estimator),
    ("autopilot", _own_checks),
    ("battery", _battery),
    ("home", _home),
    ("at-rest", _at_rest),
    ("fence", _fence),
    ("failsafes", _failsafes),
    ("clock", _clock),
    ("storage", _storage),
    ("wind", _wind),
    ("approval", _approval),
    ("daylight", _daylight),
    ("no-fly", _no_fly),
    ("plan", _plan_findings),
)
