"""A thermogram: one thermal image as numbers, and what may be said of them; and the Protocol of what reads one."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from core.refusal import Refusal

LEAST_SIDE_PX: Final = 16
MOST_SIDE_PX: Final = 8192


class Scale(StrEnum):
    """What a thermogram's numbers are."""

    CELSIUS = "celsius"
    COUNTS = "counts"  # the sensor's own; larger is warmer, and nothing else is known


class Unit(StrEnum):
    """What the numbers of a file stand for that does not say so itself; somebody has to declare it."""

    CELSIUS = "celsius"
    DECICELSIUS = "decicelsius"
    KELVIN = "kelvin"
    DECIKELVIN = "decikelvin"
    CENTIKELVIN = "centikelvin"
    KELVIN_64THS = "kelvin-64ths"


ZERO_CELSIUS_K: Final = 273.15
_SCALES: Final = {
    Unit.CELSIUS: (1.0, 0.0),
    Unit.DECICELSIUS: (0.1, 0.0),
    Unit.KELVIN: (1.0, -ZERO_CELSIUS_K),
    Unit.DECIKELVIN: (0.1, -ZERO_CELSIUS_K),
    Unit.CENTIKELVIN: (0.01, -ZERO_CELSIUS_K),
    Unit.KELVIN_64THS: (1 / 64, -ZERO_CELSIUS_K),
}


def celsius_of(numbers: NDArray[np.float32], unit: Unit) -> NDArray[np.float32]:
    """Return numbers of a declared unit as degrees Celsius."""
    factor, offset = _SCALES[unit]
    return (numbers.astype(np.float64) * factor + offset).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What is declared of a measurement, before what the camera wrote into its file; None believes the file.

    Attributes:
        emissivity: Of what is looked at, in (0, 1].
        distance_m: From the camera to it, metres.
        unit: What numbers stand for whose file does not say it (TIFFs, DJI's raw data).
    """

    emissivity: float | None = None
    distance_m: float | None = None
    unit: Unit | None = None

    def __post_init__(self) -> None:
        if self.emissivity is not None and not 0.05 <= self.emissivity <= 1:
            raise ValueError("an emissivity is between 0.05 and 1")
        if self.distance_m is not None and not (math.isfinite(self.distance_m) and self.distance_m > 0):
            raise ValueError("a distance is positive")


AS_WRITTEN: Final = Conditions()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Thermogram:
    """One thermal image.

    Attributes:
        values: (height, width) float32, degrees Celsius or counts; NaN where nothing was measured.
        scale: Which of the two.
        source: What wrote the file, for a person.
        sigma_k: (height, width) float32, one sigma of each temperature, kelvin; None for counts and where unknown.
        emissivity: The one that the temperatures rest on; None where unknown.
        ceiling: What the camera measures at most, in the values' scale; None where unknown.
        notes: What was declared, assumed or found odd, as sentences.
    """

    values: NDArray[np.float32] = field(repr=False)
    scale: Scale
    source: str
    sigma_k: NDArray[np.float32] | None = field(default=None, repr=False)
    emissivity: float | None = None
    ceiling: float | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.dtype != np.float32:
            raise ValueError("a thermogram is (height, width) float32")
        if not all(LEAST_SIDE_PX <= side <= MOST_SIDE_PX for side in self.values.shape):
            raise ValueError("a thermogram's sides are 16 to 8192 pixels")
        if self.sigma_k is not None and (self.sigma_k.shape != self.values.shape or self.scale is Scale.COUNTS):
            raise ValueError("an error belongs to each temperature, and to no counts")

    @property
    def width_px(self) -> int:
        """Columns."""
        return int(self.values.shape[1])

    @property
    def height_px(self) -> int:
        """Rows."""
        return int(self.values.shape[0])


class ThermalDriver(Protocol):
    """Reads the thermograms of one maker's files."""

    def recognises(self, content: bytes) -> bool:
        """Return whether these are bytes of this driver's kind with thermal data, whole or damaged."""
        ...

    def read(self, content: bytes, *, name: str, conditions: Conditions = AS_WRITTEN) -> Thermogram | Refusal:
        """Return the thermogram of a file's bytes, or why there is none.

        Args:
            content: The whole file.
            name: Its name, for the refusal.
            conditions: What is declared of the measurement.
        """
        ...
