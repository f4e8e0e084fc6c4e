"""Commands for detector weights: list, add, check, compare, make eight-bit, choose thresholds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from app.operating import sees_name
from app.weights import open_registry, registered_weight
from core.errors import InputRefused, WeightRefused
from core.text import _

if TYPE_CHECKING:
    from detection.registry import Registry
    from detection.self_test import SelfTestLine
    from detection.training.yolo_sets import Labelled
    from detection.weight_card import WeightCard


def add_commands(application: typer.Typer) -> None:
    """Add the group ``model`` to the command line."""
    model = typer.Typer(no_args_is_help=True, help=_("Detector weights: which may be loaded, and what they find."))
    model.command(name="list", help=_("List the weights that may be loaded."))(_list)
    model.command(name="add", help=_("Register a weight of your own, after it passed its self-test."))(_add)
    model.command(name="check", help=_("Run a registered weight's self-test."))(_check)
    model.command(name="compare", help=_("Tell whether a new weight may replace an old one."))(_compare)
    model.command(
        name="quantise",
        help=_("Make a weight eight-bit for OpenVINO; it runs if it is as good as before."),
    )(_quantise)
    model.command(name="operating-point", help=_("Choose thresholds by how many false leads reviewers can look at."))(
        _operating_point
    )
    application.add_typer(model, name="model", rich_help_panel=_("Detector"))


_Device = Annotated[str, typer.Option(help=_("auto, cpu, cuda, openvino, openvino-int8, onnx or tensorrt."))]
RegisterOption = Annotated[
    Path | None, typer.Option(help=_("The bureau's register of weights; by default one in the user's folder."))
]
_Sample = Annotated[
    Path | None,
    typer.Option(
        help=_("Folder of labelled images (images/ and labels/ in YOLO's format) that it was not trained on.")
    ),
]


def _list(*, register: RegisterOption = None) -> None:
    registry = open_registry(register)
    default = {entry.card.name for entry in registry.defaults()}
    table = Table(
        _("Name"), _("Finds, from score"), _("Sees"), _("Metres a pixel"), _("Default"), _("Licence"), "SHA-256"
    )
    for entry in registry.entries:
        card = entry.card
        table.add_row(
            card.name,
            ", ".join(f"{label} {score:.2f}" for label, score in card.thresholds.items()),
            sees_name(card.sees),
            f"{card.training_gsd_m:g}",
            _("yes") if card.name in default else "",
            card.licence,
            card.sha256[:16] + "…",
        )
    Console().print(table)


def _add(
    *,
    weight: Annotated[Path, typer.Argument(help=_("The weight file (.pt)."))],
    declared: Annotated[Path, typer.Option("--spec", help=_("YAML file with the fields of its card."))],
    card: Annotated[Path, typer.Option(help=_("Its model card, Markdown: data, licence, training, measurements."))],
    sample: _Sample = None,
    register: RegisterOption = None,
    device: _Device = "auto",
) -> None:
    from app.adding_weight import add_weight
    from detection.registry import bureau_register

    console = Console(highlight=False)
    own = register if register is not None else bureau_register()
    registered = add_weight(
        weight,
        _declared_card(declared, weight=weight, card=card),
        card,
        own,
        lambda place: _print_self_test(place, own, device=device, sample=sample, console=console),
    )
    console.print(
        _("registered {name} ({digest}) in {register}").format(
            name=registered.name, digest=registered.sha256[:16] + "…", register=own
        ),
        soft_wrap=True,
    )


def _check(
    *,
    name: Annotated[str, typer.Argument(help=_("Name or file of a registered weight."))],
    sample: _Sample = None,
    register: RegisterOption = None,
    device: _Device = "auto",
) -> None:
    registry = open_registry(register)
    path = registered_weight(name, registry)
    if not _print_self_test(path, register, device=device, sample=sample, console=Console(highlight=False)):
        raise WeightRefused(path, _("it did not pass its self-test"), _("Do not use it; see the lines above."))


def _compare(
    *,
    old: Annotated[str, typer.Argument(help=_("Name or file of the weight in use."))],
    new: Annotated[str, typer.Argument(help=_("Name or file of the weight that shall replace it."))],
    sample: Annotated[Path, typer.Option(help=_("Folder of labelled images that neither was trained on."))],
    register: RegisterOption = None,
    device: _Device = "auto",
) -> None:
    from detection.training.promotion import compare, score_detector
    from detection.yolo import YoloDetector

    registry = open_registry(register)
    _refuse_other_light(registered_weight(old, registry), registered_weight(new, registry), registry)
    scores = []
    for name in (old, new):
        detector = YoloDetector(registered_weight(name, registry), registry=registry, device=device, score_floor=0.02)
        images = _sample_images(sample, detector.card)
        scores.append(score_detector(detector, images, least_iou=0.4, thresholds=detector.card.thresholds))
    outcome = compare(*scores)
    table = Table(_("Label"), _("True"), _("Old average precision"), _("New average precision"), _("Verdict"))
    for label in dict.fromkeys((*scores[0], *scores[1])):
        both = [score.get(label) for score in scores]
        areas = [each.average_precision if each else None for each in both]
        verdict = _("worse") if label in outcome.worse else _("not tested") if label in outcome.untested else _("holds")
        true = next(each.true for each in both if each is not None)
        table.add_row(label, str(true), *("–" if area is None else f"{area:.3f}" for area in areas), verdict)
    Console().print(table)
    if not outcome.is_granted:
        raise WeightRefused(
            registered_weight(new, registry),
            _("it is worse at {labels}").format(labels=", ".join(outcome.worse)),
            _("Keep the old weight."),
        )


def _refuse_other_light(old: Path, new: Path, registry: Registry) -> None:
    """Refuse to compare weights of which one sees light and the other heat: no picture is for both."""
    from detection.registry import verify_weight

    seen = [verify_weight(path, registry).sees for path in (old, new)]
    if seen[0] is not seen[1]:
        raise InputRefused(
            new,
            _("sees {new}, and the weight in use sees {old}").format(new=sees_name(seen[1]), old=sees_name(seen[0])),
            _("Compare weights for the same kind of pictures."),
        )


def _operating_point(
    *,
    name: Annotated[str, typer.Argument(help=_("Name of a registered weight."))],
    sample: Annotated[
        Path, typer.Option(help=_("Folder of labelled images that it was not trained on, everything on them labelled."))
    ],
    load: Annotated[
        float,
        typer.Option(
            "--false-leads-per-km2", min=0, help=_("False leads that reviewers accept on a square kilometre.")
        ),
    ],
    gsd_m: Annotated[
        float | None,
        typer.Option(
            "--gsd-m", min=0.001, max=1, help=_("Metres per pixel of images that look straight down and tell no pose.")
        ),
    ] = None,
    told_as: Annotated[
        str, typer.Option("--on", help=_("What the sample is, in words, for the card and the reports; else its name."))
    ] = "",
    register: RegisterOption = None,
    device: _Device = "auto",
) -> None:
    from app.operating import points_table
    from detection.operating_points import SCORE_FLOOR, check, choose_point, read_checked, with_points
    from detection.registry import SHIPPED, bureau_register, update_card
    from detection.yolo import YoloDetector

    registry = open_registry(register)
    path = registered_weight(name, registry)
    detector = YoloDetector(path, registry=registry, device=device, score_floor=SCORE_FLOOR)
    card = detector.card
    checked = check(detector, read_checked(sample, card, gsd_m=gsd_m), card=card)
    on = told_as.strip() or sample.resolve().name
    chosen = {label: choose_point(each, false_per_km2=load, on=on) for label, each in checked.items()}
    points = {label: point for label, point in chosen.items() if point is not None}
    console = Console(highlight=False)
    console.print(points_table(with_points(card, points)))
    for label in sorted(set(chosen) - set(points)):
        console.print(
            _("{label}: the sample shows none, or no threshold keeps to that load; {threshold:.2f} stays").format(
                label=label, threshold=card.thresholds[label]
            ),
            soft_wrap=True,
        )
    if path.parent == SHIPPED.parent:
        console.print(_("Nothing was written: the cards of shipped weights are not changed."), soft_wrap=True)
        return
    own = register if register is not None else bureau_register()
    update_card(with_points(card, points), own)
    console.print(_("written into {register}").format(register=own), soft_wrap=True)


def _declared_card(path: Path, *, weight: Path, card: Path) -> WeightCard:
    """Return the card that a YAML file declares for a weight."""
    from detection.measured_point import measured_points
    from detection.weight_card import WeightCard
    from flight.planning.yaml_lines import read_yaml

    fields: Any = read_yaml(path).value
    try:
        if not isinstance(fields, dict):
            raise TypeError(_("it is no table of fields"))  # noqa: TRY301 - one place tells all that is wrong with it
        given = {"file": weight.name, "card": card.name, "sha256": "0" * 64, **fields}
        given["classes"] = tuple(given["classes"])
        given["plain_scales"] = tuple(given.get("plain_scales", (0.5,)))
        given["measured"] = measured_points(given.get("measured", {}))
        return WeightCard(**given)
    except (TypeError, ValueError, KeyError) as unfit:
        raise InputRefused(
            path,
            _("does not describe a weight ({problem})").format(problem=unfit),
            _("docs/models.md lists the fields."),
        ) from unfit


def _sample_images(folder: Path | None, card: WeightCard) -> tuple[Labelled, ...]:
    """Return the labelled images of a sample; its class numbers are those of the weight."""
    from detection.training.promotion import check_sample
    from detection.training.yolo_sets import read_yolo_set

    if folder is None:
        return ()
    images, labels = folder / "images", folder / "labels"
    if not images.is_dir():
        images = labels = folder
    classes = {number: card.labels[name] for number, name in enumerate(card.classes) if name in card.labels}
    sample = tuple(read_yolo_set(images, labels, classes))
    check_sample(images, sample, card)
    return sample


def _quantise(
    *,
    name: Annotated[str, typer.Argument(help=_("Name or file of a registered weight."))],
    images: Annotated[Path, typer.Option(help=_("Folder of photos like those it will see; it is calibrated on them."))],
    sample: Annotated[Path, typer.Option(help=_("Folder of labelled images on which both are compared."))],
    register: RegisterOption = None,
) -> None:
    from app.quantising import quantise

    registry = open_registry(register)
    path = registered_weight(name, registry)
    outcome = quantise(path, registry, images=images, sample=sample)
    console = Console(highlight=False)
    for label, (before, after) in sorted(outcome.areas.items()):
        told = _("{label}: average precision {before:.3f}, in eight bits {after:.3f}")
        console.print(told.format(label=label, before=before, after=after), markup=False)
    console.print(_("calibrated on {count} tiles").format(count=outcome.canvases))
    if outcome.worse:
        raise WeightRefused(
            path,
            _("in eight bits it is worse at {labels}").format(labels=", ".join(outcome.worse)),
            _("Use --device openvino, or calibrate on other photos."),
        )
    console.print(_("accepted; use it with --device openvino-int8"))


def _print_self_test(path: Path, register: Path | None, *, device: str, sample: Path | None, console: Console) -> bool:
    from detection.registry import verify_weight
    from detection.self_test import try_out

    registry = open_registry(register)
    lines = try_out(path, registry, device=device, sample=_sample_images(sample, verify_weight(path, registry)))
    return _print_lines(lines, console)


def _print_lines(lines: Iterable[SelfTestLine], console: Console) -> bool:
    whole = True
    for number, line in enumerate(lines, start=1):
        mark = _("passed") if line.passed else _("failed")
        console.print(f"{number}. {mark}: {line.name}: {line.told}", soft_wrap=True, markup=False)
        whole = whole and line.passed
    return whole
