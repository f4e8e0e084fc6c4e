"""Training sets that others made: a folder with a ``data.yaml``, as Ultralytics and Roboflow write it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.errors import InputRefused
from core.text import _
from detection.training.sets import Source
from detection.training.yolo_sets import read_yolo_set


def foreign_sources(folder: Path, labels: Mapping[str, str]) -> Iterator[Source]:
    """Yield a source for each split of a set that others made.

    Args:
        folder: Holds ``data.yaml`` and what it names. An image folder ``…/images`` has its labels in ``…/labels``.
        labels: The set's own class names → labels of the hazard catalogue; other classes are not used. The images
            count as searched for these labels, and for no others.

    Raises:
        InputRefused: There is no ``data.yaml``, it does not name its classes, lacks one of ``labels``, or names a
            folder that is not there.
    """
    document = _read(folder / "data.yaml")
    names = _names(folder / "data.yaml", document.get("names"))
    strangers = sorted(set(labels) - set(names.values()))
    if strangers:
        raise InputRefused(
            folder / "data.yaml",
            _("has no class {classes}; it has {known}").format(
                classes=", ".join(strangers), known=", ".join(names.values())
            ),
            _("Map classes by the names that the file gives."),
        )
    classes = {number: labels[name] for number, name in names.items() if name in labels}
    base = "".join(letter if letter.isalnum() else "-" for letter in folder.resolve().name) or "set"
    for key, split in (("train", "train"), ("val", "val")):
        if key not in document:
            continue
        images = _images(folder, document, key)
        yield Source(
            name=f"{base}-{split}",
            images=read_yolo_set(images, _labels_of(images), classes),
            searched_for=tuple(dict.fromkeys(labels.values())),
            split=split,
        )


def _read(path: Path) -> Mapping[str, Any]:
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as problem:
        raise InputRefused(
            path, _("cannot be read ({problem})").format(problem=problem), _("Name a folder with a data.yaml.")
        ) from problem
    if not isinstance(document, dict) or "train" not in document:
        raise InputRefused(path, _("names no training images"), _("It wants the keys train, val and names."))
    return document


def _names(path: Path, given: Any) -> dict[int, str]:  # noqa: ANN401 - a list or a table
    if isinstance(given, list):
        return {number: str(name) for number, name in enumerate(given)}
    if isinstance(given, dict) and all(isinstance(number, int) for number in given):
        return {number: str(name) for number, name in given.items()}
    raise InputRefused(path, _("does not name its classes"), _("It wants the key names."))


def _images(folder: Path, document: Mapping[str, Any], key: str) -> Path:
    named = str(document[key])
    beside = [folder, Path(str(document.get("path", ""))), folder / str(document.get("path", ""))]
    for start in beside:
        # Roboflow's files say "../train/images" and mean "train/images".
        for path in (start / named, folder / named.removeprefix("../")):
            if path.is_dir():
                return path
    raise InputRefused(
        folder / "data.yaml", _("names {folder}, which is not there").format(folder=named), _("Restore the folder.")
    )


def _labels_of(images: Path) -> Path:
    """Return the label folder of an image folder: the last ``images`` in its path becomes ``labels``."""
    parts = list(images.parts)
    for place in reversed(range(len(parts))):
        if parts[place] == "images":
            parts[place] = "labels"
            return Path(*parts)
    return images
