"""From a radiometric camera's counts to the temperature of what it looked at, with the error of that.

The camera's calibration is Planck's law with constants that the maker fits to black bodies:

    counts(T) = R1 / (R2 · (exp(B / T) − F)) − O                                                              (1)

What arrives is not the body's own radiation alone. The body reflects its surroundings, the air between adds its own and
takes away the rest, and so does a protective window (Minkina & Dudzik, Infrared Thermography: Errors and Uncertainties,
Wiley 2009, ch. 3; FLIR publishes the same chain in its cameras' manuals):

    counts = τ · (ε · counts(T) + (1 − ε) · counts(T_reflected)) + (1 − τ) · counts(T_air)                    (2)

with the transmission τ of air by the maker's empirical formula of distance d and water vapour ω:

    τ = X · exp(−√d · (α1 + β1 · √ω)) + (1 − X) · exp(−√d · (α2 + β2 · √ω))                                   (3)
    ω = h · exp(1.5587 + 0.06939 · t − 2.7816e−4 · t² + 6.8455e−7 · t³),   t in °C                            (4)

A window halves the way; its own radiation is added between the halves. Temperatures in here are kelvin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detection.thermal.thermogram import ZERO_CELSIUS_K

Floats = NDArray[np.float64]

EMISSIVITY_SIGMA: Final = 0.05
"""Paint, concrete, rubber, vegetation and water lie between 0.85 and 0.98; bare metal is far lower, see docs."""
REFLECTED_SIGMA_K: Final = 10.0  # between a clear sky and a warm wall; nobody measures it in flight
AIR_SIGMA_K: Final = 5.0
DISTANCE_SHARE: Final = 0.15
HUMIDITY_SIGMA: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The constants of formula (1), as the maker fitted them, with what air costs by (3).

    Attributes:
        r1, b, f, o, r2: Planck constants.
        alpha1, alpha2, beta1, beta2, x: Of the air.
    """

    r1: float
    b: float
    f: float
    o: float
    r2: float
    alpha1: float
    alpha2: float
    beta1: float
    beta2: float
    x: float

    def __post_init__(self) -> None:
        numbers = (self.r1, self.b, self.f, self.o, self.r2, self.alpha1, self.alpha2, self.beta1, self.beta2, self.x)
        if not all(map(math.isfinite, numbers)):
            raise ValueError("calibration constants are finite")
        if self.r1 <= 0 or self.r2 <= 0 or self.b <= 0:
            raise ValueError("R1, R2 and B are positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """What lies between a body and the camera.

    Attributes:
        emissivity: Of the body, in (0, 1].
        distance_m: Metres.
        reflected_k: Apparent temperature of what the body mirrors.
        air_k: Of the air.
        humidity: Relative, 0 to 1.
        window_k: Of a protective window.
        window_transmission: Its transmission; 1 for no window.
    """

    emissivity: float
    distance_m: float
    reflected_k: float
    air_k: float
    humidity: float
    window_k: float = 293.15
    window_transmission: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.emissivity <= 1 or not 0 < self.window_transmission <= 1:
            raise ValueError("emissivity and transmission are in (0, 1]")
        if not (0 <= self.humidity <= 1 and math.isfinite(self.distance_m) and self.distance_m >= 0):
            raise ValueError("humidity is in [0, 1] and a distance is not negative")
        if not all(100 < kelvin < 1000 for kelvin in (self.reflected_k, self.air_k, self.window_k)):
            raise ValueError("temperatures are kelvin")


def counts_at(calibration: Calibration, kelvin: ArrayLike) -> Floats:
    """Return the counts that a black body gives without air between, by (1)."""
    c = calibration
    counts: Floats = c.r1 / (c.r2 * (np.exp(c.b / np.asarray(kelvin, dtype=np.float64)) - c.f)) - c.o
    return counts


def kelvin_at(calibration: Calibration, counts: ArrayLike) -> Floats:
    """Return the temperature of a black body by its counts, the inverse of (1); NaN where there is none."""
    c = calibration
    above = np.asarray(counts, dtype=np.float64) + c.o
    with np.errstate(invalid="ignore", divide="ignore"):
        kelvin: Floats = c.b / np.log(np.where(above > 0, c.r1 / (c.r2 * above), np.nan) + c.f)
    return np.where(kelvin > 0, kelvin, np.nan)


def transmission(calibration: Calibration, *, distance_m: float, air_k: float, humidity: float) -> float:
    """Return the share of radiation that air lets through, by (3) and (4)."""
    c, t = calibration, air_k - ZERO_CELSIUS_K
    root = math.sqrt(humidity * math.exp(1.5587 + 6.939e-2 * t - 2.7816e-4 * t**2 + 6.8455e-7 * t**3))
    way = math.sqrt(distance_m)
    through = c.x * math.exp(-way * (c.alpha1 + c.beta1 * root)) + (1 - c.x) * math.exp(
        -way * (c.alpha2 + c.beta2 * root)
    )
    return min(1.0, max(1e-3, through))


def counts_through(calibration: Calibration, path: Path, kelvin: ArrayLike) -> Floats:
    """Return the counts that the camera gives for bodies of these temperatures, by (2)."""
    gain, added = _chain(calibration, path)
    return gain * counts_at(calibration, kelvin) + added


def kelvin_through(calibration: Calibration, path: Path, counts: ArrayLike) -> Floats:
    """Return the temperature of bodies by the camera's counts, the inverse of (2); NaN where there is none."""
    gain, added = _chain(calibration, path)
    return kelvin_at(calibration, (np.asarray(counts, dtype=np.float64) - added) / gain)


def _chain(calibration: Calibration, path: Path) -> tuple[float, float]:
    """Return by what a body's own counts are multiplied on the way, and what is added to them."""
    windowed = path.window_transmission < 1
    tau = transmission(
        calibration,
        distance_m=path.distance_m / 2 if windowed else path.distance_m,
        air_k=path.air_k,
        humidity=path.humidity,
    )
    reflected, air, window = (
        float(counts_at(calibration, kelvin)) for kelvin in (path.reflected_k, path.air_k, path.window_k)
    )
    gain, added = tau * path.emissivity, tau * (1 - path.emissivity) * reflected + (1 - tau) * air
    if windowed:
        share = path.window_transmission
        gain, added = tau * share * gain, tau * (share * added + (1 - share) * window) + (1 - tau) * air
    return gain, added


def sigma_through(calibration: Calibration, path: Path, counts: ArrayLike, *, camera_k: float, share: float) -> Floats:
    """Return one sigma of each temperature, kelvin: what is assumed of the path, and the camera's own error.

    Each assumption is moved by its sigma and the temperature worked out anew (JCGM 100:2008, 5.1.3, note 2). The
    maker's bounds "± camera_k or ± share of the reading" are taken as a rectangular distribution (the same, 4.3.7).

    Args:
        calibration: Of the camera.
        path: What lies between.
        counts: The camera's counts.
        camera_k: The maker's bound, kelvin.
        share: The maker's bound as a share of the reading in degrees Celsius.
    """
    kelvin = kelvin_through(calibration, path, counts)
    wetter = HUMIDITY_SIGMA if path.humidity <= 1 - HUMIDITY_SIGMA else -HUMIDITY_SIGMA
    moved = (
        replace(path, emissivity=max(0.05, path.emissivity - EMISSIVITY_SIGMA)),
        replace(path, reflected_k=path.reflected_k + REFLECTED_SIGMA_K),
        replace(path, air_k=path.air_k + AIR_SIGMA_K),
        replace(path, distance_m=path.distance_m * (1 + DISTANCE_SHARE)),
        replace(path, humidity=path.humidity + wetter),
    )
    square = (np.maximum(camera_k, share * np.abs(kelvin - ZERO_CELSIUS_K)) ** 2) / 3
    for path_moved in moved:
        step = kelvin_through(calibration, path_moved, counts) - kelvin
        square = square + np.where(np.isfinite(step), step, 0.0) ** 2
    return np.sqrt(square)
