"""What a click on the map tells of a case besides its card: the law, whose it may be, and what the camera saw."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.station.context import station
from app.station.models import CaseCard, Fence, MediaRow
from app.station.vault_keys import media_key
from app.store.models import CaseRow
from core.errors import SkywardenError
from evidence.incident import State
from geofence.hazard import Value
from maps.picture import thumbnail_of
from maps.sheet import Mark
from maps.sheet_json import PICTURES_BYTES

AT_A_TIME: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a case's document tells.

    Attributes:
        basis: Articles.
        authority: Who decides.
        candidates: Where the site is undecided: the candidates with their probabilities.
        note: Why it is undecided, or the prior that was declared.
        zone: The zone's name.
        picture: Digest of the picture to show; empty for none.
    """

    basis: str
    authority: str
    candidates: str
    note: str
    zone: str
    picture: str


def told_of(cards: Sequence[CaseCard]) -> dict[str, Told]:
    """Return what the documents of cases tell, by case id."""
    found: dict[str, Told] = {}
    wanted = {card.zone_id for card in cards if card.zone_id}
    zones = dict(Fence.objects.filter(kind="zone", key__in=wanted).order_by("pk").values_list("key", "name"))
    for start in range(0, len(cards), AT_A_TIME):
        keys = [card.pk for card in cards[start : start + AT_A_TIME]]
        rows = MediaRow.objects.filter(case_id__in=keys, kind__in=["annotate", "crop"]).order_by("kind", "-pk")
        pictures = dict(rows.values_list("case_id", "sha256"))  # the crop, where there is one, comes last
        for key, document in CaseRow.objects.filter(pk__in=keys).values_list("pk", "document"):
            found[key] = _told(json.loads(document), zones, pictures.get(key, ""))
    return found


def _told(document: dict[str, Any], zones: dict[str, str], picture: str) -> Told:
    hazard, attribution = document["hazard"], document["attribution"]
    undecided = attribution["outcome"] != "attributed"
    shares = (f"{share['key']} {share['probability']:.0%}" for share in attribution["sites"])
    return Told(
        basis="; ".join(f"{one['law']}{one['article']}" for one in hazard["citations"]),
        authority=hazard["authority"],
        candidates="; ".join(shares) if undecided else "",
        note=" ".join(words for name in ("reason", "prior") if (words := attribution.get(name, ""))),
        zone=zones.get(hazard["zone_id"] or "") or hazard["zone_id"] or "",
        picture=picture,
    )


def marks_of(cards: Sequence[CaseCard], *, chinese: bool) -> tuple[Mark, ...]:
    """Return cases as marks of an offline file, with small pictures of the first while there is room for them."""
    told, pictures = told_of(cards), {}
    room = PICTURES_BYTES
    for key, content in _thumbnails(cards, told):
        room -= len(content) * 4 // 3
        if room < 0:
            break
        pictures[key] = content
    return tuple(_mark(card, told[card.pk], pictures.get(card.pk, b""), chinese=chinese) for card in cards)


def _thumbnails(cards: Sequence[CaseCard], told: dict[str, Told]) -> Iterator[tuple[str, bytes]]:
    for card in cards:
        digest = told[card.pk].picture
        if not digest:
            continue
        try:
            with station().vault.open(media_key("crop", digest)) as reader:
                content = thumbnail_of(reader.read())
        except (SkywardenError, OSError, ValueError):  # a picture that cannot be read leaves its case without one
            continue
        yield card.pk, content


def _mark(card: CaseCard, told: Told, picture: bytes, *, chinese: bool) -> Mark:
    return Mark(
        number=card.number,
        hazard=card.hazard_code,
        hazard_name=card.hazard_zh if chinese else card.hazard_en,
        severity=card.severity,
        value=Value(card.value),
        state=State(card.shown_state),
        lon_deg=card.lon_deg,
        lat_deg=card.lat_deg,
        error_90_m=card.error_90_m,
        first_seen=card.first_seen,
        last_seen=card.last_seen,
        site_code=card.site_code or None,
        site_name=card.site_name or card.site_code,
        candidates=told.candidates,
        note=told.note,
        zone=told.zone,
        basis=told.basis,
        authority=told.authority,
        thumbnail=picture,
    )
