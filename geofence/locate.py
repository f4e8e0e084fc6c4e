"""From a detection to a fix: the ray through a box, met with the ground, with an uncertainty that is true.

1. The pose must be whole: position, a height that the ground can use, and all three angles. Nothing is filled in.
2. The pixel that stands for the ground is chosen by class and view (:mod:`geofence.locating.locate_contact`).
3. The ray goes through the lens and the whole rotation chain (:mod:`flight.camera`) to the first ground it meets.
4. Every error (position, height, yaw, pitch, tilt, focal length, pixel, lift, ground) goes the same way, by central
   differences of one standard deviation, which keeps the bend of the relation over the width that matters.
   Their sum is the covariance; what a whole flight shares is kept apart, by cause, for :mod:`geofence.gather`.

A ray at or above the horizon, one that grazes the ground so flatly that an error of one sigma lifts it off, and one
whose hit lies beyond reach are refusals: :class:`~geofence.fix.Unlocated`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.points import GeoPoint
from core.text import _
from detection.detection import Detection
from flight.camera import Camera, camera_rays, camera_to_enu, mount_of
from flight.track import Pose, missing, orientation_of
from geofence.fix import CommonError, Covariance, Fix, Unlocated
from geofence.locating.error_budget import DeviceClass, ErrorBudget, budget_of, ray_sigmas
from geofence.locating.ground import Ground, NoStanding, Standing
from geofence.locating.locate_cast import PARAMETERS, Aim, cast, on_earth
from geofence.locating.locate_contact import Contact, contact

REACH_M: Final = 2_000.0
LEAST_DEPRESSION_DEG: Final = 5.0
# How far the middle of plus and minus one sigma may lie from the hit, as a share of the whole sigma. At a fifth the
# error is so skew that its 50 % ellipse holds 53 % (drawn: pitch sigma 2.5°, 10° above the ground).
_MOST_BENT: Final = 0.15
_FARTHER: Final = 1.5  # a ray wrong by one sigma may hit this much beyond reach

# Which errors the frames of one flight share: pose errors by the budget's share, the lens and the ground wholly (the
# ground's error is the same for everything nearby), a body's own height wholly (it is the same body), pixels not at
# all.
_SHARED: Final = {"focal": 1.0, "lift": 1.0, "ground": 1.0, "u": 0.0, "v": 0.0}


def locate(
    detection: Detection,
    *,
    pose: Pose,
    camera: Camera | None,
    ground: Ground,
    captured_at: datetime,
    device_class: DeviceClass = DeviceClass.GNSS,
    reach_m: float = REACH_M,
    least_depression_deg: float = LEAST_DEPRESSION_DEG,
) -> Fix | Unlocated:
    """Return where on the ground a detection stands, or why that cannot be told.

    Args:
        detection: What was seen, in pixels of the original image.
        pose: The camera's pose at that instant.
        camera: The camera at that image's size, or None when it is unknown.
        ground: The shape of the ground.
        captured_at: When, aware.
        device_class: Whose errors to assume where the pose states none.
        reach_m: Hits farther than this slant distance are refused, metres.
        least_depression_deg: Rays flatter than this below the horizon are refused, degrees.

    Returns:
        The fix, or an :class:`Unlocated` with code "no-pose", "no-camera", "above-horizon", "too-grazing" or
        "beyond-range".
    """

    def refuse(code: str, reason: str) -> Unlocated:
        return Unlocated(detection=detection, code=code, reason=reason)

    view = _view(detection, pose, camera, ground)
    if isinstance(view, Unlocated):
        return view
    aim, standing, touch = view
    hits = cast(aim, ground, reach_m=reach_m)
    depression_deg = math.degrees(-math.asin(max(-1.0, min(1.0, float(hits.directions[0, 2])))))
    if depression_deg <= 0:
        return refuse("above-horizon", _("the ray looks at or above the horizon"))
    grazing = _("the ray falls only {depression:.1f}° below the horizon").format(depression=depression_deg)
    if depression_deg < least_depression_deg:
        return refuse("too-grazing", grazing)
    slant = float(hits.slant_m[0])
    if math.isnan(slant):
        return refuse("beyond-range", _("the ray meets no ground within {reach:g} m").format(reach=reach_m))
    budget = budget_of(pose, device_class)
    sigmas = _sigmas(budget, standing, aim.camera, touch, ground)
    effects = _effects(aim, ground, sigmas, reach_m=_FARTHER * reach_m)
    if effects is None:
        return refuse("too-grazing", grazing + "; " + _("its errors are too large for so flat a view"))
    return _fix(
        detection,
        captured_at=captured_at,
        pose=pose,
        standing=standing,
        touch=touch,
        budget=budget,
        effects=effects,
        enu_m=hits.enu_m[0],
        height_m=float(hits.height_m[0]),
        slant_m=slant,
        outline_m=_outline(aim, detection, ground, hits.enu_m[0], reach_m=_FARTHER * reach_m) if touch.whole else (),
        scale_sigma=_scale_sigma(sigmas, drop_m=-slant * float(hits.directions[0, 2])),
    )


def _view(
    detection: Detection, pose: Pose, camera: Camera | None, ground: Ground
) -> tuple[Aim, Standing, Contact] | Unlocated:
    """Return the ray to cast, where the camera stands and which pixel stands for the ground, or why there is none."""

    def refuse(code: str, reason: str) -> Unlocated:
        return Unlocated(detection=detection, code=code, reason=reason)

    lacking = missing(pose)
    orientation = orientation_of(pose)
    if lacking or orientation is None or pose.position is None:
        return refuse("no-pose", _("the pose lacks {fields}").format(fields=", ".join(lacking)))
    if camera is None:
        return refuse("no-camera", _("the camera is unknown; declare its focal length or add it to the catalogue"))
    standing = ground.stand(pose)
    if isinstance(standing, NoStanding):
        return refuse("no-pose", standing.reason)
    if not np.all(np.isfinite(camera_rays(camera, _middle(detection)))):
        return refuse("no-camera", _("the camera's lens model has no ray for this pixel"))
    touch = _contact_of(detection, camera, camera_to_enu(orientation))
    if touch is None:
        return refuse("above-horizon", _("the box looks at or above the horizon"))
    aim = Aim(
        point=pose.position,
        height_m=standing.height_m,
        orientation=orientation,
        camera=camera,
        pixels=np.array([[touch.u_px, touch.v_px]]),
        lift_m=np.array([touch.lift_m]),
    )
    return aim, standing, touch


def _middle(detection: Detection) -> NDArray[np.float64]:
    """Return (1, 2) the pixel at the middle of the detection's box."""
    box = detection.box
    return np.array([[(box.left_px + box.right_px) / 2, (box.top_px + box.bottom_px) / 2]])


def _contact_of(detection: Detection, camera: Camera, rotation: NDArray[np.float64]) -> Contact | None:
    """Return the contact pixel, or None when the box's centre does not look below the horizon."""
    ray = camera_rays(camera, _middle(detection))[0]
    world = rotation @ ray
    if not world[2] < 0:
        return None
    mount = mount_of(camera)
    if mount is not None:  # a plumb line is looked for in the image, so in the lens's own axes
        rotation, ray = rotation @ mount, mount.T @ ray
    down = rotation.T @ np.array([0.0, 0.0, -1.0])
    # Where in the image a small step down goes: the derivative of (x/z, y/z) along ``down``.
    step = down[:2] * ray[2] - ray[:2] * down[2]
    length = float(np.hypot(*step))
    plumb = (float(step[0]) / length, float(step[1]) / length) if length > 1e-9 else (0.0, 0.0)
    level = math.sqrt(max(0.0, 1.0 - float(world[2]) ** 2))
    return contact(detection.label, detection.box, camera, plumb, level)


def _sigmas(
    budget: ErrorBudget, standing: Standing, camera: Camera, touch: Contact, ground: Ground
) -> NDArray[np.float64]:
    """Return (11,) one-sigma errors in the order of PARAMETERS."""
    figures = ray_sigmas(
        budget,
        standing_m=standing.sigma_m,
        focal=camera.focal_sigma,
        pixel_px=(touch.sigma_u_px, touch.sigma_v_px),
        ground_m=ground.sigma_m,
        lift_m=touch.lift_sigma_m,
    )
    return np.array([figures[name] for name in PARAMETERS])


def _scale_sigma(sigmas: NDArray[np.float64], *, drop_m: float) -> float:
    """Return one sigma of lengths on the ground, as a share: height above it and focal length make all larger alike."""
    figures = dict(zip(PARAMETERS, sigmas.tolist(), strict=True))
    return round(math.hypot(figures["focal"], math.hypot(figures["height"], figures["ground"]) / drop_m), 4)


def _effects(aim: Aim, ground: Ground, sigmas: NDArray[np.float64], *, reach_m: float) -> NDArray[np.float64] | None:
    """Return (11, 2) displacements east, north for one sigma of each parameter.

    None when a ray leaves the ground, or when the relation bends so much within one sigma that no ellipse describes it.
    """
    count = len(PARAMETERS)
    deviations = np.concatenate([np.diag(sigmas), -np.diag(sigmas), np.zeros((1, count))])
    many = Aim(
        point=aim.point,
        height_m=aim.height_m,
        orientation=aim.orientation,
        camera=aim.camera,
        pixels=np.repeat(aim.pixels, 2 * count + 1, axis=0),
        lift_m=np.repeat(aim.lift_m, 2 * count + 1),
    )
    points = cast(many, ground, deviations, reach_m=reach_m).enu_m[:, :2]
    there, back, nominal = points[:count], points[count : 2 * count], points[2 * count]
    effects: NDArray[np.float64] = (there - back) / 2
    if not np.all(np.isfinite(effects)):
        return None
    bend = np.hypot(*((there + back) / 2 - nominal).T)
    # Against the length of all effects together: a bend in what hardly matters does no harm.
    return None if bend.max() > _MOST_BENT * math.sqrt(float(np.sum(effects**2))) else effects


def _outline(
    aim: Aim, detection: Detection, ground: Ground, enu_m: NDArray[np.float64], *, reach_m: float
) -> tuple[tuple[float, float], ...]:
    """Return east and north from the fix of where the box's corners meet the ground, to the centimetre; or nothing."""
    box = detection.box
    corners = np.array(
        [
            [box.left_px, box.top_px],
            [box.right_px, box.top_px],
            [box.right_px, box.bottom_px],
            [box.left_px, box.bottom_px],
        ]
    )
    around = replace(aim, pixels=corners, lift_m=np.repeat(aim.lift_m, 4))
    met = cast(around, ground, reach_m=reach_m).enu_m[:, :2] - enu_m[:2]
    if not np.all(np.isfinite(met)):
        return ()
    return tuple((round(float(east), 2), round(float(north), 2)) for east, north in met)


def _fix(
    detection: Detection,
    *,
    captured_at: datetime,
    pose: Pose,
    standing: Standing,
    touch: Contact,
    budget: ErrorBudget,
    effects: NDArray[np.float64],
    enu_m: NDArray[np.float64],
    height_m: float,
    slant_m: float,
    outline_m: tuple[tuple[float, float], ...],
    scale_sigma: float,
) -> Fix:
    """Return the fix of a hit and its effects of one sigma."""
    if pose.position is None:
        raise ValueError("a fix needs a position")
    reference = standing.reference_hae_m
    if reference is None:
        # Only for the last centimetres of the way from metres to degrees; see locate_cast.on_earth.
        reference = 0.0 if pose.height_msl is None else pose.height_msl.metres - standing.height_m
    lonlat = on_earth(pose.position, enu_m, reference)
    # A millimetre of floor keeps a covariance definite when an error-free pose is given.
    total = effects.T @ effects + np.eye(2) * 1e-6
    common = []
    for name, (east, north) in zip(PARAMETERS, effects, strict=True):
        share = math.sqrt(_SHARED.get(name, budget.common_share))
        if share > 0 and (east != 0 or north != 0):
            common.append(CommonError(cause=name, east_m=float(east) * share, north_m=float(north) * share))
    return Fix(
        detection=detection,
        captured_at=captured_at,
        point=GeoPoint(lon_deg=float(lonlat[0]), lat_deg=float(lonlat[1])),
        covariance=Covariance(
            east_m2=float(total[0, 0]), north_m2=float(total[1, 1]), east_north_m2=float(total[0, 1])
        ),
        ground_hae_m=None if standing.reference_hae_m is None else standing.reference_hae_m + height_m,
        slant_m=slant_m,
        camera_point=pose.position,
        assumptions=(*pose.assumptions, *standing.assumptions, *touch.assumptions, budget.source),
        common=tuple(common),
        ground_height_m=height_m,
        ground_datum=standing.datum,
        outline_m=outline_m,
        scale_sigma=scale_sigma,
    )
