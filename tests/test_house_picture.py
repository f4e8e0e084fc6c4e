"""The picture in docs/ARCHITECTURE.md is the house: folders are drawn, and modules that pages name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[1]
PAGE = HOUSE / "docs" / "ARCHITECTURE.md"
ROOMS = ("app", "maps", "evidence", "geofence", "detection", "flight", "core")
NOT_ROOMS = frozenset({"__pycache__", "locale"})  # translations


def drawn_folders() -> dict[str, set[str]]:
    """Return the folders that the page's first drawing shows, by room."""
    drawing = PAGE.read_text(encoding="utf-8").split("```")[1]
    rooms: dict[str, set[str]] = {}
    room = ""
    for line in drawing.splitlines():
        if (heading := re.match(r"(\w+)/ ", line)) is not None:
            room = heading.group(1)
            rooms[room] = set()
        elif re.match(r"  \w+/", line):
            rooms[room] |= set(re.findall(r"(\w+)/", line.split("   ")[0] + " "))
    return rooms


def folders_of(room: str) -> set[str]:
    return {path.name for path in (HOUSE / room).iterdir() if any(path.glob("*.py")) and path.name not in NOT_ROOMS}


def test_the_rooms_are_drawn_in_the_order_of_the_floors() -> None:
    assert [room for room in drawn_folders() if room in ROOMS] == list(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_every_folder_of_a_room_is_drawn_and_no_other(room: str) -> None:
    assert drawn_folders()[room] == folders_of(room)


def test_the_way_of_the_data_leads_through_modules_that_exist() -> None:
    way = PAGE.read_text(encoding="utf-8").split("## The way of the data")[1].split("```")[1]
    steps = re.findall(r"^([a-z_.]+) ", way, re.MULTILINE)
    assert len(steps) > 10
    for step in steps:
        path = HOUSE / step.replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").is_file(), f"{step} is no module"


@pytest.mark.parametrize("page", sorted((HOUSE / "docs").rglob("*.md")), ids=lambda page: page.stem)
def test_pages_name_modules_that_exist(page: Path) -> None:
    named = re.findall(rf"`((?:{'|'.join(ROOMS)}|tests|benchmarks)/[\w./]+\.py)", page.read_text(encoding="utf-8"))
    missing = [path for path in named if "MODULE" not in path and not (HOUSE / path).is_file()]
    assert not missing, f"{page.name} names {missing}"
