"""Redacted clips: every frame looked at, what was seen followed through the frames in which it was not.

The clip is encoded anew from its pictures: sound, metadata and everything else stay behind, and the bureau's own clip
and the original stay as they are. What is seen becomes flat rather than a mosaic: a mosaic that moves over its thing
shows it on another grid in each frame, and many coarse views give back what one hides (Elad and Feuer, IEEE Trans.
Image Processing 1997). A face or a person is one colour, and a vehicle eight cells along its longer side: a plate
(440 mm by 140 mm, GA 36) is then at most two cells wide and one high on a vehicle's narrow end.

A clip is refused where that cannot be promised: nobody looked for a kind that must not show, a picture is damaged, the
picture's motion is not known where something has to be followed, or secret ground cannot be placed.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from shapely import Polygon, get_coordinates

from core.refusal import Refusal
from core.text import _
from detection.detection import Box, Detection
from detection.frames.video_decoding import NotAVideoError
from evidence.handing_out.picture_motion import motion_between, motion_tool_version
from evidence.handing_out.redact import CELLS, COVER, MUST_LOOK_FOR, Region, coarsen, cover_where
from evidence.handing_out.region_tracks import (
    Covered,
    Hit,
    Motion,
    Track,
    UnknownMotionError,
    cover_tracks,
    link_hits,
    motion_over,
)
from evidence.sealing.clip import clip_pictures, clip_tool_version, encode_pictures, has_sound
from evidence.sealing.derivation import Derivation, Derived, parameters_of

CLIP_CELLS: Final = {"face": 1, "person": 1, "plate": 1, "vehicle": 8, "by-hand": 1}
LONGEST_GAP_S: Final = 2.0
AHEAD_S: Final = 1.0
MARGIN: Final = 0.15
MASK_ROOM_PX: Final = 4.0  # a mask that follows the picture grows by this …
DRIFT_PX: Final = 0.5  # … and by this for each frame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClipPicture:
    """One picture of a clip.

    Attributes:
        number: From zero.
        at_s: When the clip shows it, seconds.
        pixels: (height, width, 3) uint8 RGB.
    """

    number: int
    at_s: float
    pixels: NDArray[np.uint8]


Look = Callable[[ClipPicture], Iterable[Detection]]
# Which pixels show secret ground: of a picture whose pixels a homography takes to those of a frame whose pose is known
# (its number), wrong by so many pixels at most.
Placing = Callable[[int, NDArray[np.float64], float], NDArray[np.bool_] | Refusal]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretPlaces:
    """Secret ground in a clip.

    Attributes:
        name: What that ground is, for the record.
        posed: Numbers of the clip's frames whose pose is known, in order.
        place: Places it.
    """

    name: str
    posed: tuple[int, ...]
    place: Placing


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What a person adds in one picture of a clip, to be followed through all.

    Attributes:
        at_s: When the clip shows that picture, seconds.
        shape: A box that becomes unreadable, or a polygon that is covered; pixels.
        by: Who.
    """

    at_s: float
    shape: Box | Polygon
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What looking through a clip came to."""

    times_s: tuple[float, ...]
    size: tuple[int, int]
    hits: tuple[Hit, ...]
    motions: tuple[Motion, ...]

    def frame_at(self, at_s: float) -> int:
        return min(range(len(self.times_s)), key=lambda number: abs(self.times_s[number] - at_s))

    @property
    def frames_a_second(self) -> float:
        length = self.times_s[-1] - self.times_s[0]
        return (len(self.times_s) - 1) / length if length > 0 else 25.0


def redact_clip(
    clip: Derived,
    look: Look,
    *,
    looked_by: Sequence[str],
    looked_at: str,
    looked_for: Sequence[str],
    seen_by: str = "",
    marks: Sequence[Mark] = (),
    secret: SecretPlaces | None = None,
) -> Derived | Refusal:
    """Return a clip without faces, people, plates and secret ground.

    Args:
        clip: The clip, MP4.
        look: Finds what is in a picture; called once for each.
        looked_by: The detectors that it asks.
        looked_at: What it looks at, for the record: the clip's own pictures, or sharper ones of the same instants.
        looked_for: The kinds that they find.
        seen_by: Who looked through the clip for the kinds that no detector looks for; empty for nobody.
        marks: What a person adds.
        secret: Where it shows secret ground. Frames between those with a pose follow the picture's motion from the
            nearest on either side, and cover what either says.

    Returns:
        The redacted clip, or a refusal: "not-looked-for", "damaged", "motion-unknown" or "secret-not-placed".
    """
    missing = [kind for kind in MUST_LOOK_FOR if kind not in looked_for]
    if missing and not seen_by:
        return Refusal(
            subject=clip.name,
            code="not-looked-for",
            reason=_("no detector here looks for: {kinds}").format(kinds=", ".join(missing)),
            remedy=_(
                "Register a weight that does, or have somebody look through the clip, mark what shows with --box, and "
                "say --clips-seen-by."
            ),
        )
    try:
        seen = _look_through(clip, look)
        tracks = link_hits(seen.hits, seen.motions, longest_gap=round(LONGEST_GAP_S * seen.frames_a_second))
        tracks += tuple(_marked(mark, seen) for mark in marks if isinstance(mark.shape, Box))
        covered = cover_tracks(
            tracks,
            seen.motions,
            margin=MARGIN,
            ahead=math.ceil(AHEAD_S * seen.frames_a_second),
            width_px=seen.size[0],
            height_px=seen.size[1],
        )
        masks = [_followed(mark, seen) for mark in marks if isinstance(mark.shape, Polygon)]
        content = encode_pictures(_redacted(clip, (tracks, covered), masks, secret, seen.motions))
    except NotAVideoError as problem:
        return Refusal(subject=clip.name, code="damaged", reason=str(problem))
    except UnknownMotionError as unknown:
        return Refusal(
            subject=clip.name,
            code="motion-unknown",
            reason=_("how the picture moves after {at:.2f} s is not known, so what was seen cannot be followed").format(
                at=seen.times_s[unknown.frame]
            ),
            remedy=_("Give pictures instead, or have the clip redacted by hand."),
        )
    except _NotPlacedError as problem:
        return problem.refusal
    return _described(
        clip,
        content,
        (tracks, covered),
        {
            "looked_by": "; ".join(looked_by),
            "looked_at": looked_at,
            "looked_for": ", ".join(looked_for),
            "not_looked_for": ", ".join(missing),
            "seen_by": seen_by,
            "masks": "; ".join(f"{mark.shape.wkt} at {mark.at_s:.3f} s, {mark.by}" for mark in marks
                               if isinstance(mark.shape, Polygon)),
            "secret_ground": "" if secret is None else secret.name,
        },
    )  # fmt: skip


class _NotPlacedError(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


def _look_through(clip: Derived, look: Look) -> _Seen:
    """Look at every picture of a clip. Raises ``NotAVideoError`` where it is not whole."""
    times: list[float] = []
    hits: list[Hit] = []
    motions: list[Motion] = []
    before: NDArray[np.uint8] | None = None
    for number, (at_s, pixels) in enumerate(clip_pictures(clip.content)):
        if before is not None:
            if before.shape != pixels.shape:
                raise NotAVideoError(_("its pictures are not of one size"))
            motions.append(motion_between(before, pixels))
        hits += [
            Hit(
                frame=number,
                kind=one.label,
                box=one.box,
                found_by=f"weight {one.weight_sha256[:16]} score {one.score:.2f}",
            )
            for one in _distinct(look(ClipPicture(number=number, at_s=at_s, pixels=pixels)))
        ]
        times.append(at_s)
        before = pixels
    promised = dict(clip.derivation.parameters).get("frames")
    if before is None or (promised is not None and int(promised) != len(times)):
        raise NotAVideoError(_("it does not hold the frames that its record names"))
    return _Seen(
        times_s=tuple(times), size=(before.shape[1], before.shape[0]), hits=tuple(hits), motions=tuple(motions)
    )


def _distinct(found: Iterable[Detection]) -> list[Detection]:
    """Return what is to be made unreadable, without boxes that lie in a better one of their kind."""
    kept: list[Detection] = []
    for one in sorted(found, key=lambda each: (each.box.left_px - each.box.right_px, -each.score)):
        inside = any(
            other.label == one.label
            and other.box.left_px <= one.box.left_px
            and other.box.top_px <= one.box.top_px
            and other.box.right_px >= one.box.right_px
            and other.box.bottom_px >= one.box.bottom_px
            for other in kept
        )
        if one.label in CELLS and not inside:
            kept.append(one)
    return kept


def _marked(mark: Mark, seen: _Seen) -> Track:
    if not isinstance(mark.shape, Box):
        raise TypeError("a box is marked")
    hit = Hit(frame=seen.frame_at(mark.at_s), kind="by-hand", box=mark.shape, found_by=mark.by)
    return Track(hits=(hit,))


def _followed(mark: Mark, seen: _Seen) -> list[list[tuple[float, float]]]:
    """Return the outline of a mask in every frame."""
    if not isinstance(mark.shape, Polygon):
        raise TypeError("a polygon is followed")
    start = seen.frame_at(mark.at_s)
    outlines = []
    for frame in range(len(seen.times_s)):
        corners = np.array([(x, y, 1.0) for x, y in mark.shape.exterior.coords])
        corners = corners @ motion_over(start, frame, seen.motions).T
        if (corners[:, 2] <= 0).any():
            raise UnknownMotionError(min(start, frame, len(seen.motions) - 1))
        there = Polygon(corners[:, :2] / corners[:, 2:]).buffer(MASK_ROOM_PX + DRIFT_PX * abs(frame - start))
        outlines.append([(float(x), float(y)) for x, y in get_coordinates(there.exterior)])
    return outlines


def _redacted(
    clip: Derived,
    covering: tuple[Sequence[Track], Sequence[Sequence[Covered]]],
    masks: Sequence[Sequence[Sequence[tuple[float, float]]]],
    secret: SecretPlaces | None,
    motions: Sequence[Motion],
) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Yield the clip's pictures, redacted. Raises ``_NotPlacedError`` where secret ground cannot be placed."""
    from PIL import Image as Pictures
    from PIL import ImageDraw

    tracks, covered = covering
    for number, (at_s, pixels) in enumerate(clip_pictures(clip.content)):
        picture = Pictures.fromarray(pixels)
        for one in sorted(covered[number], key=lambda each: -CLIP_CELLS[tracks[each.track].kind]):
            kind = tracks[one.track].kind
            coarsen(picture, Region(kind=kind, box=one.box, cells=CLIP_CELLS[kind], found_by=f"track {one.track}"))
        draw = ImageDraw.Draw(picture)
        for outlines in masks:
            draw.polygon(list(outlines[number]), fill=COVER)
        if secret is not None:
            for where in _secret_pixels(clip, number, secret, motions):
                cover_where(picture, where)
        yield at_s, np.asarray(picture)


def _secret_pixels(
    clip: Derived, number: int, secret: SecretPlaces, motions: Sequence[Motion]
) -> Iterator[NDArray[np.bool_]]:
    """Yield where a frame shows secret ground, by the nearest frames with a pose on either side."""
    after = bisect_left(secret.posed, number)
    nearest = {*secret.posed[max(after - 1, 0) : after], *secret.posed[after : after + 1]}
    nearest = {number} if number in nearest else nearest
    if not nearest:
        reason = _("secret ground cannot be placed in it; not known: {what}").format(what=_("the pose"))
        raise _NotPlacedError(Refusal(subject=clip.name, code="secret-not-placed", reason=reason))
    for posed in sorted(nearest):
        drift_px = DRIFT_PX * abs(posed - number)
        where = secret.place(posed, motion_over(number, posed, motions), drift_px)
        if isinstance(where, Refusal):
            raise _NotPlacedError(where)
        yield where


def _described(
    clip: Derived,
    content: bytes,
    covering: tuple[Sequence[Track], Sequence[Sequence[Covered]]],
    told: dict[str, str],
) -> Derived | Refusal:
    """Return the redacted clip with the record of how it was made, once its own pictures were counted."""
    import PIL

    tracks, covered = covering
    if has_sound(content) or sum(1 for _picture in clip_pictures(content)) != len(covered):
        return Refusal(subject=clip.name, code="damaged", reason=_("the redacted clip does not hold every frame"))
    spans: dict[int, list[tuple[int, bool]]] = {}
    for frame, here in enumerate(covered):
        for one in here:
            spans.setdefault(one.track, []).append((frame, one.seen))
    kinds = Counter(track.kind for track in tracks)
    original = clip.derivation
    return replace(
        clip,
        name=f"{clip.name.removesuffix('.mp4')}-redacted.mp4",
        content=content,
        derivation=Derivation(
            source_sha256=clip.sha256,
            source_name=clip.name,
            source_index=0,
            operation="redact",
            tool="skywarden",
            tool_version=f"PyAV {clip_tool_version()}, Pillow {PIL.__version__}, OpenCV {motion_tool_version()}",
            parameters=parameters_of(
                {
                    **told,
                    "found": ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items())) or "nothing",
                    "frames": len(covered),
                    "frames_filled_in": sum(not one.seen for here in covered for one in here),
                    "ahead_s": AHEAD_S,
                    "longest_gap_s": LONGEST_GAP_S,
                    "original_sha256": original.source_sha256,
                    "original_frame": original.source_index,
                    "sound": "none",
                    "tracks": "; ".join(
                        _track_words(number, track, spans.get(number, [])) for number, track in enumerate(tracks)
                    ),
                }
            ),
        ),
    )


def _track_words(number: int, track: Track, spans: Sequence[tuple[int, bool]]) -> str:
    """Return what the record says of a track: its kind, frames covered, frames seen in, and its first hit."""
    first = track.hits[0]
    region = Region(kind=track.kind, box=first.box, cells=CLIP_CELLS[track.kind], found_by=first.found_by)
    frames = [frame for frame, _seen in spans]
    seen = sum(was_seen for _frame, was_seen in spans)
    return f"{number} frames {min(frames)}-{max(frames)} seen in {seen} of {len(frames)}, first {first.frame}: {region}"
