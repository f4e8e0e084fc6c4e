"""The program's name and version, as sealed packages and ``--version`` say it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def program_version() -> str:
    """Return "skywarden X.Y.Z"."""
    try:
        return f"skywarden {version('skywarden')}"
    except PackageNotFoundError:
        return "skywarden (not installed)"
