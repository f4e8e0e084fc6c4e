"""Two reviewers at once on many incidents: no decision lost, none double; and how long a decision takes.

Two threads, each with its own connection, give their verdicts on the same incidents in different orders; a third tries
to be a third reviewer. Prints counts and rates for the store in memory, on SQLite, and on a PostgreSQL database without
cases where one is named.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from app.store.open_store import open_store
from benchmarks.sealing import START, incident_of
from core.clock import FrozenClock
from core.refusal import Refusal
from evidence.cases.case_store import CaseStore, MemoryCaseStore
from evidence.cases.life import Decision, Deed, Life, Person, Verdict
from evidence.incident import Incident, State
from evidence.original import Original

REVIEWERS = tuple(Person(name=name, certificate_no=f"A{number}") for number, name in enumerate("陈林吴"))


def review(store: CaseStore, incidents: list[Incident], person: Person) -> tuple[int, int]:
    """Give one person's verdicts in that person's own order; return how many were taken and refused."""
    order = list(incidents)
    random.Random(person.name).shuffle(order)  # noqa: S311 - an order, no secret
    taken = refused = 0
    for incident in order:
        verdict = Decision(at=incident.opened_at, deed=Deed.VERDICT, people=(person,), verdict=Verdict.CONFIRM)
        if isinstance(store.decide(incident.incident_id, verdict), Life):
            taken += 1
        else:
            refused += 1
    close = getattr(store, "close", None)
    if close is not None:
        close()
    return taken, refused


def run(name: str, store: CaseStore, incidents: list[Incident]) -> None:
    """Review all incidents and check every promise."""
    for incident in incidents:
        opened = store.open_case(incident, actor="program:bench")
        taken_up = store.decide(
            incident.incident_id, Decision(at=incident.opened_at, deed=Deed.TAKEN_UP, people=REVIEWERS[:1])
        )
        if isinstance(opened, Refusal) or isinstance(taken_up, Refusal):
            raise SystemExit("a case could not be opened")
    began = time.perf_counter()
    with ThreadPoolExecutor(max_workers=len(REVIEWERS)) as pool:
        counts = list(pool.map(lambda person: review(store, incidents, person), REVIEWERS))
    seconds = time.perf_counter() - began
    taken, refused = (sum(column) for column in zip(*counts, strict=True))
    settled = len(store.list_cases(state=State.CONFIRMED_LEAD))
    entries = len(store.audit())
    good = (
        taken == 2 * len(incidents)
        and refused == len(incidents)
        and settled == len(incidents)
        and entries == 4 * len(incidents)
        and not store.audit_breaks()
    )
    print(
        f"{name:10s} {len(incidents)} cases: {taken} verdicts taken, {refused} refused as third, {settled} settled, "
        f"{entries} audit entries, {(taken + refused) / seconds:.0f} decisions/s, {'all kept' if good else 'BROKEN'}"
    )
    if not good:
        raise SystemExit(1)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--incidents", type=int, default=1000)
    parser.add_argument("--postgresql", default="", help="address of an empty database")
    arguments = parser.parse_args()
    count = arguments.incidents
    original = Original(
        name="DJI_0001.JPG", path=Path("none"), size_bytes=1, sha256="ab" * 32, sm3="cd" * 32,
        media_type="image/jpeg", ingested_at=START,
    )  # fmt: skip
    incidents = [incident_of([original], f"vehicle {index}") for index in range(count)]
    clock = FrozenClock(instant=START + timedelta(hours=2))
    run("memory", MemoryCaseStore(clock=clock), incidents)
    with tempfile.TemporaryDirectory() as place:
        run("SQLite", open_store(Path(place) / "store.sqlite3", clock), incidents)
    if arguments.postgresql:
        run("PostgreSQL", open_store(arguments.postgresql, clock), incidents)


if __name__ == "__main__":
    main()
