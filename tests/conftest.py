"""Fixtures that every room shares."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real footage beside the checkout: a must in CI, a reason to skip elsewhere."""
    if SHARED.is_dir():
        return SHARED
    _missing(f"the folder of real footage is missing: {SHARED}")
    return SHARED


def _missing(reason: str) -> None:
    """Fail in CI, where everything must be there; skip elsewhere."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _postgresql_tools() -> Path | None:
    """The folder of PostgreSQL's own programs; Debian keeps them off the path."""
    found = shutil.which("initdb")
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return Path(found).resolve().parent if found else newest[-1].parent if newest else None


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL of its own, from Debian's package, on a socket that nobody else sees."""
    tools = _postgresql_tools()
    if tools is None:
        _missing("no PostgreSQL is installed here (Debian: postgresql)")
        return
    folder = Path(tempfile.mkdtemp(prefix="sw-pg-"))
    as_owner: tuple[str, ...] = ()
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
        as_owner = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups")

    def run(*arguments: str) -> None:
        subprocess.run([*as_owner, *arguments], check=True, stdout=subprocess.DEVNULL, cwd=folder)

    cluster = str(folder / "cluster")
    run(str(tools / "initdb"), "-D", cluster, "-U", "keeper", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")
    options = f"-c listen_addresses='' -k {folder} -c fsync=off"
    run(str(tools / "pg_ctl"), "-D", cluster, "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql://keeper@/postgres?host={folder}"
    finally:
        run(str(tools / "pg_ctl"), "-D", cluster, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


@pytest.fixture
def fresh_database(postgresql: str, request: pytest.FixtureRequest) -> str:
    """The address of an empty PostgreSQL database for one test."""
    name = f"t{sha256(request.node.nodeid.encode()).hexdigest()[:12]}"
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgresql.replace("/postgres?", f"/{name}?")
