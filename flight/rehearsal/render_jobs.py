"""Renders many images of one world on several processes, in order.

Each worker prepares the scene once. OpenCV's own threads are turned off in workers, so that ``workers`` is the number
of cores in use. Workers are started fresh rather than forked: the station's other threads (a link to a vehicle, a web
server) must not be copied into them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from core.points import GeoPoint, LocalPlane, to_plane
from flight.camera import Camera, Orientation
from flight.rehearsal.render import Scene, prepare, render
from flight.rehearsal.world import World

_scene: Scene | None = None  # one per worker process, set by _start


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One image to render.

    Attributes:
        number: Settles the sensor's noise.
        position: Where the camera is.
        height_m: Above the ground.
        orientation: Where it looks.
        time_s: The moment, seconds; smoke and fire move with it.
    """

    number: int
    position: GeoPoint
    height_m: float
    orientation: Orientation
    time_s: float = 0.0


def place_of(world: World, shot: Shot) -> tuple[float, float, float]:
    """Return east, north, up of a shot's camera in the world's plane, metres."""
    east, north = to_plane(LocalPlane(origin=world.origin), [shot.position.lon_deg, shot.position.lat_deg]).tolist()
    return east, north, shot.height_m


def shoot(scene: Scene, camera: Camera, shot: Shot) -> NDArray[np.uint8]:
    """Return the (H, W, 3) BGR image of one shot."""
    return render(scene, camera, shot.orientation, place_of(scene.world, shot), seed=shot.number, time_s=shot.time_s)


def shoot_jpegs(world: World, camera: Camera, shots: Sequence[Shot], *, workers: int, quality: int) -> Iterator[bytes]:
    """Yield each shot as a JPEG without metadata, in the order of the shots."""
    yield from _spread(world, [(camera, shot, quality) for shot in shots], _jpeg, workers)


def shoot_yuv(world: World, camera: Camera, shots: Sequence[Shot], *, workers: int) -> Iterator[NDArray[np.uint8]]:
    """Yield each shot as a (H·3/2, W) planar 4:2:0 image for a video encoder, in the order of the shots."""
    yield from _spread(world, [(camera, shot, 0) for shot in shots], _yuv, workers)


def _spread(world: World, jobs: list, work, workers: int) -> Iterator:  # type: ignore[no-untyped-def,type-arg]  # noqa: ANN001 - one plain mapping for two kinds of product
    """Yield ``work`` of each job in order, at most a few jobs ahead of the consumer."""
    if workers <= 1 or len(jobs) < 4:
        scene = prepare(world)
        for job in jobs:
            yield work(scene, *job)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start, initargs=(world,)) as pool:
        ahead = workers * 3
        waiting = [pool.submit(_in_worker, work, job) for job in jobs[:ahead]]
        for index in range(len(jobs)):
            product = waiting.pop(0).result()
            if index + ahead < len(jobs):
                waiting.append(pool.submit(_in_worker, work, jobs[index + ahead]))
            yield product


def _start(world: World) -> None:
    """Prepare this worker's scene."""
    import cv2

    global _scene  # noqa: PLW0603 - a worker process renders one world, set once at its start
    cv2.setNumThreads(1)
    _scene = prepare(world)


def _in_worker(work, job):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - as in _spread
    assert _scene is not None  # noqa: S101 - the pool's initializer ran
    return work(_scene, *job)


def _jpeg(scene: Scene, camera: Camera, shot: Shot, quality: int) -> bytes:
    import cv2

    done, coded = cv2.imencode(".jpg", shoot(scene, camera, shot), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise RuntimeError("OpenCV could not encode the photograph")
    return bytes(coded.tobytes())


def _yuv(scene: Scene, camera: Camera, shot: Shot, _quality: int) -> NDArray[np.uint8]:
    import cv2

    planar: NDArray[np.uint8] = cv2.cvtColor(shoot(scene, camera, shot), cv2.COLOR_BGR2YUV_I420)
    return planar
