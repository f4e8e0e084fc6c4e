"""Colours and words of the map, one place, safe for colour-blind readers.

Kinds have the colours of Okabe and Ito (2008), amounts a ramp that grows darker or lighter all the way (samples of
matplotlib's inferno and cividis, ColorBrewer's Blues), so that no meaning hangs on hue alone: states differ by shape,
severities by size, sites by their letter, zones by dash.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from core.text import _
from evidence.incident import State
from geofence.hazard import Value
from geofence.site import ZoneType

Style = Mapping[str, Any]

_VERMILION: Final = "#D55E00"
_ORANGE: Final = "#E69F00"
_SKY: Final = "#56B4E9"
_GREEN: Final = "#009E73"
_BLUE: Final = "#0072B2"
_PURPLE: Final = "#CC79A7"
_YELLOW: Final = "#F0E442"
_INK: Final = "#1f2933"
_GREY: Final = "#7b8794"

# The palette by name, for style sheets.
HUES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "vermilion": _VERMILION,
        "orange": _ORANGE,
        "sky": _SKY,
        "green": _GREEN,
        "blue": _BLUE,
        "purple": _PURPLE,
        "yellow": _YELLOW,
        "ink": _INK,
        "grey": _GREY,
    }
)

VALUE_COLOURS: Final[Mapping[Value, str]] = MappingProxyType(
    {Value.PROVABLE: _VERMILION, Value.LEAD: _ORANGE, Value.ALERT: _PURPLE}
)

ZONE_STYLES: Final[Mapping[ZoneType, Style]] = MappingProxyType(
    {
        ZoneType.FIRE_LANE: {"color": _VERMILION, "dashArray": "6 3"},
        ZoneType.EXCLUSION: {"color": _PURPLE, "dashArray": "2 3"},
        ZoneType.TANK_FARM: {"color": _ORANGE, "dashArray": "8 2"},
        ZoneType.DIKE: {"color": _ORANGE, "dashArray": "2 2"},
        ZoneType.LOADING: {"color": _SKY, "dashArray": "8 2"},
        ZoneType.STORAGE: {"color": _GREEN, "dashArray": "8 2"},
        ZoneType.DORMITORY: {"color": _BLUE, "dashArray": "2 2"},
        ZoneType.FIRE_SEPARATION: {"color": _VERMILION, "dashArray": "2 6"},
        ZoneType.PARKING: {"color": _GREY, "dashArray": "4 4"},
        ZoneType.PIPELINE_BUFFER: {"color": _YELLOW, "dashArray": "8 2 2 2"},
        ZoneType.HYDRANT: {"color": _VERMILION, "dashArray": "1 2"},
        ZoneType.EXIT: {"color": _BLUE, "dashArray": "1 3"},
        ZoneType.EXCAVATION: {"color": _INK, "dashArray": "6 2"},
        ZoneType.FORECOURT: {"color": _SKY, "dashArray": "2 2"},
        ZoneType.CONTAINER_YARD: {"color": _SKY, "dashArray": "8 3"},
        ZoneType.DAM_SLOPE: {"color": _SKY, "dashArray": "1 3"},
        ZoneType.ROOF: {"color": _SKY, "dashArray": "6 2 1 2"},
        ZoneType.FIREWORKS_DEPOT: {"color": _PURPLE, "dashArray": "8 3"},
        ZoneType.PUBLIC_ROAD: {"color": _GREY, "dashArray": "1 4"},
        ZoneType.NO_BURN_FOREST: {"color": _GREEN, "dashArray": "1 4"},
        ZoneType.FIREWORKS_BAN: {"color": _PURPLE, "dashArray": "1 6"},
    }
)


def value_name(value: Value) -> str:
    """Return what the air can show of a hazard, in the reader's language."""
    return {Value.PROVABLE: _("shown by the frame"), Value.LEAD: _("lead only"), Value.ALERT: _("alert")}[value]


def zone_name(zone_type: ZoneType) -> str:
    """Return a zone type's name in the reader's language."""
    names: dict[ZoneType, Callable[[], str]] = {
        ZoneType.TANK_FARM: lambda: _("tank farm"),
        ZoneType.DIKE: lambda: _("dike"),
        ZoneType.FIRE_LANE: lambda: _("fire lane"),
        ZoneType.LOADING: lambda: _("loading area"),
        ZoneType.STORAGE: lambda: _("storage area"),
        ZoneType.DORMITORY: lambda: _("dormitory"),
        ZoneType.EXCLUSION: lambda: _("exclusion zone"),
        ZoneType.FIRE_SEPARATION: lambda: _("fire separation"),
        ZoneType.PARKING: lambda: _("parking"),
        ZoneType.PIPELINE_BUFFER: lambda: _("pipeline buffer"),
        ZoneType.HYDRANT: lambda: _("hydrant"),
        ZoneType.EXIT: lambda: _("emergency exit"),
        ZoneType.EXCAVATION: lambda: _("excavation"),
        ZoneType.FORECOURT: lambda: _("petrol forecourt"),
        ZoneType.CONTAINER_YARD: lambda: _("container yard for dangerous goods"),
        ZoneType.DAM_SLOPE: lambda: _("slope of a dam or dump"),
        ZoneType.ROOF: lambda: _("roof or terrace"),
        ZoneType.FIREWORKS_DEPOT: lambda: _("fireworks depot"),
        ZoneType.PUBLIC_ROAD: lambda: _("public road"),
        ZoneType.NO_BURN_FOREST: lambda: _("no-burn forest"),
        ZoneType.FIREWORKS_BAN: lambda: _("fireworks ban"),
    }
    return names[zone_type]()


def severity_name(severity: int) -> str:
    """Return a severity's name in the reader's language."""
    return {1: _("look at it"), 2: _("soon"), 3: _("urgent"), 4: _("act at once")}[severity]


def change_name(kind: str) -> str:
    """Return what became of ground, in the reader's language."""
    return {
        "appeared": _("appeared"),
        "gone": _("disappeared"),
        "grew": _("grew"),
        "shrank": _("shrank"),
        "altered": _("altered"),
    }[kind]


def state_name(state: str) -> str:
    """Return an incident state's name in the reader's language."""
    names = {
        "lead": _("lead"),
        "in-review": _("in review"),
        "confirmed-lead": _("confirmed lead"),
        "rejected": _("rejected"),
        "needs-another-look": _("needs another look"),
        "on-site-checked": _("checked on site"),
        "evidence": _("evidence"),
        "rectified": _("rectified"),
        "transferred": _("transferred"),
        "closed": _("closed"),
    }
    return names.get(state, state)


HAZARD_COLOURS: Final = (_VERMILION, _BLUE, _ORANGE, _GREEN, _PURPLE, _SKY, _YELLOW)
OTHER_COLOUR: Final = _GREY
SEVERITY_COLOURS: Final = ("#f9c932", "#ed6925", "#932667", "#1b0c41")
AGE_CLASSES: Final = ((1, "#fee838"), (7, "#c2b065"), (30, "#8a8678"), (90, "#575d6d"), (100_000, "#00204d"))
LEADS_CLASSES: Final = ((1, "#c6dbef"), (3, "#6baed6"), (6, "#2171b5"), (11, "#08306b"))
HEAT_RAMP: Final = ("#00224e", "#35456c", "#666970", "#948e77", "#c8b866", "#fee838")
# Ground looked at: more looks, or finer ones, are darker (ColorBrewer's Greens; open leads are its Blues).
COVERAGE_RAMP: Final = ("#c7e9c0", "#a1d99b", "#74c476", "#31a354", "#00441b")
# What became of ground: its sign says the same as its colour.
CHANGE_LOOKS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "appeared": ("#b34700", "+"),
        "grew": ("#b34700", "▲"),
        "gone": ("#00724f", "–"),
        "shrank": ("#00724f", "▼"),
        "altered": ("#7a3d6b", "≠"),
    }
)
STATE_COLOURS: Final[Mapping[State, str]] = MappingProxyType(
    {
        State.LEAD: _VERMILION,
        State.IN_REVIEW: _ORANGE,
        State.NEEDS_ANOTHER_LOOK: _YELLOW,
        State.CONFIRMED_LEAD: _PURPLE,
        State.ON_SITE_CHECKED: _SKY,
        State.EVIDENCE: _BLUE,
        State.RECTIFIED: _GREEN,
        State.TRANSFERRED: _GREEN,
        State.CLOSED: _GREY,
        State.REJECTED: _GREY,
    }
)
STATE_SHAPES: Final[Mapping[State, str]] = MappingProxyType(
    {
        State.LEAD: "circle",
        State.IN_REVIEW: "circle",
        State.NEEDS_ANOTHER_LOOK: "triangle",
        State.CONFIRMED_LEAD: "diamond",
        State.ON_SITE_CHECKED: "diamond",
        State.EVIDENCE: "diamond",
        State.RECTIFIED: "square",
        State.TRANSFERRED: "square",
        State.CLOSED: "square",
        State.REJECTED: "cross",
    }
)
# Credit grades: the worse, the heavier the outline; the letter itself stands on the site when the map is near enough.
GRADE_STYLES: Final[Mapping[str, Style]] = MappingProxyType(
    {
        "A": {"color": _GREEN, "weight": 1.5},
        "B": {"color": _BLUE, "weight": 2},
        "C": {"color": _ORANGE, "weight": 3, "dashArray": "8 3"},
        "D": {"color": _VERMILION, "weight": 4, "dashArray": "3 3"},
    }
)
NO_GRADE_STYLE: Final[Style] = MappingProxyType({"color": _INK, "weight": 1})
