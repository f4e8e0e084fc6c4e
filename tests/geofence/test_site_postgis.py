"""PostGIS against a database of its own, where the machine has one; elsewhere only what needs none."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import InputRefused
from geofence.register.credit_code import complete_code
from geofence.register.site_postgis import read_postgis, read_postgis_features
from geofence.site import ZoneType

psycopg = pytest.importorskip("psycopg", reason="the extra [postgis] is not installed")

CODE = complete_code("91", "440115", "MA59A1B2")
BINARIES = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
HAS_POSTGIS = bool(list(Path("/usr/share/postgresql").glob("*/extension/postgis.control")))


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """Start a server of its own on the loopback, in a folder of its own."""
    if BINARIES is None or not HAS_POSTGIS:
        pytest.skip("this machine has no PostgreSQL with PostGIS")
    folder = Path(tempfile.mkdtemp(prefix="skywarden-postgis-"))  # pytest's own folders are closed to other accounts
    as_user: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
        as_user = [shutil.which("setpriv") or "setpriv", f"--reuid={account.pw_uid}", "--clear-groups"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"
    subprocess.run(
        [*as_user, BINARIES / "initdb", "-D", data, "-U", "postgres", "-A", "trust"], check=True, capture_output=True
    )
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
    start = [*as_user, BINARIES / "pg_ctl", "-D", data, "-o", options, "-l", folder / "log", "-w", "start"]
    subprocess.run(start, check=True, capture_output=True)
    try:
        yield f"host=127.0.0.1 port={port} user=postgres dbname=postgres"
    finally:
        subprocess.run(
            [*as_user, BINARIES / "pg_ctl", "-D", data, "-m", "immediate", "stop"], check=True, capture_output=True
        )
        shutil.rmtree(folder)


def test_tables_in_a_projected_system_are_read(database: str) -> None:
    ring = "POLYGON((113.5 22.75, 113.501 22.75, 113.501 22.751, 113.5 22.751, 113.5 22.75))"
    lane = "POLYGON((113.5002 22.7502, 113.5004 22.7502, 113.5004 22.7504, 113.5002 22.7502))"
    with psycopg.connect(database) as link:
        link.execute("CREATE EXTENSION IF NOT EXISTS postgis")
        link.execute('CREATE TABLE sites (code text, "企业名称" text, staff int, geom geometry(Polygon, 4547))')
        link.execute("CREATE TABLE zones (zone_id text, zone_type text, site_code text, geom geometry)")
        link.execute("CREATE TABLE undeclared (code text, geom geometry)")
        project = "ST_Transform(ST_GeomFromText(%s, 4326), 4547)"
        link.execute(f"INSERT INTO sites VALUES (%s, '珠江示范化工', 12, {project})", (CODE, ring))  # noqa: S608 - constants of this test
        link.execute(f"INSERT INTO sites VALUES ('123', '错误代码', 1, {project})", (ring,))  # noqa: S608 - constants of this test
        link.execute(f"INSERT INTO zones VALUES ('Z1', '消防车通道', %s, {project})", (CODE, lane))  # noqa: S608 - constants of this test
        link.execute("INSERT INTO undeclared VALUES ('x', ST_GeomFromText(%s))", (ring,))
    register, refusals = read_postgis(database, "public.sites", "zones")
    assert [refusal.code for refusal in refusals] == ["bad-code"]
    (site,) = register.sites
    assert (site.code, site.name, dict(site.attributes)) == (CODE, "珠江示范化工", {"staff": "12"})
    assert site.shape.bounds == pytest.approx((113.5, 22.75, 113.501, 22.751), abs=1e-7)
    assert register.zones[0].zone_type is ZoneType.FIRE_LANE
    assert read_postgis(database, "public.sites", "zones")[0].sha256 == register.sha256
    with pytest.raises(InputRefused, match="SRID 0"):
        read_postgis_features(database, "undeclared")
    with pytest.raises(InputRefused, match="does not exist"):
        read_postgis_features(database, "sites; DROP TABLE sites")
    with pytest.raises(InputRefused, match="does not exist"):
        read_postgis_features(database, "sites", outline="shape")


def test_a_database_that_does_not_answer_is_refused_by_name() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(InputRefused, match="cannot be read from the database") as refused:
        read_postgis(f"host=127.0.0.1 port={port} user=nobody dbname=none", "sites")
    assert str(refused.value).startswith("sites")
