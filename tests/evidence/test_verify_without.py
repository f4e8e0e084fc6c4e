"""The page ``docs/verify-without-skywarden.md``, run as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.clock import FrozenClock
from evidence.sealing import package as names
from evidence.signing.keys import create_key, ephemeral_key
from evidence.signing.public_key import Algorithm, public_pem
from evidence.signing.time_stamp import Stamped, add_token, read_authorities
from tests.evidence.time_authority import OpensslAuthority, make_time_authority

PAGE = Path(__file__).parents[2] / "docs/verify-without-skywarden.md"


def _run(package: Path, trusted: bytes, tmp_path: Path, **more: str) -> subprocess.CompletedProcess[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 7
    key = tmp_path / "trusted.pem"
    key.write_bytes(trusted)
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # python3 with bagit installed
    return subprocess.run(
        ["bash", "-c", "\n".join(blocks)],
        env={"PACKAGE": str(package), "TRUSTED_KEY": str(key), "PATH": tools, "TMPDIR": str(tmp_path), **more},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_good_package_passes_every_step(case: Any, package: Path, tmp_path: Path) -> None:
    done = _run(package, public_pem(case.key.public), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Signature Verified Successfully" in done.stdout
    assert case.key.key_id in done.stdout
    assert case.originals[0].sha256 in done.stdout


@pytest.mark.parametrize("algorithm", [Algorithm.SM2, Algorithm.ECDSA])
def test_a_package_sealed_with_another_kind_of_key_passes_too_and_not_for_another_key(
    case: Any, tmp_path: Path, algorithm: Algorithm
) -> None:
    keys = [create_key(tmp_path / name, "correct horse", algorithm=algorithm) for name in ("one.pem", "another.pem")]
    package = replace(case, key=keys[0]).seal(tmp_path / "packages")
    done = _run(package, public_pem(keys[0].public), tmp_path)
    assert done.returncode == 0, done.stderr
    assert keys[0].key_id in done.stdout
    assert _run(package, public_pem(keys[1].public), tmp_path).returncode != 0


def _flip(path: Path) -> None:
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


SPOILERS = {
    "original": lambda package: _flip(next((package / "data/originals").rglob("*.JPG"))),
    "custody": lambda package: _flip(package / names.CUSTODY),
    "manifest": lambda package: _flip(package / "manifest-sm3.txt"),
    "statement": lambda package: _flip(package / names.STATEMENT),
    "stray": lambda package: (package / "stray.txt").write_text("x"),
    "dropped": lambda package: (package / names.FRAMES).unlink(),
}


@pytest.mark.parametrize("spoiler", SPOILERS)
def test_a_spoiled_package_stops_it(case: Any, package: Path, tmp_path: Path, spoiler: str) -> None:
    SPOILERS[spoiler](package)
    assert _run(package, public_pem(case.key.public), tmp_path).returncode != 0


def test_another_key_stops_it(package: Path, tmp_path: Path) -> None:
    done = _run(package, public_pem(ephemeral_key().public), tmp_path)
    assert done.returncode != 0
    assert "Verification Failure" in done.stdout + done.stderr


def test_a_stamped_package_passes_with_the_authoritys_root_and_with_nothing_else(
    case: Any, tsa: Path, tmp_path: Path
) -> None:
    sealed = datetime.now(UTC)
    package = replace(case, clock=FrozenClock(instant=sealed)).seal(tmp_path / "stamped")
    roots = read_authorities(tsa / "ca.pem")
    stamped = add_token(package, OpensslAuthority(folder=tsa), roots)
    assert isinstance(stamped, Stamped)
    key = public_pem(case.key.public)
    done = _run(package, key, tmp_path, AUTHORITY=str(tsa / "ca.pem"))
    assert done.returncode == 0, done.stderr
    assert "Verification: OK" in done.stdout + done.stderr
    assert f"{sealed:sealed %Y-%m-%dT%H:%M}" in done.stdout
    assert f"{stamped.at:%H:%M:%S} {stamped.at.year} GMT by the authority" in done.stdout
    unnamed = _run(package, key, tmp_path)
    assert unnamed.returncode != 0
    assert "the root certificate of the time-stamping authority" in unnamed.stderr
    stranger = make_time_authority(_folder(tmp_path / "stranger"))
    assert _run(package, key, tmp_path, AUTHORITY=str(stranger / "ca.pem")).returncode != 0
    older = replace(case, clock=FrozenClock(instant=sealed + timedelta(hours=1))).seal(tmp_path / "older")
    (older / names.TIME_TOKEN).write_bytes((package / names.TIME_TOKEN).read_bytes())  # another package's token
    assert _run(older, key, tmp_path, AUTHORITY=str(tsa / "ca.pem")).returncode != 0


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
