"""Sealing and verifying against ``sha256sum`` of the same bytes, in one run.

Prints a table: seconds, MB/s, and the ratio to ``sha256sum`` (its time over ours; above one, ours is faster). Ours
computes SHA-256 *and* SM3, and sealing also writes and syncs a copy. The peer reads the same originals from the same
page cache, on one core as it always does. The columns of processor time do not depend on who else uses the machine.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from core.clock import FrozenClock
from core.ids import derived_id
from core.refusal import Refusal
from evidence.incident import Incident
from evidence.ingest import ingest_file
from evidence.original import Original
from evidence.seal import seal
from evidence.sealing.context import Context
from evidence.sealing.package_source import open_folder
from evidence.sealing.selection import CARRY_ALL
from evidence.sealing.zip_container import write_zip
from evidence.signing.keys import TrustedKey, ephemeral_key
from evidence.verify import verify
from evidence.verifying.verification import Outcome
from tests.incident_double import make_fix, make_incident

START = datetime(2026, 10, 1, 2, tzinfo=UTC)
CLOCK = FrozenClock(instant=START)


def make_originals(folder: Path, count: int, size_bytes: int) -> list[Original]:
    """Write files of noise and ingest them."""
    rng = np.random.default_rng(1)
    originals = []
    for index in range(count):
        path = folder / f"DJI_{index:04d}.JPG"
        path.write_bytes(rng.bytes(size_bytes))
        original = ingest_file(path, clock=CLOCK)
        if isinstance(original, Refusal):
            raise SystemExit(str(original))
        originals.append(original)
    return originals


def incident_of(originals: list[Original], label: str) -> Incident:
    """Return an incident seen once in every original."""
    return make_incident(
        [
            make_fix(
                derived_id("frame", original.sha256, 0), START + timedelta(seconds=index), label=label, index=index
            )
            for index, original in enumerate(originals)
        ]
    )


def best_s(action: Callable[[], object], rounds: int = 3) -> tuple[float, float]:
    """Return the shortest of some rounds, seconds of the wall clock and of processors (children counted)."""
    walls, processors = [], []
    for _round in range(rounds):
        began, before = time.perf_counter(), os.times()
        action()
        after = os.times()
        walls.append(time.perf_counter() - began)
        processors.append(sum(after[:4]) - sum(before[:4]))
    return min(walls), min(processors)


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--originals", type=int, default=30)
    parser.add_argument("--megabytes", type=int, default=4)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        (root / "card").mkdir()
        originals = make_originals(root / "card", arguments.originals, arguments.megabytes << 20)
        octets = sum(original.size_bytes for original in originals)
        clock, key = FrozenClock(instant=START + timedelta(hours=2)), ephemeral_key()
        trusted = [TrustedKey(public=key.public, label="bench")]
        context = Context(program="bench", register_sha256="ef" * 32)
        incident = incident_of(originals, "vehicle")
        out = root / "out"

        def seal_whole() -> Path:
            shutil.rmtree(out, ignore_errors=True)
            return seal(incident, originals=originals, context=context, key=key, clock=clock, out=out, carry=CARRY_ALL)

        paths = [original.path for original in originals]
        rows = [
            (
                "sha256sum (peer)",
                best_s(lambda: subprocess.run(["sha256sum", *paths], check=True, capture_output=True)),
            ),
            ("seal", best_s(seal_whole)),
        ]
        package = out / incident.number
        rows.append(("verify", best_s(lambda: verify(package, trusted_keys=trusted))))
        if verify(package, trusted_keys=trusted).findings:
            raise SystemExit("the package does not verify")
        archive = write_zip(open_folder(package), root / "package.zip", sealed_at=START)
        rows.append(("verify ZIP", best_s(lambda: verify(archive, trusted_keys=trusted))))
        if verify(archive, trusted_keys=trusted).outcome is Outcome.FAIL:
            raise SystemExit("the ZIP does not verify")
        print(f"{arguments.originals} originals of {arguments.megabytes} MiB, {octets / 1e6:.0f} MB")
        print(f"{'what':18s} {'seconds':>8s} {'MB/s':>7s} {'ratio':>6s} {'CPU s':>7s} {'CPU ratio':>9s}")
        for name, (wall, processor) in rows:
            peer_wall, peer_processor = rows[0][1]
            print(
                f"{name:18s} {wall:8.3f} {octets / 1e6 / wall:7.0f} {peer_wall / wall:6.2f} "
                f"{processor:7.2f} {peer_processor / processor:9.2f}"
            )
        shared(root, originals, context, key, clock)


def shared(root: Path, originals: list[Original], context: Context, key: object, clock: FrozenClock) -> None:
    """Seal twenty incidents over the same originals with the default limits, and say how much disk they take."""
    began = time.perf_counter()
    for index in range(20):
        incident = incident_of(originals, f"vehicle {index}")
        seal(incident, originals=originals, context=context, key=key, clock=clock, out=root / "shared")  # type: ignore[arg-type]
    seconds = time.perf_counter() - began
    taken = sum(path.stat().st_size for path in (root / "shared").rglob("*") if path.is_file())
    print(f"20 incidents over the same originals, default limits: {seconds:.2f} s, {taken / 1e6:.0f} MB on disk")


if __name__ == "__main__":
    main()
