"""The rules of the house that import-linter does not see."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("core", "flight", "detection", "geofence", "evidence", "maps", "app")
HEAVY = ("torch", "ultralytics", "dronekit", "cv2", "av", "django", "geopandas", "folium", "rasterio", "ortools")

# Each foreign system is imported by these modules only. A folder stands for the modules in it.
DRIVERS = {
    "dronekit": {"flight/dronekit_link.py"},
    "ultralytics": {"detection/"},
    "folium": {"maps/offline_map.py", "maps/plan_map.py"},
    "branca": {"maps/offline_map.py", "maps/plan_map.py"},
    "ortools": {"flight/"},
    "rasterio": {"flight/", "geofence/"},
    "geopandas": {"flight/", "geofence/", "maps/geo_files.py", "evidence/"},
    "django": {"app/store/", "app/station/"},
    "typst": {"flight/", "evidence/"},
}


def _modules() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((ROOT / room).rglob("*.py"))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_one_foreign_system_one_driver() -> None:
    strangers = []
    for path in _modules():
        name = path.relative_to(ROOT).as_posix()
        for package in _imported(ast.parse(path.read_text(encoding="utf-8"))):
            allowed = DRIVERS.get(package)
            if allowed is not None and not any(name == place or name.startswith(place) for place in allowed):
                strangers.append(f"{name} imports {package}")
    assert strangers == []


@pytest.mark.parametrize("room", ROOMS)
def test_importing_a_room_is_light(room: str) -> None:
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((ROOT / room).rglob("*.py"))
        if path.name not in {"__init__.py", "__main__.py"} and "migrations" not in path.parts
    ]
    lines = [f"import {name}" for name in names if not name.startswith(("app.store", "app.station"))]
    script = "\n".join([*lines, "import sys", f"print([name for name in {HEAVY!r} if name in sys.modules])"])
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_nouns_are_slotted_and_keyword_only() -> None:
    """Every public frozen dataclass is; what is not frozen is running state (a flight, a body) and is slotted too."""
    loose = []
    for path in _modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                for said in _dataclass_words(node):
                    wanted = {"slots", "kw_only"} if "frozen" in said else {"slots"}
                    if not wanted <= said:
                        loose.append(f"{path.relative_to(ROOT)}:{node.name}")
    assert loose == []


def _dataclass_words(node: ast.ClassDef) -> Iterator[set[str]]:
    """Yield what each dataclass decorator of a class switches on."""
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Name) and decorator.id == "dataclass":
            yield set()
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "dataclass":
            yield {word.arg or "" for word in decorator.keywords if getattr(word.value, "value", False) is True}


def test_no_drawer_for_odds_and_ends() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}
    assert [path for path in _modules() if path.stem in drawers] == []


def test_every_module_says_what_it_does() -> None:
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in _modules()
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) and "migrations" not in path.parts
    ]
    assert silent == []
