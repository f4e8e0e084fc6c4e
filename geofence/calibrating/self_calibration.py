"""Self-calibration of a flight: what its own overlap and a few known points say of its compass, gimbal and heights.

A thing that stands still and is seen in several frames must be at one place; a known point must be where it is known
to be. Where fixes disagree with that, the flight's heading, pitch, tilt, height and position biases, its clock
offset, and photos stored turned by 180° are to blame, and this module finds out which: robustly (things that moved
lose their say), with the device class's error budget as prior (what the geometry does not show stays as it was), and
measured on ties that were kept out of the estimate.

Nothing is applied by estimating. :func:`self_calibrate` gives a report; :func:`corrected` applies it to one view and
writes what it did into the pose's assumptions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from core.points import GeoPoint, LocalPlane, from_plane
from core.text import _
from flight.camera import Camera, orientation_of_rotation, turned_half
from flight.track import Pose, PoseSigma, orientation_of
from geofence.locating.locate_cast import deviated_rotations

# What is estimated of the flight, and of each frame besides; units are metres and degrees.
BIASES: Final = ("east", "north", "height", "yaw", "pitch", "tilt")


def error_name(name: str) -> str:
    """Return an error's name for a person, with its unit."""
    names = {
        "east": _("position east, m"),
        "north": _("position north, m"),
        "height": _("height, m"),
        "yaw": _("heading, °"),
        "pitch": _("pitch, °"),
        "tilt": _("tilt, °"),
        "focal": _("focal length, share"),
        "slope east": _("ground rises to the east"),
        "slope north": _("ground rises to the north"),
    }
    return names.get(name, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A frame as self-calibration sees it.

    Attributes:
        frame_id: Its id.
        pose: As the telemetry states it.
        camera: Its camera.
    """

    frame_id: str
    pose: Pose
    camera: Camera

    def __post_init__(self) -> None:
        if self.pose.position is None or orientation_of(self.pose) is None:
            raise ValueError(f"{self.frame_id}: a view needs a position and all three angles")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """One thing seen in one frame; the same thing in another frame is another tie with the same ``thing``.

    Attributes:
        thing: Which thing.
        frame_id: In which frame.
        u_px, v_px: At which pixel.
        sigma_px: One-sigma error of the pixel.
        lift_m: How far above the ground the pixel's point lies.
    """

    thing: str
    frame_id: str
    u_px: float
    v_px: float
    sigma_px: float = 2.0
    lift_m: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.u_px) and math.isfinite(self.v_px) and self.sigma_px > 0):
            raise ValueError("a tie has a finite pixel and a positive sigma")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPoint:
    """A point of the ground whose position is known, seen in a frame: a survey mark, or a site's corner from the map.

    Attributes:
        frame_id: In which frame.
        u_px, v_px: At which pixel.
        sigma_px: One-sigma error of the pixel.
        point: Where it is.
        sigma_m: How well that is known, per axis, metres.
    """

    frame_id: str
    u_px: float
    v_px: float
    sigma_px: float = 2.0
    point: GeoPoint
    sigma_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bias:
    """One estimated bias of the whole flight.

    Attributes:
        name: One of :data:`BIASES`, "focal", "slope east" or "slope north".
        value: To be added to what is stated: metres, degrees, share of the focal length; of a slope, rise over run.
        sigma: One-sigma error of that value.
        prior_sigma: What was thought of it before.
    """

    name: str
    value: float
    sigma: float
    prior_sigma: float

    @property
    def observed(self) -> bool:
        """Whether the flight itself said something of it: the error fell below 70 % of what was thought before."""
        return self.sigma < 0.7 * self.prior_sigma


@dataclass(frozen=True, slots=True, kw_only=True)
class SortieBiases:
    """The biases of one sortie; compass, barometer and GNSS start anew with the next.

    Attributes:
        frame_ids: Its frames.
        biases: :data:`BIASES`, then the focal length, then how the ground seems to slope.
    """

    frame_ids: tuple[str, ...]
    biases: tuple[Bias, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How far apart fixes of one thing lie.

    Attributes:
        count: How many things were measured.
        median_m, p90_m: Median and 90th percentile over things of the root mean square distance from their mean,
        metres.
    """

    count: int
    median_m: float
    p90_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCalibration:
    """What a flight's overlap says of its errors: a report first, corrections only when asked for.

    Attributes:
        sorties: The biases of each sortie.
        frames: Per frame, further corrections in the order of :data:`BIASES`.
        turned: Frames whose photo is stored turned by 180° against its pose.
        clock_offset_s: To be added to the frames' times before looking into the track; None when no track was given.
        sigma: One-sigma errors of a corrected pose.
        clock_sigma_s: One-sigma error of the clock offset; None when no track was given, or where the flight shows
            nothing of it (the offset is then zero).
        left_out: Frames whose own pose would have to be wildly wrong, and in what; they took no part.
        sigma_between: One-sigma errors of a pose of the same sortie that took no part, after correction.
        before, after: Spread of things that were kept out of the estimate (of all of them when ``held_out`` is false).
        held_out: Whether the spread was measured on things kept out of the estimate.
        known_before_m, known_after_m: Root mean square miss of the known points, metres; None without any.
        moving: Things that lost their say, because they moved or were matched wrongly.
    """

    sorties: tuple[SortieBiases, ...]
    frames: Mapping[str, tuple[float, ...]]
    turned: tuple[str, ...]
    clock_offset_s: float | None
    sigma: PoseSigma
    before: Spread
    after: Spread
    held_out: bool
    known_before_m: float | None
    known_after_m: float | None
    moving: tuple[str, ...]
    clock_sigma_s: float | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    sigma_between: PoseSigma | None = None


def corrected(calibration: SelfCalibration, view: View) -> View:
    """Return ``view`` with the calibration applied, and a sentence in its pose's assumptions that says so.

    Two things are not applied here. The clock offset: poses are to be read from the track at the corrected time first.
    The ground's slope: it is told apart from tilt while estimating, and a reason to use an elevation raster.
    """
    turned = turn_over(view) if view.frame_id in calibration.turned else view
    biases = next((sortie.biases for sortie in calibration.sorties if view.frame_id in sortie.frame_ids), None)
    if biases is None:
        raise ValueError(f"{view.frame_id} was no part of this calibration")
    own = calibration.frames.get(view.frame_id, (0.0,) * len(BIASES))
    return _with_biases(calibration, turned, biases, own, calibration.sigma)


def corrected_between(calibration: SelfCalibration, view: View, sortie: SortieBiases) -> View:
    """Return the view of a frame of ``sortie`` that took no part, with the sortie's biases taken off.

    For videos: a few frames tell the errors of all the others. What each frame errs on its own stays, and is in the
    pose's stated errors.
    """
    return _with_biases(
        calibration, view, sortie.biases, (0.0,) * len(BIASES), calibration.sigma_between or calibration.sigma
    )


def _with_biases(
    calibration: SelfCalibration, turned: View, biases: Sequence[Bias], own: Sequence[float], sigma: PoseSigma
) -> View:
    """Return a view with biases and its own corrections applied, and a sentence that says so."""
    pose, position = turned.pose, turned.pose.position
    orientation = orientation_of(pose)
    if orientation is None or position is None:
        raise ValueError("a view has a position and all three angles")
    whole = {bias.name: bias.value for bias in biases}
    east, north, up, yaw, pitch, tilt = (whole[name] + extra for name, extra in zip(BIASES, own, strict=True))
    focal = 1.0 + whole["focal"]
    camera = replace(
        turned.camera,
        focal_px=turned.camera.focal_px * focal,
        focal_y_px=None if turned.camera.focal_y_px is None else turned.camera.focal_y_px * focal,
        focal_sigma=next(bias.sigma for bias in biases if bias.name == "focal"),
    )
    rotation = deviated_rotations(orientation, *(np.array([angle]) for angle in (yaw, pitch, tilt)))[0]
    looks = orientation_of_rotation(rotation, near=orientation)
    lon, lat = from_plane(LocalPlane(origin=position), [east, north])
    note = _(
        "self-calibrated: heading {yaw:+.2f}°, pitch {pitch:+.2f}°, tilt {tilt:+.2f}°, height {up:+.2f} m, "
        "position {east:+.2f} m east and {north:+.2f} m north, focal length ×{focal:.4f}; "
        "spread of things seen often {before:.2f} m before, "
        "{after:.2f} m after"
    ).format(
        yaw=yaw,
        pitch=pitch,
        tilt=tilt,
        up=up,
        east=east,
        north=north,
        focal=focal,
        before=calibration.before.median_m,
        after=calibration.after.median_m,
    )
    heights = {
        name: replace(height, metres=height.metres + up, sigma_m=sigma.vertical_m)
        for name in ("height_takeoff", "height_hae", "height_msl", "height_agl")
        if (height := getattr(pose, name)) is not None
    }
    return replace(
        turned,
        camera=camera,
        pose=replace(
            pose,
            position=GeoPoint(lon_deg=float(lon), lat_deg=float(lat)),
            yaw_deg=looks.yaw_deg,
            pitch_deg=looks.pitch_deg,
            roll_deg=looks.roll_deg,
            sigma=sigma,
            assumptions=(*pose.assumptions, note),
            **heights,
        ),
    )


def turn_over(view: View) -> View:
    """Return the view of a photo that is stored turned by 180° against its pose."""
    roll = view.pose.roll_deg or 0.0
    note = _("the photo is taken as stored turned by 180°, as its overlap with others shows")
    return replace(
        view,
        camera=turned_half(view.camera),
        pose=replace(
            view.pose,
            roll_deg=roll + 180.0 if roll <= 0 else roll - 180.0,
            assumptions=(*view.pose.assumptions, note),
        ),
    )
