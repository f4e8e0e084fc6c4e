"""A season's schedule as JSON (``season/1``): flights, what was asked of each area, and what could not be placed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Final

from core.clock import BEIJING
from core.whole_file import write_text
from flight.calendars.season import Season
from flight.calendars.season_demand import Demand

FORM: Final = "season/1"


def write_season_file(planned: Season, demanded: Sequence[Demand], first: date, last: date, path: Path) -> None:
    """Write a season from ``first`` to ``last``; times are Beijing time with their offset."""
    document = {
        "skywarden": FORM,
        "from": first.isoformat(),
        "to": last.isoformat(),
        "flights": [
            {
                "patrol": flight.patrol,
                "area": flight.area,
                "crew": flight.crew,
                "starts_at": flight.starts_at.astimezone(BEIJING).isoformat(timespec="seconds"),
                "ends_at": flight.ends_at.astimezone(BEIJING).isoformat(timespec="seconds"),
                "periods": list(flight.periods),
            }
            for flight in planned.flights
        ],
        "areas": [{**asdict(demand), "met": demand.met} for demand in demanded],
        "unmet": [
            {"area": refusal.subject, "reason": refusal.reason, "remedy": refusal.remedy} for refusal in planned.unmet
        ],
    }
    write_text(path, json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n")
