"""Colours and words of the map, one place, safe for colour-blind readers (Okabe–Ito palette, 2008).

Incidents differ by shape of outline as well as colour; zones differ by dash as well as colour.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from core.text import _
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
        ZoneType.FIREWORKS_DEPOT: lambda: _("fireworks depot"),
        ZoneType.PUBLIC_ROAD: lambda: _("public road"),
        ZoneType.NO_BURN_FOREST: lambda: _("no-burn forest"),
        ZoneType.FIREWORKS_BAN: lambda: _("fireworks ban"),
    }
    return names[zone_type]()


def incident_style(value: Value, *, decided: bool) -> Style:
    """Return an incident's marker: filled when its site is decided, hollow when it is not."""
    return {
        "radius": 9,
        "fill": True,
        "color": _INK,
        "weight": 2,
        "fillColor": VALUE_COLOURS[value],
        "fillOpacity": 0.95 if decided else 0.15,
        "dashArray": None if decided else "3 3",
    }


def site_style(leads: int) -> Style:
    """Return a site's outline, heavier and warmer when leads are open on it."""
    return {
        "color": _VERMILION if leads else _BLUE,
        "weight": 3 if leads else 2,
        "fillColor": _ORANGE if leads else _SKY,
        "fillOpacity": 0.14 if leads else 0.06,
    }


def zone_style(zone_type: ZoneType) -> Style:
    """Return a zone's outline by its type."""
    return {"weight": 2, "fillOpacity": 0.10, "fillColor": ZONE_STYLES[zone_type]["color"], **ZONE_STYLES[zone_type]}


NO_FLY_STYLE: Final[Style] = MappingProxyType(
    {"color": "#111111", "weight": 2, "dashArray": "10 4 2 4", "fillColor": "#111111", "fillOpacity": 0.25}
)
FOOTPRINT_STYLE: Final[Style] = MappingProxyType({"color": _GREY, "weight": 1, "fillColor": _GREY, "fillOpacity": 0.05})
FLOWN_STYLE: Final[Style] = MappingProxyType({"color": _BLUE, "weight": 2, "opacity": 0.8})
ELLIPSE_STYLE: Final[Style] = MappingProxyType(
    {"color": _INK, "weight": 1, "fillColor": "#ffffff", "fillOpacity": 0.12}
)
SIGHTING_STYLE: Final[Style] = MappingProxyType(
    {"radius": 4, "fill": True, "color": "#ffffff", "weight": 1, "fillColor": _GREY, "fillOpacity": 0.9}
)
