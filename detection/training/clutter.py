"""Clutter: drawn pictures of what looks like a hazard from the air and is none, for training.

Windows of façades, roof lights, market awnings, snow patches and road markings are rectangles of a car's size; a
detector that has only seen cars on roads takes them for cars. Each picture here is drawn from a seed: a ground (a piece
of a real photo without anything labelled, or drawn), and on it a few of these things, seen from a random side. They
carry no boxes: everything in them is background.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
_Corners = NDArray[np.float32]

WALLS: Final = ((190, 200, 205), (150, 165, 185), (120, 140, 170), (205, 205, 200), (110, 120, 140), (170, 190, 210))
GLASS: Final = ((60, 55, 50), (95, 85, 75), (150, 140, 130), (40, 40, 45), (190, 185, 180), (120, 100, 80))
PAINT: Final = ((230, 230, 230), (40, 40, 200), (200, 120, 40), (60, 190, 230), (70, 150, 60), (35, 35, 35))


def draw_clutter(size_px: int, seed: int, *, ground: Image | None = None) -> Image:
    """Return a (size_px, size_px, 3) BGR picture of clutter.

    Args:
        size_px: Side of the picture.
        seed: Settles everything in it.
        ground: (size_px, size_px, 3) BGR ground to draw on; drawn when None.
    """
    import cv2

    random = np.random.default_rng(seed)
    canvas = _plain_ground(size_px, random) if ground is None else ground.copy()
    kinds: tuple[Callable[[np.random.Generator], Image], ...] = (_facade, _facade, _roof, _awnings, _markings)
    for _round in range(random.integers(1, 4)):
        texture = kinds[random.integers(len(kinds))](random)
        _place(canvas, texture, random)
    blurred = cv2.GaussianBlur(canvas, (0, 0), float(random.uniform(0.3, 1.2)))
    noise = random.normal(0, random.uniform(1, 6), (size_px, size_px, 3))
    picture: Image = np.clip(blurred * random.uniform(0.75, 1.15) + noise, 0, 255).astype(np.uint8)
    return picture


def _plain_ground(size_px: int, random: np.random.Generator) -> Image:
    import cv2

    base = np.array([random.integers(50, 190)] * 3) + random.integers(-20, 20, 3)
    coarse = random.normal(0, 18, (size_px // 16 + 1, size_px // 16 + 1)).astype(np.float32)
    mottle = cv2.resize(coarse, (size_px, size_px), interpolation=cv2.INTER_CUBIC)
    ground: Image = np.clip(base + mottle[..., None], 0, 255).astype(np.uint8)
    return ground


def _tinted(colours: tuple[tuple[int, int, int], ...], random: np.random.Generator) -> tuple[int, int, int]:
    colour = np.clip(np.array(colours[random.integers(len(colours))]) + random.integers(-25, 25, 3), 0, 255)
    return int(colour[0]), int(colour[1]), int(colour[2])


def _facade(random: np.random.Generator) -> Image:
    """Return a wall with rows of windows and, at times, balconies."""
    import cv2

    rows, columns = random.integers(3, 12), random.integers(3, 16)
    pitch_x, pitch_y = random.integers(22, 46), random.integers(22, 40)
    wide, high = int(pitch_x * random.uniform(0.4, 0.85)), int(pitch_y * random.uniform(0.35, 0.75))
    wall, frame = _tinted(WALLS, random), _tinted(PAINT[:1], random)
    picture = np.full((rows * pitch_y, columns * pitch_x, 3), wall, dtype=np.uint8)
    balconies = random.random() < 0.4
    for row in range(rows):
        for column in range(columns):
            x, y = column * pitch_x + (pitch_x - wide) // 2, row * pitch_y + (pitch_y - high) // 2
            cv2.rectangle(picture, (x, y), (x + wide, y + high), _tinted(GLASS, random), -1)
            if random.random() < 0.7:
                cv2.rectangle(picture, (x, y), (x + wide, y + high), frame, int(random.integers(1, 3)))
            if random.random() < 0.6:
                cv2.line(picture, (x + wide // 2, y), (x + wide // 2, y + high), frame, 1)
            if balconies and column % 3 == 0:
                cv2.rectangle(
                    picture, (x - 3, y + high // 2), (x + wide + 3, y + high + 3), _tinted(WALLS + PAINT, random), -1
                )
    return picture


def _roof(random: np.random.Generator) -> Image:
    """Return a flat roof with roof lights, vents and a parapet."""
    import cv2

    height, width = random.integers(150, 380), random.integers(150, 420)
    roof = _tinted(((90, 90, 90), (120, 125, 130), (70, 90, 70), (150, 150, 155), (80, 70, 110)), random)
    picture = np.full((height, width, 3), roof, dtype=np.uint8)
    cv2.rectangle(
        picture, (0, 0), (int(width) - 1, int(height) - 1), _tinted(WALLS, random), int(random.integers(2, 8))
    )
    step_x, step_y = random.integers(35, 80), random.integers(30, 80)
    long, short = random.integers(12, 34), random.integers(8, 18)
    for y in range(20, height - 30, step_y):
        for x in range(20, width - 45, step_x):
            if random.random() < 0.75:
                cv2.rectangle(picture, (x + 3, y + 3), (x + long + 3, y + short + 3), (40, 40, 40), -1)
                cv2.rectangle(picture, (x, y), (x + int(long), y + int(short)), _tinted(PAINT[:1] + WALLS, random), -1)
    for _vent in range(random.integers(0, 8)):
        centre = (int(random.integers(10, width - 10)), int(random.integers(10, height - 10)))
        cv2.circle(picture, centre, int(random.integers(3, 10)), _tinted(WALLS, random), -1)
    return picture


def _awnings(random: np.random.Generator) -> Image:
    """Return rows of curved market roofs or sheds."""
    import cv2

    rows, length = random.integers(2, 6), int(random.integers(120, 360))
    width = int(random.integers(22, 48))
    picture = np.full((rows * (width + 10), length, 3), _tinted(((110, 115, 120),), random), dtype=np.uint8)
    shade = (np.cos(np.linspace(-1.3, 1.3, width)) * 60 - 25)[:, None, None]
    for row in range(rows):
        top = row * (width + 10)
        band = np.full((width, length, 3), _tinted(WALLS + PAINT, random), dtype=np.float64) + shade
        picture[top : top + width] = np.clip(band, 0, 255).astype(np.uint8)
        for x in range(0, length, int(random.integers(18, 40))):
            cv2.line(picture, (x, top), (x, top + width), (90, 90, 90), 1)
    return picture


def _markings(random: np.random.Generator) -> Image:
    """Return asphalt with crossings, arrows, parking lines and snow."""
    import cv2

    picture = _plain_ground(int(random.integers(160, 320)), random)
    side = picture.shape[0]
    for _stripe in range(random.integers(4, 14)):
        x, y = (int(each) for each in random.integers(0, side - 40, 2))
        long, short = int(random.integers(15, 60)), int(random.integers(2, 9))
        cv2.rectangle(picture, (x, y), (x + long, y + short), (225, 225, 225), -1)
    for _heap in range(random.integers(0, 5)):
        centre = tuple(int(each) for each in random.integers(20, side - 20, 2))
        axes = (int(random.integers(8, 40)), int(random.integers(5, 20)))
        cv2.ellipse(picture, centre, axes, float(random.uniform(0, 180)), 0, 360, (235, 235, 230), -1)
    return picture


def _place(canvas: Image, texture: Image, random: np.random.Generator) -> None:
    """Warp ``texture`` onto ``canvas`` by a random view from the side."""
    import cv2

    side = canvas.shape[0]
    height, width = texture.shape[:2]
    scale = random.uniform(0.35, 1.1)
    half = np.array([width * scale / 2, height * scale / 2 * random.uniform(0.35, 1.0)])
    turn = random.uniform(0, 2 * np.pi) if random.random() < 0.5 else random.normal(0, 0.25)
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    corners[:2, 0] *= random.uniform(0.6, 1.0)  # the far edge is shorter
    corners[:, 0] += corners[:, 1] * random.uniform(-0.4, 0.4)  # seen from beside
    target = corners @ spin.T + random.uniform(0.1 * side, 0.9 * side, 2)
    source: _Corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    matrix = cv2.getPerspectiveTransform(source, target.astype(np.float32))
    warped = cv2.warpPerspective(texture, matrix, (side, side), flags=cv2.INTER_AREA)
    mask = cv2.warpPerspective(np.full((height, width), 255, np.uint8), matrix, (side, side))
    canvas[mask > 127] = warped[mask > 127]
