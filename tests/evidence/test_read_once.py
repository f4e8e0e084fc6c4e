"""Whatever is taken in, sealed, verified or packed is read through once: footage is large, and disks are slow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.clock import FrozenClock
from core.ids import derived_id
from evidence.ingest import ingest_file
from evidence.original import Original
from evidence.sealing.again import open_contents
from evidence.sealing.package_source import open_folder
from evidence.sealing.zip_container import write_zip
from evidence.verify import verify
from tests.incident_double import make_fix, make_incident

BYTES = 24 << 20
COUNTED = Path("/proc/self/io")
pytestmark = pytest.mark.skipif(not COUNTED.exists(), reason="this system does not count what a process reads")


def _times_read(work: Callable[[], object]) -> float:
    """Return how often :data:`BYTES` were read while ``work`` ran, by the kernel's own count."""

    def so_far() -> int:
        told = dict(line.split(": ") for line in COUNTED.read_text(encoding="ascii").splitlines())
        return int(told["rchar"])

    before = so_far()
    work()
    return (so_far() - before) / BYTES


@pytest.fixture
def large(case: Any, tmp_path: Path) -> Any:
    """The case, of one large original."""
    path = tmp_path / "DJI_9999.JPG"
    path.write_bytes(np.random.default_rng(3).bytes(BYTES))
    seen_at = case.incident.sighting.first_seen
    original = ingest_file(path, clock=FrozenClock(instant=seen_at + timedelta(minutes=30)))
    assert isinstance(original, Original)
    fix = make_fix(derived_id("frame", original.sha256, 0), seen_at)
    return replace(case, incident=make_incident([fix]), originals=(original,), frames=(), derived=())


def test_a_large_original_is_read_once_by_every_step(large: Any, tmp_path: Path) -> None:
    package, archive = tmp_path / "packages" / large.incident.number, tmp_path / "package.zip"
    steps: dict[str, Callable[[], object]] = {
        "take in": lambda: ingest_file(large.originals[0].path, clock=large.clock),
        "seal": lambda: large.seal(tmp_path / "packages"),
        "verify": lambda: verify(package, trusted_keys=large.trusted),
        "open to seal again": lambda: open_contents(package),
        "pack": lambda: write_zip(open_folder(package), archive, sealed_at=datetime(2026, 10, 1, 5, tzinfo=UTC)),
        "verify packed": lambda: verify(archive, trusted_keys=large.trusted),
    }
    read = {name: _times_read(step) for name, step in steps.items()}
    assert all(0.99 < times < 1.4 for times in read.values()), read
    assert verify(archive, trusted_keys=large.trusted).findings == ()
