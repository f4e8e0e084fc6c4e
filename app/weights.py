"""Weights: which registers are read, and the detector that a run's weights make together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from core.errors import InputRefused
from core.text import _
from detection.detection import Detector
from detection.lookout import Lookout
from detection.networks.open_network import DEVICES, Threads
from detection.registry import SHIPPED, Registry, bureau_register, read_registry
from detection.several import SeveralDetectors
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


def open_detector(
    weights: Sequence[str], *, device: str, threads: Threads = None, lookout: Lookout | None = None
) -> tuple[Detector, Mapping[str, bytes]]:
    """Return the detector and the model card of each of its weights, by the weight's digest.

    Args:
        weights: Names of registered weights, or their files, or "default" for the defaults; these when empty.
        device: As :class:`detection.yolo.YoloDetector` takes it.
        threads: CPU threads, "auto" for the fastest number, or None for the runtime's own choice.
        lookout: Chooses what of a frame is worth looking at; None for all of it.

    Raises:
        InputRefused: There is no such device or weight, or two weights find the same label.
        WeightRefused: A weight cannot be used.
    """
    if device not in DEVICES:
        raise InputRefused(device, _("is no device"), _("Say one of {known}.").format(known=", ".join(DEVICES)))
    registry = open_registry()
    paths = chosen_weights(weights, registry)
    detectors = [
        YoloDetector(path, registry=registry, device=device, threads=threads, lookout=lookout) for path in paths
    ]
    cards = {
        each.weight_sha256: (path.parent / each.card.card).read_bytes()
        for each, path in zip(detectors, paths, strict=True)
    }
    try:
        return SeveralDetectors(detectors), cards
    except ValueError as doubled:
        raise InputRefused(", ".join(weights), str(doubled), _("Name one weight for each label.")) from doubled


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
