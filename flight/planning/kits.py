"""Crews with different aircraft: what holds for every one of them.

Lines are laid before it is known who flies them, so they must keep their promises whoever does: their spacing follows
the narrowest picture, their speed the slowest camera and aircraft, their climbs the weakest climber. Batteries and
times are each crew's own (``flight.patrol.flown_by``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from flight.camera import Camera
from flight.patrol import Kit, Patrol
from flight.planning.footprint import ground_extent_m


def kits_of(patrol: Patrol) -> tuple[Kit, ...]:
    """Return the aircraft with cameras that fly a patrol, each once, in the crews' order."""
    own = Kit(
        aircraft=patrol.aircraft,
        camera=patrol.camera,
        photo_interval_s=patrol.photo_interval_s,
        camera_key=patrol.camera_key,
        wpml_payload=patrol.wpml_payload,
        wpml_lens=patrol.wpml_lens,
    )
    return tuple(dict.fromkeys(crew.kit or own for crew in patrol.crews)) or (own,)


def narrowest_camera(cameras: Sequence[Camera]) -> Camera:
    """Return a pinhole that sees no more than any of the cameras across or along, and no finer than the coarsest."""
    first = cameras[0]
    if all(camera == first for camera in cameras):
        return first
    extents = [ground_extent_m(camera, -90.0, 1.0) for camera in cameras]
    across, along = (min(extent[axis] for extent in extents if extent is not None) for axis in (0, 1))
    focal = min(camera.focal_px for camera in cameras)
    width, height = max(1, math.floor(across * focal)), max(1, math.floor(along * focal))
    return Camera(
        model=" + ".join(dict.fromkeys(camera.model for camera in cameras)),
        width_px=width,
        height_px=height,
        focal_px=focal,
        centre_x_px=width / 2,
        centre_y_px=height / 2,
        source="what every crew's camera sees",
    )


def strictest(patrol: Patrol) -> Patrol:
    """Return the patrol with an aircraft and a camera that are no better than any crew's, for laying its lines."""
    kits = kits_of(patrol)
    if len(kits) == 1:
        kit = kits[0]
        return replace(
            patrol, aircraft=kit.aircraft, camera=kit.camera, photo_interval_s=kit.photo_interval_s, crews=patrol.crews
        )
    crafts = [kit.aircraft for kit in kits]
    cruise = min(craft.cruise_m_s for craft in crafts)
    weakest = replace(
        min(crafts, key=lambda craft: (craft.endurance_s, craft.model)),
        cruise_m_s=cruise,
        climb_m_s=min(craft.climb_m_s for craft in crafts),
        descent_m_s=min(craft.descent_m_s for craft in crafts),
    )
    return replace(
        patrol,
        aircraft=weakest,
        camera=narrowest_camera([kit.camera for kit in kits]),
        photo_interval_s=max(kit.photo_interval_s for kit in kits),
        areas=tuple(replace(area, speed_m_s=min(area.speed_m_s, cruise)) for area in patrol.areas),
    )
