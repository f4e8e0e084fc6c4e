from __future__ import annotations

import os
from pathlib import Path

import pytest

from evidence.originals import vault_card
from evidence.originals.vault_card import card_serial, is_removable


class Status:
    def __init__(self, *, device: int = 0, node: int = 0) -> None:
        self.st_dev, self.st_rdev = device, node


def test_the_volume_with_the_folders_device_names_the_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volumes = tmp_path / "by-uuid"
    volumes.mkdir()
    for name in ("1111-2222", "ABCD-1234", "gone"):
        (volumes / name).touch()
    nodes = {"1111-2222": 5, "ABCD-1234": 7}
    true_stat = Path.stat

    def stat(path: Path, **options: bool) -> object:
        if path.parent == volumes:
            if path.name == "gone":
                raise OSError("pulled")
            return Status(node=nodes[path.name])
        return Status(device=7) if path.name == "card" else true_stat(path, **options)

    monkeypatch.setattr(vault_card.Path, "stat", stat)
    assert card_serial(tmp_path / "card", by_uuid=volumes) == "ABCD-1234"


def test_a_system_that_does_not_say_gives_no_serial(tmp_path: Path) -> None:
    assert card_serial(tmp_path, by_uuid=tmp_path / "none") == ""
    assert card_serial(tmp_path / "none") == ""
    assert is_removable(tmp_path / "none") is None
    assert is_removable(tmp_path, sys_block=tmp_path) is None


@pytest.mark.parametrize(("flag", "removable"), [("1\n", True), ("0\n", False)])
def test_the_disk_of_a_partition_says_whether_it_is_removable(tmp_path: Path, flag: str, *, removable: bool) -> None:
    device = tmp_path.stat().st_dev
    disk = tmp_path / "devices/sdb"
    (disk / "sdb1").mkdir(parents=True)
    (disk / "removable").write_text(flag)
    listed = tmp_path / "block"
    listed.mkdir()
    (listed / f"{os.major(device)}:{os.minor(device)}").symlink_to(disk / "sdb1")
    assert is_removable(tmp_path, sys_block=listed) is removable
