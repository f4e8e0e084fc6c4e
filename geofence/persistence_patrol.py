"""Turn ground to look at again into a patrol, in the manner of the patrol that found it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.text import _
from flight.patrol import KeyArea, Patrol, Pattern
from geofence.persistence import Revisit


def plan_revisit(revisits: Sequence[Revisit], before: Patrol, *, name: str) -> Patrol:
    """Return the patrol that looks again: aircraft, limits and no-fly zones as before, areas those to revisit.

    The approval is not taken over: it was given for another flight. Height, overlap and speed are those of the earlier
    area flown lowest, so that pictures of before and after show a thing equally large.

    Args:
        revisits: From :func:`geofence.persistence.follow_up`, at least one.
        before: The patrol that found the hazards.
        name: The new patrol's name.

    Raises:
        ValueError: There is nothing to revisit.
    """
    if not revisits:
        raise ValueError("there is nothing to revisit")
    closest = min(before.areas, key=lambda area: area.height_agl_m)
    areas = tuple(
        KeyArea(
            name=_("{number}: revisit of {count}").format(number=number, count=len(revisit.standing_ids)),
            shape=revisit.area,
            pattern=Pattern.SURVEY,
            height_agl_m=closest.height_agl_m,
            front_overlap=closest.front_overlap,
            side_overlap=closest.side_overlap,
            gimbal_pitch_deg=-90.0,
            speed_m_s=closest.speed_m_s,
            priority=revisit.priority,
        )
        for number, revisit in enumerate(revisits, start=1)
    )
    return replace(before, name=name, areas=areas, approval=None, periods=())
