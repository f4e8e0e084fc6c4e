"""docs/rules.md says what the rules and the catalogue say; run this file as a program to write the table anew."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import yaml

from geofence.rules.law import read_law
from geofence.rules.rule_cases import failures
from geofence.rules.rule_file import parse_rules, read_rules

PAGE = Path(__file__).resolve().parents[2] / "docs" / "rules.md"
TABLE = re.compile(r"(?<=<!-- table:begin -->\n).*?(?=<!-- table:end -->)", re.DOTALL)


def draw_table() -> str:
    rules, law = read_rules(), read_law()
    lines = ["| code | 隐患 | hazard | value | decided by, or why not |", "|---|---|---|---|---|"]
    for hazard in law.classes:
        deciding = [f"`{rule.rule_id}`" for rule in rules.rules if rule.hazard_code == hazard.code]
        how = ", ".join(deciding) or f"not decided: {rules.not_decided[hazard.code]}"
        lines.append(f"| {hazard.code} | {hazard.name_zh} | {hazard.name_en} | {hazard.value} | {how} |")
    return "\n".join(lines) + "\n"


def test_the_table_is_what_the_rules_decide() -> None:
    found = TABLE.search(PAGE.read_text())
    assert found is not None
    assert found.group() == draw_table()


def test_the_example_is_a_rule_file_that_passes_its_own_tests() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    book, tests = parse_rules(yaml.safe_load(example), sha256="0" * 64)
    assert len(tests) == 2
    assert failures(book, tests) == []


def test_every_word_of_the_language_is_explained() -> None:
    from geofence.rules import rule_file

    page = PAGE.read_text()
    words = rule_file._RULE_FIELDS | rule_file._GIVEN_FIELDS
    assert not {word for word in words if not re.search(rf"`{word}\b", page)}
    from geofence.rules.rule import Company

    assert all(f.name in page for f in fields(Company))


if __name__ == "__main__":
    PAGE.write_text(TABLE.sub(lambda _: draw_table(), PAGE.read_text()))
