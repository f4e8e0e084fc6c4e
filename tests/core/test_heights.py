import subprocess
import sys
from pathlib import Path

import pytest

from core.heights import AglHeight, Geoid, HaeHeight, MslHeight, TakeoffHeight


@pytest.mark.parametrize("metres", [float("nan"), float("inf"), 70_000.0, -13_000.0])
def test_heights_that_are_none_on_earth_are_refused(metres: float) -> None:
    with pytest.raises(ValueError, match="height"):
        HaeHeight(metres=metres)


def test_a_height_is_not_built_from_another_height() -> None:
    msl = MslHeight(metres=10.0, geoid=Geoid.EGM96)
    with pytest.raises(TypeError, match="number of metres"):
        HaeHeight(metres=msl)  # type: ignore[arg-type]


def test_heights_of_two_kinds_do_not_add() -> None:
    with pytest.raises(TypeError):
        HaeHeight(metres=1.0) + AglHeight(metres=1.0)  # type: ignore[operator]


def test_equal_metres_of_two_kinds_are_not_equal() -> None:
    assert TakeoffHeight(metres=5.0) != AglHeight(metres=5.0)
    assert MslHeight(metres=5.0, geoid=Geoid.EGM96) != MslHeight(metres=5.0, geoid=Geoid.EGM2008)


def test_a_negative_sigma_is_refused() -> None:
    with pytest.raises(ValueError, match="sigma"):
        AglHeight(metres=5.0, sigma_m=-1.0)


def test_the_type_checker_stops_a_mix_up(tmp_path: Path) -> None:
    source = tmp_path / "mixed.py"
    source.write_text(
        "from core.heights import AglHeight, HaeHeight\n"
        "def above_ellipsoid(height: HaeHeight) -> float:\n"
        "    return height.metres\n"
        "above_ellipsoid(AglHeight(metres=1.0))\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--follow-imports=silent", str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert 'incompatible type "AglHeight"; expected "HaeHeight"' in done.stdout
