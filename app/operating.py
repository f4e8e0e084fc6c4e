"""What a run goes by: for every label the threshold in use, what it was measured to cost, and on what.

A bureau that sees two hundred leads wants to know how many of them to expect to be false, and whether anybody ever
counted. Where nobody did, the report says "not known" rather than nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.table import Table

from core.text import _
from detection.detection import Detector
from detection.measured_point import MeasuredPoint
from detection.several import SeveralDetectors
from detection.weight_card import Sees, WeightCard
from detection.yolo import YoloDetector


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingLine:
    """The operating point of one label in a run.

    Attributes:
        label: What is looked for.
        weight: The weight that looks for it.
        sees: In which kind of light: "light" or "heat".
        threshold: Detections from this score on are reported.
        measured_on: What the point was measured on; empty when it never was, and then the rest is None.
        false_per_km2: False leads per square kilometre of ground looked at, there.
        most_false_per_km2: Upper end of its one-sided 95 % interval.
        recall: Share of the true things that were found there; None also when there were none.
        probability: Share of the detections of just this score that were true; None also when too few were checked.
        probability_on: What the probability was measured on, when on something else.
    """

    label: str
    weight: str
    threshold: float
    sees: Sees = Sees.LIGHT
    measured_on: str = ""
    false_per_km2: float | None = None
    most_false_per_km2: float | None = None
    recall: float | None = None
    probability: float | None = None
    probability_on: str = ""


def sees_name(sees: Sees) -> str:
    """Return the kind of light that a weight sees, for a person."""
    return {Sees.LIGHT: _("light"), Sees.HEAT: _("heat")}[sees]


def operating_lines(*detectors: Detector) -> tuple[OperatingLine, ...]:
    """Return the operating point of every label of a run's detectors, by label; none for detectors without a card."""
    parts = [
        part
        for detector in detectors
        for part in (detector.detectors if isinstance(detector, SeveralDetectors) else (detector,))
    ]
    lines = [line for part in parts if isinstance(part, YoloDetector) for line in card_lines(part.card)]
    return tuple(sorted(lines, key=lambda line: (line.label, line.sees != Sees.LIGHT)))


def card_lines(card: WeightCard) -> tuple[OperatingLine, ...]:
    """Return the operating point of every label of a weight."""
    return tuple(_line(card, label, card.measured.get(label)) for label in card.thresholds)


def _line(card: WeightCard, label: str, point: MeasuredPoint | None) -> OperatingLine:
    if point is None:
        return OperatingLine(label=label, weight=card.name, threshold=card.thresholds[label], sees=card.sees)
    return OperatingLine(
        label=label,
        weight=card.name,
        threshold=point.threshold,
        sees=card.sees,
        measured_on=point.on,
        false_per_km2=round(point.false_per_km2, 1),
        most_false_per_km2=round(point.most_false_per_km2, 1),
        recall=None if point.recall is None else round(point.recall, 3),
        probability=None if point.probability is None else round(point.probability, 3),
        probability_on=point.probability_on,
    )


def points_table(card: WeightCard) -> Table:
    """Return the operating points of a weight as a table for a person."""
    return lines_table(card_lines(card))


def lines_table(lines: Iterable[OperatingLine]) -> Table:
    """Return operating points as a table for a person."""
    table = Table(title=_("What is reported, and what to expect of it"), title_justify="left")
    for name in (
        _("label"),
        _("from score"),
        _("false leads a km²"),
        _("found"),
        _("true at that score"),
        _("measured on"),
    ):
        table.add_column(name, overflow="fold")
    unknown = _("not known")
    for line in lines:
        where = line.measured_on or _("never measured")
        if line.probability_on:
            where = _("{ground}; share of true ones: {other}").format(ground=where, other=line.probability_on)
        table.add_row(
            _("{label}, in heat").format(label=line.label) if line.sees is Sees.HEAT else line.label,
            f"{line.threshold:.3g}",
            unknown
            if line.false_per_km2 is None
            else _("{false:.0f} (at most {most:.0f})").format(false=line.false_per_km2, most=line.most_false_per_km2),
            unknown if line.recall is None else f"{line.recall:.0%}",
            unknown if line.probability is None else f"{line.probability:.0%}",
            where,
        )
    return table
