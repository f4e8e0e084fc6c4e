"""Weights: which registers are read, and the detectors that a run's weights make together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.errors import InputRefused
from core.text import _
from detection.detection import Detector
from detection.lookout import Lookout
from detection.networks.open_network import DEVICES, Threads
from detection.registry import SHIPPED, Registry, bureau_register, read_registry, verify_weight
from detection.several import SeveralDetectors
from detection.thermal.heat_detector import HeatDetector
from detection.weight_card import Sees
from detection.yolo import YoloDetector

DEFAULTS: Final = "default"


def open_registry(register: Path | None = None) -> Registry:
    """Return the weights that may be loaded: the shipped ones, and the bureau's own.

    Args:
        register: The bureau's register; the one in the user's folder, if there is one, when None.

    Raises:
        WeightRefused: A register cannot be read.
        InputRefused: The register that was named does not exist.
    """
    own = register if register is not None else bureau_register()
    if register is not None and not own.is_file():
        raise InputRefused(own, _("is no register of weights"), _("Make one with skywarden model add."))
    try:
        return read_registry((SHIPPED, own) if own.is_file() else (SHIPPED,))
    except ValueError as doubled:
        raise InputRefused(own, str(doubled), _("Give the bureau's weight another name.")) from doubled


def registered_weight(name: str, registry: Registry) -> Path:
    """Return the file of a weight that is named by its name in the register, or by its file.

    Raises:
        InputRefused: It is neither.
    """
    try:
        return registry.named(name).path
    except LookupError as unknown:
        if Path(name).suffix or Path(name).exists():
            return Path(name)
        raise InputRefused(
            name, str(unknown.args[0]), _("skywarden model list shows the registered weights.")
        ) from unknown


def chosen_weights(names: Sequence[str], registry: Registry) -> list[Path]:
    """Return the files of the weights that a run uses: those named, "default" standing for all defaults.

    Raises:
        InputRefused: A name is of no registered weight and no file.
    """
    chosen: list[Path] = []
    for name in names or (DEFAULTS,):
        if name == DEFAULTS:
            chosen += [each.path for each in registry.defaults()]
        else:
            chosen.append(registered_weight(name, registry))
    return list(dict.fromkeys(chosen))


@dataclass(frozen=True, slots=True, kw_only=True)
class Detectors:
    """What a run's weights make together.

    Attributes:
        light: Finds things in frames of visible light.
        heat: Finds things in thermal frames; None where no weight for heat is used.
        cards: The model card of each weight, by the weight's digest.
    """

    light: Detector
    heat: HeatDetector | None
    cards: Mapping[str, bytes]


def open_detectors(
    weights: Sequence[str], *, device: str, threads: Threads = None, lookout: Lookout | None = None, heat: bool = True
) -> Detectors:
    """Return what a run's weights make together, those for visible light apart from those for heat.

    Args:
        weights: Names of registered weights, or their files, or "default" for the defaults; these when empty.
        device: As :class:`detection.yolo.YoloDetector` takes it.
        threads: CPU threads, "auto" for the fastest number, or None for the runtime's own choice.
        lookout: Chooses what of a frame is worth looking at; None for all of it.
        heat: Whether thermal frames are to be looked at; where not, weights for heat are left out.

    Raises:
        InputRefused: There is no such device or weight, two weights find the same label in the same kind of light, or
            there is none for visible light.
        WeightRefused: A weight cannot be used.
    """
    if device not in DEVICES:
        raise InputRefused(device, _("is no device"), _("Say one of {known}.").format(known=", ".join(DEVICES)))
    registry = open_registry()
    paths = chosen_weights(weights, registry)
    by_light: dict[Sees, list[Path]] = {sees: [] for sees in Sees}
    for path in paths:
        by_light[verify_weight(path, registry).sees].append(path)
    if not by_light[Sees.LIGHT]:
        raise InputRefused(
            ", ".join(weights),
            _("sees heat only, and nothing would look at daylight pictures"),
            _("Name a weight for light too, like --weight {default}.").format(default=DEFAULTS),
        )
    opened = {
        sees: [YoloDetector(path, registry=registry, device=device, threads=threads, lookout=lookout) for path in own]
        for sees, own in by_light.items()
        if heat or sees is not Sees.HEAT
    }
    cards = {
        each.weight_sha256: (path.parent / each.card.card).read_bytes()
        for sees, own in opened.items()
        for each, path in zip(own, by_light[sees], strict=True)
    }
    try:
        return Detectors(
            light=SeveralDetectors(opened[Sees.LIGHT]), heat=_heat_detector(opened.get(Sees.HEAT, [])), cards=cards
        )
    except ValueError as doubled:
        raise InputRefused(", ".join(weights), str(doubled), _("Name one weight for each label.")) from doubled


def _heat_detector(detectors: Sequence[YoloDetector]) -> HeatDetector | None:
    if not detectors:
        return None
    coarsest = {label: each.card.coarsest_gsd_m for each in detectors for label in each.labels}
    return HeatDetector(SeveralDetectors(detectors), coarsest_gsd_m=coarsest)


def threads_of(text: str) -> Threads:
    """Return the number of threads that a person asks for: "auto", a number, or nothing for the runtime's own choice.

    Raises:
        InputRefused: It is none of these.
    """
    if text == "auto":
        return "auto"
    if not text:
        return None
    if text.isdecimal() and int(text) >= 1:
        return int(text)
    raise InputRefused(text, _("is no number of threads"), _("Say auto, or a number from 1 on."))
