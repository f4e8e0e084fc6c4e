"""The command line: its manual, its refusals and its exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SITES = "missions/photos/sites.geojson"


def _skywarden(*arguments: str, language: str = "en") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "SKYWARDEN_LANG": language, "COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_manual_names_every_job() -> None:
    done = _skywarden("--help")
    assert done.returncode == 0
    for command in (
        "demo",
        "plan",
        "check-mission",
        "periods",
        "fly",
        "fly-together",
        "rehearse",
        "log",
        "process",
        "follow-up",
        "register",
        "rules",
        "law",
        "ingest",
        "record",
        "vault",
        "inspect",
        "locate",
        "verify",
        "seal",
        "case",
        "audit",
        "key",
        "hand-out",
        "backup",
    ):
        assert f" {command} " in done.stdout  # in a table of its panel
    assert "Exit codes" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("process", "nowhere", "--sites", SITES, "--out", "{tmp}/c"), 3, "does not exist"),
        (("process", "docs", "--sites", "README.md", "--out", "{tmp}/c"), 3, "README.md"),
        (("process", "docs", "--sites", "nowhere.geojson", "--out", "{tmp}/c"), 3, "nowhere.geojson"),
        (
            (
                "process",
                "docs",
                "--sites",
                "missions/photos/sites.geojson",
                "--weight",
                "README.md",
                "--out",
                "{tmp}/c",
            ),
            3,
            "README.md",
        ),
        (
            (
                "process",
                "docs",
                "--sites",
                "missions/photos/sites.geojson",
                "--camera-zone",
                "Mars",
                "--out",
                "{tmp}/c",
            ),
            3,
            "Mars",
        ),
        (("plan", "README.md", "--out", "{tmp}/p"), 3, "README.md"),
        (("verify", "docs"), None, "docs"),
        (("periods", "--at", "yesterday"), 3, "yesterday"),
        (("process",), 2, "Missing"),
    ],
)
def test_a_wrong_call_gets_one_sentence_and_a_code(
    arguments: tuple[str, ...], code: int | None, words: str, tmp_path: Path
) -> None:
    done = _skywarden(*(argument.format(tmp=tmp_path) for argument in arguments))
    assert done.returncode != 0
    assert code is None or done.returncode == code
    said = done.stdout + done.stderr
    assert words in said
    assert "Traceback" not in said
    assert not (tmp_path / "p").exists()


def test_a_plan_is_made_and_shown(tmp_path: Path) -> None:
    out = tmp_path / "p"
    done = _skywarden("plan", "missions/demo/patrol.yaml", "--out", str(out), "--at", "2026-10-01T10:00")
    assert done.returncode == 0, done.stderr
    assert {"plan.json", "plan.kml", "plan.png"} <= {path.name for path in out.iterdir()}
    assert "ground covered" in done.stdout


def test_the_periods_of_national_day() -> None:
    done = _skywarden("periods", "--at", "2026-10-01T10:00")
    assert {"FF", "ND", "FS"} <= set(done.stdout.split())
