"""The station under load: a hundred thousand cases, twenty people at once, and what the server takes for a page.

    python -m benchmarks.station_load [--cases 100000] [--people 20] [--seconds 60] [--store FILLED]

The station is served as its users have it, in a process of its own; people are threads, each with a session of its own,
who ask for a page, look at it for one to three seconds, and ask for the next. The limit that it is
measured against is 300 ms at the 95th percentile; beside it stands the same page asked by one person alone.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

LIMIT_MS = 300
LOOK_S = (1.0, 3.0)
PAGES = {
    "queue": "/review/queue",
    "queue, filtered": "/review/queue?severity=3&label=vehicle&order=age",
    "incidents": "/incidents",
    "incidents, a day": "/incidents?since=2026-10-01&until=2026-10-01",
    "days": "/review/days?month=2026-10",
}


def fill(store: Path, vault: Path, cases: int, people: int) -> list[str]:
    """Fill a store and return the session cookie of each person."""
    from app.station.opening import open_station
    from app.station.options import StationOptions
    from core.clock import SystemClock

    open_station(StationOptions(store=store, vault=str(vault), language="en"), SystemClock())
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.db import connections

    from app.station.models import CaseCard, District, User
    from benchmarks.station_cases import fill_store, synthetic_incidents

    if not CaseCard.objects.exists():
        districts = [District.objects.create(code=f"d{number}", name=f"District {number}") for number in range(4)]
        fill_store(synthetic_incidents(cases), districts=[district.pk for district in districts])
    now, cookies = SystemClock().now(), []
    User.objects.get_or_create(
        username="chief", defaults={"name": "Chief", "roles": ["administrator"], "created_at": now}
    )
    for number in range(people):
        told = {"name": f"P{number}", "certificate_no": f"c{number}", "roles": ["senior-reviewer"],
                "all_districts": True, "created_at": now}  # fmt: skip
        user, _made = User.objects.get_or_create(username=f"p{number}", defaults=told)
        session = SessionStore()
        session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session.save()
        cookies.append(f"{settings.SESSION_COOKIE_NAME}={session.session_key}")
    connections["default"].close()
    return cookies


def ask(address: str, cookie: str) -> float:
    """Ask for a page and return how long the answer took, in milliseconds."""
    start = time.perf_counter()
    with urlopen(Request(address, headers={"Cookie": cookie}), timeout=60) as answer:  # noqa: S310 - loopback
        answer.read()
    return (time.perf_counter() - start) * 1000


def measure(address: str, cookies: list[str], seconds: float) -> dict[str, list[float]]:
    """Let people ask for pages at once; return the milliseconds of each page."""
    taken: dict[str, list[float]] = defaultdict(list)
    lock, end = threading.Lock(), time.perf_counter() + seconds

    def person(number: int, cookie: str) -> None:
        luck = random.Random(number)  # noqa: S311 - a repeatable order
        while time.perf_counter() < end:
            name = luck.choice(list(PAGES))
            try:
                took = ask(address + PAGES[name], cookie)
            except HTTPError as refused:
                if refused.code != 429:
                    raise
                time.sleep(1)  # the station asks to wait
                continue
            with lock:
                taken[name].append(took)
            time.sleep(luck.uniform(*LOOK_S))

    threads = [threading.Thread(target=person, args=pair) for pair in enumerate(cookies)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


def processor_s(pid: int) -> float:
    """Return the seconds of processor time that a process took so far: a figure that other work does not blur."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--store", type=Path, default=None, help="a filled store to use instead of a new one")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store, vault, port = asked.store or Path(folder) / "store.sqlite3", Path(folder) / "vault", 8471
        start = time.perf_counter()
        cookies = fill(store, vault, asked.cases, asked.people)
        what = f"{asked.cases} cases" if asked.store is None else "the cases that are there"
        print(f"{what} in the store ({time.perf_counter() - start:.0f} s to fill)")
        command = [sys.executable, "-m", "app", "serve", "--store", str(store), "--vault", str(vault),
                   "--listen", f"127.0.0.1:{port}"]  # fmt: skip
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            address = f"http://127.0.0.1:{port}"
            for _try in range(600):
                try:
                    ask(f"{address}/sign-in", "")
                    break
                except OSError:
                    time.sleep(0.2)
            alone = measure(address, cookies[:1], asked.seconds / 4)
            worked = processor_s(server.pid)
            crowd = measure(address, cookies, asked.seconds)
            worked = processor_s(server.pid) - worked
        finally:
            server.terminate()
            server.wait(30)
    asked_in_all = sum(map(len, crowd.values()))
    told = f"{1000 * worked / asked_in_all:.0f} ms of processor time a page"
    print(f"{told}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'page':20}{'asked':>7}{'median ms':>11}{'p95 ms':>9}{'of 300 ms':>11}{'alone p50':>11}")
    for name, took in crowd.items():
        p95 = statistics.quantiles(took, n=20)[-1] if len(took) > 1 else took[0]
        one = statistics.median(alone[name]) if alone.get(name) else float("nan")
        print(f"{name:20}{len(took):7}{statistics.median(took):11.0f}{p95:9.0f}{p95 / LIMIT_MS:11.2f}{one:11.0f}")


if __name__ == "__main__":
    main()
