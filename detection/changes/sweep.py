"""Compares two pictures of ground for every height that what they show may have: a plane sweep (Collins, CVPR 1996).

Laid on level ground, a point h metres high leans away from the camera: by (P − C)·h/(H − h) for a camera at C, H metres
up. Two cameras lay it (C₁ − C₂)·h/(H − h) apart. A roof is thus no change where *some* height makes the pictures agree;
and between two pictures of one patrol, the height that does is the roof's own. What is compared does not mind the light
as a whole: the likeness of texture (normalised correlation), colour without brightness, and brightness after one gain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detection.changes.align import Mask, Pixels

Floats = NDArray[np.float32]

HIGHEST_M: Final = 30.0
_STEP_PX: Final = 1.5
_MOST_PLANES: Final = 24
_LUM_SCALE: Final = 0.35
_CHROMA_SCALE: Final = 0.05
_TEXTURE_WEIGHT: Final = 0.8
_NOISE_GREY: Final = 4.0
_CLEARLY: Final = 0.12  # a painted line agrees with itself wherever it is pushed along


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sweep:
    """How alike two pictures are at the height that makes them most so; each (height, width) float32.

    Attributes:
        cost: Unlikeness; below one is alike.
        height_m: That height, metres above the ground.
        texture: One less the correlation of texture there, 0 to 2, weighed down where neither has any.
        brightness: Natural logarithm of the second's brightness over the first's.
        chroma: Difference of colour without brightness.
        seen: Where both show ground.
    """

    cost: Floats
    height_m: Floats
    texture: Floats
    brightness: Floats
    chroma: Floats
    seen: Mask


def heights_to_try(baseline_px: NDArray[np.float64], height_m: float, *, highest_m: float) -> list[float]:
    """Return heights, metres, that move what is seen by a pixel and a half each; only the ground for a short baseline.

    Args:
        baseline_px: East and north from the second camera to the first, in pixels of the laid pictures.
        height_m: Of the cameras above the ground.
        highest_m: What stands higher is not looked for.
    """
    length = float(np.hypot(*baseline_px))
    highest_m = max(0.0, min(highest_m, height_m * 0.6))
    reach = length * highest_m / (height_m - highest_m)
    planes = min(_MOST_PLANES, round(reach / _STEP_PX)) + 1
    leans = np.linspace(0.0, reach, planes) / max(length, 1e-9)
    return [0.0] if planes < 2 else [float(height_m * lean / (1 + lean)) for lean in leans]


def sweep(
    first: Pixels,
    seen_first: Mask,
    second: Pixels,
    seen_second: Mask,
    *,
    baseline_px: NDArray[np.float64],
    height_m: float,
    window_px: int,
    ceiling_m: Floats | None = None,
) -> Sweep:
    """Return how unlike two pictures are, at each pixel of the first, at the height that suits them best.

    Args:
        first: (height, width, 3) BGR, north up.
        seen_first: Where it shows ground.
        second: The same ground, laid upon the first.
        seen_second: Where it shows ground.
        baseline_px: East and north from the first camera to the second, in pixels.
        height_m: Of the cameras above the ground.
        window_px: Side of what is compared, pixels, odd.
        ceiling_m: (height, width) how high something may stand at most; None for :data:`HIGHEST_M` everywhere. Without
            it a new roof would find some ground of its colour at some height that nothing has.
    """
    import cv2

    size = (first.shape[1], first.shape[0])
    here = _features(first, window_px)
    gain = _gain(first, seen_first, second, seen_second)
    levelled = np.clip(second.astype(np.float32) * gain, 0, 255)
    best: dict[str, Floats] = {}
    highest_m = HIGHEST_M if ceiling_m is None else float(min(HIGHEST_M, ceiling_m.max()))
    for high in heights_to_try(baseline_px, height_m, highest_m=highest_m):
        lean = high / (height_m - high)
        # In the picture a point leans by lean · (point − camera): the second's lies lean · (C1 − C2) from the first's.
        matrix = np.array([[1.0, 0.0, -baseline_px[0] * lean], [0.0, 1.0, baseline_px[1] * lean]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(levelled, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        shown = cv2.warpAffine(seen_second.astype(np.uint8), matrix, size, flags=flags) > 0
        tried = _unlikeness(here, _features(moved, window_px), window_px)
        tried["height_m"] = np.full(seen_first.shape, high, dtype=np.float32)
        tried["cost"] = np.where(shown, tried["cost"], np.float32(99.0))
        if not best:
            best = tried
            continue
        # A height is believed only where it explains clearly more than the ground does.
        margin = np.where(best["height_m"] > 0, np.float32(0.02), np.float32(_CLEARLY))
        better = tried["cost"] < best["cost"] - margin
        if ceiling_m is not None:
            better &= ceiling_m >= high
        best = {name: np.where(better, tried[name], best[name]) for name in best}
    # A window that reaches over the rim of what is shown compares ground with nothing.
    whole = (seen_first & (best["cost"] < 90)).astype(np.uint8)
    rim = np.ones((window_px + 2, window_px + 2), np.uint8)
    seen = cv2.erode(whole, rim, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
    return Sweep(seen=seen, **best)


def _gain(first: Pixels, seen_first: Mask, second: Pixels, seen_second: Mask) -> Floats:
    """Return (3,) by what the second's channels are multiplied to have the first's light on most of the ground."""
    both = seen_first & seen_second
    if both.sum() < 100:
        return np.ones(3, dtype=np.float32)
    ratios = (first[both].astype(np.float32) + 4) / (second[both].astype(np.float32) + 4)
    gains: Floats = np.median(ratios, axis=0).astype(np.float32)
    return gains


def _features(picture: NDArray[np.uint8] | Floats, window_px: int) -> dict[str, Floats]:
    import cv2

    colour = picture.astype(np.float32)
    mean = cv2.blur(colour, (window_px // 2 * 2 + 1,) * 2)
    total = mean.sum(axis=-1) + 12
    grey = cv2.cvtColor(np.clip(colour, 0, 255).astype(np.uint8), cv2.COLOR_BGR2GRAY).astype(np.float32)
    grey_mean = cv2.blur(grey, (window_px, window_px))
    spread = cv2.blur(grey * grey, (window_px, window_px)) - grey_mean**2
    return {
        "grey": grey,
        "grey_mean": grey_mean,
        "spread": np.maximum(spread, 0),
        "log": np.log(total),
        "blue": mean[..., 0] / total,
        "red": mean[..., 2] / total,
    }


def _unlikeness(one: dict[str, Floats], other: dict[str, Floats], window_px: int) -> dict[str, Floats]:
    import cv2

    both = cv2.blur(one["grey"] * other["grey"], (window_px, window_px)) - one["grey_mean"] * other["grey_mean"]
    noise = _NOISE_GREY**2
    alike = both / np.sqrt((one["spread"] + noise) * (other["spread"] + noise))
    strong = np.maximum(one["spread"], other["spread"])
    # Texture of a few grey levels is the sensor's noise; it says nothing for or against.
    weight = strong / (strong + 4 * noise)
    texture = ((1 - alike) * weight).astype(np.float32)
    brightness = (other["log"] - one["log"]).astype(np.float32)
    chroma = np.hypot(other["blue"] - one["blue"], other["red"] - one["red"]).astype(np.float32)
    cost = np.abs(brightness) / _LUM_SCALE + chroma / _CHROMA_SCALE + _TEXTURE_WEIGHT * texture
    return {"cost": cost.astype(np.float32), "texture": texture, "brightness": brightness, "chroma": chroma}
