"""Clips that leave: what a detector saw in some frames shows in none."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapely import Polygon

from core.refusal import Refusal
from detection.detection import Box, Detection
from evidence.handing_out.picture_motion import motion_between
from evidence.handing_out.redact_clip import ClipPicture, Mark, SecretPlaces, redact_clip
from evidence.handing_out.region_tracks import Hit, UnknownMotionError, cover_tracks, link_hits
from evidence.sealing.clip import clip_pictures, encode_pictures, has_sound
from evidence.sealing.derivation import Derivation, Derived

FRAMES, WIDTH, HEIGHT = 24, 240, 160
_FINE = np.kron(np.indices((5, 8)).sum(axis=0) % 2, np.ones((3, 3)))  # squares of three pixels: what must not be left
FACE = np.where(_FINE[:12, :12, None] > 0, [250, 240, 230], [10, 20, 30]).astype(np.uint8)
CAR = np.where(_FINE[:14, :24, None] > 0, [240, 240, 240], [160, 10, 10]).astype(np.uint8)
ALL = ("face", "person", "vehicle")


def _ground() -> NDArray[np.uint8]:
    rng = np.random.default_rng(3)
    coarse = rng.integers(60, 150, (40, 60), dtype=np.uint8)
    grey = np.kron(coarse, np.ones((8, 8), dtype=np.uint8))
    return np.repeat(grey[:, :, None], 3, axis=2)


def _pan(number: int) -> tuple[int, int]:
    return 20 + 3 * number, 30 + number


def _car(number: int) -> Box:
    """A car that drives over the ground, in the picture's pixels."""
    left, top = _pan(number)
    x, y = 100 + 5 * number - left, 90 + number - top
    return Box(left_px=x, top_px=y, right_px=x + 24, bottom_px=y + 14)


def _face(number: int) -> Box:
    """A face that stands still on the ground."""
    left, top = _pan(number)
    return Box(left_px=150 - left, top_px=140 - top, right_px=162 - left, bottom_px=152 - top)


def _pictures(frames: int = FRAMES, cut_at: int | None = None) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    ground = _ground()
    for number in range(frames):
        left, top = _pan(number)
        picture = ground[top : top + HEIGHT, left : left + WIDTH].copy()
        if cut_at is not None and number >= cut_at:
            picture = np.full_like(picture, 90)  # nothing to follow
        for box, mark in ((_car(number), CAR), (_face(number), FACE)):
            rows, columns = slice(int(box.top_px), int(box.bottom_px)), slice(int(box.left_px), int(box.right_px))
            picture[rows, columns] = mark
        yield number / 12, picture


def _clip(**options: int) -> Derived:
    frames = options.get("frames", FRAMES)
    return Derived(
        name="clip.mp4",
        media_type="video/mp4",
        content=encode_pictures(_pictures(**options)),
        derivation=Derivation(
            source_sha256="ab" * 32,
            source_name="SKY.MP4",
            source_index=0,
            operation="clip",
            tool="PyAV",
            tool_version="1",
            parameters=(("frames", str(frames)),),
        ),
    )


def _detection(number: int, label: str, box: Box) -> Detection:
    return Detection(frame_id=f"f{number}", label=label, score=0.7, box=box, weight_sha256="cd" * 32)


def _sees(car: Iterable[int], face: Iterable[int]):  # noqa: ANN202 - a detector of two things in some of the frames
    cars, faces = set(car), set(face)

    def look(picture: ClipPicture) -> Iterator[Detection]:
        if picture.number in cars:
            yield _detection(picture.number, "vehicle", _car(picture.number))
        if picture.number in faces:
            yield _detection(picture.number, "face", _face(picture.number))

    return look


def _redacted(clip: Derived, look, **changes) -> Derived | Refusal:  # noqa: ANN001, ANN003 - as redact_clip takes them
    arguments = {"looked_by": ["x: weight 1"], "looked_at": "the clip's frames", "looked_for": ALL}
    return redact_clip(clip, look, **(arguments | changes))


def _detail(pixels: NDArray[np.uint8], box: Box) -> float:
    """How much neighbouring pixels of a box differ: what of the fine squares is left."""
    left, right = max(int(box.left_px), 0), min(int(box.right_px), WIDTH)
    part = pixels[int(box.top_px) : int(box.bottom_px), left:right].astype(float).mean(axis=2)
    return float(np.abs(np.diff(part, n=1, axis=1)).mean()) if part.shape[1] > 3 else 0.0


def test_what_a_detector_misses_between_and_around_its_hits_is_unreadable_in_every_frame() -> None:
    clip = _clip()
    before = [pixels for _at, pixels in clip_pictures(clip.content)]
    assert all(_detail(pixels, _face(number)) > 40 for number, pixels in enumerate(before))
    assert all(_detail(pixels, _car(number)) > 20 for number, pixels in enumerate(before))
    copy = _redacted(clip, _sees(car=[3, 4, 10, 16, 17], face=[8]))
    assert isinstance(copy, Derived)
    after = list(clip_pictures(copy.content))
    assert [at for at, _pixels in after] == pytest.approx([at for at, _pixels in clip_pictures(clip.content)], abs=1e-4)
    for number, (_at, pixels) in enumerate(after):
        assert _detail(pixels, _face(number)) < 6, number
        assert _detail(pixels, _car(number)) < 10, number
    told = dict(copy.derivation.parameters)
    assert told["found"] == "face 1, vehicle 1"
    assert int(told["frames_filled_in"]) == 2 * FRAMES - 6
    assert told["sound"] == "none"
    assert not has_sound(copy.content)
    assert copy.derivation.source_sha256 == clip.sha256
    for tool in ("PyAV", "libavcodec", "libswscale", "Pillow", "OpenCV"):
        assert re.search(rf"{tool} \d+\.\d", copy.derivation.tool_version), tool
    assert "seen in 5 of 24" in told["tracks"]
    assert _redacted(clip, _sees(car=[3, 4, 10, 16, 17], face=[8])) == copy  # the same clip gives the same copy


@pytest.fixture
def memory_holds() -> Iterator[Callable[[int], None]]:
    """Settle what every byte of newly allocated memory holds, as glibc offers it for finding who reads it unwritten."""
    change = getattr(ctypes.CDLL(None), "mallopt", None)
    if change is None:
        pytest.skip("this C library cannot settle what new memory holds")
    perturb = -6  # M_PERTURB of malloc.h; it takes the complement of the byte
    yield lambda byte: change(perturb, byte ^ 0xFF)
    change(perturb, int(os.environ.get("MALLOC_PERTURB_", "0")))


def test_what_lies_in_memory_does_not_get_into_a_clip(memory_holds: Callable[[int], None]) -> None:
    look = _sees(car=[3, 4, 10, 16, 17], face=[8])
    clip = _clip()
    copy = _redacted(clip, look)
    for byte in (0xFE, 0x80, 0x01):  # 0xFE: as two bytes a small step to the left and up, as a motion vector
        memory_holds(byte)
        again = _clip()
        assert again.content == clip.content, byte
        assert _redacted(again, look) == copy, byte


def test_clips_are_encoded_in_the_way_that_does_not_depend_on_the_machine() -> None:
    told = _clip().content  # x264 writes its settings into the stream
    assert {word for word in (b" mbtree=0 ", b" threads=1 ", b" sliced_threads=0 ") if word not in told} == set()


def test_a_clip_in_which_nobody_looked_for_people_stays_here() -> None:
    clip, look = _clip(), _sees(car=[1], face=[1])
    refusal = _redacted(clip, look, looked_for=("vehicle", "face"))
    assert isinstance(refusal, Refusal)
    assert refusal.code == "not-looked-for"
    assert "person" in refusal.reason
    copy = _redacted(clip, look, looked_for=("vehicle", "face"), seen_by="林 粤A2")
    assert isinstance(copy, Derived)
    told = dict(copy.derivation.parameters)
    assert (told["not_looked_for"], told["seen_by"]) == ("person", "林 粤A2")


def test_a_clip_whose_motion_is_not_known_where_something_must_be_followed_stays_here() -> None:
    clip = _clip(cut_at=12)
    refusal = _redacted(clip, _sees(car=[3], face=[]))
    assert isinstance(refusal, Refusal)
    assert refusal.code == "motion-unknown"
    assert "0.9" in refusal.reason  # after the eleventh frame
    assert isinstance(_redacted(clip, _sees(car=[], face=[])), Derived)  # nothing to follow


def test_a_clip_that_is_not_whole_stays_here() -> None:
    clip, look = _clip(), _sees(car=[], face=[])
    short = replace(clip, derivation=replace(clip.derivation, parameters=(("frames", "99"),)))
    for broken in (short, replace(clip, content=clip.content[:400]), replace(clip, content=b"no video")):
        refusal = _redacted(broken, look)
        assert isinstance(refusal, Refusal)
        assert refusal.code == "damaged"


def test_what_a_person_marks_in_one_picture_is_followed_through_all() -> None:
    clip = _clip()
    face = _face(12)
    corners = [(face.left_px, face.top_px), (face.right_px, face.top_px), (face.right_px, face.bottom_px),
               (face.left_px, face.bottom_px)]  # fmt: skip
    for shape in (face, Polygon(corners)):
        copy = _redacted(clip, _sees(car=[], face=[]), marks=[Mark(at_s=1.0, shape=shape, by="陈")])
        assert isinstance(copy, Derived)
        pictures = enumerate(clip_pictures(copy.content))
        assert max(_detail(pixels, _face(number)) for number, (_at, pixels) in pictures) < 6


def test_secret_ground_is_covered_by_the_nearest_poses_and_a_clip_without_any_stays_here() -> None:
    clip, look = _clip(), _sees(car=[], face=[])

    def place(posed: int, onto_posed: NDArray[np.float64], drift_px: float) -> NDArray[np.bool_] | Refusal:
        """The right half of the ground, as the posed frame shows it."""
        columns = np.stack([np.arange(WIDTH), np.full(WIDTH, 80), np.ones(WIDTH)], axis=-1) @ onto_posed.T
        there = columns[:, 0] / columns[:, 2] + _pan(posed)[0]
        return np.broadcast_to(there > 200 - drift_px, (HEIGHT, WIDTH))

    copy = _redacted(clip, look, secret=SecretPlaces(name="secret.geojson", posed=(5, 15), place=place))
    assert isinstance(copy, Derived)
    for number, (_at, pixels) in enumerate(clip_pictures(copy.content)):
        edge = 200 - _pan(number)[0]
        assert np.abs(pixels[:100, edge + 2 :].astype(int) - 96).max() < 12, number
        assert np.abs(pixels[:100, : edge - 16].astype(int) - 96).max() > 20, number
    assert dict(copy.derivation.parameters)["secret_ground"].startswith("secret")
    refusal = _redacted(clip, look, secret=SecretPlaces(name="secret.geojson", posed=(), place=place))
    assert isinstance(refusal, Refusal)
    assert refusal.code == "secret-not-placed"


def test_the_motion_of_a_picture_is_what_it_was_moved_by_or_not_known() -> None:
    pictures = [pixels for _at, pixels in _pictures(frames=3)]
    motion = motion_between(pictures[0], pictures[2])
    assert motion is not None
    moved = motion @ np.array([100.0, 80.0, 1.0])
    assert moved[:2] / moved[2] == pytest.approx([94, 78], abs=0.5)
    blank = np.full((HEIGHT, WIDTH, 3), 90, dtype=np.uint8)
    assert motion_between(blank, blank) is None
    noise = [np.random.default_rng(seed).integers(0, 255, blank.shape, dtype=np.uint8) for seed in (1, 2)]
    assert motion_between(noise[0], noise[1]) is None
    with pytest.raises(ValueError, match="one size"):
        motion_between(blank, blank[:50])


@settings(max_examples=40, deadline=None)
@given(
    seen=st.sets(st.integers(0, 19), min_size=1),
    speed=st.floats(-6, 6),
    pan=st.floats(-4, 4),
    side=st.floats(8, 60),
)
def test_a_thing_that_moves_evenly_is_covered_between_its_hits_and_one_that_stands_in_every_frame(
    seen: set[int], speed: float, pan: float, side: float
) -> None:
    step = np.array([[1.0, 0, pan], [0, 1, 0], [0, 0, 1]])
    motions = [step] * 19

    def there(frame: int, own: float) -> float:
        return 300 + frame * (pan + own)

    for own in (0.0, speed):
        hits = [
            Hit(
                frame=frame,
                kind="vehicle",
                box=Box(left_px=there(frame, own), top_px=50, right_px=there(frame, own) + side, bottom_px=50 + side),
                found_by="x",
            )
            for frame in sorted(seen)
        ]
        tracks = link_hits(hits, motions, longest_gap=20)
        covered = cover_tracks(tracks, motions, margin=0.1, ahead=5, width_px=800, height_px=600)
        assert sum(one.seen for here in covered for one in here) == len(hits)
        for frame in range(20):
            if own and not min(seen) <= frame <= max(seen):
                continue
            if own and len(tracks) > 1:
                continue  # it went farther between two hits than a thing of its size is taken to go
            left, right = there(frame, own), there(frame, own) + side
            assert any(one.box.left_px <= left + 1e-6 and one.box.right_px >= right - 1e-6 for one in covered[frame])


def test_nothing_is_followed_over_an_unknown_motion() -> None:
    hit = Hit(frame=0, kind="face", box=Box(left_px=1, top_px=1, right_px=9, bottom_px=9), found_by="x")
    tracks = link_hits([hit], [None], longest_gap=5)
    with pytest.raises(UnknownMotionError):
        cover_tracks(tracks, [None], margin=0.1, ahead=5, width_px=80, height_px=60)
