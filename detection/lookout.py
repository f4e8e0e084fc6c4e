"""The lookout of a run: which tiles of a frame are worth running, and what was left out and why.

Three reasons leave a tile out: it sees none of the patrol's areas (:mod:`detection.interest`), all its ground was seen
often enough by earlier frames (:mod:`detection.seen_ground`), or the frame was decoded only to follow something found
nearby in time and the tile does not show that. Every tile is counted as run or left out under its reason. A tile of a
frame whose pose or camera does not tell what it sees is always run.

What a weight has seen says nothing of what another weight would have found, so looks are kept weight by weight; and
daylight frames are no looks of weights for heat, nor thermal ones of the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from detection.detection import Box, Detection
from detection.frame import Frame
from detection.frames.image_quality import ImageQuality, measure_quality
from detection.ground_scale import ground_offsets_m, height_above_ground_m
from detection.interest import MARGIN_M, tiles_over
from detection.seen_ground import Enough, Look, SeenGround, UsualSharpness, is_clear
from detection.tiles import Tile
from detection.weight_card import Sees, WeightCard
from flight.camera import Camera
from flight.track import Pose, orientation_of

RUN: Final = "run"
OUTSIDE: Final = "outside-areas"
SEEN: Final = "seen-enough"
ELSEWHERE: Final = "not-followed"
LEAST_CELL_M: Final = 2.0
CELLS_A_THING: Final = 6
PROBES: Final = 7
FOLLOWED_S: Final = 2.5
NEVER: Final = Enough()


@dataclass(frozen=True, slots=True, kw_only=True)
class PastLook:
    """A frame that an earlier try of a run looked at, as far as it bears on later frames.

    Attributes:
        pose, camera, captured_at, quality: Of the frame.
        found: Boxes found in it, by the digest of the weight that found them.
        narrowed: Whether only parts of it were looked at, to follow something.
        sees: The kind of light that it is of; weights for another kind did not look at it.
    """

    pose: Pose
    camera: Camera | None
    captured_at: datetime
    quality: ImageQuality
    found: dict[str, tuple[Box, ...]] = field(default_factory=dict)
    narrowed: bool = False
    sees: Sees = Sees.LIGHT


@dataclass(slots=True, kw_only=True)
class _Weight:
    """What one weight looked at, and in the original at hand, when it found something on which cells of ground."""

    seen: SeenGround
    sees: Sees
    found: list[tuple[float, NDArray[np.int64]]] = field(default_factory=list)
    usual: UsualSharpness = field(default_factory=UsualSharpness)


class Lookout:
    """Chooses tiles over a run; one is shared by all detectors of the run.

    Args:
        area: Polygons in longitude and latitude outside of which nothing is sought; None for everywhere.
        enough: When ground has been seen often enough; None to look at everything again and again.
        margin_m: How far outside the area still counts, metres.
    """

    def __init__(
        self, *, area: BaseGeometry | None = None, enough: Enough | None = None, margin_m: float = MARGIN_M
    ) -> None:
        self._of_interest = None if area is None else tiles_over(area, margin_m=margin_m)
        self._enough = enough
        self._weights: dict[str, _Weight] = {}
        self._sources: list[str] = [""]
        self._narrowed = False
        self.counts: Counter[str] = Counter()
        self.leans_on: set[str] = set()

    def register(self, card: WeightCard) -> None:
        """Get to know a weight of the run, so that looks of an earlier try can be recalled for it."""
        self._of(card)

    def begin(self, original_sha256: str) -> None:
        """Begin with an original: tiles are counted, and what they lean on is collected, from here on."""
        self._sources.append(original_sha256)
        self.counts = Counter()
        self.leans_on = set()
        for weight in self._weights.values():
            weight.found.clear()

    @contextmanager
    def narrowed(self) -> Iterator[None]:
        """Run only tiles near what was found in this original at about the time; nothing counts as seen meanwhile."""
        self._narrowed = True
        try:
            yield
        finally:
            self._narrowed = False

    def chosen(self, frame: Frame, tiles: Sequence[Tile], card: WeightCard) -> list[Tile]:
        """Return the tiles that are worth running for a weight, and count all."""
        weight = self._of(card)
        look = weight.seen.look(frame.pose, frame.camera, frame.captured_at)
        follow = None
        if self._narrowed and look is not None:
            near = [keys for at_s, keys in weight.found if abs(at_s - look.at_s) <= FOLLOWED_S]
            follow = np.isin(look.view.keys, np.concatenate(near)) if near else np.zeros(len(look.view.keys), np.bool_)
        kept = []
        for tile in tiles:
            reason = self._reason(frame, tile, look, follow)
            self.counts[reason] += 1
            if reason == RUN:
                kept.append(tile)
        return kept

    def note(self, frame: Frame, detections: Sequence[Detection], card: WeightCard) -> None:
        """Remember that a weight looked at a frame, and what it found there."""
        past = PastLook(
            pose=frame.pose,
            camera=frame.camera,
            captured_at=frame.captured_at,
            quality=frame.quality or measure_quality(frame.pixels),
            found={card.sha256: tuple(each.box for each in detections)},
            narrowed=self._narrowed,
            sees=card.sees,
        )
        self._remember(past, card.sha256, self._of(card))

    def recall(self, past: PastLook) -> None:
        """Remember a frame that an earlier try of the run looked at with the same weights."""
        for sha256, weight in self._weights.items():
            if weight.sees is past.sees:
                self._remember(past, sha256, weight)

    def _remember(self, past: PastLook, sha256: str, weight: _Weight) -> None:
        clear = is_clear(past.quality, weight.usual)
        weight.usual.note(past.quality.sharpness)
        look = weight.seen.look(past.pose, past.camera, past.captured_at)
        if look is None:
            return
        if clear and not past.narrowed:
            look.note(source=len(self._sources) - 1)
        boxes = past.found.get(sha256, ())
        if boxes:
            edges = np.array([[each.left_px, each.top_px, each.right_px, each.bottom_px] for each in boxes])
            weight.found.append((look.at_s, look.mark_found(edges)))

    def _of(self, card: WeightCard) -> _Weight:
        if card.sha256 not in self._weights:
            self._weights[card.sha256] = _Weight(
                seen=SeenGround(
                    self._enough or NEVER,
                    cell_m=max(LEAST_CELL_M, card.largest_thing_m / CELLS_A_THING),
                    coarsest_gsd_m=card.coarsest_gsd_m,
                    finest_gsd_m=card.training_gsd_m,
                ),
                sees=card.sees,
            )
        return self._weights[card.sha256]

    def _reason(self, frame: Frame, tile: Tile, look: Look | None, follow: NDArray[np.bool_] | None) -> str:
        """Return :data:`RUN`, or why a tile is left out."""
        if self._of_interest is not None and not self._of_interest(frame, tile):
            return OUTSIDE
        if look is None or (self._enough is None and follow is None):
            return RUN
        cells = look.cells_in(tile.left_px, tile.top_px, tile.right_px, tile.bottom_px)
        if follow is not None:
            return RUN if follow[cells].any() else ELSEWHERE
        if not cells.any() or look.lacks[cells].any() or not _followed(frame, tile, look):
            return RUN
        self.leans_on |= {self._sources[number] for number in look.leant_on(cells)} - {self._sources[-1]}
        return SEEN


def _followed(frame: Frame, tile: Tile, look: Look) -> bool:
    """Return whether all ground that a tile shows, as far as it is probed, is ground whose looks are followed."""
    orientation, height_m = orientation_of(frame.pose), height_above_ground_m(frame.pose)
    if frame.camera is None or orientation is None or height_m is None:
        return False
    pixels = np.stack(
        np.meshgrid(np.linspace(tile.left_px, tile.right_px, PROBES), np.linspace(tile.top_px, tile.bottom_px, PROBES)),
        axis=-1,
    ).reshape(-1, 2)
    offsets = ground_offsets_m(frame.camera, orientation, height_m, pixels)
    flat = np.hypot(*offsets[np.isfinite(offsets).all(axis=1)].T)
    far: NDArray[np.bool_] = (flat > look.view.reach_m) & (
        np.hypot(flat, height_m) <= look.coarsest_gsd_m * frame.camera.focal_px
    )
    return not bool(far.any())
