"""The station's map with many cases: how long an answer takes while many commanders pan, zoom and filter at once.

Times are the server's own (``perf_counter`` around the whole request, middleware and audit rules included, over the
test client in threads), with twenty people at once on this machine, each of whom looks for a second before asking
again. Run: ``make bench-station-map``.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.station_cases import HIGH, SOUTH, WEST, WIDE, fill_store, synthetic_incidents
from core.clock import SystemClock


def questions(luck: random.Random) -> list[tuple[str, str]]:
    """Return one round of one person's questions: name and address."""

    def view(zoom: float) -> str:
        wide = 1440 / 256 / 2**zoom * 360
        west, south = WEST + luck.random() * WIDE - wide / 2, SOUTH + luck.random() * HIGH - wide / 4
        return f"bbox={west},{south},{west + wide},{south + wide / 2}&zoom={zoom}"

    whole = f"bbox={WEST - 1},{SOUTH - 1},{WEST + WIDE + 1},{SOUTH + HIGH + 1}&zoom=10"
    return [
        ("whole district", f"/map/marks?{whole}"),
        ("zoomed in", f"/map/marks?{view(14)}"),
        ("panned, near", f"/map/marks?{view(18)}"),
        ("filtered", f"/map/marks?{whole}&not_hazard=H13&not_severity=1,2&age=30"),
        ("searched", f"/map/marks?{whole}&q={luck.randrange(400):03d}"),
        ("heat map", f"/map/marks?{whole}&fine=1&by=age"),
        ("the page", "/map"),
        ("dashboard", "/dashboard"),
    ]


def main() -> None:
    """Fill a store, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--store", type=Path, default=None, help="a filled store to use instead of a new one")
    parser.add_argument("--think", type=float, default=1.0, help="seconds that somebody looks between two questions")
    asked = parser.parse_args()
    with TemporaryDirectory(prefix="skywarden-map-") as folder:
        run(asked.store or Path(folder) / "cases.sqlite3", Path(folder) / "vault", asked)


def run(store: Path, vault: Path, asked: Any) -> None:  # noqa: ANN401 - the command line
    """Open the store and measure."""
    from app.station.opening import open_station
    from app.station.options import StationOptions

    open_station(StationOptions(store=store, vault=vault, language="en"), SystemClock())
    from django.db import connections
    from django.test import Client

    from app.station.context import station
    from app.station.models import CaseCard, District, User

    if not CaseCard.objects.exists():
        for number, name in enumerate(("南区", "北区", "东区")):
            District.objects.create(code=f"d{number}", name=name)
        fill_store(synthetic_incidents(asked.cases), districts=list(District.objects.values_list("id", flat=True)))
    station().set_up = True
    people_of = [
        User.objects.get_or_create(
            username=f"bench-{number}",
            defaults={
                "name": "bench",
                "roles": ["commander"],
                "all_districts": True,
                "created_at": SystemClock().now(),
            },
        )[0]
        for number in range(asked.people)
    ]
    times: dict[str, list[float]] = {}
    ask = asker(people_of, Client, times, think_s=asked.think)
    ask(0)  # the first question reads the columns
    first = {name: found[0] for name, found in times.items()}
    times.clear()
    with ThreadPoolExecutor(max_workers=asked.people) as people:
        list(people.map(ask, range(asked.people * asked.rounds)))
    print(f"{CaseCard.objects.count()} cases, {asked.people} people at once, milliseconds")
    print(f"{'question':<16}{'first':>8}{'median':>8}{'p95':>8}{'most':>8}")
    for name, found in times.items():
        ordered = sorted(found)
        p95 = ordered[int(0.95 * (len(ordered) - 1))]
        print(f"{name:<16}{first[name]:>8.0f}{statistics.median(ordered):>8.0f}{p95:>8.0f}{ordered[-1]:>8.0f}")
    connections["default"].close()


def asker(
    people: list[Any],
    client: type[Any],
    times: dict[str, list[float]],
    *,
    think_s: float,
) -> Callable[[int], None]:
    """Return what one person does in one round."""

    def ask(turn: int) -> None:
        from django.db import connections

        browser = client(SERVER_NAME="127.0.0.1")
        browser.force_login(people[turn % len(people)])
        luck = random.Random(turn)  # noqa: S311 - repeatable
        for name, address in questions(luck):
            time.sleep(luck.uniform(0, 2 * think_s))
            start = time.perf_counter()
            answer = browser.get(address)
            times.setdefault(name, []).append((time.perf_counter() - start) * 1000)
            if answer.status_code != 200:
                raise RuntimeError(f"{address}: {answer.status_code}")
        connections["default"].close()

    return ask


if __name__ == "__main__":
    main()
