"""A small case to seal: two photographs, one sighting of two fixes, a hazard with a citation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.clock import FrozenClock
from core.points import GeoPoint
from detection.frame import Frame
from evidence.incident import Incident
from evidence.original import Original
from evidence.seal import seal
from evidence.sealing.context import Attachment, Context, FlightApproval
from evidence.sealing.derivation import Derived
from evidence.sealing.derive import annotate_frame, crop_frame
from evidence.sealing.digests import digest_file
from evidence.sealing.frame_record import FrameRecord, record_frame
from evidence.signing.keys import SigningKey, TrustedKey, ed25519_key
from flight.track import Pose
from tests.evidence.time_authority import make_time_authority
from tests.incident_double import make_fix, make_incident

START = datetime(2026, 10, 1, 2, 3, 4, 500_000, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything that sealing takes."""

    incident: Incident
    originals: tuple[Original, ...]
    frames: tuple[FrameRecord, ...]
    derived: tuple[Derived, ...]
    context: Context
    key: SigningKey
    clock: FrozenClock

    @property
    def trusted(self) -> tuple[TrustedKey, ...]:
        return (TrustedKey(public=self.key.public, label="bureau"),)

    def seal(self, out: Path, **changes: object) -> Path:
        arguments = {
            "originals": self.originals,
            "derived": self.derived,
            "frames": self.frames,
            "context": self.context,
            "key": self.key,
            "clock": self.clock,
            "out": out,
        }
        return seal(self.incident, **(arguments | changes))


def ingest_file(path: Path, at: datetime = START) -> Original:
    digests = digest_file(path)
    return Original(
        name=path.name,
        path=path,
        size_bytes=digests.size_bytes,
        sha256=digests.sha256,
        sm3=digests.sm3,
        media_type="image/jpeg",
        ingested_at=at + timedelta(minutes=30),
    )


def make_case(folder: Path, *, photos: int = 2, label: str = "vehicle", size: int = 64) -> Case:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    originals, frames, fixes, derived = [], [], [], []
    for index in range(photos):
        path = folder / f"DJI_{index:04d}.JPG"
        path.write_bytes(b"\xff\xd8" + rng.bytes(400 + index) + b"\xff\xd9")
        original = ingest_file(path)
        at = START + timedelta(seconds=40 * index)
        frame = Frame(
            original_sha256=original.sha256,
            original_name=original.name,
            captured_at=at,
            pixels=rng.integers(0, 255, (size, size * 2, 3), dtype=np.uint8),
            pose=Pose(captured_at=at, position=GeoPoint(lon_deg=113.5, lat_deg=23.1), pitch_deg=-60.0),
            camera=None,
        )
        fix = make_fix(frame.frame_id, at, label=label, score=0.5 + index / 1000, index=index)
        fixes.append(fix)
        originals.append(original)
        frames.append(record_frame(frame))
        derived += [
            annotate_frame(frame, [fix.detection], caption="H13 占用消防车通道"),
            crop_frame(frame, fix.detection),
        ]
    return Case(
        incident=make_incident(fixes),
        originals=tuple(originals),
        frames=tuple(frames),
        derived=tuple(derived),
        context=Context(
            program="skywarden 0.1.0",
            register_sha256="ef" * 32,
            register_name="sites.geojson",
            site_name="广州示范化工有限公司",
            flight=FlightApproval(task_no="2026-017", approval_no="GZ-UAV-20261001-3"),
            parameters=(("score_min", "0.25"),),
            attachments=(Attachment(name="rules.yaml", media_type="application/yaml", content=b"rules: []\n"),),
        ),
        key=ed25519_key(Ed25519PrivateKey.from_private_bytes(b"\x07" * 32), "bureau"),
        clock=FrozenClock(instant=START + timedelta(hours=2)),
    )


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return make_case(tmp_path / "card")


@pytest.fixture
def case_maker(tmp_path: Path) -> Callable[..., Case]:
    def make(name: str = "card", **options: int | str) -> Case:
        return make_case(tmp_path / name, **options)

    return make


@pytest.fixture
def package(case: Case, tmp_path: Path) -> Path:
    return case.seal(tmp_path / "packages")


@pytest.fixture(scope="session")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_time_authority(tmp_path_factory.mktemp("tsa"))
