"""The run's report: every count, every refusal, and where everything lies. Inputs = results + refusals, always."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from app.coverage_file import Covered, tell_covered
from app.looks import Looks, reason_name
from app.operating import OperatingLine, lines_table
from app.over_patrols import OverPatrols, StandingLine, event_name
from core.clock import BEIJING, from_iso, iso_utc
from core.refusal import Refusal
from core.text import _
from core.whole_file import write_bytes
from evidence.sealing.canonical import encode
from geofence.crowd import Crowd
from geofence.persistence.standing import Event

MOST_CROWDS: Final = 12
SCHEMA: Final = "skywarden/run/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentLine:
    """An incident as the report lists it.

    Attributes:
        number: The short number.
        hazard: Hazard code and name.
        site: The enterprise's name and code; empty outside; the candidates when undecided.
        site_code: The enterprise's code when it is decided, else empty.
        zone: The zone's name.
        probability: Of the zone, in [0, 1].
        lon_deg, lat_deg, error_90_m: Where, and the 90 % ellipse's longer half axis.
        package: The sealed package's folder, relative to the run's.
        remark: What a person should know besides: what would decide an undecided site, where smoke comes from and which
            ground it covers.
    """

    number: str
    hazard: str
    site: str
    site_code: str
    zone: str
    probability: float
    lon_deg: float
    lat_deg: float
    error_90_m: float
    package: str
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdLine:
    """The people in one zone during one look, as the report lists them.

    Attributes:
        zone: The zone's name and id.
        began_at, ended_at: RFC 3339, UTC.
        seen: People seen who may stand inside.
        expected: How many of them do, given where they stand.
        least: So many at least, with 95 % confidence, if every one seen is a person.
        most: So many at most, likewise; None where nobody measured how many are missed.
        per_m2: Those expected over the zone's area.
    """

    zone: str
    began_at: str
    ended_at: str
    seen: int
    expected: float
    least: int
    most: int | None
    per_m2: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What one run did with every input.

    Attributes:
        footage: The folder that was processed.
        started_at, finished_at: RFC 3339, UTC.
        program: Name and version.
        inputs: Files found.
        results: Files that gave frames.
        sidecars: Subtitle files used with their video.
        refusals: Files and parts that were refused, each with its reason.
        refused_inputs: How many whole files were refused; inputs = results + sidecars + refused_inputs.
        resumed: Files whose findings an earlier try had finished.
        frames: Frames examined.
        detections: Boxes found; detections = located + the sum of unlocated.
        located: Detections put on the ground.
        unlocated: Detections that were not, by code.
        sightings: Things on the ground; sightings = with incident + the sum of without.
        with_incident: Sightings that are at least one incident.
        without: Sightings that are none, by reason.
        undecided: Sightings whose site could not be told.
        incidents: Every incident.
        assumptions: What was declared rather than measured, anywhere in this run.
        register_refusals: Sites and zones of the register that could not be used.
        over_patrols: What this patrol says of hazards that earlier ones knew; None where no frame was seen.
        operating: For every label the threshold in use and what it was measured to cost; empty for a detector that
            declares none.
        findings: What a person should look into before trusting the run: a register that seems to be in another datum.
        looks: What of the frames was looked at, and what was left out and why.
        covered: How much ground was seen, in daylight frames.
        covered_in_heat: How much weights for heat saw, in thermal frames; None where they looked at none.
        still_alarms: What was taken for smoke or fire and is none, because it keeps still: where, and the numbers.
        roof_alarms: What was taken for a vehicle and is none, because it is on a roof: where, and how high.
        crowds: The people in each zone and look.
    """

    footage: str
    started_at: str
    finished_at: str
    program: str
    inputs: int
    results: int
    sidecars: int
    refused_inputs: int
    refusals: tuple[Refusal, ...]
    resumed: int
    frames: int
    detections: int
    located: int
    unlocated: dict[str, int]
    sightings: int
    with_incident: int
    without: dict[str, int]
    undecided: int
    incidents: tuple[IncidentLine, ...]
    assumptions: tuple[str, ...]
    register_refusals: tuple[Refusal, ...]
    over_patrols: OverPatrols | None = None
    findings: tuple[str, ...] = ()
    looks: Looks | None = None
    covered: Covered | None = None
    covered_in_heat: Covered | None = None
    still_alarms: tuple[str, ...] = ()
    roof_alarms: tuple[str, ...] = ()
    operating: tuple[OperatingLine, ...] = ()
    crowds: tuple[CrowdLine, ...] = ()

    def __post_init__(self) -> None:
        if self.inputs != self.results + self.sidecars + self.refused_inputs:
            raise ValueError("an input is unaccounted for")
        if self.detections != self.located + sum(self.unlocated.values()):
            raise ValueError("a detection is unaccounted for")
        if self.sightings != self.with_incident + sum(self.without.values()):
            raise ValueError("a sighting is unaccounted for")


def write_report(report: RunReport, path: Path) -> None:
    """Write the report as canonical JSON, whole or not at all."""
    write_bytes(path, encode(SCHEMA, report))


def print_report(report: RunReport, console: Console, *, places: Iterable[tuple[str, Path]]) -> None:
    """Print the report for a person: counts, refusals by reason, incidents, and where everything lies."""
    console.print(_counts(report))
    for sentence in report.findings:
        console.print(sentence, style="bold yellow", soft_wrap=True, highlight=False)
    if report.refusals or report.register_refusals:
        console.print(_refusals((*report.register_refusals, *report.refusals)))
    _print_incidents(report, console)
    if report.operating:
        console.print(lines_table(report.operating))
    if report.over_patrols is not None:
        _print_over_patrols(report.over_patrols, console)
    for name, path in places:
        console.print(f"[bold]{name}[/bold]  {path}", soft_wrap=True)


def _print_incidents(report: RunReport, console: Console) -> None:
    if report.incidents:
        console.print(_incidents(report))
    _print_remarks(report, console)


def _counts(report: RunReport) -> Table:
    table = Table(title=_("What became of everything"), show_header=False, title_justify="left")
    table.add_column(justify="left")
    table.add_column(justify="right")
    table.add_column(justify="left")

    def parts(counts: dict[str, int]) -> str:
        return ", ".join(f"{number} {code}" for code, number in sorted(counts.items()))

    table.add_row(
        _("inputs"),
        str(report.inputs),
        _("{results} gave frames, {sidecars} subtitles used, {refused} refused ({resumed} finished earlier)").format(
            results=report.results,
            sidecars=report.sidecars,
            refused=report.refused_inputs,
            resumed=report.resumed,
        ),
    )
    table.add_row(_("frames"), str(report.frames), _followed(report.looks))
    if report.looks is not None and (report.looks.tiles_run or report.looks.left_out):
        left_out = ", ".join(f"{number} {reason_name(why)}" for why, number in sorted(report.looks.left_out.items()))
        told = _("left out: {reasons}").format(reasons=left_out) if left_out else _("none left out")
        table.add_row(_("parts of frames looked at"), str(report.looks.tiles_run), told)
    for name, covered in ((_("ground seen"), report.covered), (_("ground seen in heat"), report.covered_in_heat)):
        if covered is not None:
            seen = _("{area:.3f} km²").format(area=covered.seen_m2 / 1e6)
            table.add_row(name, seen, tell_covered(covered))
    table.add_row(
        _("detections"),
        str(report.detections),
        _("{located} on the ground").format(located=report.located)
        + (f"; {parts(report.unlocated)}" if report.unlocated else ""),
    )
    table.add_row(
        _("sightings"),
        str(report.sightings),
        _("{hits} with an incident; site undecided for {undecided}").format(
            hits=report.with_incident, undecided=report.undecided
        )
        + (f"; {parts(report.without)}" if report.without else ""),
    )
    table.add_row(_("incidents"), str(len(report.incidents)), "")
    return table


def _followed(looks: Looks | None) -> str:
    if looks is None or not (looks.followed or looks.not_followed):
        return ""
    told = _("{followed} of them to follow what was found").format(followed=looks.followed)
    if looks.not_followed:
        told += "; " + _("{number} more would have been too many").format(number=looks.not_followed)
    return told


def _refusals(refusals: tuple[Refusal, ...]) -> Table:
    table = Table(title=_("Refused, and why"), title_justify="left")
    table.add_column(_("what"), overflow="fold")
    table.add_column(_("why"), overflow="fold")
    table.add_column(_("what to do"), overflow="fold")
    # Twenty files refused for one reason are one line: a person reads the reason, the report lists the files.
    groups: Counter[tuple[str, str, str]] = Counter()
    first: dict[tuple[str, str, str], str] = {}
    for refusal in refusals:
        key = (refusal.code, refusal.reason, refusal.remedy)
        groups[key] += 1
        first.setdefault(key, refusal.subject)
    for key, number in groups.items():
        subject = first[key] if number == 1 else _("{first} and {more} more").format(first=first[key], more=number - 1)
        table.add_row(subject, key[1], key[2])
    return table


def _incidents(report: RunReport) -> Table:
    table = Table(title=_("Incidents (leads until officers confirm them on site)"), title_justify="left")
    for name in (_("number"), _("hazard"), _("enterprise"), _("zone"), _("position")):
        table.add_column(name, overflow="fold")
    for line in report.incidents:
        table.add_row(
            line.number,
            line.hazard,
            line.site,
            f"{line.zone} ({line.probability:.0%})",
            f"{line.lat_deg:.6f}, {line.lon_deg:.6f} ± {line.error_90_m:.1f} m",
        )
    return table


def _print_remarks(report: RunReport, console: Console) -> None:
    """Print what would decide undecided sites, the people in zones, and the alarms that are none."""
    for line in report.incidents:
        if line.remark:
            console.print(f"  {line.number}: {line.remark}", soft_wrap=True, markup=False, highlight=False)
    if report.crowds:
        console.print(_crowds(report.crowds))
    if report.still_alarms:
        console.print(_("Taken for smoke or fire, and none:"), style="bold")
    for sentence in report.still_alarms:
        console.print(f"  {sentence}", soft_wrap=True, markup=False, highlight=False)
    if report.roof_alarms:
        console.print(_("Taken for vehicles, and on roofs:"), style="bold")
    for sentence in report.roof_alarms:
        console.print(f"  {sentence}", soft_wrap=True, markup=False, highlight=False)


def crowd_line(crowd: Crowd) -> CrowdLine:
    """Return the people in a zone as the report lists them."""
    return CrowdLine(
        zone=f"{crowd.zone_name} ({crowd.zone_id})",
        began_at=iso_utc(crowd.began_at),
        ended_at=iso_utc(crowd.ended_at),
        seen=crowd.seen,
        expected=round(crowd.expected, 2),
        least=crowd.least,
        most=crowd.most,
        per_m2=round(crowd.per_m2, 5),
    )


def _crowds(lines: tuple[CrowdLine, ...]) -> Table:
    """Return the fullest look at each zone; all looks stand in the report's file."""
    fullest: dict[str, CrowdLine] = {}
    for line in lines:
        if line.zone not in fullest or line.expected > fullest[line.zone].expected:
            fullest[line.zone] = line
    table = Table(title=_("People in zones (the fullest look at each)"), title_justify="left")
    for name in (_("zone"), _("seen from"), _("people seen"), _("inside, 95 in 100 sure")):
        table.add_column(name, overflow="fold")
    for line in sorted(fullest.values(), key=lambda one: -one.expected)[:MOST_CROWDS]:
        bounds = _("{least} or more; how many are missed was not measured").format(least=line.least)
        if line.most is not None:
            bounds = _("{least} to {most}").format(least=line.least, most=line.most)
        began = from_iso(line.began_at).astimezone(BEIJING)
        table.add_row(line.zone, f"{began:%Y-%m-%d %H:%M:%S}", str(line.seen), bounds)
    return table


def _print_over_patrols(over: OverPatrols, console: Console) -> None:
    counts = ", ".join(f"{over.events.get(event.value, 0)} {event_name(event)}" for event in Event)
    console.print(
        _("Over {patrols} patrols: {counts}; {standing} stand").format(
            patrols=over.patrols, counts=counts, standing=over.standing
        ),
        highlight=False,
    )
    for title, lines in ((_("gone"), over.gone), (_("past their deadline"), over.overdue)):
        for line in lines:
            console.print(f"  {title}: {_standing(line)}", soft_wrap=True, markup=False, highlight=False)
    for repeats in over.repeats:
        says = _("  {site} ({code}): {count} hazards within a year")
        told = says.format(site=repeats.site, code=repeats.site_code, count=repeats.hazards)
        console.print(told, soft_wrap=True, markup=False, highlight=False)


def _standing(line: StandingLine) -> str:
    parts = [", ".join(line.incidents), line.hazard, line.site, f"{line.lat_deg:.6f}, {line.lon_deg:.6f}"]
    return " ".join(part for part in parts if part)
