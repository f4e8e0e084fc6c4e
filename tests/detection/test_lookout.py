from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import Polygon, box

from core.points import GeoPoint, LocalPlane, from_plane
from detection.detection import Box, Detection
from detection.frame import Frame
from detection.frames.image_quality import ImageQuality
from detection.ground_scale import height_above_ground_m
from detection.lookout import ELSEWHERE, OUTSIDE, RUN, SEEN, Lookout, PastLook
from detection.registry import SHIPPED
from detection.seen_ground import Enough
from detection.tiles import Tile
from detection.weight_card import Sees, WeightCard
from detection.yolo import YoloDetector
from flight.camera import Camera, project
from flight.track import Pose, orientation_of

PLANE = LocalPlane(origin=GeoPoint(lon_deg=113.3, lat_deg=23.1))
SHARP = ImageQuality(sharpness=1.0, brightness=100.0, dark_share=0.0, bright_share=0.0)
BLURRED = replace(SHARP, sharpness=0.1)
BLACK = replace(SHARP, dark_share=0.9)
CARD = WeightCard(
    name="test",
    file="test.pt",
    sha256="ab" * 32,
    classes=("vehicle",),
    labels={"vehicle": "vehicle"},
    thresholds={"vehicle": 0.4},
    training_gsd_m=0.1,
    largest_thing_m=12.0,
    coarsest_gsd_m=0.3,
    licence="CC0-1.0",
    card="test.md",
)
TILES = tuple(
    Tile(left_px=left, top_px=top, right_px=left + 160, bottom_px=top + 120, scale=1.0)
    for left in (0, 160, 320, 480)
    for top in (0, 120, 240, 360)
)
Make = Callable[..., Frame]


def seen_from(make_frame: Make, pose: Pose, after_s: float, quality: ImageQuality = SHARP) -> Frame:
    frame = make_frame(pose=pose)
    return replace(frame, quality=quality, captured_at=frame.captured_at + timedelta(seconds=after_s))


def look(lookout: Lookout, frame: Frame, found: tuple[Box, ...] = ()) -> list[Tile]:
    kept = lookout.chosen(frame, TILES, CARD)
    boxes = [
        Detection(frame_id=frame.frame_id, label="vehicle", score=0.9, box=each, weight_sha256=CARD.sha256)
        for each in found
    ]
    lookout.note(frame, boxes, CARD)
    return kept


def test_ground_seen_often_enough_from_different_sides_is_left_out(
    make_frame: Make, make_pose: Callable[..., Pose]
) -> None:
    lookout = Lookout(enough=Enough(views=3, margin_m=3.0))
    for number, north in enumerate((0.0, 6.0, 12.0)):
        kept = look(lookout, seen_from(make_frame, make_pose(north=north), 2.0 * number))
        assert kept, "the third look is still wanted"
    fourth = seen_from(make_frame, make_pose(north=6.0), 6.0)
    left_out = set(TILES) - set(look(lookout, fourth))
    assert left_out
    assert lookout.counts[SEEN] == len(left_out)
    assert lookout.counts[RUN] == 4 * len(TILES) - len(left_out)
    # What the frame shows at its rim was within the margin of the others' rims, or outside them.
    assert all(tile.top_px > 0 and tile.bottom_px < 480 for tile in left_out)


@pytest.mark.parametrize("why", ["one spot", "blurred", "black", "long ago", "coarser", "found", "everything"])
def test_ground_is_looked_at_again_when_the_looks_do_not_count(
    make_frame: Make, make_pose: Callable[..., Pose], why: str
) -> None:
    lookout = Lookout(
        enough=None if why == "everything" else Enough(views=3, found_views=6, fresh_s=60.0, margin_m=3.0)
    )
    for number in range(3):  # frames that tell what sharpness is usual, somewhere else
        look(lookout, seen_from(make_frame, make_pose(east=900.0 + 300 * number), 0.0))
    bad = {"blurred": BLURRED, "black": BLACK}.get(why, SHARP)
    height = 120.0 if why == "coarser" else 50.0
    for number, north in enumerate((0.0, 6.0, 12.0)):
        pose = make_pose(north=6.0 if why == "one spot" else north, height=height)
        middle = 240 - 10 * (12 - north)  # something stands 8 m east and 12 m north, at ten pixels a metre
        found = Box(left_px=390, top_px=middle - 10, right_px=410, bottom_px=middle + 10)
        look(lookout, seen_from(make_frame, pose, 2.0 * number, bad), (found,) if why == "found" else ())
    later = seen_from(make_frame, make_pose(north=6.0), 100.0 if why == "long ago" else 8.0)
    kept = look(lookout, later)
    if why == "found":
        inner = [tile for tile in kept if 0 < tile.left_px < 480 and 0 < tile.top_px < 360]
        assert [(tile.left_px, tile.top_px) for tile in inner] == [(320, 120)]
    else:
        assert len(kept) == len(TILES)


views_of_a_flight = st.lists(
    st.tuples(
        st.floats(-40, 40),
        st.floats(-40, 40),
        st.sampled_from([30.0, 50.0, 70.0]),
        st.floats(-90, -40),
        st.floats(0, 360),
        st.sampled_from([SHARP, SHARP, SHARP, BLURRED]),
    ),
    min_size=8,
    max_size=20,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(views_of_a_flight)
def test_nothing_that_only_the_later_frame_can_see_is_left_out(
    make_frame: Make,
    make_pose: Callable[..., Pose],
    make_camera: Callable[..., Camera],
    flown: list[tuple[float, float, float, float, float, ImageQuality]],
) -> None:
    """Every point of ground in a tile left out was in as many earlier frames as asked, sharp and no coarser."""
    rule = Enough(views=2, found_views=2, fresh_s=15.0, margin_m=2.0)
    lookout = Lookout(enough=rule)
    points = np.random.default_rng(0).uniform(-90, 90, (3000, 2))
    camera = make_camera()
    earlier: list[tuple[float, np.ndarray, np.ndarray]] = []
    usual: list[float] = []
    for number, (east, north, height, pitch, yaw, quality) in enumerate(flown):
        pose = make_pose(east=east, north=north, height=height, pitch=pitch, yaw=yaw)
        frame = seen_from(make_frame, pose, 2.0 * number, quality)
        pixels, gsd = _seen(points, frame.pose, camera, (east, north))
        left_out = set(TILES) - set(look(lookout, frame))
        for tile in left_out:
            inside = (
                (pixels[:, 0] >= tile.left_px)
                & (pixels[:, 0] < tile.right_px)
                & (pixels[:, 1] >= tile.top_px)
                & (pixels[:, 1] < tile.bottom_px)
                & (gsd <= CARD.coarsest_gsd_m)
            )
            counts = np.zeros(len(points))
            for at_s, seen, fine in earlier:
                fits = np.maximum(fine, 0.1) <= rule.gsd_slack * np.maximum(gsd, 0.1) * 1.05  # a cell has one GSD
                counts += seen & fits & (2.0 * number - at_s <= rule.fresh_s)
            assert (counts[inside] >= rule.views).all()
        blurred = len(usual) >= 3 and quality.sharpness < 0.5 * float(np.median(usual[-15:]))
        usual.append(quality.sharpness)
        if not blurred:
            in_image = ((pixels >= 0) & (pixels < [640, 480])).all(axis=1)
            earlier.append((2.0 * number, in_image, gsd))


def _seen(points: np.ndarray, pose: Pose, camera: Camera, here: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    orientation, height = orientation_of(pose), height_above_ground_m(pose)
    assert orientation is not None
    assert height is not None
    offsets = np.concatenate([points - here, np.full((len(points), 1), -height)], axis=1)
    return project(camera, orientation, offsets), np.sqrt((offsets**2).sum(axis=1)) / camera.focal_px


def test_a_lookout_leans_on_the_originals_whose_looks_it_counts_and_recalls_them(
    make_frame: Make, make_pose: Callable[..., Pose]
) -> None:
    first, again = (Lookout(enough=Enough(views=2, margin_m=3.0)) for _ in range(2))
    again.register(CARD)
    frames = [seen_from(make_frame, make_pose(north=6.0 * number), 2.0 * number) for number in range(4)]
    kept = []
    for number, frame in enumerate(frames):
        first.begin(f"original-{number}")
        kept.append(look(first, frame))
    assert first.leans_on <= {f"original-{number}" for number in range(3)}
    assert first.leans_on
    for number, frame in enumerate(frames[:3]):
        again.begin(f"original-{number}")
        again.recall(PastLook(pose=frame.pose, camera=frame.camera, captured_at=frame.captured_at, quality=SHARP))
    again.begin("original-3")
    assert look(again, frames[3]) == kept[3]
    assert again.leans_on == first.leans_on
    assert again.counts[SEEN] == first.counts[SEEN]


def test_a_daylight_frame_is_no_look_of_a_weight_for_heat(make_frame: Make, make_pose: Callable[..., Pose]) -> None:
    at_night = replace(CARD, sha256="cd" * 32, sees=Sees.HEAT)
    lookout = Lookout(enough=Enough(views=1, found_views=2))
    for card in (CARD, at_night):
        lookout.register(card)
    frame = seen_from(make_frame, make_pose(), 0.0)
    past = PastLook(pose=frame.pose, camera=frame.camera, captured_at=frame.captured_at, quality=SHARP)
    later = seen_from(make_frame, make_pose(), 60.0)
    lookout.recall(past)
    assert len(lookout.chosen(later, TILES, at_night)) == len(TILES)
    assert len(lookout.chosen(later, TILES, CARD)) < len(TILES)
    lookout.recall(replace(past, sees=Sees.HEAT))
    assert len(lookout.chosen(later, TILES, at_night)) < len(TILES)


def test_following_looks_only_where_something_was_found(make_frame: Make, make_pose: Callable[..., Pose]) -> None:
    lookout = Lookout(enough=None)
    found = Box(left_px=20, top_px=20, right_px=40, bottom_px=40)
    look(lookout, seen_from(make_frame, make_pose(), 0.0), (found,))
    with lookout.narrowed():
        kept = look(lookout, seen_from(make_frame, make_pose(north=1.0), 0.4))
    assert kept
    assert all(tile.left_px == 0 and tile.top_px <= 120 for tile in kept)
    assert lookout.counts[ELSEWHERE] == len(TILES) - len(kept)
    assert len(look(lookout, seen_from(make_frame, make_pose(north=2.0), 0.8))) == len(TILES)


def test_what_is_found_in_a_blurred_frame_is_remembered_though_its_ground_is_not(
    make_frame: Make, make_pose: Callable[..., Pose]
) -> None:
    lookout = Lookout(enough=Enough(views=1, found_views=3, margin_m=3.0))
    for number in range(3):
        look(lookout, seen_from(make_frame, make_pose(east=900.0 + 300 * number), 0.0))
    found = Box(left_px=310, top_px=230, right_px=330, bottom_px=250)
    look(lookout, seen_from(make_frame, make_pose(), 1.0, BLURRED), (found,))
    look(lookout, seen_from(make_frame, make_pose(), 2.0))
    left_out = set(TILES) - set(look(lookout, seen_from(make_frame, make_pose(north=6.0), 3.0)))
    assert left_out
    assert not any(tile.left_px <= 320 <= tile.right_px and tile.top_px <= 300 <= tile.bottom_px for tile in left_out)


def test_tiles_outside_the_areas_are_counted_as_such(make_frame: Make, make_pose: Callable[..., Pose]) -> None:
    west = Polygon(from_plane(PLANE, np.array(box(-40, -40, -30, 40).exterior.coords)))
    lookout = Lookout(area=west, margin_m=5.0)
    kept = look(lookout, seen_from(make_frame, make_pose(), 0.0))
    assert {tile.left_px for tile in kept} == {0}
    assert lookout.counts[OUTSIDE] == len(TILES) - len(kept)
    unknown = seen_from(make_frame, make_pose(height=None), 0.0)
    assert len(look(lookout, unknown)) == len(TILES)


def test_a_piece_of_what_a_tile_left_out_shows_whole_is_not_reported(
    make_frame: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network sees one thing across two tiles; without the tile that shows all of it there is nothing to say."""
    lookout = Lookout(enough=Enough(views=3))
    detector = YoloDetector(SHIPPED.parent / "vehicle_yolov8n_3.pt", device="cpu", threads=1, lookout=lookout)
    whole = Tile(left_px=0, top_px=0, right_px=400, bottom_px=480, scale=1.0)
    rest = Tile(left_px=340, top_px=0, right_px=640, bottom_px=480, scale=1.0)
    rows = {whole: np.array([[330.0, 100, 370, 118, 0.9, 0]]), rest: np.array([[340.0, 100, 370, 118, 0.8, 0]])}
    monkeypatch.setattr(detector, "tiles_of", lambda _frame: [whole, rest])
    monkeypatch.setattr(detector, "_run", lambda _pixels, tiles: [(tile, rows[tile]) for tile in tiles])
    frame = make_frame()
    assert [found.box.left_px for found in detector.detect([frame])[0]] == [330.0]
    monkeypatch.setattr(lookout, "chosen", lambda _frame, _tiles, _card: [rest])
    assert detector.detect([frame]) == [[]]
    monkeypatch.setattr(lookout, "chosen", lambda _frame, tiles, _card: list(tiles))
    assert len(detector.detect([frame])[0]) == 1


def test_enough_is_told_when_it_makes_no_sense() -> None:
    for wrong in ({"views": 0}, {"views": 4, "found_views": 3}, {"turned_deg": 180.0}, {"fresh_s": 0.0}):
        with pytest.raises(ValueError, match=r"once|turn|times"):
            Enough(**wrong)  # type: ignore[arg-type]
