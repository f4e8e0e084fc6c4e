"""Fixtures that every room shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real footage beside the checkout: a must in CI, a reason to skip elsewhere."""
    if SHARED.is_dir():
        return SHARED
    reason = f"the folder of real footage is missing: {SHARED}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
