"""Cursor-on-Target: cases as events that TAK clients show (MITRE, CoT event schema 2.0).

Each case is a spot on the map ("b-m-p-s-m"), placed by machine from fused sensors ("m-f"), with the 90 % error as its
circular error. Heights are not told: 9999999 stands for unknown, as the schema asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from app.station.models import CaseCard
from core.clock import iso_utc
from core.text import _
from maps.palette import state_name

SPOT: Final = "b-m-p-s-m"
FUSED: Final = "m-f"
UNKNOWN_M: Final = "9999999.0"
FRESH: Final = timedelta(days=1)


def cot_event(card: CaseCard, *, now: datetime, chinese: bool) -> Element:
    """Return a case as a CoT event."""
    event = Element(
        "event",
        version="2.0",
        uid=f"skywarden-{card.pk}",
        type=SPOT,
        how=FUSED,
        time=iso_utc(now),
        start=iso_utc(card.last_seen),
        stale=iso_utc(now + FRESH),
    )
    SubElement(
        event,
        "point",
        lat=f"{card.lat_deg:.8f}",
        lon=f"{card.lon_deg:.8f}",
        hae=UNKNOWN_M,
        ce=f"{card.error_90_m:.1f}",
        le=UNKNOWN_M,
    )
    detail = SubElement(event, "detail")
    name = card.hazard_zh if chinese else card.hazard_en
    SubElement(detail, "contact", callsign=f"{card.number} {name}")
    said = _("{number}: {hazard}; {state}; severity {severity}; {site}").format(
        number=card.number,
        hazard=name,
        state=state_name(card.shown_state),
        severity=card.severity,
        site=card.site_name or card.site_code or _("undecided"),
    )
    SubElement(detail, "remarks").text = "".join(letter for letter in said if letter.isprintable())
    return event


def cot_document(cards: Iterable[CaseCard], *, now: datetime, chinese: bool) -> bytes:
    """Return cases as one document: ``<events>`` with an ``<event>`` each."""
    root = Element("events")
    root.extend(cot_event(card, now=now, chinese=chinese) for card in cards)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))
