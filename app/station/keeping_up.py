"""What a running station does by itself: takes in the runs and cases that came, and lets the database look again."""

from __future__ import annotations

from threading import Event

from django.db import DatabaseError

from app.station.announced_runs import take_in_announced
from app.station.background import let_go
from app.station.cards import fill_missing_cards, gauge_tables
from app.station.models import CaseCard
from app.store.claims import claimed
from app.store.models import CaseRow

LOOK_EVERY_S = 10.0


def keep_up(stop: Event) -> None:
    """Take in what comes while the station runs (``skywarden process --store``), until ``stop``.

    A finished run is taken in with its pictures; cases that came in another way get at least their cards.
    """
    gauged = CaseCard.objects.count()
    while not stop.wait(LOOK_EVERY_S):
        try:
            with claimed("take-in", alias=CaseCard.objects.db) as ours:
                if ours:
                    take_in_announced()
                    if CaseRow.objects.count() != CaseCard.objects.count():
                        fill_missing_cards()
            cards = CaseCard.objects.count()
            if cards > 1.2 * gauged + 100:
                gauge_tables()
                gauged = cards
        except DatabaseError:  # busy or away; the next look finds them
            continue
        finally:
            let_go()
