"""Real photos with scripted detections: the whole way without a network."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.case_folder import LEDGER
from app.instruments import Instruments, Jurisdiction, Signing, Station
from app.patrol_ledger import PatrolRecord, read_patrols
from app.process import process
from app.processing.job import Job
from app.run_report import RunReport
from app.wiring import open_jurisdiction
from core.clock import FrozenClock
from core.ids import derived_id
from detection.detection import Box
from detection.scripted import ScriptedDetector
from evidence.signing.keys import ephemeral_key
from geofence.locating.ground import FlatAtTakeoff
from tests.app.station_world import Bureau, open_bureau, settle

MISSIONS = Path(__file__).resolve().parents[2] / "missions"
SIZE = (4000, 2250)


@dataclass(slots=True)
class Counted:
    """Progress that only counts."""

    steps: int = 0
    stages: list[str] = field(default_factory=list)

    def start(self, stage: str, total: int) -> None:
        assert total >= 0
        self.stages.append(stage)

    def step(self) -> None:
        self.steps += 1


def labelled_boxes(photo: Path) -> list[tuple[str, float, Box]]:
    """The labels beside a photo, as a detector would report them."""
    width, height = SIZE
    boxes = []
    for line in photo.with_suffix(".txt").read_text().splitlines():
        _kind, x, y, w, h = map(float, line.split())
        boxes.append(
            (
                "vehicle",
                0.9,
                Box(
                    left_px=(x - w / 2) * width,
                    top_px=(y - h / 2) * height,
                    right_px=(x + w / 2) * width,
                    bottom_px=(y + h / 2) * height,
                ),
            )
        )
    return boxes


@pytest.fixture
def footage(shared: Path, tmp_path: Path) -> Path:
    """Two overlapping nadir photos in a folder of their own."""
    folder = tmp_path / "card"
    folder.mkdir()
    for number in ("0010", "0012"):
        shutil.copy(shared / f"data/aerial_vehicles/dji_photos/DJI_{number}.JPG", folder)
    return folder


@pytest.fixture
def detector(shared: Path) -> ScriptedDetector:
    photos = shared / "data/aerial_vehicles/dji_photos"
    return ScriptedDetector(
        {
            derived_id("frame", hashlib.sha256(photo.read_bytes()).hexdigest(), 0): labelled_boxes(photo)
            for photo in (photos / "DJI_0010.JPG", photos / "DJI_0012.JPG")
        }
    )


@pytest.fixture
def jurisdiction() -> Jurisdiction:
    opened, refused = open_jurisdiction(
        sites=MISSIONS / "photos/sites.geojson", zones=MISSIONS / "photos/zones.geojson", rules=None
    )
    assert refused == ()
    return opened


@pytest.fixture
def station(detector: ScriptedDetector, jurisdiction: Jurisdiction) -> Station:
    return Station(
        instruments=Instruments(
            detector=detector,
            ground=FlatAtTakeoff(),
            camera_zone=ZoneInfo("Europe/Minsk"),
            clock=FrozenClock(instant=datetime(2026, 10, 1, 4, tzinfo=UTC)),
            weight_cards={detector.weight_sha256: b"# scripted\n"},
        ),
        jurisdiction=jurisdiction,
        signing=Signing(key=ephemeral_key(), ephemeral=True),
        progress=Counted(),
    )


@pytest.fixture
def job(footage: Path, tmp_path: Path) -> Callable[..., Job]:
    def make(out: str = "cases") -> Job:
        return Job(
            footage=footage,
            out=tmp_path / out,
            title="test",
            program="skywarden test",
            settings={"weight_sha256": "scripted", "program": "test"},
        )

    return make


@pytest.fixture
def bureau(tmp_path: Path) -> Iterator[Bureau]:
    """A station with two districts, a case in each, and an administrator."""
    with open_bureau(tmp_path) as opened:
        yield settle(opened)


@dataclass(frozen=True)
class Run:
    """One run over two photos with two vans in a fire lane; sealing takes seconds, so one serves a whole session."""

    job: Job
    report: RunReport
    record: PatrolRecord


_RUNS: list[Run] = []


@pytest.fixture
def run(job: Callable[..., Job], station: Station) -> Run:
    if not _RUNS:
        made = job()
        report = process(made, station)
        (record,) = read_patrols(made.out / LEDGER, with_frames=True)
        _RUNS.append(Run(job=made, report=report, record=record))
    return _RUNS[0]
