"""A plan as rows of text for a person: sorties and checklist. Drawing the table is for the command line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from core.text import _
from flight.flight_plan import Finding, FlightPlan, Severity
from flight.patrol import NoFlyZone


def sortie_rows(flight_plan: FlightPlan) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return the heading and one row for each sortie, with a total: number, crew, areas, way, time, photos, battery."""
    waits = any(sortie.takeoff_s is not None for sortie in flight_plan.sorties)
    heading = (
        _("sortie"), _("crew"), _("areas"), *((_("takes off"),) if waits else ()), _("way km"), _("time min"),
        _("photographs"), _("lands with"),
    )  # fmt: skip
    rows = [
        (
            str(sortie.number),
            sortie.crew,
            ", ".join(dict.fromkeys(point.area for point in sortie.waypoints if point.area)),
            *((_after(sortie.takeoff_s),) if waits else ()),
            f"{sortie.length_m / 1000:.2f}",
            f"{sortie.duration_s / 60:.1f}",
            str(sortie.photos),
            f"{1 - sortie.battery_used:.0%}",
        )
        for sortie in flight_plan.sorties
    ]
    total = (
        _("all"),
        "",
        _("{share:.1%} seen").format(share=flight_plan.covered_share),
        *(("",) if waits else ()),
        f"{sum(sortie.length_m for sortie in flight_plan.sorties) / 1000:.2f}",
        f"{sum(sortie.duration_s for sortie in flight_plan.sorties) / 60:.1f}",
        str(sum(sortie.photos for sortie in flight_plan.sorties)),
        "",
    )
    return heading, (*rows, total)


def _after(takeoff_s: float | None) -> str:
    """Return a take-off as hours and minutes after the plan begins; empty where it only follows the one before."""
    if takeoff_s is None:
        return ""
    hours, minutes = divmod(round(takeoff_s / 60), 60)
    return f"+{hours}:{minutes:02d}"


def finding_rows(flight_plan: FlightPlan) -> tuple[tuple[str, str, str, str], ...]:
    """Return number, verdict, text and basis of each finding, in the plan's order."""
    return tuple(
        (str(number), verdict_name(finding.severity), finding.text, finding.basis)
        for number, finding in enumerate(flight_plan.findings, start=1)
    )


def gathered_findings(findings: Sequence[Finding]) -> tuple[tuple[str, Finding], ...]:
    """Return the checklist with lines that are the same for several sorties told once.

    Returns:
        Each line's number in the plan's checklist (with an ellipsis where it stands for more) and the finding, its text
        naming all of its sorties; in the order of the first of them.
    """
    said: dict[tuple[str, str, str, str], list[tuple[int, str]]] = {}
    first: dict[tuple[str, str, str, str], Finding] = {}
    for number, finding in enumerate(findings, start=1):
        parts = finding.code.split("-", 3)
        sortie = parts[1] if parts[0] == "law" and len(parts) == 4 else ""
        plain = finding.text.removeprefix(_("sortie {sortie}: {text}").format(sortie=sortie, text="")) if sortie else ""
        key = (parts[3], finding.severity.value, plain, finding.basis) if plain else (str(number), "", "", "")
        said.setdefault(key, []).append((number, sortie))
        first.setdefault(key, finding)
    rows = []
    for key, places in said.items():
        finding = first[key]
        if len(places) > 1:
            names = ", ".join(sortie for _number, sortie in places)
            finding = replace(finding, text=_("sorties {sorties}: {text}").format(sorties=names, text=key[2]))
        rows.append((f"{places[0][0]}…" if len(places) > 1 else str(places[0][0]), finding))
    return tuple(rows)


def verdict_name(severity: Severity) -> str:
    """Return a finding's verdict in the reader's language."""
    return {Severity.PASS: _("pass"), Severity.WARN: _("see to it"), Severity.FAIL: _("FAIL")}[severity]


def failures(flight_plan: FlightPlan) -> tuple[Finding, ...]:
    """Return the findings that forbid flying the plan as it is."""
    return tuple(finding for finding in flight_plan.findings if finding.severity is Severity.FAIL)


def band_words(zone: NoFlyZone) -> str:
    """Return a no-fly zone's height band for a person: "0–150 m above take-off", or every height."""
    if not math.isfinite(zone.ceiling_m):
        return (
            _("every height") if zone.floor_m <= 0 else _("from {floor:g} m above take-off").format(floor=zone.floor_m)
        )
    return _("{floor:g}–{ceiling:g} m above take-off").format(floor=max(0.0, zone.floor_m), ceiling=zone.ceiling_m)
