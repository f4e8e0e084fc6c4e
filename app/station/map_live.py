"""What arrives on the map without reload: that something was taken in or decided, and where aircraft are.

Server-sent events (HTML standard, 9.2): one answer that stays open and costs a coroutine. Every page asks one pulse of
the store, which is looked at no oftener than :data:`LOOK_S`; aircraft come from the files that
``skywarden fly --stream FILE`` appends to, of which the last whole line counts. An event tells *that* something
changed; what changed is asked for by the page, through the rule of districts.
"""

from __future__ import annotations

import asyncio
import json
import math
import threading
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

from asgiref.sync import sync_to_async

from app.station.cards import Districts
from app.station.map_marks import HELD
from app.station.models import CaseCard, District
from app.station.objects import district_scope
from app.store.models import DecisionRow
from flight.flying.view_stream import FORM

LOOK_S: Final = 2.0
RENEW_S: Final = 3.0
EVERY_S: Final = 1.0
OPEN_S: Final = 900.0  # then the browser opens it anew, so that somebody who was let go is let go
TAIL_BYTES: Final = 16 * 1024
Pulse = tuple[int, int]

_lock = threading.Lock()
_last: list[tuple[float, object, Pulse]] = []


def pulse(store: object, *, fresh: bool = False) -> Pulse:
    """Return what changes when a case is taken in or decided: how many cases, and the last decision."""
    with _lock:
        now = time.monotonic()
        if not fresh and _last and _last[0][1] is store and now - _last[0][0] < LOOK_S:
            return _last[0][2]
        newest = DecisionRow.objects.order_by("-pk").values_list("pk", flat=True).first()
        found = (CaseCard.objects.count(), newest or 0)
        _last[:] = [(now, store, found)]
        return found


def aircraft_of(streams: Sequence[Path]) -> list[dict[str, Any]]:
    """Return where the aircraft of streams were last; a stream without a position, or torn, tells nothing."""
    found = []
    for path in streams:
        line = _last_line(path)
        try:
            view = json.loads(line) if line else None
            if not isinstance(view, dict) or view.get("skywarden") != FORM or view.get("lon_deg") is None:
                continue
            numbers = [float(view[name]) for name in ("lon_deg", "lat_deg", "yaw_deg", "height_takeoff_m")]
            if not all(map(math.isfinite, numbers)):  # no JSON that a browser would read could say it
                continue
            found.append(
                {
                    "name": str(view["aircraft"] or path.stem)[:40], "lon": float(view["lon_deg"]),
                    "lat": float(view["lat_deg"]), "yaw": float(view["yaw_deg"]), "at": str(view["at"])[:40],
                    "height": float(view["height_takeoff_m"]), "battery": view["battery"],
                }
            )  # fmt: skip
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _last_line(path: Path) -> str:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_BYTES))
            lines = file.read().split(b"\n")
    except OSError:
        return ""
    # What stands after the last line feed is still being written.
    return lines[-2].decode("utf-8", "replace") if len(lines) > 1 else ""


def seen_by_user(aircraft: list[dict[str, Any]], user: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a row of Django's
    """Return the aircraft that somebody may see: over their districts, or over nobody's ground."""
    scope = district_scope(user)
    if scope is None or not aircraft:
        return aircraft
    districts = Districts(District.objects.all())
    return [one for one in aircraft if districts.holding(one["lon"], one["lat"]) in {None, *scope}]


async def events(user: Any, store: object, streams: Sequence[Path]) -> AsyncIterator[bytes]:  # noqa: ANN401 - as above
    """Yield server-sent events for somebody's map."""
    known: Pulse | None = None
    told = ""
    opened = time.monotonic()
    renewed = -RENEW_S
    yield b"retry: 3000\n\n"
    while time.monotonic() - opened < OPEN_S:
        now = await sync_to_async(pulse)(store)
        if known is None:
            known = now
        elif now != known and time.monotonic() - renewed >= RENEW_S:
            await sync_to_async(HELD.renew)(store, now)  # who asks because of the event gets what it speaks of
            known, renewed = now, time.monotonic()
            yield b"event: incidents\ndata: changed\n\n"
        aircraft = await sync_to_async(lambda: seen_by_user(aircraft_of(streams), user))() if streams else []
        words = json.dumps(aircraft, ensure_ascii=False, allow_nan=False)
        if aircraft and words != told:
            yield f"event: aircraft\ndata: {words}\n\n".encode()
        elif int(time.monotonic() - opened) % 15 == 0:
            yield b": here\n\n"
        told = words
        await asyncio.sleep(EVERY_S)
