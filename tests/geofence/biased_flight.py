"""A made flight whose stated heading is wrong by a known amount, for the tests of self-calibration."""

from __future__ import annotations

import numpy as np

from core.points import GeoPoint, LocalPlane, from_plane, to_enu
from flight.camera import Orientation, project
from geofence.calibrating.self_calibration import KnownPoint, Tie, View
from tests.geofence.locating import CAMERA, PLANE, pose


def biased_flight() -> tuple[list[View], list[Tie], list[KnownPoint]]:
    """Four views whose stated heading is 2° too small, of twenty things and three known points."""
    rng = np.random.default_rng(4)
    things = rng.uniform([-40, -40], [40, 40], (23, 2))
    views, ties, known = [], [], []
    for at, (east, yaw) in enumerate([(-20.0, 0.0), (20.0, 90.0), (-10.0, 200.0), (15.0, 300.0)]):
        lon, lat = from_plane(PLANE, [east, 3.0 * at])
        point = GeoPoint(lon_deg=float(lon), lat_deg=float(lat))
        views.append(
            View(
                frame_id=f"f{at}",
                pose=pose(yaw=yaw, pitch=-80, seconds=4.0 * at, point=point, sigma=None),
                camera=CAMERA,
            )
        )
        lonlat = from_plane(PLANE, things)
        offsets = to_enu(LocalPlane(origin=point), lonlat) - [0, 0, 100.0]
        pixels = project(CAMERA, Orientation(yaw_deg=yaw + 2.0, pitch_deg=-80, roll_deg=0), offsets)
        for i, (u, v) in enumerate(pixels + rng.normal(0, 0.5, pixels.shape)):
            if not (0 <= u <= 4000 and 0 <= v <= 3000):
                continue
            if i < 20:
                ties.append(Tie(thing=f"t{i:02d}", frame_id=f"f{at}", u_px=float(u), v_px=float(v)))
            else:
                where = GeoPoint(lon_deg=float(lonlat[i, 0]), lat_deg=float(lonlat[i, 1]))
                known.append(KnownPoint(frame_id=f"f{at}", u_px=float(u), v_px=float(v), point=where, sigma_m=0.1))
    return views, ties, known
