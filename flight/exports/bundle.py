"""Every format of a plan into one folder: what a format can say is written, what it cannot is refused beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from core.errors import PlanRefused
from core.refusal import Refusal
from flight.exports.application_sheet import write_application_sheet
from flight.exports.geojson import write_geojson
from flight.exports.gpx import write_gpx
from flight.exports.kml import write_kml
from flight.exports.picture import write_picture
from flight.exports.qgc import write_plan
from flight.exports.waypoints import write_waypoints
from flight.exports.wpml import write_wpml
from flight.flight_plan import FlightPlan
from flight.patrol import Patrol
from flight.planning.airspace_rules import read_airspace_rules
from flight.planning.plan_file import write_plan_file

FORMATS: Final = ("json", "qgc", "waypoints", "wpml", "kml", "gpx", "geojson", "png", "sheet")


def export(
    flight_plan: FlightPlan,
    patrol: Patrol,
    folder: Path,
    *,
    at: datetime,
    formats: Sequence[str] = FORMATS,
    stem: str = "plan",
) -> tuple[tuple[Path, ...], tuple[Refusal, ...]]:
    """Write a plan in several formats.

    Args:
        flight_plan: The plan.
        patrol: What it was made of.
        folder: Where; made when missing.
        at: When it is to be flown, aware: for the application sheet, and as the time stamp of formats that want one.
        formats: Of :data:`FORMATS`.
        stem: Name of the files without their ending.

    Returns:
        The files written, in order, and a refusal for each format that cannot say this plan.

    Raises:
        ValueError: There is no such format.
    """
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown:
        raise ValueError(f"no format is called {unknown[0]}; there are {', '.join(FORMATS)}")
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    refused: list[Refusal] = []
    for name in formats:
        try:
            written += _writers(flight_plan, patrol, folder / stem, at)[name]()
        except PlanRefused as refusal:
            refused.append(Refusal(subject=name, code="format-cannot-say", reason=str(refusal)))
    return tuple(written), tuple(refused)


def _writers(
    flight_plan: FlightPlan, patrol: Patrol, stem: Path, at: datetime
) -> dict[str, Callable[[], tuple[Path, ...]]]:
    def one(suffix: str, write: Callable[[Path], None]) -> Callable[[], tuple[Path, ...]]:
        path = stem.with_name(stem.name + suffix)

        def run() -> tuple[Path, ...]:
            write(path)
            return (path,)

        return run

    def sheet(path: Path) -> None:
        write_application_sheet(flight_plan, patrol, read_airspace_rules(patrol.jurisdiction), at, path)

    return {
        "json": one(".json", lambda path: write_plan_file(flight_plan, path)),
        "qgc": lambda: write_plan(flight_plan, stem.with_name(stem.name + ".plan"), patrol=patrol),
        "waypoints": lambda: write_waypoints(flight_plan, stem.with_name(stem.name + ".waypoints")),
        "wpml": lambda: write_wpml(flight_plan, stem.with_name(stem.name + ".kmz"), patrol=patrol, made_at=at),
        "kml": one(".kml", lambda path: write_kml(flight_plan, path, patrol=patrol)),
        "gpx": one(".gpx", lambda path: write_gpx(flight_plan, path)),
        "geojson": one(".geojson", lambda path: write_geojson(flight_plan, path, patrol=patrol)),
        "png": one(".png", lambda path: write_picture(flight_plan, path, patrol=patrol)),
        "sheet": one("-application.pdf", sheet),
    }
