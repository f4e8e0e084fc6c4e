"""Reads a package's members, wherever it lies. Knows nothing of what they should be.

A link, a device or a folder nobody wrote is an oddity that is named, never followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from core.errors import InputRefused
from core.text import _


class PackageSource(Protocol):
    """A package's members by their path with ``/``."""

    @property
    def where(self) -> Path:
        """The folder or file it lies in."""
        ...

    def members(self) -> tuple[str, ...]:
        """Return the paths of its regular files, sorted."""
        ...

    def oddities(self) -> tuple[str, ...]:
        """Return what else lies in it, each with a word on why it does not belong."""
        ...

    def open(self, member: str) -> BinaryIO:
        """Open a member for reading."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderSource:
    """A package as a folder.

    Attributes:
        where: The folder.
        listing: Paths of its regular files, sorted.
        strangers: Links, devices and empty folders.
    """

    where: Path
    listing: tuple[str, ...]
    strangers: tuple[str, ...]

    def members(self) -> tuple[str, ...]:
        """Return the paths of its regular files, sorted."""
        return self.listing

    def oddities(self) -> tuple[str, ...]:
        """Return what else lies in it."""
        return self.strangers

    def open(self, member: str) -> BinaryIO:
        """Open a member for reading; a link that took its place meanwhile is not followed."""
        return cast("BinaryIO", os.fdopen(os.open(self.where / member, os.O_RDONLY | os.O_NOFOLLOW), "rb", buffering=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySource:
    """A package in memory: the twin of a folder, for packages that never touch a disk.

    Attributes:
        where: The name it goes by.
        contents: Bytes by path.
    """

    where: Path
    contents: Mapping[str, bytes] = field(repr=False)

    def members(self) -> tuple[str, ...]:
        """Return the paths of its files, sorted."""
        return tuple(sorted(self.contents))

    def oddities(self) -> tuple[str, ...]:
        """Return nothing: memory holds files only."""
        return ()

    def open(self, member: str) -> BinaryIO:
        """Open a member for reading."""
        return BytesIO(self.contents[member])


def open_folder(folder: Path) -> FolderSource:
    """Return the package in ``folder``. Raises ``InputRefused`` when it cannot be listed."""
    listing: list[str] = []
    strangers: list[str] = []
    try:
        for path in _walk(folder):
            name = path.relative_to(folder).as_posix()
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                strangers.append(_("{name} is a link").format(name=name))
            elif stat.S_ISREG(mode):
                listing.append(name)
            elif not stat.S_ISDIR(mode):
                strangers.append(_("{name} is no regular file").format(name=name))
            elif not any(path.iterdir()):
                strangers.append(_("{name} is an empty folder").format(name=name))
    except OSError as problem:
        raise InputRefused(
            folder, _("cannot be read ({problem})").format(problem=problem.strerror), _("Name a package's folder.")
        ) from problem
    return FolderSource(where=folder, listing=tuple(sorted(listing)), strangers=tuple(sorted(strangers)))


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)
