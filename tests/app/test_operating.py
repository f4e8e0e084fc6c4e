"""What a run tells of the thresholds it went by."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Console

from app.operating import card_lines, lines_table, operating_lines
from detection.registry import read_registry
from detection.scripted import ScriptedDetector


def test_a_label_that_was_never_measured_is_told_as_not_known() -> None:
    card = read_registry().named("fire-n").card
    known = {line.label: line for line in card_lines(card)}
    assert known["fire"].threshold == card.thresholds["fire"]
    assert known["fire"].measured_on
    assert known["fire"].probability is not None
    (smoke,) = (
        line for line in card_lines(replace(card, measured={"fire": card.measured["fire"]})) if line.label == "smoke"
    )
    assert (smoke.measured_on, smoke.false_per_km2, smoke.probability) == ("", None, None)
    console = Console(width=160, record=True)
    console.print(lines_table([smoke, known["fire"]]))
    told = console.export_text()
    assert "never measured" in told
    assert told.count("not known") >= 3


def test_a_detector_without_a_card_declares_nothing() -> None:
    assert operating_lines(ScriptedDetector({}, labels=("vehicle",))) == ()
