"""The map's popups and legend as HTML, from Jinja templates that escape every value.

An enterprise named ``<script>`` is shown as that name and nothing runs.
"""

from __future__ import annotations

import base64
from functools import cache

from jinja2 import Environment, PackageLoader

from core.clock import BEIJING, from_iso
from core.text import _
from geofence.hazard import Value
from geofence.site import ZoneType
from maps.features import Feature
from maps.palette import VALUE_COLOURS, ZONE_STYLES, value_name, zone_name
from maps.scene import Scene


@cache
def templates() -> Environment:
    """Return the map's templates."""
    # Every value is escaped, whatever the template's name: autoescape is not left to file endings.
    environment = Environment(loader=PackageLoader("maps"), autoescape=True)
    environment.globals["_"] = _
    return environment


def style() -> str:
    """Return the style sheet of popups and legend."""
    return templates().get_template("map.css").render()


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


def _beijing(instant: str) -> str:
    return from_iso(instant).astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def incident_popup(feature: Feature, thumbnail: bytes | None, *, chinese: bool, explanation: str = "") -> str:
    """Return the popup of an incident feature (see :func:`maps.features.incident_feature`)."""
    properties = feature["properties"]
    lon, lat = feature["geometry"]["coordinates"]
    return (
        templates()
        .get_template("incident.html")
        .render(
            p=properties,
            picture=base64.b64encode(thumbnail).decode() if thumbnail else "",
            explanation=base64.b64encode(explanation.encode()).decode(),
            hazard_name=properties["hazard_zh"] if chinese else properties["hazard_en"],
            state=state_name(properties["state"]),
            value=value_name(Value(properties["value"])),
            zone=zone_name(ZoneType(properties["zone_type"])) if properties["zone_type"] else "",
            seen=_("{seen} times in {passes} passes, {first} to {last} Beijing time").format(
                seen=properties["seen"],
                passes=properties["passes"],
                first=_beijing(properties["first_seen"]),
                last=_beijing(properties["last_seen"]),
            ),
            position=f"{lat:.6f}, {lon:.6f}",
        )
    )


def place_popup(title: str, rows: list[tuple[str, str]]) -> str:
    """Return a popup with a title and rows of name and words."""
    return templates().get_template("place.html").render(title=title, rows=rows)


def legend(scene: Scene) -> str:
    """Return the legend: only what this scene really shows."""
    types = [kind for kind in ZoneType if any(zone.zone_type is kind for zone in scene.register.zones)]
    counts = _("{incidents} incidents, {others} other sightings, {frames} footprints").format(
        incidents=len(scene.incidents), others=len(scene.others), frames=len(scene.footprints)
    )
    return (
        templates()
        .get_template("legend.html")
        .render(
            title=scene.title,
            counts=counts,
            values=[
                (VALUE_COLOURS[value], value_name(value))
                for value in Value
                if any(incident.hazard.value is value for incident in scene.incidents)
            ],
            zones=[(ZONE_STYLES[kind]["color"], zone_name(kind)) for kind in types],
            no_fly=bool(scene.no_fly_zones),
            drawn=scene.drawn_at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M") + _(" Beijing time"),
        )
    )
