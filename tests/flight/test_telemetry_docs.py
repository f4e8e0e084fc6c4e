from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.telemetry_samples import tables

PAGE = Path(__file__).resolve().parents[2] / "docs/telemetry.md"


@pytest.mark.parametrize("name", ["real-subtitles", "real-photos", "auair", "families", "records"])
def test_the_tables_of_the_page_are_what_is_read_today(shared: Path, name: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    found = re.search(rf"<!-- table: {name} -->\n(.*?)\n<!-- end: {name} -->", page, re.DOTALL)
    assert found is not None
    assert found[1].splitlines() == tables(shared)[name], (
        "run python -m benchmarks.telemetry_samples and paste its tables"
    )


def test_every_module_that_the_page_names_exists() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for module, function in re.findall(r"`(\w+)\.((?:read|inspect|pair)_\w+)`", page):
        source = (PAGE.parents[1] / f"flight/telemetry/{module}.py").read_text(encoding="utf-8")
        assert f"def {function}(" in source
