"""Pictures of before and after: the same ground in two patrols, side by side.

Each picture is laid on the ground by its own pose, north up and to one scale. Where both patrols saw the thing, each
picture is centred on where its own frame put it, which takes the poses' common error away; where the thing is gone, the
later picture is moved to where its ground looks like the earlier one's, if that is clear, and by no more than the
positions' errors allow. How it was laid is said below it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from app.case_folder import views_of
from app.inputs import Kind, list_inputs
from app.over_patrols import event_name, tell_story
from app.patrol_ledger import Ledger, PatrolRecord, incident_numbers, numbers_of
from app.views import read_view
from core.clock import BEIJING
from core.errors import InputRefused
from core.points import GeoPoint, LocalPlane, distance_m, from_plane
from core.text import _
from core.whole_file import write_bytes
from detection.frame import Frame
from detection.frame_on_ground import View
from detection.frames.photo_frames import open_photo
from detection.ground_scale import height_above_ground_m
from evidence.sealing.frame_record import FrameRecord
from flight.track import orientation_of
from geofence.fix import Fix
from geofence.persistence.standing import Entry, Standing
from maps.ground_patch import Pixels, lay_patch, offset_px

SIDE_PX: Final = 640
_LEAST_HALF_M: Final = 12.0
_MOST_HALF_M: Final = 40.0
_ROUND_M: Final = 6.0
_TRIES: Final = 6
_QUALITY: Final = 88


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture of a patch of ground.

    Attributes:
        jpeg: The picture.
        caption: Patrol, time, file and how it was laid.
    """

    jpeg: bytes = field(repr=False)
    caption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A hazard before and after.

    Attributes:
        numbers: Of its incidents.
        title: Hazard and site.
        story: What patrols said of it.
        verdict: What the last patrol says: "gone", "seen again", …
        there: Whether it stands.
        due: Its deadline in words; empty without one.
        late: Whether it stands past its deadline.
        before, after: The pictures; None where no original or kept frame shows the ground.
        half_m: Half the pictures' side, metres.
    """

    numbers: tuple[str, ...]
    title: str
    story: str
    verdict: str
    there: bool
    due: str
    late: bool
    before: Picture | None
    after: Picture | None
    half_m: float


def pairs_of(ledger: Ledger, names: Mapping[str, str]) -> Iterator[Pair]:
    """Yield every hazard that a later patrol had a word on, with its pictures.

    Args:
        ledger: The patrols, read with their frames.
        names: Of sites, by code.
    """
    patrols = {patrol.patrol_id: patrol for patrol in ledger.patrols}
    numbers = numbers_of(ledger.patrols)
    hazards = {
        (incident.hazard.code, incident.sighting.sighting_id): incident.hazard
        for patrol in ledger.patrols
        for incident in patrol.incidents
    }
    now = ledger.patrols[-1].ended_at if ledger.patrols else None
    for standing in ledger.standings:
        first, last = standing.before_and_after
        if first is last or now is None:
            continue
        half_m = _half_m(standing)
        before = _laid(standing, first, patrols[first.patrol_id], half_m)
        after = _laid(standing, last, patrols[last.patrol_id], half_m, like=before)
        hazard = hazards[standing.code, first.sighting_id]
        site = names.get(standing.site_code or "", standing.site_code or _("site undecided, or nobody's"))
        due = ""
        if standing.deadline is not None:
            due = _("to be put right by {day}").format(day=f"{standing.deadline.astimezone(BEIJING):%Y-%m-%d}")
        yield Pair(
            numbers=incident_numbers(standing, numbers),
            title=f"{standing.code} {hazard.name_zh} ({hazard.name_en}) · {site}",
            story=tell_story(standing),
            verdict=event_name(last.event),
            there=standing.is_there,
            due=due,
            late=standing.deadline is not None and standing.is_there and standing.deadline < now,
            before=None if before is None else before.picture,
            after=None if after is None else after.picture,
            half_m=half_m,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Laid:
    pixels: Pixels = field(repr=False)
    picture: Picture


def _half_m(standing: Standing) -> float:
    sigma = _sigma_m(standing)
    return min(_MOST_HALF_M, max(_LEAST_HALF_M, 3 * sigma + _ROUND_M))


def _sigma_m(standing: Standing) -> float:
    return math.sqrt(float(np.linalg.eigvalsh(standing.covariance.matrix())[-1]))


def _laid(
    standing: Standing, entry: Entry, patrol: PatrolRecord, half_m: float, *, like: _Laid | None = None
) -> _Laid | None:
    """Return the ground of a hazard as a patrol saw it."""
    frames = {frame.frame_id: frame for frame in patrol.frames}
    for frame, centre, height_m, fix in _looks(standing, entry, patrol, frames):
        view = _view(patrol, frame, height_m)
        if view is None:
            continue
        pixels = lay_patch(view, centre, half_m=half_m, side_px=SIDE_PX)
        if pixels is None:
            continue
        said = _("centred on the find") if fix is not None else _("laid by its pose")
        if fix is None and like is not None:
            pixels, said = _moved_alike(view, centre, half_m, pixels, like, 3 * _sigma_m(standing) + 3.0, said)
        stated = [
            patrol.title,
            f"{frame.captured_at.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}",
            frame.original_name if frame.index == 0 else f"{frame.original_name} #{frame.index}",
            said,
        ]
        return _Laid(pixels=pixels, picture=Picture(jpeg=_jpeg(pixels, half_m), caption=" · ".join(stated)))
    return None


_Look = tuple[FrameRecord, GeoPoint, float, Fix | None]


def _looks(standing: Standing, entry: Entry, patrol: PatrolRecord, frames: Mapping[str, FrameRecord]) -> list[_Look]:
    """Return the frames to try, best first, with the patch's middle and its depth below the camera."""
    if entry.sighting_id:
        fixes = [
            fix
            for incident in patrol.incidents
            if (incident.hazard.code, incident.sighting.sighting_id) == (standing.code, entry.sighting_id)
            for fix in incident.sighting.fixes
        ]
        best = sorted(fixes, key=lambda fix: (-fix.detection.score, fix.detection.detection_id))
        return [
            (frames[fix.detection.frame_id], fix.point, _depth_m(fix), fix)
            for fix in best[:_TRIES]
            if fix.detection.frame_id in frames
        ]
    seen: list[tuple[float, FrameRecord, float]] = []
    for frame in patrol.frames:
        height_m = height_above_ground_m(frame.pose)
        if frame.pose.position is not None and height_m is not None:
            seen.append((distance_m(frame.pose.position, standing.point), frame, height_m))
    nearest = sorted(seen, key=lambda one: (one[0], one[1].frame_id))
    return [(frame, standing.point, height_m, None) for _off, frame, height_m in nearest[: 3 * _TRIES]]


def _depth_m(fix: Fix) -> float:
    """Return how far below the camera a fix lies: its slant distance less the way across."""
    across = distance_m(fix.camera_point, fix.point)
    return math.sqrt(max(1.0, fix.slant_m**2 - across**2))


def _moved_alike(  # noqa: PLR0917 - the pieces of one picture, by the one function that lays it
    view: View, centre: GeoPoint, half_m: float, pixels: Pixels, like: _Laid, most_m: float, said: str
) -> tuple[Pixels, str]:
    """Return the patch moved to where its ground looks like an earlier one's, and how that was done."""
    offset = offset_px(like.pixels, pixels)
    if offset is None:
        return pixels, said
    metres = np.array([offset[0], -offset[1]]) * 2 * half_m / SIDE_PX
    size = float(np.hypot(*metres))
    if size > most_m:
        return pixels, said
    lon, lat = from_plane(LocalPlane(origin=centre), metres[None])[0].tolist()
    moved = lay_patch(view, GeoPoint(lon_deg=lon, lat_deg=lat), half_m=half_m, side_px=SIDE_PX)
    if moved is None:
        return pixels, said
    return moved, _("laid by its pose, moved {metres:.1f} m to where the ground looks alike").format(metres=size)


def _view(patrol: PatrolRecord, frame: FrameRecord, height_m: float) -> View | None:
    """Return a frame's pixels: the original's where it still lies there unaltered, or those kept for the map."""
    orientation = orientation_of(frame.pose)
    if frame.camera is None or frame.pose.position is None or orientation is None:
        return None
    if frame.index == 0:
        for path in _originals(patrol.footage).get(frame.original_name, ()):
            opened = open_photo(
                path,
                sha256=frame.original_sha256,
                captured_at=frame.captured_at,
                pose=frame.pose,
                camera=frame.camera,
            )
            if isinstance(opened, Frame):
                return View(
                    pixels=opened.pixels,
                    camera=frame.camera,
                    orientation=orientation,
                    point=frame.pose.position,
                    height_m=height_m,
                )
    kept = read_view(views_of(Path(patrol.case_folder)), frame)
    return None if kept is None else replace(kept, height_m=height_m)


@lru_cache(maxsize=8)
def _originals(footage: str) -> dict[str, tuple[Path, ...]]:
    """Return the photos of a footage folder by name; none when it is no longer there."""
    by_name: dict[str, tuple[Path, ...]] = {}
    try:
        files = list_inputs(Path(footage))
    except InputRefused:
        return by_name
    for file in files:
        if file.kind is Kind.PHOTO:
            by_name[file.path.name] = (*by_name.get(file.path.name, ()), file.path)
    return by_name


def _jpeg(pixels: Pixels, half_m: float) -> bytes:
    """Return the patch with a ring of two metres and more about its middle, so that the eye finds the place."""
    import cv2

    drawn = pixels.copy()
    middle, radius = SIDE_PX // 2, max(24, round(3.0 / half_m * SIDE_PX / 2))
    for colour, width in (((0, 0, 0), 4), ((255, 255, 255), 2)):
        cv2.circle(drawn, (middle, middle), radius, colour, width, cv2.LINE_AA)
    fine, buffer = cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not fine:
        raise ValueError("the picture could not be encoded")
    content: bytes = buffer.tobytes()
    return content


def write_pairs(pairs: Sequence[Pair], folder: Path) -> list[Path]:
    """Write the pictures as files beside the page and return their paths.

    Args:
        pairs: From :func:`pairs_of`.
        folder: Where the page lies.
    """
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    written = []
    for pair in pairs:
        for name, picture in (("before", pair.before), ("after", pair.after)):
            if picture is not None:
                path = images / f"{pair.numbers[0]}-{name}.jpg"
                write_bytes(path, picture.jpeg)
                written.append(path)
    return written
