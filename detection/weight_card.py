"""Weight card: what is declared about a detector weight, and without which none is loaded.

A card says which bytes are meant (SHA-256), what the weight's own classes are called in the hazard catalogue, at what
ground sampling distance it was trained, and from which score a detection counts. The full story (data, licence, how
trained, measured on what) is the Markdown page beside the weight that the card names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from detection.measured_point import MeasuredPoint

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class Sees(StrEnum):
    """The kind of light that a weight was trained on; on pictures of another kind it would see what is not there."""

    LIGHT = "light"  # pictures of visible light
    HEAT = "heat"  # grey pictures of what a thermal camera measured, the warmest white


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightCard:
    """One registered weight.

    Attributes:
        name: Short name, unique in a registry ("vehicle-n-3").
        file: File name of the weight, beside the registry file.
        sha256: Digest of the weight file, hex.
        classes: The weight's own class names, by class number.
        labels: Own class name → label of the hazard catalogue; a class that is not named here is not reported.
        thresholds: Label → least score at which a detection counts, in (0, 1).
        training_gsd_m: Metres per pixel it was trained for.
        largest_thing_m: Length of the largest thing it finds, metres; tiles overlap by it.
        coarsest_gsd_m: Ground with a larger GSD than this is not searched; the things are specks there.
        sizes_m: Label → least and greatest length (the longer side of its box), metres; where the ground scale is
            known, a box outside is not that thing. A label without an entry has any size.
        flat_views: Label → by how much the log-odds of a score fall while the view gets flatter by a factor e (the
            sine of the depression angle); a label without an entry is scored alike in every view.
        licence: SPDX expression.
        card: File name of the full model card.
        plain_scales: Scales at which an image without a ground scale is tiled.
        sees: The kind of light that it was trained on.
        default: Whether this weight is used when none is named.
        measured: Label → what its threshold was measured to cost and bring; a label that is missing was never measured.
    """

    name: str
    file: str
    sha256: str
    classes: tuple[str, ...]
    labels: Mapping[str, str]
    thresholds: Mapping[str, float]
    training_gsd_m: float
    largest_thing_m: float
    coarsest_gsd_m: float
    licence: str
    card: str
    sizes_m: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    flat_views: Mapping[str, float] = field(default_factory=dict)
    plain_scales: tuple[float, ...] = (0.5,)
    sees: Sees = Sees.LIGHT
    default: bool = False
    measured: Mapping[str, MeasuredPoint] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name or not self.file or not self.licence or not self.card:
            raise ValueError("a weight card names the weight, its file, its licence and its model card")
        if "/" in self.file or "\\" in self.file:
            raise ValueError("a weight lies beside its registry; its file is a bare name")
        if not _SHA256.fullmatch(self.sha256):
            raise ValueError("a weight's digest is 64 lower-case hexadecimal digits")
        if not self.classes or len(set(self.classes)) != len(self.classes):
            raise ValueError("a weight has classes, each named once")
        if self.sees not in set(Sees):
            raise ValueError(f"a weight sees {' or '.join(Sees)}, not {self.sees}")
        object.__setattr__(self, "sees", Sees(self.sees))
        self._check_labels()
        if not (0 < self.training_gsd_m <= self.coarsest_gsd_m and self.largest_thing_m > 0):
            raise ValueError("a training GSD and a largest thing are positive, and the coarsest GSD is not finer")
        for label, point in self.measured.items():
            if self.thresholds.get(label) != point.threshold:
                raise ValueError(f"{label} was measured at another threshold than the card's, or is none of its labels")
        object.__setattr__(self, "measured", MappingProxyType(dict(self.measured)))
        object.__setattr__(self, "labels", MappingProxyType(dict(self.labels)))
        object.__setattr__(self, "sizes_m", MappingProxyType({key: tuple(pair) for key, pair in self.sizes_m.items()}))
        object.__setattr__(self, "flat_views", MappingProxyType(dict(self.flat_views)))
        object.__setattr__(self, "thresholds", MappingProxyType(dict(self.thresholds)))

    def _check_labels(self) -> None:
        unknown = set(self.labels) - set(self.classes)
        if unknown:
            raise ValueError(f"the class map names {sorted(unknown)}, which the weight does not have")
        if not self.labels or set(self.thresholds) != set(self.labels.values()):
            raise ValueError("every label of the class map has a threshold, and nothing else has")
        if not all(0 < threshold < 1 for threshold in self.thresholds.values()):
            raise ValueError("a threshold is between 0 and 1")
        if set(self.sizes_m) - set(self.thresholds):
            raise ValueError("sizes are given for labels of the class map only")
        if set(self.flat_views) - set(self.thresholds) or not all(0 <= fall <= 5 for fall in self.flat_views.values()):
            raise ValueError("what flat views cost is given for labels of the class map only, between 0 and 5")
        if not all(0 <= least < most for least, most in self.sizes_m.values()):
            raise ValueError("a least length is below the greatest")
