"""Writes labelled training images of invented sites, in the YOLO format.

Every image is a window of what some camera at some height would see of a site of its own seed; sites are never shared
between training and validation. The same folder comes out of the same ``n`` and ``seed`` whatever the number of
workers.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.whole_file import written_whole
from flight.camera import Camera, Orientation
from flight.rehearsal.render import render
from flight.rehearsal.render_scene import Scene, prepare
from flight.rehearsal.render_truth import SeenThing, seen_things
from flight.rehearsal.scenes_plot import HALF_M
from flight.rehearsal.scenes_site import random_world

CLASSES: Final = ("car", "truck", "person", "smoke", "fire", "drums", "container", "tank", "debris", "tent")
"""Classes of the labels, in the order of their numbers."""

TILES_PER_SITE: Final = 6
LEAST_VISIBLE: Final = 0.35
LEAST_PX: Final = 4.0
VALIDATION_EVERY: Final = 8
"""One site in this many goes to validation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneSettings:
    """How training images are made.

    Attributes:
        tile_px: Side of the square images.
        gsd_m: Least and largest ground sampling distance at the image's middle, metres (drawn evenly in its logarithm).
        nadir_share: Share of images that look straight down; the rest look down by 35 to 85 degrees.
        is_busy: Whether sites are strewn with people and goods (:mod:`~flight.rehearsal.scenes_yard`).
        sought: Labels that views are aimed at, each as often as it is named; empty for plumes first and then all.
        backdrop_share: Share of the images that stand on a real picture of ground, where backdrops are given.
    """

    tile_px: int = 640
    gsd_m: tuple[float, float] = (0.03, 0.14)
    nadir_share: float = 0.6
    is_busy: bool = False
    sought: tuple[str, ...] = ()
    backdrop_share: float = 0.5

    def __post_init__(self) -> None:
        if self.tile_px < 32 or not 0 < self.gsd_m[0] <= self.gsd_m[1] <= 1 or not 0 <= self.nadir_share <= 1:
            raise ValueError("tiles are at least 32 pixels, GSD rises within (0, 1] m, and shares are in [0, 1]")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledTile:
    """A training image and what is in it.

    Attributes:
        pixels: (tile_px, tile_px, 3) uint8, BGR.
        things: Labelled things seen well enough.
    """

    pixels: NDArray[np.uint8]
    things: tuple[SeenThing, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Backdrop:
    """A real picture of ground, looked straight down at, on which nothing lies that is to be found.

    Attributes:
        pixels: (height, width, 3) uint8, BGR.
        gsd_m: Its ground sampling distance, metres.
    """

    pixels: NDArray[np.uint8]
    gsd_m: float


_Drawn = tuple[Camera, Orientation, tuple[float, float, float]]


def site_tiles(
    seed: int, settings: SceneSettings | None = None, backdrops: Sequence[Backdrop] = ()
) -> Iterator[LabelledTile]:
    """Yield the tiles of one site, the same for the same seed, settings and backdrops."""
    asked = settings or SceneSettings()
    scene = prepare(random_world(seed, is_busy=asked.is_busy))
    random = np.random.default_rng((seed, 2))
    chosen = np.random.default_rng((seed, 3))
    for number in range(TILES_PER_SITE):
        camera, orientation, place = _drawn_view(random, scene, asked)
        moment = float(random.uniform(0, 60))
        ground = None
        if backdrops and chosen.random() < asked.backdrop_share:
            ground = _laid_under(backdrops[int(chosen.integers(len(backdrops)))], camera, orientation, place, chosen)
        pixels = render(scene, camera, orientation, place, seed=number, time_s=moment, backdrop=ground)
        found = seen_things(scene, camera, orientation, place, time_s=moment)
        things = tuple(
            thing
            for thing in found
            if thing.label in CLASSES
            and thing.visible_share >= LEAST_VISIBLE
            and max(thing.right_px - thing.left_px, thing.bottom_px - thing.top_px) >= LEAST_PX
        )
        yield LabelledTile(pixels=_worn(pixels, random), things=things)


def _laid_under(
    backdrop: Backdrop,
    camera: Camera,
    orientation: Orientation,
    place: tuple[float, float, float],
    random: np.random.Generator,
) -> NDArray[np.uint8]:
    """Return a part of a picture of ground as the camera would see it: at its scale, turned, squeezed by its slant."""
    import cv2

    sine = float(np.sin(np.radians(-orientation.pitch_deg)))
    seen_gsd_m = place[2] / sine / camera.focal_px
    factor = backdrop.gsd_m / seen_gsd_m
    high, wide = backdrop.pixels.shape[:2]
    turn = float(random.uniform(0, 2 * np.pi))
    cosine, sinus = float(np.cos(turn)) * factor, float(np.sin(turn)) * factor
    matrix = np.array([[cosine, -sinus, 0.0], [sinus * sine, cosine * sine, 0.0]])
    # What stays inside the picture when it is turned is its inner circle: lay some point near its middle under ours.
    reach = max(0.0, min(high, wide) / 2 - max(camera.width_px, camera.height_px / sine) / factor * 0.71)
    spot = np.array([wide / 2, high / 2]) + random.uniform(-reach, reach, 2)
    matrix[:, 2] = np.array([camera.width_px / 2, camera.height_px / 2]) - matrix[:, :2] @ spot
    size = (camera.width_px, camera.height_px)
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    laid: NDArray[np.uint8] = cv2.warpAffine(
        backdrop.pixels, matrix, size, flags=method, borderMode=cv2.BORDER_REFLECT_101
    )
    return laid


def _drawn_view(random: np.random.Generator, scene: Scene, settings: SceneSettings) -> _Drawn:
    """Return a camera that is a window of a larger image, and from where it looks at some thing or some ground."""
    gsd = float(np.exp(random.uniform(*np.log(settings.gsd_m))))
    height = float(random.uniform(35, 130))
    pitch = -90.0 if random.random() < settings.nadir_share else float(random.uniform(-85, -35))
    slant = height / np.sin(np.radians(-pitch))
    side = settings.tile_px
    camera = Camera(
        model="random",
        width_px=side,
        height_px=side,
        focal_px=float(slant / gsd),
        centre_x_px=side / 2 + float(random.uniform(-1600, 1600)),
        centre_y_px=side / 2 + float(random.uniform(-1100, 1100) if pitch == -90.0 else random.uniform(-400, 400)),
        source="drawn at random",
    )
    orientation = Orientation(
        yaw_deg=float(random.uniform(0, 360)), pitch_deg=pitch, roll_deg=float(random.normal(0, 2))
    )
    labelled = [
        thing for thing in scene.things if thing.label and (not settings.sought or thing.label in settings.sought)
    ] or list(scene.things)
    plumes = () if settings.sought else scene.world.plumes
    if plumes and random.random() < 0.5:
        east, north = plumes[int(random.integers(len(plumes)))].centre
    elif labelled and random.random() < 0.85:
        # Classes evenly, so that few of a kind are not lost among many of another.
        label = sorted({thing.label for thing in labelled})
        label = [name for name in settings.sought if name in label] or label
        wanted = label[int(random.integers(len(label)))]
        of_label = [thing for thing in labelled if thing.label == wanted]
        east, north = of_label[int(random.integers(len(of_label)))].footprint.mean(axis=0).tolist()
    else:
        east, north = random.uniform(-HALF_M * 0.8, HALF_M * 0.8, 2).tolist()
    aside = random.uniform(-0.35, 0.35, 2) * side * gsd
    return camera, orientation, _behind(camera, orientation, height, (east + float(aside[0]), north + float(aside[1])))


def _behind(
    camera: Camera, orientation: Orientation, height: float, look_at: tuple[float, float]
) -> tuple[float, float, float]:
    """Return the camera's place from which the middle of its image shows a point of the ground."""
    from flight.rehearsal.render_view import ground_under, view_of

    view = view_of(camera, orientation, (0.0, 0.0, height))
    east, north = ground_under(view, (camera.width_px / 2, camera.height_px / 2), farthest_m=600.0)
    return look_at[0] - east, look_at[1] - north, height


def _worn(pixels: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Return an image after what cameras and cards do: contrast, colour cast, blur, compression."""
    import cv2

    gain = random.uniform(0.85, 1.15) * random.uniform(0.97, 1.03, 3)
    lift = random.uniform(-14, 14)
    worn = np.clip(pixels * gain + lift, 0, 255).astype(np.uint8)
    if random.random() < 0.4:
        worn = cv2.GaussianBlur(worn, (0, 0), float(random.uniform(0.3, 1.3)))
    if random.random() < 0.15:  # motion
        length = int(random.integers(3, 8))
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1 / length
        turn = cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), float(random.uniform(0, 180)), 1)
        kernel = cv2.warpAffine(kernel, turn, (length, length))
        worn = cv2.filter2D(worn, -1, kernel / max(1e-6, float(kernel.sum())))
    _done, coded = cv2.imencode(".jpg", worn, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(55, 96))])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)


def label_lines(tile: LabelledTile) -> str:
    """Return the YOLO label text of a tile: class, centre and size as shares of the image, one thing a line."""
    height, width = tile.pixels.shape[:2]
    return "".join(
        f"{CLASSES.index(thing.label)} {(thing.left_px + thing.right_px) / 2 / width:.6f} "
        f"{(thing.top_px + thing.bottom_px) / 2 / height:.6f} {(thing.right_px - thing.left_px) / width:.6f} "
        f"{(thing.bottom_px - thing.top_px) / height:.6f}\n"
        for thing in tile.things
    )


def write_training_set(
    folder: Path,
    n: int,
    seed: int,
    *,
    settings: SceneSettings | None = None,
    backdrops: Sequence[Backdrop] = (),
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write ``n`` labelled images and what a YOLO trainer needs to read them.

    Args:
        folder: Where to; made if missing. Holds ``images/`` and ``labels/``, each with ``train`` and ``val``.
        n: How many images.
        seed: Sites are seeded ``seed``·1000003 and on; other seeds give other sites.
        settings: Size and scale of the images.
        backdrops: Real pictures of ground that some of the scenes stand on.
        workers: Processes to render on.
        progress: Told after each site: images done, images in all.

    Returns:
        ``folder/data.yaml``.

    Raises:
        ValueError: ``n`` is not positive.
        OSError: A file cannot be written.
    """
    if n < 1:
        raise ValueError("a training set has at least one image")
    asked = settings or SceneSettings()
    for kind in ("images", "labels"):
        for split in ("train", "val"):
            (folder / kind / split).mkdir(parents=True, exist_ok=True)
    jobs = [
        (
            folder,
            index,
            seed * 1_000_003 + index,
            min(TILES_PER_SITE, n - index * TILES_PER_SITE),
            asked,
            tuple(backdrops),
        )
        for index in range((n + TILES_PER_SITE - 1) // TILES_PER_SITE)
    ]
    counts: Counter[str] = Counter()
    done = 0
    for written, tally in _work(jobs, workers):
        counts.update(tally)
        done += written
        if progress is not None:
            progress(done, n)
    card = {"images": n, "seed": seed, "things": {name: counts[name] for name in CLASSES}, "source": "rendered"}
    with written_whole(folder / "card.json") as aside:
        aside.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    names = "".join(f"  {number}: {name}\n" for number, name in enumerate(CLASSES))
    with written_whole(folder / "data.yaml") as aside:
        text = f"path: {folder.resolve()}\ntrain: images/train\nval: images/val\nnames:\n{names}"
        aside.write_text(text, encoding="utf-8")
    return folder / "data.yaml"


_Job = tuple[Path, int, int, int, SceneSettings, tuple[Backdrop, ...]]


def _work(jobs: list[_Job], workers: int) -> Iterator[tuple[int, Counter[str]]]:
    if workers <= 1:
        yield from map(_write_site, jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        yield from pool.map(_write_site, jobs, chunksize=2)


def _one_thread() -> None:
    import cv2

    cv2.setNumThreads(1)


def _write_site(job: _Job) -> tuple[int, Counter[str]]:
    """Write the tiles of one site; return how many, and how many things of each class."""
    import cv2

    folder, index, seed, wanted, settings, backdrops = job
    split = "val" if index % VALIDATION_EVERY == 2 else "train"
    counts: Counter[str] = Counter()
    for number, tile in zip(range(wanted), site_tiles(seed, settings, backdrops), strict=False):
        name = f"site{index:05d}_{number}"
        _done, coded = cv2.imencode(".jpg", tile.pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])
        with written_whole(folder / "images" / split / f"{name}.jpg") as aside:
            aside.write_bytes(coded.tobytes())
        with written_whole(folder / "labels" / split / f"{name}.txt") as aside:
            aside.write_text(label_lines(tile), encoding="utf-8")
        counts.update(thing.label for thing in tile.things)
    return wanted, counts
