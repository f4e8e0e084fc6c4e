"""What an earlier patrol saw where a case lies: an earlier case of the same class, and what changed since."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.station.map_ground import changes_of
from app.station.models import CaseCard, MediaRow, Run, User
from app.station.objects import cards_of
from geofence.gathering.body_length import LONG, UNTOLD
from geofence.persistence.standing import may_be_one
from maps.change_file import CHANGES, Change, picture_of

LEAST_REACH_M = 30.0
_M_PER_DEG = 111_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """An earlier look at a case's place.

    Attributes:
        card: An earlier case of the same class there, or None.
        file: The picture of it, or None.
        changes: What a comparison of the case's patrol with an earlier one found there, each with which of its pictures
            ("before", "after") there are.
    """

    card: CaseCard | None
    file: MediaRow | None
    changes: tuple[tuple[Change, tuple[str, ...]], ...]


def visit_before(user: User, card: CaseCard) -> Visit | None:
    """Return the last earlier look at a case's place, or None where there is none that the person may see."""
    reach = max(LEAST_REACH_M, 2 * card.error_90_m) / _M_PER_DEG
    near = (
        cards_of(user)
        .filter(
            label__in=[label for label in {card.label, UNTOLD, LONG} if may_be_one(card.label, label)],
            last_seen__lt=card.first_seen,
            lon_deg__range=(card.lon_deg - reach, card.lon_deg + reach),
            lat_deg__range=(card.lat_deg - reach, card.lat_deg + reach),
        )
        .exclude(sighting_id=card.sighting_id)
        .order_by("-last_seen")
        .first()
    )
    changes = tuple(
        (change, tuple(when for when in ("before", "after") if change_picture(card.run, change, when) is not None))
        for change in changes_at(card)
    )
    if near is None and not changes:
        return None
    kinds: Any = ["annotate", "crop"]
    file = None if near is None else near.media.filter(kind__in=kinds).order_by("-kind").first()
    return Visit(card=near, file=file, changes=changes)


def changes_at(card: CaseCard) -> tuple[Change, ...]:
    """Return the changes that a case lies on."""
    return () if card.run is None else tuple(one for one in changes_of(card.run) if card.number in one.incidents)


def change_picture(run: Run | None, change: Change, when: str) -> Path | None:
    """Return where a change's picture lies, or None where there is none."""
    return None if run is None else picture_of(Path(run.folder) / CHANGES, change, when)
