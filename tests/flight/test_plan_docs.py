"""The planning page cannot go stale: its patrol file is read and planned, its patterns and links exist."""

from __future__ import annotations

import re
from pathlib import Path

from flight.flight_plan import Severity
from flight.patrol import Pattern
from flight.plan import plan
from flight.planning.patrol_file import read_patrol

PAGE = Path(__file__).parents[2] / "docs" / "planning.md"


def test_the_patrol_file_of_the_page_is_read_and_keeps_its_promises(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "patrol.yaml"
    path.write_text(example, encoding="utf-8")
    flight_plan = plan(read_patrol(path))
    assert {finding.code for finding in flight_plan.findings if finding.severity is Severity.FAIL} == set()
    assert flight_plan.covered_share > 0.995


def test_the_page_names_every_pattern_and_links_to_files_that_exist() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == {pattern.value for pattern in Pattern}
    links = re.findall(r"\]\((\.\./[^)]+)\)", text)
    assert links
    assert all((PAGE.parent / link).is_file() for link in links)
