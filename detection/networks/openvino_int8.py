"""A weight in eight-bit integers for OpenVINO, calibrated on given images by NNCF.

What is made here is a candidate. It runs only once it was accepted: its maker compares it with the float weight on
labelled images (:mod:`detection.training.promotion`) and calls :func:`accept_candidate` when it is not worse.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import WeightRefused
from core.text import _
from core.whole_file import write_text
from detection.networks.conversions import Conversion, keep_conversion, kept_conversion
from detection.networks.openvino_network import float_conversion, version

FORMAT: Final = 1
LEAST_CANVASES: Final = 8
MOST_CANVASES: Final = 120


def is_available() -> bool:
    """Return whether OpenVINO's quantiser NNCF is installed."""
    import importlib.util

    return all(importlib.util.find_spec(name) is not None for name in ("openvino", "nncf"))


def candidate_folder(sha256: str, cache: Path) -> Path:
    """Return where the eight-bit conversion of a weight is kept."""
    return cache / f"{sha256}-openvino-int8-{version()}-{FORMAT}"


def make_candidate(path: Path, canvases: Iterable[NDArray[np.uint8]], *, sha256: str, cache: Path) -> Conversion:
    """Make the eight-bit conversion of a weight; it is kept, and not yet accepted.

    Args:
        path: The weight; its digest must have been checked before.
        canvases: (height, width, 3) BGR canvases as the weight is shown them, of images like those it will see.
        sha256: The weight's digest.
        cache: Folder for converted weights.

    Raises:
        WeightRefused: NNCF is not installed, there are too few canvases, or it cannot quantise the weight.
    """
    if not is_available():
        raise WeightRefused(
            path, _("NNCF, which makes eight-bit weights, is not installed"), _("Install the package nncf.")
        )
    shown = [canvas[None] for canvas, _number in zip(canvases, range(MOST_CANVASES), strict=False)]
    if len(shown) < LEAST_CANVASES:
        raise WeightRefused(
            path,
            _("{count} tiles are too few to calibrate on").format(count=len(shown)),
            _("Name a folder of photos that give at least {least} tiles.").format(least=LEAST_CANVASES),
        )
    whole = float_conversion(path, sha256=sha256, cache=cache)
    folder = candidate_folder(sha256, cache)

    def write(aside: Path) -> tuple[str, ...]:
        _quantise(path, whole, shown, aside)
        return whole.classes

    return keep_conversion(folder, write, notes={"canvases": len(shown), "accepted": {}}, anew=True)


def _quantise(path: Path, whole: Conversion, shown: list[NDArray[np.uint8]], aside: Path) -> None:
    import nncf
    import openvino

    logging.getLogger("nncf").setLevel(logging.ERROR)
    model = openvino.Core().read_model(str(whole.folder / "weight.xml"))
    try:
        eight_bit = nncf.quantize(
            model,
            nncf.Dataset(shown),
            preset=nncf.QuantizationPreset.MIXED,  # SiLU has a negative side; symmetric steps would waste it
            ignored_scope=_box_arithmetic(model),
            subset_size=len(shown),
        )
    except Exception as problem:
        raise WeightRefused(
            path,
            _("NNCF cannot make this weight eight-bit ({problem})").format(problem=problem),
            _("Use --device openvino."),
        ) from problem
    openvino.save_model(eight_bit, str(aside / "weight.xml"), compress_to_fp16=False)


def _box_arithmetic(model: Any) -> Any:  # noqa: ANN401 - OpenVINO's model, NNCF's scope
    """Return what stays in float: from the head's last joining on, numbers are pixels, and 256 steps are too coarse."""
    import nncf

    nodes = model.get_ordered_ops()
    last = max(
        (place for place, node in enumerate(nodes) if node.get_type_name() in {"Convolution", "GroupConvolution"}),
        default=len(nodes),
    )
    names = [
        node.get_friendly_name()
        for node in nodes[last + 1 :]
        if node.get_type_name() in {"Add", "Subtract", "Multiply", "Divide", "Sigmoid", "Softmax", "Concat"}
    ]
    return nncf.IgnoredScope(names=names, validate=False)


def eight_bit_conversion(path: Path, *, sha256: str, cache: Path, trial: bool = False) -> Conversion:
    """Return the accepted eight-bit conversion of a weight, or for a trial also one that is not accepted yet.

    Raises:
        WeightRefused: There is none.
    """
    kept = kept_conversion(candidate_folder(sha256, cache))
    if kept is None or not (trial or kept.notes.get("accepted")):
        raise WeightRefused(
            path,
            _("it has no eight-bit conversion that was found as good as the float weight on this machine"),
            _("Make one with skywarden model quantise, or use --device openvino."),
        )
    return kept


def accept_candidate(candidate: Conversion, scores: Mapping[str, Any]) -> None:
    """Let a candidate run from now on.

    Args:
        candidate: What :func:`make_candidate` returned.
        scores: What the comparison measured, as JSON; at least one figure.
    """
    if not scores:
        raise ValueError("a candidate is accepted for what was measured")
    path = candidate.folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["notes"]["accepted"] = dict(scores)
    write_text(path, json.dumps(manifest))
