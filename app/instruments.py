"""Instruments: what a run works with, put together once and handed to every step.

This is where drivers are chosen: YOLO for detecting, Pillow and PyAV behind the frame readers, GeoPandas for registers.
Nothing else in the station names a driver.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Protocol

from app.corrections import FlightCorrections
from core.clock import Clock
from detection.detection import Detector
from detection.frames.following import Following
from detection.lookout import Lookout
from detection.thermal.heat_detector import HeatDetector
from detection.thermal.thermogram import AS_WRITTEN, Conditions
from evidence.cases.case_store import CaseStore
from evidence.signing.keys import SigningKey
from flight.calendars.periods import PeriodCalendar
from flight.cameras.declared import DeclaredCamera
from flight.telemetry.clock_offset import ClockOffset
from flight.track import NOTHING_DECLARED, PoseDeclaration
from geofence.attributing.attribute_prior import AdjacencyPrior
from geofence.datums import Datum
from geofence.locating.ground import Ground
from geofence.rules.law_book import LawBook
from geofence.rules.rule import RuleBook
from geofence.site import Register


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruments:
    """What footage is examined with.

    Attributes:
        detector: Finds things in frames of visible light.
        heat: Finds things in thermal frames, besides hot spots; None for hot spots alone.
        ground: The ground that rays are cut with.
        ground_declared: Whether the run declares that ground; where not, a photo's laser rangefinder is believed first.
        corrections: A flight's corrections that a person chose to apply, or None.
        thermal: What is declared of thermal measurements.
        lookout: Chooses what of a frame is worth looking at, for all weights of the detector; None to look at all.
        following: How things found in a video are looked at again shortly before and after; None for not at all.
        camera: What the run declares the camera to be, or None to believe each file.
        camera_zone: The zone that a camera's bare clock time is declared to be in.
        clock: The station's clock.
        weight_cards: The model card of each weight, by the weight's digest.
        declaration: Camera angles to go by where the footage does not tell them.
        clock_offset: How far the camera's clock is off, or None for not at all.
    """

    detector: Detector
    ground: Ground
    camera_zone: tzinfo
    clock: Clock
    weight_cards: Mapping[str, bytes]
    heat: HeatDetector | None = None
    ground_declared: bool = False
    camera: DeclaredCamera | None = None
    declaration: PoseDeclaration = NOTHING_DECLARED
    clock_offset: ClockOffset | None = None
    corrections: FlightCorrections | None = None
    thermal: Conditions = AS_WRITTEN
    lookout: Lookout | None = None
    following: Following | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Jurisdiction:
    """What findings are judged by.

    Attributes:
        register: Sites and zones.
        register_file: The file the sites came from.
        zones_file: The file the zones came from, or None.
        rules: The rule book.
        rules_content: The rule file's bytes, for the package.
        law: The hazard catalogue and the articles.
        calendar: The key periods.
        datum: What the register's file is declared to be in.
    """

    register: Register
    register_file: Path
    zones_file: Path | None
    rules: RuleBook
    rules_content: bytes
    law: LawBook
    calendar: PeriodCalendar
    prior: AdjacencyPrior | None = None
    datum: Datum = Datum.WGS84


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """Who seals.

    Attributes:
        key: The signing key.
        ephemeral: True when the key was made for this run and nobody vouches for it.
    """

    key: SigningKey
    ephemeral: bool


class Progress(Protocol):
    """Told how far a run is; the command line shows bars, a test counts."""

    def start(self, stage: str, total: int) -> None:
        """A stage of ``total`` steps begins."""
        ...

    def step(self) -> None:
        """One step of the stage is done."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """Everything that a run works with.

    Attributes:
        instruments, jurisdiction, signing, progress: See there.
        store: Keeps the cases that the run opens; None where nobody is to review them.
    """

    instruments: Instruments
    jurisdiction: Jurisdiction
    signing: Signing
    progress: Progress
    store: CaseStore | None = None
