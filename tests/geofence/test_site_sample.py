"""The sample register is sound, and its script draws it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from geofence.register.site_files import read_register
from geofence.register.site_report import examine_register
from geofence.site import ZoneType

FOLDER = Path(__file__).resolve().parents[2] / "missions" / "register-sample"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    spec = importlib.util.spec_from_file_location("make_register", FOLDER / "make_register.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_sample_register_is_read_without_a_refusal_or_finding() -> None:
    register, refusals = read_register(FOLDER / "sites.geojson", FOLDER / "zones.geojson")
    assert refusals == ()
    assert examine_register(register) == ()
    assert len(register.sites) == 36
    assert {zone.zone_type for zone in register.zones} == set(ZoneType)
    assert sum("major_hazard_grade" in site.attributes for site in register.sites) >= 10


def test_the_script_draws_what_is_committed(script: ModuleType) -> None:
    for name, features in zip(("sites", "zones"), script.draw(), strict=True):
        assert json.loads((FOLDER / f"{name}.geojson").read_text())["features"] == features
