"""A declared prior between neighbours reaches the run that it was declared for."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.wiring import open_jurisdiction
from core.errors import InputRefused

SAMPLE = Path(__file__).resolve().parents[2] / "missions" / "register-sample"


def declaration(path: Path, *codes: str) -> Path:
    sites = ", ".join(f"{code}: {weight}" for weight, code in enumerate(codes, start=1))
    path.write_text(
        f"schema: 1\nadjacency:\n  - sites: {{{sites}}}\n    reason: the strip is leased\n"
        "    declared_by: 局\n    declared_on: 2026-09-01\n",
        encoding="utf-8",
    )
    return path


def test_a_declaration_is_part_of_the_jurisdiction_and_without_one_there_is_no_prior(tmp_path: Path) -> None:
    plain, _refused = open_jurisdiction(sites=SAMPLE / "sites.geojson", zones=None, rules=None)
    assert plain.prior is None
    one, other = (site.code for site in plain.register.sites[:2])
    declared, _refused = open_jurisdiction(
        sites=SAMPLE, zones=None, rules=None, adjacency=declaration(tmp_path / "a.yaml", one, other)
    )
    assert declared.prior is not None
    assert declared.prior.declared[0].weights == {one: 1.0, other: 2.0}
    assert len(declared.register.zones) == 267  # a folder holds both files
    with pytest.raises(InputRefused, match="no site 91X"):
        open_jurisdiction(sites=SAMPLE, zones=None, rules=None, adjacency=declaration(tmp_path / "b.yaml", one, "91X"))
