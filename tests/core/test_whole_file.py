"""A file is there whole or not at all."""

from pathlib import Path

import pytest

from core.whole_file import write_bytes, write_text, written_whole


def test_the_new_file_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    write_text(path, "old")
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    write_text(path, "old")

    def break_off() -> None:
        with written_whole(path) as aside:
            aside.write_text("half")
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        break_off()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_run_left_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / ".plan.part.json").write_text("left by a killed run")
    write_text(tmp_path / "plan.json", "whole")
    assert [file.name for file in tmp_path.iterdir()] == ["plan.json"]
