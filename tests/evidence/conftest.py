"""A small case to seal: two photographs, one sighting of two fixes, a hazard with a citation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.clock import FrozenClock
from core.points import GeoPoint
from detection.detection import Box, Detection
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
from geofence.attribution import Attribution, Share
from geofence.fix import Covariance, Fix
from geofence.hazard import Citation, Hazard, Value
from geofence.sighting import Sighting

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
        detection = Detection(
            frame_id=frame.frame_id,
            label=label,
            score=0.5 + index / 1000,
            box=Box(left_px=10, top_px=12.5, right_px=30, bottom_px=25),
            weight_sha256="ab" * 32,
        )
        fixes.append(
            Fix(
                detection=detection,
                captured_at=at,
                point=GeoPoint(lon_deg=113.5001 + index * 1e-7, lat_deg=23.1002),
                covariance=Covariance(east_m2=2.0, north_m2=3.5, east_north_m2=0.1),
                ground_hae_m=None,
                slant_m=112.25,
                camera_point=GeoPoint(lon_deg=113.5, lat_deg=23.1),
                assumptions=("ground flat at take-off height",),
            )
        )
        originals.append(original)
        frames.append(record_frame(frame))
        derived += [annotate_frame(frame, [detection], caption="H13 占用消防车通道"), crop_frame(frame, detection)]
    sighting = Sighting(
        label=label,
        fixes=tuple(fixes),
        point=fixes[0].point,
        covariance=Covariance(east_m2=1.0, north_m2=1.5),
        passes=min(2, photos),
        moving=False if photos > 1 else None,
    )
    incident = Incident(
        hazard=Hazard(
            code="H13",
            name_zh="占用、堵塞消防车通道",
            name_en="blocked fire lane",
            rule_id="H13-fire-lane",
            rules_sha256="cd" * 32,
            sighting_id=sighting.sighting_id,
            zone_id="zone-7",
            zone_version="v3",
            probability=0.97,
            value=Value.PROVABLE,
            periods=("national-day",),
            citations=(
                Citation(
                    law="中华人民共和国消防法",
                    article="第二十八条",
                    version="主席令第八十一号 2021修正",
                    effective_from=date(2021, 4, 29),
                    text="任何单位、个人不得占用、堵塞、封闭疏散通道、安全出口、消防车通道。",
                    confidence="A",
                ),
            ),
            authority="消防救援机构",
            explanation="vehicle in fire lane zone-7 with probability 0.97 in 2 passes",
        ),
        sighting=sighting,
        attribution=Attribution(
            sighting_id=sighting.sighting_id,
            site_code="91440101MA5XXXXXX1",
            sites=(Share(key="91440101MA5XXXXXX1", version="e1", probability=0.99),),
            zones=(Share(key="zone-7", version="v3", probability=0.97),),
        ),
        opened_at=START + timedelta(hours=1),
    )
    return Case(
        incident=incident,
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
