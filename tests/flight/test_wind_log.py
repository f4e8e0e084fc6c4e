"""The wind out of a telemetry log: what the autopilot reported, as one direction with its spread."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import pytest
from pymavlink.dialects.v20 import ardupilotmega as dialect

from core.errors import InputRefused
from flight.flying.wind_log import mean_wind, read_wind


def tlog(path: Path, words: list[object]) -> Path:
    link = dialect.MAVLink(None, srcSystem=1, srcComponent=1)
    stamped = ((1_780_000_000 + second, word.pack(link)) for second, word in enumerate(words))  # type: ignore[attr-defined]
    path.write_bytes(b"".join(struct.pack(">Q", second * 1_000_000) + packet for second, packet in stamped))
    return path


def test_reports_across_north_have_their_mean_at_north(tmp_path: Path) -> None:
    words = [dialect.MAVLink_wind_message(direction, 4.0, 0.0) for direction in (350.0, 10.0, 340.0, 20.0)]
    felt = read_wind(tlog(tmp_path / "a.tlog", words))
    assert felt is not None
    assert min(felt.from_deg, 360 - felt.from_deg) < 0.01
    assert felt.spread_deg == pytest.approx(math.sqrt((10**2 + 20**2) / 2), rel=0.02)
    assert (felt.speed_m_s, felt.reports) == (4.0, 4)


def test_the_air_that_goes_east_is_a_wind_from_the_west(tmp_path: Path) -> None:
    going_east = dialect.MAVLink_wind_cov_message(0, 0.0, 3.0, 0.0, 0.1, 0.1, 100.0, 1.0, 1.0)
    felt = read_wind(tlog(tmp_path / "a.tlog", [going_east]))
    assert felt is not None
    assert felt.from_deg == pytest.approx(270)


def test_calm_and_turning_winds_have_no_direction() -> None:
    assert mean_wind([(0.4, 10.0), (0.2, 200.0)]) is None
    assert mean_wind([(5.0, bearing) for bearing in (0.0, 90.0, 180.0, 270.0)]) is None
    assert mean_wind([]) is None


def test_what_is_no_log_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"none\.tlog"):
        read_wind(tmp_path / "none.tlog")
    (tmp_path / "a.jsonl").write_text('{"half": ', encoding="utf-8")
    with pytest.raises(InputRefused, match=r"a\.jsonl"):
        read_wind(tmp_path / "a.jsonl")
