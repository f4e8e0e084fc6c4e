"""``skywarden rules check`` and ``skywarden law``: as their users call them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.commands import build
from core.errors import InputRefused

RULES = Path(__file__).resolve().parents[2] / "missions" / "rules" / "default.yaml"


def call(*arguments: str) -> str:
    done = CliRunner().invoke(build(), list(arguments), env={"COLUMNS": "200"})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_the_shipped_rules_pass_and_say_what_they_cannot_decide() -> None:
    said = call("rules", "check")
    assert re.search(r"\b(\d{2,}) of \1 tests pass", said)
    assert "not decided: A sign is missing only where one must be" in said
    assert "goods-in-fire-lane (4)" in said
    assert "no installed weight reports these labels" in said
    assert "vehicle," not in said.partition("no installed weight")[2]


def test_what_a_rule_file_leaves_unguarded_or_misspells_is_told(tmp_path: Path) -> None:
    shipped = call("rules", "check")
    assert "no test of the file would notice" not in shipped
    assert "has no period" not in shipped
    assert "hot_spot" not in shipped.partition("no installed weight")[2]  # thermal photographs report it
    (tmp_path / "rules.yaml").write_text(
        "schema: 1\nname: x\nrules:\n"
        "  - {id: lane, hazard: H13, labels: [vehicle], zones: [fire_lane], motion: standing,\n"
        "     raised: {in_periods: [XX], severity: 3}}\n"
        "tests:\n  - name: parked\n    given: {label: vehicle, zones: {fire_lane: 0.9}, moving: false}\n"
        "    expect: [H13]\n"
    )
    said = call("rules", "check", str(tmp_path / "rules.yaml"))
    for word in ("zones", "zone_probability", "motion", "raised"):
        assert f"lane: no test of the file would notice if “{word}” were struck out" in said
    assert "lane: the shipped calendar has no period XX" in said


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("expect: [H13]", "expect: [H14]", "expects H14 and gets H13"),
        ("motion: standing", "motion: resting", "vehicle-standing-in-fire-lane"),
        ("hazard: H13", "hazard: H99", "no hazard H99"),
        ("schema: 1", "schema: 2", "schema is not 1"),
        ("seen: {passes: 2, fixes: 2}", "sen: {passes: 2}", "unknown fields sen"),
    ],
)
def test_a_wrong_rule_file_is_refused_in_a_sentence(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = RULES.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "rules.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputRefused, match=words):
        call("rules", "check", str(path))


def test_the_law_of_a_day_is_shown_and_unknowns_are_called_unknown() -> None:
    before, after = call("law", "show", "h01", "--on", "2026-04-30"), call("law", "show", "H01", "--on", "2026-05-01")
    assert "第二十四条" in before
    assert "第四十一条" not in before
    assert "第四十一条" in after
    assert "unknown: nobody has read it" in after
    assert "only later versions are held" in call("law", "show", "H13", "--on", "2018-03-26")
    said = call("law", "check")
    assert "citations resolve" in said
    assert "H24: penalty unknown" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("law", "show", "H99"), "no class of the catalogue"),
        (("law", "show", "H13", "--on", "yesterday"), "is no day"),
        (("law", "check", "--law", "docs"), "no hazard catalogue"),
        (("rules", "check", "nowhere.yaml"), r"nowhere\.yaml"),
    ],
)
def test_what_is_asked_wrongly_is_refused(arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(InputRefused, match=words):
        call(*arguments)
