"""PostGIS against a database of its own; what needs none besides."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.commands import build
from core.errors import InputRefused
from geofence.register.credit_code import complete_code
from geofence.register.site_files import read_register
from geofence.register.site_postgis import read_postgis, read_postgis_features
from geofence.site import ZoneType

psycopg = pytest.importorskip("psycopg", reason="the extra [postgis] is not installed")

CODE = complete_code("91", "440115", "MA59A1B2")
HAS_POSTGIS = bool(list(Path("/usr/share/postgresql").glob("*/extension/postgis.control")))


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """A PostgreSQL of its own with PostGIS in it: a must in CI, a reason to skip elsewhere."""
    if not HAS_POSTGIS:
        reason = "PostGIS is not installed here (Debian: postgresql-postgis)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    address: str = request.getfixturevalue("fresh_database")
    return address


def test_tables_in_a_projected_system_are_read(database: str, tmp_path: Path) -> None:
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
    done = CliRunner().invoke(
        build(),
        [
            *("register", "import", "public.sites", "--zones", "zones", "--postgis", database),
            *("--datum", "wgs84", "--register", str(tmp_path / "register")),
        ],
        env={"COLUMNS": "200"},
    )
    assert done.exit_code == 0, done.output
    assert "1 sites and 1 zones are in force" in done.output
    assert "bad-code" in done.output or "123" in done.output
    assert read_register(tmp_path / "register")[0].sites[0].name == "珠江示范化工"


def test_a_database_that_does_not_answer_is_refused_by_name() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(InputRefused, match="cannot be read from the database") as refused:
        read_postgis(f"host=127.0.0.1 port={port} user=nobody dbname=none", "sites")
    assert str(refused.value).startswith("sites")
