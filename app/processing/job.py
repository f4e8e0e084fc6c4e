"""What a run over a folder of footage is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shapely.geometry.base import BaseGeometry

from core.refusal import Refusal
from evidence.sealing.context import FlightApproval
from flight.patrol import NoFlyZone, Patrol
from geofence.attributing.attribute_extended import Wind
from geofence.crowd import Recall


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a run is asked to do.

    Attributes:
        footage: The folder (or file) to process.
        out: The case folder; made when missing.
        title: The map's title.
        program: Name and version of this program.
        settings: What findings depend on, besides the original: weight digest, camera zone, ground, program.
        register_refusals: What was refused when the register was read.
        no_fly_zones: Forbidden ground to show on the map.
        plan: The patrol as it was planned, whose key areas the map shows; None when no patrol file was named.
        chinese: Whether hazards are named in Chinese on the map.
        flight: What allowed the flight, for the packages; None when it was not stated.
        ledger: The folder that keeps hazards from patrol to patrol; None for one in the case folder.
        area: The ground that the patrol was to look at, longitude and latitude; None where it is not known.
        wind: The wind during the flight, which tells where smoke comes from; None where nobody knows it.
        recall: The share of people that the weight finds, for counting crowds; None where nobody measured it.
        compare_with: The case folder of an earlier patrol of the same place; None for no comparison.
    """

    footage: Path
    out: Path
    title: str
    program: str
    settings: dict[str, str]
    register_refusals: tuple[Refusal, ...] = ()
    no_fly_zones: tuple[NoFlyZone, ...] = ()
    plan: Patrol | None = None
    chinese: bool = False
    flight: FlightApproval | None = None
    ledger: Path | None = None
    area: BaseGeometry | None = None
    wind: Wind | None = None
    recall: Recall | None = None
    compare_with: Path | None = None
