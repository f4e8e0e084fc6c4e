"""One pixel located, with everything a person asks about it: for ``skywarden locate``.

:func:`locate_point` gives the noun, :func:`point_feature` its GeoJSON, :func:`ground_of` builds the ground that the
command line's options describe.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.heights import Geoid, HaeHeight, HeightDatum, MslHeight
from core.points import GeoPoint
from core.refusal import Refusal
from core.text import _
from detection.detection import Box, Detection
from flight.camera import Camera
from flight.track import Pose
from geofence.fix import Covariance, Unlocated
from geofence.locate import LEAST_DEPRESSION_DEG, REACH_M, locate
from geofence.locating.error_budget import DeviceClass
from geofence.locating.ground import (
    FLAT_SIGMA_M,
    LASER_SIGMA_M,
    LEVEL_SIGMA_M,
    AtLaserSpot,
    FlatAt,
    FlatAtTakeoff,
    Ground,
)
from geofence.locating.ground_dem import DEM_SIGMA_M, DemGround
from geofence.locating.locate_ellipse import (
    circular_error_m,
    ellipse_axes_m,
    ellipse_ring,
    ground_dominates,
    shares_of_variance,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatedPoint:
    """Where a pixel looks on the ground, and how well that is known.

    Attributes:
        point: WGS-84 position.
        height_m: Height of the ground there, metres.
        height_datum: What ``height_m`` is measured from.
        height_hae_m: The same above the WGS-84 ellipsoid, or None when it is not known.
        covariance: Horizontal error.
        ce50_m, ce90_m: Radii of the circles that hold the error with 50 % and 90 %.
        semi_major_m, semi_minor_m, bearing_deg: The 90 % ellipse; bearing of its longer axis from north.
        slant_m: Distance from the camera.
        shares: Share of the variance by cause, largest first; the rest is this frame's own.
        ground_dominates: Whether the ground's uncertainty is more than half of the variance.
        assumptions: Everything that was declared or assumed, as sentences.
    """

    point: GeoPoint
    height_m: float | None
    height_datum: HeightDatum | None
    height_hae_m: float | None
    covariance: Covariance
    ce50_m: float
    ce90_m: float
    semi_major_m: float
    semi_minor_m: float
    bearing_deg: float
    slant_m: float
    shares: dict[str, float]
    ground_dominates: bool
    assumptions: tuple[str, ...]


def ground_of(
    *,
    dem: Path | None = None,
    ground_height_m: float | None = None,
    height_datum: HeightDatum | None = None,
    sigma_m: float | None = None,
    takeoff: GeoPoint | None = None,
    takeoff_height_m: float | None = None,
    laser_m: float | None = None,
) -> Ground:
    """Return the ground that options describe.

    Args:
        dem: An elevation raster; its heights are above ``height_datum`` (ellipsoid, EGM96 or EGM2008).
        ground_height_m: Flat ground at this height above ``height_datum``, which here may also be the take-off point.
        height_datum: What the heights of either are measured from. Needed with both: there is no default datum.
        sigma_m: One-sigma error of the ground, metres; None for the default of its kind.
        takeoff: The take-off point, for a raster and heights above take-off.
        takeoff_height_m: Height of the ground at the take-off point, on the same datum, where flat ground elsewhere is
            higher or lower.
        laser_m: What the aircraft's laser rangefinder measured, metres; used where neither raster nor height is given.

    Raises:
        ValueError: Both are given, or a datum is missing or of the wrong kind.
    """
    if dem is not None and ground_height_m is not None:
        raise ValueError(_("give an elevation raster or a ground height, not both"))
    if dem is None and ground_height_m is None:
        if takeoff_height_m is not None or height_datum is not None:
            raise ValueError(_("a height datum or a take-off height needs an elevation raster or a ground height"))
        if laser_m is not None:
            return AtLaserSpot(distance_m=laser_m, sigma_m=LASER_SIGMA_M if sigma_m is None else sigma_m)
        return FlatAtTakeoff(sigma_m=FLAT_SIGMA_M if sigma_m is None else sigma_m)
    if dem is None and height_datum is HeightDatum.TAKEOFF and takeoff_height_m is None:
        return FlatAtTakeoff(rise_m=float(ground_height_m or 0.0), sigma_m=FLAT_SIGMA_M if sigma_m is None else sigma_m)
    if height_datum not in {HeightDatum.ELLIPSOID, HeightDatum.EGM96, HeightDatum.EGM2008}:
        raise ValueError(_("say what the ground's heights are measured from: ellipsoid, EGM96 or EGM2008"))
    vertical = None if height_datum is HeightDatum.ELLIPSOID else Geoid(height_datum)
    if dem is not None:
        if takeoff_height_m is not None:
            raise ValueError(_("an elevation raster knows the height of the take-off point; say where it is instead"))
        return DemGround(
            path=dem, vertical=vertical, takeoff=takeoff, sigma_m=DEM_SIGMA_M if sigma_m is None else sigma_m
        )

    def on(metres: float) -> HaeHeight | MslHeight:
        return HaeHeight(metres=metres) if vertical is None else MslHeight(metres=metres, geoid=vertical)

    return FlatAt(
        height=on(float(ground_height_m or 0.0)),
        takeoff=None if takeoff_height_m is None else on(takeoff_height_m),
        sigma_m=LEVEL_SIGMA_M if sigma_m is None else sigma_m,
    )


def locate_point(
    u_px: float,
    v_px: float,
    *,
    name: str,
    pose: Pose,
    camera: Camera | None,
    ground: Ground,
    device_class: DeviceClass = DeviceClass.GNSS,
    reach_m: float = REACH_M,
    least_depression_deg: float = LEAST_DEPRESSION_DEG,
) -> LocatedPoint | Refusal:
    """Return where one pixel of a photo looks on the ground, or why that cannot be told.

    Args:
        u_px: Column, pixels from the image's left edge.
        v_px: Row, pixels from its top edge.
        name: The photo's name, for the refusal.
        pose: Where its camera was.
        camera: Its camera, or None when it is unknown.
        ground: The ground, from :func:`ground_of`.
        device_class: Whose errors to assume where the pose states none.
        reach_m: Hits farther than this slant distance are refused, metres.
        least_depression_deg: Rays flatter than this below the horizon are refused, degrees.
    """
    if camera is not None and not (0 <= u_px <= camera.width_px and 0 <= v_px <= camera.height_px):
        return Refusal(
            subject=name,
            code="outside-image",
            reason=_("the pixel {u:g},{v:g} lies outside the image of {width} × {height}").format(
                u=u_px, v=v_px, width=camera.width_px, height=camera.height_px
            ),
        )
    box = Box(left_px=u_px - 0.5, top_px=v_px - 0.5, right_px=u_px + 0.5, bottom_px=v_px + 0.5)
    found = locate(
        Detection(frame_id=name, label="point", score=1.0, box=box, weight_sha256=""),
        pose=pose,
        camera=camera,
        ground=ground,
        captured_at=pose.captured_at,
        device_class=device_class,
        reach_m=reach_m,
        least_depression_deg=least_depression_deg,
    )
    if isinstance(found, Unlocated):
        return Refusal(subject=name, code=found.code, reason=found.reason, remedy=_remedy(found.code))
    major, minor, bearing = ellipse_axes_m(found.covariance, 0.9)
    lens = () if camera is None else (_("the lens is from {source}").format(source=camera.source),)
    return LocatedPoint(
        point=found.point,
        height_m=found.ground_height_m,
        height_datum=found.ground_datum,
        height_hae_m=found.ground_hae_m,
        covariance=found.covariance,
        ce50_m=circular_error_m(found.covariance, 0.5),
        ce90_m=circular_error_m(found.covariance, 0.9),
        semi_major_m=major,
        semi_minor_m=minor,
        bearing_deg=bearing,
        slant_m=found.slant_m,
        shares=shares_of_variance(found.covariance, found.common),
        ground_dominates=ground_dominates(found.covariance, found.common),
        assumptions=(*found.assumptions, *lens),
    )


def point_feature(located: LocatedPoint, *, probability: float = 0.9) -> dict[str, Any]:
    """Return the error ellipse of ``probability`` as a GeoJSON Feature (RFC 7946) with the figures as properties."""
    ring = ellipse_ring(located.point, located.covariance, probability)
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [[[float(lon), float(lat)] for lon, lat in ring]]},
        "properties": {
            "lon_deg": located.point.lon_deg,
            "lat_deg": located.point.lat_deg,
            "datum": "WGS-84",
            "height_m": located.height_m,
            "height_datum": None if located.height_datum is None else str(located.height_datum),
            "height_hae_m": located.height_hae_m,
            "probability": probability,
            "ce50_m": located.ce50_m,
            "ce90_m": located.ce90_m,
            "semi_major_90_m": located.semi_major_m,
            "semi_minor_90_m": located.semi_minor_m,
            "bearing_deg": located.bearing_deg,
            "slant_m": located.slant_m,
            "ground_dominates": located.ground_dominates,
            "assumptions": list(located.assumptions),
        },
    }


def _remedy(code: str) -> str:
    remedies = {
        "no-pose": _("Declare the missing values, or use the photo as the aircraft wrote it."),
        "no-camera": _("Declare it with --camera, or calibrate it: skywarden camera calibrate."),
    }
    return remedies.get(code, "")
