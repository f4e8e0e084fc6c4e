"""Which card a folder lies on: the file system's own serial number, asked of Linux.

A memory card's FAT or exFAT volume has a serial number from its formatting. It names the card well enough to know a
file that was deposited before; it is not proof of anything, for whoever formats a card chooses it. Where the system
does not say (a network folder, a container, another operating system), there is no serial, and the vault compares
contents.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

BY_UUID: Final = Path("/dev/disk/by-uuid")


def card_serial(folder: Path, *, by_uuid: Path = BY_UUID) -> str:
    """Return the serial number of the volume that ``folder`` lies on, or "" when the system does not say.

    Args:
        folder: A folder of a mounted card.
        by_uuid: Where the system lists its volumes by serial number.
    """
    try:
        device = folder.stat().st_dev
        volumes = sorted(by_uuid.iterdir())
    except OSError:
        return ""
    for volume in volumes:
        try:
            if volume.stat().st_rdev == device and device != 0:
                return volume.name
        except OSError:  # a card that was pulled while we looked
            continue
    return ""


def is_removable(folder: Path, *, sys_block: Path = Path("/sys/dev/block")) -> bool | None:
    """Return whether ``folder`` lies on a removable medium, or None when the system does not say.

    Args:
        folder: Any folder.
        sys_block: Where the system lists its block devices by number.
    """
    try:
        device = folder.stat().st_dev
        place = (sys_block / f"{os.major(device)}:{os.minor(device)}").resolve(strict=True)
    except OSError:
        return None
    for node in (place, place.parent):  # a partition says nothing itself; its disk does
        flag = node / "removable"
        if flag.is_file():
            return flag.read_text().strip() == "1"
    return None
