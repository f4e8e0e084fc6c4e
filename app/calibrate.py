"""Calibrating from a folder of photos, or frames of a video: a camera from known points, a flight from its overlap.

Photos are decoded as they are stored (the Orientation tag turned off), because poses speak of stored pixels.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.corrections import CorrectedFrame, CorrectedVideo, FlightCorrections, clock_note
from app.inputs import Kind, list_inputs
from app.instruments import Progress
from app.known_point_file import KnownRow
from app.placing import camera_of_photo
from core.errors import InputRefused
from core.heights import Geoid, HaeHeight, HeightDatum, MslHeight
from core.ids import derived_id
from core.points import distance_m
from core.refusal import Refusal
from core.text import _
from flight.camera import Camera
from flight.cameras.declared import DeclaredCamera
from flight.cameras.known_points import PointPhoto
from flight.telemetry.photo import read_photo
from flight.track import Pose, Track, missing, orientation_of, pose_at
from geofence.calibrating.self_calibration import KnownPoint, SelfCalibration, View, corrected
from geofence.calibrating.self_calibration_flight import self_calibrate
from geofence.calibrating.self_calibration_ties import Picture, match_pictures
from geofence.locating.error_budget import DeviceClass, budget_of
from geofence.locating.geoid import installed_geoid, on_datum
from geofence.locating.ground import FlatAt, Ground, NoStanding, described

LEAST_DEPRESSION_DEG: Final = 12.0  # flatter views tie the ground to the horizon's haze and to roofs
NEIGHBOURS: Final = 5  # each photo is matched with so many that look nearest to where it looks
MOST_PHOTOS: Final = 60
# Of each pair of photos; frames of a video overlap with many others.
_TIES: Final = 100
_TIES_FILMED: Final = 15
_FEATURES: Final = 6000
_FEATURES_FILMED: Final = 1500
_OFFSET_S: Final = 5.0  # a log's clock is set by hand or by another receiver
_OFFSET_FILMED_S: Final = 2.0  # a video's own telemetry is late by its transmission
_BOUND_PX: Final = 2_400  # matching needs no more columns than this


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlightPhoto:
    """A photo, or a frame of a video, that can be calibrated with.

    Attributes:
        path: The file.
        view: Its id, pose and camera.
        video_sha256: Digest of the video, hex; empty for a photo.
        video_s: For a frame of a video, at which second of it.
        grey: (height, width) uint8 of a frame of a video; None for a photo, whose pixels are read when they are needed.
    """

    path: Path
    view: View
    video_sha256: str = ""
    video_s: float = 0.0
    grey: NDArray[np.uint8] | None = None

    @property
    def name(self) -> str:
        """The photo's file name; a frame's with the second after an @."""
        return f"{self.path.name}@{self.video_s:.2f}" if self.video_sha256 else self.path.name


def flight_photos(
    footage: Path, *, camera: DeclaredCamera | None, zone: tzinfo | None, track: Track | None = None
) -> tuple[tuple[FlightPhoto, ...], tuple[Refusal, ...]]:
    """Return a folder's photos with whole poses and known cameras, and a refusal for each other photo.

    Args:
        footage: The folder, or one photo.
        camera: What is declared of the camera, or None.
        zone: The zone of the camera's clock.
        track: A flight log whose poses are used instead of the headers', or None.

    Raises:
        InputRefused: There is no photo.
    """
    photos: list[FlightPhoto] = []
    refusals: list[Refusal] = []
    for file in list_inputs(footage):
        if file.kind is not Kind.PHOTO:
            continue
        found = _flight_photo(file.path, camera, zone, track)
        if isinstance(found, Refusal):
            refusals.append(found)
        else:
            photos.append(found)
    return tuple(photos), tuple(refusals)


def _flight_photo(
    path: Path, camera: DeclaredCamera | None, zone: tzinfo | None, track: Track | None
) -> FlightPhoto | Refusal:
    told = read_photo(path, camera_zone=zone)
    if isinstance(told, Refusal):
        return told
    pose: Pose | Refusal = told.pose if track is None else pose_at(track, told.captured_at, max_gap_s=5.0)
    if isinstance(pose, Refusal):
        return replace(pose, subject=path.name)
    lacking = missing(pose)
    if lacking:
        return Refusal(
            subject=path.name,
            code="no-pose",
            reason=_("the photo does not say its {parts}").format(parts=", ".join(lacking)),
        )
    seen_by = camera_of_photo(told, camera, name=path.name)
    if isinstance(seen_by, Refusal):
        return seen_by
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    view = View(
        frame_id=derived_id("frame", digest, 0), pose=replace(pose, captured_at=told.captured_at), camera=seen_by[0]
    )
    return FlightPhoto(path=path, view=view)


def calibrate_flight(
    photos: Sequence[FlightPhoto],
    *,
    ground: Ground,
    known: Sequence[KnownPoint],
    track: Track | None,
    device_class: DeviceClass,
    progress: Progress,
) -> SelfCalibration | Refusal:
    """Return what the photos' overlap and the known points say of the flight's errors, or why they say nothing.

    Raises:
        InputRefused: There are too many photos for one estimate.
    """
    if len(photos) > MOST_PHOTOS:
        raise InputRefused(
            photos[0].path.parent,
            _("{count} photos are too many for one estimate").format(count=len(photos)),
            _("Give a folder of at most {most}, of one stretch of the flight.").format(most=MOST_PHOTOS),
        )
    pairs = _pairs(photos)
    progress.start(_("reading photos"), len(photos))
    pictures = []
    for photo in photos:
        pictures.append(_picture(photo))
        progress.step()
    filmed = any(photo.video_sha256 for photo in photos)
    most, features = (_TIES_FILMED, _FEATURES_FILMED) if filmed else (_TIES, _FEATURES)
    ties = match_pictures(pictures, pairs=pairs, most_per_pair=most, most_features=features)
    views = {photo.view.frame_id: photo.view for photo in photos}
    flat = {tie.thing for tie in ties} - {tie.thing for tie in ties if not _low(views[tie.frame_id], tie.v_px)}
    found = self_calibrate(
        [photo.view for photo in photos],
        [tie for tie in ties if tie.thing in flat],
        ground=ground,
        known=known,
        track=track,
        device_class=device_class,
        longest_offset_s=_OFFSET_FILMED_S if filmed else _OFFSET_S,
    )
    if isinstance(found, Refusal):  # people know files, not ids
        for photo in photos:
            found = replace(found, reason=found.reason.replace(photo.view.frame_id, photo.name))
    return found


def corrections_of(
    calibration: SelfCalibration,
    photos: Sequence[FlightPhoto],
    *,
    ground: Ground,
    known_points: int,
    made_at: datetime,
    program: str,
    track: Track | None = None,
) -> FlightCorrections:
    """Return a calibration as corrections of its photos; photos that took no part are left out."""
    of_sorties = {frame_id for sortie in calibration.sorties for frame_id in sortie.frame_ids}
    frames = {}
    for photo in photos:
        view = photo.view
        if view.frame_id not in of_sorties or photo.video_sha256:
            continue
        if track is not None and calibration.clock_offset_s is not None:
            view = _at_the_right_time(view, track, calibration.clock_offset_s)
        after = corrected(calibration, view)
        frames[view.frame_id] = CorrectedFrame(name=photo.name, pose=after.pose, camera=after.camera)
    return FlightCorrections(
        made_at=made_at,
        program=program,
        ground=described(ground),
        known_points=known_points,
        report=calibration,
        frames=frames,
        videos=_videos(calibration, photos),
    )


def _videos(calibration: SelfCalibration, photos: Sequence[FlightPhoto]) -> dict[str, CorrectedVideo]:
    """Return the videos that took part, each with the sortie that most of its frames belong to."""
    names: dict[str, str] = {}
    sorties: dict[str, Counter[int]] = defaultdict(Counter)
    for photo in photos:
        for number, sortie in enumerate(calibration.sorties):
            if photo.video_sha256 and photo.view.frame_id in sortie.frame_ids:
                sorties[photo.video_sha256][number] += 1
                names[photo.video_sha256] = photo.path.name
    return {sha: CorrectedVideo(name=names[sha], sortie=seen.most_common(1)[0][0]) for sha, seen in sorties.items()}


def _at_the_right_time(view: View, track: Track, offset_s: float) -> View:
    pose = pose_at(track, view.pose.captured_at + timedelta(seconds=offset_s), max_gap_s=5.0)
    if isinstance(pose, Refusal):
        raise ValueError(str(pose))  # noqa: TRY004 - the estimate was made with it, so this cannot happen
    return replace(
        view,
        pose=replace(pose, captured_at=view.pose.captured_at, assumptions=(*pose.assumptions, *clock_note(offset_s))),
    )


def known_in(photos: Sequence[FlightPhoto], rows: Sequence[KnownRow], *, path: Path) -> tuple[KnownPoint, ...]:
    """Return a file's known points as points of these photos' frames.

    Raises:
        InputRefused: A line names a photo that is not there.
    """
    by_name = {photo.name: photo.view.frame_id for photo in photos}
    found = []
    for row in rows:
        if row.photo not in by_name:
            raise InputRefused(
                path,
                _("it names the photo {photo}, which is not among the photos that can be used").format(photo=row.photo),
                _("Write the file's name as it is, and see the list of refused photos."),
            )
        found.append(
            KnownPoint(frame_id=by_name[row.photo], u_px=row.u_px, v_px=row.v_px, point=row.point, sigma_m=row.sigma_m)
        )
    return tuple(found)


def point_photos(
    photos: Sequence[FlightPhoto],
    rows: Sequence[KnownRow],
    *,
    height_datum: HeightDatum,
    takeoff_height_m: float | None,
    path: Path,
) -> tuple[PointPhoto, ...]:
    """Return the photos with their known points, all heights above the ellipsoid.

    Args:
        photos: The photos.
        rows: The points; each with its height.
        height_datum: What the points' heights and ``takeoff_height_m`` are measured from.
        takeoff_height_m: Height of the take-off point, for photos without a precise absolute height; None for none.
        path: The file of points, for refusals.

    Raises:
        InputRefused: A point has no height, a photo no height that can be used, or there is no geoid for the datum.
    """
    by_photo: Mapping[str, list[KnownRow]] = defaultdict(list)
    known_in(photos, rows, path=path)
    for row in rows:
        by_photo[row.photo].append(row)
    given = []
    for photo in photos:
        mine = by_photo.get(photo.path.name, [])
        position, orientation = photo.view.pose.position, orientation_of(photo.view.pose)
        if not mine or position is None or orientation is None:
            continue
        budget = budget_of(photo.view.pose)
        height_m, sigma_m = _camera_height(photo, height_datum, takeoff_height_m, path)
        given.append(
            PointPhoto(
                name=photo.path.name,
                position=position,
                height_hae_m=height_m,
                orientation=orientation,
                horizontal_sigma_m=budget.horizontal_m,
                vertical_sigma_m=sigma_m,
                angle_sigma_deg=budget.pitch_deg * math.sqrt(1 - budget.common_share),
                pixels=np.array([[row.u_px, row.v_px] for row in mine]),
                lonlat=np.array([[row.point.lon_deg, row.point.lat_deg] for row in mine]),
                point_hae_m=np.array([_hae(row.height_m, height_datum, row, path) for row in mine]),
            )
        )
    return tuple(given)


def _camera_height(
    photo: FlightPhoto, datum: HeightDatum, takeoff_height_m: float | None, path: Path
) -> tuple[float, float]:
    """Return a camera's height above the ellipsoid and its one-sigma error."""
    pose = photo.view.pose
    takeoff = None
    if takeoff_height_m is not None and pose.position is not None:
        row = KnownRow(photo=photo.path.name, u_px=0, v_px=0, point=pose.position, height_m=None, sigma_m=1.0)
        takeoff = HaeHeight(metres=_hae(takeoff_height_m, datum, row, path))
    else:
        pose = replace(pose, height_takeoff=None)
    standing = FlatAt(height=HaeHeight(metres=0.0), takeoff=takeoff).stand(pose)
    if isinstance(standing, NoStanding):
        raise InputRefused(
            photo.path,
            _("it states no height that can be compared with the points'"),
            _("Give the height of the take-off point with --takeoff-height."),
        )
    return standing.height_m, standing.sigma_m or 0.05


def _hae(height_m: float | None, datum: HeightDatum, row: KnownRow, path: Path) -> float:
    """Return a height above the ellipsoid."""
    if height_m is None:
        raise InputRefused(
            path,
            _("a point in {photo} has no height").format(photo=row.photo),
            _("Add the column height; a lens cannot be told from flat points of unknown height."),
        )
    if datum is HeightDatum.ELLIPSOID:
        return height_m
    changed = on_datum(MslHeight(metres=height_m, geoid=Geoid(datum)), None, row.point, installed_geoid())
    if changed is None:
        raise InputRefused(
            path,
            _("there is no geoid grid for heights above {datum}").format(datum=datum),
            _("Give heights above the ellipsoid, or install a grid."),
        )
    return changed[0]


def _pairs(photos: Sequence[FlightPhoto]) -> list[tuple[int, int]]:
    """Return the pairs of photos worth matching: each with those that look nearest to where it looks."""
    wanted = set()
    for one in range(len(photos)):
        near = sorted(
            (two for two in range(len(photos)) if two != one), key=lambda two: _apart(photos[one], photos[two])
        )
        wanted |= {(min(one, two), max(one, two)) for two in near[:NEIGHBOURS]}
    return sorted(wanted) if len(photos) > NEIGHBOURS + 1 else list(combinations(range(len(photos)), 2))


def _apart(one: FlightPhoto, two: FlightPhoto) -> float:
    a, b = one.view.pose.position, two.view.pose.position
    if a is None or b is None:
        return math.inf
    seconds = abs((one.view.pose.captured_at - two.view.pose.captured_at).total_seconds())
    return distance_m(a, b) + 0.01 * seconds


def _picture(photo: FlightPhoto) -> Picture:
    """Return a photo's grey pixels as stored, with the scale at which matching is quick enough."""
    import cv2

    grey = photo.grey
    if grey is None:
        read = cv2.imread(str(photo.path), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
        grey = None if read is None else np.asarray(read, dtype=np.uint8)
    if grey is None:
        raise InputRefused(photo.path, _("its pixels cannot be decoded"), _("Copy it again from the card."))
    scale = min(1.0, _BOUND_PX / grey.shape[1])
    return Picture(frame_id=photo.view.frame_id, grey=grey, scale=scale)


def _low(view: View, v_px: float) -> bool:
    """Return whether a pixel looks well below the horizon."""
    camera: Camera = view.camera
    tilt = math.degrees(math.atan((v_px - camera.centre_y_px) / camera.focal_px))
    return tilt - (view.pose.pitch_deg or 0.0) > LEAST_DEPRESSION_DEG
