"""Ingest throughput against ``cp`` and ``sha256sum`` on the same files in the same run.

The vault does more than either: it reads once, takes SHA-256 and SM3, writes, brings the copy to the medium, reads it
back, and records. The floor is 0.7 of the slower of the two peers. Every contestant starts from the same state: sources
in the page cache (as after a card reader's read-ahead), targets on the same disk, brought to the medium before the
clock stops. Rounds are interleaved, and the best of each is kept, because other work on the machine only ever slows;
the load is printed, because on a busy machine wall time says little.

Run with ``python -m benchmarks.ingest [megabytes] [rounds]``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from core.clock import SystemClock
from evidence.originals.vault import ingest_card, open_vault
from evidence.originals.vault_check import verify_vault
from evidence.originals.vault_records import Card


def make_card(folder: Path, megabytes: int) -> int:
    """Write a card of photos of 8 MB and two videos that share the rest; return its bytes."""
    folder.mkdir(parents=True)
    photos = min(20, megabytes // 16)
    sizes = [(f"DJI_{n:04d}.JPG", 8) for n in range(photos)]
    rest = max(megabytes - 8 * photos, 2)
    sizes += [("DJI_0100.MP4", rest // 2), ("DJI_0101.MP4", rest - rest // 2)]
    for name, size in sizes:
        with (folder / name).open("wb") as file:
            for _megabyte in range(size):
                file.write(os.urandom(1 << 20))
    return sum(path.stat().st_size for path in folder.iterdir())


def timed(job: Callable[[], object]) -> tuple[float, float]:
    """Return the wall and the processor seconds of a job, its children's included."""
    begun, before = time.perf_counter(), os.times()
    job()
    wall, after = time.perf_counter() - begun, os.times()
    return wall, sum(after[:4]) - sum(before[:4])


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory(prefix="bench-ingest-", dir=os.environ.get("BENCH_FOLDER")) as place:
        work = Path(place)
        card = work / "card"
        size = make_card(card, megabytes)
        files = sorted(map(str, card.iterdir()))

        def copy() -> None:
            subprocess.run(["cp", "-r", str(card), str(work / "copy")], check=True)
            subprocess.run(["sync", "-f", str(work / "copy")], check=True)

        def digest() -> None:
            subprocess.run(["sha256sum", *files], check=True, stdout=subprocess.DEVNULL)

        def ingest() -> None:
            report = ingest_card(card, open_vault(work / "vault"), card=Card(serial="bench"), clock=SystemClock())
            if not report.complete:
                raise SystemExit(f"the ingest is not complete: {report.refusals}")

        best: dict[str, tuple[float, float]] = {}
        never = (float("inf"), float("inf"))
        for _round in range(rounds):
            for name, job in (("cp + sync", copy), ("sha256sum", digest), ("vault", ingest)):
                best[name] = min(best.get(name, never), timed(job))
            shutil.rmtree(work / "copy")
            verified = timed(lambda: verify_vault(open_vault(work / "vault")))
            best["vault verify"] = min(best.get("vault verify", never), verified)
            for path in (work / "vault").rglob("*"):
                if path.is_file():
                    path.chmod(0o644)
            shutil.rmtree(work / "vault")
        slower = max(best["cp + sync"][0], best["sha256sum"][0])
        load = os.getloadavg()[0]
        print(
            f"{size / 1e6:.0f} MB in {len(files)} files, best of {rounds} rounds, "
            f"load {load:.1f} on {os.cpu_count()} cores\n"
        )
        print(f"{'':14}{'seconds':>9}{'MB/s':>9}{'processor s':>13}{'ratio to the slower peer':>28}")
        for name, (wall, cpu) in best.items():
            print(f"{name:14}{wall:9.2f}{size / 1e6 / wall:9.0f}{cpu:13.2f}{slower / wall:28.2f}")


if __name__ == "__main__":
    main()
