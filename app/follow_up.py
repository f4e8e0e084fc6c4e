"""Follow-up: which standing hazards are checked again, and the patrol that checks them.

What is checked again is what people confirmed: the store of cases says which. Without a store, incidents are named one
by one, or everything that stands is taken, which has to be said.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from app.case_folder import LEDGER
from app.patrol_ledger import Ledger, incident_numbers, numbers_of
from core.clock import BEIJING
from core.errors import InputRefused
from core.text import _
from evidence.cases.case_store import CaseStore
from evidence.incident import State
from flight.patrol import Patrol
from geofence.attribution import Undecided
from geofence.persistence.follow_up import Revisit, follow_up, plan_revisit
from geofence.persistence.standing import Standing

CONFIRMED: Final = frozenset(
    {State.CONFIRMED_LEAD, State.ON_SITE_CHECKED, State.EVIDENCE, State.RECTIFIED, State.NEEDS_ANOTHER_LOOK}
)
"""States in which another look is wanted: confirmed and open, said to be put right, or asked for by a reviewer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recheck:
    """What a follow-up patrol is for.

    Attributes:
        patrol: The patrol, not yet approved.
        revisits: Where it looks, first priority first; in the order of the patrol's areas.
        note: For the head of its file: which incidents each area checks, and by when.
    """

    patrol: Patrol
    revisits: tuple[Revisit, ...]
    note: str


def confirmed_in(store: CaseStore) -> frozenset[str]:
    """Return the numbers of a store's incidents that another look is wanted for."""
    return frozenset(line.number for line in store.list_cases() if line.state in CONFIRMED)


def choose_standings(ledger: Ledger, numbers: Collection[str] | None) -> tuple[Standing, ...]:
    """Return the hazards that are there and have an incident of these numbers; None takes all that are there.

    Raises:
        InputRefused: Nothing of it is there.
    """
    known = numbers_of(ledger.patrols)
    there = [standing for standing in ledger.standings if standing.is_there]
    chosen = [
        standing for standing in there if numbers is None or set(incident_numbers(standing, known)) & set(numbers)
    ]
    if not chosen:
        problem = _("has nothing to check again: of {count} hazards that stand, none was asked for").format(
            count=len(there)
        )
        raise InputRefused(
            "follow-up",
            problem if there else _("has nothing to check again: nothing stands"),
            _("Confirm incidents in the store, name them with --incident, or say --unreviewed."),
        )
    return tuple(chosen)


def plan_recheck(ledger: Ledger, chosen: Sequence[Standing], before: Patrol, *, name: str, now: datetime) -> Recheck:
    """Return the patrol that looks at hazards again.

    Args:
        ledger: For the incidents' numbers.
        chosen: The hazards.
        before: The patrol whose aircraft, home, limits and no-fly zones apply.
        name: The new patrol's name.
        now: The present instant, aware.
    """
    revisits = follow_up(chosen, now=now, heights_m=_heights_m(ledger, chosen))
    numbers = numbers_of(ledger.patrols)
    by_id = {standing.standing_id: standing for standing in chosen}
    lines = [_("Looks again at {count} hazards; its approval is still to be applied for.").format(count=len(chosen))]
    for number, revisit in enumerate(revisits, start=1):
        incidents = (number for key in revisit.standing_ids for number in incident_numbers(by_id[key], numbers)[-1:])
        line = f"{number}: {', '.join(incidents)}"
        if revisit.due is not None:
            line += _(", to be put right by {day}").format(day=f"{revisit.due.astimezone(BEIJING):%Y-%m-%d}")
        lines.append(line)
    called = {key: incident_numbers(standing, numbers)[-1] for key, standing in by_id.items()}
    patrol = plan_revisit(revisits, before, name=name, called=called)
    return Recheck(patrol=patrol, revisits=revisits, note="\n".join(lines))


def _heights_m(ledger: Ledger, chosen: Sequence[Standing]) -> dict[str, float]:
    """Return from how high each hazard with an undecided site must be looked at to decide it."""
    outcomes = {
        (incident.hazard.code, incident.sighting.sighting_id): incident.attribution
        for patrol in ledger.patrols
        for incident in patrol.incidents
    }
    heights = {}
    for standing in chosen:
        last = max((entry for entry in standing.entries if entry.sighting_id), key=lambda entry: entry.at)
        outcome = outcomes.get((standing.code, last.sighting_id))
        if isinstance(outcome, Undecided) and outcome.view is not None:
            heights[standing.standing_id] = outcome.view.height_agl_m
    return heights


def ledger_folder(folder: Path) -> Path:
    """Return the ledger that a folder is, or holds (a case folder has its own), or has beside it.

    Raises:
        InputRefused: There is none.
    """
    for place in (folder, folder / LEDGER, folder.resolve().parent / LEDGER):
        if (place / "standings.json").is_file():
            return place
    problem = _("holds no ledger of patrols")
    raise InputRefused(folder, problem, _("Name the folder “patrols” that “skywarden process” wrote."))
