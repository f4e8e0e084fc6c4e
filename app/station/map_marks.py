"""The map's incidents, gathered for what a screen shows: a hundred thousand cases as columns in memory.

The columns are read from the cards, and read again in the background when something was decided or taken in, at most
every few seconds; a page asks them, not the database. Whose district a case lies in is a column too, so the rule of
districts (:func:`app.station.objects.district_scope`) is a mask like every other filter. What a click tells is read
from the database, through the same rule.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.station.background import Worker
from app.station.models import CaseCard
from app.station.objects import district_scope, veil_of
from core.errors import InputRefused
from core.text import _
from evidence.incident import State
from geofence.hazard import Value
from maps.sheet_json import SCALE

CELL_PX: Final = 64
FINE_PX: Final = 16
NO_CLUSTERS_FROM: Final = 18.0
REFRESH_S: Final = 3.0
MAX_SINGLE: Final = 3_000  # marks of one answer; more are gathered whatever the zoom
MAX_IDS: Final = 200
STATES: Final = tuple(state.value for state in State)
VALUES: Final = tuple(value.value for value in Value)
BY: Final = frozenset({"severity", "hazard", "state", "value", "age"})
AGES_DAYS: Final = (1, 7, 30, 90)
_COLUMNS: Final = (
    "pk", "lon_deg", "lat_deg", "hazard_code", "state", "value", "severity", "first_seen", "last_seen", "district_id",
    "site_code", "site_name", "number", "error_90_m", "hazard_zh", "hazard_en",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """Every case of the store, by columns.

    Attributes:
        ids, words: The case's id; number, site code and name in small letters, for the search.
        lon, lat: Degrees, WGS-84; ``x``, ``y``: the same in Web Mercator, world pixels of zoom 0.
        hazard, state, value: Places in ``hazards``, :data:`STATES`, :data:`VALUES`.
        severity: 1 to 4.
        first, last: When it was seen, minutes since 1970.
        district: Id of its district; 0 for none.
        decided: Whether its site is decided.
        error: 90 % error, metres.
        hazards: Hazard codes; ``names_zh`` and ``names_en`` their names, by code.
    """

    ids: NDArray[np.str_]
    words: NDArray[np.str_]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    hazard: NDArray[np.int16]
    state: NDArray[np.int16]
    value: NDArray[np.int16]
    severity: NDArray[np.int16]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    district: NDArray[np.int64]
    decided: NDArray[np.bool_]
    error: NDArray[np.float64]
    hazards: tuple[str, ...]
    names_zh: Mapping[str, str]
    names_en: Mapping[str, str]


def read_columns() -> Columns:
    """Return every case of the store."""
    rows = list(CaseCard.objects.values_list(*_COLUMNS))
    by_column: list[Any] = list(zip(*rows, strict=True)) if rows else [()] * len(_COLUMNS)
    named = dict(zip(_COLUMNS, by_column, strict=True))
    hazards = tuple(sorted(set(named["hazard_code"])))
    lon, lat = (np.array(named[name], dtype=np.float64) for name in ("lon_deg", "lat_deg"))

    def places(name: str, known: tuple[str, ...]) -> NDArray[np.int16]:
        place = {word: number for number, word in enumerate(known)}
        return np.array([place[word] for word in named[name]], dtype=np.int16)

    def minutes(name: str) -> NDArray[np.int64]:
        return np.array([int(at.timestamp() // 60) for at in named[name]], dtype=np.int64)

    words = [
        f"{number} {code} {site}".lower()
        for number, code, site in zip(named["number"], named["site_code"], named["site_name"], strict=True)
    ]
    return Columns(
        ids=np.array(named["pk"], dtype=np.str_),
        words=np.array(words, dtype=np.str_),
        lon=lon,
        lat=lat,
        x=(lon + 180) / 360 * 256,
        y=(1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2 * 256,
        hazard=places("hazard_code", hazards),
        state=places("state", STATES),
        value=places("value", VALUES),
        severity=np.array(named["severity"], dtype=np.int16),
        first=minutes("first_seen"),
        last=minutes("last_seen"),
        district=np.array([district or 0 for district in named["district_id"]], dtype=np.int64),
        decided=np.array([bool(code) for code in named["site_code"]], dtype=np.bool_),
        error=np.array(named["error_90_m"], dtype=np.float64),
        hazards=hazards,
        names_zh=dict(zip(named["hazard_code"], named["hazard_zh"], strict=True)),
        names_en=dict(zip(named["hazard_code"], named["hazard_en"], strict=True)),
    )


class Held:
    """The columns, held and read again behind the pages' backs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._columns: Columns | None = None
        self._store: object = None
        self._read_at = 0.0
        self._pulse: tuple[int, int] | None = None
        self._reading = threading.Lock()
        self._worker = Worker("map")

    def columns(self, store: object, pulse: tuple[int, int], *, with_every_case: bool = False) -> Columns:
        """Return the columns of a store; older by a few seconds than what was just decided.

        Args:
            store: Which store; another one is read at once.
            pulse: What tells that something changed (:func:`app.station.map_live.pulse`).
            with_every_case: Whether cases that came in since are waited for: a page that is opened shows where they
                are.
        """
        grown = with_every_case and self._pulse is not None and self._pulse[0] != pulse[0]
        if self._columns is None or self._store is not store or grown:
            self.renew(store, pulse)
        elif pulse != self._pulse and not self._reading.locked() and time.monotonic() - self._read_at > REFRESH_S:
            self._worker.submit(self.renew, store, pulse)
        with self._lock:
            found = self._columns
        return read_columns() if found is None else found

    def renew(self, store: object, pulse: tuple[int, int]) -> None:
        """Read the columns anew, unless they were read since the store's pulse was ``pulse``; one reads at a time."""
        with self._reading:
            if self._columns is not None and self._store is store and self._pulse == pulse:
                return
            fresh = read_columns()
            with self._lock:
                self._columns, self._store = fresh, store
                self._pulse, self._read_at = pulse, time.monotonic()

    def warm(self, store: object, pulse: tuple[int, int]) -> None:
        """Read the columns in the background, so that the first page after a start does not wait for them."""
        self._worker.submit(self.renew, store, pulse)

    def forget(self) -> None:
        """Read everything anew at the next question."""
        with self._lock:
            self._columns = None


HELD: Final = Held()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a page asks for.

    Attributes:
        box: West, south, east, north in degrees.
        zoom: Leaflet's zoom level.
        by: What marks are told apart by: "severity", "hazard", "state", "value" or "age".
        without: What is not wanted, by column.
        youngest: Seen first at this minute or later; 0 for any time.
        span: Seen between these minutes; None for any time.
        words: What the search asks for.
        fine: Whether the heat map is shown.
    """

    box: tuple[float, float, float, float]
    zoom: float
    by: str = "severity"
    without: Mapping[str, frozenset[str]]
    youngest: int = 0
    span: tuple[int, int] | None = None
    words: str = ""
    fine: bool = False


def read_wanted(query: Mapping[str, str], now: datetime) -> Wanted:
    """Return what an address's query asks for.

    Raises:
        InputRefused: It asks for what there cannot be.
    """
    try:
        west, south, east, north = (float(degrees) for degrees in query.get("bbox", "-180,-85,180,85").split(","))
        zoom, age = float(query.get("zoom", "3")), int(query.get("age", "0"))
        span = (int(query["from"]), int(query["to"])) if "from" in query and "to" in query else None
    except ValueError as unfit:
        raise _nonsense() from unfit
    finite = all(abs(number) < 1e9 for number in (west, south, east, north, *(span or ())))
    by = query.get("by", "severity")
    if not (finite and 0 <= zoom <= 24 and 0 <= age <= 36_500 and by in BY):
        raise _nonsense()
    without = {
        name: frozenset(word for word in query.get(f"not_{name}", "").split(",") if word)
        for name in ("hazard", "state", "value", "severity")
    }
    youngest = int((now - timedelta(days=age)).timestamp() // 60) if age else 0
    return Wanted(box=(west, south, east, north), zoom=zoom, by=by, without=without, youngest=youngest, span=span,
                  words=query.get("q", "").strip().lower()[:64], fine=query.get("fine") == "1")  # fmt: skip


def _nonsense() -> InputRefused:
    return InputRefused(_("map"), _("asks for what there cannot be"), _("Open the map anew."))


def in_scope(columns: Columns, user: Any) -> NDArray[np.bool_]:  # noqa: ANN401 - a row of Django's
    """Return which cases somebody may see."""
    scope = district_scope(user)
    if scope is None:
        return np.ones(len(columns.ids), dtype=np.bool_)
    return np.isin(columns.district, list(scope))


def veiled(columns: Columns, user: Any) -> Columns:  # noqa: ANN401 - as above
    """Return the columns as somebody may know them: known answers stand as leads (:mod:`app.station.objects`)."""
    veil = veil_of(user)
    if not veil.all:
        return columns
    state = columns.state.copy()
    for ids, shown in ((veil.fresh, State.LEAD), (veil.replied, State.IN_REVIEW)):
        if ids:
            state[np.isin(columns.ids, list(ids))] = STATES.index(shown.value)
    return replace(columns, state=state)


def mask_of(columns: Columns, wanted: Wanted, scope: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which cases the filters leave, wherever they lie."""
    kept = scope.copy()
    for name, known in (("hazard", columns.hazards), ("state", STATES), ("value", VALUES)):
        out = [place for place, word in enumerate(known) if word in wanted.without.get(name, frozenset())]
        if out:
            kept &= ~np.isin(getattr(columns, name), out)
    out = [int(grade) for grade in wanted.without.get("severity", frozenset()) if grade in {"1", "2", "3", "4"}]
    if out:
        kept &= ~np.isin(columns.severity, out)
    if wanted.youngest:
        kept &= columns.first >= wanted.youngest
    if wanted.span is not None:
        kept &= (columns.last >= wanted.span[0]) & (columns.first <= wanted.span[1])
    if wanted.words:
        kept &= np.char.find(columns.words, wanted.words) >= 0
    return kept


def totals_of(columns: Columns, scope: NDArray[np.bool_]) -> dict[str, dict[str, int]]:
    """Return how many cases there are of each kind."""

    def counts(column: NDArray[np.int16], known: tuple[str, ...]) -> dict[str, int]:
        found = np.bincount(column[scope], minlength=len(known)).tolist()
        return {word: count for word, count in zip(known, found, strict=True) if count}

    return {
        "hazard": counts(columns.hazard, columns.hazards),
        "state": counts(columns.state, STATES),
        "value": counts(columns.value, VALUES),
        "severity": counts(columns.severity - np.int16(1), ("1", "2", "3", "4")),
    }


def gather(columns: Columns, wanted: Wanted, scope: NDArray[np.bool_], now: datetime) -> dict[str, Any]:
    """Return what a screen shows: marks where few, clusters where many, counts for the heat map where asked for."""
    kept = mask_of(columns, wanted, scope)
    west, south, east, north = wanted.box
    here = np.flatnonzero(
        kept & (columns.lon >= west) & (columns.lon <= east) & (columns.lat >= south) & (columns.lat <= north)
    )
    kinds, names = _kinds(columns, wanted.by, here, int(now.timestamp() // 60))
    scale = 2.0**wanted.zoom
    answer: dict[str, Any] = {"total": int(kept.sum())}
    if wanted.zoom >= NO_CLUSTERS_FROM and len(here) <= MAX_SINGLE:
        answer["items"] = [
            _single(columns, case, names[kind]) for case, kind in zip(here.tolist(), kinds.tolist(), strict=True)
        ]
    else:
        answer["items"] = list(_clusters(columns, here, kinds, names, scale))
    if wanted.fine:
        answer["heat"] = _heat(columns, here, scale)
    return answer


def _kinds(
    columns: Columns, by: str, here: NDArray[np.intp], now_minute: int
) -> tuple[NDArray[np.int64], tuple[str | int, ...]]:
    """Return the category of each case in view, and what the categories are called (for ages: minutes)."""
    if by == "age":
        edges = [days * 1440 for days in AGES_DAYS]
        return np.searchsorted(edges, now_minute - columns.first[here]), (*edges, 10**9)
    known = {"hazard": columns.hazards, "state": STATES, "value": VALUES, "severity": ("1", "2", "3", "4")}[by]
    return getattr(columns, by)[here].astype(np.int64) - (by == "severity"), known


def _single(columns: Columns, case: int, kind: str | int) -> dict[str, Any]:
    return {
        "x": round(float(columns.lon[case]) * SCALE),
        "y": round(float(columns.lat[case]) * SCALE),
        "n": 1,
        "kind": kind,
        "severity": int(columns.severity[case]),
        "state": STATES[columns.state[case]],
        "decided": bool(columns.decided[case]),
        "error": round(float(columns.error[case]), 1),
        "ids": [str(columns.ids[case])],
    }


def _clusters(
    columns: Columns, here: NDArray[np.intp], kinds: NDArray[np.int64], names: tuple[str | int, ...], scale: float
) -> Any:  # noqa: ANN401 - an iterator of JSON values
    """Yield marks and clusters: cells of :data:`CELL_PX` that hold three or more become one."""
    if not len(here):
        return
    cell = (columns.x[here] * scale // CELL_PX).astype(np.int64) << 32 | (columns.y[here] * scale // CELL_PX).astype(
        np.int64
    )
    order = np.argsort(cell, kind="stable")
    starts = np.flatnonzero(np.diff(cell[order], prepend=-1))
    sizes = np.diff(starts, append=len(order))
    cases = here[order]
    sums = {
        name: np.add.reduceat(column[cases], starts) for name, column in (("lon", columns.lon), ("lat", columns.lat))
    }
    edges = [reduce.reduceat(column[cases], starts)
             for reduce, column in ((np.minimum, columns.lon), (np.minimum, columns.lat), (np.maximum, columns.lon),
                                    (np.maximum, columns.lat))]  # fmt: skip
    by_kind = np.stack([np.add.reduceat((kinds[order] == kind).astype(np.int64), starts) for kind in range(len(names))])
    for place, (start, size) in enumerate(zip(starts.tolist(), sizes.tolist(), strict=True)):
        if size < 3:
            for at in range(start, start + size):
                yield _single(columns, int(cases[at]), names[int(kinds[order[at]])])
            continue
        yield {
            "x": round(float(sums["lon"][place]) / size * SCALE),
            "y": round(float(sums["lat"][place]) / size * SCALE),
            "n": size,
            "kinds": {str(names[kind]): int(n) for kind, n in enumerate(by_kind[:, place].tolist()) if n},
            "box": [round(float(edge[place]) * SCALE) for edge in edges],
            "ids": [str(name) for name in columns.ids[cases[start : start + size]]] if size <= 20 else [],
        }


def _heat(columns: Columns, here: NDArray[np.intp], scale: float) -> list[list[int]]:
    cells = (columns.x[here] * scale // FINE_PX).astype(np.int64) << 32
    cells |= (columns.y[here] * scale // FINE_PX).astype(np.int64)
    _unique, first, counts = np.unique(cells, return_index=True, return_counts=True)
    cases = here[first]
    return [
        [round(float(lon) * SCALE), round(float(lat) * SCALE), int(count)]
        for lon, lat, count in zip(columns.lon[cases], columns.lat[cases], counts, strict=True)
    ]
